"""Looking after it: `doctor`, `verify`, `prune`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from customer_assets.cli.output import (
    SHOWN_PROBLEMS,
    JsonOption,
    finish,
    opened_runtime,
    print_json,
    say,
    show_table,
)
from customer_assets.errors import CustomerAssetsError
from customer_assets.pipeline.waiting import runner
from customer_assets.sources.registry import SYSTEMS

if TYPE_CHECKING:
    from customer_assets.runtime.runtime import Runtime


@dataclass(frozen=True)
class Finding:
    """One line of `doctor`."""

    what: str
    ok: bool
    message: str
    exit_code: int = 0


def examine(open_runtime: Callable[[], Runtime]) -> list[Finding]:
    """Database and every configured system, each with what is wrong and what mends it."""
    from customer_assets.store import database

    try:
        runtime = open_runtime()
    except CustomerAssetsError as error:
        return [Finding("database", False, str(error), error.exit_code)]
    findings = [Finding("database", True, f"{database.redacted(runtime.url)}, schema up to date")]
    working = runtime.working
    for system in SYSTEMS:
        accounts = working.of(system)
        if not accounts:
            findings.append(Finding(system, True, f"not configured ({system.upper()}_... settings): skipped"))
        findings += [runner()(_examine(runtime, account)) for account in accounts]
    findings.append(_examine_webhooks(runtime))
    return findings


def _examine_webhooks(runtime: Runtime) -> Finding:
    from customer_assets.store import database
    from customer_assets.store.webhooks import endpoints

    with database.connect(runtime.url) as connection:
        health = endpoints.delivery_health(connection)
        silent = runtime.silent_accounts(connection)
        known = endpoints.all_endpoints(connection)
    if silent:
        message = (
            f"no delivery within a day for {', '.join(silent)}, although syncs found changes: the endpoint may be suspended; "
            "`customer-assets register-webhook --url ... --rotate` makes a new one"
        )
        return Finding("webhooks", False, message, 1)
    unregistered = "" if known or health["last_received_at"] else "; none is registered (register-webhook)"
    return Finding("webhooks", True, endpoints.health_line(health) + unregistered)


async def _examine(runtime: Runtime, account: Any) -> Finding:
    from customer_assets.pipeline.sync.run import PullOptions, opened

    what = account.system if account.account == "default" else f"{account.system} ({account.account})"
    try:
        async with opened(runtime.context(), account, PullOptions()) as source:
            line = await source.check()
            left = source.meter.quota_left
    except CustomerAssetsError as error:
        return Finding(what, False, str(error), error.exit_code)
    return Finding(what, True, line + (f"; {left} calls left today" if left is not None else ""))


def verify(
    against_raw: Annotated[
        bool, typer.Option(help="Compare every cell with what its raw record says, too: as long as a rebuild.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Integrity report; exit status 1 if anything is violated."""
    from customer_assets.pipeline.verify import content_hashes
    from customer_assets.store.database import connect
    from customer_assets.store.reads import integrity

    runtime = opened_runtime()
    with connect(runtime.url) as connection:
        found = [*integrity.violations(connection), *content_hashes(connection)]
        sums = integrity.sums(connection)
        unnormalized = integrity.unnormalized(connection)
    show_table(
        "Old invoices by currency",
        ["", "imported", "linked", "total", "linked total", "unlinked total"],
        [
            [s["currency"], s["imported"], s["linked"], s["imported_total"], s["linked_total"], s["unlinked_total"]]
            for s in sums
        ],
        to_stderr=as_json,
    )
    for violation in found:
        say(
            f"VIOLATED {violation.rule}: not so that {violation.meaning}: {violation.count}, such as {', '.join(violation.examples)}"
        )
    if unnormalized:
        rows = [[r["what"], r["why"], r["rows"]] for r in unnormalized]
        show_table("As received, since not sure", ["what", "why", "rows"], rows, to_stderr=as_json)
    say(f"{len(integrity.RULES) + 1} rules checked, {len(found)} violated")
    report = {"ok": not found, "violations": [vars(v) for v in found], "sums": sums, "unnormalized": unnormalized}
    if against_raw:
        report["against_raw"] = proof = _against_raw(runtime)
        report["ok"] = not (found or proof["differences"])
    if as_json:
        print_json(report)
    if not report["ok"]:
        finish(1)


def _against_raw(runtime: Runtime) -> dict[str, Any]:
    from customer_assets.pipeline.sync.prove import prove

    proof = prove(runtime.context(), runtime.working.accounts)
    for d in proof.differences[:SHOWN_PROBLEMS]:
        say(f"DIFFERS {d.source}:{d.source_id} {d.column}: {d.stored!r} here, {d.raw!r} by its raw record")
    if len(proof.differences) > SHOWN_PROBLEMS:
        say(f"{len(proof.differences)} cells differ in all; sync --from-raw brings them in line")
    for reason, rows in proof.awaited.items():
        say(f"{rows} rows not compared: {reason}")
    say(f"{proof.rows} rows compared with their raw records, {len(proof.differences)} cells differ")
    return {"rows": proof.rows, "awaited": proof.awaited, "differences": [asdict(d) for d in proof.differences]}


def doctor(
    production: Annotated[
        bool, typer.Option("--production", help="Look at what production needs, too: privileges, TLS, backups, clocks.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Each system: reachable, credentials right, quota left; the database. One line each, with the mend."""
    findings = examine(opened_runtime)
    if production and findings[0].ok:
        from customer_assets.runtime.production import examine as examine_production

        findings += [Finding(what, ok, said, 0 if ok else 1) for what, ok, said in examine_production(opened_runtime())]
    for finding in findings:
        say(f"{'ok  ' if finding.ok else 'FAIL'} {finding.what}: {finding.message}")
    if as_json:
        print_json({"ok": all(f.ok for f in findings), "findings": [vars(f) for f in findings]})
    failed = [f for f in findings if not f.ok]
    if failed:
        finish(max(f.exit_code for f in failed))


def prune(as_json: JsonOption = False) -> None:
    """Delete raw pages, settled deliveries, refusals and Dagster runs that are past their time."""
    from customer_assets.pipeline.prune import prune as prune_tables
    from customer_assets.runtime.dagster_reports import dagster_instance
    from customer_assets.runtime.dagster_runs import prune_dagster_runs, prune_runless_events

    runtime = opened_runtime()
    pruned = prune_tables(runtime.context())
    with dagster_instance() as instance:
        runs = prune_dagster_runs(instance, keep_days=runtime.configuration.settings.run_keep_days)
    events = prune_runless_events(runtime.dagster_url, keep_days=runtime.configuration.settings.run_keep_days)
    gone = {**vars(pruned), "dagster_runs": runs, "dagster_events": events}
    say("pruned: " + ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in gone.items()))
    if as_json:
        print_json(gone)
