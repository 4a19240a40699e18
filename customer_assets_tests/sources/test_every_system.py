"""What every system must bear, over the registry: a scan complete, resumed, cut, gone, refused, throttled, poisoned, unchanged.

A new system adds its row to EMULATED. What is peculiar to one API is tested in its own module beside this one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from customer_assets.errors import CredentialsError, GoneError, ThrottledError
from customer_assets.pipeline.sync.pull import pull_one
from customer_assets.pipeline.sync.run import PullOptions, SyncResult
from customer_assets.sources.registry import SYSTEMS
from customer_assets_tests.conftest import Company

LONG = "x" * 601  # no index takes it


@dataclass(frozen=True)
class Emulated:
    """How the sandbox shows a system.

    Attributes:
        records: its customers by id, as the emulator keeps them.
        poison: makes a record that no mapping takes out of a good one.
        edit: changes one field of a record.
        page: records a page, so that there are several.
        throttled: the fault that asks for a slower pace.
        match: paths of list calls, so that a fault meets no token or folder call.
        unknown_id: an id that the system has not.
    """

    records: Callable[[Company], dict[Any, dict[str, Any]]]
    poison: Callable[[dict[str, Any]], None]
    edit: Callable[[dict[str, Any]], None]
    page: int
    throttled: str
    match: str
    unknown_id: str


EMULATED = {
    "robaws": Emulated(
        lambda company: company.world.robaws,
        lambda record: record.update(name=LONG),
        lambda record: record.update(tel="+32 2 555 00 99"),
        50,
        "429",
        "clients",
        "99999999",
    ),
    "zoho": Emulated(
        lambda company: company.world.zoho_contacts,
        lambda record: record.update(contact_name=LONG),
        lambda record: record.update(phone="+32 2 555 00 99"),
        50,
        "zoho:44",
        "contacts",
        "999999999999999999",
    ),
    "sumit": Emulated(
        lambda company: company.world.sumit,
        lambda record: record.update(Name=LONG),
        lambda record: record.update(Phone="+972 2 555 0099"),
        10,
        "empty403",
        "listentities",
        "99999999",
    ),
}


@pytest.fixture(params=sorted(SYSTEMS))
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def emulated(name: str) -> Emulated:
    assert name in EMULATED, f"add how the sandbox shows {name}"
    return EMULATED[name]


def sync(company: Company, name: str, *, full: bool = True, **changes: Any) -> SyncResult:
    return company.pull(name, options=PullOptions(full=full, page_size=EMULATED[name].page), **changes)


def counted(result: SyncResult) -> int:
    counts = result.counts
    return counts.synced + counts.stale + counts.skipped + counts.duplicate + counts.rejected


def alive(company: Company, name: str) -> int:
    found: int = company.value("select count(*) from customers_cache where source = %s and deleted_at is null", name)
    return found


def test_it_declares_what_everything_else_is_derived_from(name: str) -> None:
    system = SYSTEMS[name]
    assert system.name == name
    assert system.streams[0].entity == "customers"
    assert set(system.credentials) <= set(system.settings.model_fields)
    assert system.settings.model_config["env_prefix"] == f"{name.upper()}_"
    assert len({other.rank for other in SYSTEMS.values()}) == len(SYSTEMS)
    assert all(stream.asset.startswith(f"raw_{name}_") for stream in system.streams)


def test_a_complete_scan_counts_every_record_once(company: Company, name: str, emulated: Emulated) -> None:
    result = sync(company, name)
    assert result.status == "ok", result.message
    assert result.pages >= 3
    assert counted(result) >= len([r for r in emulated.records(company).values() if r.get("contact_type") != "vendor"])
    assert alive(company, name) == result.counts.created


def test_the_same_again_writes_nothing(company: Company, name: str, emulated: Emulated) -> None:
    sync(company, name)
    sync(company, name)  # what an invoice names beside the list is settled by then
    before = company.rows("select id, xmin::text from customer_rows order by id")
    again = sync(company, name)
    assert (again.status, again.counts.created, again.counts.updated) == ("ok", 0, 0)
    assert company.rows("select id, xmin::text from customer_rows order by id") == before


def test_one_edit_there_is_one_row_and_its_fields_here(company: Company, name: str, emulated: Emulated) -> None:
    sync(company, name)
    sync(company, name)
    company.do("truncate customer_changes")
    source_id, record = next(iter(emulated.records(company).items()))
    emulated.edit(record)
    record.pop("updatedAt", None)
    result = sync(company, name)
    assert result.counts.updated == 1
    changed = company.rows(
        """
        select r.source_customer_id, array_agg(c.field order by c.field) as fields
        from customer_changes c
        join customer_rows r on r.id = c.cache_id
        group by r.source_customer_id
        """
    )
    assert [row["source_customer_id"] for row in changed] == [str(source_id)]
    assert "phone" in changed[0]["fields"]


def test_a_scan_that_is_cut_deletes_nothing_and_the_next_one_is_whole(
    company: Company, name: str, emulated: Emulated
) -> None:
    whole = alive(company, name) or sync(company, name).counts.created
    company.fault(name, "500", times=99, after=2, match=emulated.match)
    cut = sync(company, name, retry_seconds=0)
    assert cut.status == "failed"
    assert cut.error is not None
    assert alive(company, name) == whole
    company.world.faults.clear()
    result = sync(company, name)
    assert result.status == "ok", result.message
    assert ("resumed after" in result.message) == SYSTEMS[name].streams[0].resumable
    assert alive(company, name) == whole


def test_one_that_is_gone_is_marked_by_its_id_and_an_unknown_one_is_an_error(
    company: Company, name: str, emulated: Emulated
) -> None:
    sync(company, name)
    source_id = next(iter(emulated.records(company)))
    del emulated.records(company)[source_id]
    gone = pull_one(company.context, company.account(name), str(source_id))
    assert gone.counts.deactivated == 1
    row = company.rows(
        "select is_active, deleted_at from customers_cache where source = %s and source_customer_id = %s",
        name,
        str(source_id),
    )[0]
    assert (row["is_active"], row["deleted_at"] is None) == (False, False)
    assert isinstance(pull_one(company.context, company.account(name), emulated.unknown_id).error, GoneError)


def test_refused_credentials_stop_it_at_once_and_are_not_shown(company: Company, name: str, emulated: Emulated) -> None:
    settings = SYSTEMS[name].settings.model_fields
    secrets = {c: "hunter2-wrong" for c in SYSTEMS[name].credentials if "SecretStr" in str(settings[c].annotation)}
    result = sync(company, name, **secrets)
    assert isinstance(result.error, CredentialsError)
    assert result.calls <= 2
    assert name.upper() in str(result.error)
    assert "hunter2" not in str(company.rows("select * from sync_runs")) + result.message


def test_asked_for_a_slower_pace_it_waits_and_loses_no_page(
    company: Company, name: str, emulated: Emulated, waits: list[float]
) -> None:
    company.fault(name, emulated.throttled, times=1, after=1, match=emulated.match)
    result = sync(company, name)
    assert result.status == "ok", result.message
    assert len(waits) == 1
    company.fault(name, emulated.throttled, times=99, match=emulated.match)
    assert isinstance(sync(company, name).error, ThrottledError)


def test_a_poisoned_record_rejects_itself_alone(company: Company, name: str, emulated: Emulated) -> None:
    record = next(iter(emulated.records(company).values()))
    good = dict(record)
    emulated.poison(record)
    result = sync(company, name)
    assert result.status == "partial"
    rejects = company.rows("select distinct source_id, reason from ops.rejected_records")
    assert len(rejects) == 1  # its list row, and where there are details its detail
    assert "longer than" in rejects[0]["reason"]
    assert 1 <= result.counts.rejected <= 2
    record.update(good)
    if "last_modified_time" in record:  # whoever mends a record there changes its time
        record["last_modified_time"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
    mended = sync(company, name)
    assert (mended.counts.rejected, mended.counts.created) == (0, 1)
    assert company.value("select count(*) from ops.rejected_records where resolved_at is null") == 0
