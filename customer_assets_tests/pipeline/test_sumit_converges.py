"""Convergence: any interleaving of edits on both sides, then two quiet syncs, ends in equal sides and nothing left to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from customer_assets.domain.push.three_way_merge import same
from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.push.bidirectional import bidirectional
from customer_assets.pipeline.push.push import push
from customer_assets.sandbox.world import Sizes
from customer_assets_tests.conftest import Company
from customer_assets_tests.pipeline.test_sumit import writes

FIELDS = {"city": "City", "phone": "Phone", "street": "Address"}
VALUES = st.sampled_from(["Haifa", " Eilat", "050-111 2222", "0501112222", "+972501112222", "", "Tel  Aviv"])
REMOTE = st.sampled_from([910_001, 910_002])


@pytest.fixture
def sizes() -> Sizes:
    return Sizes(
        robaws_clients=2,
        zoho_contacts=0,
        zoho_vendors=0,
        zoho_invoices=0,
        sumit_customers=3,
        legacy_invoices=0,
    )


@pytest.fixture
def steps() -> Iterator[list[str]]:
    taken: list[str] = []
    yield taken
    print(f"steps tried: {len(taken)}")  # noqa: T201 (shown with -s; the figure of the closing note)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["newest", "local", "remote"])
@pytest.mark.parametrize("dialect", ["real", "seed"])
def test_both_sides_converge(  # noqa: C901 (the rules of one machine)
    company: Company, policy: str, dialect: str, steps: list[str]
) -> None:
    account = company.account("sumit", dialect=dialect, conflict_policy=policy, call_budget=10_000)
    start = {number: dict(record) for number, record in company.world.sumit.items()}

    def sync() -> Any:
        steps.append("sync")
        return bidirectional(company.context, account)

    class Sides(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            company.connection.execute(
                "truncate customer_rows, ops.raw_scans, ops.raw_pages, ops.raw_details, sync_metadata, ops.audit_log cascade"
            )
            company.world.sumit.clear()
            company.world.sumit.update({number: dict(record) for number, record in start.items()})
            company.world.sumit_quick.clear()
            company.pull("robaws")
            assert sync().success

        @rule(remote=REMOTE, field=st.sampled_from(sorted(FIELDS)), value=VALUES)
        def edit_here(self, remote: int, field: str, value: str) -> None:
            steps.append("edit here")
            edit_customer(company.context, self.row(remote), {field: value}, by="test")

        @rule(remote=REMOTE, field=st.sampled_from(sorted(FIELDS)), value=VALUES.filter(bool))
        def edit_there(self, remote: int, field: str, value: str) -> None:
            steps.append("edit there")
            company.world.sumit[remote][FIELDS[field]] = value

        @rule(respells=st.booleans())
        def respell(self, respells: bool) -> None:
            company.world.switches.sumit_respells = respells

        @rule()
        def sync(self) -> None:
            assert sync().success

        @rule()
        def pull(self) -> None:
            steps.append("pull")
            company.pull("sumit", dialect=dialect, conflict_policy=policy)

        @rule()
        def push(self) -> None:
            steps.append("push")
            assert push(company.context, account, ids=None).success

        def row(self, remote: int) -> int:
            found: int = company.value(
                "select id from customer_rows where source = 'sumit' and source_customer_id in (%s, %s)",
                str(remote),
                f"CRM-{remote}",
            )
            return found

        def teardown(self) -> None:
            company.world.sumit_quick.clear()
            for _ in range(2):
                assert sync().success
            before = writes(company)
            assert sync().push.pushed == 0
            assert writes(company) == before
            for remote in (910_001, 910_002):
                row = company.rows("select * from customers_cache where id = %s", self.row(remote))[0]
                for field, key in FIELDS.items():
                    assert same(field, row[field], company.world.sumit[remote].get(key)), (field, row[field])

    run_state_machine_as_test(
        Sides,
        settings=settings(
            max_examples=15, stateful_step_count=10, suppress_health_check=list(HealthCheck), deadline=None
        ),
    )
