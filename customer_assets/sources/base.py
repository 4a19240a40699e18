"""What the clients of all three systems share: one paced, counted, retried HTTP call, and what a page is.

A client raises the errors of `customer_assets.errors` and returns bodies as received; what they mean for customers is
decided elsewhere. No redirect is ever followed, and no credential reaches a message or a log.
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from customer_assets.errors import (
    ConfigurationError,
    ContractError,
    PermanentError,
    QuotaError,
    ThrottledError,
    TransientError,
)

if TYPE_CHECKING:
    import httpx

USER_AGENT = "customer-assets/0.1"
# an escaped surrogate that is not half of a pair
LONE_SURROGATE = re.compile(
    rb"(?i)\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}"
)
MOST_TRIES = 8  # of one call, whatever goes wrong


@dataclass(frozen=True, slots=True)
class Envelope:
    """A page, opened: its records still as JSON, so that each can be read (or rejected) on its own.

    Attributes:
        records: the records, undecoded.
        total: how many the system says there are in all; None where it does not say.
        pages: how many pages it says there are; None where it does not say.
        more: whether it says that another page follows; None where it does not say.
    """

    records: list[msgspec.Raw]
    total: int | None = None
    pages: int | None = None
    more: bool | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of an API, as received.

    Attributes:
        position: 0-based place in its scan (0 for a detail).
        body: the bytes as received.
        requested_at: when it was asked for (UTC): what it says was true then or later.
        envelope: the body, opened.
    """

    position: int
    body: bytes
    requested_at: datetime
    envelope: Envelope


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


@dataclass
class Meter:
    """What a run spent, and what the system says is left.

    Attributes:
        budget: calls this run may spend (None: no limit).
        halt: why no further call may be made, once that is so.
        calls, received: calls made, bytes received.
        quota_left: calls left today, as the system last said.
        on_call: told after each call, for progress bars.
    """

    system: str
    budget: int | None = None
    halt: str | None = None
    calls: int = 0
    received: int = 0
    quota_left: int | None = None
    on_call: Callable[[Meter], None] | None = None

    def spend(self) -> None:
        """Count one call.

        Raises:
            QuotaError: the run's budget is used up, or the day's quota is down to its reserve.
        """
        if self.halt is not None:
            raise QuotaError(self.halt, system=self.system)
        if self.budget is not None and self.calls >= self.budget:
            raise QuotaError(
                f"{self.system}: this run's call budget of {self.budget} is used up "
                f"({self.system.upper()}_CALL_BUDGET); the next run goes on from here",
                system=self.system,
            )
        self.calls += 1
        if self.on_call is not None:
            self.on_call(self)


@dataclass
class Pacer:
    """A token bucket: `burst` calls at once, then `rate` a second. Waiting callers go in the order they came."""

    rate: float
    burst: int
    _level: float = field(init=False)
    _at: float = field(init=False)
    _lock: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._level = float(self.burst)
        self._at = time.monotonic()

    async def turn(self) -> None:
        """Wait for this call's turn."""
        async with self._lock:
            self._refill()
            if self._level < 1:
                await asyncio.sleep((1 - self._level) / self.rate)
                self._refill()
            self._level -= 1

    def correct(self, remaining: float) -> None:
        """The system says how many calls it still takes right now: never believe in more than that."""
        self._refill()
        self._level = min(self._level, remaining)

    def slow_down(self, rate: float) -> None:
        """From now on at most `rate` calls a second, and no burst."""
        self.rate, self.burst = min(self.rate, rate), 1
        self._level = min(self._level, 1.0)

    def _refill(self) -> None:
        now = time.monotonic()
        self._level = min(float(self.burst), self._level + (now - self._at) * self.rate)
        self._at = now


