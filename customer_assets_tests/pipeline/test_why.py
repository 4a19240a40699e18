"""From a cell down to the bytes that said so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customer_assets.errors import NotFoundError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.webhooks.apply import apply_deliveries
from customer_assets.pipeline.why import CellOrigin, Why, why
from customer_assets.store.reads import origins
from customer_assets_tests.conftest import Company
from customer_assets_tests.pipeline.test_deliveries import land

pytestmark = pytest.mark.slow


def context(company: Company) -> Context:
    accounts = tuple(company.account(system) for system in ("robaws", "zoho", "sumit"))
    return replace(company.context, accounts=accounts)


def one(company: Company, name: str) -> Why:
    (found,) = why(context(company), name)
    return found


def cell(company: Company, name: str) -> CellOrigin:
    (found,) = one(company, name).cells
    return found


def test_a_cell_leads_to_its_path_in_the_page_that_said_it(company: Company) -> None:
    company.pull("robaws")
    resolve_customers(company.context)
    found = cell(company, "robaws:1003.general_email")
    assert (found.rule, found.path) == ("read from the source", "email")
    whole = one(company, "robaws:1003")
    assert whole.golden is not None
    survived = {c.golden for c in whole.cells if c.golden}
    assert survived == {field for field, row in whole.golden["provenance"].items() if row == whole.row["id"]} != set()
    assert found.raw == company.world.robaws["1003"]["email"]
    assert found.page_id is not None
    page = origins.page(company.connection, found.page_id)
    assert page is not None
    assert found.raw in {record["email"] for record in json.loads(page["body"])["items"]}
    assert "clients: answer 1 of scan" in (found.call or "")


def test_a_nested_path_an_edit_and_what_is_derived(company: Company) -> None:
    company.world.robaws["1003"] |= {"address": {"city": "Gent", "country": "België"}, "tel": "03 555 01 02"}
    company.pull("robaws")
    assert (cell(company, "robaws:1003.city").path, cell(company, "robaws:1003.city").raw) == ("address.city", "Gent")
    assert cell(company, "robaws:1003.phone_e164").rule.startswith("derived: ")
    row = company.value("select id from customer_rows where source_customer_id = '1003'")
    edit_customer(company.context, row, {"city": "Aalst"}, by="els")
    found = cell(company, f"{row}.city")
    assert (found.value, found.raw, found.path) == ("Aalst", "Gent", "address.city")
    assert found.rule.startswith("edited here by els at ")
    assert found.changed is not None
    assert (found.changed["origin"], found.changed["new_value"]) == ("edit", "Aalst")


def test_a_delivery_is_named_where_it_said_it_last(company: Company) -> None:
    company.pull("robaws")
    body = {"id": "1003", "email": "new@delivered.example", "updatedAt": "2031-01-01T00:00:00.000Z"}
    land(company, "d1", body, signed_at=datetime.now(UTC) + timedelta(seconds=1))
    apply_deliveries(company.context, [company.account("robaws")])
    found = {c.column: c for c in one(company, "robaws:1003").cells}
    assert (found["general_email"].delivery_id, found["general_email"].path) == ("d1", "email")
    assert found["name"].page_id is not None


def test_each_system_and_its_details(company: Company) -> None:
    for system in ("zoho", "sumit"):
        company.pull(system)
    contact = company.value(
        "select source_customer_id from customer_rows where source = 'zoho' and contact_persons <> '[]' limit 1"
    )
    found = cell(company, f"zoho:{contact}.contact_persons")
    assert (found.path, found.call) == ("contact_persons", "zoho contact: asked for by its id")
    customer = company.value("select source_customer_id from customer_rows where source = 'sumit' limit 1")
    assert cell(company, f"sumit:{customer}.name").rule == "read from the source"


def test_what_is_not_there_is_said(company: Company) -> None:
    company.pull("robaws")
    for name, said in (("robaws:0", "no record robaws:0"), ("robaws:1003.colour", "no column colour")):
        with pytest.raises(NotFoundError, match=said):
            why(context(company), name)
