"""The console over real HTTP: who may do what, forms of foreign logins, literal search, stale edits, inert names."""

from __future__ import annotations

import csv
import html
import io
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from psycopg.types.json import Jsonb

from customer_assets.domain.identity.evidence import WEIGHTS
from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.identity.decide import decide_pair
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.runtime.dagster_client import Dagster
from customer_assets.runtime.timetable import Slot
from customer_assets.store import access_tokens, users
from customer_assets.store.reads import console
from customer_assets.store.reads.console import LISTINGS
from customer_assets.web.console.flash import FLASH, LONGEST, Said, flashed, flashing
from customer_assets.web.console.guard import HEADERS, LoginThrottle, allowed_next
from customer_assets.web.console.listings import LIST_PAGES
from customer_assets.web.console.screen import masked, unmasked
from customer_assets.web.console.tables import IN_WORDS, in_words
from customer_assets_tests.conftest import Company
from customer_assets_tests.web.conftest import Web, serving, until

pytestmark = pytest.mark.slow
PASSWORD = "correct horse battery"
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


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


READS = [
    "/overview",
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


def test_every_screen_opens_for_those_who_may_see_it(visitors: dict[str, Visitor]) -> None:
    for path in READS:
        answer = visitors["anonymous"].get(path)
        assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/login"), path
        assert visitors["viewer"].get(path).status_code == 200, path
    for path in EDITS:
        assert visitors["viewer"].get(path).status_code == 403, path
        assert visitors["editor"].get(path).status_code == 200, path


def test_no_write_without_the_right_role_and_the_form_of_this_login(visitors: dict[str, Visitor]) -> None:
    for path in [*WRITES, "/reminders/settings", "/logout"]:
        assert visitors["anonymous"].client.post(path).status_code == 401, path
        if path != "/logout":
            assert visitors["viewer"].post(path).status_code == 403, path
        assert visitors["admin"].client.post(path, data={"csrf": visitors["editor"].token()}).status_code == 403, path
        assert visitors["admin"].client.post(path).status_code == 403, path
        assert visitors["admin"].get(path).status_code in (200, 405), path
    assert visitors["editor"].post("/reminders/settings").status_code == 403


def test_headers_cookie_and_hosts(visitors: dict[str, Visitor], site: Web) -> None:
    answer = visitors["viewer"].get("/customers")
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"
    visitor = Visitor(site.address)
    cookie = visitor.log_in("viewer").headers["set-cookie"].lower()
    visitor.client.close()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert httpx.get(f"{site.address}/login", headers={"Host": "evil.example"}).status_code == 400
    assert site.client.post("/api/webhooks/robaws/customers", headers={"Host": "public.example"}).status_code == 401
    for found in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert found.startswith(("/", "#")), found


def test_wrong_logins_are_throttled(site: Web, visitors: dict[str, Visitor]) -> None:
    stranger = Visitor(site.address)
    assert [stranger.log_in("admin", "wrong").status_code for _ in range(6)] == [401] * 5 + [429]
    assert stranger.log_in("admin").status_code == 429
    stranger.client.close()
    now = [0.0]
    throttle = LoginThrottle(clock=lambda: now[0])
    at_home, elsewhere = throttle.keys("boss", "192.0.2.1"), throttle.keys("boss", "192.0.2.2")
    colleague = throttle.keys("clerk", "192.0.2.1")
    for _ in range(5):
        throttle.failed(elsewhere)
    assert throttle.is_held(elsewhere)
    assert not throttle.is_held(at_home)  # others' tries on a name shut nobody out
    for _ in range(5):
        throttle.failed(at_home)
    assert not throttle.is_held(colleague)  # nor does who sits behind the same address
    for number in range(20):
        throttle.failed(throttle.keys(f"guess {number}", "192.0.2.1"))
    assert throttle.is_held(colleague)  # but an address that tries one name after another is held
    now[0] = 61
    assert not throttle.is_held(elsewhere)
    assert not throttle.is_held(colleague)
    details = site.company.rows("select who, details from ops.audit_log where action = 'failed to log in'")
    assert {(row["who"], row["details"]["from"]) for row in details} == {("admin", "127.0.0.1")}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/customers", "/customers"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil", "/"),
        (None, "/"),
    ],
)
def test_a_login_goes_on_to_our_own_pages_alone(target: str | None, expected: str) -> None:
    assert allowed_next(target) == expected


def test_names_are_inert_everywhere(company: Company, visitors: dict[str, Visitor]) -> None:
    row = customer(company, name=EVIL, website="javascript:alert(1)", general_email=EVIL, city="\u202eevil", role=EVIL)
    for path in (
        "/customers",
        f"/customers/{row}",
        f"/customers/{row}/edit",
        "/customers?q=script",
        f"/customers?role={EVIL}",
    ):
        text = visitors["editor"].get(path).text
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        assert 'href="javascript' not in text, path


def test_search_is_literal_and_filters_stay_in_the_address(company: Company, visitors: dict[str, Visitor]) -> None:
    customer(company)
    customer(
        company,
        source="zoho",
        source_customer_id="2",
        name="Noord 100% BV",
        role=None,
        primary_phone="+3235550102",
    )
    viewer = visitors["viewer"]
    for query, names in (
        ("aeon", ["Aeon"]),
        ("AEO ship", ["Aeon"]),
        ("noo", ["Noord"]),
        ("%", []),
        ("_", []),
        ("'", []),
        ("\x00", []),
        ("a:*|b", ["Aeon"]),
        ("zz", []),
    ):
        answer = viewer.client.get("/customers", params={"q": query})
        assert answer.status_code == 200, query
        for name in ("Aeon", "Noord"):
            if query != "a:*|b":
                assert (f"<bdi>{name}" in answer.text) == (name in names), (query, name)
    only = viewer.get("/customers?source=zoho&phone=some&page=0").text
    assert "<bdi>Noord" in only
    assert "<bdi>Aeon" not in only
    assert viewer.get("/customers?page=99999999999999999999&sort=;drop").status_code == 200


def test_an_edit_and_a_stale_one(company: Company, visitors: dict[str, Visitor]) -> None:
    row = customer(company)
    editor = visitors["editor"]
    seen = company.value("select updated_at from customer_rows where id = %s", row).isoformat()
    assert editor.post(f"/customers/{row}/edit", seen_at=seen, city="Gent", name="Aeon Shipping LLC").status_code == 303
    assert company.value("select city from customers_cache where id = %s", row) == "Gent"
    stale = editor.post(f"/customers/{row}/edit", seen_at=seen, city="Luik", name="Aeon Shipping LLC")
    assert stale.status_code == 409
    assert "Luik" in stale.text
    assert "Gent" in stale.text
    assert company.value("select city from customers_cache where id = %s", row) == "Gent"
    seen = company.value("select updated_at from customer_rows where id = %s", row).isoformat()
    bad = editor.post(f"/customers/{row}/edit", seen_at=seen, general_email="no address", name="Aeon Shipping LLC")
    assert bad.status_code == 422
    assert "is no e-mail address" in bad.text
    assert "edited by editor" in editor.get(f"/customers/{row}").text
    assert company.value("select count(*) from ops.audit_log where who = 'editor' and action = 'edit'") == 1


def test_an_intake_takes_role_and_id_from_the_chosen_customer(company: Company, visitors: dict[str, Visitor]) -> None:
    row = customer(company, general_email="a@aeon.example", phone="1", mobile="2")
    customer(company, source_customer_id="2", name="Aeon Old", is_active=False)
    hits = visitors["viewer"].get("/customers/search?q=aeon").json()["items"]
    assert [(h["id"], h["role"], h["email"], h["phone"]) for h in hits] == [(row, "FORWARDER", "a@aeon.example", "1")]
    assert visitors["editor"].post("/intakes/new", customer_id=str(row), customer_name="My name").status_code == 303
    [intake] = company.rows("select * from intakes")
    assert (intake["customer_name"], intake["role"], intake["robaws_client_id"]) == (
        "My name",
        "FORWARDER",
        "1",
    )
    assert "My name" in visitors["viewer"].get("/intakes").text
    assert visitors["editor"].post("/intakes/new", customer_name=" ").status_code == 422


