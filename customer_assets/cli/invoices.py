"""Old invoices: `import-invoices`, `migrate-invoices`."""

from __future__ import annotations

from typing import Annotated

import typer

from customer_assets.cli.output import (
    JsonOption,
    column_map,
    finish,
    opened_runtime,
    print_json,
    say,
    show_table,
)
from customer_assets.errors import ConfigurationError


def import_invoices(
    location: Annotated[str, typer.Argument(metavar="PATH|URL", help="A .csv or .parquet file, or an SQLAlchemy URL.")],
    table: Annotated[str | None, typer.Option(help="The table, where a database is given.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="old=new: a column of the file and what it is here.")
    ] = None,
    account: Annotated[str, typer.Option(help="Whose invoices.")] = "default",
    as_json: JsonOption = False,
) -> None:
    """Import old invoices that carry customer fields."""
    from customer_assets.pipeline.invoices.import_invoices import import_invoices as import_from

    pairs = column_map(mapping)
    runtime = opened_runtime()
    result = import_from(runtime.context(), location, table=table, mapping=pairs, account=account)
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
    runtime.tell_dagster({"legacy_invoices": counts}, "customer-assets import-invoices", months=sorted(result.months))
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


def migrate_invoices(
    month: Annotated[list[str] | None, typer.Option(help="YYYY-MM, or undated; repeatable. Default: all.")] = None,
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
    rows = [[name, count] for name, count in sorted({**result.linked, **result.unlinked}.items(), key=lambda x: -x[1])]
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
