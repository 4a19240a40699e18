"""Pushing to SUMIT: a plan first, field by field; then each row by itself, read again before it is written.

A write is never repeated blindly: what may have happened is looked up. Source of the rules: the SUMIT fact sheet, sections 3
and 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from customer_assets.accounts import Account
from customer_assets.domain.cache import tables
from customer_assets.domain.cache.mapping import MappedRecord, Mapper, decode_record
from customer_assets.domain.cache.row import Batch, Counts, Sighting
from customer_assets.domain.clock import now_utc
from customer_assets.domain.identity.names import name_key
from customer_assets.domain.push.three_way_merge import Outcome, same
from customer_assets.errors import (
    ConfigurationError,
    CustomerAssetsError,
    GoneError,
    RecordError,
    RefusedError,
    SourceError,
    UnknownOutcomeError,
)
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.sync.load import load_detail
from customer_assets.pipeline.sync.reconcile import field_states, reconcile
from customer_assets.sources.kit.pages import Page
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import Pushes, PushSettings
from customer_assets.store import runs
from customer_assets.store.cache import overlays, rows, upsert
from customer_assets.store.database import Connection, connect, system_lock
from customer_assets.store.push import links, results
from customer_assets.store.push.links import Link
from customer_assets.store.raw import details
from customer_assets.store.raw import pages as raw_pages

LOOKED_UP_BY = (
    "vat_number",
    "general_email",
    "phone",
)  # in this order, after a creation whose outcome is unknown


@dataclass(frozen=True, slots=True)
class PlannedField:
    """A field that is to be sent: what SUMIT has, what it is to have, and why."""

    field: str
    old: Any
    new: Any
    why: str


@dataclass(frozen=True)
class Planned:
    """What is to be done for one customer.

    Attributes:
        row_id: the cache row that a user knows it by.
        name: whose customer it is, for a plan that is read.
        action: create, update, or look_up (an earlier creation may have happened).
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


@dataclass
class PushResult:
    """What a push did, row by row.

    Attributes:
        account: whose customers.
        rows: outcomes; unchanged ones only where they were asked for by id.
        unchanged: linked customers that needed nothing.
        calls: calls spent; calls_this_month with all before.
        error: what stopped it; rows that were not reached are pending.
        planned: what was to be done.
    """

    account: str
    rows: list[PushRow] = field(default_factory=list)
    unchanged: int = 0
    calls: int = 0
    received: int = 0
    calls_this_month: int = 0
    error: CustomerAssetsError | None = None
    planned: list[Planned] = field(default_factory=list)
    is_dry: bool = False

    def count(self, *outcomes: str) -> int:
        """Rows with one of these outcomes."""
        return sum(1 for row in self.rows if row.outcome in outcomes)

    @property
    def pushed(self) -> int:
        """Customers that SUMIT took."""
        return self.count("created", "updated", "adopted")

    @property
    def success(self) -> bool:
        """Nothing failed and nothing was left."""
        return self.error is None and not self.count("failed", "pending")

    @property
    def message(self) -> str:
        """One line in the words that users know."""
        if self.is_dry:
            return f"Dry run: {len(self.planned)} customers would be pushed"
        said = [f"Pushed {self.pushed} customer{'' if self.pushed == 1 else 's'}"]
        conflicts = sum(1 for row in self.rows if row.is_in_conflict)
        counted = (
            (self.count("failed"), "failed"), (conflicts, "in conflict"), (self.count("pending"), "left for the next run")
        )  # fmt: skip
        said += [f"{number} {words}" for number, words in counted if number]
        return ", ".join(said) + (f"; {self.error}" if self.error else "")

    def as_dict(self) -> dict[str, Any]:
        """As scripts and the console read it."""
        return {
            "pushed": self.pushed,
            "created": self.count("created"),
            "updated": self.count("updated", "adopted"),
            "unchanged": self.unchanged,
            "failed": self.count("failed"),
            "conflicts": sum(1 for row in self.rows if row.is_in_conflict),
            "pending": self.count("pending"),
            "calls": self.calls,
            "calls_this_month": self.calls_this_month,
            "rows": [
                {"id": r.id, "outcome": r.outcome, "reason": r.reason, "fields": r.fields} for r in self.rows
            ],
        }