def test_a_sync_started_here_is_seen_to_its_end(company: Company, site: Web, visitors: dict[str, Visitor]) -> None:
    started = time.monotonic()
    answer = visitors["editor"].post("/actions/sync-all")
    assert (answer.status_code, time.monotonic() - started < 1) == (303, True)
    job = answer.headers["location"]
    assert visitors["viewer"].get(job).status_code == 200
    state = until(
        lambda: (
            (s := visitors["viewer"].client.get(job, headers={"Accept": "application/json"}).json())["finished"] and s
        ),
        60,
    )
    assert "created" in state["line"], state
    rows = company.value("select count(*) from customers_cache")
    assert rows > 0
    assert company.value("select count(*) from customer_rows where golden_id is not null") == rows


def test_a_push_shows_its_plan_first(company: Company, visitors: dict[str, Visitor]) -> None:
    customer(company)
    row = company.value("select id from customer_rows limit 1")
    # this runtime has no SUMIT account: said so, not a 500
    plan = visitors["editor"].post("/push/plan", id=str(row))
    assert (plan.status_code, plan.headers["location"]) == (303, "/customers")
    shown = visitors["editor"].get("/customers").text
    assert '<p class="toast bad" role="alert">sumit is not configured</p>' in shown
    assert "sumit is not configured" not in visitors["editor"].get("/customers").text  # said once


def test_all_that_match_are_pushed_at_once(company: Company) -> None:
    users.add_user(company.connection, "editor", PASSWORD, role="editor")
    for number in range(3):
        customer(company, source_customer_id=f"{number}", name=f"Noord {number}", city="Gent")
    elsewhere = customer(company, source_customer_id="9", name="Zuid")
    with serving(company, with_sumit=True) as web:
        visitor = Visitor(web.address)
        visitor.log_in("editor")
        plan = visitor.post("/push/plan", matching="q=noord&column=name&page=0").text
        assert "Push 3 customers to SUMIT" in plan
        ids = re.findall(r'name="id" value="(\d+)"', plan)
        assert len(ids) == 3
        assert str(elsewhere) not in ids
        done = visitor.get(visitor.post("/push", id=ids).headers["location"]).text
        assert "Pushed 3 customers" in done
        company.connection.execute(
            "insert into customer_rows (source, source_customer_id, name) select 'robaws', 'm' || n, 'Many' from generate_series(1, 501) n"
        )
        assert visitor.post("/push/plan", matching="q=many").headers["location"] == "/customers"
        assert "More than 500" in visitor.get("/customers").text
        visitor.client.close()
    assert company.value("select count(*) from customer_rows where source = 'sumit'") == 3
    assert company.value("select count(*) from ops.audit_log where action = 'push'") == 1


def test_replaying_a_delivery(company: Company, site: Web, visitors: dict[str, Visitor]) -> None:
    site.deliver("d1", name=EVIL)
    site.settled()
    shown = visitors["viewer"].get("/webhooks/deliveries/d1")
    assert shown.status_code == 200
    assert "<script>alert" not in shown.text
    assert visitors["editor"].post("/webhooks/replay", id="d1").status_code == 303
    assert company.value("select attempts from ops.webhook_deliveries") == 1


def test_replaying_a_range_of_deliveries(company: Company, site: Web, visitors: dict[str, Visitor]) -> None:
    for number in range(3):
        site.deliver(f"d{number}")
    site.settled()
    company.do("update ops.webhook_deliveries set received_at = '2031-05-01 08:30+00' where id <> 'd0'")
    span = {"since": "2031-05-01T08:00", "until": "2031-05-01T09:00", "status": ""}
    editor = visitors["editor"]
    assert "2 deliveries were received then" in editor.post("/webhooks/range", **span).text
    assert company.value("select count(*) from ops.audit_log where action = 'replay'") == 0
    assert editor.post("/webhooks/range", **span, go="yes").headers["location"] == "/webhooks"
    assert "2 put back" in editor.get("/webhooks").text
    assert company.value("select details -> 'ids' from ops.audit_log where action = 'replay'") == ["d1", "d2"]
    assert "are instants" in editor.post("/webhooks/range", since="yesterday", until="", status="").text


def test_a_country_is_one_filter_in_whatever_spelling(company: Company, visitors: dict[str, Visitor]) -> None:
    for number, (written, code) in enumerate([("Belgium", "BE"), ("België", "BE"), ("NL", "NL"), ("Atlantis", None)]):
        customer(company, source_customer_id=f"c{number}", name=f"In {written}", country=written, country_code=code)
    text = visitors["viewer"].get("/customers").text
    offered = re.findall(r'<option value="([^"]*)"', text[text.index('name="country"') :].partition("</select>")[0])
    assert offered == ["", "BE", "Atlantis", "NL"]
    for asked, found in (("BE", 2), ("Belgium", 1), ("Atlantis", 1)):
        text = visitors["viewer"].get(f"/customers?country={asked}").text
        assert len(re.findall(r">In \w+", text)) == found, asked


def test_columns_are_chosen_in_the_address(company: Company, visitors: dict[str, Visitor]) -> None:
    customer(company, city="Gent", country="BE")
    text = visitors["viewer"].get("/customers?column=name&column=city").text
    assert re.findall(r'<th scope="col"><a [^>]*>([^<]*)</a></th>', text) == ["Name", "City"]
    assert "Gent" in text
    kept = visitors["viewer"].get("/customers").text  # what was chosen is remembered
    assert len(re.findall(r'<th scope="col">', kept)) == 2
    everything = visitors["editor"].get("/customers?column=nonsense").text
    assert len(re.findall(r'<th scope="col">', everything)) == 10


def test_what_the_last_sync_changed(company: Company, visitors: dict[str, Visitor]) -> None:
    company.pull("robaws")
    company.pull("robaws")
    row = company.value("select id from customer_rows order by id limit 1")
    company.do("update customer_rows set updated_at = now(), name = 'Just Changed' where id = %s", row)
    text = visitors["viewer"].get("/customers?changed=sync&column=name").text
    assert re.findall(r'<a href="/customers/(\d+)">', text) == [str(row)]


def test_reviews_have_pages_and_health_shows_the_schedules(company: Company, visitors: dict[str, Visitor]) -> None:
    company.do(
        "insert into match_reviews (scope, one_ref, other_ref, weight) select 'customers', 'robaws:' || n, 'zoho:' || n, 7 from generate_series(1, 40) n"
    )
    first, second = (visitors["viewer"].get(f"/reviews?page={n}").text for n in (0, 1))
    assert (first.count('action="/reviews/'), second.count('action="/reviews/')) == (
        0,
        0,
    )  # viewers decide nothing
    assert (visitors["editor"].get("/reviews").text.count('value="same"'), 'rel="next"' in first) == (
        30,
        True,
    )
    assert 'rel="prev"' in second
    assert "daily_customer_sync" in visitors["viewer"].get("/health").text


def test_a_customer_shows_why_its_records_are_one_and_they_are_told_apart(
    company: Company, visitors: dict[str, Visitor]
) -> None:
    one = customer(company, vat_number="BE0476267228")
    other = customer(company, source="zoho", source_customer_id="9", vat_number="BE 0476.267.228")
    resolve_customers(company.context)
    text = visitors["viewer"].get(f"/customers/{one}").text
    assert f'<a href="/customers/{other}"><b>' in text
    assert "vat_id" in text
    assert "Not the same" not in text
    assert visitors["editor"].post(f"/customers/{one}/apart", other="0").status_code == 422
    assert visitors["editor"].post(f"/customers/{one}/apart", other=f"{other}").status_code == 303
    resolve_customers(company.context)
    assert company.value("select count(distinct golden_id) from customer_rows") == 2


