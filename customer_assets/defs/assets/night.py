"""Last night on one page."""

import dagster as dg

from customer_assets.defs.materialization import OWNERS, RETRY, Materialization, sourced
from customer_assets.pipeline.night import nightly_report as report_of
from customer_assets.runtime.alerts import send_alert
from customer_assets.runtime.runtime import Runtime
from customer_assets.store.reads.night import Night


@sourced
@dg.asset(
    group_name="invoices",
    kinds={"postgres", "markdown"},
    owners=OWNERS,
    retry_policy=RETRY,
    deps=["customers", "payment_reminders"],
    description="What the last day changed, what it cost, and what to look at: as Markdown here, and posted to ALERT_URL "
    "and mailed to ALERT_MAIL where they are set. No personal data.",
)
def nightly_report(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Materialization:
    """Report, and tell those who look at no console."""
    found, text = report_of(runtime.context_of_run(context.run.run_id))
    try:
        told = send_alert(runtime.configuration.settings, _subject(found), {"report": text})
    except OSError as error:
        context.log.warning(f"the report could not be sent: {error}")
        told = []
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.md(text),
            "systems": len(found.syncs),
            "waiting": sum(found.waiting.values()),
            "posted": "posted" in told,
            "mailed": "mailed" in told,
            "calls": 0,
        }
    )


def _subject(found: Night) -> str:
    """What a mail's list shows: whether there is something to look at."""
    failed = sum(sync["status"] != "ok" for sync in found.syncs)
    told = ", ".join(f"{number:,} {what}" for what, number in found.customers.items())
    return f"Last night: customers: {told}; syncs: {len(found.syncs) - failed} well, {failed} not"
