"""Jobs: what runs together. Which steps there are is decided in `assets`."""

import dagster as dg

from customer_assets.defs.checks import agrees_with_full_resolution, equal_to_raw
from customer_assets.pipeline.prune import prune
from customer_assets.pipeline.webhooks.apply import apply_deliveries
from customer_assets.runtime.dagster_runs import prune_dagster_runs
from customer_assets.runtime.runtime import Runtime

PARTITIONED = dg.AssetSelection.assets("migrated_customers", "relinked_invoices")
OF_EVERYTHING = dg.AssetSelection.checks(agrees_with_full_resolution, equal_to_raw)  # too long for every night
SUMIT = dg.AssetSelection.assets("raw_sumit_customer_pages", "customers_cache", "sumit_push") - OF_EVERYTHING

customer_sync = dg.define_asset_job(
    "customer_sync",
    selection=dg.AssetSelection.all() - PARTITIONED - OF_EVERYTHING,
    description="Pull every system, fill the caches, import old invoices, resolve customers, plan reminders.",
)
customer_sync_without_sumit = dg.define_asset_job(
    "customer_sync_without_sumit",
    selection=dg.AssetSelection.all()
    - PARTITIONED
    - OF_EVERYTHING
    - dg.AssetSelection.assets("raw_sumit_customer_pages", "sumit_push"),
    description="customer_sync where SUMIT has a night of its own (SUMIT_NIGHTLY=on).",
)
invoice_migration = dg.define_asset_job(
    "invoice_migration",
    selection=PARTITIONED,
    description="Customers out of old invoices, and their links, for any range of months. Makes no API call.",
)
sumit_bidirectional = dg.define_asset_job(
    "sumit_bidirectional",
    selection=SUMIT,
    description="Pull from SUMIT; if that saw everything, push what changed here: it WRITES there. With dry_run in the config "
    "of sumit_push it shows the plan alone.",
)

customers_again = dg.define_asset_job(
    "customers_again",
    selection=dg.AssetSelection.assets("customers", "payment_reminders") - OF_EVERYTHING,
    description="Resolve customers and plan reminders once more, after a migration. Makes no API call.",
)
identity_check = dg.define_asset_job(
    "identity_check",
    selection=dg.AssetSelection.checks(agrees_with_full_resolution),
    description="Compare the customers with what a resolution of everything would make of them.",
)
raw_check = dg.define_asset_job(
    "raw_check",
    selection=dg.AssetSelection.checks(equal_to_raw),
    description="Compare every cell of the cache with what its raw record says. Makes no API call.",
)


@dg.op(description="Apply the webhook deliveries that wait, in sets, newest wins.")
def apply_waiting_deliveries(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Apply, and report one materialization for the batch."""
    work = runtime.context(trigger="dagster", dagster_run_id=context.run_id)
    result = apply_deliveries(work, runtime.receiving)
    for asset, metadata in result.by_asset().items():
        context.log_event(
            dg.AssetMaterialization(asset, description=f"{result.total} webhook deliveries", metadata=metadata)
        )


@dg.job(description="Apply webhook deliveries that the web process did not apply.")
def apply_webhooks() -> None:
    """One step."""
    apply_waiting_deliveries()


@dg.op(description="Delete raw pages, settled deliveries and Dagster runs that are past their time.")
def prune_old_data(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Prune, and say how much went."""
    pruned = prune(runtime.context_of_run(context.run_id))
    old_runs = prune_dagster_runs(context.instance, keep_days=runtime.configuration.settings.run_keep_days)
    context.log.info(f"pruned {pruned.raw_pages} raw pages, {pruned.deliveries} deliveries, {old_runs} runs")


@dg.job(name="prune", description="Delete what is past its time.")
def prune_job() -> None:
    """One step."""
    prune_old_data()


ASSET_JOBS = [
    customer_sync,
    customer_sync_without_sumit,
    invoice_migration,
    sumit_bidirectional,
    customers_again,
    identity_check,
    raw_check,
]
OP_JOBS = [apply_webhooks, prune_job]
