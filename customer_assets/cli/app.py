"""The command line: each command parses, calls one verb, and reports.

With `--json` the last line of stdout is one JSON object, and everything else goes to stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from customer_assets.cli import identity, sumit, users, webhooks
from customer_assets.cli.choices import ALL, SystemName, Target
from customer_assets.cli.output import (
    AccountOption,
    JsonOption,
    SandboxOption,
    finish,
    opened_runtime,
    print_json,
    say,
    show_table,
)
from customer_assets.errors import BusyError, ConfigurationError, CustomerAssetsError, GoneError

if TYPE_CHECKING:
    from customer_assets.accounts import Account
    from customer_assets.pipeline.context import Progress
    from customer_assets.pipeline.sync.pull import SyncResult
    from customer_assets.runtime.runtime import Runtime

app = typer.Typer(
    name="customer-assets",
    help="A company's customers, spread over Robaws, Zoho Books and SUMIT, as one trustworthy PostgreSQL copy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
db_app = typer.Typer(help="The database: schema, address, shell, read-only roles.", no_args_is_help=True)
app.add_typer(db_app, name="db")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(sumit.app, name="sumit")
app.add_typer(identity.app, name="review")
app.add_typer(users.app, name="user")
app.command("explain")(identity.explain)
app.command("dedupe")(identity.dedupe)
app.command("register-webhook")(webhooks.register_webhook)
app.command("push")(sumit.push)
app.command("bidirectional")(sumit.bidirectional)
app.command("edit")(sumit.edit)

COUNT_COLUMNS = (
    "synced",
    "created",
    "updated",
    "unchanged",
    "deactivated",
    "rejected",
    "errors",
    "pages",
    "calls",
)


def main() -> None:
    """Entry point: known errors become one line on stderr and an exit status."""
    try:
        app()
    except CustomerAssetsError as error:
        say(f"customer-assets: {error}")
        if "--json" in sys.argv:
            print_json(
                {"status": "failed", "error": str(error), **({"systems": {}} if "sync" in sys.argv else {})}
            )
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


# --- the main job -----------------------------------------------------------------------------------------------------


@app.command()
def run(as_json: JsonOption = False, sandbox: SandboxOption = False) -> None:
    """The main job end to end, as recorded Dagster runs: sync, migrate, relink, resolve, plan reminders."""
    from customer_assets.cli.run import run_everything

    with _sandbox_forced(sandbox):
        report = run_everything(opened_runtime(sandbox=sandbox), say=say)
    rows = [
        [m.asset, m.rows, f"{m.seconds:.1f}", m.metadata.get("calls"), job.job]
        for job in report.jobs
        for m in job.materialized
    ]
    show_table("", ["asset", "rows", "seconds", "calls", "job"], rows, to_stderr=as_json)
    for job in report.jobs:
        say(f"{job.job}: {'done' if job.success else f'FAILED: {job.error}'} (Dagster run {job.run_id})")
    for check in report.failed_checks:
        say(f"check failed: {check}")
    say(f"{report.seconds:.1f} s, {report.calls} API calls. Look: `make dev`, or `customer-assets db psql`")
    if as_json:
        print_json(
            {
                "status": "ok" if report.success else "failed",
                "seconds": round(report.seconds, 1),
                "calls": report.calls,
                "jobs": [
                    {"job": j.job, "run_id": j.run_id, "success": j.success, "error": j.error}
                    for j in report.jobs
                ],
                "failed_checks": report.failed_checks,
                "assets": {m.asset: m.rows for job in report.jobs for m in job.materialized},
            }
        )
    if report.systems_failed:
        finish(3)
    if not report.success or report.failed_checks:
        finish(1)


@app.command()
def dev(sandbox: SandboxOption = False) -> None:
    """Database, sandbox when nothing is configured, Dagster UI and daemon, web app; Ctrl-C stops all of it."""
    from customer_assets.cli.run import run_dev

    with _sandbox_forced(sandbox):
        run_dev(opened_runtime(sandbox=sandbox), say=say)


@contextmanager
def _sandbox_forced(sandbox: bool) -> Iterator[None]:
    """`--sandbox` reaches the processes that we start."""
    before = os.environ.get("CUSTOMER_ASSETS_SANDBOX")
    if sandbox:
        os.environ["CUSTOMER_ASSETS_SANDBOX"] = "1"
    try:
        yield
    finally:
        if sandbox and before is None:
            del os.environ["CUSTOMER_ASSETS_SANDBOX"]


# --- syncing ----------------------------------------------------------------------------------------------------------


@app.command()
def sync(
    system: Annotated[Target, typer.Argument(help="What to pull.")],
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Records per page; default: the system's maximum.")
    ] = None,
    delay: Annotated[int, typer.Option(min=0, help="Milliseconds between calls.")] = 0,
    full: Annotated[bool, typer.Option(help="A full scan, even where an incremental one would do.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many records of each list.")] = None,
    account: AccountOption = None,
    dry_run: Annotated[bool, typer.Option(help="Pull and compare, but change nothing.")] = False,
    from_raw: Annotated[bool, typer.Option(help="Rebuild from landed pages, without any API call.")] = False,
    allow_mass_delete: Annotated[
        bool, typer.Option(help="Confirm that missing records are gone, however many.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Pull one system or all of them into the cache."""
    from customer_assets.pipeline.sync.land import PullOptions
    from customer_assets.sources.registry import SYSTEMS

    runtime = opened_runtime()
    options = PullOptions(
        full=full, limit=limit, allow_mass_delete=allow_mass_delete, page_size=batch_size, delay_ms=delay
    )
    systems = list(SYSTEMS) if system == ALL else [str(system)]
    if account is not None and not any(
        a.account == account and a.system in systems for a in runtime.working.accounts
    ):
        known = ", ".join(sorted({a.account for a in runtime.working.accounts})) or "none"
        raise ConfigurationError(f"--account {account}: no such account; there are {known}")
    results: dict[str, list[SyncResult]] = {}
    with _progress() as progress:
        context = runtime.context(progress=progress)
        for name in systems:
            chosen = [a for a in runtime.working.of(name) if account in (None, a.account)]
            results[name] = [_pull(context, a, options, dry_run=dry_run, from_raw=from_raw) for a in chosen]
    _report_sync(results, as_json=as_json, dry_run=dry_run, asked_for_all=system == ALL, runtime=runtime)


