"""Creating a customer there, or adopting the one that is there already. Never doubled: what may have happened is looked up.

Facts: docs/systems/sumit.md#writes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from customer_assets.domain.cache.mapping import MappedRecord
from customer_assets.domain.identity.names import name_key
from customer_assets.domain.push.three_way_merge import same
from customer_assets.errors import RecordError, RefusedError, UnknownOutcomeError
from customer_assets.pipeline.push.plan import PlannedPush, PushRow, cannot_adopt, creation_of
from customer_assets.pipeline.push.run import PushRun
from customer_assets.pipeline.push.updates import update
from customer_assets.sources.kit.pages import Page
from customer_assets.store import erasures
from customer_assets.store.cache import rows
from customer_assets.store.push import links

LOOKED_UP_BY = (
    "vat_number",
    "general_email",
    "phone",
)  # in this order, after a creation whose outcome is unknown


async def create(run: PushRun, plan: PlannedPush) -> PushRow:
    """Adopt what is there, else create. Before the call it is noted that it may have happened."""
    account = run.sync.account.account
    link_id = links.want_link(run.sync.connection, account=account, origin_id=plan.row_id)
    if run.required(plan.row_id).row is not None:
        return await update(run, plan)  # it came to be there meanwhile
    if twins := links.twins(run.sync.connection, plan.row_id):
        return await _adopt_twin(run, plan, link_id, twins)
    row = rows.read_rows(run.sync.connection, [plan.row_id])[plan.row_id]
    values = {f.field: f.new for f in creation_of(row, run.sync.account).fields}
    remote_id = None
    if plan.action == "look_up":
        remote_id = await _looked_up(run, link_id, run.required(plan.row_id).base or values)  # as it was sent then
    if remote_id is not None:
        return await _take_over(run, plan, link_id, remote_id)
    links.mark_attempt(run.sync.connection, link_id, values)
    external_id = _external_id(row)
    try:
        remote_id = await run.client.create(run.sent(values), external_id=external_id)
    except RefusedError as error:
        links.mark_state(run.sync.connection, link_id, "wanted", str(error))
        raise
    except UnknownOutcomeError:
        remote_id = await _looked_up(run, link_id, values)
        if remote_id is not None:
            return await _take_over(run, plan, link_id, remote_id)
        # it did not happen: once more, and no further
        remote_id = await run.client.create(run.sent(values), external_id=external_id)
    _refuse_erased(run, link_id, remote_id)
    if links.link_of_remote(run.sync.connection, account=account, remote_id=remote_id) not in (
        None,
        link_id,
    ):
        return await _take_over(run, plan, link_id, remote_id)
    with run.sync.connection.transaction():
        run.store(replace(run.required(plan.row_id), origin=row), remote_id, values)
    return run.kept(plan, "created", None, sent={name: (None, value) for name, value in values.items()})


async def _adopt_twin(run: PushRun, plan: PlannedPush, link_id: int, twins: list[dict[str, Any]]) -> PushRow:
    """The resolution says that this customer is in SUMIT already."""
    if reason := cannot_adopt(twins):
        links.mark_state(run.sync.connection, link_id, "review", reason)
        raise RefusedError(reason, system=run.sync.system.name)
    _join(run, link_id, str(twins[0]["source_customer_id"]))
    return await update(run, plan, outcome="adopted")


async def _take_over(run: PushRun, plan: PlannedPush, link_id: int, remote_id: str) -> PushRow:
    """A customer that is there, from an earlier call or by somebody's hand: read, compared, and completed."""
    _refuse_erased(run, link_id, remote_id)
    run.load(remote_id, await run.fetch(remote_id))
    _join(run, link_id, remote_id)
    return await update(run, plan, outcome="created")


def _join(run: PushRun, link_id: int, remote_id: str) -> None:
    """Give the origin to the link that knows the SUMIT row; nothing was agreed between the two yet."""
    existing = links.link_of_remote(run.sync.connection, account=run.sync.account.account, remote_id=remote_id)
    if existing is None:
        raise RefusedError(f"SUMIT customer {remote_id} cannot be read", system=run.sync.system.name)
    taken = links.origin_of(run.sync.connection, existing)
    if taken is not None and existing != link_id:
        reason = f"SUMIT customer {remote_id} is linked to customer {taken} already"
        links.mark_state(run.sync.connection, link_id, "review", reason)
        raise RefusedError(reason, system=run.sync.system.name)
    with run.sync.connection.transaction():
        if existing != link_id:
            links.join_links(run.sync.connection, wanted=link_id, existing=existing)
        links.agree_on_nothing(run.sync.connection, existing)


async def _looked_up(run: PushRun, link_id: int, values: dict[str, Any]) -> str | None:
    """The id of the customer that an earlier call may have created: the same name, and a key the same if there is any.

    Of a name alone it is none that was there before: somebody else may have it.
    """
    properties = run.pushes.searched_by(run.sync.account.settings)
    keys = [name for name in LOOKED_UP_BY if values.get(name)]
    hits: set[str] = set()
    for name in (*keys, "name"):
        for page in await run.client.search(properties[name], str(values[name])):
            found = _readable(run, page)
            if found is None or name_key(found.values.get("name")) != name_key(values.get("name")):
                continue
            if not keys or any(same(key, values[key], found.values.get(key)) for key in keys):
                hits.add(found.source_id)
        if hits and not keys:
            hits -= links.known_before(run.sync.connection, link_id, sorted(hits))
        if hits:
            break
    if len(hits) > 1:
        reason = f"several SUMIT customers match: {', '.join(sorted(hits))}"
        links.mark_state(run.sync.connection, link_id, "review", reason)
        raise RefusedError(reason, system=run.sync.system.name)
    return next(iter(hits), None)


def _refuse_erased(run: PushRun, link_id: int, remote_id: str) -> None:
    """Who was erased here is not taken in again, nor asked about night after night."""
    account, system = run.sync.account.account, run.sync.system.name
    if erasures.erased_among(run.sync.connection, account=account, source=system, ids=[remote_id]):
        reason = f"SUMIT customer {remote_id} was erased here: erase this one, too, or both there"
        links.mark_state(run.sync.connection, link_id, "review", reason)
        raise RefusedError(reason, system=system)


def _readable(run: PushRun, page: Page) -> MappedRecord | None:
    try:
        return run.read(page)
    except RecordError:
        return None  # somebody else's record, and no good one


def _external_id(row: dict[str, Any]) -> str:
    """A key of this customer that outlives our database: system and id, with the account where there are several."""
    account = "" if row["account"] == "default" else f"{row['account']}:"
    return f"{account}{row['source']}:{row['source_customer_id']}"
