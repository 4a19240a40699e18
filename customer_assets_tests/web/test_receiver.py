"""The receiver over real HTTP: what is taken, what is refused and how, and that what was taken is applied."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from customer_assets.pipeline.webhooks.apply import AppliedDeliveries
from customer_assets.store.database import connect
from customer_assets.store.webhooks.inbox import NewDelivery, connect_inbox, store_new
from customer_assets.web.webhooks.applier import Applier
from customer_assets.web.webhooks.receiver import LARGEST_BODY, PATH, Allowance
from customer_assets_tests.conftest import Company
from customer_assets_tests.domain.test_signature import CASES
from customer_assets_tests.web.conftest import SECRET, Web, serving, until

pytestmark = pytest.mark.slow


def test_a_delivery_is_stored_and_applied(web: Web) -> None:
    answer = web.deliver("d1", email="info@voorbeeld.example")
    assert (answer.status_code, answer.json()) == (202, {"status": "stored"})
    assert web.settled() == {"d1": "applied"}
    row = web.company.rows("select name, general_email, last_synced_at from customers_cache")[0]
    assert (row["name"], row["general_email"]) == ("Voorbeeld Cars BV", "info@voorbeeld.example")
    delivery = web.company.rows("select * from ops.webhook_deliveries")[0]
    assert (delivery["attempts"], delivery["source_customer_id"]) == (1, "3473")
    assert delivery["duration_ms"] is not None
    assert delivery["finished_at"] is not None


def test_a_repeated_id_is_taken_and_stores_nothing(web: Web) -> None:
    assert [web.deliver("d1", name=name).status_code for name in "ABC"] == [202, 202, 202]
    assert web.settled() == {"d1": "applied"}
    assert web.company.value("select name from customers_cache") == "A"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\xff\xfe not json", "failed"),
        (b"null", "failed"),
        (b'{"id":"d1","event":"client.celebrated","data":{}}', "ignored"),
        (b'{"id":"d1","event":"client.updated"}', "failed"),
        (b'{"id":"d1","event":"client.updated","data":{"name":"no id"}}', "failed"),
        (b'\xef\xbb\xbf{"id":"d1","event":"client.updated","data":{"id":"1","name":"B"}}', "applied"),
        (b'{"id":"' + b"x" * 5000 + b'","event":"client.updated","data":{"id":"1","name":"B"}}', "applied"),
        (b'{"id":"d\\u0000","event":"client.updated","data":{"id":"1","name":"B\\u0000"}}', "applied"),
    ],
)
def test_what_is_rightly_signed_is_taken_whatever_it_says(web: Web, body: bytes, status: str) -> None:
    assert web.post(body).status_code == 202
    assert list(web.settled().values()) == [status]
    stored = web.company.rows("select body, error from ops.webhook_deliveries")[0]
    assert bytes(stored["body"]) == body
    assert (stored["error"] is not None) == (status == "failed")


@pytest.mark.parametrize("case", [name for name, (_, reason) in CASES.items() if reason != "ok" and name != "blank"])
def test_no_bad_signature_gets_in(web: Web, case: str) -> None:
    header = CASES[case][0]
    assert web.post(b"{}", signature=header).status_code == 401
    assert web.statuses() == {}
    [reason] = web.reasons()
    assert reason in ("missing", "malformed", "wrong", "too_old")
    row = web.company.rows("select address, size, body_hash from ops.webhook_refusals")[0]
    assert (row["address"], row["size"], len(row["body_hash"])) == ("127.0.0.1", 2, 32)


def test_age_is_refused_apart_from_wrong_signatures(web: Web) -> None:
    now = int(time.time())
    assert [web.post(b"{}", t=t).status_code for t in (now - 302, now + 302, now - 290)] == [401, 401, 202]
    assert web.reasons() == ["too_old", "in_the_future"]


def test_rotation_takes_either_secret(company: Company) -> None:
    with serving(company, webhook_secret="new, old") as web:
        assert [web.post(b"{}", secret=s).status_code for s in ("new", "old", SECRET)] == [202, 202, 401]


def test_without_a_secret_nothing_is_taken(company: Company, caplog: pytest.LogCaptureFixture) -> None:
    with serving(company, webhook_secret=None) as web:
        assert web.deliver().status_code == 401
        assert web.reasons() == ["no_secret"]
    assert "no webhook secret" in caplog.text


def test_an_endpoint_registered_while_it_runs_is_known_at_once(company: Company) -> None:
    with serving(company, webhook_secret=None) as web:
        time.sleep(1.1)
        company.connection.execute(
            "insert into ops.webhook_endpoints (account, source, id, url, events, secret) "
            "values ('default', 'robaws', 'e1', 'http://x', '{client.updated}', %s)",
            [SECRET],
        )
        assert web.deliver().status_code == 202


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("GET", {}, b"", 405),
        ("PUT", {"Content-Type": "application/json"}, b"{}", 405),
        ("POST", {"Content-Type": "text/plain"}, b"{}", 415),
        ("POST", {"Content-Type": "application/json"}, b"x" * (LARGEST_BODY + 1), 413),
    ],
)
def test_other_requests_are_refused(web: Web, method: str, headers: dict[str, str], body: bytes, status: int) -> None:
    signed = {"Robaws-Signature": f"t={int(time.time())},v1={'0' * 64}"}
    assert web.client.request(method, PATH, content=body, headers=signed | headers).status_code == status


def test_the_size_is_counted_while_reading(web: Web) -> None:
    def chunks() -> Any:
        for _ in range(LARGEST_BODY // 65536 + 2):
            yield b"x" * 65536

    headers = {"Content-Type": "application/json", "Robaws-Signature": f"t={int(time.time())},v1={'0' * 64}"}
    assert web.client.post(PATH, content=chunks(), headers=headers).status_code == 413


def test_a_dripping_body_is_given_up(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customer_assets.web.webhooks.receiver.BODY_SECONDS", 0.2)
    host, port = web.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n"
            f"Robaws-Signature: t={int(time.time())},v1={'0' * 64}\r\n\r\n{{".encode()
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 408")


def test_refusals_are_throttled_and_verified_deliveries_never(company: Company) -> None:
    with serving(company, webhook_refusals_per_minute=3) as web:
        refused = [web.post(b"{}", signature=None).status_code for _ in range(5)]
        assert refused == [401, 401, 401, 429, 429]
        assert [web.deliver().status_code for _ in range(5)] == [202] * 5
        assert web.post(b"{}", secret="wrong").status_code == 429
        assert web.reasons() == ["missing"] * 3 + ["throttled"]


def test_the_allowance_fills_again() -> None:
    now = [0.0]
    allowance = Allowance(60, clock=lambda: now[0])
    assert [allowance.take("a") for _ in range(61)] == [True] * 60 + [False]
    assert allowance.is_spent("a")
    assert not allowance.is_spent("b")
    now[0] = 1.0
    assert allowance.take("a")
    assert allowance.is_spent("a")


def test_what_cannot_be_stored_is_to_be_sent_again(web: Web) -> None:
    assert web.deliver("d0").status_code == 202
    web.settled()
    with connect(web.company.url) as holder, holder.transaction():
        holder.execute("lock table ops.webhook_deliveries in access exclusive mode")
        started = time.monotonic()
        answer = web.deliver("d1")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert time.monotonic() - started < 1.8
    assert until(lambda: web.deliver("d1").status_code == 202)
    assert web.settled()["d1"] == "applied"


def test_one_that_breaks_the_set_fails_alone(web: Web) -> None:
    web.company.connection.execute(
        """
        create function refuse() returns trigger language plpgsql as $$ begin raise 'no, thank you'; end $$;
        create trigger refuse before insert on customer_rows for each row when (new.name = 'poison')
            execute function refuse()
        """
    )
    with connect(web.company.url) as holder, holder.transaction():
        holder.execute("lock table customer_rows in access exclusive mode")  # so that they form one set
        for number in range(20):
            name = "poison" if number == 13 else f"Customer {number}"
            assert web.deliver(f"d{number}", id=str(number), name=name).status_code == 202
    statuses = web.settled()
    web.company.connection.execute("drop function refuse cascade")
    assert {k for k, status in statuses.items() if status != "applied"} == {"d13"}
    assert web.company.value("select count(*) from customers_cache") == 19
    row = web.company.rows("select error, attempts from ops.webhook_deliveries where id = 'd13'")[0]
    assert (row["attempts"], "no, thank you" in row["error"]) == (1, True)


def test_a_burst_of_several_hundred_is_applied_from_the_payloads(web: Web) -> None:
    calls = web.company.world.calls["robaws"]
    for number in range(300):
        assert web.deliver(f"d{number}", id=str(number % 100), name=f"Customer {number}").status_code == 202
    assert set(web.settled().values()) == {"applied"}
    assert web.company.value("select count(*) from customers_cache") == 100
    assert web.company.world.calls["robaws"] == calls


def test_health_tells_how_deliveries_fare(web: Web) -> None:
    web.deliver("d1")
    web.post(b"{}", signature=None)
    web.settled()
    state = web.client.get("/healthz").json()["webhooks"]
    assert state["waiting"] == state["parked"] == 0
    assert state["refusals_last_hour"] == {"missing": 1}
    assert datetime.fromisoformat(state["last_applied_at"]) > datetime.now(UTC) - timedelta(minutes=1)


def test_the_secret_is_nowhere_in_answers(web: Web) -> None:
    for path in ("/healthz", "/api/customers"):
        assert SECRET not in web.client.get(path).text
    assert SECRET not in web.post(b"{}", signature="t=1").text


def test_a_sync_that_holds_an_older_page_does_not_step_back(web: Web) -> None:
    client = web.company.world.robaws["1003"]
    newer = {**client, "name": "Newer", "updatedAt": "2031-01-01T00:00:00.000Z"}
    assert web.post({"id": "d1", "event": "client.updated", "data": newer}).status_code == 202
    web.settled()
    web.company.pull("robaws")  # its pages show the older state
    assert web.company.value("select name from customers_cache where source_customer_id = '1003'") == "Newer"


def test_extra_fields_by_id_are_read_by_what_list_pages_taught(web: Web) -> None:
    client = web.company.world.robaws["1001"]
    field_id = "37de8552-0000-4000-8000-0000000000aa"
    client["extraFields"] = {"Role": {"id": field_id, "type": "SELECT", "stringValue": "BROKER"}}
    web.company.pull("robaws")
    other = "99999999-0000-4000-8000-0000000000aa"
    for delivery_id, key, role in (("d1", field_id, "RORO"), ("d2", other, "POV")):
        extra = {key: {"type": "SELECT", "stringValue": role}}
        data = {**client, "extraFields": extra, "updatedAt": f"2031-01-0{delivery_id[1]}T00:00:00.000Z"}
        web.post({"id": delivery_id, "event": "client.updated", "data": data})
        web.settled()
    row = web.company.rows("select * from customers_cache where source_customer_id = '1001'")[0]
    assert row["role"] == "RORO"
    assert row["extra_fields"] == {"Role": {"type": "SELECT", "stringValue": "RORO"}}
    assert row["metadata"]["extraFields"] == {other: {"type": "SELECT", "stringValue": "POV"}}


def test_repeated_ids_in_any_order_do_not_hold_each_other_up(company: Company) -> None:
    async def both(prefix: int) -> list[Any]:
        items = [
            NewDelivery(f"{prefix}-{n}", "default", "robaws", "x", b"{}", datetime.now(UTC), "ignored", None)
            for n in range(3000)
        ]
        one, other = [await connect_inbox(company.url, seconds=5) for _ in range(2)]
        async with one, other:
            return await asyncio.gather(store_new(one, items), store_new(other, items[::-1]), return_exceptions=True)

    for prefix in range(5):
        assert sum(asyncio.run(both(prefix))) == 3000


def test_refusals_that_cannot_be_stored_hold_nothing_up(web: Web) -> None:
    with connect(web.company.url) as holder, holder.transaction():
        holder.execute("lock table ops.webhook_refusals in access exclusive mode")
        refused = Web(web.company, web.address)
        thread = threading.Thread(target=refused.post, args=(b"{}",), kwargs={"signature": None})
        thread.start()
        assert [web.deliver(f"d{n}").status_code for n in range(20)] == [202] * 20
        thread.join()
        refused.client.close()
    assert len(web.settled()) == 20


def test_secrets_that_cannot_be_read_break_nothing(web: Web) -> None:
    time.sleep(1.1)
    with connect(web.company.url) as holder, holder.transaction():
        holder.execute("lock table ops.webhook_endpoints in access exclusive mode")
        assert web.post(b"{}", secret="other").status_code == 401
        assert web.deliver().status_code == 202
        assert web.client.get("/healthz").status_code == 503
    assert web.client.get("/healthz").json()["webhooks"]["applier"] is True


def test_the_applier_survives_whatever_happens(company: Company) -> None:
    reports: list[int] = []

    def report(batch: AppliedDeliveries) -> None:
        reports.append(batch.total)
        raise OSError("out of descriptors")

    applier = Applier(company.context, [company.account("robaws")], report)
    applier.start()
    body = b'{"id":"d","event":"client.updated","data":{"id":"1","name":"B"}}'
    for number in range(2):
        company.connection.execute(
            "insert into ops.webhook_deliveries (id, event, body, signed_at) values (%s, 'client.updated', %s, now())",
            [f"d{number}", body],
        )
        applier.wake()
        until(lambda expected=number + 1: len(reports) == expected)
    applier.stop()
    assert not applier.is_alive
    assert company.value("select count(*) from ops.webhook_deliveries where status = 'applied'") == 2


# The pool's threads draw from `random` while a case is built, which Hypothesis takes for the strategy's own draw.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
def test_no_request_breaks_it(web: Web) -> None:
    import schemathesis
    from hypothesis import HealthCheck, given, settings

    delivery = {"type": "object", "properties": {"id": {}, "event": {}, "data": {}}}
    signature = {"name": "Robaws-Signature", "in": "header", "schema": {"type": "string"}}
    operation = {
        "parameters": [signature],
        "requestBody": {"content": {"application/json": {"schema": delivery}}},
        "responses": {"202": {"description": "stored"}},
    }
    schema = schemathesis.openapi.from_dict(
        {
            "openapi": "3.1.0",
            "info": {"title": "receiver", "version": "1"},
            "paths": {PATH: {"post": operation}},
        }
    )

    @given(case=schema[PATH]["POST"].as_strategy())
    @settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
    def fuzz(case: Any) -> None:
        answer = case.call(base_url=web.address)
        assert answer.status_code in (202, 400, 401, 413, 415), answer.text
        if isinstance(case.body, (dict, list)):
            assert web.post(json.dumps(case.body).encode()).status_code == 202

    fuzz()
    assert "waiting" not in web.settled().values()
    with httpx.Client(base_url=web.address) as client:
        assert client.get("/healthz").status_code == 200
