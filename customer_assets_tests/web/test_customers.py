"""Customers as people know them, and what office people do with them: lists, pages, decisions, uploads, views."""

from __future__ import annotations

import csv
import io
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from psycopg.types.json import Jsonb
from starlette.datastructures import UploadFile

from customer_assets.domain.identity.evidence import WEIGHTS
from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.identity.decide import decide_pair
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.runtime.timetable import Slot
from customer_assets.store import users
from customer_assets.store.reads.listings import LISTINGS
from customer_assets.web.console.flash import FLASH, LONGEST, Said, flashed, flashing
from customer_assets.web.console.listings import LIST_PAGES
from customer_assets.web.console.screen import masked, unmasked
from customer_assets.web.console.tables import IN_WORDS, in_words
from customer_assets.web.console.uploads import Uploads
from customer_assets_tests.conftest import Company
from customer_assets_tests.web.conftest import (
    PASSWORD,
    Visitor,
    Web,
    customer,
    form_of,
    serving,
    until,
)

pytestmark = pytest.mark.slow


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
        billing_email="boekhouding@kantoor.be",
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
        "boekhouding@kantoor.be",
        "kantoor.be",
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
    editor.post(f"/golden/{leie}/part", row=str(rows[1]["id"]))
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


def test_what_would_come_of_a_merge_is_shown_and_nothing_is_kept(
    company: Company, visitors: dict[str, Visitor], leie: int
) -> None:
    editor = visitors["editor"]
    other = company.value("select min(id) from customers where id <> %s", leie)
    before = (
        company.rows("select * from customers order by id"),
        company.rows("select * from ops.identity_index order by 1"),
    )

    page = editor.get(f"/golden/{leie}/merge?other=%23{other}").text
    then = page[page.index("<h2>Then") :]
    assert f'href="/golden/{min(leie, other)}"' in then
    assert then.count("<tr>") == 1 + 1  # a heading, and one customer
    rows = [r["id"] for r in company.rows("select id from customer_rows where golden_id = %s order by id", leie)]
    page = editor.get(f"/golden/{leie}/part?row={rows[1]}").text
    assert page[page.index("<h2>Then") :].count("<tr>") == 1 + 2
    assert company.value("select count(*) from match_reviews") == 0
    assert company.value("select count(*) from ops.audit_log where action like 'identity%%'") == 0
    assert before == (
        company.rows("select * from customers order by id"),
        company.rows("select * from ops.identity_index order by 1"),
    )
    # and the button does it
    answer = editor.client.post(f"/golden/{leie}/part", data=form_of(page, 'name="row"'))
    assert answer.status_code == 303
    assert company.value("select count(distinct golden_id) from customer_rows where id = any(%s)", rows) == 2
    assert visitors["viewer"].get(f"/golden/{leie}/merge?other={other}").status_code == 403
    name = company.value("select name from customers where id = %s", other)
    asked = editor.client.get(f"/golden/{leie}/merge", params={"other": name.lower()})
    assert f'href="/golden/{leie}/merge?other={other}"' in asked.text
    assert f"merge?other={leie}" not in asked.text  # itself
    for nobody in ("", "nobody of that name", str(leie), "999999999999"):
        said = editor.get(f"/golden/{leie}/merge?other={nobody}")
        assert said.status_code == 303
        assert "There is no other customer" in editor.get(said.headers["location"]).text


