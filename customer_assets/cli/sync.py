"""Pulling: `sync`, `sync-customer`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from customer_assets.cli.choices import ALL, SystemName, Target
from customer_assets.cli.output import (
    AccountOption,
    JsonOption,
    finish,
    opened_runtime,
    print_json,
    say,
    show_table,
)
from customer_assets.errors import BusyError, ConfigurationError, CustomerAssetsError, GoneError

if TYPE_CHECKING:
    from customer_assets.pipeline.context import Progress
    from customer_assets.pipeline.sync.run import SyncResult
    from customer_assets.runtime.runtime import Runtime


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
    from customer_assets.pipeline.sync.pull import pull_accounts
    from customer_assets.pipeline.sync.run import PullOptions
    from customer_assets.sources.registry import SYSTEMS

    if from_raw and limit is not None:
        raise ConfigurationError("--limit is of what a system is asked for; --from-raw takes all that has landed")
    runtime = opened_runtime()
    options = PullOptions(
        full=full, limit=limit, allow_mass_delete=allow_mass_delete, page_size=batch_size, delay_ms=delay
    )
    systems = list(SYSTEMS) if system == ALL else [str(system)]
    if account is not None and not any(a.account == account and a.system in systems for a in runtime.working.accounts):
        known = ", ".join(sorted({a.account for a in runtime.working.accounts})) or "none"
        raise ConfigurationError(f"--account {account}: no such account; there are {known}")
    with _progress() as progress:
        context = runtime.context(progress=progress)
        chosen = [a for name in systems for a in runtime.working.of(name) if account in (None, a.account)]
        found = pull_accounts(context, chosen, options, dry_run=dry_run, from_raw=from_raw)
    results = {name: [result for result in found if result.system == name] for name in systems}
    _report_sync(results, as_json=as_json, dry_run=dry_run, asked_for_all=system == ALL, runtime=runtime)


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
            name = f"{step.system} {step.stream}" + ("" if step.account == "default" else f" ({step.account})")
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
    status = "partial" if worst == "failed" and asked_for_all and any(r.status != "failed" for r in every) else worst
    if as_json:
        print_json({"status": status, "systems": systems})
    if not dry_run:
        runtime.tell_dagster(_metadata(results), "customer-assets sync")
    if exits:
        of_all = {(r.system, r.account) for r in every}
        failed = {(r.system, r.account) for r in every if r.error is not None and _exit_of(r.error) == 3}
        if len(failed) <= runtime.configuration.settings.fail_share * len(of_all):
            exits = exits - {3} | {1}
        finish(3 if 3 in exits else max(exits))
    if worst != "ok":
        finish(1)


def _exit_of(error: CustomerAssetsError) -> int:
    """3 where a whole system failed; an id that does not exist, or a lock that is taken, is a row's trouble: 1."""
    return 1 if isinstance(error, GoneError | BusyError) else error.exit_code


def _system_json(found: list[SyncResult]) -> dict[str, Any]:
    from customer_assets.domain.cache.row import Counts

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


def _metadata(results: dict[str, list[SyncResult]]) -> dict[str, dict[str, Any]]:
    """What Dagster is told of a batch, so that lineage and freshness stay true: asset -> counts."""
    entities = {"customers": "customers_cache", "invoices": "invoices_cache"}
    metadata: dict[str, dict[str, Any]] = {}
    for name, found in results.items():
        for result in found:
            for entity, counts in result.entities.items():
                entry = metadata.setdefault(entities[entity], {})
                for key, value in counts.as_dict().items():
                    entry[key] = entry.get(key, 0) + value
                entry["systems"] = ", ".join(dict.fromkeys([*filter(None, [entry.get("systems")]), name]))
    return metadata
