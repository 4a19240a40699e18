"""The web app over the test's database, on a loopback port, with its writer and applier running."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from customer_assets.accounts import Configuration
from customer_assets.runtime.runtime import Runtime
from customer_assets.settings import Settings
from customer_assets.web.app import build_app
from customer_assets.web.webhooks.receiver import PATH
from customer_assets_tests.conftest import Company, Serving

SECRET = "7f6c1b52-0000-4000-8000-000000000001"


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What the condition gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.01)


class Web:
    """A running web app and a sender of deliveries."""

    def __init__(self, company: Company, address: str) -> None:
        self.company, self.address = company, address
        self.client = httpx.Client(base_url=address, timeout=10)

    def post(self, body: bytes | dict[str, Any], **how: Any) -> httpx.Response:
        """Send a delivery, rightly signed unless told otherwise: `secret`, `t`, or a whole `signature` (None: no header)."""
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        t = str(how.pop("t", int(time.time())))
        secret = how.pop("secret", SECRET)
        mac = hmac.new(secret.encode(), f"{t}.".encode() + raw, hashlib.sha256).hexdigest()
        signature = how.pop("signature", f"t={t},v1={mac}")
        headers: dict[str, Any] = {"Content-Type": "application/json", **how.pop("headers", {})}
        if signature is not None:
            headers["Robaws-Signature"] = signature if isinstance(signature, bytes) else signature.encode("latin-1")
        return self.client.post(PATH, content=raw, headers=headers, **how)

    def deliver(self, delivery_id: str | None = None, *, event: str = "client.updated", **data: Any) -> httpx.Response:
        """Send a delivery about a client."""
        fields = {"id": "3473", "name": "Voorbeeld Cars BV", **data}
        return self.post({"id": delivery_id or str(uuid.uuid4()), "event": event, "data": fields})

    def statuses(self) -> dict[str, str]:
        """Status of each delivery."""
        return {row["id"]: row["status"] for row in self.company.rows("select id, status from ops.webhook_deliveries")}

    def settled(self) -> dict[str, str]:
        """The same, once nothing waits any more."""
        return until(lambda: "waiting" not in (found := self.statuses()).values() and found)  # type: ignore[no-any-return]

    def reasons(self) -> list[str]:
        """Reasons of refusals, in their order."""
        return [row["reason"] for row in self.company.rows("select reason from ops.webhook_refusals order by id")]


def stack_of(company: Company, *, with_sumit: bool = False, dagster_url: str | None = None, **robaws: Any) -> Runtime:
    """A runtime whose Robaws account, and SUMIT's where it is wanted, speaks to the sandbox."""
    settings = Settings().model_copy(update={"report_to_dagster": "off", "dagster_url": dagster_url})
    robaws = {"webhook_secret": SECRET, "webhook_refusals_per_minute": 10_000} | robaws
    accounts = (company.account("robaws", **robaws), *([company.account("sumit")] if with_sumit else []))
    return Runtime(Configuration(settings, accounts), company.url, company.url)


@contextmanager
def serving(company: Company, *, with_sumit: bool = False, **robaws: Any) -> Iterator[Web]:
    """The web app with these settings of the Robaws account."""
    with Serving(build_app(stack_of(company, with_sumit=with_sumit, **robaws)), lifespan="on") as address:
        web = Web(company, address)
        yield web
        web.client.close()


@pytest.fixture
def web(company: Company) -> Iterator[Web]:
    """The web app with one configured secret."""
    with serving(company) as web:
        yield web
