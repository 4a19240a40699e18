"""Zoho Books v3: contacts and invoices. Facts: the Zoho fact sheet.

Pages are read in order, chained to an explicit "no more". One access token is shared by all processes: the token store
locks it while it is renewed, so that nobody runs into the limit of ten tokens per ten minutes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast
from urllib.parse import quote

import msgspec

from customer_assets.errors import (
    ContractError,
    CredentialsError,
    GoneError,
    PermanentError,
    QuotaError,
    SourceError,
    ThrottledError,
    TransientError,
)
from customer_assets.sources.base import (
    Envelope,
    Http,
    Meter,
    Pacer,
    Page,
    TokenStore,
    decode,
    header_number,
    now_utc,
    snippet,
)
from customer_assets.sources.zoho_settings import ZohoSettings

if TYPE_CHECKING:
    import httpx

PAGE_SIZE = 200
SYSTEM = "zoho"
RENEW_BEFORE = timedelta(minutes=5)
# name of the list in the envelope, and what is asked with every list page
LISTS: dict[str, tuple[str, dict[str, Any]]] = {
    # vendors share the list, and inactive contacts are hidden by default
    "contacts": ("contacts", {"contact_type": "customer", "filter_by": "Status.All"}),
    "invoices": ("invoices", {}),
}
STABLE_ORDER = {"sort_column": "created_time", "sort_order": "A"}


class _List(msgspec.Struct):
    contacts: list[msgspec.Raw] | None = None
    invoices: list[msgspec.Raw] | None = None
    page_context: msgspec.Raw = msgspec.Raw(b"null")


class _PageContext(msgspec.Struct):
    has_more_page: bool | None = None


class _Detail(msgspec.Struct):
    contact: msgspec.Raw


class _Code(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Token(msgspec.Struct):
    access_token: str = ""
    expires_in: int = 3600
    error: str = ""


def open_list(stream: str, body: bytes) -> Envelope:
    """A list page of contacts or invoices."""
    page = decode(body, _List, system=SYSTEM, what=stream)
    records = getattr(page, LISTS[stream][0])
    if records is None:
        raise ContractError(f"zoho {stream}: the answer has no list of that name", system=SYSTEM)
    return Envelope(records, more=_has_more(bytes(page.page_context)))


def _has_more(context: bytes) -> bool | None:
    """The page context is an object, or a list of one, or missing."""
    try:
        if context.lstrip().startswith(b"["):
            found = msgspec.json.decode(context, type=list[_PageContext], strict=False)
            return found[0].has_more_page if found else None
        return msgspec.json.decode(context, type=_PageContext | None, strict=False).has_more_page
    except (msgspec.MsgspecError, AttributeError):
        return None


def open_contact(body: bytes) -> Envelope:
    """The answer of `GET /contacts/{id}`."""
    return Envelope([decode(body, _Detail, system=SYSTEM, what="contact").contact])


class Zoho:
    """The client. Streams: `contacts`, `invoices` (lists) and `contact` (by id)."""

    def __init__(
        self,
        settings: ZohoSettings,
        tokens: TokenStore,
        *,
        page_size: int = PAGE_SIZE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._size = min(page_size, PAGE_SIZE)
        self._secrets = {
            name: _revealed(settings, name) for name in ("client_id", "client_secret", "refresh_token")
        }
        grant = "/".join([settings.accounts_url, *self._secrets.values()])
        self._fingerprint = hashlib.sha256(grant.encode()).hexdigest()[:24]
        self._token: str | None = None
        self._expires_at: datetime | None = None
        self._token_error: SourceError | None = None
        self._renewing = asyncio.Lock()
        self.meter = Meter(SYSTEM, budget=settings.call_budget)
        self._http = Http(
            system=SYSTEM,
            base_url=settings.api_url,
            pacer=Pacer(settings.calls_per_minute / 60, settings.burst),
            meter=self.meter,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            retry_seconds=settings.retry_seconds,
            transport=transport,
        )
        self.pacer = self._http.pacer

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.__aexit__(None, None, None)

    async def scan(
        self, stream: str, *, since: datetime | None, landed: frozenset[int]
    ) -> AsyncGenerator[Page]:
        """Pages in order, from the first that is not in `landed` (positions from 0) to the one that says "no more".

        `since` is sent as `last_modified_time`; whether the answer really is filtered is for the caller to check.
        """
        position = 0
        while position in landed:
            position += 1
        while True:
            page = await self._list_page(stream, position, since)
            yield page
            more = page.envelope.more
            if more is False or (more is None and not page.envelope.records):
                return
            if not page.envelope.records:
                raise ContractError(f"zoho {stream}: an empty page says that another follows", system=SYSTEM)
            position += 1

    async def _list_page(self, stream: str, position: int, since: datetime | None) -> Page:
        params: dict[str, Any] = {
            "page": position + 1,
            "per_page": self._size,
            **LISTS[stream][1],
            **STABLE_ORDER,
        }
        if since is not None:
            params["last_modified_time"] = since.strftime(
                "%Y-%m-%dT%H:%M:%S%z"
            )  # the only form that is taken
        requested_at = now_utc()

        def read(response: httpx.Response) -> Page:
            self._raise_for(response, f"{stream} page {position + 1}")
            return Page(position, response.content, requested_at, open_list(stream, response.content))

        page: Page = await self._get(f"/{stream}", read, params)
        return page

    async def fetch(self, stream: str, source_id: str) -> Page:
        """One contact by id, with its persons.

        Raises:
            GoneError: 404 or code 1002.
        """
        requested_at = now_utc()

        def read(response: httpx.Response) -> Page:
            self._raise_for(response, f"contact {source_id}")
            return Page(0, response.content, requested_at, open_contact(response.content))

        page: Page = await self._get(f"/contacts/{quote(source_id, safe='')}", read, {})
        return page

    async def check(self) -> str:
        """One list call of one contact."""

        def read(response: httpx.Response) -> str:
            self._raise_for(response, "contacts")
            return "contacts can be read"

        line: str = await self._get("/contacts", read, {"page": 1, "per_page": 1})
        return line

    async def _get(self, path: str, read: Any, params: dict[str, Any]) -> Any:
        async def go() -> Any:
            token = await self._valid_token()
            return await self._http.call(
                "GET",
                f"{self._settings.books_path}{path}",
                read=read,
                params={"organization_id": self._settings.organization_id, **params},
                headers=lambda: {"Authorization": f"Zoho-oauthtoken {token}"},
            )

        try:
            return await go()
        except _DeadTokenError:
            await self._valid_token(dead=self._token)
        try:
            return await go()
        except _DeadTokenError as error:
            raise PermanentError(
                f"{error}: a fresh token is refused too; check the scopes of the refresh token "
                "(ZOHO_REFRESH_TOKEN) and the data centre (ZOHO_API_URL)",
                system=SYSTEM,
            ) from None

    async def _valid_token(self, dead: str | None = None) -> str:
        """The shared access token, renewed early; at most one process renews it."""
        async with self._renewing:
            if self._token_error is not None:
                raise self._token_error
            if not self._usable(self._token, self._expires_at, dead):
                try:
                    await self._renew(dead)
                except SourceError as error:
                    self._token_error = error  # asking again would lengthen the lock-out
                    raise
            if self._token is None:
                raise RuntimeError("a renewal ends with a token or an error")
            return self._token

    @staticmethod
    def _usable(token: str | None, expires_at: datetime | None, dead: str | None) -> bool:
        return token is not None and token != dead and expires_at is not None and now_utc() < expires_at

    async def _renew(self, dead: str | None) -> None:
        with self._tokens.locked(self._fingerprint) as slot:
            if not self._usable(slot.token, slot.expires_at, dead):
                answer: _Token = await self._http.call(
                    "POST",
                    "/oauth/v2/token",
                    read=self._read_token,
                    base_url=self._settings.accounts_url,
                    counted=False,
                    data={**self._secrets, "grant_type": "refresh_token"},
                )
                # renewed early, but a token that lives shorter than that is used for half its life
                early = min(RENEW_BEFORE, timedelta(seconds=answer.expires_in / 2))
                slot.save(answer.access_token, now_utc() + timedelta(seconds=answer.expires_in) - early)
            self._token, self._expires_at = slot.token, slot.expires_at

    @staticmethod
    def _read_token(response: httpx.Response) -> _Token:
        """Sheet, section 1: errors come under HTTP 200 too; success is that the token is there."""
        if response.status_code >= 500:
            raise TransientError(f"zoho token: HTTP {response.status_code}", system=SYSTEM)
        answer: _Token = decode(response.content, _Token, system=SYSTEM, what="token")
        if answer.access_token:
            return answer
        if answer.error == "Access Denied":
            raise QuotaError(
                "zoho: too many tokens were asked for; the token service is closed for ten minutes, "
                "and asking again lengthens that. The credentials may be right",
                system=SYSTEM,
            )
        mend = {
            "invalid_code": "the refresh token is revoked or of another data centre: check ZOHO_REFRESH_TOKEN and "
            "ZOHO_ACCOUNTS_URL, or give consent anew",
            "invalid_client": "check ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET and ZOHO_ACCOUNTS_URL",
        }.get(answer.error, "check the ZOHO_ settings")
        raise CredentialsError(
            f"zoho: no access token ({answer.error or 'no reason given'}): {mend}", system=SYSTEM
        )

    def _raise_for(self, response: httpx.Response, what: str) -> None:
        """Sheet, sections 2 and 3: the code in the body decides, not the status alone."""
        left = header_number(response, "X-Rate-Limit-Remaining")
        if left is not None:
            self.meter.quota_left = int(left)
        status = response.status_code
        if status >= 500:
            raise TransientError(f"zoho {what}: HTTP {status}", system=SYSTEM)
        answer = self._code_of(response, what)
        if answer.code or status != 200:
            self._raise_for_code(answer, status, response, what)
        if left is not None and left <= self._settings.daily_reserve:
            self.meter.halt = (
                f"zoho: {int(left)} calls are left today, which ZOHO_DAILY_RESERVE keeps for others; "
                "the next run goes on from here"
            )

    @staticmethod
    def _code_of(response: httpx.Response, what: str) -> _Code:
        """Code and message of an answer; a refusal without JSON is told by its status."""
        try:
            return cast("_Code", decode(response.content, _Code, system=SYSTEM, what=what))
        except SourceError:
            if response.status_code == 200:
                raise
            return _Code()

    def _raise_for_code(self, answer: _Code, status: int, response: httpx.Response, what: str) -> NoReturn:
        said = f"zoho {what}: code {answer.code} ({answer.message or snippet(response)})"
        match answer.code:
            case 57 | 14:
                raise _DeadTokenError(said, system=SYSTEM)
            case 1002:
                raise GoneError(said, system=SYSTEM)
            case 43 | 44:
                wait = header_number(response, "Retry-After") or 60.0
                raise ThrottledError(said, system=SYSTEM, wait_seconds=wait, growth=1.0, tries=3)
            case 1070:
                raise ThrottledError(said, system=SYSTEM, wait_seconds=2.0)
            case 45:
                reset = header_number(response, "X-Rate-Limit-Reset") or 3600.0
                raise QuotaError(
                    f"zoho: the day's quota is gone; it is renewed in {reset / 3600:.1f} h, "
                    "and the next run goes on from here",
                    system=SYSTEM,
                )
            case 6041:
                raise PermanentError(f"{said}; check ZOHO_ORGANIZATION_ID", system=SYSTEM)
            case 5:
                raise PermanentError(f"{said}; check ZOHO_API_URL and ZOHO_BOOKS_PATH", system=SYSTEM)
            case 1000:
                raise TransientError(said, system=SYSTEM)
        if status == 401:
            raise _DeadTokenError(said, system=SYSTEM)
        if status == 404:
            raise GoneError(said, system=SYSTEM)
        if status == 429:
            raise ThrottledError(said, system=SYSTEM, wait_seconds=60.0, growth=1.0, tries=3)
        raise ContractError(said, system=SYSTEM)


class _DeadTokenError(PermanentError):
    """401: dead token or missing scope; told apart by trying once with a fresh token."""


def _revealed(settings: ZohoSettings, name: str) -> str:
    secret = getattr(settings, name)
    if secret is None:
        raise CredentialsError(f"zoho: no credentials (ZOHO_{name.upper()})", system=SYSTEM)
    return str(secret.get_secret_value())
