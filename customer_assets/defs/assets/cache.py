"""The cache: landed pages as rows. Materialized alone, with nothing new landed, it is rebuilt without one API call."""

from typing import Any

import dagster as dg

from customer_assets.defs.lineage import cache_lineage
from customer_assets.defs.materialization import (
    FRESH,
    OWNERS,
    PERSONAL,
    RETRY,
    SCHEDULE,
    Materialization,
    Materializing,
    counts_metadata,
    sourced,
)
from customer_assets.domain.cache.row import Counts
from customer_assets.errors import BusyError
from customer_assets.pipeline.sync.pull import load_account
from customer_assets.runtime.alerts import send_alert
from customer_assets.runtime.runtime import Runtime
from customer_assets.sources.registry import streams_of, with_webhooks
from customer_assets.store import runs
from customer_assets.store.database import connect

DELIVERING = with_webhooks()[0]
webhook_deliveries = dg.AssetSpec(
    "webhook_deliveries",
    group_name=DELIVERING.name,
    kinds={"postgres", DELIVERING.name},
    owners=OWNERS,
    tags=PERSONAL,
    description=f"Verified webhook deliveries of {DELIVERING.label}, stored by the receiver; applied to customers_cache as they land.",
)


def _load_all(
    context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime], entity: str
) -> tuple[Counts, dict[str, Any], list[str]]:
    """Load what has landed of an entity, of every account: (counts, metadata by account, columns never filled)."""
    total = Counts()
    by_account: dict[str, Any] = {}
    never_filled: list[str] = []
    work = runtime.context_of_run(context.run.run_id, is_scheduled=SCHEDULE in context.run.tags)
    # materialized alone it is rebuilt; in a job that pulled something it takes just that
    may_rebuild = not _pulls(context)
    for system, stream in streams_of(entity):
        chosen = _chosen(context, "__".join([*runtime.key_prefix, stream.asset]))
        for account in runtime.working.of(system.name):
            if chosen and account.account not in chosen:
                continue  # another run's
            where = f"{system.name}/{account.account}"
            try:
                result = load_account(work, account, stream, may_rebuild=may_rebuild)
            except BusyError as error:
                context.log.warning(str(error))
                by_account[where] = str(error)
                continue
            counts = result.entities[entity]
            total.add(counts)
            context.log.info(
                f"{where} {entity}: {counts.created:,} created, {counts.updated:,} updated, {counts.unchanged:,} unchanged, "
                f"{counts.deactivated:,} deactivated, {counts.rejected:,} rejected"
            )
            by_account[where] = counts.as_dict() | {"message": result.message}
            never_filled += [f"{system.name}.{column}" for loaded in result.loaded for column in loaded.never_filled]
    return total, by_account, never_filled


def _chosen(context: dg.AssetExecutionContext, raw: str) -> list[str]:
    """The accounts that this run's raw step was limited to; none: all."""
    steps: Any = context.run.run_config.get("ops") or {}
    return list((steps.get(raw) or {}).get("config", {}).get("accounts") or [])


def _pulls(context: dg.AssetExecutionContext) -> bool:
    """Whether raw pages are landed in this run, too."""
    if (
        context.run.job_name in ("customer_sync", "customer_sync_without_sumit", "sumit_bidirectional")
        and context.run.asset_selection is None
    ):
        return True
    return any(key.path[-1].startswith("raw_") for key in context.run.asset_selection or ())


