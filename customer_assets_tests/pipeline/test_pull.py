"""Syncs end to end over the sandbox: counts, idempotence, incremental pulls, faults, details, several accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from customer_assets.errors import BusyError, CredentialsError, QuotaError
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.invoices.remind import plan_reminders
from customer_assets.pipeline.sync.pull import pull, pull_one
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.store.database import system_lock
from customer_assets_tests.conftest import Company

FULL = PullOptions(full=True)


def just_now() -> str:
    """A time of change that an incremental pull sees, as Zoho writes it."""
    return datetime.now(timezone(timedelta(hours=1))).strftime("%Y-%m-%dT%H:%M:%S%z")


def versions(company: Company) -> list[dict[str, Any]]:
    """Which transaction wrote each row last."""
    return company.rows(
        """
        select 'customer' as kind, id, xmin::text from customer_rows
        union all select 'invoice', id, xmin::text from invoice_rows
        union all select 'page', id, xmin::text from ops.raw_pages
        order by 1, 2
        """
    )


@pytest.mark.parametrize(("system", "rows"), [("robaws", 250), ("zoho", 230), ("sumit", 40)])
def test_a_first_sync_creates_every_row_once(company: Company, system: Any, rows: int) -> None:
    result = company.pull(system)
    assert result.status == "ok", result.message
    assert result.counts.created >= rows  # Zoho: one contact that only an invoice names comes along
    assert result.counts.synced == result.counts.created
    assert company.value("select count(*) from customers_cache where source = %s", system) == result.counts.created
    run = company.rows("select * from sync_runs")[0]
    assert (run["status"], run["created"], run["calls"]) == ("ok", result.counts.created, result.calls)


@pytest.mark.parametrize("system", ["robaws", "zoho", "sumit"])
def test_the_same_again_writes_no_row_and_makes_no_needless_call(company: Company, system: Any) -> None:
    company.pull(system)
    company.pull(system, options=FULL)  # an invoice's unlisted contact is settled by then
    before = versions(company)
    seen = company.value("select max(last_synced_at) from customers_cache")
    result = company.pull(system, options=FULL)
    assert versions(company) == before
    assert (result.counts.created, result.counts.updated) == (0, 0)
    assert (
        company.value("select min(last_synced_at) from customers_cache where source_customer_id <> '459999999999500'")
        > seen
    )
    most = {"robaws": 3, "zoho": 2 + 3 + 1, "sumit": 2}[system]
    assert result.calls <= most


def test_one_changed_field_writes_one_row_and_one_change(company: Company) -> None:
    company.pull("robaws")
    client = company.world.robaws["1003"]
    client["email"], client["updatedAt"] = "new@noord.example", "2026-11-20T10:00:00.000Z"
    result = company.pull("robaws")
    assert (result.counts.updated, result.counts.unchanged) == (1, 249)
    (change,) = company.rows("select field, new_value, origin, sync_run_id from customer_changes")
    assert (change["field"], change["new_value"], change["origin"]) == (
        "general_email",
        "new@noord.example",
        "sync",
    )
    assert change["sync_run_id"] == company.value("select max(id) from sync_runs")


def test_an_older_page_never_steps_a_row_back(company: Company) -> None:
    company.pull("robaws")
    company.world.robaws["1003"] |= {"name": "Old Name", "updatedAt": "2020-01-01T00:00:00.000Z"}
    result = company.pull("robaws")
    assert (result.counts.stale, result.counts.updated) == (1, 0)
    assert company.value("select count(*) from customers_cache where name = 'Old Name'") == 0


def test_a_newer_time_without_a_change_guards_against_late_versions(company: Company) -> None:
    company.pull("robaws")
    client = company.world.robaws["1003"]
    client["updatedAt"] = "2026-11-20T10:00:00.000Z"
    assert company.pull("robaws").counts.updated == 0
    client |= {"name": "Late Name", "updatedAt": "2026-11-19T10:00:00.000Z"}
    assert company.pull("robaws").counts.stale == 1


@pytest.mark.parametrize("shape", ["seed", "mixed"])
def test_both_record_shapes_give_the_same_rows(company: Company, shape: str) -> None:
    company.pull("robaws")
    real = company.rows(
        "select source_customer_id, role, vat_number, mobile, whatsapp_client from customers_cache order by 1"
    )
    company.world.switches.robaws_shape = shape
    company.connection.execute("truncate customer_rows cascade")
    company.pull("robaws")
    again = company.rows(
        "select source_customer_id, role, vat_number, mobile, whatsapp_client from customers_cache order by 1"
    )
    assert again == real


def test_a_poisonous_record_rejects_itself_alone_and_is_tried_again(company: Company) -> None:
    company.world.robaws["1003"]["website"] = ["a", "b"]
    result = company.pull("robaws")
    assert (result.status, result.counts.created, result.counts.rejected) == ("partial", 249, 1)
    (reject,) = company.rows("select source_id, reason, record from ops.rejected_records")
    assert reject["source_id"] == "1003"
    assert "website" in reject["reason"]
    for _ in range(2):  # as long as it is not mended, it stays open
        assert company.pull("robaws").counts.rejected == 1
        assert company.value("select count(*) from ops.rejected_records where resolved_at is null") == 1
    company.world.robaws["1003"]["website"] = "https://a"
    result = company.pull("robaws")
    assert (result.status, result.counts.created) == ("ok", 1)
    assert company.value("select count(*) from ops.rejected_records where resolved_at is null") == 0


def test_a_duplicate_on_two_pages_is_one_row(company: Company) -> None:
    company.world.sumit = dict(list(company.world.sumit.items())[:12])
    first = next(iter(company.world.zoho_contacts.values()))
    company.world.zoho_contacts["again"] = {**first, "created_time": "2026-01-01T00:00:00+0100"}
    result = company.pull("zoho", detail_budget=0)
    assert result.counts.duplicate + result.counts.unchanged + result.counts.created >= 231
    assert company.value("select count(*) from customers_cache where source_customer_id = %s", first["contact_id"]) == 1


@pytest.mark.slow
def test_a_dry_run_changes_nothing(company: Company) -> None:
    result = company.pull("zoho", dry_run=True)
    assert result.counts.created == 231
    tables = (
        "customer_rows",
        "invoice_rows",
        "sync_runs",
        "sync_metadata",
        "ops.raw_pages",
        "ops.raw_scans",
        "ops.raw_details",
    )
    assert {table: company.value(f"select count(*) from {table}") for table in tables} == dict.fromkeys(tables, 0)
    assert company.value("select count(*) from ops.api_tokens") == 1  # a token that was paid for is kept


def test_a_limit_takes_so_many_and_is_no_complete_scan(company: Company) -> None:
    result = company.pull("robaws", options=PullOptions(limit=30))
    assert (result.status, result.counts.created) == ("ok", 30)
    assert company.value("select watermark from sync_metadata") is None
    assert company.pull("robaws").counts.created == 220


@pytest.mark.slow
def test_a_rebuild_from_raw_makes_no_call_and_ends_in_an_equal_table(company: Company) -> None:
    for system in ("robaws", "zoho", "sumit"):
        company.pull(system)  # type: ignore[arg-type]
    contact = next(iter(company.world.zoho_contacts.values()))
    contact |= {"company_name": "Moved On", "last_modified_time": just_now()}
    company.pull("zoho")  # an incremental scan on top
    before, calls = company.fingerprint(), dict(company.world.calls)
    company.connection.execute("truncate customer_rows, invoice_rows cascade")
    for system in ("robaws", "zoho", "sumit"):
        company.pull(system, from_raw=True)  # type: ignore[arg-type]
    drop = "source_modified_at"  # ours for SUMIT, which gives none: the time of the page
    assert [{k: v for k, v in row.items() if k != drop} for row in company.fingerprint()] == [
        {k: v for k, v in row.items() if k != drop} for row in before
    ]
    assert dict(company.world.calls) == calls


# --- Zoho -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_second_zoho_sync_asks_for_changes_only(company: Company) -> None:
    company.pull("zoho")
    contact = list(company.world.zoho_contacts.values())[5]
    contact |= {"company_name": "Changed BV", "last_modified_time": just_now()}
    result = company.pull("zoho")
    assert company.value("select count(*) from customers_cache where company_name = 'Changed BV'") == 1
    assert result.counts.updated == 1
    assert result.calls <= 1 + 1 + 1  # contacts, its detail, invoices


@pytest.mark.slow
def test_a_filter_that_does_not_filter_counts_as_a_full_scan(company: Company) -> None:
    company.pull("zoho")
    company.world.switches.zoho_filters_contacts = False
    result = company.pull("zoho")
    assert "the filter by time was ignored" in result.message
    assert [
        s["kind"] for s in company.rows("select kind from ops.raw_scans where stream = 'contacts' order by id")
    ] == ["full", "full"]


@pytest.mark.slow
def test_a_full_scan_comes_round_by_itself(company: Company) -> None:
    company.pull("zoho")
    company.connection.execute("update sync_metadata set last_full_at = now() - interval '8 days'")
    company.pull("zoho")
    assert company.value("select count(*) from ops.raw_scans where stream = 'contacts' and kind = 'full'") == 2


@pytest.mark.slow
def test_details_are_asked_for_within_the_budget_and_the_rest_next_time(company: Company) -> None:
    first = company.pull("zoho", detail_budget=100)
    assert "details are left for the next run" in first.message
    assert (
        company.value("select count(*) from ops.raw_details where stream = 'contact' and requested_at is not null")
        <= 200
    )
    company.pull("zoho", detail_budget=1000)
    missing = company.value("select count(*) from ops.raw_details where wanted_version is distinct from landed_version")
    assert missing == 0


@pytest.mark.slow
def test_a_list_row_without_persons_keeps_those_of_the_detail(company: Company) -> None:
    company.pull("zoho")
    contact = next(c for c in company.world.zoho_contacts.values() if len(c["contact_persons"]) > 1)
    contact |= {"company_name": "Seen In The List", "last_modified_time": just_now()}
    company.pull("zoho", detail_budget=0)
    row = company.rows("select * from customers_cache where source_customer_id = %s", contact["contact_id"])[0]
    assert row["company_name"] == "Seen In The List"
    assert len(row["contact_persons"]) == len(contact["contact_persons"])


@pytest.mark.slow
def test_an_invoice_of_an_unlisted_contact_is_kept_and_its_customer_asked_for(company: Company) -> None:
    ids = list(company.world.zoho_invoices)
    hidden_id = next(iter(company.world.zoho_hidden))
    company.world.zoho_invoices[ids[0]]["customer_id"] = hidden_id
    company.world.zoho_invoices[ids[1]]["customer_id"] = "12345"
    company.pull("zoho")
    invoices = {r["source_invoice_id"]: r for r in company.rows("select * from invoices_cache")}
    assert invoices[ids[0]]["customer_id"] is not None
    assert (invoices[ids[1]]["customer_id"], invoices[ids[1]]["source_customer_id"]) == (None, "12345")
    calls = company.world.calls["zoho"]
    company.pull("zoho")
    assert company.world.calls["zoho"] - calls <= 2  # who is gone is not asked for again


@pytest.mark.slow
def test_an_invoice_is_linked_when_its_customer_arrives(company: Company) -> None:
    invoice_id = next(iter(company.world.zoho_invoices))
    company.world.zoho_invoices[invoice_id]["customer_id"] = "777"
    company.pull("zoho")
    newcomer = {**next(iter(company.world.zoho_contacts.values())), "contact_id": "777"}
    company.world.zoho_contacts["777"] = newcomer | {"last_modified_time": just_now()}
    company.pull("zoho")
    linked = company.value(
        "select c.source_customer_id from invoices_cache i join customers_cache c on c.id = i.customer_id where i.source_invoice_id = %s",
        invoice_id,
    )
    assert linked == "777"


def test_a_paid_invoice_and_every_status_arrives(company: Company) -> None:
    company.pull("zoho")
    assert company.value("select count(distinct status) from invoices_cache") == 6
    assert company.value("select count(*) from invoices_cache") == 600


# --- when things go wrong ---------------------------------------------------------------------------------------------


def test_a_cut_scan_keeps_its_position_and_deletes_nothing(company: Company) -> None:
    company.pull("robaws", options=PullOptions(page_size=50))
    company.fault("robaws", "500", times=99, after=3)
    failed = company.pull("robaws", options=PullOptions(page_size=50), retry_seconds=0, concurrency=1)
    assert failed.status == "failed"
    company.world.faults.clear()
    calls = company.world.calls["robaws"]
    resumed = company.pull("robaws", options=PullOptions(page_size=50))
    assert "resumed after 3 pages" in resumed.message
    assert company.world.calls["robaws"] - calls == 3  # page 0 tells the total, two were missing
    assert resumed.counts.unchanged == 250
    assert company.value("select count(*) from customers_cache where deleted_at is not null") == 0


@pytest.mark.slow
@pytest.mark.parametrize(("system", "then"), [("robaws", "goes on from there"), ("sumit", "begins customers anew")])
def test_an_account_that_takes_longer_than_its_share_is_broken_off(company: Company, system: Any, then: str) -> None:
    company.fault(system, "503", times=99, after=1)
    options = PullOptions(page_size=50)
    context = replace(company.context, account_seconds=2)
    result = pull(context, company.account(system, retry_seconds=60), options)
    assert result.status == "failed"
    assert f"broken off after 0.0333333 minutes (ACCOUNT_MINUTES): the next run {then}" in result.message
    assert company.value("select count(*) from sync_runs where status = 'running'") == 0
    assert company.value("select status from ops.raw_scans") == "failed"
    company.world.faults.clear()
    again = company.pull(system, options=options)
    assert again.status == "ok"
    assert ("resumed after" in again.message) == (system == "robaws")


def test_a_scan_is_gone_on_with_by_when_it_went_on_last(company: Company) -> None:
    def cut() -> str:
        """Land a page more than before."""
        company.fault("robaws", "500", times=99, after=2)
        message = company.pull("robaws", options=PullOptions(page_size=50), retry_seconds=0, concurrency=1).message
        company.world.faults.clear()
        return message

    hours = company.settings.resume_hours
    cut()
    company.do("update ops.raw_scans set started_at = now() - make_interval(hours => 99), finished_at = null")
    assert "resumed after 2 pages" in cut()  # a page of it came just now
    company.do("update ops.raw_scans set finished_at = now() - make_interval(secs => %s)", (hours + 1) * 3600)
    company.do("update ops.raw_pages set first_seen_at = now() - make_interval(secs => %s)", (hours + 1) * 3600)
    assert "resumed" not in company.pull("robaws", options=PullOptions(page_size=50)).message


@pytest.mark.slow
def test_quota_gone_mid_scan_stops_cleanly_and_goes_on_next_time(company: Company) -> None:
    stopped = company.pull("zoho", options=PullOptions(page_size=50), call_budget=3)
    assert isinstance(stopped.error, QuotaError)
    assert company.value("select count(*) from customers_cache") == 0
    result = company.pull("zoho", options=PullOptions(page_size=50))
    assert "resumed after 3 pages" in result.message
    assert company.value("select count(*) from customers_cache") == 231


def test_rows_that_move_between_pages_make_a_scan_incomplete_and_delete_nothing(company: Company) -> None:
    company.pull("robaws", options=PullOptions(page_size=50))

    def remove_an_early_row(stream: str, page: int) -> None:
        if stream == "robaws clients" and page == 2:
            company.world.robaws.pop("1000", None)

    company.world.before_page.append(remove_an_early_row)
    result = company.pull("robaws", options=PullOptions(page_size=50), concurrency=1)
    assert result.status == "partial"
    assert "incomplete scan" in result.message
    assert company.value("select count(*) from customers_cache where deleted_at is not null") == 0


def test_two_syncs_at_once_one_runs_and_the_other_says_so(company: Company) -> None:
    account = company.account("robaws")
    with (
        system_lock(company.url, account="default", system="robaws", what="sync"),
        pytest.raises(
            BusyError, match=r"robaws .* being synced already by customer_assets sync robaws/default pid \d+"
        ),
    ):
        pull(company.context, account, FULL)
    assert company.pull("sumit").status == "ok"  # another system is free


def test_a_run_that_died_is_closed_by_the_next(company: Company) -> None:
    company.connection.execute(
        "insert into sync_runs (source, kind, trigger, status) values ('robaws', 'full', 'cli', 'running')"
    )
    company.pull("robaws")
    assert company.value("select error from sync_runs order by id limit 1") == "ended without a word: its process died"


def test_refused_credentials_are_recorded_and_not_leaked(company: Company) -> None:
    result = company.pull("robaws", api_secret="hunter2-secret")
    assert isinstance(result.error, CredentialsError)
    dumped = str(company.rows("select * from sync_runs")) + str(company.rows("select * from ops.raw_scans"))
    assert "ROBAWS_API_SECRET" in dumped
    assert "hunter2" not in dumped


# --- one customer, several accounts -----------------------------------------------------------------------------------


def test_one_customer_by_id(company: Company) -> None:
    result = pull_one(company.context, company.account("robaws"), "1004")
    assert (result.status, result.counts.created, result.calls) == ("ok", 1, 1)
    assert company.value("select last_synced_at from customers_cache") is not None
    again = pull_one(company.context, company.account("robaws"), "1004")
    assert again.counts.unchanged == 1


def test_one_customer_that_is_gone_is_marked_and_revived(company: Company) -> None:
    pull_one(company.context, company.account("robaws"), "1004")
    client = company.world.robaws.pop("1004")
    gone = pull_one(company.context, company.account("robaws"), "1004")
    assert (gone.status, gone.counts.deactivated) == ("ok", 1)
    row = company.rows("select is_active, deleted_at from customers_cache")[0]
    assert (row["is_active"], row["deleted_at"] is None) == (False, False)
    company.world.robaws["1004"] = client
    pull_one(company.context, company.account("robaws"), "1004")
    row = company.rows("select is_active, deleted_at from customers_cache")[0]
    assert (row["is_active"], row["deleted_at"]) == (client["active"], None)


def test_an_id_that_nobody_knows_is_an_error(company: Company) -> None:
    assert pull_one(company.context, company.account("zoho"), "1").status == "failed"


@pytest.mark.slow
def test_two_organizations_with_the_same_contact_ids_stay_apart(company: Company) -> None:
    company.pull("zoho", name="north")
    company.pull("zoho", name="south")
    rows = company.rows("select account, count(*) as n from customers_cache group by account order by account")
    assert [(r["account"], r["n"]) for r in rows] == [("north", 231), ("south", 231)]
    crossed = company.value(
        "select count(*) from invoices_cache i join customers_cache c on c.id = i.customer_id where c.account <> i.account"
    )
    assert crossed == 0
    assert company.value("select count(distinct account) from sync_metadata") == 2
    contacts = list(company.world.zoho_contacts.values())
    contacts[0]["contact_name"] += " & Co"
    del company.world.zoho_contacts[contacts[1]["contact_id"]]
    contacts[0]["last_modified_time"] = "2026-11-21T10:00:00+0100"
    company.pull("zoho", name="south", options=PullOptions(full=True))
    assert company.rows("select distinct account from customer_changes") == [{"account": "south"}]
    assert company.value("select count(*) from customer_changes where field = 'deleted_at'") == 1
    resolve_customers(company.context)
    plan_reminders(company.context)
    assert company.value(
        "select count(*) from invoice_reminder_state s join invoices_cache i on i.id = s.invoice_id where s.account = i.account"
    ) == company.value("select count(*) from invoices_cache where deleted_at is null")


def test_a_role_override_of_the_table_is_applied_and_taken_off(company: Company) -> None:
    company.pull("robaws")
    assert company.value("select role from robaws_customers_cache where name = 'Aeon Shipping LLC'") == "FORWARDER"
    source_role = company.world.robaws["1000"]["extraFields"]["Role"]["stringValue"]
    company.connection.execute("delete from ops.role_overrides")
    company.pull("robaws")
    assert company.value("select role from robaws_customers_cache where name = 'Aeon Shipping LLC'") == source_role


def test_extra_columns_of_the_views_that_users_know(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    address = company.value(
        "select full_address from robaws_customers_cache where city is not null and street2 is null limit 1"
    )
    assert address.count(", ") >= 2
    assert "T" in company.value("select metadata ->> 'last_synced_at' from sumit_customers limit 1")


def test_values_that_are_left_out_are_said_and_counted(company: Company) -> None:
    clients = list(company.world.robaws.values())
    for client in clients[:3]:
        client["followUpDate"] = "soon"
    clients[5]["accessibleViaPeppol"] = "perhaps"
    result = company.pull("robaws")
    assert result.status == "ok"
    said = "customers: values were left out: accessible_via_peppol: not a boolean (1 times), follow_up_date: not a date (3 times)"
    assert said in result.message
    assert said in company.value("select message from sync_runs order by id desc limit 1")


@pytest.mark.parametrize(
    ("system", "column", "value"),
    [
        ("robaws", "city", "CORRUPT"),
        ("zoho", "contact_persons", []),
        ("sumit", "name", "CORRUPT"),
        ("robaws", "general_email", None),
        ("robaws", "is_active", False),
    ],
)
def test_a_cell_changed_by_hand_is_mended_from_what_landed(
    company: Company, system: str, column: str, value: Any
) -> None:
    company.pull(system)
    company.pull(system)

    def shown() -> list[dict[str, Any]]:  # SUMIT gives no time of change: that of our request stands for it
        return [{k: v for k, v in row.items() if k != "source_modified_at"} for row in company.fingerprint()]

    before = shown()
    row_id = company.value(
        f"select id from customer_rows where {column} is not null and {column}::text not in ('[]', 'false') order by id limit 1"
    )
    company.do(f"update customer_rows set {column} = %s where id = %s", Jsonb(value) if value == [] else value, row_id)
    assert shown() != before
    result = company.pull(system, from_raw=True)
    assert result.counts.updated == 1
    assert shown() == before
    assert company.pull(system, from_raw=True).counts.updated == 0


def test_the_watermark_lies_before_the_scan_by_the_overlap(company: Company) -> None:
    company.pull("zoho", overlap_seconds=600)
    apart = company.rows(
        """
        select s.stream, extract(epoch from s.started_at - m.watermark)::int as seconds
        from ops.raw_scans s
        join sync_metadata m on m.entity = case s.stream when 'contacts' then 'customers' else s.stream end
        where s.source = 'zoho' and m.source = 'zoho'
        order by 1
        """
    )
    assert apart == [{"stream": "contacts", "seconds": 600}, {"stream": "invoices", "seconds": 600}]
    # what changed within it is asked for again
    contact, invoice = (
        next(iter(found.values())) for found in (company.world.zoho_contacts, company.world.zoho_invoices)
    )
    for record in (contact, invoice):
        record["last_modified_time"] = (datetime.now(UTC) - timedelta(seconds=300)).strftime("%Y-%m-%dT%H:%M:%S%z")
    contact["contact_name"], invoice["status"] = "Renamed a while ago", "void"
    updated = {entity: counts.updated for entity, counts in company.pull("zoho", overlap_seconds=600).entities.items()}
    assert updated == {"customers": 1, "invoices": 1}