# --- the plan ---------------------------------------------------------------------------------------------------------


def plan_push(
    connection: Connection, account: Account, ids: Sequence[int] | None
) -> tuple[list[Planned], list[PushRow], int]:
    """What is to be sent, by what was last seen of both sides. Reads only.

    Args:
        connection: database.
        account: a SUMIT account.
        ids: cache rows, of SUMIT or of another system; an empty list means none, None all that changed.

    Returns:
        Plans; outcomes of rows asked for that need none; how many linked customers need nothing.
    """
    pushes_of(account)  # refuses a system that is read alone
    settings: PushSettings = account.settings
    ids = None if ids is None else list(dict.fromkeys(ids))
    plans: list[Planned] = []
    settled: list[PushRow] = []
    unchanged = 0
    found = links.load_links(connection, account=account.account, row_ids=ids)
    known: set[int] = set()
    for link in found:
        known |= {row["id"] for row in (link.row, link.origin) if row is not None}
        plan = _plan_of(link, account, is_named=ids is not None)
        if plan is not None and plan.fields:
            plans.append(plan)
        elif plan is not None and plan.conflicts:
            settled.append(
                PushRow(link.shown_id, "conflict", _in_conflict(plan.conflicts), is_in_conflict=True)
            )
        elif link.row is not None and link.row["deleted_at"] is None:
            unchanged += 1
            if ids is not None:
                settled.append(PushRow(link.shown_id, "unchanged"))
        elif ids is not None or link.edits:
            settled.append(PushRow(link.shown_id, "failed", "it is deleted in SUMIT; its edits wait"))
    wanted = (
        links.wanted_rows(connection, account=account.account, sources=settings.push_sources)
        if ids is None
        else [i for i in ids if i not in known]
    )
    there = rows.read_rows(connection, wanted)
    for row_id in wanted:
        row = there.get(row_id)
        if row is None or row["account"] != account.account:
            settled.append(PushRow(row_id, "failed", "no such customer"))
        elif row["deleted_at"] is not None:
            settled.append(PushRow(row_id, "failed", f"it is deleted in {row['source']}"))
        else:
            plans.append(_creation(row, account))
    failed = {link.shown_id for link in found if link.last_error is not None}
    plans.sort(
        key=lambda plan: plan.row_id in failed
    )  # those that failed before must not use up what the others need
    return plans, settled, unchanged


def _plan_of(link: Link, account: Account, *, is_named: bool = True) -> Planned | None:
    if link.row is None:
        if (
            link.origin is None
            or link.origin["deleted_at"] is not None
            or (link.state == "review" and not is_named)
        ):
            return None
        may_be_there = link.state in ("creating", "review")
        return _creation(link.origin, account, action="look_up" if may_be_there else "create")
    if link.row["deleted_at"] is not None or link.id is None:
        return None
    states = list(field_states(link, account))
    return Planned(
        link.shown_id,
        str(link.row["name"]),
        "update",
        tuple(
            PlannedField(s.field, s.remote, s.local, s.why)
            for s in states
            if s.decision.outcome is Outcome.PUSH
        ),
        tuple(s.field for s in states if s.decision.outcome is Outcome.CONFLICT),
    )


def _creation(row: dict[str, Any], account: Account, *, action: str = "create") -> Planned:
    pushes = pushes_of(account)
    values = pushes.as_customer(row, account.settings)
    sent = tuple(
        PlannedField(name, None, values[name], "not in SUMIT yet")
        for name in pushes.keys(account.settings)
        if values.get(name) is not None
    )
    return Planned(row["id"], str(row["name"]), action, sent)


def _in_conflict(fields: Sequence[str]) -> str:
    return f"both sides changed {', '.join(fields)}: `sumit conflicts list`"


# --- the push ---------------------------------------------------------------------------------------------------------


