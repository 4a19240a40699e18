"""Forms: whose they are, what becomes of them when they fail, and what nobody is to get through them."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from customer_assets.store import access_tokens, users
from customer_assets.store.database import connect
from customer_assets_tests.conftest import Company
from customer_assets_tests.web.conftest import PASSWORD, Visitor, Web, customer, form_of

pytestmark = pytest.mark.slow
FOREIGN: tuple[dict[str, str], ...] = ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"})


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/users", "/intakes/new", "/import", "/customers/1/edit"])
def test_what_another_site_sends_is_not_kept_to_be_gone_on_with(site: Web, path: str, headers: dict[str, str]) -> None:
    answer = site.client.post(path, data={"action": "add", "name": "mallory", "role": "admin"}, headers=headers)
    assert answer.status_code == 403
    assert "mallory" not in answer.text


@pytest.mark.parametrize("path", ["/users", "/me", "/push", "/views", "/logout", "/conflicts", "/import"])
def test_without_a_login_only_long_forms_are_kept(site: Web, path: str) -> None:
    answer = site.client.post(path, data={"old": "a secret", "new": "another"})
    assert answer.status_code == 401
    assert "a secret" not in answer.text
    assert 'name="kept"' not in answer.text


def test_without_a_login_nothing_large_is_read(site: Web) -> None:
    def chunks() -> Any:
        yield b"x" * 1024

    answer = site.client.post("/intakes/new", content=chunks(), headers={"Content-Type": "multipart/form-data"})
    assert answer.status_code == 413  # it does not say how large it is
    large = site.client.post("/intakes/new", content=b"x=" + b"y" * 3_000_000)
    assert large.status_code == 413


@pytest.mark.parametrize("kept", ["x", "[1]", "5", "[[1, 2]]", "[" * 3000])
def test_a_kept_form_that_is_none_is_nothing(site: Web, kept: str) -> None:
    answer = site.client.post(
        "/login", data={"name": "editor", "password": PASSWORD, "resume": "/intakes/new", "kept": kept}
    )
    assert answer.status_code == 200


def test_a_form_that_failed_may_be_sent_again(company: Company, visitors: dict[str, Visitor]) -> None:
    row = customer(company, city="Antwerpen")
    form = form_of(visitors["editor"].get(f"/customers/{row}/edit").text)
    wrong = visitors["editor"].client.post(f"/customers/{row}/edit", data=form | {"general_email": "no address"})
    assert wrong.status_code == 422
    again = visitors["editor"].client.post(f"/customers/{row}/edit", data=form | {"general_email": "a@b.be"})
    assert again.status_code == 303  # by the button Back of the browser
    twice = visitors["editor"].client.post(f"/customers/{row}/edit", data=form | {"general_email": "c@d.be"})
    assert twice.status_code == 409


def test_what_a_mistake_leaves_in_the_form_is_what_was_seen(company: Company, visitors: dict[str, Visitor]) -> None:
    row = customer(company, city="Antwerpen")
    form = form_of(visitors["editor"].get(f"/customers/{row}/edit").text)
    company.do("update customer_rows set city = 'Gent' where id = %s", row)
    wrong = visitors["editor"].client.post(f"/customers/{row}/edit", data=form | {"general_email": "no address"})
    mended = visitors["editor"].client.post(
        f"/customers/{row}/edit", data=form_of(wrong.text) | {"general_email": "a@b.be"}
    )
    assert mended.status_code == 303  # nobody touched the city here
    found = company.rows("select city, general_email from customers_cache where id = %s", row)
    assert found == [{"city": "Gent", "general_email": "a@b.be"}]


def test_what_no_edit_could_write_is_mended_by_one(company: Company, visitors: dict[str, Visitor]) -> None:
    row = customer(company, general_email="geen mail", phone="None")
    form = form_of(visitors["editor"].get(f"/customers/{row}/edit").text) | {"general_email": "ok@x.be"}
    assert visitors["editor"].client.post(f"/customers/{row}/edit", data=form).status_code == 303
    form = form_of(visitors["editor"].get(f"/customers/{row}/edit").text) | {"phone": "+32 3 555 01 02"}
    company.do("update customer_rows set phone = null where id = %s", row)
    assert visitors["editor"].client.post(f"/customers/{row}/edit", data=form).status_code == 409


@pytest.mark.ci
def test_five_hundred_records_are_changed_at_once(company: Company, visitors: dict[str, Visitor]) -> None:
    company.do(
        "insert into customer_rows (source, source_customer_id, name, city, content_hash) "
        "select 'robaws', 'b' || n, 'Noord ' || n, 'gent', '' from generate_series(1, 500) n"
    )
    editor = visitors["editor"]
    plan = editor.post("/customers/together", field="city", value="Gent", matching="q=noord").text
    fields = re.findall(r'name="((?:id|was)[^"]*)" value="([^"]*)"', plan)
    form: dict[str, Any] = {name: value for name, value in fields if name != "id"}
    form |= {"id": [v for n, v in fields if n == "id"], "field": "city", "value": "Gent", "go": "yes"}
    done = editor.client.post("/customers/together", data=form | {"csrf": editor.token()}, timeout=120)
    assert done.status_code == 303
    assert company.value("select count(*) from customers_cache where city = 'Gent'") == 500


@pytest.mark.parametrize("query", ["column=%E6%97%A5", "column=name&column=%00x", "column=" + "a" * 5000])
def test_columns_that_there_are_not_are_passed_over(visitors: dict[str, Visitor], query: str) -> None:
    assert visitors["viewer"].get(f"/golden?{query}").status_code == 200
    assert visitors["viewer"].get("/golden").status_code == 200


def test_digits_that_are_none_are_no_numbers(visitors: dict[str, Visitor]) -> None:
    token = {"csrf": visitors["editor"].token()}
    for path, fields in (
        ("/conflicts", {"use ²": "local"}),
        ("/views", {"path": "/golden", "forget": "²"}),
        ("/me", {"action": "token", "name": "x", "days": "²"}),
    ):
        assert visitors["editor"].client.post(path, data=token | fields).status_code == 303, path


def test_a_token_may_no_more_than_its_owner_as_that_is_now(company: Company, visitors: dict[str, Visitor]) -> None:
    made = visitors["editor"].post("/me", action="token", name="t", days="30", role="editor").text
    found = re.search(r"<code>(ca_[^<]+)</code>", made)
    assert found is not None
    token = found.group(1)
    with connect(company.url) as connection:
        assert access_tokens.role_of(connection, token) == "editor"
        users.set_role(connection, "editor", "viewer")
        assert access_tokens.role_of(connection, token) == "viewer"
        users.disable(connection, "editor", is_disabled=True)
        assert access_tokens.role_of(connection, token) is None
        users.disable(connection, "editor", is_disabled=False)
        assert access_tokens.role_of(connection, token) == "viewer"
        users.remove_user(connection, "editor")
        assert access_tokens.role_of(connection, token) is None
        assert access_tokens.listed(connection) == []


@pytest.mark.ci
def test_an_own_good_login_is_no_licence_to_guess(site: Web) -> None:
    held = 0
    with httpx.Client(base_url=site.address, timeout=60) as client:
        for number in range(40):
            if number % 10 == 9:
                client.post("/login", data={"name": "viewer", "password": PASSWORD})
            answer = client.post("/login", data={"name": f"guess{number}", "password": "wrong"})
            held += answer.status_code == 429
    assert held >= 10


def test_the_own_password_is_not_guessed_at_an_open_screen(company: Company, visitors: dict[str, Visitor]) -> None:
    editor = visitors["editor"]
    for _ in range(6):
        editor.post("/me", action="password", old="wrong", new="another password", again="another password")
    editor.post("/me", action="password", old=PASSWORD, new="another password", again="another password")
    assert "was too often" in editor.get("/me").text
    assert company.value("select count(*) from ops.audit_log where action = 'failed to log in'") == 5


def test_an_answer_about_others_is_not_taken_back_here(company: Company, visitors: dict[str, Visitor]) -> None:
    company.do(
        "insert into match_reviews (scope, one_ref, other_ref, status, decision, decided_by, decided_at) "
        "values ('customers', 'robaws:1', 'zoho:1', 'decided', 'different', 'x', now())"
    )
    decision = company.value("select id from match_reviews")
    visitors["editor"].post("/golden/777777/back", decision=str(decision))
    assert company.value("select status from match_reviews") == "decided"
