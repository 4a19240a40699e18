"""Zoho Books v3: contacts and invoices. Facts: docs/systems/zoho.md.

Pages are read in order, chained to an explicit "no more". One access token is shared by all processes: the token store
locks it while it is renewed, so that nobody runs into the limit of ten tokens per ten minutes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from functools import partial
from typing import Any, NoReturn, cast
from urllib.parse import quote

import msgspec

from customer_assets.domain.clock import now_utc
from customer_assets.errors import (
    ContractError,
    GoneError,
    PermanentError,
    QuotaError,
    SourceError,
    ThrottledError,
    TransientError,
)
from customer_assets.sources.kit.client import Client, TokenStore
from customer_assets.sources.kit.http import Answer, Http, Response, header_number, snippet
from customer_assets.sources.kit.pace import Meter, Window
from customer_assets.sources.kit.pages import Envelope, Page, decode
from customer_assets.sources.zoho.settings import ZohoSettings
from customer_assets.sources.zoho.tokens import AccessToken

PAGE_SIZE = 200
SYSTEM = "zoho"
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
    contact: msgspec.Raw = msgspec.Raw(b"")
    invoice: msgspec.Raw = msgspec.Raw(b"")


class _Code(msgspec.Struct):
    code: int = 0
    message: str = ""


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


def open_detail(stream: str, body: bytes) -> Envelope:
    """The answer of `GET /contacts/{id}` or `GET /invoices/{id}`."""
    record: msgspec.Raw = getattr(decode(body, _Detail, system=SYSTEM, what=stream), stream)
    if not bytes(record):
        raise ContractError(f"zoho {stream}: the answer has no record of that name", system=SYSTEM)
    return Envelope([record])


class Zoho(Client):
    """The client. Streams: `contacts`, `invoices` (lists), `contact`, `invoice` (by id)."""

    def __init__(
        self,
        settings: ZohoSettings,
        tokens: TokenStore,
        *,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._settings = settings

        self._size = min(page_size, PAGE_SIZE)
        super().__init__(
            Http(
                system=SYSTEM,
                base_url=settings.api_url,
                settings={
                    settings.api_url.rstrip("/"): "ZOHO_API_URL",
                    settings.accounts_url.rstrip("/"): "ZOHO_ACCOUNTS_URL",
                },
                pacer=Window(settings.calls_per_minute / 60, settings.burst),
                meter=Meter(SYSTEM, budget=settings.call_budget),
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
                retry_seconds=settings.retry_seconds,
            )
        )
        self._access = AccessToken(settings, tokens, self._http)

    async def scan(self, stream: str, *, since: datetime | None, landed: frozenset[int]) -> AsyncGenerator[Page]:
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
            params["last_modified_time"] = since.strftime("%Y-%m-%dT%H:%M:%S%z")  # the only form that is taken
        requested_at = now_utc()

        def read(response: Response) -> Page:
            self._raise_for(response, f"{stream} page {position + 1}")
            return Page(position, response.content, requested_at, open_list(stream, response.content))

        return await self._get(f"/{stream}", read, params)

    async def fetch(self, stream: str, source_id: str) -> Page:
        """One contact by id, with its persons, or one invoice.

        Raises:
            GoneError: 404 or code 1002.
        """
        requested_at = now_utc()

        def read(response: Response) -> Page:
            self._raise_for(response, f"{stream} {source_id}")
            return Page(0, response.content, requested_at, open_detail(stream, response.content))

        return await self._get(f"/{stream}s/{quote(source_id, safe='')}", read, {})

    async def check(self) -> str:
        """One list call of one contact."""

        def read(response: Response) -> str:
            self._raise_for(response, "contacts")
            return "contacts can be read"

        return await self._get("/contacts", read, {"page": 1, "per_page": 1})

    async def _get(self, path: str, read: Callable[[Response], Answer], params: dict[str, Any]) -> Answer:
        token = await self._access.valid()
        for is_fresh in (False, True):
            headers = {"Authorization": f"Zoho-oauthtoken {token}"}
            try:
                return await self._http.call(
                    "GET",
                    f"{self._settings.books_path}{path}",
                    read=read,
                    params={"organization_id": self._settings.organization_id, **params},
                    headers=partial(dict, headers),
                )
            except _DeadTokenError as error:
                if is_fresh:
                    raise PermanentError(
                        f"{error}: a fresh token is refused too; check the scopes of the refresh token "
                        "(ZOHO_REFRESH_TOKEN) and the data centre (ZOHO_API_URL)",
                        system=SYSTEM,
                    ) from None
            token = await self._access.valid(dead=token)
        raise AssertionError("the second try returns or raises")

    def _raise_for(self, response: Response, what: str) -> None:
        """The code in the body decides, not the status alone (docs/systems/zoho.md#answers)."""
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
    def _code_of(response: Response, what: str) -> _Code:
        """Code and message of an answer; a refusal without JSON is told by its status."""
        try:
            return cast("_Code", decode(response.content, _Code, system=SYSTEM, what=what))
        except SourceError:
            if response.status_code == 200:
                raise
            return _Code()

    def _raise_for_code(self, answer: _Code, status: int, response: Response, what: str) -> NoReturn:
        message = f"zoho {what}: code {answer.code} ({answer.message or snippet(response)})"
        match answer.code:
            case 57 | 14:
                raise _DeadTokenError(message, system=SYSTEM)
            case 1002:
                raise GoneError(message, system=SYSTEM)
            case 43 | 44:
                wait = header_number(response, "Retry-After") or 60.0
                raise ThrottledError(message, system=SYSTEM, wait_seconds=wait, growth=1.0, tries=3)
            case 1070:
                raise ThrottledError(message, system=SYSTEM, wait_seconds=2.0)
            case 45:
                reset = header_number(response, "X-Rate-Limit-Reset") or 3600.0
                raise QuotaError(
                    f"zoho: the day's quota is gone; it is renewed in {reset / 3600:.1f} h, "
                    "and the next run goes on from here",
                    system=SYSTEM,
                )
            case 6041:
                raise PermanentError(f"{message}; check ZOHO_ORGANIZATION_ID", system=SYSTEM)
            case 5:
                raise PermanentError(f"{message}; check ZOHO_API_URL and ZOHO_BOOKS_PATH", system=SYSTEM)
            case 1000:
                raise TransientError(message, system=SYSTEM)
        if status == 401:
            raise _DeadTokenError(message, system=SYSTEM)
        if status == 404:
            raise GoneError(message, system=SYSTEM)
        if status == 429:
            raise ThrottledError(message, system=SYSTEM, wait_seconds=60.0, growth=1.0, tries=3)
        raise ContractError(message, system=SYSTEM)


class _DeadTokenError(PermanentError):
    """401: dead token or missing scope; told apart by trying once with a fresh token."""
