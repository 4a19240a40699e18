"""Applying stored webhook deliveries: newest wins, poison parks, nothing is applied twice."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_assets.pipeline.erase import erase
from customer_assets.pipeline.webhooks.apply import MOST_ATTEMPTS, AppliedDeliveries, apply_deliveries
from customer_assets.store.webhooks import deliveries
from customer_assets.store.webhooks.inbox import NewDelivery, connect_inbox, store_new
from customer_assets_tests.conftest import Company

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def land(
    company: Company, delivery_id: str, data: Any, *, event: str = "client.updated", signed_at: datetime = NOW
) -> None:
    body = json.dumps({"id": delivery_id, "event": event, "data": data}).encode()
    company.connection.execute(
        "insert into ops.webhook_deliveries (id, event, body, signed_at) values (%s, %s, %s, %s)",
        [delivery_id, event, body, signed_at],
    )


def apply(company: Company) -> AppliedDeliveries:
    return apply_deliveries(company.context, [company.account("robaws")])


def client(**fields: Any) -> dict[str, Any]:
    return {"id": "3473", "name": "Voorbeeld Cars BV", "updatedAt": "2026-11-20T10:00:00.000Z", **fields}


def test_a_delivery_for_a_customer_never_seen_creates_it(company: Company) -> None:
    land(company, "d1", client())
    result = apply(company)
    assert (result.statuses, result.created) == ({"applied": 1}, 1)
    row = company.rows("select status, source_customer_id, attempts from ops.webhook_deliveries")[0]
    assert (row["status"], row["source_customer_id"], row["attempts"]) == ("applied", "3473", 1)
    assert company.value("select last_synced_at from customers_cache") == NOW


def test_absent_keeps_and_null_clears(company: Company) -> None:
    land(company, "d1", client(email="a@b.be", tel="+32 3 555 01 02"))
    apply(company)
    land(company, "d2", client(email=None, updatedAt="2026-11-20T11:00:00.000Z"))
    apply(company)
    row = company.rows("select general_email, phone from customers_cache")[0]
    assert (row["general_email"], row["phone"]) == (None, "+32 3 555 01 02")
    changes = company.rows("select field, origin, delivery_id from customer_changes")
    assert [(c["field"], c["origin"], c["delivery_id"]) for c in changes] == [("general_email", "webhook", "d2")]


def test_an_older_delivery_is_stale(company: Company) -> None:
    land(company, "d1", client(name="New"))
    apply(company)
    land(company, "d2", client(name="Old", updatedAt="2026-11-20T09:00:00.000Z"))
    assert apply(company).statuses == {"stale": 1}
    assert company.value("select name from customers_cache") == "New"


def test_a_delivery_without_a_time_counts_as_of_its_signature(company: Company) -> None:
    company.pull("robaws")
    data = {**company.world.robaws["1003"], "name": "Renamed"}
    del data["updatedAt"]
    land(company, "d1", data, signed_at=datetime.now(UTC))
    assert apply(company).statuses == {"applied": 1}
    assert company.value("select name from customers_cache where source_customer_id = '1003'") == "Renamed"
    company.pull("robaws")  # the page was asked for later: it is the newer word
    assert (
        company.value("select name from customers_cache where source_customer_id = '1003'")
        == company.world.robaws["1003"]["name"].strip()
    )


def test_unknown_events_are_ignored_and_poison_parks_after_some_attempts(company: Company) -> None:
    land(company, "d1", client(), event="client.celebrated")
    land(company, "d2", {"name": "no id"})
    land(company, "d3", client())
    assert apply(company).statuses == {"ignored": 1, "failed": 1, "applied": 1}
    for _ in range(MOST_ATTEMPTS + 2):
        company.connection.execute(
            "update ops.webhook_deliveries set next_attempt_at = now() where next_attempt_at is not null"
        )
        apply(company)
    row = company.rows("select attempts, next_attempt_at, error from ops.webhook_deliveries where id = 'd2'")[0]
    assert (row["attempts"], row["next_attempt_at"], row["error"]) == (MOST_ATTEMPTS, None, "no id")


@pytest.mark.slow
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(order=st.permutations(range(4)), batches=st.booleans(), doubled=st.integers(0, 3))
def test_any_order_with_duplicates_ends_in_the_same_row(
    company: Company, order: list[int], batches: bool, doubled: int
) -> None:
    company.connection.execute("truncate customer_rows, ops.webhook_deliveries cascade")
    versions = [client(name=name, updatedAt=f"2026-11-20T1{hour}:00:00.000Z") for hour, name in enumerate("ABCA")]
    for position, number in enumerate([*order, doubled]):
        land(company, f"d{position}", versions[number], signed_at=NOW + timedelta(seconds=position))
        if batches:
            apply(company)
    apply(company)
    row = company.rows("select name, source_modified_at from customers_cache")
    assert [(r["name"], r["source_modified_at"].hour) for r in row] == [("A", 13)]


def test_a_delivery_that_a_rebuild_needs_is_not_pruned_whatever_the_senders_clock_says(company: Company) -> None:
    for name, signed, received in (("old", -3, -3), ("late clock", -1, 1), ("new", 1, 1)):
        land(company, name, client(), signed_at=datetime.now(UTC) + timedelta(hours=signed))
        company.do(
            "update ops.webhook_deliveries set received_at = now() + make_interval(hours => %s) where id = %s",
            received,
            name,
        )
    apply(company)
    company.pull("robaws")
    deliveries.prune(company.connection, keep_days=-1)
    left = company.rows("select id from ops.webhook_deliveries order by id")
    assert [row["id"] for row in left] == ["late clock", "new"]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("client.celebrated", {"id": "1003", "name": "Zebedee"}),
        ("client.updated", {"id": "1003", "name": "Zebedee", "email": {"a": 1}}),
    ],
)
def test_what_was_never_applied_is_erased_too(company: Company, event: str, data: dict[str, Any]) -> None:
    company.pull("robaws")
    land(company, "d1", data, event=event)
    land(company, "d2", {"id": "1004", "name": "Zebedee's neighbour"}, event=event)
    apply(company)
    erase(company.context, company.account("robaws"), "1003", by="x")
    bodies = {row["id"]: bytes(row["body"]) for row in company.rows("select id, body from ops.webhook_deliveries")}
    assert bodies["d1"] == b""
    assert b"neighbour" in bodies["d2"]


def test_a_delivery_of_which_nothing_is_left_does_not_wait_again(company: Company) -> None:
    company.pull("robaws")
    land(company, "d1", client(id="1003"), signed_at=datetime.now(UTC) + timedelta(seconds=1))
    assert apply(company).statuses == {"applied": 1}
    erase(company.context, company.account("robaws"), "1003", by="x")
    company.pull("robaws", from_raw=True)
    assert deliveries.put_back(company.connection, ids=["d1"]) == 0
    assert apply(company).statuses == {}


def test_an_old_record_sent_again_does_not_bring_back_who_is_gone(company: Company) -> None:
    company.pull("robaws")
    record = company.world.robaws.pop("1003")
    company.pull("robaws")
    gone = "select deleted_at is not null from customers_cache where source_customer_id = '1003'"
    assert company.value(gone)
    land(company, "d1", record, signed_at=datetime.now(UTC) + timedelta(seconds=1))
    assert apply(company).statuses == {"stale": 1}
    assert company.value(gone)
    changed = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    land(company, "d2", record | {"updatedAt": changed}, signed_at=datetime.now(UTC) + timedelta(seconds=2))
    assert apply(company).statuses == {"applied": 1}
    assert not company.value(gone)


def test_deliveries_of_one_second_are_applied_in_the_order_in_which_they_came(company: Company) -> None:
    company.pull("robaws")
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)

    async def go() -> None:
        connection = await connect_inbox(company.url, seconds=2)
        names = {"ffff": "First", "aaaa": "Second"}
        found = [
            NewDelivery(
                name,
                "default",
                "robaws",
                "client.updated",
                json.dumps({"id": name, "event": "client.updated", "data": {"id": "1003", "name": said}}).encode(),
                at,
                "waiting",
                None,
            )
            for name, said in names.items()
        ]
        await store_new(connection, found)
        await connection.close()

    asyncio.run(go())
    apply(company)
    assert company.value("select name from customers_cache where source_customer_id = '1003'") == "Second"


def test_a_delivery_of_the_second_of_a_scan_is_no_older(company: Company) -> None:
    land(company, "d1", {"id": "7", "name": "Scanned"}, signed_at=NOW + timedelta(milliseconds=700))
    apply(company)
    land(company, "d2", {"id": "7", "name": "Renamed"}, signed_at=NOW)  # a signature tells no part of a second
    assert apply(company).statuses == {"applied": 1}
    assert company.value("select name from customers_cache") == "Renamed"
