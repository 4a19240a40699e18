"""Local and remote SUMIT values compared, field by field, after every pull: what is agreed, pulled, to be pushed, in doubt.

Nothing is sent from here. A pull that finds both sides as they were agreed writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from customer_assets.accounts import Account
from customer_assets.domain.cache.row import Batch
from customer_assets.domain.push.three_way_merge import MergeDecision, Outcome, merge, same
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import Pushes, PushSettings
from customer_assets.store.cache import overlays, rows
from customer_assets.store.database import Connection
from customer_assets.store.push import conflicts, links
from customer_assets.store.push.conflicts import Conflict
from customer_assets.store.push.links import Edit, SumitLink


@dataclass(frozen=True, slots=True)
class FieldState:
    """One field of a linked customer: its three values and what is to be done."""

    field: str
    base: Any
    local: Any
    local_at: datetime | None
    remote: Any
    remote_at: datetime | None
    edit: Edit | None
    from_origin: bool
    origin_value: Any
    decision: MergeDecision

    @property
    def why(self) -> str:
        """Why the local value differs, for a plan."""
        if self.edit is not None:
            return f"edited by {self.edit.by} at {self.edit.at:%Y-%m-%d %H:%M} UTC"
        return "changed in the system it was pushed from" if self.from_origin else "differs from what was agreed"


@dataclass
class Reconciled:
    """Conflicts that wait for a decision, and rows to be shown anew, since an edit of theirs is released."""

    open_conflicts: int = 0
    shown_anew: list[int] = field(default_factory=list)


def field_states(link: SumitLink, account: Account) -> Iterator[FieldState]:
    """Every field that the system takes, compared. The link has a row."""
    pushes, settings = _pushes(account), _settings(account)
    from_row = link.live_origin
    origin = pushes.as_customer(from_row, account.settings) if from_row else {}
    remote = link.remote
    seen_at = link.row["source_modified_at"] if link.row is not None else None
    for name in pushes.keys(account.settings):
        base, there, edit = link.base.get(name), remote.get(name), link.edits.get(name)
        local, local_at, from_origin = base, None, False
        if edit is not None:
            local, local_at = edit.value, edit.at
        elif from_row and (origin.get(name) is not None or link.origin_values.get(name) is not None):
            from_origin = True
            if not same(name, origin.get(name), link.origin_values.get(name)):
                local, local_at = origin.get(name), from_row["updated_at"]
        decision = merge(
            base,
            local,
            there,
            field=name,
            policy=settings.conflict_policy,
            local_at=local_at,
            remote_at=seen_at,
            from_origin=from_origin,
            is_edited=edit is not None,
        )
        yield FieldState(name, base, local, local_at, there, seen_at, edit, from_origin, origin.get(name), decision)


def _pushes(account: Account) -> Pushes:
    pushes = SYSTEMS[account.system].pushes
    assert pushes is not None  # noqa: S101 (the callers ask for systems that take pushes alone)
    return pushes


def _settings(account: Account) -> PushSettings:
    settings: PushSettings = account.settings
    return settings


def reconcile(
    connection: Connection, account: Account, batch: Batch, *, row_ids: Sequence[int] | None = None
) -> Reconciled:
    """Bring links, bases, edits and conflicts in line with what was just pulled.

    Args:
        connection: database.
        account: an account of a system that takes pushes.
        batch: what changes are logged as.
        row_ids: only these rows; None: all.
    """
    keys = _pushes(account).keys(account.settings)
    result = Reconciled()
    with connection.transaction():
        found = links.load_links(connection, account=account.account, row_ids=row_ids)
        unlinked = [link for link in found if link.id is None and _is_alive(link)]
        for link in unlinked:
            link.base = {name: link.remote.get(name) for name in keys}
            link.remote_id = link.row["source_customer_id"] if link.row else None
        links.create_links(connection, unlinked)
        released: list[int] = []
        for link in found:
            if link.id is not None and _is_alive(link):
                released += _reconcile(connection, link, account, result)
        if released:
            rows.lock_rows(connection, result.shown_anew)
            links.release_edits(connection, released)
            overlay = overlays.load_overlays(
                connection,
                account=account.account,
                source=account.system,
                regions=batch.overlays.regions,
            )
            overlays.show_anew(connection, replace(batch, overlays=overlay), result.shown_anew)
    return result


def _is_alive(link: SumitLink) -> bool:
    return link.row is not None and link.row["deleted_at"] is None


def _reconcile(connection: Connection, link: SumitLink, account: Account, result: Reconciled) -> list[int]:
    """One link; returns ids of edits that do not hold any more."""
    assert link.id is not None  # noqa: S101 (asked before)
    agreed = links.Agreed()
    released: list[int] = []
    is_pending = False
    for state in field_states(link, account):
        outcome = state.decision.outcome
        is_pending |= outcome is Outcome.PUSH
        if state.decision.both_changed and outcome is not Outcome.CONFLICT:
            winner = "local" if outcome is Outcome.PUSH else "remote"
            conflicts.store_conflict(
                connection,
                _conflict(link.id, state),
                resolution=winner,
                by=f"policy {_settings(account).conflict_policy}",
            )
        if outcome is Outcome.CONFLICT:
            result.open_conflicts += 1
            if link.open_conflicts.get(state.field) != (state.local, state.remote):
                conflicts.store_conflict(connection, _conflict(link.id, state), resolution=None, by=None)
            continue
        if state.field in link.open_conflicts and not state.decision.both_changed:
            conflicts.close_conflict(connection, link.id, state.field, resolution="equal", by=None)
        is_agreed = outcome in (Outcome.SETTLED, Outcome.PULL)
        if is_agreed and state.edit is not None:
            released.append(state.edit.id)
            result.shown_anew.append(link.row["id"] if link.row else 0)
        # a local value that won over a remote change is from now on a change of what is there
        if (is_agreed or state.decision.both_changed) and link.base.get(state.field) != state.remote:
            agreed.base[state.field] = state.remote
            if outcome is Outcome.PUSH and state.from_origin:
                agreed.send_again(state.field, state.origin_value)
        is_known = same(state.field, state.origin_value, link.origin_values.get(state.field))
        if outcome is Outcome.SETTLED and state.from_origin and not is_known:
            agreed.origin_values[state.field] = state.origin_value  # which SUMIT writes in its own way
    if link.state == "failed" and not is_pending:
        links.mark_state(connection, link.id, "linked", None)
    links.write_agreed(connection, link.id, agreed)
    return released


def _conflict(link_id: int, state: FieldState) -> Conflict:
    return Conflict(
        link_id,
        state.field,
        state.base,
        state.local,
        state.local_at,
        state.remote,
        state.remote_at,
    )
