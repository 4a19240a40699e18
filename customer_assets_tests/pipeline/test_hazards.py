"""Things that once went wrong, or nearly: each test is one story."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_assets.domain import clock
from customer_assets.domain.cache.derived import rules_of
from customer_assets.domain.cache.row import Batch
from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.invoices.import_invoices import import_invoices
from customer_assets.pipeline.sync import load
from customer_assets.pipeline.sync.load import Loading
from customer_assets.pipeline.sync.pull import pull_one
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.pipeline.webhooks.apply import apply_deliveries
from customer_assets.sandbox import zoho as zoho_sandbox
from customer_assets.store.cache import indexes, overlays
from customer_assets.store.database import connect
from customer_assets.store.reads import integrity
from customer_assets_tests.conftest import Company
from customer_assets_tests.pipeline.test_deliveries import client, land
from customer_assets_tests.pipeline.test_pull import just_now

pytestmark = pytest.mark.slow

FULL = PullOptions(full=True)


def live(company: Company) -> int:
    found: int = company.value("select count(*) from customers_cache where deleted_at is null")
    return found


def test_a_confirmed_mass_deletion_reads_everything_first(company: Company) -> None:
    company.pull("zoho")
    contact = next(iter(company.world.zoho_contacts.values()))
    contact |= {"company_name": "Changed", "last_modified_time": just_now()}
    company.pull("zoho", options=PullOptions(allow_mass_delete=True))
    assert live(company) == 231


def test_a_changed_row_without_a_time_does_not_turn_a_filtered_answer_into_a_full_scan(
    company: Company,
) -> None:
    company.pull("zoho")
    contact = next(iter(company.world.zoho_contacts.values()))
    contact |= {"company_name": "Changed", "last_modified_time": just_now()}
    watermark = company.value("select watermark from sync_metadata where entity = 'customers'")
    later = next(c for c in company.world.zoho_contacts.values() if c is not contact)
    later["last_modified_time"] = watermark.strftime("%Y-%m-%dT%H:%M:%S%z")  # in the very second of the watermark
    result = company.pull("zoho")
    assert result.status == "ok", result.message
    assert [
        s["kind"] for s in company.rows("select kind from ops.raw_scans where stream = 'contacts' order by id")
    ] == ["full", "incremental"]
    assert live(company) == 231


@pytest.mark.parametrize("status", ["missing", 1, 2])
def test_a_refused_read_of_one_customer_is_no_deletion(company: Company, status: Any) -> None:
    company.pull("sumit")
    customer_id = str(next(iter(company.world.sumit)))
    company.world.switches.sumit_status = status
    result = pull_one(company.context, company.account("sumit"), customer_id)
    assert result.status == "failed"
    assert live(company) == 40


def test_a_bad_detail_does_not_stand_in_the_way_of_the_others(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = min(company.world.zoho_contacts)
    company.fault("zoho", "zoho:2006", times=10_000, match=f"/contacts/{poison}")
    result = company.pull("zoho")
    assert result.error is None
    assert company.value("select count(*) from ops.raw_details where page_id is not null") >= 229
    assert company.value("select count(*) from invoices_cache") == 600
    assert "code 2006" in result.message
    assert zoho_sandbox.LIST_HIDES  # the list alone yields that contact's row
    assert company.value("select count(*) from customers_cache where source_customer_id = %s", poison) == 1


@pytest.mark.parametrize("text", ["a\rb", "a\nb", 'a"b', "a,b", "\\.", "\\N", "a\tb", "\u2028x", "x\u0000y"])
def test_any_text_survives_the_way_into_the_table(company: Company, text: str) -> None:
    company.world.robaws["1003"] |= {"name": text, "status": f" {text} "}
    result = company.pull("robaws")
    assert result.status == "ok", result.message
    stored = company.value("select name from customers_cache where source_customer_id = '1003'")
    assert stored == text.replace("\x00", "").strip()
    assert company.pull("robaws", options=FULL).counts.updated == 0


@pytest.mark.parametrize("persons", [[None], ["x"], {"a": 1}, "x", 7])
def test_persons_of_another_shape_reject_their_contact_alone(company: Company, persons: Any) -> None:
    contact = next(iter(company.world.zoho_contacts.values()))
    contact |= {"contact_persons": persons, "primary_contact_id": "1"}
    result = company.pull("zoho")
    assert result.counts.rejected == 1
    assert live(company) == 231


def test_partial_deliveries_of_one_customer_add_up(company: Company) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    land(company, "d1", client(tel="03 555 01 02", updatedAt="2026-11-20T10:00:00.000Z"), signed_at=at)
    land(
        company,
        "d2",
        client(email="a@b.be", updatedAt="2026-11-20T10:00:01.000Z"),
        signed_at=at + timedelta(seconds=1),
    )
    assert apply_deliveries(company.context, [company.account("robaws")]).statuses == {"applied": 2}
    row = company.rows("select phone, general_email from customers_cache")[0]
    assert (row["phone"], row["general_email"]) == ("03 555 01 02", "a@b.be")


def test_a_partial_address_of_a_delivery_keeps_the_rest(company: Company) -> None:
    land(company, "d1", client(address={"addressLine1": "Kade 1", "city": "Gent"}))
    apply_deliveries(company.context, [company.account("robaws")])
    land(company, "d2", client(address={"city": "Brugge"}, updatedAt="2026-11-20T11:00:00.000Z"))
    apply_deliveries(company.context, [company.account("robaws")])
    row = company.rows("select street, city from customers_cache")[0]
    assert (row["street"], row["city"]) == ("Kade 1", "Brugge")


def test_a_delivery_signed_before_the_last_scan_does_not_win_over_it(company: Company) -> None:
    for record in company.world.robaws.values():
        del record["updatedAt"]
    company.pull("robaws")
    between = datetime.now(UTC)
    company.pull("robaws")
    land(company, "d1", {"id": "1003", "name": "Late"}, signed_at=between)
    assert apply_deliveries(company.context, [company.account("robaws")]).statuses == {"stale": 1}


@pytest.mark.parametrize("dialect", ["real", "seed"])
def test_a_custom_field_that_changes_arrives(company: Company, dialect: str) -> None:
    company.pull("sumit", dialect=dialect)
    customer_id = next(iter(company.world.sumit))
    company.world.sumit[customer_id]["CustomField_Segment"] = "Z"
    company.pull("sumit", dialect=dialect)
    assert company.value("select count(*) from customers_cache where metadata ->> 'CustomField_Segment' = 'Z'") == 1


def test_a_rebuild_reads_numbers_by_the_rule_of_now(company: Company) -> None:
    company.world.robaws["1003"] |= {"gsm": None, "tel": "0475 55 01 02", "address": None, "vatIdNumber": None}
    company.world.robaws["1003"] |= {"email": None, "invoiceEmail": None}
    company.settings = company.settings.model_copy(update={"default_region": "BE"})
    company.pull("robaws")
    phone = "select primary_phone from customers_cache where source_customer_id = '1003'"
    assert company.value(phone) == "+32475550102"
    company.settings = company.settings.model_copy(update={"default_region": "NL"})
    company.pull("robaws", from_raw=True)
    assert company.value(phone) == "+31475550102"


def test_another_region_is_another_mapping(company: Company) -> None:
    company.world.robaws["1003"] |= {"gsm": None, "tel": "0475 55 01 02", "address": None, "vatIdNumber": None}
    company.world.robaws["1003"] |= {"email": None, "invoiceEmail": None}
    shown = "select primary_phone, phone_e164, phone_region_from from customers_cache where source_customer_id = '1003'"
    company.pull("robaws", options=PullOptions(full=True))
    assert tuple(company.rows(shown)[0].values()) == ("0475 55 01 02", None, None)
    company.pull("robaws", options=PullOptions(full=True), phone_region="BE")
    assert tuple(company.rows(shown)[0].values()) == ("+32475550102", "+32475550102", "account")


def test_a_rebuild_replays_deliveries(company: Company) -> None:
    company.pull("robaws")
    land(
        company,
        "d1",
        {"id": "77777", "name": "Via Webhook"},
        signed_at=datetime.now(UTC) + timedelta(seconds=1),
    )
    apply_deliveries(company.context, [company.account("robaws")])
    before = company.fingerprint()
    company.connection.execute("truncate customer_rows cascade")
    company.pull("robaws", from_raw=True)
    assert company.fingerprint() == before


def test_a_rebuild_of_an_emptied_table_revives_nobody_who_is_gone(company: Company) -> None:
    # the others are deleted by the second scan, and their last answer by id is still that they are there
    company.settings = company.settings.model_copy(update={"delete_confirmations": 4})
    company.pull("zoho")
    for contact_id in list(company.world.zoho_contacts)[:10]:
        del company.world.zoho_contacts[contact_id]
    for _ in range(2):
        company.pull("zoho", options=FULL)
    alive = {
        r["source_customer_id"]
        for r in company.rows("select source_customer_id from customers_cache where deleted_at is null")
    }
    assert len(alive) == 221
    company.connection.execute("truncate customer_rows, invoice_rows cascade")
    company.pull("zoho", from_raw=True)
    found = company.rows("select source_customer_id from customers_cache where deleted_at is null")
    assert {r["source_customer_id"] for r in found} == alive


def test_an_invoice_that_moves_to_an_unknown_customer_loses_its_link(company: Company) -> None:
    company.pull("zoho")
    invoice = next(iter(company.world.zoho_invoices.values()))
    invoice |= {"customer_id": "424242", "last_modified_time": just_now()}
    company.pull("zoho")
    assert (
        company.value("select customer_id from invoices_cache where source_invoice_id = %s", invoice["invoice_id"])
        is None
    )
    assert integrity.violations(company.connection) == []


def test_a_file_with_fewer_columns_blanks_nothing(company: Company, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("source_invoice_id,customer_name,total,status\n1,Noord,10,sent\n")
    (tmp_path / "b.csv").write_text("source_invoice_id,status\n1,paid\n")
    import_invoices(company.context, str(tmp_path / "a.csv"))
    assert import_invoices(company.context, str(tmp_path / "b.csv")).updated == 1
    row = company.rows("select customer_name, total, status from legacy_invoices")[0]
    assert (row["customer_name"], str(row["total"]), row["status"]) == ("Noord", "10.00", "paid")


def test_large_integer_ids_of_parquet_stay_as_they_are(company: Company, tmp_path: Path) -> None:
    table = pa.table(
        {
            "source_invoice_id": pa.array([1, 2]),
            "source_customer_id": pa.array([460000000026049123, None], pa.int64()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    import_invoices(company.context, str(tmp_path / "a.parquet"))
    assert [
        r["source_customer_id"] for r in company.rows("select source_customer_id from legacy_invoices order by 1")
    ] == ["460000000026049123", None]


def test_short_lived_tokens_are_used_for_half_their_life(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoho_sandbox, "TOKEN_SECONDS", 240)
    assert company.pull("zoho").status == "ok"
    assert company.world.calls["zoho token"] == 1


def test_a_limited_sync_asks_for_no_details(company: Company) -> None:
    result = company.pull("zoho", options=PullOptions(limit=5))
    assert (result.counts.created, result.calls) == (5, 2)


def test_a_dagster_run_between_two_steps_is_not_taken_for_dead(company: Company) -> None:
    company.connection.execute(
        "insert into sync_runs (source, kind, trigger, status, dagster_run_id) values ('robaws', 'full', 'dagster', 'running', 'x')"
    )
    company.pull("robaws")
    assert company.value("select status from sync_runs where dagster_run_id = 'x'") == "running"


def test_an_answer_cut_inside_an_emoji_costs_one_character(company: Company) -> None:
    company.world.robaws["1003"]["name"] = "Cut \ud83d"
    real = json.dumps

    def escaped(value: Any, **_: Any) -> str:
        return real(value)  # ASCII with escapes, as many servers write it

    zoho_sandbox.json.dumps, kept = (
        escaped,
        zoho_sandbox.json.dumps,
    )  # the json module is shared by the emulators
    try:
        result = company.pull("robaws")
    finally:
        zoho_sandbox.json.dumps = kept
    assert result.status == "ok", result.message
    assert company.value("select name from customers_cache where source_customer_id = '1003'") == "Cut \ufffd"


# --- clocks -----------------------------------------------------------------------------------------------------------

CITY = "select city from customers_cache where source = 'robaws' and source_customer_id = '1003'"


def says(company: Company, city: str, at: str) -> None:
    """The source shows its customer so, changed at that time."""
    record = company.world.robaws["1003"]
    record |= {"updatedAt": at, "address": {**(record.get("address") or {}), "city": city}}


def test_a_source_clock_in_the_future_freezes_no_row(company: Company) -> None:
    says(company, "Gent", "2099-01-01T00:00:00.000Z")
    company.pull("robaws", options=FULL)
    assert "source_time_in_the_future" in {v.rule for v in integrity.violations(company.connection)}
    for city in ("Aalst", "Ninove"):
        says(company, city, datetime.now(UTC).isoformat())
        company.pull("robaws", options=FULL)
        assert company.value(CITY) == city
    assert "source_time_in_the_future" not in {v.rule for v in integrity.violations(company.connection)}


def test_a_delivery_corrects_what_was_changed_in_the_future(company: Company) -> None:
    says(company, "Gent", "2099-01-01T00:00:00.000Z")
    company.pull("robaws", options=FULL)
    late = {"id": "1003", "address": {"city": "Late"}, "updatedAt": "2099-01-01T00:00:00.000Z"}
    land(
        company, "d0", late, signed_at=datetime.now(UTC) - timedelta(minutes=1)
    )  # signed before the page was asked for
    land(company, "d1", {"id": "1003", "address": {"city": "Aalst"}}, signed_at=datetime.now(UTC))
    assert apply_deliveries(company.context, [company.account("robaws")]).statuses == {"applied": 1, "stale": 1}
    assert company.value(CITY) == "Aalst"


def test_a_clock_that_was_set_back_is_believed_the_second_time(company: Company) -> None:
    says(company, "Gent", "2026-06-01T00:00:00.000Z")
    company.pull("robaws", options=FULL)
    says(company, "Aalst", "2026-05-01T00:00:00.000Z")
    first = company.pull("robaws", options=FULL)
    assert (company.value(CITY), first.counts.stale) == ("Gent", 1)
    assert "the next complete scan that shows them so is believed" in (first.message or "")
    second = company.pull("robaws", options=FULL)
    assert (company.value(CITY), second.counts.updated) == ("Aalst", 1)
    assert "1 records are older at the source than they were here" in (second.message or "")
    assert company.pull("robaws", options=FULL).counts.updated == 0


def test_older_once_and_right_again_is_no_setting_back(company: Company) -> None:
    says(company, "Gent", "2026-06-01T00:00:00.000Z")
    company.pull("robaws", options=FULL)
    for at, city in (("2026-05-01", "Old"), ("2026-06-01", "Gent"), ("2026-05-01", "Old")):
        says(company, city, f"{at}T00:00:00.000Z")
        company.pull("robaws", options=FULL)
        assert company.value(CITY) == "Gent"


def test_one_customer_synced_by_its_id_is_as_the_source_says_now(company: Company) -> None:
    says(company, "Gent", "2026-06-01T00:00:00.000Z")
    company.pull("robaws", options=FULL)
    says(company, "Aalst", "2026-05-01T00:00:00.000Z")
    pull_one(company.context, company.account("robaws"), "1003")
    assert company.value(CITY) == "Aalst"


def test_a_customer_that_becomes_a_vendor_is_deactivated_with_that_reason(company: Company) -> None:
    company.pull("zoho", options=FULL)
    contact_id, contact = next(iter(company.world.zoho_contacts.items()))
    contact |= {"contact_type": "vendor", "last_modified_time": just_now()}
    result = company.pull("zoho", options=FULL)
    assert "customers: 1 deactivated: now a vendor, no customer" in (result.message or "")
    row = company.rows(
        "select id, is_active, deleted_at from customers_cache where source_customer_id = %s", contact_id
    )[0]
    assert (row["is_active"], row["deleted_at"] is None) == (False, False)
    because = "select new_value from customer_changes where field = 'deleted_because' and cache_id = %s"
    assert company.value(because, row["id"]) == "a vendor, no customer"
    contact |= {"contact_type": "customer", "last_modified_time": just_now()}
    company.pull("zoho", options=FULL)
    assert company.value("select is_active from customers_cache where id = %s", row["id"])


# --- found by a review of clocks, edits and first loads ----------------------------------------------------------------

NAME = "select name from customers_cache where source_customer_id = '1003'"


def set_back(company: Company) -> None:
    """A complete scan that shows a record older than it is stored."""
    company.pull("robaws")
    company.world.robaws["1003"] |= {"name": "New name", "updatedAt": just_now()}
    company.pull("robaws", options=FULL)
    company.world.robaws["1003"] |= {"name": "Old name", "updatedAt": "2020-01-01T00:00:00.000Z"}
    company.pull("robaws", options=FULL)
    assert company.value("select count(*) from ops.set_back_rows") == 1


def test_one_scan_that_is_loaded_twice_is_no_second_one(company: Company) -> None:
    set_back(company)
    company.pull("robaws", from_raw=True)
    assert company.value(NAME) == "New name"
    company.pull("robaws", options=FULL)
    assert company.value(NAME) == "Old name"


def test_what_is_believed_steps_over_nothing_that_came_after_it_was_asked_for(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_back(company)
    applied = Loading.apply_scan

    def delivered_meanwhile(loading: Loading, scan: Any) -> None:
        now = datetime.now(UTC)
        land(company, "d1", {"id": "1003", "name": "Delivered", "updatedAt": just_now()}, signed_at=now)
        apply_deliveries(company.context, [company.account("robaws")])
        applied(loading, scan)

    monkeypatch.setattr(Loading, "apply_scan", delivered_meanwhile)
    company.pull("robaws", options=FULL)
    assert company.value(NAME) == "Delivered"


def test_an_edit_that_comes_while_rows_are_worked_out_anew_holds(company: Company) -> None:
    company.pull("robaws")
    row = company.value("select id from customers_cache where source_customer_id = '1003'")
    regions = company.context.regions("default", "robaws")
    before = overlays.load_overlays(company.connection, account="default", source="robaws", regions=regions)
    edit_customer(company.context, row, {"name": "Edited", "follow_up_date": "2027-01-02"}, by="els")
    company.do("delete from ops.derivations")
    overlays.derive_anew(company.connection, Batch.of_edit("default", "robaws", before), rules_of(regions))
    assert company.value(NAME) == "Edited"
    shown = "select follow_up_date::text from customers_cache where source_customer_id = '1003'"
    assert company.value(shown) == "2027-01-02"


def test_an_edit_that_comes_while_a_scan_is_loaded_holds(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.pull("robaws")
    row = company.value("select id from customers_cache where source_customer_id = '1003'")
    company.world.robaws["1003"] |= {"name": "Changed", "updatedAt": just_now()}
    read = Loading._read  # between reading overlays and writing rows

    def edited_meanwhile(loading: Loading, *records: Any) -> Any:
        edit_customer(company.context, row, {"city": "Edited"}, by="els")
        return read(loading, *records)

    monkeypatch.setattr(Loading, "_read", edited_meanwhile)
    company.pull("robaws", options=FULL)
    assert (company.value(NAME), company.value(CITY)) == ("Changed", "Edited")


def test_two_first_loads_that_end_together_build_each_index_once(company: Company) -> None:
    for _ in range(5):
        indexes.postpone_indexes(company.connection, "customer_rows")
        postponed = company.value("select count(*) from ops.postponed_indexes")
        assert postponed > 0
        together = threading.Barrier(2)

        def build(together: threading.Barrier = together) -> None:
            with connect(company.url) as connection:
                together.wait()
                indexes.build_postponed_indexes(connection, "customer_rows")

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(build) for _ in range(2)]:
                done.result()
        assert company.value("select count(*) from ops.postponed_indexes") == 0


def test_most_customers_do_not_become_vendors_at_once(company: Company) -> None:
    """However that comes into the list: a filter that is not heeded any more, a rule that is too wide."""
    company.pull("sumit")
    live = company.value("select count(*) from customers_cache where deleted_at is null")
    names = [row["name"] for row in company.rows("select distinct name from customers_cache")]
    result = company.pull(
        "sumit", options=FULL, builtin_names=[*company.account("sumit").settings.builtin_names, *names]
    )
    assert company.value("select count(*) from customers_cache where deleted_at is null") == live
    assert "DELETE_SHARE" in (result.message or "")


def test_how_many_may_be_marked_is_said_of_a_scan_not_of_a_batch_of_it(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "BATCH", 3)
    company.pull("sumit")
    live = company.value("select count(*) from customers_cache where deleted_at is null")
    names = [row["name"] for row in company.rows("select distinct name from customers_cache order by name")]
    options = PullOptions(full=True, page_size=3)
    builtin = [*company.account("sumit").settings.builtin_names, *names[::4]]
    result = company.pull("sumit", options=options, builtin_names=builtin)
    assert company.value("select count(*) from customers_cache where deleted_at is null") == live
    assert "DELETE_SHARE" in (result.message or "")
    company.pull("sumit", options=PullOptions(full=True, allow_mass_delete=True), builtin_names=builtin)
    assert company.value("select count(*) from customers_cache where deleted_at is null") < live


def test_a_record_that_is_skipped_or_set_aside_with_its_detail_is_counted_once(company: Company) -> None:
    """Its detail is no record of its own."""
    contacts = list(company.world.zoho_contacts.values())
    contacts[3]["contact_type"] = "vendor"
    contacts[4]["contact_name"] = ["no", "name"]
    result = company.pull("zoho", options=FULL)
    counts = result.entities["customers"]
    assert (counts.skipped, counts.rejected) == (1, 1)
    assert counts.fetched == counts.created + 2


@pytest.mark.slow
@pytest.mark.parametrize("system", ["sumit", "robaws"])
def test_a_clock_of_ours_that_was_ahead_freezes_nothing(
    company: Company, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    for record in company.world.robaws.values():
        record.pop("updatedAt", None)
    right = clock.now_utc
    with monkeypatch.context() as patched:
        for name, module in list(sys.modules.items()):
            if name.startswith("customer_assets.") and getattr(module, "now_utc", None) is right:
                patched.setattr(module, "now_utc", lambda: right() + timedelta(days=300))
        company.pull(system)
    if system == "sumit":
        company.world.sumit[910_005]["City"] = "X-town"
    else:
        company.world.robaws["1003"]["name"] = "X-town"
    result = company.pull(system)
    assert (result.counts.updated >= 1, result.counts.stale) == (True, 0)
    column = "city" if system == "sumit" else "name"
    assert company.value(f"select count(*) from customers_cache where {column} = 'X-town'") == 1
    before = company.fingerprint()
    company.pull(system, from_raw=True)
    assert company.fingerprint() == before
