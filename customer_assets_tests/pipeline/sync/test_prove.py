"""Every cell equals its raw record, and what does not is found, with both values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.sync.prove import Proof, prove
from customer_assets.pipeline.sync.pull import pull_one
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.pipeline.verify import content_hashes
from customer_assets.pipeline.webhooks.apply import apply_deliveries
from customer_assets_tests.conftest import Company
from customer_assets_tests.pipeline.test_deliveries import client, land
from customer_assets_tests.pipeline.test_pull import just_now

pytestmark = pytest.mark.slow

FULL = PullOptions(full=True)


def proved(company: Company, *systems: str) -> Proof:
    return prove(company.context, [company.account(system) for system in systems])


def cells(proof: Proof) -> list[tuple[str, str, Any, Any]]:
    return [(d.source_id, d.column, d.stored, d.raw) for d in proof.differences]


def test_three_systems_with_edits_overrides_deliveries_and_deletions_are_equal_to_their_raw_records(
    company: Company,
) -> None:
    for system in ("robaws", "zoho", "sumit"):
        assert company.pull(system).status == "ok"
    rows = company.rows(
        "select id, source_customer_id from customers_cache where source = 'robaws' order by id limit 3"
    )
    edit_customer(company.context, rows[0]["id"], {"city": "Edited", "phone": "03 555 01 99"}, by="test")
    company.do("insert into ops.role_overrides (name_contains, role) values ('bv', 'HAULIER')")
    body = {"id": rows[1]["source_customer_id"], "email": "new@delivered.example"}
    land(company, "d1", body, signed_at=datetime.now(UTC) + timedelta(seconds=1))
    land(company, "d2", client(id="77", name="Delivered BV"), signed_at=datetime.now(UTC) + timedelta(seconds=1))
    apply_deliveries(company.context, [company.account("robaws")])
    del company.world.robaws[rows[2]["source_customer_id"]]
    for system in ("robaws", "zoho", "sumit"):
        company.pull(system, options=FULL)
    proof = proved(company, "robaws", "zoho", "sumit")
    assert cells(proof) == []
    assert proof.rows > 200
    assert proof.awaited == {}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("city", "CORRUPT"),
        ("phone_e164", "+3235550199"),
        ("is_active", False),
        ("metadata", Jsonb({"made": "up"})),
        ("contact_persons", Jsonb([{"first_name": "Nobody"}])),
        ("covered", Jsonb({"city": "Beneath"})),
    ],
)
def test_a_cell_changed_by_hand_is_named_with_both_values(company: Company, column: str, value: Any) -> None:
    company.pull("robaws")
    row = company.rows("select * from customer_rows where source_customer_id = '1003'")[0]
    company.do(f"update customer_rows set {column} = %s where id = %s", value, row["id"])
    found = cells(proved(company, "robaws"))
    changed = getattr(value, "obj", value)
    assert ("1003", column, changed, row[column]) in found
    company.pull("robaws", from_raw=True)
    assert cells(proved(company, "robaws")) == []


def test_what_an_answer_is_silent_about_is_as_an_earlier_one_said_unless_somebody_changed_it(company: Company) -> None:
    """SUMIT leaves out what is empty, Robaws says null of a name: both keep what was known."""
    for system in ("robaws", "zoho", "sumit"):
        company.pull(system)
    sumit, zoho = next(iter(company.world.sumit.values())), next(iter(company.world.zoho_contacts.values()))
    sumit.pop("Customers_City", None)
    zoho.pop("vat_reg_no", None)
    zoho |= {"last_modified_time": just_now(), "company_name": "Renamed"}
    company.world.robaws["1003"] |= {"name": None, "updatedAt": just_now()}
    before = company.rows("select city from customer_rows where source = 'sumit' order by id")
    for system in ("robaws", "zoho", "sumit"):
        company.pull(system, options=FULL)
    assert company.rows("select city from customer_rows where source = 'sumit' order by id") == before
    assert cells(proved(company, "robaws", "zoho", "sumit")) == []
    company.do("update customer_rows set city = 'BY HAND', billing_email = 'by@hand.example' where source = 'sumit'")
    found = {(column, value) for _, column, value, _ in cells(proved(company, "sumit"))}
    assert {("city", "BY HAND"), ("billing_email", "by@hand.example")} <= found
    company.pull("sumit", from_raw=True)
    assert cells(proved(company, "sumit")) == []
    assert company.value("select count(*) from customer_rows where 'BY HAND' in (city, billing_email)") == 0
    assert list(content_hashes(company.connection)) == []


def test_a_row_changed_by_hand_gives_way_to_a_page_that_is_older_than_it(company: Company) -> None:
    """A delivery has made it newer than the page that knows the city."""
    company.pull("robaws")
    land(company, "d1", {"id": "1003", "email": "new@here.example"}, signed_at=datetime.now(UTC) + timedelta(seconds=1))
    apply_deliveries(company.context, [company.account("robaws")])
    company.do("update customer_rows set city = 'CORRUPT', company_name = 'HAND' where source_customer_id = '1003'")
    assert len(list(content_hashes(company.connection))) == 1
    company.pull("robaws", from_raw=True)
    row = company.rows("select city, company_name, general_email from customer_rows where source_customer_id = '1003'")[
        0
    ]
    assert (row["city"] != "CORRUPT", row["company_name"], row["general_email"]) == (True, None, "new@here.example")
    assert list(content_hashes(company.connection)) == []
    assert cells(proved(company, "robaws")) == []


def test_a_row_that_nothing_shows_and_one_that_is_missing_are_found(company: Company) -> None:
    company.pull("robaws")
    company.do("insert into customer_rows (source, source_customer_id, name) values ('robaws', 'made-up', 'Nobody')")
    company.do("delete from customer_rows where source_customer_id = '1003'")
    assert sorted(cells(proved(company, "robaws"))) == [
        ("1003", "row", None, "there"),
        ("made-up", "row", "there", None),
    ]


def test_nothing_is_changed_by_looking(company: Company) -> None:
    for system in ("robaws", "zoho"):
        company.pull(system)
    tables = ("customer_rows", "invoice_rows", "customer_changes", "sync_runs", "sync_metadata", "ops.raw_scans")
    before = {table: company.rows(f"select xmin::text, ctid::text from {table}") for table in tables}
    proved(company, "robaws", "zoho")
    assert {table: company.rows(f"select xmin::text, ctid::text from {table}") for table in tables} == before


def test_a_row_that_was_missing_once_waits_for_the_next_scan(company: Company) -> None:
    company.settings = company.settings.model_copy(update={"delete_confirmations": 0})
    company.pull("robaws", options=FULL)
    del company.world.robaws["1003"]
    company.pull("robaws", options=FULL)
    proof = proved(company, "robaws")
    assert (cells(proof), sum(proof.awaited.values())) == ([], 1)


def test_other_rules_work_out_the_derived_columns_of_every_row_once_more(company: Company) -> None:
    company.pull("zoho")
    company.do("update customer_rows set country_code = null, vat_normalized = null, phone_e164 = null")
    company.do("update ops.derivations set rules = 'of before'")
    company.pull("zoho")  # an incremental pull, without a changed record
    assert cells(proved(company, "zoho")) == []
    before = company.rows("select xmin::text from customer_rows order by id")
    company.pull("zoho")
    assert company.rows("select xmin::text from customer_rows order by id") == before


def test_a_hash_that_is_not_of_the_values_beside_it_is_a_violation(company: Company) -> None:
    for system in ("robaws", "zoho", "sumit"):
        company.pull(system)
    edit_customer(company.context, company.value("select min(id) from customer_rows"), {"city": "Edited"}, by="test")
    assert list(content_hashes(company.connection)) == []
    company.do("update customer_rows set street = 'CORRUPT' where source_customer_id = '1003'")
    assert [v.examples for v in content_hashes(company.connection)] == [["robaws 1003"]]


@pytest.mark.parametrize("system", ["robaws", "zoho", "sumit"])
def test_a_customer_marked_as_deleted_or_revived_by_hand_is_found_and_mended(company: Company, system: str) -> None:
    company.pull(system)
    row, source_id = company.rows("select id, source_customer_id from customer_rows order by id limit 1")[0].values()
    company.do("update customer_rows set deleted_at = now(), is_active = false where id = %s", row)
    found = cells(proved(company, system))
    assert [(one, column, raw) for one, column, _, raw in found] == [(source_id, "deleted_at", None)]
    assert company.pull(system, from_raw=True).counts.updated == 1
    assert company.value("select deleted_at from customer_rows where id = %s", row) is None
    assert proved(company, system).differences == []

    world = company.world
    records = {"robaws": world.robaws, "zoho": world.zoho_contacts, "sumit": world.sumit}[system]
    del records[next(key for key in records if str(key) == source_id)]  # type: ignore[attr-defined]
    assert company.pull(system, options=FULL).counts.deactivated == 1
    assert proved(company, system).differences == []
    assert company.pull(system, from_raw=True).counts.updated == 0
    company.do("update customer_rows set deleted_at = null, is_active = true where id = %s", row)
    found = cells(proved(company, system))
    assert [cell[:2] for cell in found] == [(source_id, "row")]
    assert company.pull(system, from_raw=True).counts.deactivated == 1
    assert proved(company, system).differences == []


def test_who_was_marked_as_deleted_by_hand_keeps_what_no_answer_speaks_of_any_more(company: Company) -> None:
    company.pull("sumit")
    row, source_id = company.rows(
        "select id, source_customer_id from customer_rows where city is not null order by id limit 1"
    )[0].values()
    city = company.value("select city from customer_rows where id = %s", row)
    del company.world.sumit[int(source_id)]["City"]
    company.pull("sumit", options=FULL)
    company.do("update customer_rows set deleted_at = now() where id = %s", row)
    company.pull("sumit", from_raw=True)
    assert company.rows("select city, deleted_at from customer_rows where id = %s", row) == [
        {"city": city, "deleted_at": None}
    ]


def test_a_customer_that_is_gone_since_the_last_scan_stays_so(company: Company) -> None:
    company.pull("robaws")
    del company.world.robaws["1004"]
    assert pull_one(company.context, company.account("robaws"), "1004").counts.deactivated == 1
    assert proved(company, "robaws").differences == []
    company.pull("robaws", from_raw=True)
    assert company.value("select deleted_at from customer_rows where source_customer_id = '1004'") is not None
