"""The SUMIT client: every Status shape, both dialects, its hazards (docs/systems/sumit.md#answers)."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest

from customer_assets.errors import (
    ConfigurationError,
    ContractError,
    CredentialsError,
    GoneError,
    PermanentError,
    QuotaError,
    SourceError,
    ThrottledError,
    TransientError,
)
from customer_assets.sources.kit.pages import Page
from customer_assets.sources.sumit.client import Sumit, status_of
from customer_assets_tests.conftest import Company


def scan(company: Company, page_size: int = 15, **changes: Any) -> list[Page]:
    async def go() -> list[Page]:
        client = Sumit(company.account("sumit", **changes).settings, page_size=page_size)
        async with client, aclosing(client.scan("customers", since=None, landed=frozenset())) as pages:
            return [page async for page in pages]

    return asyncio.run(go())


def fetch(company: Company, customer_id: str, **changes: Any) -> Page:
    async def go() -> Page:
        async with Sumit(company.account("sumit", **changes).settings) as client:
            return await client.fetch("customer", customer_id)

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        *((s, "success") for s in (0, "0", "Success", "Success (0)", {"IsError": False})),
        *((s, "business") for s in (1, "1", "BusinessError", "BusinessError (1)", {"IsError": True})),
        *((s, "technical") for s in (2, "2", "TechnicalError", "TechnicalError (2)")),
        *((s, "unknown") for s in (True, False, None, 3, "", "ok", {}, {"IsError": 0}, [0])),
    ],
)
def test_status_in_every_shape(status: Any, meaning: str) -> None:
    assert status_of(json.dumps(status).encode()) == meaning


def test_a_missing_status_is_an_unknown_outcome(company: Company) -> None:
    assert status_of(b"") == "unknown"
    company.world.switches.sumit_status = "missing"
    with pytest.raises(ContractError, match="unknown outcome"):
        scan(company)


@pytest.mark.parametrize("status", ["Success (0)", "0", {"IsError": False}])
def test_pages_follow_the_row_offset(company: Company, status: Any) -> None:
    company.world.switches.sumit_status = status
    pages = scan(company)
    assert [page.position for page in pages] == [0, 15, 30]
    assert sum(len(page.envelope.records) for page in pages) == 42  # two built-in ones among them
    ids = [json.loads(bytes(r))["ID"] for page in pages for r in page.envelope.records]
    assert ids == sorted(set(ids))


def test_an_answer_that_does_not_tell_of_a_next_page_is_read_to_the_empty_one(company: Company) -> None:
    company.world.switches.sumit_tells_next = False
    pages = scan(company)
    assert [len(page.envelope.records) for page in pages] == [15, 15, 12, 0]
    assert company.pull("sumit").counts.created == 40


def test_an_order_that_is_refused_is_replaced_by_the_documented_one(company: Company) -> None:
    company.world.switches.sumit_orders_by_id = False
    assert sum(len(page.envelope.records) for page in scan(company)) == 42


def test_the_seed_dialect_lists_all_at_once(company: Company) -> None:
    company.world.switches.sumit_dialect = "seed"
    (page,) = scan(company, dialect="seed")
    assert len(page.envelope.records) == 40
    assert json.loads(bytes(page.envelope.records[0]))["CustomerID"].startswith("CRM-")


def test_the_wrong_dialect_is_said(company: Company) -> None:
    company.world.switches.sumit_dialect = "seed"
    with pytest.raises(PermanentError, match="no such path"):
        scan(company)


def test_html_under_200_is_the_wrong_path_not_an_empty_answer(company: Company) -> None:
    company.fault("sumit", "html200")
    with pytest.raises(PermanentError, match="SUMIT_DIALECT"):
        scan(company)


def test_the_first_bad_credentials_stop_everything(company: Company) -> None:
    with pytest.raises(CredentialsError, match="Invalid credentials") as caught:
        scan(company, api_key="hunter2-secret")
    assert company.world.calls["sumit"] == 1
    assert "hunter2" not in str(caught.value)


def test_an_empty_403_is_waited_out_in_four_tries_at_most(company: Company) -> None:
    company.fault("sumit", "empty403", times=2)
    assert len(scan(company)) == 3
    company.fault("sumit", "empty403", times=99)
    before = company.world.calls["sumit"]
    with pytest.raises(ThrottledError):
        scan(company, block_wait_seconds=0.01)
    assert company.world.calls["sumit"] - before == 4


def test_calls_are_apart_and_there_is_a_pause(company: Company) -> None:
    scan(company, page_size=3, seconds_between_calls=0.1, pause_after_calls=2, pause_seconds=1.0)
    times = list(company.world.sumit_quick)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) >= 4
    assert min(gaps) >= 0.05  # as they arrive, which is a little later, now and then
    assert [number for number, gap in enumerate(gaps, start=1) if gap >= 0.6] == list(range(2, len(gaps) + 1, 2))


@pytest.mark.parametrize("kind", ["500", "cut", "reset"])
def test_reads_are_retried(company: Company, waits: list[float], kind: str) -> None:
    company.fault("sumit", kind, times=1, after=1)
    assert len(scan(company)) == 3


def test_no_response_has_the_words_that_users_know(company: Company) -> None:
    company.fault("sumit", "503", times=99)
    with pytest.raises(TransientError, match="No response from SUMIT API"):
        scan(company, retry_seconds=0.1)


def test_two_folders_of_a_known_name_are_asked_about_not_guessed(company: Company) -> None:
    company.world.switches.sumit_two_folders = True
    with pytest.raises(ConfigurationError, match=r"SUMIT_CUSTOMERS_FOLDER.*5500.*5501"):
        scan(company)
    assert len(scan(company, customers_folder="5500")) == 3


def test_one_customer_by_id_in_both_dialects(company: Company) -> None:
    customer_id = next(iter(company.world.sumit))
    assert fetch(company, str(customer_id)).envelope.records
    assert fetch(company, f"CRM-{customer_id}", dialect="seed").envelope.records
    for missing, dialect in (("5", "real"), ("CRM-5", "seed")):
        with pytest.raises(GoneError):
            fetch(company, missing, dialect=dialect)
    with pytest.raises(ConfigurationError, match="SUMIT_DIALECT is real"):
        fetch(company, "CRM-1")  # a wrong setting must not look like a deleted customer


def test_the_paid_call_budget_is_kept(company: Company) -> None:
    with pytest.raises(QuotaError, match="SUMIT_CALL_BUDGET"):
        scan(company, call_budget=2)


def test_no_error_carries_the_request(company: Company) -> None:
    for kind in ("500", "cut", "302", "html200", "404"):
        company.fault("sumit", kind, times=9)
        with pytest.raises(SourceError) as caught:
            scan(company, retry_seconds=0, api_key="sandbox-key")
        assert "sandbox-key" not in repr(caught.value)
        company.world.faults.clear()
