"""Old invoices: imported, their customers migrated, and relinked; the last two by month, without any API call."""

import dagster as dg

from customer_assets.defs.materialization import (
    FRESH,
    OWNERS,
    PERSONAL,
    RETRY,
    Materialization,
    Materializing,
    permanent_errors_are_final,
    sourced,
)
from customer_assets.defs.partitions import MONTHS, invoice_months
from customer_assets.pipeline.invoices.import_invoices import ImportResult, import_if_changed
from customer_assets.pipeline.invoices.migrate import known_months, migrate_customers, relink_invoices
from customer_assets.pipeline.invoices.timeline import months_of
from customer_assets.runtime.runtime import Runtime
from customer_assets.store.database import Connection, connect


class MigrationConfig(dg.Config):
    """Dry run: everything is worked out and reported, nothing is written."""

    dry_run: bool = False


@sourced
@dg.asset(
    group_name="customers",
    kinds={"postgres", "csv"},
    owners=OWNERS,
    tags=PERSONAL,
    freshness_policy=FRESH,
    retry_policy=RETRY,
    description="Old invoices that carry customer fields, imported from LEGACY_INVOICES.",
)
def legacy_invoices(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Materialization:
    """Import the configured file or table."""
    table = Materializing(runtime.url, "legacy_invoices")
    work = runtime.context_of_run(context.run.run_id)
    location = work.settings.legacy_invoices
    with permanent_errors_are_final():
        result = (
            import_if_changed(
                work,
                location,
                table=work.settings.legacy_invoices_table,
                account=work.settings.legacy_invoices_account,
            )
            if location
            else ImportResult()
        )
    with connect(work.url) as connection:
        months = known_months(connection)
    counts = {
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "duplicate": result.duplicate,
        "rejected": result.rejected,
        "months": len(months),
    }
    message = "imported" if location else "LEGACY_INVOICES is not set; `import-invoices` fills this table"
    return table.result(counts, message=message)


@sourced
@dg.asset(
    group_name="customers",
    kinds={"postgres"},
    owners=OWNERS,
    tags=PERSONAL,
    retry_policy=RETRY,
    deps=[legacy_invoices, "customers_cache"],
    partitions_def=invoice_months,
    backfill_policy=dg.BackfillPolicy.single_run(),
    description="Customers that only old invoices know, deduplicated; resolution always looks at all months.",
)
def migrated_customers(
    context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime], config: MigrationConfig
) -> Materialization:
    """Write the invoice-born customers of the chosen months."""
    table = Materializing(runtime.url, "customer_rows")
    work = runtime.context_of_run(context.run.run_id)
    with connect(work.url) as connection, connection.transaction(force_rollback=config.dry_run):
        result = migrate_customers(work, connection, _months(context, connection))
    counts = {
        **result.customers.as_dict(),
        "invoices": result.invoices,
        "months": len(context.partition_keys),
    }
    return table.result(counts, dry_run=config.dry_run)


@sourced
@dg.asset(
    group_name="invoices",
    kinds={"postgres"},
    owners=OWNERS,
    tags=PERSONAL,
    retry_policy=RETRY,
    deps=[migrated_customers, "invoices_cache"],
    partitions_def=invoice_months,
    backfill_policy=dg.BackfillPolicy.single_run(),
    description="The link of every old invoice to its customer, with the rule that made it, or the reason why there is none.",
    check_specs=[
        dg.AssetCheckSpec(
            "all_accounted_for", asset="relinked_invoices", description="Linked plus unlinked is all of them."
        )
    ],
)
def relinked_invoices(
    context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime], config: MigrationConfig
) -> Materialization:
    """Write the links of the chosen months."""
    table = Materializing(runtime.url, "legacy_invoices")
    work = runtime.context_of_run(context.run.run_id)
    with connect(work.url) as connection, connection.transaction(force_rollback=config.dry_run):
        result = relink_invoices(work, connection, _months(context, connection))
    linked, unlinked = sum(result.linked.values()), sum(result.unlinked.values())
    counts = {
        "invoices": result.invoices,
        "linked": linked,
        "unlinked": unlinked,
        "links_changed": result.links_changed,
        "months": len(context.partition_keys),
    }
    all_there = dg.AssetCheckResult(check_name="all_accounted_for", passed=linked + unlinked == result.invoices)
    return table.result(
        counts, checks=[all_there], by_rule=result.linked, by_reason=result.unlinked, dry_run=config.dry_run
    )


def _months(context: dg.AssetExecutionContext, connection: Connection) -> list[str]:
    return months_of(context.partition_keys, known_months(connection), MONTHS)
