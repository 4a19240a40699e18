"""Raw pages: the API's answers, landed before anything is parsed. The only assets that make API calls.

A system that is down stops no other: its step records the failure, fails its `complete_scan` check, and ends without a
materialization, since nothing landed and nothing is fresh. Of several accounts, each that landed is a materialization of
its own, with the account as partition.
"""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from customer_assets.defs.materialization import (
    FRESH,
    OWNERS,
    PATIENT,
    PERSONAL,
    SCHEDULE,
    Materialization,
    Materializing,
    sourced,
)
from customer_assets.pipeline.sync.pull import land_accounts
from customer_assets.pipeline.sync.run import PullOptions, SyncResult
from customer_assets.runtime.runtime import Runtime
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import Stream, System

# An output with this key is no materialization, in Dagster's own words. Without an output the steps after it would be left out,
# and with it every other system. `test_one_system_down_stops_no_other_and_the_run_is_red` holds it.
NOTHING_LANDED = {"__source_asset_observation__": True}


class PullConfig(dg.Config):
    """What a pull is asked to do; the defaults are those of the nightly sync, the names those of `customer-assets sync`."""

    accounts: list[str] = Field([], description="Only these accounts, as accounts.toml names them; none: all.")
    full: bool = Field(False, description="Read everything, whatever is known already.")
    limit: int | None = Field(None, ge=1, description="At most so many records of the list; nothing counts as missing.")
    allow_mass_delete: bool = Field(
        False, description="Confirm that missing records are gone, however many; reads everything."
    )


def _raw_pages(system: System, stream: Stream) -> dg.AssetsDefinition:
    @sourced
    @dg.asset(
        name=stream.asset,
        group_name=system.name,
        kinds={"postgres", system.name},
        owners=OWNERS,
        freshness_policy=FRESH,
        tags=PERSONAL | {"source": system.name},
        pool=system.name,
        retry_policy=PATIENT,
        description=stream.description,
        check_specs=[
            dg.AssetCheckSpec(
                "complete_scan",
                asset=stream.asset,
                description="The scan is complete, or it is said why not.",
            )
        ],
    )
    def landed(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime], config: PullConfig
    ) -> Materialization:
        table = Materializing(runtime.url, "ops.raw_pages", where={"source": system.name, "stream": stream.name})
        options = PullOptions(full=config.full, limit=config.limit, allow_mass_delete=config.allow_mass_delete)
        work = runtime.context_of_run(context.run.run_id, is_scheduled=SCHEDULE in context.run.tags)
        accounts = [a for a in runtime.working.of(system.name) if not config.accounts or a.account in config.accounts]
        if unknown := set(config.accounts) - {a.account for a in runtime.working.accounts}:
            raise dg.Failure(f"no account {', '.join(sorted(unknown))} is configured", allow_retries=False)
        results = land_accounts(work, accounts, stream, options)
        for result in results:
            say = context.log.info if result.status == "ok" else context.log.error
            say(_told(system, stream, result))
        messages = "; ".join(result.message for result in results if result.message)
        if not any(_has_landed(result) for result in results):
            return dg.MaterializeResult(metadata=NOTHING_LANDED, check_results=[_complete_scan(results)])
        if len(results) > 1:
            for result in results:
                _tell_apart(context, result)
        return table.result(
            {
                "accounts": len(results),
                "pages": sum(r.pages for r in results),
                "calls": sum(r.calls for r in results),
                "bytes": sum(r.received for r in results),
                "records": sum(done.scan.records or 0 for r in results for done in r.landed if done.scan),
            },
            checks=[_complete_scan(results)],
            message=messages or ("ok" if results else "not configured"),
        )

    return landed


def _has_landed(result: SyncResult) -> bool:
    """Whether a scan came to its end, if only with fewer records than there should be; `complete_scan` says that."""
    return result.error is None


def _tell_apart(context: dg.AssetExecutionContext, result: SyncResult) -> None:
    """Materialization and check of one account, so that the UI shows which landed, when, and what it cost."""
    if _has_landed(result):
        counts = {"pages": result.pages, "calls": result.calls, "bytes": result.received}
        context.log_event(
            dg.AssetMaterialization(
                context.asset_key, partition=result.account, metadata={**counts, "message": result.message or "ok"}
            )
        )
    context.log_event(
        dg.AssetCheckEvaluation(
            asset_key=context.asset_key,
            check_name="complete_scan",
            passed=result.status == "ok",
            partition=result.account,
            description=result.message or None,
        )
    )


def _told(system: System, stream: Stream, result: SyncResult) -> str:
    """One line for people: what was read, and what it cost."""
    records = sum(done.scan.records or 0 for done in result.landed if done.scan)
    quota = "" if result.quota_left is None else f", quota left {result.quota_left:,}"
    said = f"{system.name}/{result.account} {stream.name}: {result.pages:,} pages, {records:,} records, {result.calls:,} calls{quota}"
    return f"{said}: {result.status}: {result.message}" if result.message else said


def _complete_scan(results: Sequence[SyncResult]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="complete_scan",
        passed=all(result.status == "ok" for result in results),
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={result.account: result.message or result.status for result in results},
    )


RAW_PAGES = [_raw_pages(system, stream) for system in SYSTEMS.values() for stream in system.streams]
