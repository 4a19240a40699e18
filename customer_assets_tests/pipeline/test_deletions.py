"""Absence from a complete scan: confirmed by id, or by a second scan; never too many at once; revived when back."""

from __future__ import annotations

import pytest

from customer_assets.pipeline.sync.run import PullOptions
from customer_assets_tests.conftest import Company

FULL = PullOptions(full=True)
MASS = PullOptions(full=True, allow_mass_delete=True)


def remove(company: Company, count: int) -> None:
    for client_id in list(company.world.robaws)[:count]:
        del company.world.robaws[client_id]


def deleted(company: Company) -> int:
    found: int = company.value("select count(*) from customers_cache where deleted_at is not null and not is_active")
    return found


def test_a_missing_row_is_asked_for_by_id_and_marked(company: Company) -> None:
    company.pull("robaws")
    remove(company, 5)
    calls = company.world.calls["robaws"]
    result = company.pull("robaws")
    assert (result.status, result.counts.deactivated, deleted(company)) == ("ok", 5, 5)
    assert company.world.calls["robaws"] - calls == 3 + 5
    assert company.value("select count(*) from customer_changes where field = 'deleted_at'") == 5
    assert company.value("select count(*) from customers_cache") == 250


@pytest.mark.slow
def test_a_row_that_answers_by_id_is_not_deleted_however_often_lists_miss_it(company: Company) -> None:
    company.pull("zoho")
    hidden = next(iter(company.world.zoho_hidden))
    for _ in range(3):
        company.pull("zoho", options=FULL)
    assert company.value("select deleted_at from customers_cache where source_customer_id = %s", hidden) is None


def test_those_beyond_the_confirmations_wait_for_a_second_scan(company: Company) -> None:
    company.settings = company.settings.model_copy(update={"delete_confirmations": 2})
    company.pull("robaws")
    remove(company, 6)
    first = company.pull("robaws")
    assert (first.counts.deactivated, deleted(company)) == (2, 2)
    assert "4 missing rows wait" in first.message
    second = company.pull("robaws")
    assert deleted(company) == 6
    assert second.status == "ok"


def test_more_than_the_share_is_refused_until_it_is_confirmed(company: Company) -> None:
    company.pull("robaws")
    remove(company, 30)
    for _ in range(3):
        refused = company.pull("robaws")
        assert deleted(company) == 0
    assert refused.status == "partial"
    assert "--allow-mass-delete" in refused.message
    confirmed = company.pull("robaws", options=MASS)
    assert (confirmed.counts.deactivated, deleted(company)) == (30, 30)


@pytest.mark.slow
def test_an_empty_answer_deletes_nothing(company: Company) -> None:
    for system in ("robaws", "zoho", "sumit"):
        company.pull(system)  # type: ignore[arg-type]
    rows = company.value("select count(*) from customers_cache")
    company.world.robaws, company.world.zoho_contacts, company.world.sumit = {}, {}, {}
    for system in ("robaws", "zoho", "sumit"):
        for _ in range(2):
            result = company.pull(system, options=FULL)  # type: ignore[arg-type]
            assert result.status == "partial", system
    assert company.value("select count(*) from customers_cache where deleted_at is null") == rows


def test_a_row_that_comes_back_is_revived_with_its_id(company: Company) -> None:
    company.pull("robaws")
    kept = dict(company.world.robaws)
    was = company.rows("select id, is_active from customers_cache where source_customer_id = '1000'")
    del company.world.robaws["1000"]
    company.pull("robaws")
    assert deleted(company) == 1
    company.world.robaws = kept
    company.pull("robaws")
    assert company.rows("select id, is_active from customers_cache where source_customer_id = '1000'") == was
    assert deleted(company) == 0


def test_a_rebuild_does_not_revive_what_is_gone(company: Company) -> None:
    company.pull("robaws")
    remove(company, 3)
    company.pull("robaws")
    company.pull("robaws", from_raw=True)
    assert deleted(company) == 3


@pytest.mark.slow
def test_an_invoice_that_is_gone_is_asked_for_by_id_and_marked(company: Company) -> None:
    company.pull("zoho")
    gone, slipped = list(company.world.zoho_invoices)[:2]
    del company.world.zoho_invoices[gone]
    company.world.zoho_hidden[slipped] = company.world.zoho_invoices.pop(slipped) | {"status": "void"}
    for _ in range(3):
        company.pull("zoho", options=FULL)
    marked = "select source_invoice_id from invoices_cache where deleted_at is not null"
    assert company.rows(marked) == [{"source_invoice_id": gone}]
    status = "select status from invoices_cache where source_invoice_id = %s"
    assert company.value(status, slipped) == "void"  # the answer by id is no less than a list's
    company.pull("zoho", from_raw=True)
    assert company.rows(marked) == [{"source_invoice_id": gone}]
    assert company.value(status, slipped) == "void"


@pytest.mark.parametrize(("clients", "gone", "marked"), [(25, 3, 0), (25, 2, 2), (4, 1, 1), (4, 2, 0)])
def test_the_share_is_no_more_than_it_says_but_one_row_may_always_go(
    company: Company, clients: int, gone: int, marked: int
) -> None:
    company.world.robaws = dict(list(company.world.robaws.items())[:clients])
    company.pull("robaws")
    remove(company, gone)
    result = company.pull("robaws")
    assert deleted(company) == marked
    assert (result.status == "ok") is bool(marked)
