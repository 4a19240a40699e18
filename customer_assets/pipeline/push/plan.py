"""The plan of a push, field by field, by what was last seen of both sides. Reads only: nothing is called or written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from customer_assets.accounts import Account
from customer_assets.domain.push.three_way_merge import Outcome
from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.sync.reconcile import field_states
from customer_assets.sources.registry import SYSTEMS, with_pushes
from customer_assets.sources.system import Pushes, PushSettings
from customer_assets.store.cache import rows
from customer_assets.store.database import Connection
from customer_assets.store.push import links
from customer_assets.store.push.links import SumitLink


@dataclass(frozen=True, slots=True)
class PlannedField:
    """A field that is to be sent: what SUMIT has, what it is to have, and why."""

    field: str
    old: Any
    new: Any
    why: str


@dataclass(frozen=True)
class PlannedPush:
    """What is to be done for one customer.

    Attributes:
        row_id: the cache row that a user knows it by.
        name: whose customer it is, for a plan that is read.
        action: create, update, adopt (it is there already, as the resolution says), or look_up (an earlier creation may have
            happened).
        fields: what is to be sent.
        conflicts: fields that wait for a decision and are not sent.
    """

    row_id: int
    name: str
    action: str
    fields: tuple[PlannedField, ...]
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PushRow:
    """What became of one row: created, updated, adopted, unchanged, conflict, failed, pending or planned."""

    id: int
    outcome: str
    reason: str | None = None
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    is_in_conflict: bool = False


def plan_push(
    connection: Connection, account: Account, ids: Sequence[int] | None, *, is_to_be_done: bool = False
) -> tuple[list[PlannedPush], list[PushRow], int]:
    """What is to be sent, by what was last seen of both sides. Reads only.

    Args:
        connection: database.
        account: a SUMIT account.
        ids: cache rows, of SUMIT or of another system; an empty list means none, None all that changed.
        is_to_be_done: what cannot be done is in the plan, too, to be refused and noted when its turn comes.

    Returns:
        Plans; outcomes of rows asked for that need none; how many linked customers need nothing.
    """
    pushes_of(account)  # refuses a system that is read alone
    settings: PushSettings = account.settings
    ids = None if ids is None else list(dict.fromkeys(ids))
    plans: list[PlannedPush] = []
    settled: list[PushRow] = []
    unchanged = 0
    found = links.load_links(connection, account=account.account, row_ids=ids)
    known: set[int] = set()
    for link in found:
        known |= {row["id"] for row in (link.row, link.origin) if row is not None}
        plan = plan_of(link, account, is_named=ids is not None)
        if plan is not None and link.row is None and link.origin is not None:
            _add(plans, settled, _as_it_will_be(connection, plan, link.origin, account, is_to_be_done))
            continue
        if plan is not None and plan.fields:
            plans.append(plan)
        elif plan is not None and plan.conflicts:
            settled.append(PushRow(link.shown_id, "conflict", in_conflict(plan.conflicts), is_in_conflict=True))
        elif link.row is not None and link.row["deleted_at"] is None:
            unchanged += 1
            if ids is not None:
                settled.append(PushRow(link.shown_id, "unchanged"))
        elif reason := _cannot_be_pushed(link, is_named=ids is not None):
            settled.append(PushRow(link.shown_id, "failed", reason))
    wanted = (
        links.wanted_rows(connection, account=account.account, sources=settings.push_sources)
        if ids is None
        else [i for i in ids if i not in known]
    )
    there = rows.read_rows(connection, wanted)
    for row_id in wanted:
        row = there.get(row_id)
        if row is None or row["account"] != account.account:
            of_another = "no such customer" if row is None else f"it is a customer of account {row['account']}"
            settled.append(PushRow(row_id, "failed", of_another))
        elif row["deleted_at"] is not None:
            settled.append(PushRow(row_id, "failed", f"it is deleted in {row['source']}"))
        else:
            _add(plans, settled, _as_it_will_be(connection, creation_of(row, account), row, account, is_to_be_done))
    failed = {link.shown_id for link in found if link.last_error is not None}
    plans.sort(key=lambda plan: plan.row_id in failed)  # those that failed before must not use up what the others need
    return plans, settled, unchanged


def _cannot_be_pushed(link: SumitLink, *, is_named: bool) -> str | None:
    """Why a linked customer that has no plan has none, where somebody asked for it or edited it."""
    if link.row is not None:
        return "it is deleted in SUMIT; its edits wait" if is_named or link.edits else None
    if not is_named or link.origin is None:
        return None
    return f"it is deleted in {link.origin['source']}" if link.origin["deleted_at"] is not None else link.last_error


def plan_of(link: SumitLink, account: Account, *, is_named: bool = True) -> PlannedPush | None:
    if link.row is None:
        if link.origin is None or link.origin["deleted_at"] is not None or (link.state == "review" and not is_named):
            return None
        may_be_there = link.state in ("creating", "review")
        return creation_of(link.origin, account, action="look_up" if may_be_there else "create")
    if link.row["deleted_at"] is not None or link.id is None:
        return None
    states = list(field_states(link, account))
    return PlannedPush(
        link.shown_id,
        str(link.row["name"]),
        "update",
        tuple(PlannedField(s.field, s.remote, s.local, s.why) for s in states if s.decision.outcome is Outcome.PUSH),
        tuple(s.field for s in states if s.decision.outcome is Outcome.CONFLICT),
    )


def creation_of(row: dict[str, Any], account: Account, *, action: str = "create") -> PlannedPush:
    pushes = pushes_of(account)
    values = pushes.as_customer(row, account.settings)
    sent = tuple(
        PlannedField(name, None, values[name], "not in SUMIT yet")
        for name in pushes.keys(account.settings)
        if values.get(name) is not None
    )
    return PlannedPush(row["id"], str(row["name"]), action, sent)


def _add(plans: list[PlannedPush], settled: list[PushRow], found: PlannedPush | PushRow) -> None:
    if isinstance(found, PlannedPush):
        plans.append(found)
    else:
        settled.append(found)


def _as_it_will_be(
    connection: Connection, plan: PlannedPush, row: dict[str, Any], account: Account, is_to_be_done: bool
) -> PlannedPush | PushRow:
    """A creation, unless the resolution says that the customer is there: then that one is adopted, or why it cannot be."""
    twins = links.twins(connection, plan.row_id)
    if not twins:
        return plan
    if reason := cannot_adopt(twins):
        return plan if is_to_be_done else PushRow(plan.row_id, "failed", reason)
    (link,) = links.load_links(connection, account=account.account, row_ids=[twins[0]["id"]])
    # nothing was agreed between the two yet: what each says stands against what the other says
    states = list(field_states(replace(link, origin=row, base={}, origin_values={}), account))
    there = f"SUMIT customer {twins[0]['source_customer_id']} is this one"
    return PlannedPush(
        plan.row_id,
        plan.name,
        "adopt",
        tuple(
            PlannedField(s.field, s.remote, s.local, f"{there}: {s.why}")
            for s in states
            if s.decision.outcome is Outcome.PUSH
        ),
        tuple(s.field for s in states if s.decision.outcome is Outcome.CONFLICT),
    )


def cannot_adopt(twins: Sequence[dict[str, Any]]) -> str | None:
    """Why a customer cannot become one of those that it is there, None where it can."""
    taken = [twin for twin in twins if twin["origin_id"] is not None]
    if len(twins) == 1 and not taken:
        return None
    which = ", ".join(str(twin["source_customer_id"]) for twin in twins)
    through = f", pushed from customer {taken[0]['origin_id']}" if taken else ""
    return f"it is SUMIT customer {which} already{through}"


def in_conflict(fields: Sequence[str]) -> str:
    return f"both sides changed {', '.join(fields)}: `sumit conflicts list`"


def pushes_of(account: Account) -> Pushes:
    """How customers are written to the system of this account.

    Raises:
        ConfigurationError: it takes no pushes.
    """
    pushes = SYSTEMS[account.system].pushes
    if pushes is None:
        takers = ", ".join(system.name for system in with_pushes())
        raise ConfigurationError(f"{account.system} takes no pushes: only {takers} does")
    return pushes