class Http:
    """One system's HTTP connection. Use as an async context manager.

    Args:
        system: for messages.
        base_url: scheme, host and path prefix; `call` appends to it.
        pacer: when a call may go.
        meter: counts it.
        connect_timeout, read_timeout: seconds.
        retry_seconds: total budget for retries of one call.
        headers: sent with every call.
        auth: (user, password) for HTTP Basic.
        transport: stands in for the network in tests.
    """

    def __init__(
        self,
        *,
        system: str,
        base_url: str,
        pacer: Pacer,
        meter: Meter,
        connect_timeout: float,
        read_timeout: float,
        retry_seconds: float,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.system = system
        self.meter = meter
        self.pacer = pacer
        self._base_url = base_url.rstrip("/")
        self._retry_seconds = retry_seconds
        self._timeouts = (connect_timeout, read_timeout)
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json", **(headers or {})}
        self._auth = auth
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        import httpx
        import stamina
        from httpx_aiohttp import AiohttpTransport

        # retries are told to the standard log: by default they would be printed on stdout
        stamina.instrumentation.set_on_retry_hooks([stamina.instrumentation.LoggingOnRetryHook])
        connect, read = self._timeouts
        self._client = httpx.AsyncClient(
            transport=self._transport or AiohttpTransport(verify=_tls(), trust_env=False),
            timeout=httpx.Timeout(connect=connect, read=read, write=read, pool=None),
            headers=self._headers,
            auth=self._auth,
            follow_redirects=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        read: Callable[[httpx.Response], Any],
        retry: bool = True,
        headers: Callable[[], Mapping[str, str]] | None = None,
        base_url: str | None = None,
        counted: bool = True,
        **request: Any,
    ) -> Any:
        """Make one call, retried inside the budget while it fails with `TransientError`.

        Args:
            method, path: what to call; the path is appended to the base address.
            read: turns the answer into a value, or raises one of our errors.
            retry: False for calls whose repetition could do harm; what was refused for its pace was not done, and is
                repeated all the same.
            headers: asked anew at each try.
            base_url: another host, such as the accounts server.
            counted: False for calls that spend no quota.
            request: `params`, `json`, `data` as httpx takes them.

        Raises:
            SourceError: what `read` raised, or what the network did.
        """
        import stamina

        started = time.monotonic()
        throttled = 0

        def wait_for(error: Exception) -> bool | float:
            nonlocal throttled
            if isinstance(error, ThrottledError):
                throttled += 1
                wait = error.wait_seconds * error.growth ** (throttled - 1)
                return throttled < error.tries and wait * random.uniform(1.0, 1.2)  # noqa: S311
            return (
                retry
                and isinstance(error, TransientError)
                and time.monotonic() - started < self._retry_seconds
            )

        attempts = stamina.retry_context(
            on=wait_for, attempts=MOST_TRIES, timeout=None, wait_initial=0.3, wait_max=20.0, wait_jitter=1.0
        )
        async for attempt in attempts:
            with attempt:
                return await self._once(method, path, read, headers, base_url, counted, request)
        raise AssertionError("a retry loop ends by returning or raising")

    async def _once(
        self,
        method: str,
        path: str,
        read: Callable[[httpx.Response], Any],
        headers: Callable[[], Mapping[str, str]] | None,
        base_url: str | None,
        counted: bool,
        request: Mapping[str, Any],
    ) -> Any:
        import httpx

        if self._client is None:
            raise RuntimeError("use the client as a context manager")
        await self.pacer.turn()
        if counted:
            self.meter.spend()
        url = f"{(base_url or self._base_url).rstrip('/')}{path}"
        try:
            response = await self._client.request(
                method, url, headers=headers() if headers else None, **request
            )
        except httpx.TimeoutException:
            raise TransientError(
                f"{self._said(method, path)}: no answer in time", system=self.system
            ) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise ConfigurationError(
                f"{self.system}: {base_url or self._base_url} is no web address"
            ) from None
        except (httpx.RequestError, OSError) as error:
            raise TransientError(
                f"{self._said(method, path)}: {type(error).__name__}", system=self.system
            ) from None
        self.meter.received += len(response.content)
        if 300 <= response.status_code < 400:
            raise PermanentError(
                f"{self._said(method, path)}: redirected ({response.status_code}): no such path there; "
                f"check the base address of {self.system}",
                system=self.system,
            )
        return read(response)

    def _said(self, method: str, path: str) -> str:
        return f"{self.system} {method} {path}"


@cache
def _tls() -> ssl.SSLContext:
    """The trusted certificates, read once per process: that takes longer than a call."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def now_utc() -> datetime:
    """The current instant; requests are stamped with it."""
    return datetime.now(UTC)


def header_number(response: httpx.Response, name: str) -> float | None:
    """A numeric header (case does not count), None where it is missing or no number."""
    try:
        return float(response.headers[name])
    except (KeyError, ValueError):
        return None


def snippet(response: httpx.Response) -> str:
    """The beginning of an answer that is not what was expected, on one line."""
    return " ".join(response.text.split())[:200]


def decode(body: bytes, kind: Any, *, system: str, what: str) -> Any:
    """Open an envelope.

    Raises:
        ContractError: it is JSON of another shape.
        TransientError: it is cut, or no JSON at all.
    """
    try:
        try:
            return msgspec.json.decode(body, type=kind, strict=False)
        except msgspec.DecodeError:
            if b"\\ud" not in body.lower():
                raise
            # half an emoji, as cut texts have: one record's trouble, not its page's
            return msgspec.json.decode(LONE_SURROGATE.sub(rb"\\ufffd", body), type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise ContractError(f"{system} {what}: not the promised answer: {error}", system=system) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise TransientError(f"{system} {what}: the answer is cut or no JSON", system=system) from None
