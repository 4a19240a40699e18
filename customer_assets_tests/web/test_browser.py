"""The console in a real browser: every screen at two widths, the story of a day, the intake by keyboard alone.

Needs Chromium (`apt-get install chromium`, or CHROMIUM=/path/to/it); without one these tests are skipped. Screenshots are kept
in the folder BROWSER_ARTIFACTS, where it is set.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.store import users
from customer_assets.web.console.languages import COOKIE as LANGUAGE_COOKIE
from customer_assets_tests.conftest import Company
from customer_assets_tests.web.conftest import EDITS, EVIL, PASSWORD, READS, Web, customer, serving, until

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.ci,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium, or set CHROMIUM=/path/to/it"),
]
ADMINS = ["/users", "/subscriptions"]
LONGEST = 15_000  # ms; machines are slow


class Screen:
    """A page of the browser, and what it complained about."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        page.set_default_timeout(LONGEST)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.hosts.add("/".join(request.url.split("/")[:3])))

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def keep(self, name: str) -> None:
        folder = os.environ.get("BROWSER_ARTIFACTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)

    def log_in(self, name: str = "editor") -> None:
        self.open("/login")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url("**/overview")


def serious_findings(page: Any) -> list[str]:
    """What axe-core finds wrong for people who do not see, or do not use a mouse; the grave ones."""
    found = Axe().run(page).response["violations"]
    return [
        f"{f['id']}: {f['help']}: {f['nodes'][0]['html'][:200]}"
        for f in found
        if f["impact"] in ("serious", "critical")
    ]


@pytest.fixture
def site(company: Company) -> Iterator[Web]:
    for role in users.ROLES:
        users.add_user(company.connection, role, PASSWORD, role=role)
    with serving(company, with_sumit=True) as web:
        yield web


@pytest.fixture
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def screen(site: Web, browser: Any) -> Iterator[Screen]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    screen = Screen(page, site.address)
    yield screen
    assert screen.errors == []
    assert screen.hosts == {site.address}
    page.close()


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [
        (1440, "light", "en"),
        (1440, "dark", "he"),
        (1024, "dark", "en"),
        (1024, "light", "he"),
        (390, "light", "en"),
        (390, "dark", "he"),
    ],
)
def test_every_screen_opens_fits_and_is_accessible(
    company: Company, screen: Screen, width: int, scheme: Any, language: str
) -> None:
    # this thread has the browser's event loop
    for work in (lambda: company.pull("robaws"), lambda: resolve_customers(company.context)):
        working = threading.Thread(target=work)
        working.start()
        working.join()
    row = customer(company, source_customer_id="evil", name=EVIL, website="javascript:alert(1)", city="\u202eevil")
    company.do(
        "insert into match_reviews (scope, one_ref, other_ref, weight) values ('customers', 'robaws:1001', 'robaws:evil', 7)"
    )
    screen.page.set_viewport_size({"width": width, "height": 900})
    screen.page.emulate_media(color_scheme=scheme)
    screen.open("/login")
    assert serious_findings(screen.page) == []
    screen.log_in("admin")
    screen.page.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": language, "url": screen.address}])
    golden = company.value("select min(id) from customers")
    for path in [*READS, *EDITS, f"/customers/{row}", f"/customers/{row}/edit", f"/golden/{golden}", *ADMINS]:
        screen.open(path)
        assert serious_findings(screen.page) == [], path
        assert screen.page.locator("h1").count() == 1, path
        assert screen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), path
        screen.keep(f"{path.strip('/').replace('/', '-')}-{width}-{scheme}-{language}")


