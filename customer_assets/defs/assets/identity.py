"""Golden records: one per real customer, worked out from the cache rows of all systems."""

from dataclasses import asdict

import dagster as dg

from customer_assets.defs.lineage import golden_lineage
from customer_assets.defs.materialization import FRESH, OWNERS, PERSONAL, RETRY, Materialization, Materializing, sourced
from customer_assets.pipeline.identity.resolve import Resolved, resolve_customers
from customer_assets.runtime.runtime import Runtime
from customer_assets.runtime.spark import asked, resolved_of, submitted


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
    result = _resolved(context, runtime, full=config.full)
    return table.result(
        asdict(result.counts),
        customers=result.customers,
        rows=result.rows,
        rows_compared=result.compared,
        pairs_to_review=result.reviews,
        lineage=golden_lineage(runtime.key_prefix),
    )


def _resolved(context: dg.AssetExecutionContext, runtime: Runtime, *, full: bool) -> Resolved:
    """Resolve in this step, or, with the engine spark, hand over to a job on the cluster by Dagster Pipes."""
    ours = runtime.context_of_run(context.run.run_id)
    if ours.settings.identity_engine != "spark":
        return resolve_customers(ours, full=full)
    command, environment = submitted(ours.url, ours.settings)
    client, op = dg.PipesSubprocessClient(env=environment), context.op_execution_context
    done = client.run(context=op, command=command, extras=asked(ours.settings, full=full))
    return resolved_of(done.get_custom_messages())
