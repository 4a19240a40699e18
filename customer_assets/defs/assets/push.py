"""Pushing to SUMIT what changed here, after a pull that saw everything."""

import dagster as dg
from pydantic import Field

from customer_assets.defs.materialization import FRESH, OWNERS, Materialization, Materializing, sourced
from customer_assets.errors import BusyError
from customer_assets.pipeline.push.push import push
from customer_assets.pipeline.push.run import PushResult
from customer_assets.runtime.runtime import Runtime
from customer_assets.store import runs
from customer_assets.store.database import connect

SUMIT = "sumit"  # the asset is named after it
SENDING_JOB = "sumit_bidirectional"


class PushConfig(dg.Config):
    """What a push is asked to do: by itself it plans, and nothing is written at SUMIT."""

    send: bool = Field(False, description="Send what is planned. The job sumit_bidirectional does so by itself.")
    dry_run: bool = Field(False, description="Show the plan alone, in sumit_bidirectional too.")


@sourced
@dg.asset(
    group_name="customers",
    kinds={SUMIT},
    owners=OWNERS,
    freshness_policy=FRESH,
    deps=["customers_cache"],
    description="Customers that changed here, and what SUMIT is to get of them. Materializing it PLANS and writes nothing "
    "there; it SENDS in the job sumit_bidirectional alone, or with send: true in its config.",
    check_specs=[
        dg.AssetCheckSpec("nothing_failed", asset="sumit_push", description="SUMIT took every row that was pushed.")
    ],
)
def sumit_push(
    context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime], config: PushConfig
) -> Materialization:
    """Push all that changed, account by account; none where this run's pull failed."""
    table = Materializing(runtime.url, "ops.sumit_links")
    dry_run = config.dry_run or not (config.send or context.run.job_name == SENDING_JOB)
    run_id = context.run.run_id
    with connect(runtime.url) as connection:
        failed = runs.failures_of(connection, dagster_run_id=run_id)
        incomplete = runs.incomplete_accounts(connection, dagster_run_id=run_id, source=SUMIT)
    work = runtime.context_of_run(run_id)
    results: list[PushResult] = []
    messages: dict[str, str] = {}
    for account in runtime.working.of(SUMIT):
        if f"{SUMIT}/{account.account}" in failed or account.account in incomplete:
            messages[account.account] = "Pull failed: nothing was pushed"
            continue
        try:
            with connect(runtime.url) as connection:
                spent = runs.calls_of(connection, dagster_run_id=run_id, account=account.account, source=SUMIT)
            results.append(push(work, account, ids=None, dry_run=dry_run, calls_spent=spent))
            messages[account.account] = results[-1].message
        except BusyError as error:
            messages[account.account] = str(error)
    counts: dict[str, int] = {}
    for result in results:
        for name, value in result.as_dict().items():
            if isinstance(value, int):
                counts[name] = counts.get(name, 0) + value
    plan = {
        f"customer {plan.row_id}": f"{plan.action} {', '.join(f.field for f in plan.fields)}"
        for result in results
        for plan in result.planned
    }
    check = dg.AssetCheckResult(
        check_name="nothing_failed",
        passed=len(results) == len(messages) and all(r.success or r.is_dry for r in results),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"messages": messages},
    )
    context.log.info(
        f"{SUMIT}: {len(plan)} customers planned, nothing was sent"
        if dry_run
        else f"{SUMIT}: {counts.get('pushed', 0)} of {len(plan)} customers sent"
    )
    return table.result(
        {**counts, "planned": len(plan)},
        checks=[check],
        did="planned; nothing was sent" if dry_run else "sent",
        dry_run=dry_run,
        plan=plan,
        messages=messages,
    )
