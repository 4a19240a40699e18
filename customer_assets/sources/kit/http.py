"""What the clients of all three systems share: one paced, counted, retried HTTP call, and what a page is.

A client raises the errors of `customer_assets.errors` and returns bodies as received; what they mean for customers is
decided elsewhere. No redirect is ever followed, and no credential reaches a message or a log.
"""

from __future__ import annotations

import logging
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from customer_assets.errors import (
    ConfigurationError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from customer_assets.sources.kit.pace import Meter, Pacer

if TYPE_CHECKING:
    import aiohttp
    from stamina.instrumentation import RetryDetails

log = logging.getLogger(__name__)

USER_AGENT = "customer-assets/0.1"
Answer = TypeVar("Answer")
MOST_TRIES = 8  # of one call, whatever goes wrong


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, read to its end.

    Attributes:
        status_code: of HTTP.
        headers: by name, whose case does not count.
        content: the body, unpacked.
    """

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text, for messages."""
        return self.content.decode(errors="replace")


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
        settings: base address -> the setting that gives it, for messages.
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
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.system = system
        self._settings = settings or {}
        self.meter = meter
        self.pacer = pacer
        self._base_url = base_url.rstrip("/")
        self._retry_seconds = retry_seconds
        self._timeouts = (connect_timeout, read_timeout)
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json", **(headers or {})}
        self._auth = auth
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        import aiohttp
        import stamina

        # retries are told to the standard log: by default they would be printed on stdout
        stamina.instrumentation.set_on_retry_hooks([_say_retry])
        connect, read = self._timeouts
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=_tls()),  # how many at once is the client's to say
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read),
            headers=self._headers | ({"Authorization": aiohttp.encode_basic_auth(*self._auth)} if self._auth else {}),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        read: Callable[[Response], Answer],
        retry: bool = True,
        headers: Callable[[], Mapping[str, str]] | None = None,
        base_url: str | None = None,
        counted: bool = True,
        **request: Any,
    ) -> Answer:
        """Make one call, retried inside the budget while it fails with `TransientError`.

        Args:
            method, path: what to call; the path is appended to the base address.
            read: turns the answer into a value, or raises one of our errors.
            retry: False for calls whose repetition could do harm; what was refused for its pace was not done, and is
                repeated all the same.
            headers: asked anew at each try.
            base_url: another host, such as the accounts server.
            counted: False for calls that spend no quota.
            request: `params`, `json`, `data` as aiohttp takes them.

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
            return retry and isinstance(error, TransientError) and time.monotonic() - started < self._retry_seconds

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
        read: Callable[[Response], Answer],
        headers: Callable[[], Mapping[str, str]] | None,
        base_url: str | None,
        counted: bool,
        request: Mapping[str, Any],
    ) -> Answer:
        import aiohttp

        if self._session is None:
            raise RuntimeError("use the client as a context manager")
        await self.pacer.turn()
        if counted:
            self.meter.spend()
        address = base_url or self._base_url
        try:
            async with self._session.request(
                method,
                f"{address.rstrip('/')}{path}",
                headers=headers() if headers else None,
                allow_redirects=False,
                **request,
            ) as answer:
                response = Response(answer.status, answer.headers, await answer.read())
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise TransientError(self._unreachable(address, error), system=self.system, host=host_of(address)) from None
        except TimeoutError:
            _, read_seconds = self._timeouts
            raise TransientError(
                f"{self._said(method, path)}: no answer within {read_seconds:g} s from {host_of(address)}",
                system=self.system,
            ) from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise ConfigurationError(self._no_address(address)) from None
        except (aiohttp.ClientError, OSError) as error:
            raise TransientError(f"{self._said(method, path)}: {type(error).__name__}", system=self.system) from None
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

    def _setting(self, address: str) -> str:
        return self._settings.get(address.rstrip("/"), f"the base address of {self.system}")

    def _unreachable(self, address: str, error: Exception) -> str:
        said = str(error).partition(" [")[2].rstrip("]")  # "Cannot connect to host ... [what the system says]"
        reason = "no connection" if not said or said.startswith("Connect call failed") else said
        return f"cannot reach {host_of(address)} ({self._setting(address)}): {reason}"

    def _no_address(self, address: str) -> str:
        lacking = "has no scheme: write https:// before it" if "://" not in address else "is no web address"
        return f'{self._setting(address)}: "{address}" {lacking}'


def host_of(address: str) -> str:
    """Host and port of a base address, without what stands before them."""
    parts = urlsplit(address)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return parts.hostname or address
    return f"{parts.hostname}:{port}"


def _say_retry(details: RetryDetails) -> None:
    """One line per retry: which system, what it said, and how long it is waited."""
    system = getattr(details.caused_by, "system", "") or details.name
    log.warning(
        "%s: once more in %.1f s (retry %d): %s", system, details.wait_for, details.retry_num, details.caused_by
    )


@cache
def _tls() -> ssl.SSLContext:
    """The trusted certificates, read once per process: that takes longer than a call."""
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def header_number(response: Response, name: str) -> float | None:
    """A numeric header (case does not count), None where it is missing or no number."""
    try:
        return float(response.headers[name])
    except (KeyError, ValueError):
        return None


def snippet(response: Response) -> str:
    """The beginning of an answer that is not what was expected, on one line."""
    return " ".join(response.text.split())[:200]
