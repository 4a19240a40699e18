"""The webhook receiver: verify, store, commit, answer. It applies nothing and waits for nothing but the commit.

Contract and reasons: docs/systems/robaws.md#deliveries. Robaws waits 2 s and may suspend an endpoint that fails, so what is
rightly signed is always taken: bursts, repetitions, unknown events, bodies that nobody can read.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from starlette.types import Receive, Scope, Send

from customer_assets.domain.webhooks.deliveries import EVENTS, open_delivery
from customer_assets.domain.webhooks.signature import (
    HEADER,
    Signature,
    SignatureError,
    parse_signature,
    verify,
)
from customer_assets.store.webhooks.inbox import NewDelivery, Refusal
from customer_assets.web.metrics import RECEIVED, REFUSED
from customer_assets.web.webhooks.group_writer import GroupWriter, NotStoredError
from customer_assets.web.webhooks.secrets import Secrets

SOURCE = "robaws"  # whose signature scheme this receiver speaks
PATH = f"/api/webhooks/{SOURCE}/customers"
LARGEST_BODY = 1024 * 1024
BODY_SECONDS = 5.0
MOST_ADDRESSES = 10_000  # whose refusals are counted apart
STATUS_OF = {"too_large": 413, "too_slow": 408, "media_type": 415}
MEANING = {
    "missing": f"no {HEADER} header",
    "malformed": f"{HEADER} is not t=<seconds>,v1=<hex>",
    "wrong": "signed with none of our secrets",
    "too_old": "signed too long ago",
    "in_the_future": "signed in the future",
    "no_secret": "no secret is configured",
    "too_large": f"more than {LARGEST_BODY} bytes",
    "too_slow": "the body took too long",
    "media_type": "application/json is expected",
}
_HEADER = HEADER.lower().encode()


class _Refused(Exception):  # noqa: N818 (an outcome, caught where it is answered)
    """The delivery is not taken. `body` is what was read of it."""

    def __init__(self, reason: str, size: int = 0, body: bytes | None = None) -> None:
        super().__init__(reason)
        self.reason, self.size, self.body = reason, size, body


class _GoneError(Exception):
    """The sender hung up."""


class Allowance:
    """So many refusals a minute for each address; what is verified never asks."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._levels: dict[str, tuple[float, float]] = {}
        self._said: dict[str, float] = {}

    def take(self, address: str) -> bool:
        """Whether this address may be refused once more with all that belongs to it."""
        now = self._clock()
        level, at = self._levels.pop(address, (float(self._per_minute), now))
        level = min(float(self._per_minute), level + (now - at) * self._per_minute / 60)
        allowed = level >= 1
        self._levels[address] = (level - 1 if allowed else level, now)
        if len(self._levels) > MOST_ADDRESSES:
            del self._levels[next(iter(self._levels))]
        return allowed

    def is_news(self, address: str) -> bool:
        """Whether nobody said within a minute that this address is refused without a look."""
        now = self._clock()
        if now - self._said.get(address, float("-inf")) < 60:
            return False
        self._said.pop(address, None)
        self._said[address] = now
        if len(self._said) > MOST_ADDRESSES:
            del self._said[next(iter(self._said))]
        return True

    def is_spent(self, address: str) -> bool:
        """Whether the next `take` would fail; takes nothing."""
        level, at = self._levels.get(address, (float(self._per_minute), self._clock()))
        return level + (self._clock() - at) * self._per_minute / 60 < 1