@app.command("sync-customer")
def sync_customer(
    system: Annotated[SystemName, typer.Argument(help="Whose customer.")],
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The customer's id at that system.")],
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pull one customer by its id."""
    from customer_assets.pipeline.sync.pull import pull_one

    runtime = opened_runtime()
    accounts = runtime.working.of(str(system), account)
    if len(accounts) > 1:
        raise ConfigurationError(f"{system!s} has several accounts: name one with --account")
    results = {str(system): [pull_one(runtime.context(), a, customer_id) for a in accounts]}
    _report_sync(results, as_json=as_json, dry_run=False, asked_for_all=False, runtime=runtime)


def _pull(context: Any, account: Account, options: Any, **how: bool) -> SyncResult:
    from customer_assets.pipeline.sync.pull import SyncResult, pull

    try:
        return pull(context, account, options, **how)
    except BusyError as error:
        return SyncResult(account.account, account.system, status="failed", error=error)


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """Progress bars on stderr, one a stream."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(step: Progress) -> None:
            name = f"{step.system} {step.stream}" + (
                "" if step.account == "default" else f" ({step.account})"
            )
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=step.total)
            bars.update(tasks[name], completed=step.done, total=step.total)

        yield show


def _report_sync(
    results: dict[str, list[SyncResult]],
    *,
    as_json: bool,
    dry_run: bool,
    asked_for_all: bool,
    runtime: Runtime,
) -> None:
    systems = {name: _system_json(found) for name, found in results.items()}
    rows = [[name, *(summary[column] for column in COUNT_COLUMNS)] for name, summary in systems.items()]
    title = "Dry run: nothing was changed" if dry_run else ""
    show_table(title, ["", *(column.capitalize() for column in COUNT_COLUMNS)], rows, to_stderr=as_json)
    for name, summary in systems.items():
        if summary["message"]:
            say(f"{name}: {summary['message']}")
    every = [r for found in results.values() for r in found]
    exits = {_exit_of(r.error) for r in every if r.error is not None}
    worst = max((r.status for r in every), key=("ok", "partial", "failed").index, default="ok")
    status = (
        "partial"
        if worst == "failed" and asked_for_all and any(r.status != "failed" for r in every)
        else worst
    )
    if as_json:
        print_json({"status": status, "systems": systems})
    if not dry_run and runtime.configuration.settings.report_to_dagster == "on":
        _tell_dagster(results, runtime)
    if exits:
        finish(3 if 3 in exits else max(exits))
    if worst != "ok":
        finish(1)