def test_the_message_of_a_merge_is_what_came_of_it(company: Company, visitors: dict[str, Visitor], leie: int) -> None:
    editor = visitors["editor"]
    zoho, zuid = (
        company.value("select id from customer_rows where source_customer_id = %s", of) for of in ("46001", "9")
    )
    other = company.value("select golden_id from customer_rows where id = %s", zuid)
    decide_pair(company.context, str(zoho), str(zuid), decision="different", by="someone")
    editor.post(f"/golden/{leie}/merge", other=str(other))
    assert "They are one customer now" not in (page := editor.get(f"/golden/{leie}").text)
    assert "Nothing was kept: they would stay two customers all the same" in page
    assert company.value("select count(*) from match_reviews where decision = 'same'") == 0
    foreseen = editor.get(f"/golden/{leie}/merge?other={other}").text
    assert "They would stay two all the same" in foreseen
    assert "<button>Merge</button>" not in foreseen
    for row in (str(zuid), "999999", "x", "-1", "א" * 3000):
        editor.post(f"/golden/{leie}/part", row=row)
        assert "not of this customer any more" in editor.get(f"/golden/{leie}").text


def test_the_record_that_is_parted_is_the_one_that_was_named(company: Company, visitors: dict[str, Visitor]) -> None:
    kept = dict.fromkeys(("vat_number", "street", "general_email", "billing_email", "role", "phone", "mobile"))
    rows = [
        customer(
            company, source=source, source_customer_id=of, name="Sigmadamar BV", primary_phone="+3235550102", **kept
        )
        for source, of in (("robaws", "1"), ("zoho", "2"), ("sumit", "3"))
    ]
    resolve_customers(company.context)
    (golden,) = {
        row["golden_id"] for row in company.rows("select golden_id from customer_rows where id = any(%s)", rows)
    }
    page = visitors["editor"].get(f"/golden/{golden}/part?row={rows[2]}").text
    visitors["editor"].client.post(f"/golden/{golden}/part", data=form_of(page, 'name="row"'))
    of = {
        r["id"]: r["golden_id"]
        for r in company.rows("select id, golden_id from customer_rows where id = any(%s)", rows)
    }
    assert of[rows[0]] == of[rows[1]] == golden
    assert of[rows[2]] != golden


def test_one_record_that_warns_is_enough(company: Company, visitors: dict[str, Visitor]) -> None:
    same = {"name": "Sigmadamar BV", "vat_number": "BE0476267228", "country": "BE", "country_code": "BE"}
    for source, of, role in (("robaws", "1", "POV"), ("zoho", "2", "BLACKLISTED")):
        customer(company, source=source, source_customer_id=of, role=role, **same)
    resolve_customers(company.context)
    assert company.value("select role from customers") == "BLACKLISTED"


def test_an_edit_shows_on_the_page_of_its_customer_at_once(
    company: Company, visitors: dict[str, Visitor], leie: int
) -> None:
    row = company.value("select id from customer_rows where source_customer_id = '1003'")
    page = visitors["editor"].get(f"/customers/{row}/edit").text
    form = form_of(page, 'name="name"') | {"name": "Leieolzanel Garage BV"}
    assert visitors["editor"].client.post(f"/customers/{row}/edit", data=form).status_code == 303
    assert "<bdi>Leieolzanel Garage BV</bdi>" in visitors["editor"].get(f"/golden/{leie}").text


def test_a_field_that_the_system_does_not_take_says_so(company: Company, visitors: dict[str, Visitor]) -> None:
    pages = {}
    for source in ("sumit", "robaws"):
        row = customer(company, source=source, source_customer_id="910001", name="Sigmadamar BV")
        pages[source] = visitors["editor"].get(f"/customers/{row}/edit").text
    taken = re.findall(r'name="(\w+)" type="\w+"[^>]*>\s*(<span class="hint">stays here)?', pages["sumit"])
    assert {"name": "", "gl_account": '<span class="hint">stays here'}.items() <= dict(taken).items()
    assert "stays here" not in pages["robaws"]


