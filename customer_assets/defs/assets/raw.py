"""Raw pages: the API's answers, landed before anything is parsed. The only assets that make API calls.

A system that is down stops no other: its step records the failure, fails its `complete_scan` check, and returns.
"""

import time

import dagster as dg

from customer_assets.accounts import System
from customer_assets.defs.materialization import FRESH, OWNERS, table_metadata
from customer_assets.defs.resources import StackResource
from customer_assets.pipeline.sync.land import PullOptions
from customer_assets.pipeline.sync.pull import land_account
from customer_assets.sources.registry import SPECS

DESCRIPTIONS = {
    "clients": "Robaws clients as its API gives them: list pages, and single records asked for by id.",
    "contacts": "Zoho Books contacts as its API gives them: list pages, and the details of new and changed ones.",
    "invoices": "Zoho Books invoices of every status as its API gives them.",
    "customers": "SUMIT customers as its API gives them, in either dialect.",
}


class PullConfig(dg.Config):
    """What a pull is asked to do; the defaults are those of the nightly sync."""

    full: bool = False
    allow_mass_delete: bool = False


def _raw_pages(name: str, system: System, entity: str) -> dg.AssetsDefinition:
    stream = SPECS[system].stream(entity)

    @dg.asset(
        name=name,
        group_name=system,
        kinds={"postgres", system},
        owners=OWNERS,
        freshness_policy=FRESH,
        description=DESCRIPTIONS[stream.name],
        check_specs=[
            dg.AssetCheckSpec(
                "complete_scan", asset=name, description="The scan is complete, or it is said why not."
            )
        ],
    )
    def landed(
        context: dg.AssetExecutionContext, stack: StackResource, config: PullConfig
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        started = time.monotonic()
        options = PullOptions(full=config.full, allow_mass_delete=config.allow_mass_delete)
        work = stack.context_for(context.run.run_id)
        results = [land_account(work, account, stream, options) for account in stack.accounts(system)]
        for result in results:
            if result.message:
                context.log.info(f"{system} ({result.account}): {result.message}")
        failures = [r for r in results if r.status != "ok"]
        return dg.MaterializeResult(
            metadata={
                **table_metadata(work.url, "ops.raw_pages", where={"source": system, "stream": stream.name}),
                "accounts": len(results),
                "pages": sum(r.pages for r in results),
                "calls": sum(r.calls for r in results),
                "bytes": sum(r.received for r in results),
                "records": sum(done.scan.records or 0 for r in results for done in r.landed if done.scan),
                "seconds": round(time.monotonic() - started, 3),
                "message": "; ".join(r.message for r in results if r.message)
                or ("ok" if results else "not configured"),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="complete_scan",
                    passed=not failures,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={r.account: r.message or r.status for r in results},
                )
            ],
        )

    return landed


raw_robaws_client_pages = _raw_pages("raw_robaws_client_pages", "robaws", "customers")
raw_zoho_contact_pages = _raw_pages("raw_zoho_contact_pages", "zoho", "customers")
raw_zoho_invoice_pages = _raw_pages("raw_zoho_invoice_pages", "zoho", "invoices")
raw_sumit_customer_pages = _raw_pages("raw_sumit_customer_pages", "sumit", "customers")