def _exit_of(error: CustomerAssetsError) -> int:
    """3 where a whole system failed; an id that does not exist, or a lock that is taken, is a row's trouble: 1."""
    return 1 if isinstance(error, GoneError | BusyError) else error.exit_code


def _system_json(found: list[SyncResult]) -> dict[str, Any]:
    from customer_assets.store.cache.upsert import Counts

    def summed(entity: str) -> dict[str, int]:
        counts = Counts()
        for result in found:
            counts.add(result.entities.get(entity, Counts()))
        return counts.as_dict()

    summary: dict[str, Any] = summed("customers")
    summary["errors"] += sum(1 for r in found if r.error is not None)
    summary |= {
        "pages": sum(r.pages for r in found),
        "calls": sum(r.calls for r in found),
        "quota_left": next((r.quota_left for r in found if r.quota_left is not None), None),
        "message": "; ".join(r.message for r in found if r.message) if found else "not configured: skipped",
    }
    if any("invoices" in r.entities for r in found):
        summary["invoices"] = summed("invoices")
    if len(found) > 1:
        summary["accounts"] = {r.account: r.counts.as_dict() | {"status": r.status} for r in found}
    return summary


def _tell_dagster(results: dict[str, list[SyncResult]], runtime: Runtime) -> None:
    """One runless materialization for the batch, so that lineage and freshness stay true."""
    from customer_assets.runtime.dagster_reports import report_in_background

    entities = {"customers": "customers_cache", "invoices": "invoices_cache"}
    metadata: dict[str, dict[str, Any]] = {}
    for name, found in results.items():
        for result in found:
            for entity, counts in result.entities.items():
                entry = metadata.setdefault(entities[entity], {})
                for key, value in counts.as_dict().items():
                    entry[key] = entry.get(key, 0) + value
                entry["systems"] = ", ".join(dict.fromkeys([*filter(None, [entry.get("systems")]), name]))
    if metadata:
        report_in_background(runtime.dagster_url, metadata, description="customer-assets sync")


# --- old invoices -----------------------------------------------------------------------------------------------------


