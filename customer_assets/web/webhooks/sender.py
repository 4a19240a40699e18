"""Webhooks out: subscribers are told of changed customers, each message until it is taken (standardwebhooks.com)."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
BATCH = 20  # messages of one subscriber, one after the other
# Seconds until the next try: some two days in all, and then a person has to look.
TRIES = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000)
GONE = 410  # the subscriber wants no more

log = logging.getLogger(__name__)


def new_secret() -> str:
    """A secret to sign with, as subscribers' libraries take it."""
    return f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"


def usable_address(url: str) -> str:
    """An address that messages can be posted to.

    Raises:
        ConfigurationError: it is none.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ConfigurationError("an address such as https://crm.example.com/hooks is needed, without a password in it")
    return url.strip()


class Sender:
    """Sends what waits; several processes may do so at once."""

    def __init__(self, url: str, refresh: Callable[[], Any]) -> None:
        """A sender of one database.

        Args:
            url: of the database.
            refresh: brings customers in line with records that changed; called after `changed`, where somebody subscribed.
        """
        self._url, self._refresh = url, refresh
        self._wake = threading.Event()
        self._is_stale = False
        self._newest: int | None = None
        self._refreshed = 0.0
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
        """End after the messages at hand; what is not sent waits in the table."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout=STOP_SECONDS)

    def _run(self) -> None:
        with httpx.Client(
            timeout=TIMEOUT_SECONDS, headers={"user-agent": f"customer-assets/{version('customer-assets')}"}
        ) as client:
            while not self._stopping.is_set():
                self._wake.wait(POLL_SECONDS)
                self._wake.clear()
                try:
                    self._follow()
                    send_due(self._url, client, is_stopping=self._stopping.is_set)
                except (psycopg.Error, CustomerAssetsError) as error:
                    log.warning("webhooks out wait: %s", str(error).splitlines()[0] if str(error) else error)
                except Exception:
                    log.exception("webhooks out wait")  # whatever it was: this thread must go on

    def _follow(self) -> None:
        """Bring customers in line with what changed, soon after deliveries, a little later after edits and syncs."""
        with connect(self._url, name="customer_assets webhooks out") as connection:
            newest = outgoing.newest_change(connection)
        is_later = newest != self._newest and time.monotonic() - self._refreshed >= FOLLOW_SECONDS
        if newest is not None and (self._is_stale or is_later):
            self._is_stale, self._newest, self._refreshed = False, newest, time.monotonic()
            self._refresh()


def send_due(url: str, client: httpx.Client, *, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Send all messages whose time has come; returns how many were taken by their subscribers."""
    with connect(url, name="customer_assets webhooks out") as connection:
        due = outgoing.due_subscriptions(connection)
    if not due:
        return 0
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(due))) as pool:
        return sum(pool.map(lambda one: _send_to(url, client, one, is_stopping), due))


def _send_to(url: str, client: httpx.Client, subscription: dict[str, Any], is_stopping: Callable[[], bool]) -> int:
    """Send one subscriber what waits, in order, until one message is not taken: the next ones had better wait a little."""
    sent = 0
    with connect(url, name="customer_assets webhooks out") as connection:
        while not is_stopping() and (batch := outgoing.take(connection, subscription["id"], most=BATCH)):
            for number, message in enumerate(batch):
                if not _is_taken(connection, client, subscription, message):
                    outgoing.give_back(connection, batch[number + 1 :], seconds=TRIES[0])
                    return sent
                sent += 1
    return sent


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
        response = client.post(subscription["url"], content=message.body.encode(), headers=headers)
        answer = response.status_code
        error = None if response.is_success else f"HTTP {answer}"
    except (httpx.HTTPError, ValueError) as failure:
        error = f"{type(failure).__name__}: {failure}"[:300]
    if answer == GONE:
        outgoing.switch(connection, subscription["name"], on=False, because="its address answered 410: gone")
    outgoing.settle(connection, message, answer=answer, error=error, next_seconds=_wait_after(message))
    return error is None


def _wait_after(message: Message) -> float | None:
    return TRIES[message.tries - 1] if message.tries <= len(TRIES) else None