def test_the_api_takes_a_token_where_one_is_set(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "t0ken")
    with serving(company) as web:
        assert web.client.get("/api/customers").status_code == 401
        assert web.client.get("/api/customers", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert web.client.get("/api/customers", headers={"Authorization": "Bearer t0ken"}).status_code == 200
        assert web.client.get("/metrics", headers={"Authorization": "Bearer t0ken"}).text.startswith("# HELP")
        assert web.client.get("/healthz").status_code == 200


def test_a_named_token_reads_or_writes_by_its_role_until_it_ends(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "t0ken")
    reader = access_tokens.add(company.connection, "bi", role="viewer", days=1)
    sender = access_tokens.add(company.connection, "sender", role="editor", days=None)
    with serving(company) as web:

        def asked(token: str, **how: Any) -> int:
            return web.client.request(
                url="/api/reminders/1", headers={"Authorization": f"Bearer {token}"}, **how
            ).status_code

        def read(token: str) -> int:
            return web.client.get("/api/customers", headers={"Authorization": f"Bearer {token}"}).status_code

        assert [read(token) for token in (reader, sender, "ca_made_up", "t0ken")] == [200, 200, 401, 200]
        said = {"method": "POST", "json": {"status": "sent"}}
        assert [asked(token, **said) for token in (reader, sender)] == [401, 404]
        company.do("update ops.access_tokens set expires_at = now() where name = 'bi'")
        access_tokens.revoke(company.connection, "sender")
        assert [read(reader), read(sender)] == [401, 401]
    assert reader not in str(company.rows("select * from ops.access_tokens"))


def test_a_user_who_is_kept_out_is_out_at_once_and_one_administrator_stays(
    company: Company, visitors: dict[str, Visitor]
) -> None:
    assert visitors["editor"].get("/customers").status_code == 200
    users.disable(company.connection, "editor", is_disabled=True)
    assert visitors["editor"].get("/customers").status_code == 303
    users.disable(company.connection, "editor", is_disabled=False)
    users.set_role(company.connection, "viewer", "editor")
    admins = company.rows("select name from ops.users where role = 'admin'")
    assert len(admins) == 1
    for change in (
        lambda: users.remove_user(company.connection, "admin"),
        lambda: users.disable(company.connection, "admin", is_disabled=True),
        lambda: users.set_role(company.connection, "admin", "viewer"),
    ):
        with pytest.raises(ConfigurationError, match="only administrator"):
            change()
    users.set_role(company.connection, "editor", "admin")
    users.remove_user(company.connection, "admin")


def test_the_api_describes_itself(site: Web) -> None:
    described = site.client.get("/api/openapi.json").json()
    assert set(described["paths"]) == {
        "/api/customers",
        "/api/customers/{id}",
        "/api/golden-customers",
        "/api/golden-customers/{id}",
        "/api/invoices",
        "/api/reminders",
        "/api/reminders/due",
        "/api/reminders/{id}",
    }


def test_numbers_for_monitoring_are_of_each_account(company: Company, site: Web) -> None:
    company.pull("robaws")
    customer(company, source="zoho", source_customer_id="1", account="north", name="Haven BV")
    site.client.post("/api/webhooks/robaws/customers", content=b"{}")
    site.client.get("/livez")  # deliveries do not pass the middleware that times pages: this may be the first one here
    told = site.client.get("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    robaws = '{account="default",system="robaws"}'
    of_stream = '{account="default",entity="customers",system="robaws"}'
    pulled = company.value("select count(*) from customer_rows where source = 'robaws'")
    assert float(lines[f"customer_assets_records{robaws}"]) == pulled
    assert float(lines['customer_assets_records{account="north",system="zoho"}']) == 1
    assert float(lines["customer_assets_customers"]) == pulled + 1
    assert float(lines[f"customer_assets_sync_last_status{of_stream}"]) == 1
    assert float(lines[f"customer_assets_sync_rows{of_stream}"]) == pulled
    assert abs(float(lines[f"customer_assets_sync_last_success_timestamp_seconds{of_stream}"]) - time.time()) < 60
    assert f"customer_assets_quota_left{robaws}" in lines
    assert any(name.startswith("customer_assets_scan_complete") and value == "1.0" for name, value in lines.items())
    assert any(name.startswith("customer_assets_deliveries_refused_total") for name in lines)
    assert any(name.startswith("customer_assets_build_info{") for name in lines)
    assert any(name.startswith("customer_assets_http_request_seconds_bucket{") for name in lines)
    assert told.count("# TYPE customer_assets_customers ") == 1


def test_the_api_tells_records_from_customers(company: Company, site: Web) -> None:
    for source in ("robaws", "zoho"):
        customer(company, source=source, source_customer_id="1", name="Haven BV", vat_number="BE 0476.267.228")
    resolve_customers(company.context)
    records, golden = (site.client.get(f"/api/{name}").json() for name in ("customers", "golden-customers"))
    assert [len(found["items"]) for found in (records, golden)] == [2, 1]
    assert "one customer may have several" in records["items_are"]
    assert golden["items"][0]["customer_ids"] == [item["id"] for item in records["items"]]
    assert {item["golden_id"] for item in records["items"]} == {golden["items"][0]["id"]}


def test_a_sender_asks_what_is_due_and_says_what_became_of_it(company: Company, site: Web) -> None:
    company.do("insert into invoice_rows (source, source_invoice_id, content_hash) values ('zoho', '1', '')")
    company.do(
        """
        insert into payment_reminders (invoice_id, reminder_type, scheduled_date, channel, status)
        select id, 'due', current_date - n, 'whatsapp', 'pending'
        from invoice_rows, generate_series(0, 1) n
        """
    )
    due = site.client.get("/api/reminders/due").json()["items"]
    assert len(due) == 1
    address = f"/api/reminders/{due[0]['id']}"
    for body in ('{"status": "lost"}', "[]", "{", '{"status": "failed", "reason": "\\ud800"}', b'{"status": "\xff"}'):
        answer = site.client.post(address, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, body
    failed = site.client.post(address, json={"status": "failed", "reason": " no\x00 such number "}).json()
    assert (failed["status"], failed["failure"]) == ("failed", "no such number")
    assert site.client.post(address, content='{"status": "sent"}').status_code == 415
    assert site.client.post("/api/reminders/999999", json={"status": "sent"}).status_code == 404
    assert site.client.post(address, json={"status": "sent"}).json()["status"] == "sent"
    assert site.client.post(address, json={"status": "failed"}).status_code == 409
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    assert site.client.post(address, json={"status": "sent"}, headers=forwarded).status_code == 401


def test_the_first_start_makes_an_administrator(company: Company, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(company) as web:
        password = re.search(r"password (\S+)", capfd.readouterr().err)
        assert password is not None
        visitor = Visitor(web.address)
        assert visitor.log_in("admin", password.group(1)).status_code == 303
        visitor.client.close()
    with serving(company):
        assert "password" not in capfd.readouterr().err


# --- found by a review -----------------------------------------------------------------------------------------------


def test_head_writes_nothing(company: Company, visitors: dict[str, Visitor], site: Web) -> None:
    company.connection.execute(
        "insert into ops.webhook_deliveries (id, event, body, signed_at, status) values ('d', 'x', '', now(), 'failed')"
    )
    for path in ("/actions/sync-all", "/webhooks/retry", "/intakes/new"):
        assert visitors["editor"].client.head(path).status_code == 200, path
    for _ in range(7):
        assert site.client.head("/login").status_code == 200
    assert company.value("select count(*) from sync_runs") == 0
    assert company.value("select status from ops.webhook_deliveries") == "failed"
    assert visitors["anonymous"].log_in("admin").status_code == 303


def test_a_login_form_of_another_site_is_refused(site: Web) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = site.client.post("/login", data={"name": "admin", "password": PASSWORD}, headers=headers)
        assert answer.status_code == 403


def test_many_wrong_logins_at_once_are_throttled(site: Web) -> None:
    def wrong() -> int:
        with httpx.Client(base_url=site.address, timeout=60) as client:
            return client.post("/login", data={"name": "admin", "password": "wrong"}).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: wrong(), range(20)))
    assert answers.count(401) == 5
    assert answers.count(429) == 15


def test_a_mended_mistake_does_not_hide_that_somebody_was_faster(
    company: Company, visitors: dict[str, Visitor]
) -> None:
    row = customer(company)
    editor, path = visitors["editor"], f"/customers/{row}/edit"
    page = form_of(editor.get(path).text)
    company.connection.execute("update customer_rows set city = 'Gent', updated_at = now() where id = %s", [row])
    bad = editor.client.post(path, data=page | {"general_email": "no address", "city": "Luik"})
    assert bad.status_code == 422
    stale = editor.client.post(path, data=form_of(bad.text) | {"general_email": "a@b.be"})
    assert stale.status_code == 409
    assert company.value("select city from customers_cache where id = %s", row) == "Gent"


@pytest.mark.parametrize(
    "query",
    [
        "jan@noord.be",
        "+3235550102",
        "3235550102",
        "03 555 01 02",
        "booking.com",
        "zuid",
        "0476267228",
        "BE 0476.267.228",
        "cafe",
        "CAFÉ",
        "liege",
    ],
)
def test_search_finds_every_spelling(company: Company, visitors: dict[str, Visitor], query: str) -> None:
    customer(
        company,
        name="Café Noord/Zuid booking.com",
        general_email="jan@noord.be",
        primary_phone="+3235550102",
        vat_number="BE0476267228",
        city="Liège",
    )
    answer = visitors["viewer"].client.get("/customers", params={"q": query, "role": "FORWARDER"})
    assert "<bdi>Café Noord" in answer.text


def test_odd_input_is_no_server_error(company: Company, visitors: dict[str, Visitor], site: Web) -> None:
    customer(company)
    viewer = visitors["viewer"]
    long = "9" * 5000
    for path in (
        "/customers?role=%00",
        "/customers?source=%00",
        "/invoices?status=%00",
        "/webhooks/deliveries/a%00",
        f"/customers/{long}",
        f"/api/customers/{long}",
        "/customers/999999999999999999",
    ):
        assert viewer.get(path).status_code < 500, path
    assert site.client.post("/login", data={"name": "a\x00", "password": "x"}).status_code < 500
    assert visitors["editor"].post("/webhooks/replay", id="\x00").status_code < 500
    assert visitors["admin"].post("/reminders/settings", account="\x00", days="1").status_code < 500


def test_a_megabyte_of_a_city_stops_no_sync(company: Company) -> None:
    company.world.robaws["1003"]["address"] = {"city": "x" * 1_000_000}
    result = company.pull("robaws")
    assert result.error is None
    assert company.value("select count(*) from customer_rows") >= 200


@pytest.mark.parametrize("action", ["pull-sumit", "bidirectional", "sync-all"])
def test_a_sync_that_left_an_account_out_is_shown_as_failed(
    company: Company, visitors: dict[str, Visitor], action: str
) -> None:
    with serving(company, with_sumit=True) as web:
        editor = visitors["editor"]
        editor.client.base_url = web.address
        editor.log_in("editor")

        def ended() -> dict[str, Any]:
            job = editor.post(f"/actions/{action}").headers["location"]

            def found() -> dict[str, Any]:
                return dict(editor.client.get(job, headers={"Accept": "application/json"}).json())

            until(lambda: found()["finished"], 60)
            return found()

        company.fault("sumit", "status:1:the key is not valid", times=99)
        state = ended()
        assert (state["failed"], state["line"][:8]) == (True, "failed: ")
        company.world.faults.clear()
        state = ended()
        assert (state["failed"], state["line"].startswith("failed")) == (False, False)


def test_a_sync_that_was_started_is_audited(company: Company, visitors: dict[str, Visitor]) -> None:
    job = visitors["editor"].post("/actions/pull-sumit").headers["location"]
    until(
        lambda: visitors["viewer"].client.get(job, headers={"Accept": "application/json"}).json()["finished"],
        60,
    )
    assert company.value("select who from ops.audit_log where action = 'start'") == "editor"


def test_the_search_index_is_made_once_and_mended(company: Company) -> None:
    company.connection.execute("drop index if exists customer_rows_search_idx")
    assert console.ensure_search_index(company.connection)
    assert not console.ensure_search_index(company.connection)
    company.connection.execute(
        "update pg_index set indisvalid = false where indexrelid = 'customer_rows_search_idx'::regclass"
    )
    assert console.ensure_search_index(company.connection)
    with company.connection.transaction():
        company.connection.execute("set local enable_seqscan = off")
        query = f"explain select c.id from customer_rows c where {console.SEARCH} @@ to_tsquery('simple', 'x')"
        plan = " ".join(str(row) for row in company.rows(query))
    assert "customer_rows_search_idx" in plan


def test_a_review_of_an_old_invoice_shows_what_it_says(company: Company, visitors: dict[str, Visitor]) -> None:
    customer(company, name="Noord Bouw BV", city="Gent")
    company.connection.execute(
        "insert into legacy_invoices (source_invoice_id, customer_name, customer_phone) values ('A1', 'Noord Holding BV', '03 555 01 02')"
    )
    company.connection.execute(
        "insert into match_reviews (scope, one_ref, other_ref, weight) values ('invoices', 'legacy:A1', 'robaws:1', 7)"
    )
    text = visitors["viewer"].get("/reviews").text
    for shown in ("Noord Holding BV", "03 555 01 02", "Noord Bouw BV", "Gent"):
        assert shown in text
    assert visitors["editor"].post("/reviews/1", decision="perhaps").status_code == 422
    review = company.value("select id from match_reviews")
    assert visitors["editor"].post(f"/reviews/{review}", decision="different").status_code == 303
    assert company.value("select decision from match_reviews") == "different"


def test_without_dagster_or_with_a_stranger_there_the_console_syncs_itself(web: Web) -> None:
    for address in ("http://127.0.0.1:9", web.address):  # nobody; a web server that is no Dagster
        assert Dagster(address).launch("customer_sync", by="test") is None


# --- what a page says is so --------------------------------------------------------------------------------------------


def test_no_link_can_put_words_into_a_page(visitors: dict[str, Visitor]) -> None:
    viewer = visitors["viewer"]
    assert "account is locked" not in viewer.get("/customers?said=Your+account+is+locked").text
    for forged in ("x.y", "WyJZb3VyIGFjY291bnQiLCBmYWxzZV0=.00", "..", ""):
        viewer.client.cookies.set("customer_assets_said", forged)
        page = viewer.get("/customers")
        assert page.status_code == 200
        assert 'class="toast' not in page.text


def test_an_intake_has_the_id_of_the_customers_own_record_there_or_none(
    company: Company, visitors: dict[str, Visitor]
) -> None:
    company.do("insert into customers (id, name) values (7, 'Lumière'), (8, 'Alone')")
    zoho = customer(company, source="zoho", source_customer_id="460000000033777", name="Lumière", golden_id=7)
    customer(company, source="robaws", source_customer_id="1003", name="Lumiere BV", golden_id=7)
    alone = customer(company, source="zoho", source_customer_id="460000000044444", name="Alone", golden_id=8)
    for chosen in (zoho, alone):
        answer = visitors["editor"].post("/intakes/new", customer_name="Lumière", customer_id=str(chosen))
        assert answer.headers["location"] == "/intakes"
    found = company.rows("select robaws_client_id from intakes order by id")
    assert [row["robaws_client_id"] for row in found] == ["1003", None]


def test_overdue_is_a_date_and_a_balance_and_the_phone_is_the_customers(
    company: Company, visitors: dict[str, Visitor]
) -> None:
    company.do("insert into customers (id, name, primary_phone) values (7, 'Lumière', '+3235550102')")
    row = customer(company, source="zoho", source_customer_id="1", name="Lumière", golden_id=7)
    invoices = [
        ("PAST", "sent", 10, "current_date - 40"),
        ("LATE", "overdue", 10, "current_date - 3"),
        ("PAID", "paid", 0, "current_date - 40"),
        ("VOID", "void", 10, "current_date - 40"),
        ("SOON", "sent", 10, "current_date + 3"),
    ]
    for number, status, balance, due in invoices:
        company.do(
            f"""
            insert into invoice_rows (source, source_invoice_id, customer_id, invoice_number, status, balance, due_date)
            values ('zoho', %s, %s, %s, %s, %s, {due})
            """,
            number,
            row,
            number,
            status,
            balance,
        )
    viewer = visitors["viewer"]

    def shown(query: str) -> set[str]:
        page = viewer.get(f"/invoices?{query}").text
        return {number for number, *_ in invoices if number in page}

    assert shown("due=overdue") == {"PAST", "LATE"}
    assert shown("due=month") == {"PAST"}
    company.do("update invoice_rows set currency_code = 'USD' where invoice_number = 'LATE'")
    assert shown("due=overdue&currency=usd") == {"LATE"}
    assert shown("due=overdue&currency=%3F") == {"PAST"}  # those whose currency nobody knows
    for on, days in (("ON-TIME", 0), ("AHEAD", 5)):
        company.do(
            """
            insert into payment_reminders (invoice_id, reminder_type, channel, scheduled_date, status)
            select id, %s, 'phone', current_date + %s, 'pending'
            from invoice_rows
            where invoice_number = 'PAST'
            """,
            on,
            days,
        )
    page = viewer.get("/reminders?day=come&status=pending").text
    assert ("ON-TIME" in page, "AHEAD" in page) == (True, False)
    page = viewer.get("/reminders?day=ahead").text
    assert ("ON-TIME" in page, "AHEAD" in page) == (False, True)
    assert shown("due=later") == {"SOON"}
    assert "+3235550102" in viewer.get("/invoices").text
    assert shown("phone=none") == set()


def test_what_the_source_says_now_is_shown_beneath_an_edit(company: Company, visitors: dict[str, Visitor]) -> None:
    company.pull("robaws")
    row = company.value("select id from customer_rows where source_customer_id = '1003'")
    edit_customer(company.context, row, {"city": "Gent"}, by="editor")
    company.world.robaws["1003"]["address"] = {"city": "Luik"}
    company.world.robaws["1003"].pop("updatedAt", None)
    company.pull("robaws", options=PullOptions(full=True))
    page = visitors["editor"].get(f"/customers/{row}").text
    assert "The source says: Luik" in page
    assert "the source says: Luik" in visitors["editor"].get(f"/customers/{row}/edit").text


def test_a_failed_sync_is_said_on_every_page_until_one_is_good(company: Company, visitors: dict[str, Visitor]) -> None:
    company.pull("robaws")
    company.fault("robaws", "503", times=99)
    company.pull("robaws", retry_seconds=0)
    for path in ("/customers", "/invoices", "/health"):
        page = visitors["viewer"].get(path).text
        assert "robaws: the last sync failed" in page
        assert "HTTP 503" in page
    company.world.faults.clear()
    company.pull("robaws")
    assert "the last sync failed" not in visitors["viewer"].get("/customers").text


# --- customers as people know them -------------------------------------------------------------------------------------


@pytest.fixture
def leie(company: Company) -> int:
    """A customer with records in two systems, an invoice, a contact person; beside it another one. Returns its id."""
    first = customer(
        company,
        source="robaws",
        source_customer_id="1003",
        name="LEIEOLZANEL AUTOMOTIVE S.R.L.",
        vat_number="BE0476267228",
        country="BE",
        country_code="BE",
        primary_phone="+3235550102",
        role="BLACKLISTED",
    )
    second = customer(
        company,
        source="zoho",
        source_customer_id="46001",
        name="Leieolzanel Automotive",
        street="Havenstraat 12",
        vat_number="BE0476267228",
        country="BE",
        country_code="BE",
        role=None,
        primary_phone="+32470998877",
        general_email="noa@leie.be",
        contact_persons=Jsonb([{"first_name": "Noa", "last_name": "Peretz"}]),
    )
    customer(
        company, source="robaws", source_customer_id="9", name="Zuid Koeltransport NV", primary_phone="+3292223344"
    )
    company.do(
        """
        insert into invoice_rows (source, source_invoice_id, customer_id, invoice_number, status, balance, total, due_date,
            currency_code)
        values ('zoho', '1', %s, 'INV-04999', 'sent', 1234.5, 1234.5, current_date - 3, 'EUR')
        """,
        second,
    )
    resolve_customers(company.context)
    found: int = company.value("select golden_id from customer_rows where id = %s", first)
    return found


@pytest.mark.parametrize(
    "typed",
    [
        "leieolz",
        "Leie Olzanel",
        "leiolzanel",
        "0102",
        "03 555 01 02",
        "998877",
        "0476.267.228",
        "476 267 228",
        "noa@",
        "Peretz",
        "INV-04999",
        "inv-04999",
    ],
)
def test_a_customer_is_found_by_what_people_remember(visitors: dict[str, Visitor], leie: int, typed: str) -> None:
    page = visitors["viewer"].get(f"/golden?{urlencode({'q': typed})}").text
    assert f'href="/golden/{leie}"' in page
    assert "Zuid Koeltransport" not in page


def test_the_list_of_customers_has_each_once_and_narrows(visitors: dict[str, Visitor], leie: int) -> None:
    viewer = visitors["viewer"]
    page = viewer.get("/golden").text
    assert page.count("LEIEOLZANEL") + page.count("Leieolzanel") == 1
    assert "EUR 1,234.50" in page
    for query, is_shown in {
        "records=several": True,
        "records=one": False,
        "system=zoho": True,
        "system=sumit": False,
        "due=overdue": True,
        "country=BE": True,
        "country=NL": False,
        "q=---": False,
    }.items():
        assert (f'href="/golden/{leie}"' in viewer.get(f"/golden?{query}").text) is is_shown, query


def test_the_page_of_a_customer_shows_all_that_stands_behind_it(visitors: dict[str, Visitor], leie: int) -> None:
    page = visitors["viewer"].get(f"/golden/{leie}").text
    for shown in ("1003", "46001", "INV-04999", "1,234.50 overdue", "noa@leie.be", "+32470998877", "same VAT id"):
        assert shown in page, shown
    assert "Not this customer" not in page  # a viewer decides nothing
    assert visitors["viewer"].get("/golden/999999").status_code == 404


def test_customers_are_merged_and_parted_by_hand(company: Company, visitors: dict[str, Visitor], leie: int) -> None:
    editor = visitors["editor"]
    other = company.value("select golden_id from customer_rows where source_customer_id = '9'")
    assert visitors["viewer"].post(f"/golden/{leie}/merge", other=str(other)).status_code == 403
    answer = editor.post(f"/golden/{leie}/merge", other=f"#{other}")
    assert answer.headers["location"] == f"/golden/{leie}"
    assert "They are one customer now" in editor.get(f"/golden/{leie}").text
    assert company.value("select count(*) from customers") == 1
    old = editor.get(f"/golden/{max(leie, other)}")
    assert (old.status_code, old.headers["location"]) == (301, f"/golden/{min(leie, other)}")
    rows = company.rows("select id from customer_rows where source = 'robaws' order by source_customer_id")
    editor.post(f"/golden/{leie}/part", row=str(rows[1]["id"]), other=str(rows[0]["id"]))
    assert company.value("select count(*) from customers") == 2
    assert company.value("select count(*) from ops.audit_log where action like 'identity: %%'") == 2
    for nobody in ("", "x", str(leie), "123456"):
        editor.post(f"/golden/{leie}/merge", other=nobody)
        assert "There is no other customer" in editor.get(f"/golden/{leie}").text


def test_what_a_person_is_called_is_found_and_not_what_the_field_is_called(
    visitors: dict[str, Visitor], leie: int
) -> None:
    viewer = visitors["viewer"]
    for typed, is_found in {
        "peretz": True,
        "noa peretz": True,
        "first_name": False,
        "name": False,
        "ast": False,
    }.items():
        assert (f'href="/golden/{leie}"' in viewer.get(f"/golden?q={typed}").text) is is_found, typed


def test_the_message_of_a_merge_is_what_came_of_it(company: Company, visitors: dict[str, Visitor], leie: int) -> None:
    editor = visitors["editor"]
    zoho, zuid = (
        company.value("select id from customer_rows where source_customer_id = %s", of) for of in ("46001", "9")
    )
    other = company.value("select golden_id from customer_rows where id = %s", zuid)
    decide_pair(company.context, str(zoho), str(zuid), decision="different", by="someone")
    editor.post(f"/golden/{leie}/merge", other=str(other))
    assert "They are one customer now" not in (page := editor.get(f"/golden/{leie}").text)
    assert "the records are of customers" in page
    editor.post(f"/golden/{leie}/part", row=str(zuid), other="999999")
    assert "not of one customer any more" in editor.get(f"/golden/{leie}").text
    for row in ("x", "-1", "א" * 3000):
        editor.post(f"/golden/{leie}/part", row=row, other=str(zuid))
        assert "not of one customer" in editor.get(f"/golden/{leie}").text


@pytest.mark.parametrize("sign", ["a", "א", "€", "\U0001f600", '"', "\n"])
def test_a_message_of_any_script_fits_into_a_cookie_that_browsers_keep(sign: str) -> None:
    value = flashing(sign * 5000, "secret", bad=True)
    assert len(value) + len(FLASH) < 4000
    assert flashed(value, "secret") == Said(sign * LONGEST, bad=True)


def test_a_list_is_exported_as_its_filters_leave_it(company: Company, visitors: dict[str, Visitor], leie: int) -> None:
    editor = visitors["editor"]
    company.do("update customer_rows set name = '=cmd|x' where source_customer_id = '9'")
    company.do("update customers set name = '=cmd|x' where name like 'Zuid%%'")
    assert visitors["viewer"].get("/export/golden.csv").status_code == 403
    answer = editor.get("/export/golden.csv?column=name&column=open_balance&column=primary_phone")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.search(r'filename="golden-\d{4}-\d\d-\d\d[.]csv"', answer.headers["content-disposition"])
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["Name", "Phone", "Open"]
    assert ["'=cmd|x", "'+3292223344", ""] in rows
    assert len(rows) == 3
    assert len(editor.get("/export/golden.csv?due=overdue").text.splitlines()) == 2
    book = tmp_sheet(editor.get("/export/customers.xlsx?q=zuid").content)
    assert book == []
    book = tmp_sheet(editor.get("/export/customers.xlsx?source=zoho").content)
    assert [row[0] for row in book] == ["Leieolzanel Automotive"]
    for name in ("invoices", "reminders", "runs", "rejects", "deliveries", "refusals", "intakes", "audit"):
        assert editor.get(f"/export/{name}.csv").status_code == 200, name
    assert editor.get("/export/users.csv").status_code == 404
    assert editor.get("/export/golden.pdf").status_code == 404
    assert company.value("select count(*) from ops.audit_log where action = 'export'") == 12


def tmp_sheet(content: bytes) -> list[list[Any]]:
    """The rows of a workbook beneath its headings."""
    from python_calamine import CalamineWorkbook

    return list(CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python())[1:]


def test_what_changed_is_listed_with_who_did_it(company: Company, visitors: dict[str, Visitor]) -> None:
    company.pull("robaws")
    row = company.value("select id from customer_rows where source_customer_id = '1003'")
    edit_customer(company.context, row, {"city": "Gent"}, by="editor")
    company.world.robaws["1004"]["name"] = "Renamed By Sync"
    company.world.robaws["1004"].pop("updatedAt", None)
    company.pull("robaws", options=PullOptions(full=True))
    run = company.value("select max(id) from sync_runs")
    viewer = visitors["viewer"]
    page = viewer.get("/changes").text
    assert "Renamed By Sync" in page
    assert "editor" in page
    assert f"/changes?run={run}" in viewer.get("/runs").text
    assert "Renamed By Sync" in viewer.get(f"/changes?run={run}&origin=sync&field=name&since=day&source=robaws").text
    assert "Gent" not in viewer.get(f"/changes?run={run}").text
    assert "Renamed By Sync" not in viewer.get("/changes?origin=edit").text
    assert viewer.get("/changes?run=x%27").status_code == 200


def test_the_overview_shows_figures_that_lead_to_their_lists(
    company: Company, visitors: dict[str, Visitor], leie: int
) -> None:
    company.pull("zoho")
    edited = company.value("select id from customer_rows where source_customer_id = '9'")
    edit_customer(company.context, edited, {"city": "Gent", "street": "Dok 1"}, by="x")
    company.do(
        """
        insert into ops.webhook_deliveries (id, account, event, body, signed_at, status)
        select 'd' || status, 'default', 'client.updated', '{}', now(), status
        from unnest(array['failed', 'applied']) as status
        """
    )
    page = visitors["viewer"].get("/overview").text
    assert re.search(r"<title>\w{3} \d\d \w{3}: edit [1-9][0-9]*, sync [1-9]", page)
    assert re.search(r"<title>\d\d:00 UTC: webhook 1, failed 1</title>", page)
    assert "<b>2</b> customers" in page
    assert "<b>1</b> with several records" in page
    assert re.search(r"<td>EUR</td><td class=.number.><a href=./invoices\?due=overdue&amp;currency=EUR.>", page)
    assert 'href="/runs?source=zoho"' in page
    assert page.count("<circle") == 1
    assert "style=" not in page  # the pages' own policy forbids it
    assert visitors["viewer"].get("/").headers["location"] == "/overview"


def test_an_overview_of_nothing_says_what_to_do_next(visitors: dict[str, Visitor]) -> None:
    assert "Nothing was synced yet" in visitors["viewer"].get("/overview").text
    assert "/actions/sync-all" in visitors["editor"].get("/overview").text


def test_every_reason_has_words() -> None:
    assert set(WEIGHTS) <= set(IN_WORDS)
    assert in_words("x", [("name_same", 6.0), ("phone", 5.0), ("address_differs", -1.0)]) == (
        "same name, same phone; though another address"
    )
    assert in_words("vat_id", []) == "same VAT id"


# --- the frame, lists, people, uploads -----------------------------------------------------------------------------------


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


def test_a_login_that_was_over_keeps_what_was_typed(company: Company, site: Web, visitors: dict[str, Visitor]) -> None:
    editor = visitors["editor"]
    form = form_of(editor.get("/intakes/new").text) | {"customer_name": "Nieuwe Klant", "note": "belt <terug>"}
    company.do("delete from ops.sessions")
    over = editor.client.post("/intakes/new", data=form)
    assert over.status_code == 401
    assert "What you typed is kept" in over.text
    again = form_of(over.text, "/login") | {"name": "editor", "password": PASSWORD}
    resumed = editor.client.post("/login", data=again)
    assert resumed.status_code == 200
    assert "belt &lt;terug&gt;" in resumed.text
    assert company.value("select count(*) from intakes") == 0
    assert editor.client.post("/intakes/new", data=form_of(resumed.text, "/intakes/new")).status_code == 303
    assert company.rows("select customer_name, note from intakes") == [
        {"customer_name": "Nieuwe Klant", "note": "belt <terug>"}
    ]


def test_a_form_is_sent_once(company: Company, visitors: dict[str, Visitor]) -> None:
    form = form_of(visitors["editor"].get("/intakes/new").text) | {"customer_name": "Twee Keer"}
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda _: visitors["editor"].client.post("/intakes/new", data=form).status_code, range(4)))
    assert sorted(sent) == [303, 409, 409, 409]
    assert company.value("select count(*) from intakes") == 1


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/customers/999999", 404, "no such customer"),
        ("/golden/999999", 404, "no such customer"),
        ("/nowhere", 404, "no such page"),
        ("/jobs/x", 404, "no such sync"),
        ("/users", 403, "this needs the role admin"),
    ],
)
def test_what_cannot_be_shown_is_said_in_the_frame(
    visitors: dict[str, Visitor], path: str, status: int, said: str
) -> None:
    answer = visitors["editor"].get(path)
    assert answer.status_code == status
    assert said in answer.text
    assert 'href="/overview"' in answer.text