@sourced
@dg.asset(
    group_name="customers",
    kinds={"postgres"},
    owners=OWNERS,
    tags=PERSONAL,
    freshness_policy=FRESH,
    retry_policy=RETRY,
    deps=[*(stream.asset for _, stream in streams_of("customers")), webhook_deliveries],
    description="Customers of all systems, normalized: one row per customer record of a system.",
    check_specs=[
        dg.AssetCheckSpec("counts_add_up", asset="customers_cache", description="Every record is counted once."),
        dg.AssetCheckSpec(
            "columns_filled",
            asset="customers_cache",
            description="No mapped column is blank in every record.",
        ),
    ],
)
def customers_cache(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Materialization:
    """Load what has landed of customers."""
    table = Materializing(runtime.url, "customer_rows")
    counts, by_account, never_filled = _load_all(context, runtime, "customers")
    return table.result(
        counts.as_dict(),
        checks=[_counts_add_up(counts), _columns_filled(never_filled)],
        fetched=counts.fetched,
        by_account=by_account,
        lineage=cache_lineage("customers", runtime.working.accounts, runtime.key_prefix),
    )


@sourced
@dg.asset(
    group_name="invoices",
    kinds={"postgres"},
    owners=OWNERS,
    tags=PERSONAL,
    freshness_policy=FRESH,
    retry_policy=RETRY,
    deps=[*(stream.asset for _, stream in streams_of("invoices")), customers_cache],
    description="Invoices of all systems, linked to their customer's cache row.",
    check_specs=[
        dg.AssetCheckSpec("counts_add_up", asset="invoices_cache", description="Every record is counted once.")
    ],
)
def invoices_cache(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Materialization:
    """Load what has landed of invoices."""
    table = Materializing(runtime.url, "invoice_rows")
    counts, by_account, _ = _load_all(context, runtime, "invoices")
    return table.result(
        counts.as_dict(),
        checks=[_counts_add_up(counts)],
        fetched=counts.fetched,
        by_account=by_account,
        lineage=cache_lineage("invoices", runtime.working.accounts, runtime.key_prefix),
    )


def _counts_add_up(counts: Counts) -> dg.AssetCheckResult:
    sums = counts.created + counts.updated + counts.unchanged
    return dg.AssetCheckResult(
        check_name="counts_add_up",
        passed=counts.synced == sums and min(counts.as_dict().values()) >= 0,
        metadata=counts_metadata(counts.as_dict()),
    )


def _columns_filled(never_filled: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="columns_filled",
        passed=not never_filled,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"never_filled": never_filled},
    )


@dg.multi_asset_check(
    name="sync_outcome",
    specs=[
        dg.AssetCheckSpec(
            "all_systems_synced",
            asset="customers_cache",
            additional_deps=["invoices_cache", "legacy_invoices", "customers", "payment_reminders"],
            description="Every configured system was read to the end in this run; the run is red when one was not.",
        )
    ],
)
def sync_outcome(context: dg.AssetCheckExecutionContext, runtime: dg.ResourceParam[Runtime]):  # type: ignore[no-untyped-def]
    """The last step: everything that could be refreshed is; now say what could not."""
    settings = runtime.configuration.settings
    with connect(runtime.url) as connection:
        failed = runs.failures_of(connection, dagster_run_id=context.run.run_id)
        of_all = runs.accounts_of(connection, dagster_run_id=context.run.run_id)
    is_red = bool(failed) and len(failed) > settings.fail_share * of_all
    yield dg.AssetCheckResult(
        check_name="all_systems_synced",
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if is_red else dg.AssetCheckSeverity.WARN,
        metadata={"failed": failed, "accounts": of_all},
    )
    if not failed:
        return
    reasons = "; ".join(f"{where}: {why}" for where, why in sorted(failed.items()))
    message = f"not synced: {reasons}" if of_all < 2 else f"not synced, {len(failed)} of {of_all}: {reasons}"
    if is_red:  # the failure sensor posts it
        raise dg.Failure(message, metadata={"failed": failed}, allow_retries=False)
    context.log.warning(message)
    try:
        send_alert(
            settings,
            f"{context.run.job_name}: {len(failed)} not synced",
            {"job": context.run.job_name, "run_id": context.run.run_id, "error": message, "systems": failed},
        )
    except OSError as error:
        context.log.warning(f"nobody could be told: {error}")
