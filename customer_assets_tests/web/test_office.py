"""Ten jobs of an office, done in a real browser from the start page, with the clicks that each takes; typing is not counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.store import users
from customer_assets_tests.conftest import Company
from customer_assets_tests.web.conftest import PASSWORD, Web, customer, serving
from customer_assets_tests.web.test_browser import CHROMIUM, Screen, browser

__all__ = ["browser"]  # fixture
pytestmark = [
    pytest.mark.ci,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium, or set CHROMIUM=/path/to/it"),
]


class Desk(Screen):
    """Somebody at the start page, whose clicks are counted."""

    def __init__(self, page: Any, address: str) -> None:
        super().__init__(page, address)
        self.clicks = 0

    def click(self, role: str, name: str, **how: Any) -> None:
        self.page.get_by_role(role, name=name, **how).first.click()
        self.clicks += 1

    def find(self, typed: str) -> None:
        """By the keyboard alone, from any page."""
        self.page.wait_for_load_state()
        self.page.keyboard.press("/")
        self.page.keyboard.type(typed)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/golden?q=*")

    def open_found(self, name: str) -> None:
        """A customer of the list."""
        self.page.locator("tbody").get_by_role("link", name=name).first.click()
        self.clicks += 1

    def sees(self, said: str) -> None:
        self.page.get_by_text(said).first.wait_for()


def beside(work: Callable[[], Any]) -> None:
    """Do something in another thread: this one has the browser's event loop."""
    working = threading.Thread(target=work)
    working.start()
    working.join()


@pytest.fixture
def house(company: Company) -> Iterator[Web]:
    users.add_user(company.connection, "editor", PASSWORD, role="editor")
    with serving(company, with_sumit=True) as web:
        yield web


