"""One push of one account: what its steps work with, and what became of each row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from customer_assets.domain.cache import tables
from customer_assets.domain.cache.mapping import MappedRecord, Mapper, decode_record
from customer_assets.domain.cache.row import Batch, Sighting
from customer_assets.domain.clock import now_utc
from customer_assets.errors import CustomerAssetsError, GoneError
from customer_assets.pipeline.push.plan import PlannedPush, PushRow, pushes_of
from customer_assets.pipeline.sync.load import load_detail
from customer_assets.pipeline.sync.run import SyncRun
from customer_assets.sources.kit.pages import Page
from customer_assets.sources.system import Pushes, PushSettings, Stream, Writer
from customer_assets.store.cache import overlays, rows, upsert
from customer_assets.store.push import links, results
from customer_assets.store.push.links import Edit, SumitLink
from customer_assets.store.raw import details
from customer_assets.store.raw.details import LandedDetail


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
    planned: list[PlannedPush] = field(default_factory=list)
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
        parts = [f"Pushed {self.pushed} customer{'' if self.pushed == 1 else 's'}"]
        conflicts = sum(1 for row in self.rows if row.is_in_conflict)
        counted = (
            (self.count("failed"), "failed"),
            (conflicts, "in conflict"),
            (self.count("pending"), "left for the next run"),
        )
        parts += [f"{number} {words}" for number, words in counted if number]
        return ", ".join(parts) + (f"; {self.error}" if self.error else "")

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
            "rows": [{"id": r.id, "outcome": r.outcome, "reason": r.reason, "fields": r.fields} for r in self.rows],
        }


@dataclass
class PushRun:
    """What the steps of a push work with.

    Attributes:
        sync: its row in sync_runs, the connection, the account.
        client: writes to the system.
    """

    sync: SyncRun
    client: Writer

    @cached_property
    def pushes(self) -> Pushes:
        """How customers are written to the system."""
        return pushes_of(self.sync.account)

    @property
    def settings(self) -> PushSettings:
        """The account's settings."""
        settings: PushSettings = self.sync.account.settings
        return settings

    @cached_property
    def stream(self) -> Stream:
        """The customers of the system."""
        return self.sync.system.stream("customers")

    @cached_property
    def _mapper(self) -> Mapper:
        return Mapper(self.sync.mapping(self.stream))

    # --- links ---

    def link(self, row_id: int) -> SumitLink | None:
        """The link that a customer has, by its own row or its origin."""
        account = self.sync.account.account
        found = links.load_links(self.sync.connection, account=account, row_ids=[row_id])
        return found[0] if found else None

    def required(self, row_id: int) -> SumitLink:
        """The same; raises `GoneError` where there is none."""
        link = self.link(row_id)
        if link is None:
            raise GoneError(f"customer {row_id} is not there any more", system=self.sync.system.name)
        return link

    def kept(
        self,
        plan: PlannedPush,
        outcome: str,
        reason: str | None,
        *,
        sent: dict[str, tuple[Any, Any]] | None = None,
        is_in_conflict: bool = False,
    ) -> PushRow:
        """The outcome of a row, kept in push_results; a failure is on its link, too."""
        connection, link = self.sync.connection, self.link(plan.row_id)
        if link is not None and link.id is not None and outcome == "failed" and link.state in ("linked", "failed"):
            links.mark_state(connection, link.id, "failed", reason)
        results.store_result(
            connection,
            account=self.sync.account.account,
            sync_run_id=self.sync.id,
            row_id=plan.row_id,
            remote_id=link.remote_id if link else None,
            outcome=outcome,
            reason=reason,
            fields=sent or {},
        )
        return PushRow(plan.row_id, outcome, reason, sent or {}, is_in_conflict)

    # --- the other side ---

    async def fetch(self, remote_id: str) -> Page:
        """A customer as the system has it now."""
        return await self.client.fetch(self.stream.detail or "", remote_id)

    def read(self, page: Page) -> MappedRecord:
        """What such an answer says."""
        _, record = self._mapper.reads(decode_record(page.envelope.records[0]))
        return self._mapper.map(record)

    def load(self, remote_id: str, page: Page | None) -> None:
        """Bring it into the cache, where it is merged like any other; None: it is gone."""
        answer = (
            LandedDetail(remote_id, page.body, page.requested_at) if page else LandedDetail(remote_id, None, now_utc())
        )
        details.land_details(self.sync.connection, self.sync.key(self.stream.detail), [answer])
        load_detail(self.sync, self.stream, remote_id)

    def sent(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values under the keys of the write call; a cleared one as the setting says."""
        keys = self.pushes.keys(self.sync.account.settings)
        blank = "" if self.settings.cleared_value == "empty" else None
        return {keys[name]: blank if value is None else value for name, value in values.items()}

    def store(self, link: SumitLink, remote_id: str, values: dict[str, Any], *, edited: Collection[str] = ()) -> None:
        """The system's row and the link, as of what was sent; its own spelling comes with the next pull.

        Args:
            link: whose.
            remote_id: its id there.
            values: what was sent, by column.
            edited: those of them that somebody wrote by hand: what the origin has instead is not settled by these, where
                it changed later.
        """
        connection, account, system = self.sync.connection, self.sync.account.account, self.sync.system.name
        batch = Batch.of_push(account, system, self.sync.overlays(), sync_run_id=self.sync.id)
        known = link.origin or {}
        first = dict(self.pushes.insert_defaults)
        first |= {name: known[name] for name in ("country", "company_name", "state") if known.get(name)}
        first = {name: value for name, value in first.items() if name not in values}
        record = MappedRecord(remote_id, None, dict(values), first, {})
        upsert.apply_batch(connection, tables.CUSTOMERS, batch, [Sighting(record, now_utc())])
        row_id = rows.row_id_of(connection, account=account, source=system, source_id=remote_id)
        overlays.show_anew(connection, batch, [row_id])
        if link.origin is not None:
            rows.join_customer(connection, row_id, origin_id=link.origin["id"])
        origin = self.pushes.as_customer(link.origin, self.sync.account.settings) if link.origin else {}
        if link.id is not None:
            links.record_push(
                connection,
                link.id,
                row_id=row_id,
                remote_id=remote_id,
                base=values,
                origin_values={
                    n: origin[n] for n in values if n in origin and (n not in edited or _is_older(link, link.edits[n]))
                },
            )


def _is_older(link: SumitLink, edit: Edit) -> bool:
    """Whether the origin is as it was when somebody edited the row that was pushed from it."""
    return link.origin is None or link.origin["updated_at"] <= edit.at
