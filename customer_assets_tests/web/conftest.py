"""The web app over the test's database, on a loopback port, with its writer and applier running; and its visitors."""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import re
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
from customer_assets.store import users
from customer_assets.web.app import build_app
from customer_assets.web.webhooks.receiver import PATH
from customer_assets_tests.conftest import Company, Serving

SECRET = "7f6c1b52-0000-4000-8000-000000000001"

PASSWORD = "correct horse battery"
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
READS = [
    "/overview",
    "/inbox",
    "/night",
    "/golden",
    "/customers",
    "/intakes",
    "/invoices",
    "/reminders",
    "/changes",
    "/runs",
    "/rejects",
    "/webhooks",
    "/webhooks/refusals",
    "/conflicts",
    "/reviews",
    "/audit",
    "/health",
    "/me",
    "/messages",
]
EDITS = ["/intakes/new", "/import", "/actions/sync-all", "/webhooks/retry", "/webhooks/range"]
WRITES = [
    "/golden/1/merge",
    "/golden/1/part",
    "/customers/1/apart",
    "/push/plan",
    "/push",
    "/webhooks/replay",
    "/conflicts/1",
    "/reviews/1",
    "/actions/pull-sumit",
    "/intakes/new",
    "/webhooks/retry",
    "/webhooks/range",
]


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


class Visitor:
    """A browser without scripts."""

    def __init__(self, address: str) -> None:
        self.client = httpx.Client(base_url=address, timeout=20)

    def log_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return self.client.post("/login", data={"name": name, "password": password})

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def token(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.client.get("/customers").text)
        assert found is not None
        return found.group(1)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        return self.client.post(path, data={"csrf": self.token(), **fields})


@pytest.fixture
def site(company: Company) -> Iterator[Web]:
    for role in users.ROLES:
        users.add_user(company.connection, role, PASSWORD, role=role)
    with serving(company) as web:
        yield web


@pytest.fixture
def visitors(site: Web) -> Iterator[dict[str, Visitor]]:
    found = {name: Visitor(site.address) for name in ("anonymous", *users.ROLES)}
    for name in users.ROLES:
        assert found[name].log_in(name).status_code == 303
    yield found
    for visitor in found.values():
        visitor.client.close()


def customer(company: Company, **fields: Any) -> int:
    columns = {
        "source": "robaws",
        "source_customer_id": "1",
        "name": "Aeon Shipping LLC",
        "role": "FORWARDER",
        **fields,
    }
    query = f"insert into customer_rows ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))}) returning id"
    found: int = company.value(query, *columns.values())
    return found


def form_of(text: str, action: str | None = None) -> dict[str, str]:
    """The hidden fields and inputs of a form, as a browser would send them untouched."""
    forms = re.findall(r"<form[^>]*>.*?</form>", text, re.DOTALL)
    chosen = next(f for f in forms if 'method="post"' in f and "/logout" not in f and (action is None or action in f))
    chosen = re.sub(r'<input type="checkbox"[^>]*>', "", chosen)
    found = dict(re.findall(r'<input[^>]*?name="([^"]+)"[^>]*?value="([^"]*)"', chosen))
    for name, options in re.findall(r'<select name="([^"]+)">(.*?)</select>', chosen, re.DOTALL):
        selected = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = selected.group(1) if selected else ""
    return {name: html.unescape(value) for name, value in found.items()}