def test_edits_of_two_people_meet_only_in_the_same_field(company: Company, visitors: dict[str, Visitor]) -> None:
    row = customer(company, city="Antwerpen", street="Kaai 1\r\nbus 2", zipcode="2000")
    page = form_of(visitors["editor"].get(f"/customers/{row}/edit").text)
    other = form_of(visitors["admin"].get(f"/customers/{row}/edit").text)
    assert visitors["admin"].client.post(f"/customers/{row}/edit", data=other | {"zipcode": "2030"}).status_code == 303
    assert visitors["editor"].client.post(f"/customers/{row}/edit", data=page | {"city": "Gent"}).status_code == 303
    found = company.rows("select city, zipcode, street from customers_cache where id = %s", row)
    assert found == [{"city": "Gent", "zipcode": "2030", "street": "Kaai 1\r\nbus 2"}]

    page = form_of(visitors["editor"].get(f"/customers/{row}/edit").text)
    other = form_of(visitors["admin"].get(f"/customers/{row}/edit").text)
    assert visitors["admin"].client.post(f"/customers/{row}/edit", data=other | {"city": "Brugge"}).status_code == 303
    refused = visitors["editor"].client.post(f"/customers/{row}/edit", data=page | {"city": "Luik", "zipcode": "4000"})
    assert refused.status_code == 409
    typed = form_of(refused.text)
    assert (typed["city"], typed["zipcode"], typed["was.city"]) == ("Luik", "4000", "Brugge")
    assert visitors["editor"].client.post(f"/customers/{row}/edit", data=typed).status_code == 303
    assert company.rows("select city, zipcode from customers_cache where id = %s", row) == [
        {"city": "Luik", "zipcode": "4000"}
    ]


