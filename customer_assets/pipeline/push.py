"""Pushing to SUMIT: a plan first, field by field; then each row by itself, read again before it is written.

A write is never repeated blindly: what may have happened is looked up. Source of the rules: the SUMIT fact sheet, sections 3
and 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from customer_assets.config import Account, SumitSettings
from customer_assets.domain.mapping import MappedRecord, Mapper, decode_record
from customer_assets.domain.merge import Outcome, same
from customer_assets.domain.names import name_key
from customer_assets.domain.systems import SUMIT_ENTITY, as_sumit_customer, sumit_writes
from customer_assets.errors import (
    ConfigurationError,
    CustomerAssetsError,
    GoneError,
    RefusedError,
    SourceError,
    UnknownOutcomeError,
)
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.load import load_detail
from customer_assets.pipeline.reconcile import field_states, reconcile
from customer_assets.sources.base import Page, now_utc
from customer_assets.sources.registry import SPECS
from customer_assets.sources.sumit import Sumit
from customer_assets.store import cache, details, links, overlays, raw, rows, runs
from customer_assets.store.cache import Batch, Counts, Sighting
from customer_assets.store.database import Connection, connect, system_lock
from customer_assets.store.links import Link

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
        for outcome, words in (
            ("failed", "failed"), ("conflict", "in conflict"), ("pending", "left for the next run")
        ):  # fmt: skip
            if number := self.count(outcome):
                said.append(f"{number} {words}")
        return ", ".join(said) + (f"; {self.error}" if self.error else "")

    def as_dict(self) -> dict[str, Any]:
        """As scripts and the console read it."""
        return {
            "pushed": self.pushed,
            "created": self.count("created"),
            "updated": self.count("updated", "adopted"),
            "unchanged": self.unchanged,
            "failed": self.count("failed"),
            "conflicts": self.count("conflict"),
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
    settings = _sumit(account)
    plans: list[Planned] = []
    settled: list[PushRow] = []
    unchanged = 0
    found = links.load_links(connection, account=account.account, row_ids=ids)
    known: set[int] = set()
    for link in found:
        known |= {row["id"] for row in (link.row, link.origin) if row is not None}
        plan = _plan_of(link, settings)
        if plan is not None and plan.fields:
            plans.append(plan)
        elif plan is not None and plan.conflicts:
            settled.append(PushRow(link.shown_id, "conflict", _in_conflict(plan.conflicts)))
        elif link.row is not None and link.row["deleted_at"] is None:
            unchanged += 1
            if ids is not None:
                settled.append(PushRow(link.shown_id, "unchanged"))
        elif ids is not None:
            reason = link.last_error if link.state == "review" else "it is deleted"
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
            settled.append(PushRow(row_id, "failed", "no such customer"))
        elif row["deleted_at"] is not None:
            settled.append(PushRow(row_id, "failed", f"it is deleted in {row['source']}"))
        else:
            plans.append(_creation(row, settings))
    return plans, settled, unchanged


def _plan_of(link: Link, settings: SumitSettings) -> Planned | None:
    if link.row is None:
        if link.origin is None or link.origin["deleted_at"] is not None or link.state == "review":
            return None
        return _creation(link.origin, settings, action="look_up" if link.state == "creating" else "create")
    if link.row["deleted_at"] is not None or link.id is None:
        return None
    states = list(field_states(link, settings))
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


def _creation(row: dict[str, Any], settings: SumitSettings, *, action: str = "create") -> Planned:
    values = as_sumit_customer(row, name_from=settings.name_from)
    sent = tuple(
        PlannedField(name, None, values[name], "not in SUMIT yet")
        for name in sumit_writes(settings.dialect)
        if values.get(name) is not None
    )
    return Planned(row["id"], str(row["name"]), action, sent)


def _in_conflict(fields: Sequence[str]) -> str:
    return f"both sides changed {', '.join(fields)}: `sumit conflicts list`"


# --- the push ---------------------------------------------------------------------------------------------------------


def push(
    context: Context, account: Account, *, ids: Sequence[int] | None, dry_run: bool = False
) -> PushResult:
    """Push customers to SUMIT.

    Args:
        context: database and settings.
        account: a SUMIT account.
        ids: cache rows; an empty list means none, None all that changed.
        dry_run: plan alone; nothing is called, nothing is written.

    Raises:
        BusyError: another process syncs or pushes this account.
    """
    with (
        system_lock(context.url, account=account.account, system="sumit", what="push"),
        connect(context.url, name="customer_assets push") as connection,
    ):
        return push_locked(context, connection, account, ids=ids, dry_run=dry_run)


def push_locked(
    context: Context, connection: Connection, account: Account, *, ids: Sequence[int] | None, dry_run: bool = False,
    calls_spent: int = 0,
) -> PushResult:  # fmt: skip
    """`push` for a caller that holds the system's lock and a connection; `calls_spent` of the run's budget are gone."""
    result = PushResult(account.account, is_dry=dry_run)
    if not dry_run:
        region = context.settings.default_region
        laid = overlays.load_overlays(
            connection, account=account.account, source="sumit", default_region=region
        )
        reconcile(connection, account, Batch(account.account, "sumit", laid))
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
            connection, account=account.account, source="sumit", kind="push", trigger=context.trigger,
            dagster_run_id=context.dagster_run_id,
        )  # fmt: skip
        asyncio.run(_Push(context, connection, account, run_id, calls_spent).run(result))
        status = "failed" if result.error else "partial" if not result.success else "ok"
        counts = Counts(
            created=result.count("created"), updated=result.count("updated", "adopted"), errors=result.count("failed")
        )  # fmt: skip
        runs.end_run(
            connection, run_id, status=status, entities={"push": counts}, message=result.message,
            error=str(result.error) if result.error else None,
        )  # fmt: skip
    result.calls_this_month = links.calls_this_month(connection, account=account.account)
    return result


class _Push:
    """One push: the client, and where outcomes go."""

    def __init__(
        self, context: Context, connection: Connection, account: Account, run_id: int, calls_spent: int
    ) -> None:
        self._context, self._connection, self._account = context, connection, account
        self._settings = _sumit(account)
        self._run_id, self._calls_spent = run_id, calls_spent
        self._keys = sumit_writes(self._settings.dialect)
        self._stream = SPECS["sumit"].stream("customers")
        self._mapper = Mapper(self._stream.mapping(self._settings))

    async def run(self, result: PushResult) -> None:
        """Work through the plans; what concerns every row stops it, and leaves the rest pending."""
        async with Sumit(self._settings) as client:
            self._client = client
            if client.meter.budget is not None:
                client.meter.budget -= self._calls_spent
            for plan in result.planned:
                if result.error is None:
                    try:
                        result.rows.append(await self._push_one(plan))
                        continue
                    except (SourceError, ConfigurationError) as error:
                        result.error = error
                result.rows.append(self._kept(plan, "pending", str(result.error)))
            result.calls = client.meter.calls
            runs.add_traffic(
                self._connection, self._run_id, pages=0, calls=client.meter.calls, received=client.meter.received,
                quota_left=None,
            )  # fmt: skip

    async def _push_one(self, plan: Planned) -> PushRow:
        try:
            if plan.action == "update":
                return await self._update(plan)
            return await self._create(plan)
        except (RefusedError, GoneError) as error:
            return self._kept(plan, "failed", str(error))
        except UnknownOutcomeError as error:
            return self._kept(plan, "failed", f"outcome unknown, looked up by the next run: {error}")

    def _kept(
        self,
        plan: Planned,
        outcome: str,
        reason: str | None,
        *,
        sent: dict[str, tuple[Any, Any]] | None = None,
    ) -> PushRow:
        """The outcome of a row, kept in push_results; a failure is on its link, too."""
        link = self._link(plan.row_id)
        if (
            link is not None
            and link.id is not None
            and outcome == "failed"
            and link.state in ("linked", "failed")
        ):
            links.mark_state(self._connection, link.id, "failed", reason)
        links.store_result(
            self._connection, account=self._account.account, sync_run_id=self._run_id, row_id=plan.row_id,
            remote_id=link.remote_id if link else None, outcome=outcome, reason=reason, fields=sent or {},
        )  # fmt: skip
        return PushRow(plan.row_id, outcome, reason, sent or {})

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
        fresh = _plan_of(link, self._settings)
        if fresh is None:
            return self._kept(plan, "failed", "it is deleted in SUMIT")
        if not fresh.fields:
            if fresh.conflicts:
                return self._kept(plan, "conflict", _in_conflict(fresh.conflicts))
            return self._kept(
                plan, "adopted" if outcome == "adopted" else "unchanged", "SUMIT has it already"
            )
        changes = {f.field: f.new for f in fresh.fields}
        values = changes if self._settings.update_mode == "partial" else self._all_values(link, changes)
        remote_id = str(link.remote_id)
        try:
            await self._client.update(remote_id, self._sent(values))
        except UnknownOutcomeError:
            if not await self._holds(remote_id, changes):
                await self._client.update(remote_id, self._sent(values))
        sent = {f.field: (f.old, f.new) for f in fresh.fields}
        used = [link.edits[name].id for name in changes if name in link.edits]
        with self._connection.transaction():
            links.release_edits(self._connection, used)
            self._store(link, remote_id, changes)
        reason = _in_conflict(fresh.conflicts) if fresh.conflicts else None
        return self._kept(plan, outcome, reason, sent=sent)

    def _required(self, row_id: int) -> Link:
        link = self._link(row_id)
        if link is None:
            raise GoneError(f"customer {row_id} is not there any more", system="sumit")
        return link

    async def _refresh(self, link: Link) -> None:
        """What SUMIT has now, into the cache; a remote edit since the last pull is merged like any other."""
        key = raw.StreamKey(self._account.account, "sumit", self._stream.detail or "")
        remote_id = str(link.remote_id)
        try:
            page: Page | None = await self._client.fetch(key.stream, remote_id)
        except GoneError:
            page = None
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
        link_id = links.want_link(self._connection, account=self._account.account, origin_id=plan.row_id)
        twins = links.twin_row(self._connection, plan.row_id)
        if len(twins) == 1 and (twin := self._link(twins[0])) is not None and twin.origin is None and twin.id:
            with self._connection.transaction():
                links.join_links(self._connection, wanted=link_id, existing=twin.id)
                links.write_base(self._connection, twin.id, {}, {})  # nothing was agreed yet
            return await self._update(plan, outcome="adopted")
        values = {f.field: f.new for f in plan.fields}
        row = rows.read_rows(self._connection, [plan.row_id])[plan.row_id]
        remote_id = None
        if plan.action == "look_up":
            remote_id = await self._looked_up(link_id, values)
        links.mark_state(self._connection, link_id, "creating", None)
        if remote_id is None:
            try:
                remote_id = await self._client.create(self._sent(values), external_id=_external_id(row))
            except RefusedError as error:
                links.mark_state(self._connection, link_id, "wanted", str(error))
                raise
            except UnknownOutcomeError:
                remote_id = await self._looked_up(link_id, values)
                if remote_id is None:  # it did not happen: once more, and no further
                    remote_id = await self._client.create(self._sent(values), external_id=_external_id(row))
        existing = links.link_of_remote(self._connection, account=self._account.account, remote_id=remote_id)
        if existing is not None and existing != link_id:
            taken = links.origin_of(self._connection, existing)
            if taken is not None:
                links.mark_state(
                    self._connection, link_id, "review", f"SUMIT customer {remote_id} is that of row {taken}"
                )
                raise RefusedError(
                    f"SUMIT customer {remote_id} is linked to customer {taken} already", system="sumit"
                )
            with self._connection.transaction():
                links.join_links(self._connection, wanted=link_id, existing=existing)
                links.write_base(self._connection, existing, {}, {})
            return await self._update(plan, outcome="adopted")
        with self._connection.transaction():
            self._store(self._required(plan.row_id), remote_id, values)
        return self._kept(plan, "created", None, sent={name: (None, value) for name, value in values.items()})

    async def _looked_up(self, link_id: int, values: dict[str, Any]) -> str | None:
        """The id of the customer that an earlier call may have created: same name, and one of the keys the same."""
        properties = {f.column: f.paths[0] for f in SUMIT_ENTITY.fields if f.paths}
        filters = {properties[name]: str(values[name]) for name in LOOKED_UP_BY if values.get(name)}
        hits: set[str] = set()
        for page in await self._client.search(filters):
            found = self._read(page)
            key = (
                any(
                    values.get(name) and same(name, values[name], found.values.get(name))
                    for name in LOOKED_UP_BY
                )
                or not filters
            )
            if key and name_key(found.values.get("name")) == name_key(values.get("name")):
                hits.add(found.source_id)
        if len(hits) > 1:
            reason = f"several SUMIT customers match: {', '.join(sorted(hits))}"
            links.mark_state(self._connection, link_id, "review", reason)
            raise RefusedError(reason, system="sumit")
        return next(iter(hits), None)

    # --- what SUMIT took ---

    def _store(self, link: Link, remote_id: str, values: dict[str, Any]) -> None:
        """SUMIT's row and the link, as of what was sent; its own spelling comes with the next pull."""
        account = self._account.account
        region = self._context.settings.default_region
        batch = Batch(
            account, "sumit",
            overlays.load_overlays(self._connection, account=account, source="sumit", default_region=region),
            origin="push", sync_run_id=self._run_id, incremental=True, whole_metadata=False,
        )  # fmt: skip
        record = MappedRecord(remote_id, None, dict(values), {"country": "IL", "is_active": True}, {})
        cache.apply_batch(self._connection, cache.CUSTOMERS, batch, [Sighting(record, now_utc())])
        row_id = rows.row_id_of(self._connection, account=account, source="sumit", source_id=remote_id)
        overlays.show_anew(self._connection, batch, [row_id])
        origin = as_sumit_customer(link.origin, name_from=self._settings.name_from) if link.origin else {}
        if link.id is not None:
            links.record_push(
                self._connection, link.id, row_id=row_id, remote_id=remote_id, base={**link.base, **values},
                origin_values={**link.origin_values, **{n: origin[n] for n in values if n in origin}},
            )  # fmt: skip


def _external_id(row: dict[str, Any]) -> str:
    """A key of this customer that outlives our database: system and id, with the account where there are several."""
    account = "" if row["account"] == "default" else f"{row['account']}:"
    return f"{account}{row['source']}:{row['source_customer_id']}"


def _sumit(account: Account) -> SumitSettings:
    settings = account.settings
    if not isinstance(settings, SumitSettings):
        raise ConfigurationError(f"{account.system} takes no pushes: only sumit does")
    return settings
