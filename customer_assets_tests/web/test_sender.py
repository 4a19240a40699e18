"""Webhooks out: subscribers get signed messages of changed customers, until they take them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest
from standardwebhooks.webhooks import Webhook

from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.identity.decide import decide_pair
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.store.database import connect
from customer_assets.store.webhooks import outgoing
from customer_assets.web.webhooks import sender
from customer_assets.web.webhooks.sender import TRIES, Sender, new_secret, usable_address
from customer_assets_tests.conftest import Company
from customer_assets_tests.web.conftest import Visitor, Web, customer, form_of, until

pytestmark = pytest.mark.slow


class Subscriber:
    """Another system: keeps what it got, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[dict[str, Any]], int] = lambda _: 204
        self.secret = new_secret()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                owner.got.append((dict(self.headers.items()), body))
                self.send_response(owner.answer(json.loads(body)))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def subscribe(self, company: Company, *events: str, name: str = "crm") -> None:
        outgoing.subscribe(
            company.connection, name=name, url=self.url, secret=self.secret, events=events or outgoing.EVENTS, by="x"
        )

    def told(self) -> list[dict[str, Any]]:
        """What it was told, each message verified as its own library does that."""
        return [Webhook(self.secret).verify(body, headers) for headers, body in self.got]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def crm() -> Iterator[Subscriber]:
    subscriber = Subscriber()
    yield subscriber
    subscriber.close()


def sender_of(company: Company, refresh: Callable[[], Any] = lambda: None) -> Sender:
    return Sender(company.url, refresh, borrow=lambda: connect(company.url))