def test_who_decides_second_is_told(company: Company, visitors: dict[str, Visitor]) -> None:
    review = company.value(
        """
        insert into match_reviews (account, scope, one_ref, other_ref, status)
        values ('default', 'customers', 'robaws:1', 'zoho:2', 'open')
        returning id
        """
    )
    visitors["editor"].post(f"/reviews/{review}", decision="same")
    visitors["admin"].post(f"/reviews/{review}", decision="different")
    assert "editor was faster" in visitors["admin"].get("/reviews").text
    assert company.value("select decision from match_reviews") == "same"


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
    company.do(
        "insert into invoice_rows (source, source_invoice_id, invoice_number, invoice_date, due_date) "
        "values ('zoho', 'i-1', 'F-17', '2026-01-31', '1899-12-31')"
    )
    book = tmp_sheet(editor.get("/export/invoices.xlsx?column=invoice_date&column=due_date&q=F-17").content)
    assert {date(2026, 1, 31), "1899-12-31"} <= {cell for row in book for cell in row}
    book = tmp_sheet(editor.get("/export/audit.xlsx").content)
    assert any(isinstance(cell, datetime) for row in book for cell in row)
    for name in ("invoices", "reminders", "runs", "rejects", "deliveries", "refusals", "intakes", "audit"):
        assert editor.get(f"/export/{name}.csv").status_code == 200, name
    assert editor.get("/export/users.csv").status_code == 404
    assert editor.get("/export/golden.pdf").status_code == 404
    assert company.value("select count(*) from ops.audit_log where action = 'export'") == 14


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


def test_a_form_of_an_older_login_keeps_what_was_typed(company: Company, visitors: dict[str, Visitor]) -> None:
    editor = visitors["editor"]
    typed = form_of(editor.get("/intakes/new").text) | {"customer_name": "Nieuwe Klant", "note": "belt <terug>"}
    assert editor.log_in("editor").status_code == 303  # in another tab
    shown = editor.client.post("/intakes/new", data=typed)
    assert (shown.status_code, "belt &lt;terug&gt;" in shown.text) == (403, True)
    assert company.value("select count(*) from intakes") == 0
    assert editor.client.post("/intakes/new", data=form_of(shown.text, "/intakes/new")).status_code == 303
    assert company.rows("select customer_name, note from intakes") == [
        {"customer_name": "Nieuwe Klant", "note": "belt <terug>"}
    ]
    foreign = editor.client.post("/intakes/new", data=typed, headers={"Origin": "https://evil.example"})
    assert (foreign.status_code, "Nieuwe Klant" in foreign.text) == (403, False)


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
    text = (
        "Nummer;customer_name;customer_email;total;invoice_date\n"
        "A-1;Bakkerij Janssens;info@janssens.example;1.234,50;31/01/2020\n"
        "A-2;Slager;;veel;15/02/2020\n"
    )
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
    assert "/actions/link-invoices" in done
    job = editor.post("/actions/link-invoices").headers["location"]
    asked = {"Accept": "application/json"}
    state = until(lambda: (s := editor.client.get(job, headers=asked).json())["finished"] and s, 60)
    assert state["line"].startswith("1 invoices: 1 linked, 0 not; 1 customers"), state
    assert company.rows(
        "select c.name, g.name as golden from legacy_invoices i"
        " join customers_cache c on c.id = i.customer_id join customers g on g.id = c.golden_id"
    ) == [{"name": "Bakkerij Janssens", "golden": "Bakkerij Janssens"}]
    for name, said in (("x.exe", "of one of these kinds"), ("x.xlsx", "")):
        answer = editor.client.post(
            "/import",
            data={"csrf": editor.token(), "step": "look"},
            files={"file": (name, b"nonsense", "application/octet-stream")},
        )
        assert answer.status_code == 422
        assert said in answer.text


