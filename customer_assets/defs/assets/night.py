"""Last night on one page."""

import dagster as dg

from customer_assets.defs.materialization import OWNERS, RETRY, Materialization
from customer_assets.pipeline.night import nightly_report as report_of
from customer_assets.runtime.alerts import post_alert
from customer_assets.runtime.runtime import Runtime


@dg.asset(
    group_name="customers",
    kinds={"postgres", "markdown"},
    owners=OWNERS,
    retry_policy=RETRY,
    deps=["customers", "payment_reminders"],
    description="What the last day changed, what it cost, and what to look at: as Markdown here, and posted to ALERT_URL "
    "where one is set. No personal data.",
)
def nightly_report(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Materialization:
    """Report, and tell those who look at no console."""
    found, text = report_of(runtime.context_of_run(context.run.run_id))
    try:
        posted = post_alert(runtime.configuration.settings, {"report": text})
    except OSError as error:
        context.log.warning(f"ALERT_URL: the report could not be posted: {error}")
        posted = False
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.md(text),
            "systems": len(found.syncs),
            "waiting": sum(found.waiting.values()),
            "posted": posted,
            "calls": 0,
        }
    )
