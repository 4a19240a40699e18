"""Payment reminders, planned from the invoices as they are now."""

from dataclasses import asdict

import dagster as dg

from customer_assets.defs.materialization import FRESH, OWNERS, PERSONAL, RETRY, Materialization, Materializing, sourced
from customer_assets.pipeline.invoices.remind import plan_reminders
from customer_assets.runtime.runtime import Runtime


@sourced
@dg.asset(
    group_name="invoices",
    kinds={"postgres"},
    owners=OWNERS,
    tags=PERSONAL,
    freshness_policy=FRESH,
    retry_policy=RETRY,
    deps=["invoices_cache", "customers_cache", "relinked_invoices"],
    description="Payment reminders of unpaid invoices, for customers with a phone, by the account's settings.",
)
def payment_reminders(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Materialization:
    """Plan the reminders from the data as it is now."""
    table = Materializing(runtime.url, "payment_reminders")
    planned = plan_reminders(runtime.context_of_run(context.run.run_id))
    return table.result(asdict(planned.counts), invoices_by_reason=planned.reasons)
