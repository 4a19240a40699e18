"""Applying batches while others do; raw pages stored once; pruning."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from random import Random, randbytes

import pytest

from customer_assets.domain.cache.mapping import MappedRecord
from customer_assets.domain.cache.overlay import Overlays
from customer_assets.domain.cache.row import Batch, Sighting
from customer_assets.domain.cache.tables import CUSTOMERS
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.store.cache.upsert import apply_batch
from customer_assets.store.database import Connection, connect, scalar
from customer_assets.store.raw import pages as raw_pages
from customer_assets.store.raw import scans
from customer_assets_tests.conftest import Company

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BATCH = Batch("default", "robaws", Overlays())


def sighting(number: int, name: str, hour: int = 12) -> Sighting:
    return Sighting(MappedRecord(f"{number:05d}", NOON.replace(hour=hour), {"name": name}, {}, {}), NOON)


@pytest.mark.slow
def test_writers_of_the_same_rows_at_once_end_in_the_newest(url: str) -> None:
    errors: list[BaseException] = []

    def write(hour: int) -> None:
        order = range(300) if hour % 2 else range(299, -1, -1)
        try:
            with connect(url) as connection:
                apply_batch(connection, CUSTOMERS, BATCH, [sighting(n, f"at {hour}", hour) for n in order])
        except BaseException as error:  # noqa: BLE001 (whatever it is, the test shows it)
            errors.append(error)

    threads = [threading.Thread(target=write, args=(hour,)) for hour in (9, 15, 11, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with connect(url) as connection:
        rows = connection.execute("select name, count(*) as n from customer_rows group by name").fetchall()
    assert [(row["name"], row["n"]) for row in rows] == [("at 15", 300)]


def test_an_unchanged_batch_writes_no_wal_of_its_own(connection: Connection) -> None:
    sightings = [sighting(n, "same") for n in range(2000)]
    apply_batch(connection, CUSTOMERS, BATCH, sightings)
    before = scalar(connection, "select pg_current_wal_insert_lsn()")
    applied = apply_batch(connection, CUSTOMERS, BATCH, sightings)
    written = scalar(connection, "select pg_current_wal_insert_lsn() - %s::pg_lsn", [before])
    assert applied.counts.unchanged == 2000
    assert written < 50_000  # hint bits and the autovacuum of a fresh table, nothing per row


def test_a_page_is_stored_once_per_content(connection: Connection) -> None:
    key = raw_pages.StreamKey("default", "robaws", "clients")
    a, b = (raw_pages.LandedPage(0, body, datetime.now(UTC)) for body in (b"a", b"b"))
    first = raw_pages.store_pages(connection, key, [a, b, a])
    assert raw_pages.store_pages(connection, key, [b, a]) == [first[1], first[0]]
    assert scalar(connection, "select count(*) from ops.raw_pages") == 2


def test_a_changed_page_is_stored_against_the_one_before_and_reads_back_as_it_came(connection: Connection) -> None:
    key = raw_pages.StreamKey("default", "robaws", "clients")
    random = Random(5)  # noqa: S311
    records = [{"id": n, "name": random.randbytes(40).hex()} for n in range(100)]
    scan = scans.begin_scan(connection, key, kind="full", parameters={}, sync_run_id=None)
    before, landed = None, []
    for day in range(70):  # one record a day, until little is left of the first page
        if day:
            records[random.randrange(100)]["name"] = random.randbytes(40).hex()
        page = raw_pages.LandedPage(day, json.dumps(records).encode(), datetime.now(UTC), before=before)
        before = raw_pages.land_pages(connection, key, scan.id, [page])[day]
        landed.append(page.body)
    stored = connection.execute(
        """
        select p.base_id is null as is_alone, b.base_id is null as base_is_alone, length(p.body) as size
        from ops.raw_pages p
        left join ops.raw_pages b on b.id = p.base_id
        order by p.id
        """
    ).fetchall()
    assert [row["is_alone"] for row in stored[:2]] == [True, False]
    assert stored[1]["size"] < stored[0]["size"] / 20
    assert 2 <= sum(row["is_alone"] for row in stored) <= 5
    assert all(row["base_is_alone"] for row in stored)
    assert [page.body for page in raw_pages.read_pages(connection, scan.id)] == landed


def test_a_page_that_others_are_stored_against_is_not_pruned(company: Company) -> None:
    company.pull("robaws", options=PullOptions(full=True))
    for client in list(company.world.robaws.values())[::50]:
        client["website"] = "https://new"
    company.pull("robaws", options=PullOptions(full=True))
    company.connection.execute("update ops.raw_scans set started_at = now() - interval '99 days'")
    company.connection.execute("update ops.raw_pages set first_seen_at = now() - interval '99 days'")
    assert company.value("select count(*) from ops.raw_pages where base_id is not null") == 3
    assert raw_pages.prune(company.connection, keep_days=30) == 0
    before = company.fingerprint()
    company.connection.execute("truncate customer_rows cascade")
    company.pull("robaws", from_raw=True)
    assert company.fingerprint() == before


def test_pages_that_only_pruned_ones_are_stored_against_go_with_them(company: Company) -> None:
    company.pull("robaws", options=PullOptions(full=True))
    for website in ("https://new", "https://newer"):
        for client in list(company.world.robaws.values())[::50]:
            client["website"] = website
        company.pull("robaws", options=PullOptions(full=True))
    for client in company.world.robaws.values():  # nothing of these pages resembles those before
        client["website"] = f"https://{randbytes(300).hex()}"  # noqa: S311
    company.pull("robaws", options=PullOptions(full=True))
    company.do("update ops.raw_scans set started_at = now() - interval '99 days'")
    company.do("update ops.raw_pages set first_seen_at = now() - interval '99 days'")
    assert company.value("select count(*) from ops.raw_pages where base_id is not null") >= 3
    assert raw_pages.prune(company.connection, keep_days=30) > 3
    assert raw_pages.prune(company.connection, keep_days=30) == 0


def test_pruning_spares_what_a_rebuild_needs(company: Company) -> None:
    company.pull("robaws")
    for client in company.world.robaws.values():
        client |= {"website": f"https://{randbytes(300).hex()}", "updatedAt": "2026-11-20T10:00:00.000Z"}  # noqa: S311
    company.pull("robaws")
    company.connection.execute("update ops.raw_scans set started_at = now() - interval '99 days'")
    company.connection.execute("update ops.raw_pages set first_seen_at = now() - interval '99 days'")
    assert raw_pages.prune(company.connection, keep_days=30) == 3
    before = company.fingerprint()
    company.connection.execute("truncate customer_rows cascade")
    company.pull("robaws", from_raw=True)
    assert company.fingerprint() == before
    assert raw_pages.prune(company.connection, keep_days=30) == 0
