"""Robaws API v2: clients. Facts: docs/systems/robaws.md.

Page 0 tells how many there are; the others are fetched concurrently under one pacer and may come in any order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from itertools import islice
from typing import Any, NoReturn

import msgspec

from customer_assets.domain.clock import now_utc
from customer_assets.errors import (
    ContractError,
    CredentialsError,
    GoneError,
    PermanentError,
    QuotaError,
    ThrottledError,
    TransientError,
)
from customer_assets.sources.kit.client import Client
from customer_assets.sources.kit.http import Http, Response, header_number, snippet
from customer_assets.sources.kit.pace import Meter, Pacer
from customer_assets.sources.kit.pages import Envelope, Page, decode
from customer_assets.sources.robaws.settings import RobawsSettings

PAGE_SIZE = 100
SYSTEM = "robaws"


class _List(msgspec.Struct):
    items: list[msgspec.Raw]
    totalItems: int | None = None  # noqa: N815 (their names)
    totalPages: int | None = None  # noqa: N815


def open_list(body: bytes) -> Envelope:
    """A page of `GET /clients`."""
    page = decode(body, _List, system=SYSTEM, what="clients")
    return Envelope(page.items, total=page.totalItems, pages=page.totalPages)


def open_client(body: bytes) -> Envelope:
    """The answer of `GET /clients/{id}`: a bare object."""
    decode(body, dict[str, msgspec.Raw], system=SYSTEM, what="client")
    return Envelope([msgspec.Raw(body)])


class Robaws(Client):
    """The client. Streams: `clients` (list) and `client` (by id)."""

    def __init__(
        self,
        settings: RobawsSettings,
        *,
        page_size: int = PAGE_SIZE,
    ) -> None:
        if settings.api_key is None or settings.api_secret is None:
            raise CredentialsError("robaws: no credentials (ROBAWS_API_KEY, ROBAWS_API_SECRET)", system=SYSTEM)
        self._settings = settings
        self._size = min(page_size, PAGE_SIZE)
        self._sort = settings.sort
        self._filters = settings.incremental == "try"
        super().__init__(
            Http(
                system=SYSTEM,
                base_url=settings.base_url,
                settings={settings.base_url.rstrip("/"): "ROBAWS_BASE_URL"},
                pacer=Pacer(settings.requests_per_second, settings.burst),
                meter=Meter(SYSTEM),
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
                retry_seconds=settings.retry_seconds,
                auth=(settings.api_key.get_secret_value(), settings.api_secret.get_secret_value()),
            )
        )

    async def scan(self, stream: str, *, since: datetime | None, landed: frozenset[int]) -> AsyncGenerator[Page]:
        """Pages of `clients` in the order they arrive, except those in `landed`; page 0 always comes first.

        `since` is sent as `updatedFrom`; whether the answer really is filtered is for the caller to check.

        Raises:
            SourceError: a page could not be had; those yielded before are good.
        """
        first = await self._page(0, since)
        yield first
        pages = first.envelope.pages
        if pages is None and first.envelope.total is not None and first.envelope.records:
            # the page's real length, not the size asked for: the server may have capped it
            pages = -(-first.envelope.total // len(first.envelope.records))
        if pages is None:
            position = 1
            while (page := await self._page(position, since)).envelope.records:
                yield page
                position += 1
            return
        wanted = [number for number in range(1, pages) if number not in landed]
        async for page in self._concurrently(wanted, since):
            yield page

    async def _concurrently(self, wanted: list[int], since: datetime | None) -> AsyncGenerator[Page]:
        queue = iter(wanted)
        running = {
            asyncio.create_task(self._page(number, since)) for number in islice(queue, self._settings.concurrency)
        }
        try:
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    page = task.result()
                    if (number := next(queue, None)) is not None:
                        running.add(asyncio.create_task(self._page(number, since)))
                    yield page
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _page(self, number: int, since: datetime | None) -> Page:
        """A list page. Some tenants answer 400 to a sort: then it is dropped, unless that was not the reason."""
        params: dict[str, Any] = {"page": number, "size": self._size}
        if since is not None:
            params["updatedFrom"] = f"{since:%Y-%m-%dT%H:%M:%S.000Z}"
        headers = {"Database-Mode": "replica"} if self._settings.replica_reads else {}
        requested_at = now_utc()

        def read(response: Response) -> Page:
            self.raise_for(response, f"clients page {number}")
            return Page(number, response.content, requested_at, open_list(response.content))

        for sort in dict.fromkeys((self._sort, "")):
            try:
                page = await self._http.call(
                    "GET",
                    "/api/v2/clients",
                    read=read,
                    headers=lambda: headers,
                    params=params | ({"sort": sort} if sort else {}),
                )
            except _BadRequestError:
                if not sort:
                    raise
            else:
                self._sort = sort
                return page
        raise AssertionError("the last try returns or raises")

    async def fetch(self, stream: str, source_id: str) -> Page:
        """One client by id, always in normal mode (a replica may lag).

        Raises:
            GoneError: 404.
        """
        from urllib.parse import quote

        requested_at = now_utc()

        def read(response: Response) -> Page:
            if response.status_code == 404:
                raise GoneError(f"robaws client {source_id} does not exist", system=SYSTEM)
            self.raise_for(response, f"client {source_id}")
            return Page(0, response.content, requested_at, open_client(response.content))

        return await self._http.call("GET", f"/api/v2/clients/{quote(source_id, safe='')}", read=read)

    async def check(self) -> str:
        """One list call of one client."""

        def read(response: Response) -> Envelope:
            self.raise_for(response, "clients")
            return open_list(response.content)

        envelope = await self._http.call("GET", "/api/v2/clients", read=read, params={"page": 0, "size": 1})
        return f"{envelope.total if envelope.total is not None else 'unknown number of'} clients"

    def raise_for(self, response: Response, what: str) -> None:
        """What each answer means (docs/systems/robaws.md#answers)."""
        daily = header_number(response, "X-RateLimit-Daily-Remaining")
        if daily is not None:
            self.meter.quota_left = int(daily)
        remaining = header_number(response, "X-RateLimit-Remaining")
        if remaining is not None:
            self._http.pacer.correct(remaining)
        status = response.status_code
        if status == 429:
            self._throttled(daily, response, what)
        if status == 401:
            self._unauthorized(response)
        if status == 403:
            raise PermanentError(
                f"robaws {what}: 403, the role of this API user lacks the module; {snippet(response)}",
                system=SYSTEM,
            )
        if status >= 500:
            raise TransientError(f"robaws {what}: HTTP {status}", system=SYSTEM)
        if status == 400:
            raise _BadRequestError(f"robaws {what}: HTTP 400: {snippet(response)}", system=SYSTEM)
        if status != 200:
            raise ContractError(f"robaws {what}: HTTP {status}: {snippet(response)}", system=SYSTEM)
        if daily is not None and daily <= self._settings.daily_reserve and what.startswith("clients page"):
            # this answer is good and was paid for: the next call is the one that must not be made
            self.meter.halt = (
                f"robaws: {int(daily)} calls are left today, which ROBAWS_DAILY_RESERVE keeps for others; "
                "the next run goes on from here"
            )

    def _throttled(self, daily: float | None, response: Response, what: str) -> NoReturn:
        if daily == 0:
            reset = header_number(response, "X-RateLimit-Daily-Reset")
            raise QuotaError(
                "robaws: the day's quota is gone"
                + (f"; it is renewed in {reset / 3600:.1f} h" if reset is not None else "")
                + "; the next run goes on from here",
                system=SYSTEM,
            )
        wait = header_number(response, "Retry-After") or 1.0
        raise ThrottledError(f"robaws {what}: HTTP 429, too many calls a second", system=SYSTEM, wait_seconds=wait)

    def _unauthorized(self, response: Response) -> NoReturn:
        if response.headers.get("X-Robaws-Unauthorized-Reason") == "temp-blocked":
            raise CredentialsError(
                "robaws: the account is temporarily blocked on every endpoint; ask Robaws support to lift it, "
                "and start again by hand",
                system=SYSTEM,
            )
        raise CredentialsError("robaws: credentials refused; check ROBAWS_API_KEY and ROBAWS_API_SECRET", system=SYSTEM)


class _BadRequestError(ContractError):
    """400: a parameter that this tenant does not take."""