def test_headings_sort_and_what_is_listed_is_counted_and_added_up(
    company: Company, visitors: dict[str, Visitor]
) -> None:
    for number, (city, balance) in enumerate((("Zürich", 3), ("Łódź", 1), ("aalst", 2)), start=1):
        row = customer(company, source_customer_id=str(number), name=f"K{number}", city=city)
        company.do(
            "insert into invoice_rows (source, source_invoice_id, customer_id, balance, total, currency_code, status, content_hash, "
            "invoice_number) values ('zoho', %s, %s, %s, 10, 'EUR', 'sent', '', %s)",
            str(number),
            row,
            balance,
            f"N{number}",
        )

    def order(path: str) -> list[str]:
        return re.findall(r"<bdi>(K\d)</bdi>", visitors["viewer"].get(path).text)

    assert order("/customers?sort=city") == ["K3", "K2", "K1"]
    assert order("/customers?sort=-city") == ["K1", "K2", "K3"]
    assert order("/customers?sort=%3B drop") == ["K1", "K2", "K3"]
    text = visitors["viewer"].get("/invoices?sort=-balance&status=sent").text
    assert re.findall(r"<bdi>(N\d)</bdi>", text) == ["N1", "N3", "N2"]
    assert "<b>3</b> rows" in text
    assert "EUR: <b>6.00</b></bdi> open of <bdi><b>30.00</b></bdi> in <bdi>3</bdi>" in text
    assert "Status: sent" in text  # a chip, whose link takes it away
    assert 'href="/invoices?sort=-balance" title="Take this away"' in text
    for name, listing in LISTINGS.items():
        for heading in listing.by_heading:
            path = {listed.name: listed.path for listed in LIST_PAGES} | {
                "golden": "/golden",
                "customers": "/customers",
            }
            assert visitors["viewer"].get(f"{path[name]}?sort=-{heading}").status_code == 200, (name, heading)


