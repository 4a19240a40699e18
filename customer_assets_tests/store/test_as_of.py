"""What the tables said at a time, from the history that is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.slow

SOURCE_COLUMNS = "name, city, contact_persons, extra_fields, is_active, follow_up_date, primary_phone, deleted_at"


def now(company: Company) -> datetime:
    at: datetime = company.value("select clock_timestamp()")
    return at


def cache(company: Company, at: datetime) -> list[dict[str, Any]]:
    return company.rows(f"select source_customer_id, {SOURCE_COLUMNS} from customers_cache_as_of(%s) order by id", at)


def test_the_cache_at_a_time_is_as_it_was(company: Company) -> None:
    before_all = now(company)
    company.pull("robaws", options=PullOptions(full=True))
    resolve_customers(company.context)
    first = company.rows(f"select source_customer_id, {SOURCE_COLUMNS} from customers_cache order by id")
    names = company.rows("select id, name, email, city from customers order by id")
    then = now(company)
    company.world.robaws["1003"] |= {
        "name": "Renamed BV",
        "email": "new@renamed.example",
        "address": {"city": "Elsewhere"},
        "extraFields": {"Role": {"stringValue": "X"}},
        "followUpDate": "2027-01-01",
        "updatedAt": "2026-11-25T10:00:00.000Z",
    }
    del company.world.robaws["1004"]
    company.pull("robaws", options=PullOptions(full=True))
    row = company.value("select id from customer_rows where source_customer_id = '1005'")
    edit_customer(company.context, row, {"city": "Edited"}, by="test")
    resolve_customers(company.context)
    assert cache(company, then) == first
    assert cache(company, now(company)) != first
    assert cache(company, before_all) == []
    assert company.rows("select id, name, email, city from customers_as_of(%s) order by id", then) == names
    assert company.rows("select id, name, email, city from customers order by id") != names


def test_what_was_simply_new_is_no_change(company: Company) -> None:
    for system in ("robaws", "zoho", "sumit"):
        company.pull(system)
    assert company.value("select count(*) from customer_changes") == 0
