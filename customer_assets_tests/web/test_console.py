"""The console over real HTTP: who may do what, forms of foreign logins, literal search, stale edits, inert names."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.runtime.dagster_client import Dagster
from customer_assets.store import access_tokens, database, users
from customer_assets.store.reads import search
from customer_assets.store.reads.listings import LISTINGS
from customer_assets.web.console.guard import HEADERS, LoginThrottle, allowed_next
from customer_assets_tests.conftest import Company
from customer_assets_tests.web.conftest import (
    EDITS,
    EVIL,
    PASSWORD,
    READS,
    WRITES,
    Visitor,
    Web,
    customer,
    form_of,
    serving,
    until,
)

pytestmark = pytest.mark.slow


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
        assert visitors["admin"].get(path).status_code in (200, 303, 405), path  # 303: there is no such customer
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
    assert "General email: &#39;no address&#39; is no e-mail address" in bad.text
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
    answer = visitors["editor"].post("/actions/sync-all")
    assert answer.status_code == 303
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
    assert site.client.get("/api/reminders/due?limit=1").status_code == 400
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


def test_who_reminds_by_hand_notes_what_became_of_it(company: Company, visitors: dict[str, Visitor]) -> None:
    company.do(
        """
        insert into invoice_rows (source, source_invoice_id, invoice_number, balance, content_hash)
        values ('zoho', '1', 'INV-7', 5, ''), ('zoho', '2', 'INV-8', 5, '')
        """
    )
    company.do(
        """
        insert into payment_reminders (invoice_id, reminder_type, scheduled_date, channel, status)
        select id, 'due', current_date, 'whatsapp', 'pending'
        from invoice_rows
        """
    )
    one, other = (row["id"] for row in company.rows("select id from payment_reminders order by invoice_id"))
    editor = visitors["editor"]
    assert f'href="/reminders/{one}"' in editor.get("/reminders").text
    assert "INV-7" in editor.get(f"/reminders/{one}").text
    assert visitors["viewer"].get(f"/reminders/{one}").status_code == 403
    assert editor.get("/reminders/999999").status_code == 404
    assert editor.post(f"/reminders/{one}", outcome="lost").status_code == 422
    assert editor.post(f"/reminders/{one}", outcome="sent").status_code == 303
    editor.post(f"/reminders/{other}", outcome="failed", failure="no such number")
    states = company.rows("select status, failure from payment_reminders order by invoice_id")
    assert states == [{"status": "sent", "failure": None}, {"status": "failed", "failure": "no such number"}]
    assert f'href="/reminders/{one}"' not in editor.get("/reminders").text
    editor.post(f"/reminders/{one}", outcome="failed")
    assert "it cannot become failed" in editor.get(f"/reminders/{one}").text
    assert company.value("select count(*) from ops.audit_log where action like 'reminder %%'") == 2
    assert "INV-8" not in editor.get("/invoices?number=inv-7").text


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


def test_the_indexes_of_the_search_are_made_once_and_mended(company: Company) -> None:
    for name in search.SEARCH_INDEXES:
        company.connection.execute(f"drop index if exists {name}")
    with database.connect(company.url) as other:  # another process makes them
        other.execute("select pg_advisory_lock(hashtext('customer_assets search'))")
        assert not search.ensure_search_index(company.connection)
    until(lambda: search.ensure_search_index(company.connection))
    assert not search.ensure_search_index(company.connection)
    company.connection.execute(
        "update pg_index set indisvalid = false where indexrelid = 'customers_search_idx'::regclass"
    )
    assert search.ensure_search_index(company.connection)


def test_a_search_asks_indexes_alone(company: Company) -> None:
    search.ensure_search_index(company.connection)
    listing = LISTINGS["golden"]
    said = {"q": "'x':*", "q_text": "x", "q_words": "'x':*", "q_pieces": "'1234':*"}
    with company.connection.transaction():
        for way in ("seqscan", "indexscan"):  # of a few rows the planner reads all, by whatever order is at hand
            company.connection.execute(f"set local enable_{way} = off")
        query = f"explain select g.id from customers g where {listing.filters['q']}"
        plan = " ".join(str(row) for row in company.connection.execute(query, said).fetchall())
    for name in search.SEARCH_INDEXES:
        assert name in plan
    assert "Seq Scan" not in plan


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
