"""Local edits: facts laid over the source record, audited; and decisions about SUMIT's conflicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from customer_assets.domain.cache.edits import parse_edit
from customer_assets.domain.cache.overlay import source_values
from customer_assets.domain.systems import as_sumit_customer
from customer_assets.errors import NotFoundError, RecordError, StaleEditError
from customer_assets.pipeline.context import Context
from customer_assets.store import audit
from customer_assets.store.cache import overlays, rows
from customer_assets.store.cache.upsert import CUSTOMERS, Batch
from customer_assets.store.database import Connection, connect
from customer_assets.store.push import links


@dataclass(frozen=True)
class Edited:
    """What an edit changed: field -> (old, new); and which edits were given up."""

    id: int
    changed: dict[str, tuple[Any, Any]]
    released: tuple[str, ...]


def edit_customer(
    context: Context, row_id: int, changes: Mapping[str, str | bool | None], *, by: str,
    seen: Mapping[str, Any] | None = None, seen_at: datetime | None = None, release: Sequence[str] = (),
) -> Edited:  # fmt: skip
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
            overlays.show_anew(connection, _batch(connection, context, row), [row_id])
            details = {"changed": {n: list(pair) for n, pair in changed.items()}, "released": list(released)}
            audit.record(connection, who=by, action="edit", target=f"customer {row_id}", details=details)
    return Edited(row_id, changed, released)


def _refuse_stale(row: Mapping[str, Any], seen: Mapping[str, Any] | None, seen_at: datetime | None) -> None:
    if seen_at is not None and row["updated_at"] != seen_at:
        raise StaleEditError(
            f"customer {row['id']} was changed at {row['updated_at']:%Y-%m-%d %H:%M:%S} UTC, after you saw it: look again"
        )
    for name, text in (seen or {}).items():
        held, value = overlays.as_json(row[name]), parse_edit(name, text) if text not in (None, "") else None
        if held != value:
            raise StaleEditError(f"customer {row['id']}: {name} is {held!r} now, not {value!r} as you saw it")


def _batch(connection: Connection, context: Context, row: Mapping[str, Any]) -> Batch:
    laid = overlays.load_overlays(
        connection,
        account=row["account"],
        source=row["source"],
        default_region=context.settings.default_region,
    )
    return Batch(row["account"], row["source"], laid, origin="edit")


def resolve_conflict(
    context: Context, conflict_id: int, *, use: Literal["local", "remote"], by: str, name_from: str = "name"
) -> dict[str, Any]:
    """Decide an open conflict; the next sync carries it out. Returns the conflict.

    Args:
        context: database and settings.
        conflict_id: which one.
        use: whose value holds.
        by: who decides.
        name_from: the setting SUMIT_NAME_FROM of the account.

    Raises:
        NotFoundError: there is no such open conflict.
    """
    with connect(context.url, name="customer_assets resolve") as connection, connection.transaction():
        conflict = links.open_conflict(connection, conflict_id)
        if conflict is None:
            raise NotFoundError(f"no open conflict {conflict_id}: `sumit conflicts list`")
        name = conflict["field"]
        [link] = links.load_links(connection, account=conflict["account"], row_ids=[conflict["row_id"]])
        if link.row is None or link.id is None:
            raise RecordError(f"conflict {conflict_id}: SUMIT's row is gone")
        # from here on SUMIT's value is what both know of; the local one is a change of it, or is given up
        base, origin_values = {**link.base, name: link.remote.get(name)}, dict(link.origin_values)
        edit = link.edits.get(name)
        if use == "local":
            origin_values.pop(name, None)
        else:
            if edit is not None:
                links.release_edits(connection, [edit.id])
            if link.origin is not None:
                taken = as_sumit_customer(link.origin, name_from=name_from)
                origin_values[name] = taken.get(name)
        links.write_base(connection, link.id, base, origin_values)
        links.close_conflict(connection, link.id, name, resolution=use, by=by)
        overlays.show_anew(connection, _batch(connection, context, link.row), [link.row["id"]])
        audit.record(
            connection, who=by, action=f"resolve conflict: {use}", target=f"conflict {conflict_id}",
            details={"field": name, "local": conflict["local_value"], "remote": link.remote.get(name)},
        )  # fmt: skip
    return {**conflict, "resolution": use}
