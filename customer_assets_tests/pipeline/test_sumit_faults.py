"""SUMIT both ways where something went wrong: an origin that is gone, a call that was lost, a text that only looks alike."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from customer_assets.pipeline.erase import erase
from customer_assets.pipeline.push.conflicts import resolve_conflict
from customer_assets.pipeline.push.run import PushRun
from customer_assets.sandbox import sumit as emulator
from customer_assets.sandbox.world import Sizes
from customer_assets.store.push import conflicts, links
from customer_assets_tests.conftest import Company
from customer_assets_tests.pipeline import test_sumit
from customer_assets_tests.pipeline.test_sumit import both, do_push, edit, robaws_id, row_id

pytestmark = pytest.mark.slow
OWN = 910_005


@pytest.fixture
def sizes() -> Sizes:
    found: Sizes = test_sumit.sizes.__wrapped__()  # type: ignore[attr-defined]
    return found


def robaws(company: Company, day: int, **changes: Any) -> None:
    """A change at the origin."""
    company.world.robaws["1003"] |= changes | {"updatedAt": f"2026-07-0{day}T00:00:00.000Z"}
    company.pull("robaws")


def linked(company: Company) -> int:
    """Robaws 1003 pushed to SUMIT."""
    robaws(company, 1)
    company.pull("sumit")
    origin = robaws_id(company)
    assert do_push(company, [origin]).pushed == 1
    return origin


def newest(company: Company) -> dict[str, Any]:
    found: dict[str, Any] = company.world.sumit[max(company.world.sumit)]
    return found


def decide(company: Company, use: Any) -> None:
    (conflict,) = conflicts.list_conflicts(company.connection)
    resolve_conflict(company.context, conflict["id"], use=use, by="t", find_account=company.account)


@pytest.mark.parametrize(("system", "source_id"), [("robaws", "1003"), ("sumit", None)])
def test_what_was_decided_about_somebody_is_erased_with_them(
    company: Company, system: str, source_id: str | None
) -> None:
    linked(company)
    newest(company)["City"] = "Zebedeeville"
    assert both(company, conflict_policy="review").push is not None
    decide(company, "remote")
    assert company.value("select count(*) from ops.audit_log where details::text ~ 'Zebedee'") == 1
    erase(company.context, company.account(system), source_id or str(max(company.world.sumit)), by="x")
    assert company.value("select count(*) from ops.audit_log where details::text ~ 'Zebedee'") == 0


def test_an_erased_origin_leaves_an_ordinary_customer(company: Company) -> None:
    linked(company)
    erase(company.context, company.account("robaws"), "1003", by="x")
    newest(company)["City"] = "Haifa"
    assert both(company).success
    assert conflicts.list_conflicts(company.connection) == []
    edit(company, row_id(company, max(company.world.sumit)), city="Eilat")
    assert both(company).push.pushed == 1
    assert newest(company)["City"] == "Eilat"


def test_a_deleted_origin_has_nothing_to_say_any_more(company: Company) -> None:
    linked(company)
    del company.world.robaws["1003"]
    company.pull("robaws")
    newest(company)["Phone"] = "050-1234567"
    for policy in ("local", "newest"):
        both(company, conflict_policy=policy)
        assert newest(company)["Phone"] == "050-1234567"
    assert conflicts.list_conflicts(company.connection) == []


def test_who_was_erased_is_not_created_again(company: Company) -> None:
    origin = linked(company)
    erase(company.context, company.account("sumit"), str(max(company.world.sumit)), by="x")
    pushed = do_push(company, [origin])
    assert pushed.rows[0].outcome == "failed"
    assert "was erased here" in str(pushed.rows[0].reason)
    calls = company.world.calls["sumit"]
    do_push(company)  # every night
    assert company.world.calls["sumit"] == calls


def test_a_push_that_breaks_off_is_recorded_as_failed(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    robaws(company, 1)
    monkeypatch.setattr(PushRun, "sent", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        do_push(company, [robaws_id(company)])
    last = "select kind, status from sync_runs order by id desc limit 1"
    assert company.rows(last) == [{"kind": "push", "status": "failed"}]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("03-555 1234 / 050-123 4567", "03-555 1234 / 050-765 4321"),
        ("03-5551234 ext 5", "03-5551234 ext 7"),
        ("050-1234567 (Moshe)", "050-1234567 (Dana)"),
    ],
)
def test_what_stands_beside_a_number_counts(company: Company, before: str, after: str) -> None:
    company.world.sumit[OWN]["Phone"] = before
    company.pull("sumit")
    edit(company, row_id(company), phone=after)
    both(company)
    assert company.world.sumit[OWN]["Phone"] == after


def test_a_second_number_at_the_origin_counts(company: Company) -> None:
    company.world.robaws["1003"]["tel"] = "03 555 01 02 / 0475 12 34 56"
    linked(company)
    robaws(company, 5, tel="03 555 01 02 / 0475 99 99 99")
    both(company)
    assert newest(company)["Phone"].endswith("99 99 99")


def test_a_corrected_spelling_is_sent(company: Company) -> None:
    company.world.sumit[OWN] |= {"Phone": "0501234567", "EmailAddress": "INFO@x.example"}
    company.pull("sumit")
    edit(company, row_id(company), phone="+972 50-123-4567", general_email="info@x.example")
    assert both(company).push.pushed == 1
    assert company.world.sumit[OWN]["EmailAddress"] == "info@x.example"
    assert both(company).push.pushed == 0


@pytest.mark.parametrize("policy", ["newest", "local"])
def test_a_value_that_the_origin_cleared_wins_where_local_does(company: Company, policy: str) -> None:
    linked(company)
    newest(company)["Phone"] = "050-1234567"
    robaws(company, 5, tel=None, gsm=None)
    both(company, conflict_policy=policy)
    if policy == "newest":
        decide(company, "local")
        both(company)
    assert not newest(company).get("Phone")
    assert both(company, conflict_policy=policy).push.pushed == 0


def test_a_lost_creation_is_looked_up_as_it_was_sent(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.world.switches.sumit_keeps_external_ids = False
    robaws(company, 1)
    company.pull("sumit")
    count = len(company.world.sumit)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PushRun, "store", killed)
        with pytest.raises(KeyboardInterrupt):
            do_push(company, [robaws_id(company)])
    assert len(company.world.sumit) == count + 1
    robaws(company, 5, name="Quite Another Name BV")
    both(company)
    assert len(company.world.sumit) == count + 1


def test_a_namesake_who_was_there_before_is_not_what_was_created(company: Company) -> None:
    nothing = dict.fromkeys(("tel", "gsm", "email", "invoiceEmail", "vatIdNumber"))
    company.world.robaws["1003"] |= {"name": "Jan Peeters", **nothing}
    company.world.robaws["1003"].pop("contacts", None)
    company.world.sumit[OWN] |= {"Name": "Jan Peeters", "Phone": "050-1234567", "EmailAddress": "jan@other.example"}
    company.world.sumit[OWN] |= dict.fromkeys(("Address", "City", "ZipCode"))
    robaws(company, 1)
    company.pull("sumit")
    before, count = dict(company.world.sumit[OWN]), len(company.world.sumit)
    company.fault("sumit", "html", match="customers/create")  # it never arrived
    do_push(company, [robaws_id(company)])
    assert company.world.sumit[OWN] == before
    assert len(company.world.sumit) == count + 1


@pytest.mark.parametrize("mode", ["full", "partial"])
def test_what_was_cleared_there_is_not_sent_back_with_something_else(company: Company, mode: str) -> None:
    company.world.sumit[OWN] |= {"Phone": "050-1234567", "City": "Haifa"}
    company.pull("sumit")
    company.world.sumit[OWN].pop("Phone")
    edit(company, row_id(company), city="Eilat")
    both(company, update_mode=mode)
    assert company.world.sumit[OWN]["City"] == "Eilat"
    assert not company.world.sumit[OWN].get("Phone")


def test_what_is_taken_for_granted_here_is_not_sent(company: Company) -> None:
    company.world.sumit[OWN] |= {"Country": None, "City": "Haifa"}
    company.pull("sumit", dialect="seed")
    edit(company, row_id(company), city="Eilat")
    both(company, dialect="seed")
    assert company.world.sumit[OWN]["City"] == "Eilat"
    assert company.world.sumit[OWN].get("Country") is None


def test_a_customer_that_cannot_be_read_does_not_hold_up_the_others(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.pull("sumit")
    for remote in (910_003, OWN, 910_006):
        edit(company, row_id(company, remote), city="Eilat")
    answered = emulator._Sumit._answer

    def answer(self: Any, data: Any, **how: Any) -> Any:
        found = data.get("Entity") if isinstance(data, dict) else None
        is_bad = isinstance(found, dict) and found.get("ID") == 910_003
        return answered(self, data, **(how | {"status": "missing"} if is_bad else how))

    monkeypatch.setattr(emulator._Sumit, "_answer", answer)
    done = both(company, retry_seconds=0.2)
    assert {row.outcome for row in done.push.rows} == {"updated", "failed"}
    assert [company.world.sumit[remote]["City"] for remote in (OWN, 910_006)] == ["Eilat", "Eilat"]


def test_three_that_cannot_be_read_are_the_systems_trouble(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.pull("sumit")
    for remote in range(910_003, 910_009):
        edit(company, row_id(company, remote), city="Eilat")
    company.fault("sumit", "html", match="getentity", times=999)
    done = do_push(company, retry_seconds=0)
    assert sorted(row.outcome for row in done.rows) == ["failed"] * 3 + ["pending"] * 3
    assert done.error is not None


def test_an_adopted_customer_keeps_its_spelling(company: Company) -> None:
    company.pull("robaws")
    company.pull("sumit")
    origin, own = robaws_id(company), row_id(company)
    golden = company.value("insert into customers (name) values ('x') returning id")
    company.do("update customer_rows set golden_id = %s where id in (%s, %s)", golden, origin, own)
    address = {"addressLine1": "Kaai 1/12", "city": "Gent", "postalCode": "9000", "country": "BE"}
    robaws(
        company, 2, name="Orly BV", tel="03-555 01 02", email="a@orly.be", vatIdNumber="BE0403170701", address=address
    )
    company.world.sumit[OWN] |= {
        "Name": "ORLY B.V.",
        "Phone": "+3235550102",
        "EmailAddress": "A@orly.be",
        "CompanyNumber": "0403170701",
        "Address": "KAAI 1 / 12",
        "City": "GENT",
        "ZipCode": "9000",
    }
    company.pull("sumit")
    before = dict(company.world.sumit[OWN])
    assert do_push(company, [origin]).success
    both(company)
    assert company.world.sumit[OWN] == before
    robaws(company, 3, address=address | {"city": "Brugge"})  # a change is one all the same
    both(company)
    assert company.world.sumit[OWN]["City"] == "Brugge"


def test_a_change_at_the_origin_after_an_edit_is_not_swallowed(company: Company) -> None:
    linked(company)
    edit(company, row_id(company, max(company.world.sumit)), city="Edited")
    address = dict(company.world.robaws["1003"].get("address") or {})
    robaws(company, 5, address=address | {"city": "Moved"})
    for _ in range(2):
        both(company)
    assert newest(company)["City"] == "Moved"


@pytest.mark.parametrize("policy", ["local", "newest"])
def test_what_sumit_cuts_off_is_not_sent_for_ever(
    company: Company, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    written = company.world.write_sumit
    monkeypatch.setattr(
        company.world, "write_sumit", lambda record: written({**record, "Address": (record.get("Address") or "")[:20]})
    )
    street = "A very long street name that is longer than twenty 1"
    company.world.robaws["1003"]["address"] = {"addressLine1": street, "city": "Gent", "country": "BE"}
    linked(company)
    pushed = [both(company, conflict_policy=policy).push.pushed for _ in range(3)]
    assert pushed == [0, 0, 0]
    assert conflicts.list_conflicts(company.connection) == []


def test_an_edit_back_to_what_was_agreed_is_an_edit(company: Company) -> None:
    company.world.sumit[OWN]["City"] = "A-town"
    company.pull("sumit")
    edit(company, row_id(company), city="B-town")
    company.world.sumit[OWN]["City"] = "X-town"
    both(company, conflict_policy="review")
    edit(company, row_id(company), city="A-town")
    both(company, conflict_policy="review")
    (conflict,) = conflicts.list_conflicts(company.connection)
    assert (conflict["local_value"], conflict["remote_value"]) == ("A-town", "X-town")
    decide(company, "local")
    both(company, conflict_policy="review")
    assert company.world.sumit[OWN]["City"] == "A-town"


def test_a_decision_while_a_sync_compares_is_kept(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.world.sumit[OWN] |= {"City": "A", "Address": "s1"}
    company.pull("sumit")
    edit(company, row_id(company), city="B")
    company.world.sumit[OWN]["City"] = "X"
    both(company, conflict_policy="review")
    company.world.sumit[OWN]["Address"] = "s2"
    loaded, decided = links.load_links, []

    def load_links(*given: Any, **how: Any) -> Any:
        found = loaded(*given, **how)
        if not decided and how.get("row_ids") is None:
            decided.append(True)
            person = threading.Thread(target=decide, args=(company, "local"))
            person.start()
            person.join()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(links, "load_links", load_links)
        company.pull("sumit", conflict_policy="review")
    assert decided
    both(company, conflict_policy="review")
    assert company.world.sumit[OWN] | {"City": "B", "Address": "s2"} == company.world.sumit[OWN]
