"""Golden records: one per real customer, worked out from the cache rows of all systems."""

from dataclasses import asdict

import dagster as dg

from customer_assets.defs.lineage import golden_lineage
from customer_assets.defs.materialization import FRESH, OWNERS, PERSONAL, RETRY, Materialization, Materializing, sourced
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.runtime.runtime import Runtime


class ResolutionConfig(dg.Config):
    """How to resolve."""

    full: bool = False  # everything, instead of what changed


@sourced
@dg.asset(
    group_name="customers",
    kinds={"postgres"},
    owners=OWNERS,
    tags=PERSONAL,
    freshness_policy=FRESH,
    retry_policy=RETRY,
    deps=["customers_cache", "migrated_customers"],
    description="One golden record per real customer across systems, with a stable id and the provenance of each field.",
)
def customers(
    context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime], config: ResolutionConfig
) -> Materialization:
    """Resolve the cache rows of all systems that changed, and whom that concerns."""
    table = Materializing(runtime.url, "customers")
    result = resolve_customers(runtime.context_of_run(context.run.run_id), full=config.full)
    return table.result(
        asdict(result.counts),
        customers=result.customers,
        rows=result.rows,
        rows_compared=result.compared,
        pairs_to_review=result.reviews,
        lineage=golden_lineage(runtime.key_prefix),
    )