@pytest.fixture
def desk(company: Company, house: Web, browser: Any) -> Iterator[Desk]:
    for system in ("sumit", "zoho"):
        beside(lambda system=system: company.pull(system))
    common = {"vat_number": "BE0476267228", "phone": "+32 3 555 01 02", "primary_phone": "+3235550102"}
    one = customer(company, name="Leieolzanel Automotive SRL", street="Kaai 12", city="Gent", **common)
    customer(company, name="LEIEOLZANEL AUTOMOTIVE", source="zoho", source_customer_id="z1", city="Gent", **common)
    customer(company, name="Noorderlicht Schilders", source_customer_id="7", city="Breda")
    beside(lambda: resolve_customers(company.context))
    beside(lambda: edit_customer(company.context, one, {"city": "Brugge"}, by="anna"))
    beside(lambda: resolve_customers(company.context))
    page = browser.new_page(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    desk = Desk(page, house.address)
    desk.log_in()
    yield desk
    assert desk.errors == []
    assert desk.hosts == {house.address}
    page.close()


@pytest.mark.parametrize(
    "typed", ["leieolz", "leiolzanel", "55501", "476 267", "automotive leieolzanel srl", "0476.267.228"]
)
def test_1_find_a_customer_by_what_one_remembers(desk: Desk, typed: str) -> None:
    desk.find(typed)
    desk.page.get_by_role("link", name="Leieolzanel Automotive").first.wait_for()
    assert desk.clicks == 0


def test_2_correct_a_mailbox_and_see_it_in_sumit(company: Company, desk: Desk) -> None:
    name = company.value("select name from customer_rows where source = 'sumit' order by id limit 1")
    desk.find(name)
    desk.open_found(name)
    desk.click("link", "Edit", exact=True)
    desk.page.get_by_label("General email").fill("nieuw@zon.example")
    desk.click("button", "Save, and send to SUMIT…")
    desk.sees("nieuw@zon.example")
    desk.click("button", "Push 1")
    desk.sees("Pushed 1 customer")
    assert "nieuw@zon.example" in {c.get("EmailAddress") for c in company.world.sumit.values()}
    assert desk.clicks == 4


def test_3_see_why_two_are_one_part_them_and_take_it_back(company: Company, desk: Desk) -> None:
    company.do("update customer_rows set vat_number = null, vat_normalized = null where source_customer_id = 'z1'")
    beside(lambda: resolve_customers(company.context))
    desk.find("leieolzanel")
    desk.open_found("Leieolzanel")
    desk.sees("same phone")
    desk.click("button", "Not this customer…")
    desk.sees("Two customers?")
    desk.click("button", "Part", exact=True)
    desk.sees("They are two customers now")
    desk.click("button", "Take it back")
    desk.sees("Taken back")
    assert desk.clicks == 4
    assert company.value("select count(distinct golden_id) from customer_rows where name ilike 'leieolz%%'") == 1


def test_4_merge_two_by_hand_and_see_before_what_comes_of_it(company: Company, desk: Desk) -> None:
    name = company.value("select name from customer_rows where source_customer_id = '7'")
    desk.find("leieolzanel")
    desk.open_found("Leieolzanel")
    desk.page.get_by_label("The same as customer").fill(name.split()[0].lower())
    desk.click("button", "Merge…")
    desk.click("link", f"This one {name}")
    desk.sees("One customer?")
    desk.click("button", "Merge", exact=True)
    desk.sees("They are one customer now")
    assert desk.clicks == 4


def test_5_see_who_was_changed_and_by_what(desk: Desk) -> None:
    desk.click("link", "Changes", exact=True)
    desk.sees("Brugge")
    desk.sees("edit")
    assert desk.clicks == 1


def test_6_sync_now_and_see_what_came_of_it(desk: Desk) -> None:
    desk.click("link", "Customers", exact=True)
    desk.click("link", "Pull from SUMIT")
    desk.click("button", "Start")
    desk.page.get_by_role("heading", name="What it did").wait_for(timeout=60_000)
    desk.sees("what it changed")
    assert desk.clicks == 3


def test_7_replay_a_webhook_that_failed(company: Company, house: Web, desk: Desk) -> None:
    house.deliver("d-7", id="7", name="Noorderlicht Schilders BV")
    house.settled()
    company.do("update ops.webhook_deliveries set status = 'failed', next_attempt_at = null, error = 'on purpose'")
    desk.page.reload()
    desk.click("link", "Inbox")
    desk.sees("on purpose")
    desk.click("link", "client.updated 7")
    desk.click("button", "Apply once more")
    desk.sees("1 put back")
    assert desk.clicks == 3


def test_8_take_an_intake_by_the_keyboard(company: Company, desk: Desk) -> None:
    page = desk.page
    page.wait_for_load_state()
    page.keyboard.press("n")
    page.wait_for_url("**/intakes/new")
    page.wait_for_load_state()
    page.get_by_role("combobox", name="Customer").focus()
    page.keyboard.type("leieolz")
    page.locator("#hits [role=option]").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_label("Note").focus()
    page.keyboard.type("belt terug")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    desk.sees("The intake is saved")
    assert company.value("select note from intakes") == "belt terug"
    assert desk.clicks == 0


def test_9_the_overdue_with_their_phones_as_a_file(desk: Desk) -> None:
    section = desk.page.locator("section", has=desk.page.get_by_role("heading", name="Overdue"))
    section.get_by_role("link").first.click()
    with desk.page.expect_download() as download:
        desk.click("link", "CSV", exact=True)
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert "Phone" in lines[0]
    assert len(lines) > 2
    assert desk.clicks + 1 == 2


def test_10_see_at_a_glance_whether_all_is_well(company: Company, desk: Desk) -> None:
    desk.sees("zoho")
    assert desk.page.locator(".badge.ok").count() >= 2
    company.fault("zoho", "503", times=99)
    beside(lambda: company.pull("zoho", retry_seconds=0))
    desk.page.reload()
    desk.sees("zoho: the last sync failed")
    assert desk.clicks == 0
