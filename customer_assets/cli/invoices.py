"""Old invoices: `import-invoices`, `migrate-invoices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from customer_assets.cli.output import (
    SHOWN_PROBLEMS,
    JsonOption,
    column_map,
    finish,
    opened_runtime,
    print_json,
    say,
    show_table,
)
from customer_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from customer_assets.pipeline.invoices.import_invoices import ImportResult

CHOICES = {"decimal": (".", ","), "date_order": ("dmy", "mdy"), "lines": ("sum",), "id_with": ("year", "date")}


def import_invoices(
    location: Annotated[
        str, typer.Argument(metavar="PATH|URL", help="A file (CSV, XLSX, Parquet), or an SQLAlchemy URL.")
    ],
    table: Annotated[str | None, typer.Option(help="The table, or schema.table, where a database is given.")] = None,
    query: Annotated[str | None, typer.Option(help="What to ask of a database instead of one table.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="old=new: a column of the file and what it is here.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Whose invoices, where there are several accounts.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a text file; worked out where not said.")] = None,
    separator: Annotated[str | None, typer.Option(help="Of a text file: one character, or \\t.")] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal sign of its amounts: . or ,")] = None,
    date_order: Annotated[str | None, typer.Option(help="Of its dates: dmy or mdy.")] = None,
    lines: Annotated[str | None, typer.Option(help="sum: rows of one invoice are its lines.")] = None,
    id_with: Annotated[str | None, typer.Option(help="Numbers start again each year, or date.")] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            help="Replace invoices that are stored under the same id, though they are of another day, customer and amount."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Show how it is understood, and store nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Import old invoices that carry customer fields."""
    from customer_assets.pipeline.invoices.import_invoices import FileOptions
    from customer_assets.pipeline.invoices.import_invoices import import_invoices as import_from

    given = {"decimal": decimal, "date_order": date_order, "lines": lines, "id_with": id_with}
    for option, value in given.items():
        if value is not None and value not in CHOICES[option]:
            known = " or ".join(CHOICES[option])
            raise ConfigurationError(f"--{option.replace('_', '-')} {value}: {known}")
    said = {"query": query, "encoding": encoding, "separator": separator, "overwrite": "yes" if overwrite else None}
    options = msgspec.convert(said | given, FileOptions)
    pairs = column_map(mapping)
    runtime = opened_runtime()
    result = import_from(
        runtime.context(), location, table=table, mapping=pairs, account=account, options=options, dry_run=dry_run
    )
    names = ("created", "updated", "unchanged", "duplicate", "rejected")
    counts = {name: getattr(result, name) for name in names}
    _show_import(result, counts, dry_run=dry_run, as_json=as_json)
    if not dry_run:
        runtime.tell_dagster({"legacy_invoices": counts}, "customer-assets import-invoices")
    if as_json:
        _print_import(result, counts, dry_run=dry_run)
    if result.rejected:
        finish(1)


def _print_import(result: ImportResult, counts: dict[str, int], *, dry_run: bool) -> None:
    print_json(
        {
            "status": "partial" if result.rejected else "ok",
            "dry_run": dry_run,
            **counts,
            "ignored_columns": result.ignored_columns,
            "understood": result.understood,
            "blanked": dict(result.blanked),
            "problems": result.problems,
            **({"rows": result.sample} if dry_run else {}),
        }
    )


def _show_import(result: ImportResult, counts: dict[str, int], *, dry_run: bool, as_json: bool) -> None:
    """How the file was understood, and what became of its rows."""
    say("understood: " + "; ".join(f"{what}: {how}" for what, how in result.understood.items()))
    for row in result.sample if dry_run else ():
        say("row: " + ", ".join(f"{column}={value}" for column, value in row.items() if value is not None))
    titles = ["", *(name.capitalize() for name in counts)]
    show_table(
        "Dry run: nothing was stored" if dry_run else "",
        titles,
        [["legacy_invoices", *counts.values()]],
        to_stderr=as_json,
    )
    if result.ignored_columns:
        say(f"columns that nothing reads: {', '.join(result.ignored_columns)} (--map old=new)")
    for what, often in sorted(result.blanked.items()):
        say(f"left blank: {what} ({often})")
    for problem in result.problems if dry_run else result.problems[:SHOWN_PROBLEMS]:
        say(f"rejected: {problem}")
    if len(result.problems) > SHOWN_PROBLEMS and not dry_run:
        say(f"{len(result.problems)} rows were rejected in all, see ops.rejected_records")


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
