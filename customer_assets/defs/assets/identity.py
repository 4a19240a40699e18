"""What is worked out from the caches: golden records and reminders."""

import time
from dataclasses import asdict

import dagster as dg

from customer_assets.defs.materialization import FRESH, OWNERS, RETRY, counts_metadata, table_metadata
from customer_assets.defs.resources import StackResource
from customer_assets.pipeline.identity.resolve import resolve_customers


class ResolutionConfig(dg.Config):
    """How to resolve."""

    full: bool = False  # everything, instead of what changed


@dg.asset(
    group_name="customers",
    kinds={"postgres"},
    owners=OWNERS,
    freshness_policy=FRESH,
    retry_policy=RETRY,
    deps=["customers_cache", "migrated_customers"],
    description="One golden record per real customer across systems, with a stable id and the provenance of each field.",
)
def customers(
    context: dg.AssetExecutionContext, stack: StackResource, config: ResolutionConfig
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Resolve the cache rows of all systems that changed, and whom that concerns."""
    started = time.monotonic()
    result = resolve_customers(stack.context_for(context.run.run_id), full=config.full)
    return dg.MaterializeResult(
        metadata={
            **table_metadata(stack.stack.url, "customers"),
            **counts_metadata(asdict(result.counts)),
            "customers": result.customers,
            "rows": result.rows,
            "rows_compared": result.compared,
            "pairs_to_review": result.reviews,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