def test_a_file_of_unknown_headings_asks_what_they_are(company: Company, visitors: dict[str, Visitor]) -> None:
    editor = visitors["editor"]
    text = "Bonnetje;Wie;Bedrag\n7;Bakkerij Janssens;12,50\n"
    answer = editor.client.post(
        "/import",
        data={"csrf": editor.token(), "step": "look"},
        files={"file": ("oud.csv", text.encode(), "text/csv")},
    )
    assert answer.status_code == 422
    assert "no column source_invoice_id" in answer.text
    assert "customer_assets_upload" not in answer.text  # no path of the server
    form = form_of(answer.text, "multipart")
    assert {"map Bonnetje", "map Wie", "map Bedrag"} <= form.keys()
    said = {"map Bonnetje": "source_invoice_id", "map Wie": "customer_name", "map Bedrag": "total"}
    looked = editor.client.post("/import", data=form | said | {"step": "look", "decimal": ","}).text
    assert "Bakkerij Janssens" in looked
    assert "12.50" in looked


def test_an_upload_ends_with_its_server(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says who a company's customers are: no copy stays behind in a temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    users.add_user(company.connection, "editor", PASSWORD, role="editor")
    with serving(company) as web:
        visitor = Visitor(web.address)
        visitor.log_in("editor")
        form = form_of(visitor.get("/import").text)
        files = {"file": ("oud.csv", b"source_invoice_id;customer_name\nA-1;Janssens\n", "text/csv")}
        visitor.client.post("/import", data={"csrf": form["csrf"], "step": "look"}, files=files)
        assert [path.suffix for path in tmp_path.rglob("*.csv")] == [".csv"]
        visitor.client.close()
    assert list(tmp_path.rglob("*.csv")) == []


def test_an_upload_of_a_long_name_is_kept_though_the_temporary_folder_was_tidied_up() -> None:
    uploads = Uploads()
    for number in range(2):
        key = uploads.keep(UploadFile(io.BytesIO(b"a;b"), filename=f"{'x' * 200}.csv"), "anna")
        upload = uploads.of("anna", key)
        assert upload is not None
        assert upload.path.read_bytes() == b"a;b"
        assert uploads.of("bert", key) is None
        if number == 0:
            shutil.rmtree(upload.path.parent)
            assert uploads.of("anna", key) is None
    uploads.close()


def test_an_upload_says_whose_its_first_invoices_would_be(
    company: Company, visitors: dict[str, Visitor], leie: int
) -> None:
    text = (
        "source_invoice_id;customer_name;customer_vat_number;customer_phone;source_system;source_customer_id\n"
        "A-1;LEIEOLZANEL AUTOMOTIVE SRL;BE 0476.267.228;;;\n"
        "A-2;Zuid Koeltransport;;09 222 33 44;;\n"
        "A-3;Iemand Anders BV;;;;\n"
        "A-4;Heel Iets Anders;;;robaws;9\n"
    )
    page = form_of(visitors["editor"].get("/import").text)
    files = {"file": ("oud.csv", text.encode(), "text/csv")}
    looked = visitors["editor"].client.post("/import", data={"csrf": page["csrf"], "step": "look"}, files=files).text
    rows = [row for row in re.findall(r"<tr><td>(.*?)</tr>", looked, re.DOTALL) if "A-" in row]
    other = company.value("select golden_id from customer_rows where source_customer_id = '9'")
    assert f'href="/golden/{leie}"' in rows[0]
    assert "same VAT id" in rows[0]
    assert f'href="/golden/{other}"' in rows[1]
    assert "same phone" in rows[1]
    assert "nobody known" in rows[2]
    assert f'href="/golden/{other}"' in rows[3]
    assert company.value("select count(*) from legacy_invoices") == 0


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
    editor.post(f"/golden/{golden}/part", row=str(rows[1]))
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


def test_an_intake_is_corrected_and_removed(company: Company, visitors: dict[str, Visitor]) -> None:
    one = customer(company, name="Aeon", source_customer_id="7", role="FORWARDER")
    other = customer(company, name="Brandt", source_customer_id="8", role="CUSTOMER")
    editor = visitors["editor"]
    editor.post("/intakes/new", customer_id=str(one), customer_name="Aeon", note="call")
    number = company.value("select id from intakes")
    path = f"/intakes/{number}"
    assert path in visitors["viewer"].get("/intakes").text
    assert visitors["viewer"].get(path).status_code == 403
    company.do("update customer_rows set role = 'CARRIER' where id = %s", one)
    form = form_of(editor.get(path).text)
    assert (form["search"], form["customer_name"], form["customer_id"]) == ("Aeon", "Aeon", str(one))
    assert editor.client.post(path, data=form | {"customer_name": " "}).status_code == 422
    form = form_of(editor.get(path).text)
    assert editor.client.post(path, data=form | {"note": "call again"}).status_code == 303

    def kept() -> tuple[Any, ...]:
        [row] = company.rows("select * from intakes")
        return row["robaws_client_id"], row["role"], row["customer_name"], row["note"], row["created_by"]

    # the role of when it was taken in
    assert kept() == ("7", "FORWARDER", "Aeon", "call again", "editor")
    editor.post(path, customer_id=str(other), customer_name="Brandt")
    assert kept() == ("8", "CUSTOMER", "Brandt", None, "editor")
    editor.post(path, customer_name="Somebody new")
    assert kept() == (None, None, "Somebody new", None, "editor")
    assert editor.post(path, action="remove").status_code == 303
    assert company.value("select count(*) from intakes") == 0
    assert editor.get(path).status_code == editor.post(path, customer_name="x").status_code == 404
    said = company.rows(
        "select action, details->>'customer_name' as name from ops.audit_log where target ~ 'intake' order by id"
    )
    assert [(row["action"], row["name"]) for row in said] == [
        ("add intake", "Aeon"),
        ("correct intake", "Aeon"),
        ("correct intake", "Aeon"),
        ("correct intake", "Brandt"),
        ("remove intake", "Somebody new"),
    ]


def test_what_an_intake_said_of_somebody_is_erased_with_them(company: Company, visitors: dict[str, Visitor]) -> None:
    company.pull("robaws")
    one, other = (row["id"] for row in company.rows("select id from customer_rows order by id limit 2"))
    for note in ("removed", "moved", "stays"):
        visitors["editor"].post("/intakes/new", customer_id=str(one), customer_name="Zebedee Quill", note=note)
    removed, moved = company.rows("select id from intakes order by id limit 2")
    visitors["editor"].post(f"/intakes/{removed['id']}", action="remove")
    visitors["editor"].post(f"/intakes/{moved['id']}", customer_id=str(other), customer_name="Brandt")
    assert visitors["admin"].post(f"/customers/{one}/erase").status_code == 303
    assert company.rows("select customer_name from intakes") == [{"customer_name": "Brandt"}]
    assert company.value("select count(*) from ops.audit_log where details::text ~ 'Quill'") == 0


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


def test_last_night_is_on_one_page(company: Company, visitors: dict[str, Visitor]) -> None:
    company.pull("robaws")
    resolve_customers(company.context)
    edited = company.value("select min(id) from customer_rows")
    edit_customer(company.context, edited, {"phone": "+3235550199"}, by="anna")
    company.fault("zoho", "503", times=99)
    company.pull("zoho", retry_seconds=0)
    page = visitors["viewer"].get("/night").text
    assert re.search(r"<b>[1-9][\d,]*</b> customers new", page)
    assert re.search(r'href="/runs\?source=zoho".*HTTP 503', page)
    assert re.search(r'href="/changes\?origin=edit"><b>[1-9]', page)
    assert 'href="/reviews"><b>' in page or "Nothing waits for anybody." in page
    for odd in ("0", "-1", "x", "99999999", "²"):
        assert visitors["viewer"].get(f"/night?hours={odd}").status_code == 200


def test_what_waits_for_a_person_is_in_one_place(company: Company, site: Web, visitors: dict[str, Visitor]) -> None:
    viewer = visitors["viewer"]
    assert "Nothing waits for anybody." in viewer.get("/inbox").text
    one = customer(company, name="<i>Zon</i> Bouw BV", vat_number="BE0476267228")
    two = customer(company, name="Zon Bouw", source="zoho", source_customer_id="z")
    company.do(
        "insert into match_reviews (account, scope, one_ref, other_ref, status, weight) values "
        "('default', 'customers', 'robaws:1', 'zoho:z', 'open', 8)"
    )
    company.do(
        "insert into ops.webhook_deliveries (id, event, body, signed_at, status, error) "
        "values ('d-1', 'client.updated', '{}', now(), 'failed', 'no such record')"
    )
    page = viewer.get("/inbox").text
    assert "&lt;i&gt;Zon&lt;/i&gt; Bouw BV / Zon Bouw" in page
    assert 'href="/webhooks/deliveries/d-1"' in page
    assert "no such record" in page
    assert re.search(r'href="/inbox"[^>]*>Inbox <span class="count">2</span>', viewer.get("/customers").text)
    assert (one, two) != (0, 0)


def test_a_sync_that_failed_and_a_reminder_that_is_due_wait_in_the_inbox(
    company: Company, visitors: dict[str, Visitor]
) -> None:
    viewer = visitors["viewer"]
    company.fault("zoho", "503", times=99)
    company.pull("zoho", retry_seconds=0)
    page = viewer.get("/inbox").text
    assert "Nothing waits for anybody." not in page
    assert re.search(r'href="/runs\?status=failed">1 syncs that failed', page)
    assert re.search(r'href="/runs\?source=zoho"><bdi>zoho</bdi>', page)
    company.do("insert into invoice_rows (source, source_invoice_id, invoice_number) values ('zoho', 'i-1', 'F-17')")
    for day in ("current_date - 1", "current_date + 1"):
        company.do(
            f"""
            insert into payment_reminders (invoice_id, scheduled_date, reminder_type, channel, status)
            select id, {day}, 'overdue', 'phone', 'pending' from invoice_rows
            """
        )
    page = viewer.get("/inbox").text
    assert re.search(r'href="/reminders\?day=come&amp;status=pending">1 reminders due', page)
    assert "F-17" in page
    assert 'Inbox <span class="count">2</span>' in page


def test_a_customer_is_corrected_and_sent_from_its_own_page(company: Company) -> None:
    company.pull("sumit")
    users.add_user(company.connection, "editor", PASSWORD, role="editor")
    resolve_customers(company.context)
    golden = company.value("select min(golden_id) from customer_rows")
    with serving(company, with_sumit=True) as web:
        editor = Visitor(web.address)
        editor.log_in("editor")
        row = company.value("select id from customer_rows where golden_id = %s", golden)
        assert f'href="/customers/{row}/edit"' in editor.get(f"/golden/{golden}").text
        form = form_of(editor.get(f"/customers/{row}/edit").text) | {
            "general_email": "nieuw@zon.example",
            "then": "push",
        }
        answer = editor.client.post(f"/customers/{row}/edit", data=form)
        assert answer.headers["location"] == f"/push/plan?id={row}"
        plan = editor.get(answer.headers["location"]).text
        assert "nieuw@zon.example" in plan
        assert editor.client.post("/push", data=form_of(plan, "/push")).status_code == 303
        editor.client.close()
    assert "nieuw@zon.example" in {c.get("EmailAddress") for c in company.world.sumit.values()}


def test_a_sync_that_was_started_says_what_each_system_changed(company: Company, visitors: dict[str, Visitor]) -> None:
    editor = visitors["editor"]
    path = editor.post("/actions/pull-robaws").headers["location"]
    until(lambda: editor.client.get(path, headers={"Accept": "application/json"}).json()["finished"], seconds=60)
    page = editor.get(path).text
    run = company.value("select max(id) from sync_runs where source = 'robaws'")
    assert f'href="/changes?run={run}"' in page
    assert f'<td class="number">{company.value("select count(*) from customer_rows"):,}</td>' in page