def push(
    context: Context,
    account: Account,
    *,
    ids: Sequence[int] | None,
    dry_run: bool = False,
    calls_spent: int = 0,
) -> PushResult:
    """Push customers to SUMIT.

    Args:
        context: database and settings.
        account: a SUMIT account.
        ids: cache rows; an empty list means none, None all that changed.
        dry_run: plan alone; nothing is called, nothing is written.
        calls_spent: of the run's budget, by the pull before.

    Raises:
        BusyError: another process syncs or pushes this account.
    """
    with (
        system_lock(context.url, account=account.account, system=account.system, what="push"),
        connect(context.url, name="customer_assets push") as connection,
    ):
        return push_locked(context, connection, account, ids=ids, dry_run=dry_run, calls_spent=calls_spent)


def push_locked(
    context: Context, connection: Connection, account: Account, *, ids: Sequence[int] | None, dry_run: bool = False,
    calls_spent: int = 0,
) -> PushResult:  # fmt: skip
    """`push` for a caller that holds the system's lock and a connection; `calls_spent` of the run's budget are gone."""
    result = PushResult(account.account, is_dry=dry_run)
    if not dry_run:
        region = context.settings.default_region
        laid = overlays.load_overlays(
            connection, account=account.account, source=account.system, default_region=region
        )
        reconcile(connection, account, Batch(account.account, account.system, laid))
    result.planned, settled, result.unchanged = plan_push(connection, account, ids)
    result.rows += settled
    if dry_run:
        result.rows += [
            PushRow(p.row_id, "planned", f"{p.action}: {'; '.join(f'{f.field}: {f.why}' for f in p.fields)}",
                    {f.field: (f.old, f.new) for f in p.fields})
            for p in result.planned
        ]  # fmt: skip
    elif result.planned:
        run_id = runs.begin_run(
            connection, account=account.account, source=account.system, kind="push", trigger=context.trigger,
            dagster_run_id=context.dagster_run_id,
        )  # fmt: skip
        for plan in result.planned:  # those that this run does not reach are wanted by the next
            if plan.action == "create":
                links.want_link(connection, account=account.account, origin_id=plan.row_id)
        try:
            asyncio.run(_Push(context, connection, account, run_id, calls_spent).run(result))
        finally:
            _end(connection, run_id, result)
    result.calls_this_month = results.calls_this_month(connection, account=account.account)
    return result


def _end(connection: Connection, run_id: int, result: PushResult) -> None:
    status = "failed" if result.error else "partial" if not result.success else "ok"
    counts = Counts(
        created=result.count("created"), updated=result.count("updated", "adopted"), errors=result.count("failed")
    )  # fmt: skip
    runs.add_traffic(
        connection, run_id, pages=0, calls=result.calls, received=result.received, quota_left=None
    )
    runs.end_run(
        connection, run_id, status=status, entities={"push": counts}, message=result.message,
        error=str(result.error) if result.error else None,
    )  # fmt: skip


_NOTHING_SENT = {"updated": "unchanged", "created": "created", "adopted": "adopted"}


