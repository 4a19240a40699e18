"""Local edits: facts laid over the source record, audited; and decisions about SUMIT's conflicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_assets.domain.cache.edits import parse_edit
from customer_assets.domain.cache.overlay import source_values
from customer_assets.domain.cache.row import Batch
from customer_assets.domain.cache.tables import CUSTOMERS
from customer_assets.errors import NotFoundError, RecordError, StaleEditError
from customer_assets.pipeline.context import Context
from customer_assets.store import audit
from customer_assets.store.cache import overlays, rows
from customer_assets.store.database import Connection, connect


@dataclass(frozen=True)
class Edited:
    """What an edit changed: field -> (old, new); and which edits were given up."""

    id: int
    changed: dict[str, tuple[Any, Any]]
    released: tuple[str, ...]


def edit_customer(
    context: Context,
    row_id: int,
    changes: Mapping[str, str | bool | None],
    *,
    by: str,
    seen: Mapping[str, Any] | None = None,
    seen_at: datetime | None = None,
    release: Sequence[str] = (),
) -> Edited:
    """Change fields of a customer here. The source's values stay beneath, and come back when the edit is released.

    Args:
        context: database and settings.
        row_id: customers_cache.id.
        changes: field -> what was written; a blank clears.
        by: who writes.
        seen: values of these fields as the editor saw them: one that changed since refuses the whole edit.
        seen_at: the row's updated_at as the editor saw it; a later one refuses the edit.
        release: fields whose edits are given up, so that the source's values hold again.

    Raises:
        NotFoundError: there is no such customer.
        RecordError: a field cannot be edited or cannot hold this; nothing is written.
        StaleEditError: somebody was faster; nothing is written.
    """
    wanted = {name: parse_edit(name, text) for name, text in changes.items()}
    with (
        connect(context.url, name="customer_assets edit") as connection,
        connection.transaction(),
    ):
        row = rows.lock_row(connection, row_id)
        if row is None:
            raise NotFoundError(f"no customer {row_id}")
        _refuse_stale(row, seen, seen_at)
        source = source_values(row, CUSTOMERS.source_columns)
        changed: dict[str, tuple[Any, Any]] = {}
        for name, value in wanted.items():
            old, beneath = overlays.as_json(row[name]), overlays.as_json(source[name])
            if value == old:
                continue
            changed[name] = (old, value)
            overlays.close_edit(connection, row_id, name)
            if value != beneath:
                overlays.store_edit(connection, row_id, name, value, beneath, by=by)
        released = tuple(name for name in release if overlays.close_edit(connection, row_id, name))
        if changed or released:
            overlays.show_anew(connection, batch_of_edit(connection, context, row), [row_id])
            details = {"changed": {n: list(pair) for n, pair in changed.items()}, "released": list(released)}
            audit.record(connection, who=by, action="edit", target=f"customer {row_id}", details=details)
    return Edited(row_id, changed, released)


def _refuse_stale(row: Mapping[str, Any], seen: Mapping[str, Any] | None, seen_at: datetime | None) -> None:
    if seen_at is not None and row["updated_at"] != seen_at:
        raise StaleEditError(
            f"customer {row['id']} was changed at {row['updated_at']:%Y-%m-%d %H:%M:%S} UTC, after you saw it: look again"
        )
    for name, text in (seen or {}).items():
        current = overlays.as_json(row[name])
        if _one_line(current) == (text or ""):  # also what no edit could write: the source wrote it
            continue
        try:
            value = parse_edit(name, text) if text not in (None, "") else None
        except RecordError:
            value = text
        if current != value:
            raise StaleEditError(f"customer {row['id']}: {name} is {current!r} now, not {value!r} as you saw it")


def _one_line(value: Any) -> str:
    """A value as a field of a form holds it."""
    if value is None:
        return ""
    return " ".join(value.split("\n")).replace("\r", "") if isinstance(value, str) else ""


def batch_of_edit(connection: Connection, context: Context, row: Mapping[str, Any]) -> Batch:
    overlay = overlays.load_overlays(
        connection,
        account=row["account"],
        source=row["source"],
        regions=context.regions(row["account"], row["source"]),
    )
    return Batch.of_edit(row["account"], row["source"], overlay)
