"""Where something is from: `why`, `raw show`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from customer_assets.cli.output import JsonOption, opened_runtime, print_json, say, show_table
from customer_assets.errors import NotFoundError

if TYPE_CHECKING:
    from customer_assets.pipeline.why import CellOrigin

app = typer.Typer(help="Raw pages: what the systems answered, as received.", no_args_is_help=True)


def why(
    name: Annotated[
        str,
        typer.Argument(metavar="SYSTEM:ID[.column]", help="A record, and perhaps one of its columns: robaws:1003.city"),
    ],
    as_json: JsonOption = False,
) -> None:
    """Where the cells of a customer are from: golden record, cache row, rule, path in the raw page, page, time and call."""
    from customer_assets.pipeline.why import why as explain

    runtime = opened_runtime()
    found = explain(runtime.context_of_accounts(), name)
    for one in found:
        row = one.row
        golden = f"golden record {one.golden['id']} ({one.golden['name']})" if one.golden else "not resolved yet"
        say(f"{row['source']}:{row['source_customer_id']} (account {row['account']}): cache row {row['id']}, {golden}")
        cells = [c for c in one.cells if len(one.cells) == 1 or c.value not in (None, [], {})]
        show_table(
            "",
            ["column", "value", "golden", "rule", "path", "from"],
            [
                [cell.column, _short(cell.value), cell.golden or "", cell.rule, cell.path or "", _where(cell)]
                for cell in cells
            ],
            to_stderr=as_json,
        )
        for where, cell in {_where(cell): cell for cell in cells if cell.at}.items():
            say(f"{where}: {cell.call}, at {cell.at:%Y-%m-%d %H:%M:%S} UTC")
        if len(cells) == 1 and (change := cells[0].changed):
            say(
                f"last changed at {change['changed_at']:%Y-%m-%d %H:%M:%S} UTC by {change['origin']}: "
                f"{change['old_value']!r} -> {change['new_value']!r}"
            )
    if as_json:
        print_json(
            {
                "records": [
                    {
                        "id": one.row["id"],
                        "account": one.row["account"],
                        "source": one.row["source"],
                        "source_customer_id": one.row["source_customer_id"],
                        "golden_id": one.row["golden_id"],
                        "cells": [asdict(cell) for cell in one.cells],
                    }
                    for one in found
                ]
            }
        )


@app.command()
def show(
    page: Annotated[int, typer.Argument(metavar="PAGE", help="ops.raw_pages.id, as `why` shows it.")],
    as_received: Annotated[bool, typer.Option("--as-received", help="The bytes, not laid out.")] = False,
) -> None:
    """Print a raw page."""
    from customer_assets.store.database import connect
    from customer_assets.store.reads import origins

    with connect(opened_runtime().url) as connection:
        found = origins.page(connection, page)
    if found is None:
        raise NotFoundError(f"no raw page {page}")
    say(
        f"page {page}: {found['source']} {found['stream']} (account {found['account']}), {found['size']} bytes, "
        f"first seen {found['first_seen_at']:%Y-%m-%d %H:%M:%S} UTC"
    )
    body: bytes = found["body"]
    if not as_received:
        try:
            body = json.dumps(json.loads(body), ensure_ascii=False, indent=2).encode()
        except ValueError:
            say("it is no JSON: shown as received")
    sys.stdout.buffer.write(body.rstrip(b"\n") + b"\n")
    sys.stdout.flush()


def _where(cell: CellOrigin) -> str:
    return f"page {cell.page_id}" if cell.page_id else f"delivery {cell.delivery_id}" if cell.delivery_id else ""


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