class _Push:
    """One push: the client, and where outcomes go."""

    def __init__(
        self, context: Context, connection: Connection, account: Account, run_id: int, calls_spent: int
    ) -> None:
        self._context, self._connection, self._account = context, connection, account
        self._pushes = pushes_of(account)
        self._settings: PushSettings = account.settings
        self._run_id, self._calls_spent = run_id, calls_spent
        self._keys = self._pushes.keys(account.settings)
        self._stream = SYSTEMS[account.system].stream("customers")
        self._mapper = Mapper(self._stream.mapping(self._settings))

    async def run(self, result: PushResult) -> None:
        """Work through the plans; what concerns every row stops it, and leaves the rest pending."""
        async with self._pushes.client(self._account.settings) as client:
            self._client = client
            if client.meter.budget is not None:
                client.meter.budget -= self._calls_spent
            try:
                for plan in result.planned:
                    row = await self._reached(plan, result)
                    result.rows.append(row)
                    result.unchanged += row.outcome == "unchanged"
            finally:
                result.calls, result.received = client.meter.calls, client.meter.received

    async def _reached(self, plan: Planned, result: PushResult) -> PushRow:
        if result.error is None:
            try:
                return await self._push_one(plan)
            except (SourceError, ConfigurationError) as error:
                result.error = error
        return self._kept(plan, "pending", str(result.error))

    async def _push_one(self, plan: Planned) -> PushRow:
        try:
            if plan.action == "update":
                return await self._update(plan)
            return await self._create(plan)
        except (RefusedError, GoneError, RecordError) as error:
            return self._kept(plan, "failed", str(error))
        except UnknownOutcomeError as error:
            return self._kept(plan, "failed", f"outcome unknown, looked up by the next run: {error}")

    def _kept(
        self, plan: Planned, outcome: str, reason: str | None, *, sent: dict[str, tuple[Any, Any]] | None = None,
        is_in_conflict: bool = False,
    ) -> PushRow:  # fmt: skip
        """The outcome of a row, kept in push_results; a failure is on its link, too."""
        link = self._link(plan.row_id)
        if (
            link is not None
            and link.id is not None
            and outcome == "failed"
            and link.state in ("linked", "failed")
        ):
            links.mark_state(self._connection, link.id, "failed", reason)
        results.store_result(
            self._connection, account=self._account.account, sync_run_id=self._run_id, row_id=plan.row_id,
            remote_id=link.remote_id if link else None, outcome=outcome, reason=reason, fields=sent or {},
        )  # fmt: skip
        return PushRow(plan.row_id, outcome, reason, sent or {}, is_in_conflict)

    def _link(self, row_id: int) -> Link | None:
        found = links.load_links(self._connection, account=self._account.account, row_ids=[row_id])
        return found[0] if found else None

    # --- updates ---

    async def _update(self, plan: Planned, *, outcome: str = "updated") -> PushRow:
        """Read again, merge again, write what is still to be written."""
        link = self._required(plan.row_id)
        if self._settings.read_before_push == "on":
            await self._refresh(link)
            link = self._required(plan.row_id)
        fresh = _plan_of(link, self._account)
        if fresh is None:
            return self._kept(plan, "failed", "it is deleted in SUMIT")
        if not fresh.fields:
            if fresh.conflicts:
                return self._kept(plan, "conflict", _in_conflict(fresh.conflicts), is_in_conflict=True)
            return self._kept(plan, _NOTHING_SENT[outcome], "SUMIT has it already")
        changes = {f.field: f.new for f in fresh.fields}
        values = changes if self._settings.update_mode == "partial" else self._all_values(link, changes)
        remote_id = str(link.remote_id)
        try:
            await self._client.update(remote_id, self._sent(values))
        except UnknownOutcomeError:
            if not await self._holds(remote_id, changes):
                await self._client.update(remote_id, self._sent(values))
        with self._connection.transaction():
            self._end_edits(link, fresh)
            self._store(link, remote_id, changes)
        sent = {f.field: (f.old, f.new) for f in fresh.fields}
        reason = _in_conflict(fresh.conflicts) if fresh.conflicts else None
        return self._kept(plan, outcome, reason, sent=sent, is_in_conflict=bool(fresh.conflicts))

    def _end_edits(self, link: Link, fresh: Planned) -> None:
        """Edits end when they are pushed; one that was taken back meanwhile is a new edit, back to what was there."""
        row_id = int(link.row["id"]) if link.row is not None else 0
        rows.lock_rows(self._connection, [row_id])
        used = {f.field: link.edits[f.field] for f in fresh.fields if f.field in link.edits}
        ended = set(links.release_edits(self._connection, [edit.id for edit in used.values()]))
        open_now = {edit["field"] for edit in overlays.open_edits(self._connection, row_id)}
        for planned in fresh.fields:
            edit = used.get(planned.field)
            if edit is not None and edit.id not in ended and planned.field not in open_now:
                overlays.store_edit(
                    self._connection, row_id, planned.field, planned.old, planned.new,
                    by=f"{edit.by} (taken back while it was pushed)",
                )  # fmt: skip

    def _required(self, row_id: int) -> Link:
        link = self._link(row_id)
        if link is None:
            raise GoneError(f"customer {row_id} is not there any more", system=self._account.system)
        return link

    async def _refresh(self, link: Link) -> None:
        """What SUMIT has now, into the cache; a remote edit since the last pull is merged like any other."""
        remote_id = str(link.remote_id)
        try:
            page: Page | None = await self._client.fetch(self._stream.detail or "", remote_id)
        except GoneError:
            page = None
        self._load(remote_id, page)

    def _load(self, remote_id: str, page: Page | None) -> None:
        key = raw_pages.StreamKey(self._account.account, self._account.system, self._stream.detail or "")
        details.land_detail(
            self._connection, key, remote_id, version=None, requested_at=page.requested_at if page else now_utc(),
            body=page.body if page else None,
        )  # fmt: skip
        load_detail(
            self._context, self._connection, self._account, self._stream, remote_id, sync_run_id=self._run_id
        )

    def _all_values(self, link: Link, changes: dict[str, Any]) -> dict[str, Any]:
        """All mapped values: what SUMIT has, with our changes. Whether it keeps omitted ones is unknown."""
        held = link.remote
        values = {name: held.get(name) for name in self._keys if held.get(name) is not None}
        return values | changes

    def _sent(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values under the keys of the write call; a cleared one as the setting says."""
        blank = "" if self._settings.cleared_value == "empty" else None
        return {self._keys[name]: blank if value is None else value for name, value in values.items()}

    async def _holds(self, remote_id: str, changes: dict[str, Any]) -> bool:
        """Whether SUMIT has these values now."""
        page = await self._client.fetch(self._stream.detail or "", remote_id)
        held = self._read(page)
        return all(same(name, held.values.get(name), value) for name, value in changes.items())

    def _read(self, page: Page) -> MappedRecord:
        _, record = self._mapper.reads(decode_record(page.envelope.records[0]))
        return self._mapper.map(record)

    # --- creations ---

    async def _create(self, plan: Planned) -> PushRow:
        """Adopt what is there, else create. Before the call it is noted that it may have happened."""
        account = self._account.account
        link_id = links.want_link(self._connection, account=account, origin_id=plan.row_id)
        if self._required(plan.row_id).row is not None:
            return await self._update(plan)  # it came to be there meanwhile
        if twins := links.twins(self._connection, plan.row_id):
            return await self._adopt_twin(plan, link_id, twins)
        row = rows.read_rows(self._connection, [plan.row_id])[plan.row_id]
        values = {f.field: f.new for f in _creation(row, self._account).fields}
        remote_id = await self._looked_up(link_id, values) if plan.action == "look_up" else None
        if remote_id is not None:
            return await self._take_over(plan, link_id, remote_id)
        links.mark_state(self._connection, link_id, "creating", None)
        external_id = _external_id(row)
        try:
            remote_id = await self._client.create(self._sent(values), external_id=external_id)
        except RefusedError as error:
            links.mark_state(self._connection, link_id, "wanted", str(error))
            raise
        except UnknownOutcomeError:
            remote_id = await self._looked_up(link_id, values)
            if remote_id is not None:
                return await self._take_over(plan, link_id, remote_id)
            # it did not happen: once more, and no further
            remote_id = await self._client.create(self._sent(values), external_id=external_id)
        if links.link_of_remote(self._connection, account=account, remote_id=remote_id) not in (
            None,
            link_id,
        ):
            return await self._take_over(plan, link_id, remote_id)
        with self._connection.transaction():
            self._store(replace(self._required(plan.row_id), origin=row), remote_id, values)
        return self._kept(plan, "created", None, sent={name: (None, value) for name, value in values.items()})

    async def _adopt_twin(self, plan: Planned, link_id: int, twins: list[dict[str, Any]]) -> PushRow:
        """The resolution says that this customer is in SUMIT already."""
        taken = [t for t in twins if t["origin_id"] is not None]
        if len(twins) > 1 or taken:
            which = ", ".join(str(t["source_customer_id"]) for t in twins)
            through = f", pushed from customer {taken[0]['origin_id']}" if taken else ""
            reason = f"it is SUMIT customer {which} already{through}"
            links.mark_state(self._connection, link_id, "review", reason)
            raise RefusedError(reason, system=self._account.system)
        self._join(link_id, str(twins[0]["source_customer_id"]))
        return await self._update(plan, outcome="adopted")

    async def _take_over(self, plan: Planned, link_id: int, remote_id: str) -> PushRow:
        """A customer that is there, from an earlier call or by somebody's hand: read, compared, and completed."""
        self._load(remote_id, await self._client.fetch(self._stream.detail or "", remote_id))
        self._join(link_id, remote_id)
        return await self._update(plan, outcome="created")

    def _join(self, link_id: int, remote_id: str) -> None:
        """Give the origin to the link that knows the SUMIT row; nothing was agreed between the two yet."""
        existing = links.link_of_remote(self._connection, account=self._account.account, remote_id=remote_id)
        if existing is None:
            raise RefusedError(f"SUMIT customer {remote_id} cannot be read", system=self._account.system)
        taken = links.origin_of(self._connection, existing)
        if taken is not None and existing != link_id:
            reason = f"SUMIT customer {remote_id} is linked to customer {taken} already"
            links.mark_state(self._connection, link_id, "review", reason)
            raise RefusedError(reason, system=self._account.system)
        with self._connection.transaction():
            if existing != link_id:
                links.join_links(self._connection, wanted=link_id, existing=existing)
            links.write_base(self._connection, existing, {}, {})

    async def _looked_up(self, link_id: int, values: dict[str, Any]) -> str | None:
        """The id of the customer that an earlier call may have created: the same name, and a key the same if there is any."""
        properties = self._pushes.searched_by(self._account.settings)
        keys = [name for name in LOOKED_UP_BY if values.get(name)]
        hits: set[str] = set()
        for name in (*keys, "name"):
            for page in await self._client.search(properties[name], str(values[name])):
                found = self._readable(page)
                if found is None or name_key(found.values.get("name")) != name_key(values.get("name")):
                    continue
                if not keys or any(same(key, values[key], found.values.get(key)) for key in keys):
                    hits.add(found.source_id)
            if hits:
                break
        if len(hits) > 1:
            reason = f"several SUMIT customers match: {', '.join(sorted(hits))}"
            links.mark_state(self._connection, link_id, "review", reason)
            raise RefusedError(reason, system=self._account.system)
        return next(iter(hits), None)

    def _readable(self, page: Page) -> MappedRecord | None:
        try:
            return self._read(page)
        except RecordError:
            return None  # somebody else's record, and no good one

    # --- what SUMIT took ---

    def _store(self, link: Link, remote_id: str, values: dict[str, Any]) -> None:
        """SUMIT's row and the link, as of what was sent; its own spelling comes with the next pull."""
        account, system = self._account.account, self._account.system
        region = self._context.settings.default_region
        batch = Batch(
            account, system,
            overlays.load_overlays(self._connection, account=account, source=system, default_region=region),
            origin="push", sync_run_id=self._run_id, incremental=True, whole_metadata=False,
        )  # fmt: skip
        known = link.origin or {}
        first = dict(self._pushes.insert_defaults)
        first |= {name: known[name] for name in ("country", "company_name", "state") if known.get(name)}
        first = {name: value for name, value in first.items() if name not in values}
        record = MappedRecord(remote_id, None, dict(values), first, {})
        upsert.apply_batch(self._connection, tables.CUSTOMERS, batch, [Sighting(record, now_utc())])
        row_id = rows.row_id_of(self._connection, account=account, source=system, source_id=remote_id)
        overlays.show_anew(self._connection, batch, [row_id])
        if link.origin is not None:
            rows.join_customer(self._connection, row_id, origin_id=link.origin["id"])
        origin = self._pushes.as_customer(link.origin, self._account.settings) if link.origin else {}
        if link.id is not None:
            links.record_push(
                self._connection, link.id, row_id=row_id, remote_id=remote_id, base=values,
                origin_values={n: origin[n] for n in values if n in origin},
            )  # fmt: skip


def _external_id(row: dict[str, Any]) -> str:
    """A key of this customer that outlives our database: system and id, with the account where there are several."""
    account = "" if row["account"] == "default" else f"{row['account']}:"
    return f"{account}{row['source']}:{row['source_customer_id']}"


def pushes_of(account: Account) -> Pushes:
    """How customers are written to the system of this account.

    Raises:
        ConfigurationError: it takes no pushes.
    """
    pushes = SYSTEMS[account.system].pushes
    if pushes is None:
        takers = ", ".join(name for name, system in SYSTEMS.items() if system.pushes is not None)
        raise ConfigurationError(f"{account.system} takes no pushes: only {takers} does")
    return pushes
