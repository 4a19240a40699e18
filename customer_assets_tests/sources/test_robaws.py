"""The Robaws client against a sandbox that misbehaves."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any

import pytest

from customer_assets.errors import (
    ContractError,
    CredentialsError,
    GoneError,
    PermanentError,
    QuotaError,
    SourceError,
    TransientError,
)
from customer_assets.sandbox.world import Bucket, Sizes
from customer_assets.sources.kit.pages import Page
from customer_assets.sources.robaws.client import Robaws
from customer_assets_tests.conftest import Company


def scan(company: Company, landed: frozenset[int] = frozenset(), **changes: Any) -> tuple[list[Page], Robaws]:
    async def go() -> tuple[list[Page], Robaws]:
        client = Robaws(company.account("robaws", **changes).settings, page_size=50)
        async with client, aclosing(client.scan("clients", since=None, landed=landed)) as pages:
            return [page async for page in pages], client

    return asyncio.run(go())


def fetch(company: Company, client_id: str, **changes: Any) -> Page:
    async def go() -> Page:
        async with Robaws(company.account("robaws", **changes).settings) as client:
            return await client.fetch("client", client_id)

    return asyncio.run(go())


def test_page_0_comes_first_and_every_page_once(company: Company) -> None:
    pages, client = scan(company)
    assert pages[0].position == 0
    assert sorted(page.position for page in pages) == [0, 1, 2, 3, 4]
    assert sum(len(page.envelope.records) for page in pages) == 250
    assert client.meter.calls == 5


@pytest.mark.parametrize("count", [0, 1, 50, 51])
def test_sizes_around_a_page(company: Company, count: int) -> None:
    company.world.robaws = dict(list(company.world.robaws.items())[:count])
    pages, _ = scan(company)
    assert sum(len(page.envelope.records) for page in pages) == count


def test_a_server_that_caps_the_page_hides_nothing(company: Company) -> None:
    company.world.switches.robaws_largest_page = 20
    pages, _ = scan(company)
    assert sum(len(page.envelope.records) for page in pages) == 250


def test_totals_may_be_text(company: Company) -> None:
    company.world.switches.robaws_total_as_text = True
    assert scan(company)[0][0].envelope.total == 250


def test_a_resumed_scan_asks_only_for_what_has_not_landed(company: Company) -> None:
    pages, client = scan(company, landed=frozenset({0, 1, 3}))
    assert sorted(page.position for page in pages) == [0, 2, 4]
    assert client.meter.calls == 3


def test_sort_is_dropped_where_it_is_refused(company: Company) -> None:
    company.world.switches.robaws_refuses_sort = True
    assert len(scan(company)[0]) == 5


@pytest.mark.parametrize("kind", ["500", "503", "html", "cut", "reset", "429"])
def test_a_transient_fault_is_retried_and_no_page_is_lost(company: Company, waits: list[float], kind: str) -> None:
    company.fault("robaws", kind, times=2, after=1)
    pages, client = scan(company)
    assert sorted(page.position for page in pages) == [0, 1, 2, 3, 4]
    assert client.meter.calls == 7


def test_a_page_that_keeps_failing_fails_the_scan(company: Company) -> None:
    company.fault("robaws", "500", times=99, after=2)
    with pytest.raises(TransientError, match="HTTP 500"):
        scan(company, retry_seconds=0.5)


def test_throttling_ends_after_few_tries(company: Company, waits: list[float]) -> None:
    company.fault("robaws", "429", times=99)
    with pytest.raises(TransientError, match="429"):
        scan(company)
    assert company.world.calls["robaws"] == 4
    assert [round(wait / 1.1) for wait in waits] == [1, 2, 4]


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("401", CredentialsError, "ROBAWS_API_KEY"),
        ("blocked", CredentialsError, "temporarily blocked"),
        ("403", PermanentError, "role of this API user"),
        ("302", PermanentError, "redirected"),
        ("404", ContractError, "HTTP 404"),
        ("quota", QuotaError, "day's quota is gone"),
    ],
)
def test_what_repeating_cannot_help_is_not_repeated(
    company: Company, kind: str, error: type[SourceError], said: str
) -> None:
    company.fault("robaws", kind, times=99)
    with pytest.raises(error, match=said):
        scan(company)
    assert company.world.calls["robaws"] == 1


def test_bulk_work_leaves_the_reserve_to_others(company: Company) -> None:
    company.world.robaws_left["normal"] = 503
    with pytest.raises(QuotaError, match="ROBAWS_DAILY_RESERVE"):
        scan(company, concurrency=1)
    assert company.world.robaws_left["normal"] == 500


def test_a_replica_serves_scans_but_never_single_records(company: Company) -> None:
    scan(company, replica_reads=True)
    fetch(company, "1000", replica_reads=True)
    assert company.world.limits.robaws_per_day - company.world.robaws_left["replica"] == 5
    assert company.world.limits.robaws_per_day - company.world.robaws_left["normal"] == 1


def test_a_client_that_is_gone(company: Company) -> None:
    with pytest.raises(GoneError):
        fetch(company, "999999")


def test_a_host_that_does_not_answer(company: Company) -> None:
    with pytest.raises(TransientError):
        scan(company, base_url="http://127.0.0.1:9", retry_seconds=0.2)


def test_credentials_are_in_no_message(company: Company) -> None:
    with pytest.raises(CredentialsError) as caught:
        scan(company, api_secret="hunter2-secret")
    assert "hunter2" not in repr(caught.value)


@pytest.mark.parametrize(
    "sizes", [Sizes(robaws_clients=2000, zoho_contacts=0, zoho_vendors=0, zoho_invoices=0, sumit_customers=0)]
)
def test_the_pace_stays_under_the_documented_limit(company: Company, sizes: Sizes) -> None:
    company.world.robaws_bucket = Bucket(15, 20)
    started = time.monotonic()
    pages, _ = scan(company, requests_per_second=14.5, burst=19)
    assert len(pages) == 40
    assert company.world.calls["robaws 429"] == 0
    assert time.monotonic() - started < 1.2 * (40 - 19) / 14.5 + 1
