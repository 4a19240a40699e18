"""Decisions about conflicts: which side's value holds where both changed a field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from customer_assets.accounts import Account
from customer_assets.errors import NotFoundError, RecordError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.edit import batch_of_edit
from customer_assets.pipeline.push.plan import pushes_of
from customer_assets.store import audit
from customer_assets.store.cache import overlays, rows
from customer_assets.store.database import connect
from customer_assets.store.push import conflicts, links


def resolve_conflict(
    context: Context,
    conflict_id: int,
    *,
    use: Literal["local", "remote"],
    by: str,
    find_account: Callable[[str, str], Account],
) -> dict[str, Any]:
    """Decide an open conflict; the next sync carries it out. Returns the conflict.

    Args:
        context: database and settings.
        conflict_id: which one.
        use: whose value holds.
        by: who decides.
        find_account: (system, account) -> the account: how a row of another system would look there is a setting of it.

    Raises:
        NotFoundError: there is no such open conflict.
    """
    with connect(context.url, name="customer_assets resolve") as connection, connection.transaction():
        conflict = conflicts.open_conflict(connection, conflict_id)
        if conflict is None:
            raise NotFoundError(f"no open conflict {conflict_id}: `sumit conflicts list`")
        name = conflict["field"]
        rows.lock_rows(connection, [conflict["row_id"]])  # before its edits, as who edits does
        [link] = links.load_links(connection, account=conflict["account"], row_ids=[conflict["row_id"]])
        if link.row is None or link.id is None or link.row["deleted_at"] is not None:
            raise RecordError(
                f"conflict {conflict_id}: the customer is deleted in SUMIT, so that neither value can hold"
            )
        # from here on SUMIT's value is what both know of; the local one is a change of it, or is given up
        agreed = links.Agreed({name: link.remote.get(name)})
        edit = link.edits.get(name)
        taken: Any = None
        if link.origin is not None:
            account = find_account(link.row["source"], conflict["account"])
            taken = pushes_of(account).as_customer(link.origin, account.settings).get(name)
        if use == "local":
            agreed.send_again(name, taken)
        else:
            if edit is not None:
                links.release_edits(connection, [edit.id])
            if link.origin is not None:
                agreed.origin_values[name] = taken
        links.write_agreed(connection, link.id, agreed)
        conflicts.close_conflict(connection, link.id, name, resolution=use, by=by)
        overlays.show_anew(connection, batch_of_edit(connection, context, link.row), [link.row["id"]])
        audit.record(
            connection,
            who=by,
            action=f"resolve conflict: {use}",
            target=f"conflict {conflict_id}",
            details={"field": name, "local": conflict["local_value"], "remote": link.remote.get(name)},
        )
    return {**conflict, "resolution": use}
