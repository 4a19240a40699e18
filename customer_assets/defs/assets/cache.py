"""The cache: landed pages as rows. Materialized alone, with nothing new landed, it is rebuilt without one API call."""

from dataclasses import dataclass, field
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


@dataclass
class Loaded:
    """What loading an entity of every account gave.

    Attributes:
        counts: of all.
        by_account: metadata of each.
        never_filled: mapped columns, with their system, that were blank in every record.
        miscounted: accounts whose counts are not those of the records on their pages.
    """

    counts: Counts = field(default_factory=Counts)
    by_account: dict[str, Any] = field(default_factory=dict)
    never_filled: list[str] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)

    def checks(self) -> list[dg.AssetCheckResult]:
        """That every record was counted once, and that columns were filled."""
        added_up = dg.AssetCheckResult(
            check_name="counts_add_up",
            passed=not self.miscounted,
            metadata={**counts_metadata(self.counts.as_dict()), "miscounted": self.miscounted},
        )
        filled = dg.AssetCheckResult(
            check_name="columns_filled",
            passed=not self.never_filled,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"never_filled": self.never_filled},
        )
        return [added_up, filled]


def _load_all(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime], entity: str) -> Loaded:
    """Load what has landed of an entity, of every account."""
    loaded = Loaded()
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
                loaded.by_account[where] = str(error)
                continue
            counts = result.entities[entity]
            loaded.counts.add(counts)
            context.log.info(
                f"{where} {entity}: {counts.created:,} created, {counts.updated:,} updated, {counts.unchanged:,} unchanged, "
                f"{counts.deactivated:,} deactivated, {counts.rejected:,} rejected"
            )
            loaded.by_account[where] = counts.as_dict() | {"message": result.message}
            loaded.never_filled += [f"{system.name}.{column}" for one in result.loaded for column in one.never_filled]
            if any(one.miscounted for one in result.loaded):
                loaded.miscounted.append(where)
    return loaded


def _check_specs(asset: str) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            "counts_add_up", asset=asset, description="Each record on the pages is in one of the counts, once."
        ),
        dg.AssetCheckSpec("columns_filled", asset=asset, description="No mapped column is blank in every record."),
    ]


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
    check_specs=_check_specs("customers_cache"),
)
def customers_cache(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Materialization:
    """Load what has landed of customers."""
    table = Materializing(runtime.url, "customer_rows")
    loaded = _load_all(context, runtime, "customers")
    return table.result(
        loaded.counts.as_dict(),
        checks=loaded.checks(),
        fetched=loaded.counts.fetched,
        by_account=loaded.by_account,
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
    check_specs=_check_specs("invoices_cache"),
)
def invoices_cache(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Materialization:
    """Load what has landed of invoices."""
    table = Materializing(runtime.url, "invoice_rows")
    loaded = _load_all(context, runtime, "invoices")
    return table.result(
        loaded.counts.as_dict(),
        checks=loaded.checks(),
        fetched=loaded.counts.fetched,
        by_account=loaded.by_account,
        lineage=cache_lineage("invoices", runtime.working.accounts, runtime.key_prefix),
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
