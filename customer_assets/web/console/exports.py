"""Any list as a file: what its filters leave, with its columns, as CSV or XLSX."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customer_assets.pipeline.files import Cell, write_sheet
from customer_assets.store import audit
from customer_assets.store.reads import lists
from customer_assets.store.users import Session
from customer_assets.web.console.listings import CUSTOMERS, GOLDEN, LIST_PAGES
from customer_assets.web.console.lists import chosen_columns
from customer_assets.web.console.screen import Screen
from customer_assets.web.console.tables import Column

MOST_ROWS = 100_000
OLDEST_IN_A_SHEET = 1901  # year: a workbook knows no day before, and counts 1900 wrongly
KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
COLUMNS: Mapping[str, list[Column]] = {
    "golden": GOLDEN,
    "customers": CUSTOMERS,
    **{listed.name: listed.columns for listed in LIST_PAGES},
}
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class Exports(Screen):
    """Files of lists; who took which is in the audit log."""

    async def export(self, request: Request, session: Session) -> Response:
        """All rows of a list that the filters of the address leave."""
        name, _, kind = str(request.path_params["file"]).partition(".")
        if name not in COLUMNS or kind not in KINDS:
            return PlainTextResponse("no such list", status_code=404)
        columns = [c for c in chosen_columns(name, COLUMNS[name], request) if c.kind != "seconds"]
        filters = dict(request.query_params)

        def write() -> tuple[bytes, int]:
            with self._connect() as connection:
                found = lists.all_rows_of(connection, name, filters, sort=filters.get("sort"), most=MOST_ROWS)
                cell = _as_text if kind == "csv" else _as_cell
                rows = [[cell(row.get(c.name)) for c in columns] for row in found]
                audit.record(
                    connection,
                    who=session.user,
                    action="export",
                    target=f"{name}.{kind}",
                    details={**filters, "rows": len(rows)},
                )
            with tempfile.TemporaryDirectory(prefix="customer_assets_export_") as folder:
                path = Path(folder) / f"{name}.{kind}"
                write_sheet(path, [c.label or c.name for c in columns], rows)
                return path.read_bytes(), len(rows)

        body, rows = await run_in_threadpool(write)
        if kind == "csv":
            body = b"\xef\xbb\xbf" + body  # by this mark a spreadsheet reads it as UTF-8
        disposition = f'attachment; filename="{name}-{datetime.now(UTC):%Y-%m-%d}.{kind}"'
        headers = {"content-disposition": disposition, "x-rows": str(rows)}
        return Response(body, media_type=KINDS[kind], headers=headers)


def _as_cell(value: Any) -> Cell:
    """A value as a cell of a workbook; times in UTC."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date) and value.year >= OLDEST_IN_A_SHEET:
        return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _as_text(value: Any) -> Cell:
    """A value as it stands in a text file; nothing that somebody typed becomes a formula."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    cell = _as_cell(value)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell
