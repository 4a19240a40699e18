"""Pushing to SUMIT what changed here, after a pull that saw everything."""

import time

import dagster as dg

from customer_assets.defs.materialization import FRESH, OWNERS, counts_metadata, table_metadata
from customer_assets.defs.resources import StackResource
from customer_assets.errors import BusyError
from customer_assets.pipeline.push.push import PushResult, push
from customer_assets.pipeline.sync.pull import failed_systems
from customer_assets.store import runs
from customer_assets.store.database import connect

PLANNING_JOB = "customer_sync"  # it pulls; what would be pushed is shown, and sumit_bidirectional sends it


class PushConfig(dg.Config):
    """What a push is asked to do."""

    dry_run: bool = False


@dg.asset(
    group_name="sumit",
    kinds={"sumit"},
    owners=OWNERS,
    freshness_policy=FRESH,
    deps=["customers_cache"],
    description="Customers that changed here, sent to SUMIT. In customer_sync it only shows the plan; sumit_bidirectional "
    "and materializing it alone send it.",
    check_specs=[
        dg.AssetCheckSpec(
            "nothing_failed", asset="sumit_push", description="SUMIT took every row that was pushed."
        )
    ],
)
def sumit_push(
    context: dg.AssetExecutionContext, stack: StackResource, config: PushConfig
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Push all that changed, account by account; none where this run's pull failed."""
    started = time.monotonic()
    dry_run = config.dry_run or context.run.job_name == PLANNING_JOB
    run_id = context.run.run_id
    failed = failed_systems(stack.stack.url, run_id)
    with connect(stack.stack.url) as connection:
        incomplete = runs.incomplete_accounts(connection, dagster_run_id=run_id, source="sumit")
    work = stack.context_for(context.run.run_id)
    results: list[PushResult] = []
    messages: dict[str, str] = {}
    for account in stack.accounts("sumit"):
        if f"sumit/{account.account}" in failed or account.account in incomplete:
            messages[account.account] = "Pull failed: nothing was pushed"
            continue
        try:
            with connect(stack.stack.url) as connection:
                spent = runs.calls_of(
                    connection, dagster_run_id=run_id, account=account.account, source="sumit"
                )
            results.append(push(work, account, ids=None, dry_run=dry_run, calls_spent=spent))
            messages[account.account] = results[-1].message
        except BusyError as error:
            messages[account.account] = str(error)
    counts: dict[str, int] = {}
    for result in results:
        for name, value in result.as_dict().items():
            if isinstance(value, int):
                counts[name] = counts.get(name, 0) + value
    return dg.MaterializeResult(
        metadata={
            **table_metadata(stack.stack.url, "ops.sumit_links"),
            **counts_metadata(counts),
            "dry_run": dry_run,
            "planned": sum(len(result.planned) for result in results),
            "plan": {
                f"customer {plan.row_id}": f"{plan.action} {', '.join(f.field for f in plan.fields)}"
                for result in results
                for plan in result.planned
            },
            "messages": messages,
            "seconds": round(time.monotonic() - started, 3),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="nothing_failed",
                passed=len(results) == len(messages) and all(r.success or r.is_dry for r in results),
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"messages": messages},
            )
        ],
    )
