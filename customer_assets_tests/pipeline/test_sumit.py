"""SUMIT both ways over real HTTP, in both dialects: nobody's edit is overwritten, nothing doubled, nothing paid twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from customer_assets.errors import BusyError, NotFoundError, StaleEditError
from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.push.bidirectional import BothWays, bidirectional
from customer_assets.pipeline.push.conflicts import resolve_conflict
from customer_assets.pipeline.push.push import push
from customer_assets.pipeline.push.run import PushResult
from customer_assets.sandbox.world import SUMIT_KEY, Sizes
from customer_assets.sources.sumit.writes import SumitWriter
from customer_assets.store.database import system_lock
from customer_assets.store.push import conflicts
from customer_assets_tests.conftest import Company

DIALECTS = ["real", "seed"]

pytestmark = pytest.mark.slow


@pytest.fixture
def sizes() -> Sizes:
    return Sizes(
        robaws_clients=30,
        zoho_contacts=0,
        zoho_vendors=0,
        zoho_invoices=0,
        sumit_customers=40,
        legacy_invoices=0,
    )


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def row_id(company: Company, remote: int = 910_005) -> int:
    found: int = company.value(
        "select id from customers_cache where source = 'sumit' and source_customer_id in (%s, %s)",
        str(remote),
        f"CRM-{remote}",
    )
    return found


def robaws_id(company: Company, client: str = "1003") -> int:
    found: int = company.value(
        "select id from customers_cache where source = 'robaws' and source_customer_id = %s", client
    )
    return found


def edit(company: Company, customer: int, **changes: Any) -> None:
    edit_customer(company.context, customer, changes, by="test")


def do_push(company: Company, ids: list[int] | None = None, *, dry_run: bool = False, **settings: Any) -> PushResult:
    return push(company.context, company.account("sumit", **settings), ids=ids, dry_run=dry_run)


def both(company: Company, *, ids: list[int] | None = None, dry_run: bool = False, **settings: Any) -> BothWays:
    return bidirectional(company.context, company.account("sumit", **settings), ids=ids, dry_run=dry_run)


def writes(company: Company) -> list[int]:
    """Transaction ids of all rows that a sync could write."""
    return [
        company.value(f"select coalesce(sum(xmin::text::bigint), 0) + count(*) from {table}")
        for table in (
            "customer_rows",
            "ops.sumit_links",
            "ops.sumit_conflicts",
            "ops.field_edits",
            "ops.push_results",
        )
    ]


def test_an_edit_is_pushed_and_ends(company: Company, dialect: str) -> None:
    company.pull("sumit", dialect=dialect)
    customer = row_id(company)
    edit(company, customer, phone="050-999 0000", city="Haifa")
    result = both(company, dialect=dialect)
    assert result.success, result.message
    assert result.push is not None
    assert result.push.as_dict()["rows"] == [
        {"id": customer, "outcome": "updated", "reason": None, "fields": result.push.rows[0].fields}
    ]
    assert "Pushed 1 customer" in result.message
    record = company.world.sumit[910_005]
    assert (record["Phone"], record["City"]) == ("050-999 0000", "Haifa")
    assert company.value("select count(*) from ops.field_edits where released_at is null") == 0
    row = company.rows("select phone, city, covered from customer_rows where id = %s", customer)[0]
    assert (row["phone"], row["city"], row["covered"]) == ("050-999 0000", "Haifa", None)
    before, calls = writes(company), company.world.calls["sumit"]
    again = both(company, dialect=dialect)
    assert (again.success, again.push and again.push.pushed) == (True, 0)
    assert writes(company) == before
    assert company.world.calls["sumit"] - calls <= 2


def test_unchanged_customers_cost_two_calls_and_no_write(company: Company) -> None:
    for number in range(1, 261):
        company.world.sumit[920_000 + number] = {"ID": 920_000 + number, "Name": f"Customer {number}"}
    company.pull("sumit")
    before, calls = writes(company), company.world.calls["sumit"]
    assert both(company).success
    assert (writes(company), company.world.calls["sumit"] - calls) == (before, 2)  # folder and one page


def test_values_that_sumit_rewrites_are_no_edits(company: Company) -> None:
    company.world.switches.sumit_respells = True
    company.pull("sumit")
    edit(company, row_id(company), phone="+972 50-999-0000")
    assert both(company).success
    assert company.world.sumit[910_005]["Phone"] == "0509990000"
    quiet = both(company)
    assert (quiet.success, quiet.push and quiet.push.rows) == (True, [])
    assert company.value("select count(*) from ops.sumit_conflicts") == 0
    before = writes(company)
    both(company)
    assert writes(company) == before


@pytest.mark.parametrize("mode", ["full", "partial"])
def test_an_update_keeps_what_it_does_not_change(company: Company, mode: str) -> None:
    company.world.switches.sumit_keeps_omitted = mode == "partial"  # the server wipes what a full update does not name
    company.pull("sumit")
    before = dict(company.world.sumit[910_005])
    edit(company, row_id(company), city="Haifa")
    assert both(company, update_mode=mode).success
    after = company.world.sumit[910_005]
    for key in ("Name", "EmailAddress", "Phone", "CompanyNumber", "Address", "ZipCode"):
        assert after.get(key) == before.get(key), key


def test_a_remote_edit_is_pulled(company: Company) -> None:
    company.pull("sumit")
    company.world.sumit[910_005]["City"] = "Eilat"
    assert both(company).push.rows == []  # type: ignore[union-attr]
    assert company.value("select city from customers_cache where id = %s", row_id(company)) == "Eilat"
    assert company.value("select base->>'city' from ops.sumit_links where row_id = %s", row_id(company)) == "Eilat"


@pytest.mark.parametrize(
    ("policy", "here", "there"),
    [
        ("newest", "Eilat", "Eilat"),
        ("local", "Haifa", "Haifa"),
        ("remote", "Eilat", "Eilat"),
        ("review", "Haifa", "Eilat"),
    ],
)
def test_both_changed(company: Company, policy: str, here: str, there: str) -> None:
    company.pull("sumit")
    customer = row_id(company)
    edit(company, customer, city="Haifa", phone="050-1111111")
    company.world.sumit[910_005]["City"] = "Eilat"
    for _ in range(2):
        both(company, conflict_policy=policy)
    assert company.value("select city from customers_cache where id = %s", customer) == here
    assert company.world.sumit[910_005]["City"] == there
    assert company.world.sumit[910_005]["Phone"] == "050-1111111"  # what was not in doubt went through
    [conflict] = company.rows("select status, local_value, remote_value, base_value from ops.sumit_conflicts")
    assert (conflict["local_value"], conflict["remote_value"]) == ("Haifa", "Eilat")
    assert conflict["status"] == ("open" if policy == "review" else "resolved")


def test_newest_is_the_local_edit_when_it_came_after_the_remote_one_was_seen(company: Company) -> None:
    company.pull("sumit")
    customer = row_id(company)
    edit(company, customer, city="Haifa")
    company.world.sumit[910_005]["City"] = "Eilat"
    company.pull("sumit", conflict_policy="review")
    edit(company, customer, city="Jaffa")
    assert both(company).success
    assert company.world.sumit[910_005]["City"] == "Jaffa"


@pytest.mark.parametrize("use", ["local", "remote"])
def test_a_reviewed_conflict_is_settled_by_the_next_sync(company: Company, use: Any) -> None:
    company.pull("sumit")
    customer = row_id(company)
    edit(company, customer, city="Haifa")
    company.world.sumit[910_005]["City"] = "Eilat"
    first = both(company, conflict_policy="review")
    assert first.push is not None
    assert [(r.outcome, r.id) for r in first.push.rows] == [("conflict", customer)]
    [conflict] = conflicts.list_conflicts(company.connection)
    resolve_conflict(company.context, conflict["id"], use=use, by="test", find_account=company.account)
    both(company, conflict_policy="review")
    both(company, conflict_policy="review")
    wanted = {"local": "Haifa", "remote": "Eilat"}[use]
    assert company.value("select city from customers_cache where id = %s", customer) == wanted
    assert company.world.sumit[910_005]["City"] == wanted
    assert conflicts.list_conflicts(company.connection) == []
    with pytest.raises(NotFoundError, match="no open conflict"):
        resolve_conflict(company.context, conflict["id"], use=use, by="test", find_account=company.account)


def test_a_cleared_field_is_cleared_there(company: Company) -> None:
    company.pull("sumit")
    edit(company, row_id(company), city="")
    assert both(company).success
    assert not company.world.sumit[910_005].get("City")
    both(company)
    assert company.value("select city from customers_cache where id = %s", row_id(company)) is None


def test_a_row_of_another_system_is_created_once(company: Company, dialect: str) -> None:
    company.pull("robaws")
    company.pull("sumit", dialect=dialect)
    origin = robaws_id(company)
    count = len(company.world.sumit)
    result = do_push(company, [origin], dialect=dialect)
    assert [(r.id, r.outcome) for r in result.rows] == [(origin, "created")], result.message
    assert len(company.world.sumit) == count + 1
    new = max(company.world.sumit)
    assert company.world.sumit[new]["Name"] == company.value("select name from customers_cache where id = %s", origin)
    if dialect == "real":
        assert company.world.sumit[new]["ExternalIdentifier"] == "robaws:1003"
    link = company.rows("select * from ops.sumit_links where origin_id = %s", origin)[0]
    assert link["remote_id"] in (str(new), f"CRM-{new}")
    own = company.rows("select source, golden_id from customers_cache where id = %s", link["row_id"])[0]
    assert own["source"] == "sumit"
    assert [r.outcome for r in do_push(company, [origin], dialect=dialect).rows] == ["unchanged"]
    assert len(company.world.sumit) == count + 1
    both(company, dialect=dialect)
    before = writes(company)
    assert both(company, dialect=dialect).success
    assert writes(company) == before


def test_what_changes_at_the_origin_follows(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    do_push(company, [robaws_id(company)])
    company.world.robaws["1003"] |= {"tel": "03 999 99 99", "updatedAt": "2031-01-01T00:00:00.000Z"}
    company.pull("robaws")
    result = both(company)
    assert result.push is not None
    assert [r.outcome for r in result.push.rows] == ["updated"]
    assert company.world.sumit[max(company.world.sumit)]["Phone"] == "03 999 99 99"


def test_a_remote_edit_of_a_pushed_row_stays_in_sumits_row(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    origin = robaws_id(company)
    do_push(company, [origin])
    before = company.value("select city from customers_cache where id = %s", origin)
    company.world.sumit[max(company.world.sumit)]["City"] = "Eilat"
    result = both(company)
    assert result.push is not None
    assert [(r.id, r.outcome) for r in result.push.rows] == [(origin, "conflict")]
    assert company.value("select city from customers_cache where id = %s", origin) == before
    own = company.value("select row_id from ops.sumit_links where origin_id = %s", origin)
    assert company.value("select city from customers_cache where id = %s", own) == "Eilat"
    [conflict] = conflicts.list_conflicts(company.connection)
    assert (conflict["local_value"], conflict["remote_value"]) == (before, "Eilat")
    unchanged = writes(company)
    both(company)
    assert writes(company)[:4] == unchanged[:4]
    resolve_conflict(company.context, conflict["id"], use="remote", by="test", find_account=company.account)
    assert both(company).push.rows == []  # type: ignore[union-attr]


def test_a_customer_that_is_in_sumit_already_is_adopted(company: Company) -> None:
    company.world.sumit[910_005]["EmailAddress"] = "info@orly.example"
    company.pull("robaws")
    company.pull("sumit")
    origin, own = robaws_id(company), row_id(company)
    golden = company.value("insert into customers (name) values ('x') returning id")
    company.connection.execute("update customer_rows set golden_id = %s where id in (%s, %s)", [golden, origin, own])
    company.connection.execute(
        "update customer_rows o set city = s.city, name = s.name, street = s.street, zipcode = s.zipcode, vat_number = s.vat_number, "
        "phone = s.phone, general_email = 'other@example.com' from customer_rows s where o.id = %s and s.id = %s",
        [origin, own],
    )
    count = len(company.world.sumit)
    # the plan is the deed: it names the customer that is there, and the conflict
    planned = do_push(company, [origin], dry_run=True)
    assert [(p.action, p.conflicts) for p in planned.planned] == [("adopt", ("general_email",))]
    assert all("SUMIT customer 910005 is this one" in f.why for p in planned.planned for f in p.fields)
    assert "both sides changed general_email" in str(planned.rows[0].reason)
    result = do_push(company, [origin])
    assert len(company.world.sumit) == count
    assert [r.outcome for r in result.rows] == ["conflict"]
    assert "general_email" in str(result.rows[0].reason)
    assert company.value("select origin_id from ops.sumit_links where row_id = %s", own) == origin


def test_a_plan_says_that_a_customer_is_there_through_another(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    one, other = company.rows("select id from customer_rows where source = 'robaws' order by id limit 2")
    golden, own = company.value("insert into customers (name) values ('x') returning id"), row_id(company)
    company.do("update customer_rows set golden_id = %s where id = any(%s)", golden, [one["id"], other["id"], own])
    do_push(company, [one["id"]])
    before = company.rows("select id, state, last_error from ops.sumit_links order by id")
    planned = do_push(company, [other["id"]], dry_run=True)
    assert [(r.outcome, r.reason) for r in planned.rows] == [
        ("failed", f"it is SUMIT customer 910005 already, pushed from customer {one['id']}")
    ]
    assert company.rows("select id, state, last_error from ops.sumit_links order by id") == before
    assert [r.outcome for r in do_push(company, [other["id"]]).rows] == ["failed"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_creation_whose_answer_is_lost_makes_no_second_customer(company: Company, dialect: str, kept: bool) -> None:
    company.world.switches.sumit_keeps_external_ids = kept
    company.pull("robaws")
    company.pull("sumit", dialect=dialect)
    count = len(company.world.sumit)
    path = "customers/create" if dialect == "real" else "customers/update"
    company.fault("sumit", "late", match=path)
    result = do_push(company, [robaws_id(company)], dialect=dialect)
    assert [r.outcome for r in result.rows] == ["created"], result.message
    assert len(company.world.sumit) == count + 1


def test_a_creation_that_never_arrived_is_made_once_more(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    count = len(company.world.sumit)
    company.fault("sumit", "html", match="customers/create")
    assert [r.outcome for r in do_push(company, [robaws_id(company)]).rows] == ["created"]
    assert len(company.world.sumit) == count + 1


def test_killed_between_the_remote_write_and_the_local_record(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.pull("robaws")
    company.pull("sumit")
    count, origin = len(company.world.sumit), robaws_id(company)
    company.world.switches.sumit_keeps_external_ids = False

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("customer_assets.pipeline.push.run.PushRun.store", killed)
        with pytest.raises(KeyboardInterrupt):
            do_push(company, [origin])
    assert len(company.world.sumit) == count + 1
    assert company.value("select state from ops.sumit_links where origin_id = %s", origin) == "creating"
    result = do_push(company)
    assert [(r.id, r.outcome) for r in result.rows] == [(origin, "created")]
    assert len(company.world.sumit) == count + 1


def test_several_that_match_wait_for_a_person(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    origin = robaws_id(company)
    row = company.rows("select name, vat_number, general_email, phone from customers_cache where id = %s", origin)[0]
    company.world.switches.sumit_keeps_external_ids = False
    for number in (1, 2):
        company.world.sumit[990_000 + number] = {
            "ID": 990_000 + number,
            "Name": row["name"],
            "CompanyNumber": row["vat_number"],
            "EmailAddress": row["general_email"],
            "Phone": row["phone"],
        }
    company.fault("sumit", "html", match="customers/create")
    result = do_push(company, [origin])
    assert result.rows[0].outcome == "failed"
    assert "several SUMIT customers match: 990001, 990002" in str(result.rows[0].reason)
    assert "several" in str(do_push(company, [origin]).rows[0].reason)
    assert do_push(company).rows == []
    del company.world.sumit[990_002]
    assert [r.outcome for r in do_push(company, [origin]).rows] == ["created"]
    assert max(company.world.sumit) == 990_001


def test_a_lost_answer_to_an_update_is_looked_up(company: Company) -> None:
    company.pull("sumit")
    edit(company, row_id(company), city="Haifa")
    company.fault("sumit", "late", match="customers/update")
    assert both(company).success
    assert company.world.sumit[910_005]["City"] == "Haifa"


def test_a_remote_edit_between_pull_and_push_is_seen(company: Company) -> None:
    company.pull("sumit")
    customer = row_id(company)
    edit(company, customer, city="Haifa")
    company.world.sumit[910_005]["City"] = "Eilat"
    result = do_push(company, [customer], conflict_policy="review")
    assert [r.outcome for r in result.rows] == ["conflict"]
    assert company.world.sumit[910_005]["City"] == "Eilat"


def test_one_that_is_refused_fails_alone_and_is_tried_again(company: Company) -> None:
    company.pull("sumit")
    for remote in (910_005, 910_006):
        edit(company, row_id(company, remote), city="Haifa")
    company.fault("sumit", "status:1:שם לא תקין", match="customers/update")
    result = both(company)
    assert result.push is not None
    assert sorted(r.outcome for r in result.push.rows) == ["failed", "updated"]
    assert result.push.message == "Pushed 1 customer, 1 failed"
    assert not result.success
    assert company.value("select count(*) from ops.push_results where reason like '%%שם לא תקין%%'") == 1
    again = do_push(company)
    assert [r.outcome for r in again.rows] == ["updated"]
    assert company.value("select count(*) from ops.sumit_links where last_error is not null") == 0


def test_gone_in_sumit_is_said(company: Company) -> None:
    company.pull("sumit")
    edit(company, row_id(company), city="Haifa")
    company.world.sumit[910_005]["archived"] = True
    result = do_push(company)
    assert [r.outcome for r in result.rows] == ["failed"]
    assert "deleted in SUMIT" in str(result.rows[0].reason)


def test_an_empty_list_means_none(company: Company) -> None:
    company.pull("sumit")
    edit(company, row_id(company), city="Haifa")
    calls = company.world.calls["sumit"]
    assert do_push(company, []).rows == []
    assert company.world.calls["sumit"] == calls


def test_unknown_ids_fail_and_are_named(company: Company) -> None:
    company.pull("sumit")
    result = do_push(company, [999_999])
    assert [(r.id, r.outcome, r.reason) for r in result.rows] == [(999_999, "failed", "no such customer")]
    assert not result.success


def test_a_dry_run_shows_the_plan_and_changes_nothing(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    customer = row_id(company)
    edit(company, customer, city="Haifa")
    company.world.sumit[910_006]["City"] = "Eilat"
    before, calls, remote = writes(company), company.world.calls["sumit"], json.dumps(company.world.sumit)
    plan = do_push(company, [customer, robaws_id(company)], dry_run=True)
    assert company.world.calls["sumit"] == calls
    assert [(p.row_id, p.action) for p in plan.planned] == [
        (customer, "update"),
        (robaws_id(company), "create"),
    ]
    [sent] = plan.planned[0].fields
    assert (sent.field, sent.new, sent.why[:14]) == ("city", "Haifa", "edited by test")
    result = both(company, dry_run=True)
    assert [r.outcome for r in result.push.rows] == ["planned"]  # type: ignore[union-attr]
    assert (writes(company), json.dumps(company.world.sumit)) == (before, remote)


def test_no_push_after_a_failed_pull(company: Company) -> None:
    company.pull("sumit")
    edit(company, row_id(company), city="Haifa")
    company.fault("sumit", "500", match="listentities", times=99)
    result = both(company, retry_seconds=0)
    assert (result.success, result.push) == (False, None)
    assert "No response from SUMIT API" in result.message
    assert company.world.sumit[910_005].get("City") != "Haifa"


def test_bad_credentials_stop_everything_at_the_first(company: Company) -> None:
    company.pull("sumit")
    for remote in (910_005, 910_006):
        edit(company, row_id(company, remote), city="Haifa")
    calls = company.world.calls["sumit"]
    result = do_push(company, api_key="wrong")
    assert [r.outcome for r in result.rows] == ["pending", "pending"]
    assert "Invalid credentials" in result.message
    assert company.world.calls["sumit"] == calls + 1


def test_the_budget_leaves_the_rest_pending(company: Company) -> None:
    company.pull("sumit")
    for remote in (910_005, 910_006, 910_007):
        edit(company, row_id(company, remote), city="Haifa")
    result = do_push(company, call_budget=4)
    assert sorted(r.outcome for r in result.rows) == ["pending", "updated", "updated"]
    assert "left for the next run" in result.message
    assert [r.outcome for r in do_push(company).rows] == ["updated"]
    assert result.calls_this_month >= result.calls


def test_two_at_once_do_not_meet(company: Company) -> None:
    company.pull("sumit")
    with (
        system_lock(company.url, account="default", system="sumit", what="bidirectional"),
        pytest.raises(BusyError, match="bidirectional sumit/default"),
    ):
        both(company)


def test_sources_that_all_belong_in_sumit(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    company.connection.execute("update customer_rows set is_active = id % 10 = 0 where source = 'robaws'")
    wanted = company.value("select count(*) from customer_rows where source = 'robaws' and is_active")
    assert do_push(company, dry_run=True).planned == []
    result = do_push(company, push_sources=["robaws"])
    assert result.count("created") == wanted


def test_no_credentials_are_left_anywhere(company: Company, caplog: pytest.LogCaptureFixture) -> None:
    company.pull("sumit")
    edit(company, row_id(company), city="Haifa")
    for kind in (
        "html200",
        "empty403",
        "cut",
        "500",
        "401",
        "redirect",
        "status:2:EntityID: Error converting value",
    ):
        company.fault("sumit", kind, match="getentity")
        do_push(company, retry_seconds=0, block_tries=1)
        company.fault("sumit", kind, match="customers/update")
        do_push(company, retry_seconds=0, block_tries=1)
    for table in company.rows(
        "select schemaname || '.' || tablename as name from pg_tables where schemaname in ('public', 'ops')"
    ):
        dumped = company.value(f"select string_agg(t::text, '') from {table['name']} t") or ""
        assert SUMIT_KEY not in dumped, table
    assert SUMIT_KEY not in caplog.text


# --- local edits ------------------------------------------------------------------------------------------------------


def test_an_edit_lies_over_the_source_until_it_is_released(company: Company) -> None:
    company.pull("robaws")
    customer = robaws_id(company)
    source = company.value("select city from customers_cache where id = %s", customer)
    edited = edit_customer(company.context, customer, {"city": "Gent", "follow_up_date": "2026-12-01"}, by="test")
    assert edited.changed == {"city": (source, "Gent"), "follow_up_date": (None, "2026-12-01")}
    company.pull("robaws")
    row = company.rows(
        "select city, follow_up_date::text as follow_up_date from customers_cache where id = %s", customer
    )[0]
    assert (row["city"], row["follow_up_date"]) == ("Gent", "2026-12-01")
    [change] = company.rows("select old_value, new_value, origin from customer_changes where field = 'city'")
    assert (change["old_value"], change["new_value"], change["origin"]) == (source, "Gent", "edit")
    [audit] = company.rows("select who, target from ops.audit_log")
    assert (audit["who"], audit["target"]) == ("test", f"customer {customer}")
    edit_customer(company.context, customer, {}, by="test", release=["city"])
    assert company.value("select city from customers_cache where id = %s", customer) == source


def test_a_stale_edit_is_refused_whole(company: Company) -> None:
    company.pull("robaws")
    customer = robaws_id(company)
    seen_at = company.value("select updated_at from customers_cache where id = %s", customer)
    edit(company, customer, city="Gent")
    with pytest.raises(StaleEditError, match="look again"):
        edit_customer(company.context, customer, {"phone": "1"}, by="late", seen_at=seen_at)
    with pytest.raises(StaleEditError, match="'Gent' now, not 'Brugge'"):
        edit_customer(company.context, customer, {"city": "Luik"}, by="late", seen={"city": "Brugge"})
    assert company.value("select count(*) from ops.field_edits where edited_by = 'late'") == 0


# --- found by a review -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [{}, {"tel": "03 999 12 12"}])
def test_a_lost_creation_is_found_by_name_where_no_key_helps(company: Company, keys: dict[str, str]) -> None:
    blank = dict.fromkeys(("vatIdNumber", "email", "invoiceEmail", "tel", "gsm"))
    company.world.robaws["1003"] |= blank | keys
    company.world.switches.sumit_keeps_external_ids = False
    company.world.switches.sumit_respells = True
    company.pull("robaws")
    company.pull("sumit")
    count = len(company.world.sumit)
    company.fault("sumit", "late", match="customers/create")
    assert [r.outcome for r in do_push(company, [robaws_id(company)]).rows] == ["created"]
    assert len(company.world.sumit) == count + 1


def test_the_same_customer_is_never_created_twice(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    one, other = robaws_id(company), robaws_id(company, "1004")
    golden = company.value("insert into customers (name) values ('x') returning id")
    company.connection.execute("update customer_rows set golden_id = %s where id in (%s, %s)", [golden, one, other])
    count = len(company.world.sumit)
    result = do_push(company, [one, one, other])
    assert [(r.id, r.outcome) for r in result.rows] == [(one, "created"), (other, "failed")]
    assert f"pushed from customer {one}" in str(result.rows[1].reason)
    assert len(company.world.sumit) == count + 1


def during(company: Company, monkeypatch: pytest.MonkeyPatch, method: str, action: Any) -> None:
    """Have something happen while a write is under way."""
    real = getattr(SumitWriter, method)
    done: list[bool] = []

    async def write(self: Any, *args: Any, **how: Any) -> Any:
        if not done:
            done.append(True)
            action()
        return await real(self, *args, **how)

    monkeypatch.setattr(SumitWriter, method, write)


def test_an_origin_that_changes_during_its_creation_is_pushed_by_the_next(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.pull("robaws")
    company.pull("sumit")

    def change() -> None:
        company.world.robaws["1003"] |= {"tel": "03 999 99 99", "updatedAt": "2031-01-01T00:00:00.000Z"}
        company.connection.execute(
            "update customer_rows set phone = '03 999 99 99' where id = %s", [robaws_id(company)]
        )

    during(company, monkeypatch, "create", change)
    do_push(company, [robaws_id(company)])
    assert [r.outcome for r in do_push(company).rows] == ["updated"]
    assert company.world.sumit[max(company.world.sumit)]["Phone"] == "03 999 99 99"


def test_an_edit_taken_back_while_it_is_pushed_is_taken_back_there(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.pull("sumit")
    customer = row_id(company)
    before = company.value("select city from customers_cache where id = %s", customer)
    edit(company, customer, city="Haifa")
    during(company, monkeypatch, "update", lambda: edit(company, customer, city=before or ""))
    do_push(company)
    both(company)
    assert (company.world.sumit[910_005].get("City") or None) == before
    assert company.value("select city from customers_cache where id = %s", customer) == before


def test_a_poisonous_record_breaks_no_look_up(company: Company, dialect: str) -> None:
    company.pull("robaws")
    company.pull("sumit", dialect=dialect)
    row = company.rows("select phone from customers_cache where id = %s", robaws_id(company))[0]
    company.world.sumit[990_001] = {"ID": 990_001, "Phone": row["phone"]}
    company.fault("sumit", "html", match="customers/create" if dialect == "real" else "customers/update")
    assert [r.outcome for r in do_push(company, [robaws_id(company)], dialect=dialect).rows] == ["created"]


def test_one_that_cannot_be_read_blocks_nothing(company: Company) -> None:
    company.pull("sumit")
    for remote in (910_005, 910_006):
        edit(company, row_id(company, remote), city="Haifa")
    company.fault("sumit", "status:2:EntityID: Error converting value", match="getentity")
    assert sorted(r.outcome for r in do_push(company).rows) == ["failed", "updated"]


def test_what_was_named_and_not_reached_is_pushed_by_the_next(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    ids = [robaws_id(company, client) for client in ("1003", "1004", "1005")]
    assert [r.outcome for r in do_push(company, ids, call_budget=1).rows] == ["created", "pending", "pending"]
    assert [r.outcome for r in do_push(company).rows] == ["created", "created"]


def test_one_that_somebody_entered_there_is_completed(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    origin = company.rows("select * from customers_cache where id = %s", robaws_id(company))[0]
    company.world.sumit[990_001] = {
        "ID": 990_001,
        "Name": origin["name"],
        "CompanyNumber": origin["vat_number"],
        "Phone": origin["phone"],
    }
    company.fault("sumit", "html", match="customers/create")
    result = do_push(company, [origin["id"]])
    assert [r.outcome for r in result.rows] == ["created"], result.rows
    assert company.world.sumit[990_001]["City"] == origin["city"]


def test_the_other_dialect_reads_again_before_each_write(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.pull("sumit", dialect="seed")
    for remote in (910_005, 910_006):
        edit(company, row_id(company, remote), city="Haifa")
    during(company, monkeypatch, "update", lambda: company.world.sumit[910_006].update(Address="Elsewhere 1"))
    do_push(company, dialect="seed")
    assert company.world.sumit[910_006]["Address"] == "Elsewhere 1"


def test_a_pushed_customer_keeps_its_country_here(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    origin = robaws_id(company)
    do_push(company, [origin])
    query = "select country, primary_phone from customers_cache where id = %s"
    own = company.value("select row_id from ops.sumit_links where origin_id = %s", origin)
    pushed, held = company.rows(query, own)[0], company.rows(query, origin)[0]
    assert pushed["country"] == held["country"]
    assert pushed["primary_phone"][:3] == held["primary_phone"][:3] == "+32"


def test_a_field_cleared_at_the_origin_is_cleared_there(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    origin = robaws_id(company)
    do_push(company, [origin])
    edit(company, origin, city="")
    assert [r.outcome for r in do_push(company).rows] == ["updated"]
    assert not company.world.sumit[max(company.world.sumit)].get("City")


def test_the_calls_of_a_dry_run_are_counted(company: Company) -> None:
    company.pull("sumit")
    before = company.value("select sum(calls) from sync_runs where source = 'sumit'")
    both(company, dry_run=True)
    assert company.value("select sum(calls) from sync_runs where source = 'sumit'") == before + 2


def test_a_link_that_needs_nothing_any_more_is_not_failed(company: Company) -> None:
    company.pull("sumit")
    customer = row_id(company)
    edit(company, customer, city="Haifa")
    company.fault("sumit", "status:1:no", match="customers/update")
    do_push(company)
    edit_customer(company.context, customer, {}, by="test", release=["city"])
    both(company)
    assert company.value("select count(*) from ops.sumit_links where state = 'failed'") == 0
