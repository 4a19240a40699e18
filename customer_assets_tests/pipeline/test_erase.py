"""Erasing a person: nothing of what was said stays, and no sync, delivery or rebuild brings it back."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from customer_assets.pipeline.erase import Erased, erase
from customer_assets.pipeline.identity.decide import decide_pair
from customer_assets.pipeline.identity.resolve import resolve_customers, resolve_within
from customer_assets.pipeline.sync.prove import prove
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.pipeline.webhooks.apply import apply_deliveries
from customer_assets.store.database import connect
from customer_assets.store.erasures import erased_among
from customer_assets.store.raw import bodies
from customer_assets.store.webhooks import outgoing
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.slow
PERSON = "Zebedee Quillfeather"


def somebody(company: Company, system: str) -> str:
    """Make some record of a system one of a person whom nobody else is called after; its id."""
    world = company.world
    if system == "robaws":
        record = world.robaws["1003"]
        record |= {"name": PERSON, "email": "zebedee@quillfeather.example", "updatedAt": "2026-11-20T10:00:00.000Z"}
        return "1003"
    if system == "zoho":
        source_id = next(i for i, c in world.zoho_contacts.items() if c.get("contact_type") == "customer")
        world.zoho_contacts[source_id] |= {"contact_name": PERSON, "email": "zebedee@quillfeather.example"}
        return source_id
    number = sorted(world.sumit)[3]
    world.sumit[number] |= {"Name": PERSON, "EmailAddress": "zebedee@quillfeather.example"}
    return str(number)


def mentions(company: Company) -> dict[str, int]:
    """Where the person is named: in which table, and in how many rows; raw answers as they were received."""
    found: dict[str, int] = {}
    tables = company.rows(
        """
        select schemaname || '.' || tablename as name
        from pg_tables
        where schemaname in ('public', 'ops') and tablename <> 'raw_pages'
        """
    )
    for table in tables:
        named = company.value(
            f"select count(*) from {table['name']} t where t::text ilike '%%quillfeather%%' or t::text ilike %s",
            f"%{b'quillfeather'.hex()}%",
        )
        if named:
            found[table["name"]] = named
    pages = company.connection.execute(
        f"select p.id, {bodies.COLUMNS} from ops.raw_pages p {bodies.JOIN}", binary=True
    ).fetchall()
    if raw := sum(b"uillfeather" in bodies.unpacked(page) for page in pages):
        found["ops.raw_pages"] = raw
    return found


def erased(company: Company, system: str, source_id: str, **how: bool) -> Erased:
    return erase(company.context, company.account(system), source_id, by="els", **how)


@pytest.mark.parametrize("system", ["robaws", "zoho", "sumit"])
def test_nothing_of_a_person_stays_and_nothing_comes_back(company: Company, system: str) -> None:
    source_id = somebody(company, system)
    company.pull(system)
    subscription = {"name": "crm", "url": "https://crm.example", "secret": "whsec_x", "by": "els"}
    outgoing.subscribe(company.connection, events=outgoing.EVENTS, **subscription)
    resolve_customers(company.context)
    rows = company.value("select count(*) from customer_rows")
    before = mentions(company)
    assert {"public.customer_rows", "public.customers", "ops.raw_pages"} <= set(before)
    done = erased(company, system, source_id)
    assert done.counts["rows"] == 1
    assert done.counts["raw_pages"] >= 1
    assert mentions(company) == {}
    assert company.value("select count(*) from customer_rows") == rows - 1
    # the system still has it: as it was, and on a page that changed meanwhile
    again = company.pull(system, options=PullOptions(full=True))
    assert again.status == "ok", again.message
    assert mentions(company) == {}
    if system == "robaws":
        company.world.robaws["1004"] |= {"website": "https://new.example", "updatedAt": "2026-11-21T10:00:00.000Z"}
        changed = company.pull(system, options=PullOptions(full=True))
        assert changed.entities["customers"].updated == 1
        assert mentions(company) == {}
    assert company.pull(system, from_raw=True).status == "ok"
    assert mentions(company) == {}
    assert company.value("select count(*) from customer_rows") == rows - 1
    proof = prove(company.context, (company.account(system),))
    assert not proof.differences


def test_a_dry_run_says_how_much_and_changes_nothing(company: Company) -> None:
    source_id = somebody(company, "robaws")
    company.pull("robaws")
    before = mentions(company)
    done = erased(company, "robaws", source_id, dry_run=True)
    assert done.counts["rows"] == 1
    assert mentions(company) == before
    assert company.value("select count(*) from ops.erasures") == 0
    assert company.value("select count(*) from ops.audit_log") == 0


def test_a_delivery_for_somebody_erased_is_ignored_and_emptied(company: Company) -> None:
    source_id = somebody(company, "robaws")
    company.pull("robaws")

    def land(delivery_id: str) -> None:
        data = company.world.robaws[source_id]
        body = json.dumps({"id": delivery_id, "event": "client.updated", "data": data}).encode()
        company.do(
            "insert into ops.webhook_deliveries (id, event, body, signed_at) values (%s, 'client.updated', %s, %s)",
            delivery_id,
            body,
            datetime(2026, 11, 22, tzinfo=UTC),
        )

    land("before")
    apply_deliveries(company.context, [company.account("robaws")])
    assert "ops.webhook_deliveries" in mentions(company)
    assert erased(company, "robaws", source_id).counts["deliveries"] == 1
    land("after")
    result = apply_deliveries(company.context, [company.account("robaws")])
    assert result.statuses == {"ignored": 1}
    assert mentions(company) == {}
    assert company.value("select count(*) from customer_rows where source_customer_id = %s", source_id) == 0


def test_pages_that_lean_on_the_erased_one_are_read_as_before(company: Company) -> None:
    source_id = somebody(company, "robaws")
    company.pull("robaws")
    for number in range(3):
        company.world.robaws["1010"] |= {
            "website": f"https://n{number}.example",
            "updatedAt": f"2026-11-2{number}T10:00:00.000Z",
        }
        company.pull("robaws", options=PullOptions(full=True))
    assert company.value("select count(*) from ops.raw_pages where base_id is not null") > 0
    erased(company, "robaws", source_id)
    assert mentions(company) == {}
    assert company.pull("robaws", from_raw=True).status == "ok"
    assert company.value("select website from customer_rows where source_customer_id = '1010'") == "https://n2.example"


def test_the_other_records_and_the_invoices_of_the_customer_are_named(company: Company) -> None:
    twin = {"vat_number": "BE0476267228", "name": "Noord BV"}
    for source, source_id in (("robaws", "9"), ("zoho", "8")):
        company.do(
            "insert into customer_rows (source, source_customer_id, name, vat_number) values (%s, %s, %s, %s)",
            source,
            source_id,
            twin["name"],
            twin["vat_number"],
        )
    resolve_customers(company.context)
    done = erased(company, "robaws", "9")
    assert done.same_customer == ("zoho:8",)
    assert company.value("select name from customers") == "Noord BV"
    assert company.value("select count(*) from ops.audit_log where action = 'erase' and target = 'robaws:9'") == 1


def test_whoever_writes_meanwhile_is_waited_for_and_brings_nobody_back(company: Company) -> None:
    source_id = somebody(company, "robaws")
    company.pull("robaws")
    with connect(company.url) as writing, ThreadPoolExecutor(1) as beside:
        with writing.transaction():
            assert not erased_among(writing, account="default", source="robaws", ids=[source_id])
            erasing = beside.submit(erased, company, "robaws", source_id)
            with pytest.raises(TimeoutError):
                erasing.result(timeout=1)
            writing.execute("update customer_rows set phone = '+3235550102' where source_customer_id = %s", [source_id])
        assert erasing.result(timeout=60).counts["rows"] == 1
    assert mentions(company) == {}


def test_messages_of_a_customer_that_a_person_was_once_of_go_too(company: Company) -> None:
    outgoing.subscribe(
        company.connection, name="crm", url="https://crm.example", secret="whsec_x", events=outgoing.EVENTS, by="els"
    )
    somebody(company, "robaws")
    company.pull("robaws")
    resolve_customers(company.context)
    row, other = company.value("select array_agg(id order by source_customer_id = '1003' desc, id) from customer_rows")[
        :2
    ]
    decide_pair(company.context, f"{row}", f"{other}", decision="same", by="els")
    resolve_customers(company.context)
    decide_pair(company.context, f"{row}", f"{other}", decision="different", by="els")
    resolve_customers(company.context)
    assert company.value("select count(*) from ops.outgoing_messages where body like '%%Quillfeather%%'") > 1
    erased(company, "robaws", "1003")
    assert company.value("select count(*) from ops.outgoing_messages where body like '%%Quillfeather%%'") == 0


def test_an_erasure_waits_for_a_resolution_that_may_tell_of_the_person(company: Company) -> None:
    somebody(company, "robaws")
    company.pull("robaws")
    with connect(company.url) as connection:
        with connection.transaction():
            resolve_within(connection, company.context)
            erasing = threading.Thread(target=erased, args=(company, "robaws", "1003"))
            erasing.start()
            erasing.join(0.5)
            assert erasing.is_alive()
        erasing.join()
    assert set(mentions(company)) <= {"ops.raw_pages"} - {"ops.raw_pages"}
