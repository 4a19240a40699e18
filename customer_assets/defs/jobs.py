"""Jobs: what runs together. Which steps there are is decided in `assets`."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from customer_assets.defs.assets.push import SENDING_JOB, SUMIT
from customer_assets.pipeline.prune import prune
from customer_assets.pipeline.webhooks.apply import apply_deliveries
from customer_assets.runtime.dagster_runs import location_of, prune_dagster_runs, prune_runless_events
from customer_assets.runtime.runtime import Runtime
from customer_assets.sources.registry import SYSTEMS

RAW = [stream.asset for system in SYSTEMS.values() for stream in system.streams]
PARTITIONED = ("migrated_customers", "relinked_invoices")
NIGHTLY = (
    *RAW,
    "customers_cache",
    "invoices_cache",
    "legacy_invoices",
    "customers",
    "payment_reminders",
    "nightly_report",
)
PUSH = f"{SUMIT}_push"
RAW_OF_PUSH = [stream.asset for stream in SYSTEMS[SUMIT].streams]
CHECKS_OF_EVERYTHING = (("customers", "agrees_with_full_resolution"), ("customers_cache", "equal_to_raw"))


MEANINGS = {
    "customer_sync": "Pull every system, fill the caches, import old invoices, resolve customers, plan reminders.",
    "customer_sync_without_sumit": "customer_sync where SUMIT has a night of its own (SUMIT_NIGHTLY=on).",
    "invoice_migration": "Customers out of old invoices, and their links, for any range of months. Makes no API call.",
    "customers_again": "Resolve customers and plan reminders once more, after a migration. Makes no API call.",
    "identity_check": "Compare the customers with what a resolution of everything would make of them.",
    "raw_check": "Compare every cell of the cache with what its raw record says. Makes no API call.",
    SENDING_JOB: "Pull from SUMIT; if that saw everything, push what changed here: it WRITES there. With dry_run in the config "
    "of sumit_push it shows the plan alone.",
}


def asset_jobs(key_prefix: Sequence[str] = (), *, include_push: bool = True) -> list[Any]:
    """The jobs of our assets, and of nobody else's.

    Args:
        key_prefix: of the assets.
        include_push: whether there are assets that write to a customer's system.
    """

    def key(name: str) -> dg.AssetKey:
        return dg.AssetKey([*key_prefix, name])

    def assets(*names: str) -> dg.AssetSelection:
        return dg.AssetSelection.assets(*map(key, names))

    def check(asset: str, name: str) -> dg.AssetSelection:
        return dg.AssetSelection.checks(dg.AssetCheckKey(key(asset), name))

    of_everything = check(*CHECKS_OF_EVERYTHING[0]) | check(*CHECKS_OF_EVERYTHING[1])  # too long for every night
    pushed = (PUSH,) if include_push else ()
    selections = {
        "customer_sync": assets(*NIGHTLY, *pushed) - of_everything,
        "customer_sync_without_sumit": assets(*(n for n in NIGHTLY if n not in RAW_OF_PUSH)) - of_everything,
        "invoice_migration": assets(*PARTITIONED),
        "customers_again": assets("customers", "payment_reminders") - of_everything,
        "identity_check": check(*CHECKS_OF_EVERYTHING[0]),
        "raw_check": check(*CHECKS_OF_EVERYTHING[1]),
    }
    if include_push:
        selections[SENDING_JOB] = assets(*RAW_OF_PUSH, "customers_cache", PUSH) - of_everything
    return [
        dg.define_asset_job(name, selection=selection, description=MEANINGS[name])
        for name, selection in selections.items()
    ]


@dg.op(description="Apply the webhook deliveries that wait, in sets, newest wins.")
def apply_waiting_deliveries(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Apply, and report one materialization for the batch."""
    work = runtime.context(trigger="dagster", dagster_run_id=context.run_id)
    result = apply_deliveries(work, runtime.receiving)
    for asset, metadata in result.by_asset().items():
        context.log_event(
            dg.AssetMaterialization(
                [*runtime.key_prefix, asset], description=f"{result.total} webhook deliveries", metadata=metadata
            )
        )


@dg.job(description="Apply webhook deliveries that the web process did not apply.")
def apply_webhooks() -> None:
    """One step."""
    apply_waiting_deliveries()


@dg.op(description="Delete raw pages, settled deliveries and Dagster runs that are past their time.")
def prune_old_data(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Prune, and say how much went."""
    pruned = prune(runtime.context_of_run(context.run_id))
    keep = runtime.configuration.settings.run_keep_days
    old_runs = prune_dagster_runs(
        context.instance,
        keep_days=keep,
        jobs=JOB_NAMES if runtime.is_guest else None,
        location=location_of(context.run),
    )
    events = 0 if runtime.is_guest else prune_runless_events(runtime.dagster_url, keep_days=keep)
    counts = {**vars(pruned), "dagster_runs": old_runs, "dagster_events": events}
    context.log.info("pruned: " + ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in counts.items()))


@dg.job(name="prune", description="Delete what is past its time.")
def prune_job() -> None:
    """One step."""
    prune_old_data()


ASSET_JOBS = asset_jobs()
OP_JOBS = [apply_webhooks, prune_job]
JOB_NAMES = [job.name for job in (*ASSET_JOBS, *OP_JOBS)]
