"""Payment reminders, planned from the invoices as they are now."""

import time
from dataclasses import asdict

import dagster as dg

from customer_assets.defs.materialization import FRESH, OWNERS, RETRY, counts_metadata, table_metadata
from customer_assets.defs.resources import StackResource
from customer_assets.pipeline.invoices.remind import plan_reminders


@dg.asset(
    group_name="invoices",
    kinds={"postgres"},
    owners=OWNERS,
    freshness_policy=FRESH,
    retry_policy=RETRY,
    deps=["invoices_cache", "customers_cache", "relinked_invoices"],
    description="Payment reminders of unpaid invoices, for customers with a phone, by the account's settings.",
)
def payment_reminders(context: dg.AssetExecutionContext, stack: StackResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Plan the reminders from the data as it is now."""
    started = time.monotonic()
    result = plan_reminders(stack.context_for(context.run.run_id))
    return dg.MaterializeResult(
        metadata={
            **table_metadata(stack.stack.url, "payment_reminders"),
            **counts_metadata(asdict(result.counts)),
            "without_customer": result.without_customer,
            "without_phone": result.without_phone,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
