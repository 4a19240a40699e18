"""Asset checks that look at whole tables: keys, links, sums. Each is one query that returns what must not be."""

from collections.abc import Iterator

import dagster as dg

from customer_assets.pipeline.identity.resolve import disagreeing_rows
from customer_assets.pipeline.sync.prove import prove
from customer_assets.runtime.alerts import send_alert
from customer_assets.runtime.runtime import Runtime
from customer_assets.sources.registry import streams_of
from customer_assets.store.database import connect
from customer_assets.store.reads import integrity
from customer_assets.store.reads.integrity import RULES, Rule

KEYS = {
    "customers_cache": ("customer_rows", "account, source, source_customer_id"),
    "invoices_cache": ("invoice_rows", "account, source, source_invoice_id"),
    "legacy_invoices": ("legacy_invoices", "account, source_invoice_id"),
    "payment_reminders": ("payment_reminders", "invoice_id, scheduled_date"),
    "customers": ("customers", "id"),
}
MANY_BLANKED = 0.1  # of an account's rows


def _rules_of(asset: str) -> list[Rule]:
    """The integrity rules of an asset, and that its keys are unique."""
    found = [rule for rule in RULES if rule.asset == asset]
    if asset in KEYS:
        found.append(integrity.unique_keys(asset, *KEYS[asset]))
    return found


def _integrity_checks(asset: str) -> dg.AssetChecksDefinition:
    """One step for all rules of an asset: each step of a run costs more than the queries."""
    rules = _rules_of(asset)

    @dg.multi_asset_check(
        name=f"{asset}_integrity",
        specs=[dg.AssetCheckSpec(rule.name, asset=asset, description=rule.meaning) for rule in rules],
    )
    def check(runtime: dg.ResourceParam[Runtime]) -> Iterator[dg.AssetCheckResult]:
        with connect(runtime.url) as connection:
            for rule in rules:
                found = integrity.count_violations(connection, rule)
                yield dg.AssetCheckResult(check_name=rule.name, passed=found == 0, metadata={"violations": found})

    return check


@dg.asset_check(
    asset="customers_cache",
    description="Share of blanks per mapped column and source; warns of columns that syncs blanked in more than a tenth of an "
    "account's rows within a day.",
)
def null_rates(runtime: dg.ResourceParam[Runtime]) -> dg.AssetCheckResult:
    """A path that a system renamed looks like customers who all lost their phone."""
    mapped: dict[str, dict[str, None]] = {}
    for system, stream in streams_of("customers"):
        for account in runtime.working.of(system.name):
            fields = stream.mapping(account.settings).fields
            mapped.setdefault(system.name, {}).update(dict.fromkeys(field.column for field in fields))
    with connect(runtime.url) as connection:
        rates = integrity.null_rates(connection, {source: list(columns) for source, columns in mapped.items()})
        blanked = integrity.blanked(connection, hours=24, share=MANY_BLANKED)
    return dg.AssetCheckResult(
        passed=not blanked, severity=dg.AssetCheckSeverity.WARN, metadata={**rates, "blanked": blanked}
    )


@dg.asset_check(
    asset="customers_cache",
    description="Deliveries come: warns when none came within a day although syncs found changes. Posts to ALERT_URL, mails to ALERT_MAIL.",
)
def deliveries_arrive(runtime: dg.ResourceParam[Runtime]) -> dg.AssetCheckResult:
    """A suspended endpoint looks like quiet customers, but for the changes that the nightly sync finds."""
    with connect(runtime.url) as connection:
        silent = runtime.silent_accounts(connection)
    if silent:
        send_alert(
            runtime.configuration.settings,
            "No webhook deliveries for a day",
            {"alert": "no webhook deliveries for a day", "accounts": silent},
        )
    return dg.AssetCheckResult(
        passed=not silent, severity=dg.AssetCheckSeverity.WARN, metadata={"silent_accounts": silent}
    )


@dg.asset_check(
    asset="customers",
    description="A resolution of everything would come to what the resolutions of changes came to. Else: materialize customers "
    "with full: true.",
)
def agrees_with_full_resolution(runtime: dg.ResourceParam[Runtime]) -> dg.AssetCheckResult:
    """Resolve everything, write nothing, and count the rows whose customer would have other rows."""
    differing, rows = disagreeing_rows(runtime.context(trigger="dagster"))
    return dg.AssetCheckResult(passed=differing == 0, metadata={"rows_that_differ": differing, "rows": rows})


@dg.asset_check(
    asset="customers_cache",
    description="Every cell is what its raw record says, with overrides and edits laid over it. Else: sync --from-raw.",
)
def equal_to_raw(runtime: dg.ResourceParam[Runtime]) -> dg.AssetCheckResult:
    """Load all that landed once more, beside the cache, and count the cells that differ; which is told by `verify`."""
    proof = prove(runtime.context(trigger="dagster"), runtime.working.accounts)
    return dg.AssetCheckResult(
        passed=not proof.differences,
        metadata={
            "rows": proof.rows,
            "cells_that_differ": len(proof.differences),
            "rows_not_compared": sum(proof.awaited.values()),
            "columns": sorted({difference.column for difference in proof.differences}),
        },
    )


CHECKS = [
    agrees_with_full_resolution,
    equal_to_raw,
    *(_integrity_checks(asset) for asset in sorted({*(rule.asset for rule in RULES), *KEYS})),
    null_rates,
    deliveries_arrive,
]
