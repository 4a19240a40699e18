"""Webhooks out: subscribers are told of changed customers, each message until it is taken (standardwebhooks.com)."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from standardwebhooks.webhooks import Webhook

from customer_assets.domain.clock import now_utc
from customer_assets.errors import ConfigurationError, CustomerAssetsError
from customer_assets.store.database import Connection, connect
from customer_assets.store.webhooks import outgoing
from customer_assets.store.webhooks.outgoing import Message

POLL_SECONDS = 2.0
FOLLOW_SECONDS = 20.0  # between two looks at what edits and syncs changed
TIMEOUT_SECONDS = 15.0
STOP_SECONDS = 3.0
AT_ONCE = 8  # subscribers that are told at the same time: one that hangs holds up no other
BATCH = 200  # messages of one subscriber, one after the other, before others have their turn
# Seconds until the next try: some two days in all, and then a person has to look.
TRIES = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000)
GONE = 410  # the subscriber wants no more

_AGENT = f"customer-assets/{version('customer-assets')}"

log = logging.getLogger(__name__)


def new_secret() -> str:
    """A secret to sign with, as subscribers' libraries take it."""
    return f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"


def usable_address(url: str) -> str:
    """An address that messages can be posted to.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        parts = urlsplit(url.strip())
        is_one = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username and not parts.fragment
        )
        is_one = is_one and parts.port != 0 and bool(httpx.URL(url.strip()).host)
    except (ValueError, httpx.InvalidURL):
        is_one = False
    if not is_one:
        raise ConfigurationError("an address such as https://crm.example.com/hooks is needed, without a password in it")
    return url.strip()


class Sender:
    """Sends what waits, each subscriber's messages in a thread that nobody waits for; several processes may do so at once."""

    def __init__(
        self, url: str, refresh: Callable[[], Any], borrow: Callable[[], AbstractContextManager[Connection]]
    ) -> None:
        """A sender of one database.

        Args:
            url: of the database.
            borrow: a connection for a moment, to look every few seconds.
            refresh: brings customers in line with records that changed; called after `changed`, where somebody subscribed.
        """
        self._url, self._refresh, self._borrow = url, refresh, borrow
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, headers={"user-agent": _AGENT})
        self._under_way: set[int] = set()  # subscriptions
        self._begun_at: dict[int, float] = {}  # subscriptions, by the clock of this process
        self._wake = threading.Event()
        self._is_stale = False
        self._newest: int | None = None
        self._look_again_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks out", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def changed(self) -> None:
        """Records changed: customers are looked at soon."""
        self._is_stale = True
        self._wake.set()

    def stop(self) -> None:
        """End; what is not sent waits in the table, and what is being sent is sent again."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=STOP_SECONDS)
        self._client.close()

    def begin_due(self) -> list[threading.Thread]:
        """Begin to send what is due, of every subscriber of whom nothing is being sent; the threads that do it."""
        with self._borrow() as connection:
            due = [one for one in outgoing.due_subscriptions(connection) if one["id"] not in self._under_way]
        # who waits longest first: some may hang all the time
        due.sort(key=lambda one: self._begun_at.get(one["id"], 0.0))
        begun = []
        for one in due[: max(0, AT_ONCE - len(self._under_way))]:
            self._under_way.add(one["id"])
            self._begun_at[one["id"]] = time.monotonic()
            # a daemon: the process does not wait for a subscriber that hangs
            thread = threading.Thread(target=self._send_some, args=(one,), name="webhooks out", daemon=True)
            thread.start()
            begun.append(thread)
        return begun

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            with _noted():
                self.begin_due()
            with _noted():
                self._follow()

    def _follow(self) -> None:
        """Bring customers in line with what changed, soon after deliveries, a little later after edits and syncs."""
        with self._borrow() as connection:
            newest = outgoing.newest_change(connection)
        is_time = time.monotonic() >= self._look_again_at
        if newest is None or not (self._is_stale or (newest != self._newest and is_time)):
            return
        was_stale, self._is_stale = self._is_stale, False  # what changes from now on is looked at the next time
        self._look_again_at = time.monotonic() + FOLLOW_SECONDS
        try:
            self._refresh()
            self._newest = newest
        except BaseException:
            self._newest = None if was_stale else self._newest  # once more, when it is time
            raise

    def _send_some(self, subscription: dict[str, Any]) -> None:
        """Send one subscriber some of what waits, in order, until one message is not taken: the others had better wait a little."""
        try:
            with _noted(), connect(self._url, name="customer_assets webhooks out") as connection:
                for _ in range(BATCH):
                    if self._stopping.is_set() or (message := outgoing.take(connection, subscription["id"])) is None:
                        return
                    if not _is_taken(connection, self._client, subscription, message):
                        return
                self._wake.set()  # there may be more
        finally:
            self._under_way.discard(subscription["id"])


@contextmanager
def _noted() -> Iterator[None]:
    """Log what went wrong: threads that send must go on."""
    try:
        yield
    except (psycopg.Error, CustomerAssetsError) as error:
        log.warning("webhooks out wait: %s", str(error).splitlines()[0] if str(error) else error)
    except Exception:
        log.exception("webhooks out wait")


def _is_taken(connection: Connection, client: httpx.Client, subscription: dict[str, Any], message: Message) -> bool:
    at = now_utc()
    headers = {
        "content-type": "application/json",
        "webhook-id": message.message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(subscription["secret"]).sign(message.message_id, at, message.body),
    }
    answer: int | None = None
    error: str | None = None
    try:
        # what it says besides its status is not read
        with client.stream("POST", subscription["url"], content=message.body.encode(), headers=headers) as response:
            answer = response.status_code
            error = None if response.is_success else f"HTTP {answer}"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RuntimeError) as failure:
        error = f"{type(failure).__name__}: {failure}"[:300]
    if answer == GONE:
        outgoing.switch(connection, subscription["name"], on=False, because="its address answered 410: gone")
    outgoing.settle(connection, message, answer=answer, error=error, next_seconds=_wait_after(message))
    return error is None


def _wait_after(message: Message) -> float | None:
    return TRIES[message.tries - 1] if message.tries <= len(TRIES) else None
