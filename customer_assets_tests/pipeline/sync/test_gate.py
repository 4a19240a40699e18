"""The page gate: what comes again as it was is not opened, and whatever takes that away is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from customer_assets.domain.cache.tables import CUSTOMERS, INVOICES
from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.sync.run import PullOptions, SyncResult
from customer_assets.pipeline.webhooks.apply import apply_deliveries
from customer_assets.sandbox.world import Sizes
from customer_assets.store.cache import upsert
from customer_assets_tests.conftest import EMPTY_EVERY_TABLE, Company

PAGE = 10
pytestmark = pytest.mark.slow


@pytest.fixture
def sizes() -> Sizes:
    return Sizes(
        robaws_clients=60, zoho_contacts=40, zoho_vendors=2, zoho_invoices=50, sumit_customers=25, legacy_invoices=0
    )


def sync(company: Company, system: str = "robaws", *, page_gate: bool = True, **how: Any) -> SyncResult:
    return company.pull(system, options=PullOptions(full=True, page_size=PAGE, page_gate=page_gate), **how)


def gated(company: Company) -> int:
    """Pages that the newest scan did not open."""
    found: int = company.value(
        """
        select coalesce(sum(cardinality(c.positions)), 0)
        from ops.raw_scan_chunks c
        where c.scan_id = (select max(id) from ops.raw_scans)
        """
    )
    return found


def settled(company: Company, system: str = "robaws") -> None:
    """Synced until nothing is left to settle: details and what only invoices name come after their lists."""
    for _ in range(3):
        sync(company, system)


def written(company: Company) -> list[dict[str, Any]]:
    return company.rows("select id, xmin::text from customer_rows order by id")


@pytest.mark.parametrize(("system", "pages"), [("robaws", 6), ("zoho", 5), ("sumit", 2)])
def test_an_unchanged_night_opens_no_page_and_writes_no_row(company: Company, system: str, pages: int) -> None:
    settled(company, system)
    before, stored = written(company), company.value("select count(*) from ops.raw_pages")
    result = sync(company, system)
    assert result.status == "ok", result.message
    assert result.counts.unchanged == len(before)
    assert written(company) == before
    assert company.value("select count(*) from ops.raw_pages") == stored
    assert gated(company) == pages


CHANGES: dict[str, Callable[[Company], Any]] = {
    "a delivery": lambda c: deliver(c, "1003", name="By Delivery"),
    "an edit here": lambda c: edit_customer(c.context, row_of(c, "1003"), {"city": "Gent"}, by="test"),
    "somebody's hand": lambda c: c.do("update customer_rows set phone = '1' where source_customer_id = '1003'"),
    "a row deleted by hand": lambda c: c.do("delete from customer_rows where source_customer_id = '1003'"),
    "a row marked as gone": lambda c: c.do(
        "update customer_rows set deleted_at = now() - interval '1 hour' where source_customer_id = '1003'"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_others_wrote_has_its_page_opened_once(company: Company, change: str) -> None:
    settled(company)
    CHANGES[change](company)
    assert company.value("select count(*) from ops.unsettled_rows") >= 1
    sync(company)
    assert gated(company) == 5
    row = company.rows("select name, deleted_at from customers_cache where source_customer_id = '1003'")[0]
    assert row == {"name": company.world.robaws["1003"]["name"].strip(), "deleted_at": None}
    sync(company)
    assert gated(company) == 6


def test_links_and_sights_take_nothing_from_the_gate(company: Company) -> None:
    settled(company)
    company.do("insert into customers (id, name) values (1, 'x')")
    company.do("update customer_rows set golden_id = 1, last_seen_at = now()")
    assert company.value("select count(*) from ops.unsettled_rows") == 0


def test_the_columns_that_count_are_all_that_a_source_or_a_person_may_fill(company: Company) -> None:
    for table in (CUSTOMERS, INVOICES):
        listed = company.value(
            """
            select array_agg(a.attname::text order by a.attname)
            from pg_trigger t
            join pg_attribute a on a.attrelid = t.tgrelid and a.attnum = any(t.tgattr)
            where t.tgrelid = %s::regclass and t.tgname = 'unsettled_by_update'
            """,
            table.name,
        )
        assert set(listed) == set(table.columns) - {"last_seen_at"}


def test_an_emptied_table_is_filled_again(company: Company) -> None:
    settled(company)
    company.do("truncate customer_rows cascade")
    sync(company)
    assert company.value("select count(*) from customer_rows") == 60


def test_another_mapping_opens_every_page(company: Company) -> None:
    settled(company)
    sync(company, extra_fields={"role": ["Role", "Rol"], "whatsapp_client": ["WhatsApp client"]})
    assert gated(company) == 0


def test_a_role_that_is_not_the_lists_is_put_right_by_the_next_night(company: Company) -> None:
    company.do("insert into ops.role_overrides values ('e', 'PARTNER') on conflict do nothing")
    settled(company)
    company.do("update customer_rows set role = 'CUSTOMER' where covered ? 'role'")
    assert company.value("select count(*) from customer_rows where role = 'CUSTOMER' and covered ? 'role'")
    sync(company)
    assert not company.value("select count(*) from customer_rows where role = 'CUSTOMER' and covered ? 'role'")


OTHERWISE = {"role": ["Soort"]}  # another extra field for the role


def kinds(company: Company) -> dict[str, str]:
    return {row["source_customer_id"]: row["role"] for row in company.rows("select * from customers_cache")}


@pytest.fixture
def in_two_readings(company: Company) -> Company:
    """Customers whose role is one thing by one mapping and another by the other."""
    company.do("delete from ops.role_overrides")
    for number, record in enumerate(company.world.robaws.values()):
        record["extraFields"] = {
            "Soort": {"stringValue": f"S{number}"},
            "Rol": {"stringValue": f"R{number}"},
            "Klant": {"stringValue": "x"},
        }
    sync(company, extra_fields={"role": ["Rol"]})
    assert set(kinds(company).values()) == {f"R{number}" for number in range(60)}
    return company


def test_by_another_mapping_every_record_is_read_and_only_what_it_changes_is_written(in_two_readings: Company) -> None:
    company = in_two_readings
    before = written(company)
    result = sync(company, extra_fields={"role": ["Rol"], "assignee": ["Nobody"]})
    assert (result.counts.unchanged, written(company)) == (60, before)
    assert sync(company, extra_fields={"role": ["Soort"]}).counts.updated == 60
    assert set(kinds(company).values()) == {f"S{number}" for number in range(60)}
    sync(company, extra_fields={"role": ["Soort"]})
    assert gated(company) == 6


@pytest.mark.parametrize("at", [1, 3, 6])
def test_a_mapping_that_was_given_up_in_the_middle_leaves_no_row_behind(
    in_two_readings: Company, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    company = in_two_readings
    before = company.fingerprint()
    applied: list[int] = []
    real = upsert.apply_batch

    def killed(*arguments: Any) -> Any:
        applied.append(1)
        return real(*arguments) if len(applied) <= at else 1 / 0

    with monkeypatch.context() as broken:
        broken.setattr("customer_assets.pipeline.sync.load.BATCH", 10)
        broken.setattr("customer_assets.pipeline.sync.load.upsert.apply_batch", killed)
        if at == 6:
            broken.setattr("customer_assets.pipeline.sync.outcomes.settle_absences", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sync(company, extra_fields=OTHERWISE)
    assert sum(role.startswith("S") for role in kinds(company).values()) == at * 10
    sync(company, extra_fields={"role": ["Rol"]})
    assert company.fingerprint() == before


def test_what_no_page_showed_under_a_new_mapping_is_read_when_it_comes_back(in_two_readings: Company) -> None:
    company = in_two_readings
    gone = company.world.robaws.pop("1003")
    sync(company, extra_fields=OTHERWISE)
    company.world.robaws = {"1003": gone, **company.world.robaws}
    sync(company, extra_fields=OTHERWISE)
    assert {role[0] for role in kinds(company).values()} == {"S"}


def test_a_record_that_a_new_mapping_refuses_is_refused_each_time(in_two_readings: Company) -> None:
    company = in_two_readings
    company.world.robaws["1003"]["extraFields"]["Soort"] = {"stringValue": ["no", "text"]}
    sync(company, extra_fields={"role": ["Rol"]})
    for _ in range(3):
        result = sync(company, extra_fields=OTHERWISE)
        assert (result.status, result.counts.rejected) == ("partial", 1)
    sync(company, extra_fields={"role": ["Rol"]})
    assert company.value("select count(*) from ops.rejected_records where resolved_at is null") == 0


def test_keys_that_a_new_mapping_takes_out_of_the_metadata_leave_it(in_two_readings: Company) -> None:
    company = in_two_readings
    company.do("update ops.row_mappings set rest = decode('00', 'hex')")  # as if it had known other keys
    company.do("set customer_assets.complete_scan = 'on'")
    company.do("update customer_rows set metadata = '{\"old\": 1}'")  # as another rule left it
    company.do("set customer_assets.complete_scan = 'off'")
    sync(company, extra_fields={"role": ["Rol"], "assignee": ["Nobody"]})
    assert company.value("select count(*) from customer_rows where metadata ? 'old'") == 0


def test_records_that_shift_between_pages_are_neither_read_nor_looked_up(
    in_two_readings: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = in_two_readings
    looked_up: list[int] = []
    real = upsert.unchanged_records

    def counted(*arguments: Any) -> Any:
        looked_up.append(len(arguments[3]))
        return real(*arguments)

    monkeypatch.setattr("customer_assets.pipeline.sync.load.upsert.unchanged_records", counted)
    first = {**company.world.robaws["1003"], "id": "500", "name": "New at the front"}
    company.world.robaws = {"500": first, **company.world.robaws}
    result = sync(company, extra_fields={"role": ["Rol"]})
    assert (result.counts.created, result.counts.unchanged, sum(looked_up)) == (1, 60, 1)
    # every page shifted, and is stored against the one before
    assert company.value("select count(*) from ops.raw_pages where base_id is not null") == 6


def test_a_page_that_comes_back_to_an_older_content_is_opened(company: Company) -> None:
    settled(company)
    record = company.world.robaws["1003"]
    del record["updatedAt"]
    sync(company)
    good = dict(record)
    record["name"] = "For One Night"
    sync(company)
    record.update(good)
    sync(company)
    assert company.value("select name from customers_cache where source_customer_id = '1003'") == good["name"].strip()


def test_a_scan_that_was_never_loaded_gives_nothing_to_trust(company: Company) -> None:
    settled(company)
    company.do(
        "update ops.raw_scans set settled_salt = null, loaded_at = now() where id = (select max(id) from ops.raw_scans)"
    )
    sync(company)
    assert gated(company) == 0


def test_a_load_that_was_killed_trusts_no_page_any_more(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(company)
    record = company.world.robaws["1003"]
    good = dict(record)
    for one in (record, company.world.robaws["1055"]):
        one.pop("updatedAt", None)
    record["name"] = "Half Loaded"
    with monkeypatch.context() as broken:
        broken.setattr("customer_assets.pipeline.sync.outcomes.settle_absences", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sync(company)
    assert company.value("select name from customers_cache where source_customer_id = '1003'") == "Half Loaded"
    record.update(good)  # the page is again as the last loaded scan left it
    sync(company)
    assert company.value("select name from customers_cache where source_customer_id = '1003'") == good["name"].strip()


def test_a_record_on_two_pages_is_no_complete_scan_although_one_of_them_is_known(company: Company) -> None:
    settled(company)
    moved = company.world.robaws.pop("1055")
    company.world.robaws = {"1003": company.world.robaws["1003"], **company.world.robaws}
    result = sync(company)
    assert company.value("select count(*) from customers_cache where deleted_at is null") == 59, result.message
    company.world.robaws["1055"] = moved
    sync(company)
    assert company.value("select count(*) from customers_cache where deleted_at is null") == 60


def test_a_cut_scan_goes_on_and_counts_the_pages_that_it_had_not_opened(company: Company) -> None:
    settled(company)
    company.fault("robaws", "500", times=99, after=4)
    assert sync(company, retry_seconds=0, concurrency=1).status == "failed"
    company.world.faults.clear()
    resumed = sync(company)
    assert "resumed after 4 pages" in resumed.message
    assert (resumed.status, resumed.counts.unchanged) == ("ok", 60)


def test_pruning_spares_pages_that_only_a_chunk_names(company: Company) -> None:
    settled(company)
    company.do("update ops.raw_pages set first_seen_at = now() - interval '1 year'")
    company.do("update ops.raw_scans set started_at = now() - interval '1 year'")
    sync(company)
    from customer_assets.store.raw.pages import prune

    prune(company.connection, keep_days=1)
    before = company.fingerprint()
    company.do("truncate customer_rows cascade")
    company.pull("robaws", from_raw=True)
    assert company.fingerprint() == before


# --- any sequence -----------------------------------------------------------------------------------------------------


def row_of(company: Company, source_id: str) -> int:
    found: int = company.value(
        "select id from customer_rows where source_customer_id = %s and source = 'robaws'", source_id
    )
    return found


def deliver(company: Company, source_id: str, *, at: datetime | None = None, **fields: Any) -> None:
    body = {"id": source_id, "event": "client.updated", "data": {"id": source_id, **fields}}
    company.do(
        "insert into ops.webhook_deliveries (id, event, body, signed_at) values (%s, 'client.updated', %s, %s)",
        f"d{company.value('select count(*) from ops.webhook_deliveries')}",
        json.dumps(body).encode(),
        at or datetime.now(UTC),
    )
    apply_deliveries(company.context, [company.account("robaws")])


def step(company: Company, random: Random, *, page_gate: bool) -> None:
    """One thing that happens, here or there; the same for the same state of `random`."""
    world = company.world.robaws
    ids = sorted(world)
    one, name = random.choice(ids), random.choice(["Aeon", "Boreas", "Ceres", "Dione"])
    phone, days = f"+3247{random.randrange(10**7):07d}", random.randrange(-3, 3)
    stamp = (datetime(2026, 11, 20, tzinfo=UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    match random.randrange(11):
        case 0 | 1:
            world[one] |= {"name": name, "tel": phone}
            if random.random() < 0.5:
                world[one]["updatedAt"] = stamp
            else:
                world[one].pop("updatedAt", None)
        case 2:
            del world[one]
        case 3:
            new = str(random.randrange(500, 5000))
            world[new] = {**world[one], "id": new, "name": f"New {name}"}
        case 4:
            deliver(company, one, name=f"Delivered {name}", **({"updatedAt": stamp} if random.random() < 0.5 else {}))
        case 5:
            if company.value("select count(*) from customer_rows where source_customer_id = %s", one):
                edit_customer(company.context, row_of(company, one), {"city": name}, by="test")
        case 6:
            company.pull("robaws", from_raw=True)
        case 7:
            company.fault("robaws", "500", times=99, after=random.randrange(1, 4))
            sync(company, page_gate=page_gate, retry_seconds=0, concurrency=1)
            company.world.faults.clear()
        case 8:
            company.do("delete from ops.role_overrides where name_contains = 'aeon'")
            company.do("insert into ops.role_overrides values ('aeon', %s)", name.upper())
        case 9:
            company.world.robaws = dict(sorted(world.items(), key=lambda _: random.random()))
    sync(company, page_gate=page_gate)


def state_after(company: Company, seed: int, *, page_gate: bool) -> list[dict[str, Any]]:
    """What users see, and what waits, after a sequence of steps."""
    random = Random(seed)  # noqa: S311
    company.connection.execute(EMPTY_EVERY_TABLE)
    sync(company, page_gate=page_gate)
    for _ in range(8):
        step(company, random, page_gate=page_gate)
    shown = company.rows(
        """
        select source_customer_id, name, phone, primary_phone, city, role, is_active, deleted_at is not null as is_deleted,
            covered, content_hash
        from customer_rows
        order by source_customer_id
        """
    )
    changes = company.rows(
        """
        select r.source_customer_id, c.field, c.old_value, c.new_value, c.origin
        from customer_changes c
        join customer_rows r on r.id = c.cache_id
        where c.field <> 'deleted_at'
        order by c.id
        """
    )
    return [*shown, *sorted(changes, key=str)]


@pytest.mark.parametrize("seed", range(8))
def test_any_sequence_ends_in_the_same_tables_with_the_gate_and_without(company: Company, seed: int) -> None:
    kept = {key: dict(record) for key, record in company.world.robaws.items()}
    with_gate = state_after(company, seed, page_gate=True)
    company.world.robaws = {key: dict(record) for key, record in kept.items()}
    assert state_after(company, seed, page_gate=False) == with_gate