class Receiver:
    """An ASGI app for one path.

    Args:
        secrets: the active secrets, and whose they are.
        deliveries, refusals: what stores them.
        landed: called after each commit that stored something to be applied.
        tolerance_seconds: how far t may be off, both ways.
        refusals_per_minute: of one address, before it is answered without a look.
    """

    def __init__(
        self,
        secrets: Secrets,
        deliveries: GroupWriter[NewDelivery],
        refusals: GroupWriter[Refusal],
        landed: Callable[[], None],
        *,
        tolerance_seconds: float,
        refusals_per_minute: int,
    ) -> None:
        self._secrets, self._deliveries, self._refusals = secrets, deliveries, refusals
        self._landed = landed
        self._tolerance = tolerance_seconds
        self._allowance = Allowance(refusals_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["method"] != "POST":
            await _answer(send, 405, b'{"error":"only POST"}', (b"allow", b"POST"))
            return
        address = scope["client"][0] if scope.get("client") else "unknown"
        try:
            delivery = await self._verified(scope, receive, address)
        except _Refused as refused:
            await self._refuse(send, address, refused)
            return
        except _GoneError:
            return
        try:
            await self._deliveries.put(delivery)
        except NotStoredError:
            await _answer(send, 503, b'{"error":"could not be stored; send it again"}', (b"retry-after", b"5"))
            return
        RECEIVED.inc()
        if delivery.status == "waiting":
            self._landed()
        await _answer(send, 202, b'{"status":"stored"}')

    async def _verified(self, scope: Scope, receive: Receive, address: str) -> NewDelivery:
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = headers[name] + b"," + value if name in headers else value
        try:
            signature = parse_signature(headers.get(_HEADER))
        except SignatureError as error:
            if self._allowance.is_spent(address):
                raise _Refused(error.reason) from None  # not worth reading its body
            body = await _body(receive, headers)
            raise _Refused(error.reason, len(body), body) from None
        media_type = headers.get(b"content-type", b"application/json").split(b";")[0].strip().lower()
        if media_type != b"application/json":
            raise _Refused("media_type")
        body = await _body(receive, headers)
        account = await self._account_of(signature, body)
        opened = open_delivery(body, signature.t)
        status = "failed" if opened.error else "waiting" if opened.event in EVENTS else "ignored"
        return NewDelivery(opened.id, account, SOURCE, opened.event, body, signature.signed_at, status, opened.error)

    async def _account_of(self, signature: Signature, body: bytes) -> str:
        """Whose secret signed it.

        Raises:
            _Refused: nobody's, or too long ago.
        """
        secrets = self._secrets.known
        try:
            try:
                return secrets.accounts[self._which(signature, body, secrets.values)]
            except SignatureError as error:
                if error.reason not in ("wrong", "no_secret"):
                    raise
                renewed = await self._secrets.renewed()  # an endpoint may have been registered a moment ago
                if renewed.values == secrets.values:
                    raise
                return renewed.accounts[self._which(signature, body, renewed.values)]
        except SignatureError as error:
            raise _Refused(error.reason, len(body), body) from None

    def _which(self, signature: Signature, body: bytes, secrets: tuple[bytes, ...]) -> int:
        if not secrets:
            raise SignatureError("no_secret")
        return verify(signature, body, secrets, now=datetime.now(UTC), tolerance_seconds=self._tolerance)

    async def _refuse(self, send: Send, address: str, refused: _Refused) -> None:
        REFUSED.labels(refused.reason).inc()
        close = (b"connection", b"close")  # there may be a body that nobody reads
        if not self._allowance.take(address):
            if self._allowance.is_news(address):
                await self._note(Refusal("throttled", address, refused.size, None))
            await _answer(send, 429, b'{"error":"too many refused deliveries"}', (b"retry-after", b"60"), close)
            return
        body_hash = hashlib.sha256(refused.body).digest() if refused.body is not None else None
        await self._note(Refusal(refused.reason, address, refused.size, body_hash))
        status = STATUS_OF.get(refused.reason, 401)
        await _answer(send, status, b'{"error":"%s"}' % MEANING[refused.reason].encode(), close)

    async def _note(self, refusal: Refusal) -> None:
        """Keep a trace; where that cannot be done in time, it goes without."""
        with suppress(NotStoredError):
            await self._refusals.put(refusal)


async def _body(receive: Receive, headers: dict[bytes, bytes]) -> bytes:
    """The whole body.

    Raises:
        _Refused: too large (counted while reading) or too slow.
        _GoneError: the sender hung up.
    """
    length = headers.get(b"content-length", b"")
    if length.isdigit() and (len(length) > 9 or int(length) > LARGEST_BODY):
        raise _Refused("too_large")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise _GoneError
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > LARGEST_BODY:
                    raise _Refused("too_large", size)
                if not message.get("more_body"):
                    return b"".join(chunks)
    except TimeoutError:
        raise _Refused("too_slow", size) from None


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    plain = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    with suppress(OSError, RuntimeError):  # the sender hung up meanwhile: nobody is left to tell
        await send({"type": "http.response.start", "status": status, "headers": [*plain, *headers]})
        await send({"type": "http.response.body", "body": body})