def test_views_are_kept_shared_and_forgotten(visitors: dict[str, Visitor]) -> None:
    path = "/invoices?due=overdue&sort=-balance"

    def keep(who: str, **fields: str) -> httpx.Response:
        return visitors[who].client.post("/views", data={"csrf": visitors[who].token(), **fields})

    for name, shared in (("mine", {}), ("ours", {"shared": "on"})):
        assert keep("editor", path=path, name=name, **shared).status_code == 303
    own, others = (visitors[who].get("/invoices").text for who in ("editor", "viewer"))
    assert ">mine</a>" in own
    assert ">ours</a>" in own
    assert ">mine</a>" not in others
    assert 'href="/invoices?due=overdue&amp;sort=-balance">ours</a>' in others
    view = re.search(r'name="forget" value="(\d+)" aria-label="Forget the view ours"', own)
    assert view is not None
    keep("viewer", path="/invoices", forget=view.group(1))
    assert ">ours</a>" in visitors["viewer"].get("/invoices").text
    keep("editor", path="/invoices", forget=view.group(1))
    assert ">ours</a>" not in visitors["viewer"].get("/invoices").text
    assert keep("editor", path="//evil.example", name="x").headers["location"] == "/"


def test_an_administrator_manages_users(company: Company, site: Web, visitors: dict[str, Visitor]) -> None:
    admin = visitors["admin"]
    added = admin.post("/users", action="add", name="Noor", role="viewer", password=PASSWORD)
    assert added.status_code == 303
    noor = Visitor(site.address)
    assert noor.log_in("noor").status_code == 303
    admin.post("/users", action="role", name="noor", role="editor")
    assert noor.get("/intakes/new").status_code == 200
    admin.post("/users", action="disable", name="noor")
    assert noor.get("/golden").status_code == 303
    assert noor.log_in("noor").status_code == 401
    admin.post("/users", action="enable", name="noor")
    assert noor.log_in("noor").status_code == 303
    for action in ("role", "disable", "remove"):  # somebody must be left who may do this
        admin.post("/users", action=action, name="admin", role="viewer")
    assert "is the only administrator" in admin.get("/users").text
    assert company.value("select role from ops.users where name = 'admin'") == "admin"
    admin.post("/users", action="remove", name="noor")
    assert noor.get("/golden").status_code == 303
    done = {row["action"] for row in company.rows("select action from ops.audit_log where target = 'noor'")}
    assert {"user add", "user role", "user disable", "user enable", "user remove"} <= done
    noor.client.close()
    assert visitors["editor"].post("/users", action="add", name="x", role="admin", password=PASSWORD).status_code == 403