@app.command("import-invoices")
def import_invoices_command(
    location: Annotated[
        str, typer.Argument(metavar="PATH|URL", help="A .csv or .parquet file, or an SQLAlchemy URL.")
    ],
    table: Annotated[str | None, typer.Option(help="The table, where a database is given.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="old=new: a column of the file and what it is here.")
    ] = None,
    account: Annotated[str, typer.Option(help="Whose invoices.")] = "default",
    as_json: JsonOption = False,
) -> None:
    """Import old invoices that carry customer fields."""
    from customer_assets.pipeline.invoices.import_invoices import import_invoices
    from customer_assets.runtime.dagster_reports import dagster_instance, record_import

    pairs = dict(_pair(item) for item in mapping or [])
    result = import_invoices(
        opened_runtime().context(), location, table=table, mapping=pairs, account=account
    )
    counts = {
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "rejected": result.rejected,
    }
    show_table(
        "",
        ["", *(name.capitalize() for name in counts)],
        [["legacy_invoices", *counts.values()]],
        to_stderr=as_json,
    )
    if result.ignored_columns:
        say(f"columns that nothing reads: {', '.join(result.ignored_columns)} (--map old=new)")
    if result.rejected:
        say(f"{result.rejected} rows rejected, see ops.rejected_records")
    with dagster_instance() as instance:
        record_import(instance, sorted(result.months), counts)
    if as_json:
        print_json(
            {
                "status": "partial" if result.rejected else "ok",
                **counts,
                "ignored_columns": result.ignored_columns,
            }
        )
    if result.rejected:
        finish(1)


@app.command("migrate-invoices")
def migrate_invoices(
    month: Annotated[
        list[str] | None, typer.Option(help="YYYY-MM, or undated; repeatable. Default: all.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Work it out, but change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Customers out of old invoices, and their links. Makes no API call."""
    import re

    from customer_assets.pipeline.invoices.migrate import migrate

    wrong = [m for m in month or [] if m != "undated" and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", m)]
    if wrong:
        raise ConfigurationError(f"--month {wrong[0]}: write YYYY-MM, or undated")
    runtime = opened_runtime()
    result = migrate(runtime.context(), month or None, dry_run=dry_run)
    rows = [
        [name, count]
        for name, count in sorted({**result.linked, **result.unlinked}.items(), key=lambda x: -x[1])
    ]
    title = "Dry run: nothing was changed" if dry_run else ""
    show_table(title, ["linked by rule, or not for this reason", "invoices"], rows, to_stderr=as_json)
    linked = sum(result.linked.values())
    say(
        f"{result.invoices} invoices of {len(result.months)} months: {linked} linked, {result.invoices - linked} not; "
        f"{result.customers.created} customers created, {result.links_changed} links changed"
    )
    if as_json:
        print_json(
            {
                "status": "ok",
                "dry_run": dry_run,
                "invoices": result.invoices,
                "months": result.months,
                "customers": result.customers.as_dict(),
                "linked": result.linked,
                "unlinked": result.unlinked,
                "links_changed": result.links_changed,
            }
        )


def _pair(text: str) -> tuple[str, str]:
    old, separator, new = text.partition("=")
    if not separator or not old or not new:
        raise ConfigurationError(f"--map {text}: write old=new")
    return old, new


# --- looking after it -------------------------------------------------------------------------------------------------


@app.command()
def verify(as_json: JsonOption = False) -> None:
    """Integrity report; exit status 1 if anything is violated."""
    from customer_assets.store.database import connect
    from customer_assets.store.reads import integrity

    with connect(opened_runtime().url) as connection:
        found = integrity.violations(connection)
        sums = integrity.sums(connection)
    show_table(
        "Old invoices by currency", ["", "imported", "linked", "total", "linked total", "unlinked total"],
        [[s["currency"], s["imported"], s["linked"], s["imported_total"], s["linked_total"], s["unlinked_total"]] for s in sums],
        to_stderr=as_json,
    )  # fmt: skip
    for violation in found:
        say(
            f"VIOLATED {violation.rule}: not so that {violation.meaning}: {violation.count}, such as {', '.join(violation.examples)}"
        )
    say(f"{len(integrity.RULES)} rules checked, {len(found)} violated")
    if as_json:
        print_json({"ok": not found, "violations": [vars(v) for v in found], "sums": sums})
    if found:
        finish(1)


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Each system: reachable, credentials right, quota left; the database. One line each, with the mend."""
    from customer_assets.cli.run import examine

    findings = examine(opened_runtime)
    for finding in findings:
        say(f"{'ok  ' if finding.ok else 'FAIL'} {finding.what}: {finding.message}")
    if as_json:
        print_json({"ok": all(f.ok for f in findings), "findings": [vars(f) for f in findings]})
    failed = [f for f in findings if not f.ok]
    if failed:
        finish(max(f.exit_code for f in failed))


@app.command()
def prune(as_json: JsonOption = False) -> None:
    """Delete raw pages, settled deliveries, refusals and Dagster runs that are past their time."""
    from customer_assets.pipeline.prune import prune as prune_tables
    from customer_assets.runtime.dagster_reports import dagster_instance
    from customer_assets.runtime.dagster_runs import prune_dagster_runs

    runtime = opened_runtime()
    pruned = prune_tables(runtime.context())
    with dagster_instance() as instance:
        runs = prune_dagster_runs(instance, keep_days=runtime.configuration.settings.run_keep_days)
    gone = {**vars(pruned), "dagster_runs": runs}
    say("pruned: " + ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in gone.items()))
    if as_json:
        print_json(gone)


# --- database ---------------------------------------------------------------------------------------------------------


@db_app.command("upgrade")
def db_upgrade(as_json: JsonOption = False) -> None:
    """Bring the schema to this version."""
    from customer_assets.store.database import shown

    runtime = opened_runtime()
    say(f"{shown(runtime.url)} is at the newest schema")
    if as_json:
        print_json({"status": "ok"})


@db_app.command("url")
def db_url(as_json: JsonOption = False) -> None:
    """Print the database's URL."""
    runtime = opened_runtime()
    if as_json:
        print_json({"url": runtime.url})
    else:
        sys.stdout.write(f"{runtime.url}\n")


@db_app.command("psql")
def db_psql() -> None:
    """A shell on the database."""
    from customer_assets.store.embedded import binary

    url = opened_runtime().url
    os.execv(binary("psql"), ["psql", url])  # noqa: S606 (becomes psql)


@db_app.command("grant-analyst")
def db_grant_analyst(
    role: Annotated[str, typer.Argument(help="Role to create, or to grant reading to.")],
    as_json: JsonOption = False,
) -> None:
    """A role that may read the public tables and views, and nothing else."""
    from customer_assets.store.database import connect, grant_reading

    with connect(opened_runtime().url) as connection:
        created = grant_reading(connection, role)
    say(f"role {role} {'was created and ' if created else ''}may read schema public")
    if as_json:
        print_json({"role": role, "created": created})


@db_app.command("stop")
def db_stop(as_json: JsonOption = False) -> None:
    """Stop the embedded server."""
    from customer_assets.accounts import load_configuration
    from customer_assets.store.embedded import stop_server

    settings = load_configuration().settings
    if settings.database_url is not None:
        raise ConfigurationError("DATABASE_URL is set: that server is not ours to stop")
    stopped = stop_server(settings.home_path)
    say("stopped" if stopped else "it was not running")
    if as_json:
        print_json({"stopped": stopped})


# --- servers ----------------------------------------------------------------------------------------------------------


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
) -> None:
    """The web app alone: console, webhook receiver, JSON API, health."""
    import uvicorn

    from customer_assets.web.app import build_app

    uvicorn.run(build_app(opened_runtime()), host=host, port=port, log_level="warning")


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any.")] = 8900,
    seed: Annotated[int, typer.Option(help="Same seed, same data.")] = 1,
    clients: Annotated[int, typer.Option(min=0, help="Robaws clients.")] = 4017,
    unlimited: Annotated[bool, typer.Option(help="Enforce no limits at all, for benchmarks.")] = False,
    documented_limits: Annotated[bool, typer.Option(help="Enforce Zoho's documented pace, too.")] = False,
    keep_state: Annotated[
        bool, typer.Option(help="Keep writes and the address in CUSTOMER_ASSETS_HOME.")
    ] = False,
    idle: Annotated[float | None, typer.Option(help="End after so many seconds without a call.")] = None,
) -> None:
    """The emulated systems alone; prints their addresses as environment lines."""
    from customer_assets.accounts import load_configuration
    from customer_assets.sandbox.server import serve as serve_sandbox
    from customer_assets.sandbox.world import Limits, Sizes, World

    home = load_configuration().settings.home_path if keep_state else None
    journal = home / "sandbox" / "journal.jsonl" if home else None
    if journal is not None:
        journal.parent.mkdir(parents=True, exist_ok=True)
    limits = Limits() if documented_limits else Limits(zoho_per_minute=100_000)
    if unlimited:
        limits.robaws_per_second = limits.robaws_burst = limits.robaws_per_day = 10**9
    sizes = Sizes(robaws_clients=clients)
    serve_sandbox(
        World(seed=seed, sizes=sizes, limits=limits, journal=journal),
        host=host,
        port=port,
        home=home,
        idle_seconds=idle,
    )


@app.command()
def bench(
    records: Annotated[int, typer.Option(help="Records to load.")] = 100_000,
    identity_sample: Annotated[
        Path | None, typer.Option(help="Folder with labelled invoices.csv and truth.csv of your own.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The pipeline's own benchmark: CPU, WAL, calls, memory and quality, beside peers in the same run."""
    from customer_assets.benchmarks.syncs import run_bench

    rows = run_bench(records, identity_sample, say=say)
    show_table(
        "", ["scenario", "measure", "ours", "peer", "ratio"], [list(row) for row in rows], to_stderr=as_json
    )
    if as_json:
        print_json({"rows": [list(row) for row in rows]})
