"""Updating a customer there: read again, merged again, and only what is still different is sent."""

from __future__ import annotations

from typing import Any

from customer_assets.domain.push.three_way_merge import same
from customer_assets.errors import GoneError, UnknownOutcomeError
from customer_assets.pipeline.push.plan import PlannedPush, PushRow, in_conflict, plan_of
from customer_assets.pipeline.push.run import PushRun
from customer_assets.sources.kit.pages import Page
from customer_assets.store.cache import overlays, rows
from customer_assets.store.push import links
from customer_assets.store.push.links import SumitLink

_NOTHING_SENT = {"updated": "unchanged", "created": "created", "adopted": "adopted"}


async def update(run: PushRun, plan: PlannedPush, *, outcome: str = "updated") -> PushRow:
    """Read again, merge again, write what is still to be written."""
    link = run.required(plan.row_id)
    said = link.remote
    if run.settings.read_before_push == "on":
        said = await _refresh(run, link)
        link = run.required(plan.row_id)
    fresh = plan_of(link, run.sync.account)
    if fresh is None:
        return run.kept(plan, "failed", "it is deleted in SUMIT")
    if not fresh.fields:
        if fresh.conflicts:
            return run.kept(plan, "conflict", in_conflict(fresh.conflicts), is_in_conflict=True)
        return run.kept(plan, _NOTHING_SENT[outcome], "SUMIT has it already")
    changes = {f.field: f.new for f in fresh.fields}
    values = changes if run.settings.update_mode == "partial" else _all_values(run, said) | changes
    remote_id = str(link.remote_id)
    try:
        await run.client.update(remote_id, run.sent(values))
    except UnknownOutcomeError:
        if not await _holds(run, remote_id, changes):
            await run.client.update(remote_id, run.sent(values))
    with run.sync.connection.transaction():
        _end_edits(run, link, fresh)
        run.store(link, remote_id, changes, edited={f.field for f in fresh.fields if f.field in link.edits})
    sent = {f.field: (f.old, f.new) for f in fresh.fields}
    reason = in_conflict(fresh.conflicts) if fresh.conflicts else None
    return run.kept(plan, outcome, reason, sent=sent, is_in_conflict=bool(fresh.conflicts))


def _end_edits(run: PushRun, link: SumitLink, fresh: PlannedPush) -> None:
    """Edits end when they are pushed; one that was taken back meanwhile is a new edit, back to what was there."""
    row_id = int(link.row["id"]) if link.row is not None else 0
    rows.lock_rows(run.sync.connection, [row_id])
    used = {f.field: link.edits[f.field] for f in fresh.fields if f.field in link.edits}
    ended = set(links.release_edits(run.sync.connection, [edit.id for edit in used.values()]))
    open_now = {edit["field"] for edit in overlays.open_edits(run.sync.connection, row_id)}
    for planned in fresh.fields:
        edit = used.get(planned.field)
        if edit is not None and edit.id not in ended and planned.field not in open_now:
            overlays.store_edit(
                run.sync.connection,
                row_id,
                planned.field,
                planned.old,
                planned.new,
                by=f"{edit.by} (taken back while it was pushed)",
            )


async def _refresh(run: PushRun, link: SumitLink) -> dict[str, Any]:
    """What SUMIT has now, into the cache, where a remote edit since the last pull is merged like any other; what it says."""
    remote_id = str(link.remote_id)
    try:
        page: Page | None = await run.fetch(remote_id)
    except GoneError:
        page = None
    run.load(remote_id, page)
    return dict(run.read(page).values) if page is not None else {}


def _all_values(run: PushRun, said: dict[str, Any]) -> dict[str, Any]:
    """All mapped values that SUMIT has: whether it keeps those that are not sent again is unknown.

    Not what is kept or taken for granted here: a value that somebody cleared there would be back.
    """
    return {name: said[name] for name in run.pushes.keys(run.sync.account.settings) if said.get(name) is not None}


async def _holds(run: PushRun, remote_id: str, changes: dict[str, Any]) -> bool:
    """Whether SUMIT has these values now."""
    page = await run.fetch(remote_id)
    there = run.read(page)
    return all(same(name, there.values.get(name), value) for name, value in changes.items())