def test_everybody_looks_after_oneself(company: Company, site: Web, visitors: dict[str, Visitor]) -> None:
    editor, elsewhere = visitors["editor"], Visitor(site.address)
    elsewhere.log_in("editor")
    other = re.search(r'name="session" value="([0-9a-f]+)"', editor.get("/me").text)
    assert other is not None
    editor.post("/me", action="end", session=other.group(1))
    assert elsewhere.get("/golden").status_code == 303
    elsewhere.client.close()

    made = editor.post("/me", action="token", name="sheet", days="30", role="editor").text
    token = re.search(r"<code>(ca_[^<]+)</code>", made)
    assert token is not None
    read = {"Authorization": f"Bearer {token.group(1)}"}
    assert company.value("select role from ops.access_tokens where name = 'editor/sheet'") == "editor"
    assert token.group(1) not in editor.get("/me").text
    visitors["viewer"].post("/me", action="revoke", name="editor/sheet")
    assert company.value("select count(*) from ops.access_tokens") == 1
    assert visitors["viewer"].post("/me", action="token", name="x", days="30", role="editor").status_code == 200
    assert company.value("select role from ops.access_tokens where name = 'viewer/x'") == "viewer"
    assert site.client.get("/api/customers", headers=read).status_code == 200
    editor.post("/me", action="revoke", name="editor/sheet")
    assert company.value("select count(*) from ops.access_tokens where name = 'editor/sheet'") == 0

    wrong = editor.post("/me", action="password", old="wrong", new="another password", again="another password")
    assert wrong.headers["location"] == "/me"
    editor.post("/me", action="password", old=PASSWORD, new="another password", again="another password")
    assert editor.get("/golden").status_code == 303
    assert editor.log_in("editor", "another password").status_code == 303


def test_old_invoices_come_by_upload(company: Company, visitors: dict[str, Visitor]) -> None:
    text = "Nummer;customer_name;total;invoice_date\nA-1;Bakkerij Janssens;1.234,50;31/01/2020\nA-2;Slager;veel;15/02/2020\n"
    editor = visitors["editor"]

    def send(**fields: Any) -> str:
        page = form_of(editor.get("/import").text)
        data = {"csrf": page["csrf"], **fields}
        files = {"file": ("oud.csv", text.encode(), "text/csv")} if "key" not in fields else {}
        return editor.client.post("/import", data=data, files=files).text

    looked = send(step="look")
    assert "oud.csv" in looked
    mapped = {} if "source_invoice_id" in looked and "A-1" in looked else {"map Nummer": "source_invoice_id"}
    looked = send(step="look", **mapped)
    assert "Bakkerij Janssens" in looked
    assert "1234.50" in looked
    assert company.value("select count(*) from legacy_invoices") == 0
    key = form_of(looked, "/import" if 'action="/import' in looked else "multipart")["key"]
    refused = editor.get(f"/import/{key}/refused.csv").text
    assert "line 3: total: not an amount" in refused
    assert visitors["admin"].get(f"/import/{key}/refused.csv").status_code == 404
    done = send(step="import", key=key, **mapped)
    assert "Imported" in done
    assert company.rows("select source_invoice_id, total::text from legacy_invoices order by 1")[0] == {
        "source_invoice_id": "A-1",
        "total": "1234.50",
    }
    assert company.value("select who from ops.audit_log where action = 'import'") == "editor"
    for name, said in (("x.exe", "of one of these kinds"), ("x.xlsx", "")):
        answer = editor.client.post(
            "/import",
            data={"csrf": editor.token(), "step": "look"},
            files={"file": (name, b"nonsense", "application/octet-stream")},
        )
        assert answer.status_code == 422
        assert said in answer.text


