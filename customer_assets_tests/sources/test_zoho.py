"""The Zoho client: token flow, error codes, paging."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from customer_assets.errors import (
    ContractError,
    CredentialsError,
    GoneError,
    PermanentError,
    QuotaError,
    SourceError,
    ThrottledError,
)
from customer_assets.sources.kit.pages import Page
from customer_assets.sources.zoho.client import Zoho
from customer_assets.store.tokens import StoredTokens
from customer_assets_tests.conftest import Company


def client(company: Company, **changes: Any) -> Zoho:
    account = company.account("zoho", **changes)
    return Zoho(account.settings, StoredTokens(company.url, account.account, "zoho"), page_size=100)


def scan(company: Company, stream: str = "contacts", since: datetime | None = None, **changes: Any) -> list[Page]:
    async def go() -> list[Page]:
        async with (
            client(company, **changes) as zoho,
            aclosing(zoho.scan(stream, since=since, landed=frozenset())) as pages,
        ):
            return [page async for page in pages]

    return asyncio.run(go())


def fetch(company: Company, contact_id: str, **changes: Any) -> Page:
    async def go() -> Page:
        async with client(company, **changes) as zoho:
            return await zoho.fetch("contact", contact_id)

    return asyncio.run(go())


@pytest.mark.parametrize("context", ["object", "list", "missing"])
def test_pages_are_chained_to_an_explicit_end(company: Company, context: str) -> None:
    company.world.switches.zoho_context = context
    pages = scan(company)
    assert [len(page.envelope.records) for page in pages if page.envelope.records] == [100, 100, 30]


def test_inactive_contacts_are_asked_for_and_vendors_are_not(company: Company) -> None:
    text = b"".join(page.body for page in scan(company))
    assert b'"inactive"' in text
    assert b'"vendor"' not in text


@pytest.mark.parametrize("stream", ["contacts", "invoices"])
def test_the_filter_by_time_is_written_as_zoho_takes_it(company: Company, stream: str) -> None:
    since = datetime(2024, 3, 1, tzinfo=UTC)
    found = sum(len(page.envelope.records) for page in scan(company, stream, since))
    assert 0 < found < (230 if stream == "contacts" else 600), found


def test_one_token_serves_all_processes_and_is_renewed_once(company: Company) -> None:
    for _ in range(3):
        scan(company)
    assert company.world.calls["zoho token"] == 1


def test_a_token_near_its_end_is_renewed_early(company: Company) -> None:
    scan(company)
    assert company.value("select expires_at < now() + interval '56 minutes' from ops.api_tokens")
    company.connection.execute("update ops.api_tokens set expires_at = now()")
    scan(company)
    assert company.world.calls["zoho token"] == 2


def test_a_changed_grant_does_not_use_the_old_token(company: Company) -> None:
    scan(company)
    with pytest.raises(CredentialsError, match="ZOHO_REFRESH_TOKEN"):
        scan(company, refresh_token="another")


def test_a_dead_token_is_renewed_once_and_the_call_repeated(company: Company) -> None:
    scan(company)
    company.world.zoho_tokens.clear()
    assert len(scan(company)) == 3
    assert company.world.calls["zoho token"] == 2


def test_a_401_that_no_fresh_token_cures_is_permanent(company: Company) -> None:
    company.world.switches.zoho_hides_scope = True
    with pytest.raises(PermanentError, match="scopes"):
        scan(company)
    assert company.world.calls["zoho token"] == 2
    assert company.world.calls["zoho"] == 2


@pytest.mark.parametrize(
    ("token_error", "error", "said"),
    [
        ("invalid_code", CredentialsError, "ZOHO_REFRESH_TOKEN"),
        ("invalid_client", CredentialsError, "ZOHO_CLIENT_ID"),
        ("Access Denied", QuotaError, "ten minutes"),
    ],
)
def test_token_errors_under_http_200_are_seen_and_not_repeated(
    company: Company, token_error: str, error: type[SourceError], said: str
) -> None:
    company.world.switches.zoho_token_error = token_error
    with pytest.raises(error, match=said):
        scan(company)
    assert company.world.calls["zoho token"] == 1
    assert company.value("select count(*) from ops.api_tokens") == 0


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("zoho:45", QuotaError, "day's quota"),
        ("zoho:6041", PermanentError, "ZOHO_ORGANIZATION_ID"),
        ("zoho:5", PermanentError, "ZOHO_API_URL"),
        ("zoho:2", ContractError, "code 2"),
        ("zoho:9999", ContractError, "code 9999"),
        ("redirect", PermanentError, "redirected"),
    ],
)
def test_permanent_codes_are_not_repeated(company: Company, kind: str, error: type[SourceError], said: str) -> None:
    company.fault("zoho", kind, times=99, match="contacts")
    with pytest.raises(error, match=said):
        scan(company)
    assert company.world.calls["zoho"] == 1


@pytest.mark.parametrize("kind", ["zoho:1000", "zoho:1070", "500", "html", "cut", "reset"])
def test_transient_codes_are_repeated(company: Company, waits: list[float], kind: str) -> None:
    company.fault("zoho", kind, times=1, after=1, match="contacts")
    assert len(scan(company)) == 3


def test_a_minute_block_waits_a_minute(company: Company, waits: list[float]) -> None:
    company.fault("zoho", "zoho:44", times=99, match="contacts")
    with pytest.raises(ThrottledError):
        scan(company)
    assert len(waits) == 2
    assert all(60 <= wait <= 75 for wait in waits)


def test_the_call_budget_of_a_run_is_kept(company: Company) -> None:
    with pytest.raises(QuotaError, match="ZOHO_CALL_BUDGET"):
        scan(company, call_budget=2)
    assert company.world.calls["zoho"] == 2


def test_bulk_work_leaves_the_reserve_of_the_day_to_others(company: Company) -> None:
    company.world.zoho_left = 202
    with pytest.raises(QuotaError, match="ZOHO_DAILY_RESERVE"):
        scan(company, daily_reserve=200)
    assert company.world.zoho_left == 200
    assert len(scan(company, daily_reserve=100)) == 3


def test_a_contact_that_is_gone(company: Company) -> None:
    with pytest.raises(GoneError):
        fetch(company, "1")


def test_details_have_the_persons(company: Company) -> None:
    contact_id = next(iter(company.world.zoho_contacts))
    assert b"contact_persons" in bytes(fetch(company, contact_id).envelope.records[0])
    assert b"contact_persons" not in scan(company)[0].body


def test_credentials_and_tokens_are_in_no_message(company: Company) -> None:
    with pytest.raises(SourceError) as caught:
        scan(company, client_secret="hunter2-secret")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_token_slot_keeps_what_was_saved(company: Company) -> None:
    tokens = StoredTokens(company.url, "default", "zoho")
    until = datetime.now(UTC) + timedelta(hours=1)
    with tokens.locked("a") as slot:
        slot.save("t", until)
    with tokens.locked("a") as slot:
        assert (slot.token, slot.expires_at) == ("t", until)
    with tokens.locked("b") as slot:
        assert slot.token is None
