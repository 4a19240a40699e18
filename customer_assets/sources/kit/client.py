"""What the pipeline needs of a system's client."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, Self

from customer_assets.sources.kit.http import Http
from customer_assets.sources.kit.pace import Meter, Pacer
from customer_assets.sources.kit.pages import Page


class TokenSlot(Protocol):
    """A stored access token, locked against other processes while it is held."""

    token: str | None
    expires_at: datetime | None

    def save(self, token: str, expires_at: datetime) -> None:
        """Replace it."""


class TokenStore(Protocol):
    """Where the one access token lives that all processes share."""

    def locked(self, fingerprint: str) -> AbstractContextManager[TokenSlot]:
        """Lock the token of the grant with this fingerprint."""


class Source(Protocol):
    """What the pipeline needs of a system."""

    meter: Meter
    pacer: Pacer

    def scan(self, stream: str, *, since: datetime | None, landed: frozenset[int]) -> AsyncGenerator[Page]:
        """All pages of a stream but those landed already; `since` asks for changes only. See each module."""

    async def fetch(self, stream: str, source_id: str) -> Page:
        """One record by id; raises `GoneError` when it does not exist."""

    async def check(self) -> str:
        """One cheap call that proves address and credentials; returns a line for `doctor`."""

    async def __aenter__(self) -> Self:
        """Open."""

    async def __aexit__(self, *_: object) -> None:
        """Close."""


class Client:
    """What the clients of all systems are built on: one paced, counted HTTP connection, open while the client is.

    Args:
        http: the connection, not yet open.
    """

    def __init__(self, http: Http) -> None:
        self._http = http
        self.meter = http.meter
        self.pacer = http.pacer

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.__aexit__(None, None, None)