def test_notes_stay_with_the_customer(company: Company, visitors: dict[str, Visitor]) -> None:
    customer(company, name="Haven BV", vat_number="BE 0476.267.228")
    resolve_customers(company.context)
    golden = company.value("select id from customers")
    visitors["editor"].post(f"/golden/{golden}/notes", body="Belt liever <'s avonds>")
    text = visitors["viewer"].get(f"/golden/{golden}").text
    assert "Belt liever &lt;" in text
    assert visitors["viewer"].post(f"/golden/{golden}/notes", body="x").status_code == 403
    company.do("insert into customer_aliases (old_id, golden_id, row_ids) values (99, %s, '{}')", golden)
    company.do("update ops.notes set golden_id = 99")
    assert "Belt liever" in visitors["viewer"].get(f"/golden/{golden}").text


def test_what_became_of_a_push_may_be_looked_at_again(company: Company) -> None:
    for role in users.ROLES:
        users.add_user(company.connection, role, PASSWORD, role=role)
    with serving(company, with_sumit=True) as web:
        row = customer(company, name="Nieuw voor SUMIT", general_email="x@y.example")
        editor = Visitor(web.address)
        editor.log_in("editor")
        pushed = editor.post("/push", id=str(row))
        assert pushed.status_code == 303
        creations = company.world.calls["sumit"]
        for _ in range(2):
            assert "created" in editor.get(pushed.headers["location"]).text
        assert company.world.calls["sumit"] == creations
        editor.client.close()


def test_conflicts_are_decided_line_by_line_or_all_at_once(company: Company) -> None:
    for role in users.ROLES:
        users.add_user(company.connection, role, PASSWORD, role=role)
    with serving(company, with_sumit=True) as web:
        company.pull("sumit")
        company.do(
            """
            insert into ops.sumit_conflicts (link_id, field, base_value, local_value, remote_value)
            select id, 'city', '"a"', '"b"', '"c"' from ops.sumit_links order by id limit 4
            """
        )
        ids = [row["id"] for row in company.rows("select id from ops.sumit_conflicts order by id")]
        assert len(ids) == 4
        editor = Visitor(web.address)
        editor.log_in("editor")
        page = editor.get("/conflicts").text
        assert page.count('value="local"') == len(ids) + 1
        token = editor.token()
        one = {"csrf": token, f"use {ids[0]}": "local", f"use {ids[1]}": "remote", f"use {ids[2]}": ""}
        assert editor.client.post("/conflicts", data=one).status_code == 303
        assert company.value("select count(*) from ops.sumit_conflicts where status = 'open'") == len(ids) - 2
        rest = {"csrf": token, "all": "remote", **{f"use {number}": "" for number in ids[2:]}, "use 99999": ""}
        editor.client.post("/conflicts", data=rest)
        assert company.value("select count(*) from ops.sumit_conflicts where status = 'open'") == 0
        assert "no open conflict 99999" in editor.get("/conflicts").text
        editor.client.close()


def test_several_records_are_changed_at_once_but_not_what_somebody_else_changed(
    company: Company, visitors: dict[str, Visitor]
) -> None:
    rows = [customer(company, source_customer_id=str(n), name=f"Noord {n}", city="gent") for n in range(3)]
    other = customer(company, source_customer_id="9", name="Zuid", city="gent")
    editor = visitors["editor"]
    plan = editor.post("/customers/together", field="city", value="Gent", matching="q=noord").text
    assert "City of 3 records" in plan
    assert "Zuid" not in plan
    assert company.value("select count(*) from customers_cache where city = 'Gent'") == 0
    company.do("update customer_rows set city = 'Aalst' where id = %s", rows[0])
    fields = re.findall(r'name="((?:id|was)[^"]*)" value="([^"]*)"', plan)
    form: dict[str, Any] = {"csrf": editor.token(), "field": "city", "value": "Gent", "go": "yes"}
    form["id"] = [value for name, value in fields if name == "id"]
    form |= {name: value for name, value in fields if name != "id"}
    assert editor.client.post("/customers/together", data=form).status_code == 303
    assert "2 changed; 1 not" in editor.get("/customers").text
    cities = {row["id"]: row["city"] for row in company.rows("select id, city from customers_cache")}
    assert cities == {rows[0]: "Aalst", rows[1]: "Gent", rows[2]: "Gent", other: "gent"}
    for wrong in ({"field": "id", "value": "1", "id": str(other)}, {"field": "city", "value": "x"}):
        assert editor.post("/customers/together", **wrong).status_code == 303
    assert visitors["viewer"].post("/customers/together", field="city", value="x", id=str(other)).status_code == 403


@pytest.mark.parametrize(
    ("now", "cron", "then"),
    [
        ("2026-11-26 01:59", "0 2 * * *", "2026-11-26 02:00"),
        ("2026-11-26 02:00", "0 2 * * *", "2026-11-27 02:00"),
        ("2026-11-26 12:00", "30 4 * * 0", "2026-11-29 04:30"),
        ("2026-11-29 04:00", "30 4 * * 0", "2026-11-29 04:30"),
        ("2026-11-29 05:00", "30 4 * * 0", "2026-12-06 04:30"),
    ],
)
def test_when_a_schedule_runs_next(now: str, cron: str, then: str) -> None:
    assert Slot("x", "y", cron, "z").following(datetime.fromisoformat(now)) == datetime.fromisoformat(then)


def test_an_answer_about_two_records_is_taken_back(company: Company, visitors: dict[str, Visitor]) -> None:
    for source in ("robaws", "zoho"):
        customer(company, source=source, source_customer_id="1", name="Haven BV", vat_number="BE 0476.267.228")
    resolve_customers(company.context)
    golden = company.value("select id from customers")
    rows = [row["id"] for row in company.rows("select id from customer_rows order by id")]
    editor = visitors["editor"]
    editor.post(f"/golden/{golden}/part", row=str(rows[1]), other=str(rows[0]))
    assert company.value("select count(*) from customers") == 2
    page = editor.get(f"/golden/{golden}").text
    assert "Said by people" in page
    decided = re.search(r'name="decision" value="(\d+)"', page)
    assert decided is not None
    assert visitors["viewer"].post(f"/golden/{golden}/back", decision=decided.group(1)).status_code == 403
    editor.post(f"/golden/{golden}/back", decision=decided.group(1))
    assert company.value("select count(*) from customers") == 1
    assert "Said by people" not in editor.get(f"/golden/{golden}").text
    assert company.value("select count(*) from match_reviews") == 0
    assert company.value("select count(*) from ops.audit_log where action = 'identity: taken back'") == 1
    editor.post(f"/golden/{golden}/back", decision=decided.group(1))
    assert "no such answer" in editor.get(f"/golden/{golden}").text


def test_pages_are_compressed_and_no_secret_stands_twice_the_same(visitors: dict[str, Visitor]) -> None:
    page = visitors["editor"].get("/golden")
    assert page.headers["content-encoding"] == "gzip"
    shown = [re.search(r'name="csrf" value="([^"]+)"', visitors["editor"].get("/golden").text) for _ in range(2)]
    first, second = (found.group(1) for found in shown if found)
    assert first != second
    assert unmasked(first) == unmasked(second)
    for wrong in ("", "x", first[:-4], second[:10], "\u00e9", masked("guess")):
        assert visitors["editor"].client.post("/intakes/new", data={"csrf": wrong}).status_code == 403


def test_an_administrator_erases_a_record_after_seeing_what_goes(
    company: Company, visitors: dict[str, Visitor]
) -> None:
    company.pull("robaws")
    row = company.rows("select id, name, source_customer_id from customer_rows order by id limit 1")[0]
    path = f"/customers/{row['id']}/erase"
    assert visitors["editor"].get(path).status_code == 403
    plan = visitors["admin"].get(path)
    assert plan.status_code == 200
    assert "<dt>raw pages</dt>" in plan.text
    assert company.value("select count(*) from customer_rows where id = %s", row["id"]) == 1
    assert visitors["admin"].post(path).status_code == 303
    assert company.value("select count(*) from customer_rows where id = %s", row["id"]) == 0
    assert company.value("select erased_by from ops.erasures") == "admin"
    assert visitors["admin"].get(path).status_code == 404
    company.pull("robaws")
    query = "select count(*) from customer_rows where source_customer_id = %s"
    assert company.value(query, row["source_customer_id"]) == 0