def test_the_story_of_a_day(company: Company, site: Web, screen: Screen) -> None:
    row = customer(company, city="Antwerpen")
    page = screen.page
    screen.log_in()
    screen.open("/customers")
    page.get_by_label("Search").fill("aeo")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Aeon Shipping LLC").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("City").fill("Gent")
    company.connection.execute("update customer_rows set updated_at = now(), city = 'Brugge' where id = %s", [row])
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Somebody was faster").wait_for()
    screen.errors.clear()  # the browser notes the 409 as an error of its own
    page.get_by_label("City").fill("Gent")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved").wait_for()
    assert company.value("select city from customers_cache where id = %s", row) == "Gent"
    screen.open("/customers")
    page.get_by_role("link", name="Sync all customers").click()
    page.get_by_role("button", name="Start").click()
    page.get_by_text("created").wait_for(timeout=60_000)
    screen.keep("sync-done")
    screen.open("/customers?q=aeon+shipping&active=yes&column=name&column=city")
    page.get_by_label("Select Aeon Shipping LLC").first.check()
    page.get_by_role("button", name="Push to SUMIT…").click()
    page.get_by_text("Push 1 customer to SUMIT").wait_for()
    screen.keep("push-plan")
    page.get_by_role("button", name="Push 1").click()
    page.get_by_text("Pushed 1 customer").wait_for()
    site.deliver("d1", id="1000", name="Aeon Shipping LLC")
    site.settled()
    screen.open("/webhooks/deliveries/d1")
    page.get_by_role("button", name="once more").click()
    page.get_by_text("1 put back").wait_for()


def test_a_sync_that_ended_before_the_page_asked_shows_what_it_did(company: Company, screen: Screen) -> None:
    def late(route: Any) -> None:
        if route.request.headers.get("accept") == "application/json":
            until(lambda: company.value("select count(*) from sync_runs where finished_at is not null"), 60)
            time.sleep(1)  # and its thread has ended, too
        route.continue_()

    screen.log_in()
    screen.open("/actions/pull-robaws")
    screen.page.route("**/jobs/*", late)
    screen.page.get_by_role("button", name="Start").click()
    screen.page.get_by_role("heading", name="What it did").wait_for()
    screen.page.unroute("**/jobs/*")
    assert company.value("select count(*) from customer_rows") > 0


def test_an_intake_by_keyboard_alone(company: Company, screen: Screen) -> None:
    customer(company, general_email="a@aeon.example", phone="+32 3 555 01 02")
    page = screen.page
    screen.log_in()
    screen.open("/intakes/new")
    page.get_by_role("combobox", name="Customer").focus()
    page.keyboard.type("aeon")
    page.locator("#hits [role=option]").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("Role: FORWARDER").wait_for()
    assert page.get_by_label("E-mail").input_value() == "a@aeon.example"
    assert page.get_by_label("Phone").input_value() == "+32 3 555 01 02"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("called twice")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("The intake is saved").wait_for()
    assert company.value("select note from intakes") == "called twice"


def test_keys_lead_everywhere_and_what_is_typed_is_not_lost(company: Company, screen: Screen) -> None:
    customer(company, name="Aeon Shipping LLC", vat_number="BE 0476.267.228")
    working = threading.Thread(target=resolve_customers, args=(company.context,))  # this thread has the browser's loop
    working.start()
    working.join()
    page = screen.page
    screen.log_in()
    page.wait_for_load_state()  # a key that comes before the script is lost
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_text("find a customer").wait_for()
    page.keyboard.press("Escape")  # and on at once: the dialog has the focus for a moment after it is closed
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/invoices")
    page.keyboard.press("Control+k")
    page.keyboard.type("476 267")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Aeon Shipping LLC").click()
    page.get_by_label("Note").fill("belt terug")
    page.get_by_role("button", name="Keep the note").click()
    page.get_by_text("belt terug").wait_for()
    page.wait_for_load_state()
    page.keyboard.press("n")
    page.wait_for_url("**/intakes/new")
    page.get_by_label("Name", exact=True).fill("Half")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert page.get_by_label("Name", exact=True).input_value() == "Half"
    company.do("delete from ops.sessions")
    page.get_by_role("button", name="Save the intake").click()
    page.get_by_text("What you typed is kept").wait_for()
    screen.errors.clear()  # the browser notes the 401 as an error of its own
    page.get_by_label("Name").fill("editor")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Send it").click()
    page.wait_for_url("**/intakes")
    assert company.value("select customer_name from intakes") == "Half"