@pytest.fixture
def client(company: Company, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", 2.0)
    found = sender_of(company)
    yield found
    found.stop()


def send_due(company: Company, client: Sender) -> int:
    """Send what is due until nothing is, or is not taken; how many messages were."""
    sent = "select count(*) from ops.outgoing_messages where status = 'sent'"
    before = company.value(sent)
    for thread in client.begin_due():
        thread.join()
    return int(company.value(sent) - before)


def messages(company: Company) -> list[tuple[str, str, int]]:
    rows = company.rows("select event, status, tries from ops.outgoing_messages order by id")
    return [(row["event"], row["status"], row["tries"]) for row in rows]


def come_due(company: Company) -> None:
    company.do("update ops.outgoing_messages set next_try_at = now() where status = 'waiting'")


def test_a_customers_life_is_told_in_signed_messages(company: Company, crm: Subscriber, client: Sender) -> None:
    crm.subscribe(company)
    one = customer(company, name="Zwolle Transport BV", vat_number="NL004495445B01")
    other = customer(company, name="Anders NV", source="zoho", source_customer_id="z")
    resolve_customers(company.context)
    resolve_customers(company.context)  # of nothing new nobody is told
    edit_customer(company.context, one, {"phone": "+3235550199"}, by="anna")
    resolve_customers(company.context)
    decide_pair(company.context, f"{one}", f"{other}", decision="same", by="anna")
    resolve_customers(company.context)
    company.do("delete from customer_rows")
    resolve_customers(company.context)
    assert send_due(company, client) == 6
    told = crm.told()
    told_of = " ".join(t["type"].removeprefix("customer.") for t in told)
    assert told_of == "created created updated updated merged deleted"
    assert told[0]["data"]["name"] == "Zwolle Transport BV"
    assert told[0]["data"]["customer_ids"] == [one]
    assert told[2]["data"]["primary_phone"] == "+3235550199"
    assert told[3]["data"]["customer_ids"] == [one, other]
    assert told[4]["data"] == {"id": told[1]["data"]["id"], "merged_into": told[0]["data"]["id"]}
    assert told[5]["data"] == {"id": told[0]["data"]["id"]}
    assert len({headers["webhook-id"] for headers, _ in crm.got}) == 6
    assert {status for _, status, _ in messages(company)} == {"sent"}


def test_what_did_not_happen_is_not_told(company: Company, crm: Subscriber) -> None:
    crm.subscribe(company)
    customer(company)
    company.do("create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$")
    company.do("create trigger refuse before insert on ops.identity_index execute function refuse()")
    try:
        with pytest.raises(psycopg.errors.RaiseException):
            resolve_customers(company.context)
    finally:
        company.do("drop function refuse cascade")
    assert messages(company) == []


def test_only_what_one_subscribed_to_is_told_and_nothing_while_it_rests(company: Company, crm: Subscriber) -> None:
    crm.subscribe(company, "customer.deleted")
    customer(company)
    resolve_customers(company.context)
    assert messages(company) == []
    outgoing.switch(company.connection, "crm", on=False)
    company.do("delete from customer_rows")
    resolve_customers(company.context)
    assert messages(company) == []


def test_a_message_is_sent_until_it_is_taken_and_the_others_do_not_wait_for_it(
    company: Company, crm: Subscriber, client: Sender
) -> None:
    crm.subscribe(company)
    for number in range(3):
        customer(company, source_customer_id=f"{number}", name=f"Klant {'ABC'[number]}{number} Zaventem")
    resolve_customers(company.context)
    crm.answer = lambda told: 500 if told["data"]["name"].startswith("Klant A0") else 200
    assert send_due(company, client) == 0  # the first one is not taken: the others have their turn a little later
    assert messages(company) == [("customer.created", "waiting", 1), *[("customer.created", "waiting", 0)] * 2]
    assert send_due(company, client) == 2
    assert send_due(company, client) == 0
    crm.answer = lambda _: 200
    come_due(company)
    assert send_due(company, client) == 1
    assert messages(company) == [("customer.created", "sent", 2), *[("customer.created", "sent", 1)] * 2]
    first = [headers["webhook-id"] for headers, body in crm.got if b"Klant A0" in body]
    assert len(first) == 2
    assert len(set(first)) == 1  # the same message, as who gets it twice can tell


def test_after_two_days_a_person_looks_and_may_have_it_sent_again(
    company: Company, crm: Subscriber, client: Sender
) -> None:
    crm.subscribe(company)
    customer(company)
    resolve_customers(company.context)
    crm.answer = lambda _: 503
    for _ in range(len(TRIES) + 1):
        come_due(company)
        send_due(company, client)
    assert messages(company) == [("customer.created", "failed", len(TRIES) + 1)]
    assert company.value("select error from ops.outgoing_messages") == "HTTP 503"
    crm.answer = lambda _: 200
    assert outgoing.send_again(company.connection, None) == 1
    assert send_due(company, client) == 1


def test_who_is_gone_gets_nothing_more_and_one_that_hangs_holds_up_nobody(
    company: Company, crm: Subscriber, client: Sender
) -> None:
    crm.subscribe(company, name="a gone one")
    crm.answer = lambda _: 410
    other = Subscriber()
    other.subscribe(company, name="well")
    for name, address in (("dead", "http://127.0.0.1:9/"), ("hanging", "http://10.255.255.1/")):
        outgoing.subscribe(
            company.connection, name=name, url=address, secret=new_secret(), events=outgoing.EVENTS, by="x"
        )
    customer(company)
    resolve_customers(company.context)
    assert send_due(company, client) == 1
    assert len(other.told()) == 1
    found = {s["name"]: s for s in outgoing.subscriptions(company.connection)}
    assert "gone" in found["a gone one"]["disabled_because"]
    assert found["dead"]["disabled_at"] is None
    errors = company.rows("select error from ops.outgoing_messages where status = 'waiting'")
    assert any("refused" in row["error"] for row in errors)
    other.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crm.example.com",
        "ftp://crm.example.com",
        "https://",
        "https://anna:secret@crm.example.com/",
        "//x",
        "https://a:b/x",
        "https://a:99999/",
        "https://[::1/",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is needed"):
        usable_address(url)


def test_an_office_subscribes_a_system_and_sees_what_it_was_told(
    company: Company, site: Web, visitors: dict[str, Visitor], crm: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "FOLLOW_SECONDS", 0.1)
    admin = visitors["admin"]
    assert visitors["editor"].get("/subscriptions").status_code == 403
    bad = admin.post("/subscriptions", action="add", name="x", url="nowhere", event=["customer.created"])
    assert "is needed" in admin.get(bad.headers["location"]).text
    answer = admin.post("/subscriptions", action="add", name="<b>crm</b>", url=crm.url, event=list(outgoing.EVENTS))
    crm.secret = answer.text.partition("<code>")[2].partition("</code>")[0]
    assert "<b>crm" not in answer.text
    assert crm.secret not in admin.get("/subscriptions").text
    site.deliver(id="88", name="Nieuwe Klant BV")
    assert until(lambda: crm.got and crm.told())[0]["data"]["name"] == "Nieuwe Klant BV"
    row = company.value("select min(id) from customer_rows where source_customer_id = '88'")
    edit_customer(company.context, row, {"phone": "+3235550142"}, by="anna")  # nobody else says that something changed
    until(lambda: any(t["type"] == "customer.updated" for t in crm.told()))
    listed = admin.get("/messages?status=sent").text
    number = int(listed.partition('href="/messages/')[2].partition('"')[0])
    page = visitors["editor"].get(f"/messages/{number}").text
    before = len(crm.got)
    form = form_of(page, "again")
    assert visitors["editor"].client.post(f"/messages/{number}/again", data=form).status_code == 303
    until(lambda: len(crm.got) > before)
    assert visitors["viewer"].post(f"/messages/{number}/again").status_code == 403
    admin.post("/subscriptions", action="remove", name="<b>crm</b>")
    assert company.value("select count(*) from ops.outgoing_messages") == 0


def test_what_is_being_sent_is_nobody_elses_and_a_late_answer_changes_nothing(
    company: Company, crm: Subscriber
) -> None:
    crm.subscribe(company)
    customer(company)
    resolve_customers(company.context)
    (one,) = [s["id"] for s in outgoing.subscriptions(company.connection)]
    first = outgoing.take(company.connection, one)
    assert first is not None
    assert outgoing.take(company.connection, one) is None
    come_due(company)  # its process was away for longer than anybody waits
    second = outgoing.take(company.connection, one)
    assert second is not None
    assert second.message_id == first.message_id
    outgoing.settle(company.connection, second, answer=200, error=None, next_seconds=None)
    outgoing.settle(company.connection, first, answer=None, error="too late", next_seconds=5)
    assert messages(company) == [("customer.created", "sent", 2)]


def test_a_slow_subscriber_holds_up_nobody_and_the_end_does_not_wait_for_it(company: Company, crm: Subscriber) -> None:
    slow, over = Subscriber(), threading.Event()
    slow.subscribe(company, name="slow")
    slow.answer = lambda _: 200 if over.wait(20) else 500
    crm.subscribe(company)
    customer(company)
    resolve_customers(company.context)
    working = sender_of(company)
    working.start()
    working.changed()
    until(lambda: crm.got)
    customer(company, source_customer_id="2", name="Tweede Klant BV")
    resolve_customers(company.context)
    until(lambda: len(crm.got) == 2)
    began = time.monotonic()
    working.stop()
    assert time.monotonic() - began < 4
    over.set()
    slow.close()


def test_a_refresh_that_fails_is_done_again(company: Company, crm: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "FOLLOW_SECONDS", 0.05)
    monkeypatch.setattr(sender, "POLL_SECONDS", 0.05)
    crm.subscribe(company)
    tried: list[int] = []

    def refresh() -> None:
        tried.append(1)
        if len(tried) < 3:
            raise ConfigurationError("on purpose")

    working = sender_of(company, refresh)
    working.start()
    working.changed()
    until(lambda: len(tried) == 3)
    working.stop()
