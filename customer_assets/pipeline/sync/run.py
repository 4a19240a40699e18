"""One sync of one account: what its steps work with, its row in sync_runs, and what they found."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Self

from customer_assets.accounts import Account
from customer_assets.domain.cache.mapping import RecordMapping
from customer_assets.domain.cache.overlay import Overlays
from customer_assets.domain.cache.row import Counts
from customer_assets.domain.phone import Regions
from customer_assets.errors import CustomerAssetsError, SourceError
from customer_assets.pipeline.context import Context, Progress
from customer_assets.sources.kit.client import Source
from customer_assets.sources.kit.pace import Meter
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import Stream, System
from customer_assets.store import runs
from customer_assets.store.cache import overlays
from customer_assets.store.database import Connection, connect
from customer_assets.store.raw.pages import StreamKey
from customer_assets.store.raw.scans import Scan
from customer_assets.store.tokens import StoredTokens

log = logging.getLogger(__name__)

RECENT_SECONDS = 60.0  # systems count the calls of a minute at most
NOTICED_SECONDS = 5.0  # of a wait that is said


@dataclass(frozen=True)
class PullOptions:
    """What a pull is asked to do.

    Attributes:
        full: no incremental pull, whatever is known.
        limit: at most so many records of each list.
        allow_mass_delete: the operator confirms that missing records are gone, however many.
        page_size: records per page; None: the system's maximum.
        delay_ms: at least so long between calls.
        page_gate: pages that the cache holds as they come are not opened again; off only to compare.
    """

    full: bool = False
    limit: int | None = None
    allow_mass_delete: bool = False
    page_size: int | None = None
    delay_ms: int = 0
    page_gate: bool = True


@dataclass
class LandResult:
    """What landing one stream gave.

    Attributes:
        scan: the scan, None when it did not even begin.
        status: complete, incomplete or failed.
        pages: pages landed now, details included.
        messages: what a user should know.
        error: what ended it early.
    """

    stream: Stream
    scan: Scan | None = None
    status: str = "failed"
    pages: int = 0
    messages: list[str] = field(default_factory=list)
    error: SourceError | None = None


@dataclass
class LoadResult:
    """What loading one stream gave.

    Attributes:
        counts: what became of the records.
        messages: what a user should know.
        scans: how many scans were loaded.
        rebuilt: nothing was new, and everything was loaded again.
        blocked: rows that are gone but are more than one run may mark.
        conflicts: values that two paths of a record gave differently.
        never_filled: mapped columns that were blank in every record of a full scan.
        miscounted: by how many the counts of the scans and the records on their pages differ: none, or there is a fault here.
    """

    counts: Counts = field(default_factory=Counts)
    messages: list[str] = field(default_factory=list)
    scans: int = 0
    rebuilt: bool = False
    blocked: int = 0
    conflicts: int = 0
    never_filled: tuple[str, ...] = ()
    miscounted: int = 0


@dataclass
class SyncResult:
    """What a sync of one account of one system did.

    Attributes:
        status: ok; partial (rows rejected, a scan not complete, something left for later); failed.
        entities: counts of customers and, where the system has them, invoices.
        pages, calls, received: answers landed, calls made, bytes received.
        quota_left: calls left today, as the system last said.
        messages: what a user should know.
        error: what stopped it.
        landed, loaded: what each step gave, stream by stream.
    """

    account: str
    system: str
    status: str = "ok"
    entities: dict[str, Counts] = field(default_factory=dict)
    pages: int = 0
    calls: int = 0
    received: int = 0
    quota_left: int | None = None
    messages: list[str] = field(default_factory=list)
    error: CustomerAssetsError | None = None
    landed: list[LandResult] = field(default_factory=list)
    loaded: list[LoadResult] = field(default_factory=list)

    @property
    def counts(self) -> Counts:
        """The customers' counts."""
        return self.entities.get("customers", Counts())

    @property
    def message(self) -> str:
        """All messages in one line."""
        return "; ".join([*([str(self.error)] if self.error else []), *self.messages])

    def worsen(self, status: str) -> None:
        """Keep the worst status seen."""
        order = ("ok", "partial", "failed")
        self.status = max(self.status, status, key=order.index)

    def fail(self, error: CustomerAssetsError) -> None:
        """Note what stopped it."""
        self.error = error
        self.worsen("failed")


@dataclass
class SyncRun:
    """What the steps of one sync work with.

    Attributes:
        id: its row in sync_runs.
        result: filled by the steps, and written to that row at the end.
    """

    context: Context
    connection: Connection
    account: Account
    options: PullOptions
    id: int
    result: SyncResult

    @classmethod
    def begin(
        cls,
        context: Context,
        connection: Connection,
        account: Account,
        kind: str,
        options: PullOptions | None = None,
    ) -> Self:
        """Record that a sync of this kind begins."""
        run_id = runs.begin_run(
            connection,
            account=account.account,
            source=account.system,
            kind=kind,
            trigger=context.trigger,
            dagster_run_id=context.dagster_run_id,
        )
        result = SyncResult(account.account, account.system)
        return cls(context, connection, account, options or PullOptions(), run_id, result)

    @property
    def system(self) -> System:
        """The account's system."""
        return SYSTEMS[self.account.system]

    def key(self, stream: str | None) -> StreamKey:
        """Where the answers of a stream stand in the raw tables."""
        return StreamKey(self.account.account, self.account.system, stream or "")

    @cached_property
    def started_at(self) -> datetime:
        """When it began, by the database's clock."""
        return runs.started_at(self.connection, self.id)

    @cached_property
    def regions(self) -> Regions:
        """What tells the country of the account's phone numbers."""
        return self.context.regions(self.account.account, self.account.system, self.account.settings)

    def mapping(self, stream: Stream) -> RecordMapping:
        """How the records of a stream become rows under the account's settings."""
        return stream.mapping(self.account.settings)

    def overlays(self) -> Overlays:
        """Role overrides and edits of the account's rows, as they are now."""
        return overlays.load_overlays(
            self.connection,
            account=self.account.account,
            source=self.account.system,
            regions=self.regions,
        )

    @asynccontextmanager
    async def source(self) -> AsyncIterator[Source]:
        """The account's client, open; what it spent is noted when it is closed."""
        async with opened(self.context, self.account, self.options) as client:
            self.count_recent_calls(client)
            try:
                yield client
            finally:
                self._note_traffic(client.meter)

    def count_recent_calls(self, client: Source) -> None:
        """What the last runs spent counts for the client's pace; a wait that somebody would notice is said."""
        account, system = self.account.account, self.account.system
        calls, ago = runs.recent_calls(self.connection, account=account, source=system, seconds=RECENT_SECONDS)
        client.pacer.note_spent(calls, ago)
        if (wait := client.pacer.wait()) > NOTICED_SECONDS:
            why = f"{wait:.0f} s, as earlier runs made {calls} calls within a minute"
            self.context.progress(Progress(account, system, f"waits {why}", 0, None))
            self.result.messages.append(f"the first call waited {why}")

    def _note_traffic(self, meter: Meter) -> None:
        self.result.calls += meter.calls
        self.result.received += meter.received
        self.result.quota_left = meter.quota_left
        runs.add_traffic(
            self.connection,
            self.id,
            pages=self.result.pages,
            calls=meter.calls,
            received=meter.received,
            quota_left=meter.quota_left,
        )

    def note_landed(self, landed: LandResult) -> None:
        """Add what landing a stream gave."""
        self.result.landed.append(landed)
        self.result.pages += landed.pages
        self.result.messages += landed.messages
        if landed.status == "incomplete" and not self.options.limit:
            self.result.worsen("partial")
        if landed.error is not None:
            self.result.fail(landed.error)

    def note_loaded(self, stream: Stream, loaded: LoadResult) -> None:
        """Add what loading a stream gave."""
        self.result.loaded.append(loaded)
        self.result.entities[stream.entity] = loaded.counts
        self.result.messages += loaded.messages
        if loaded.counts.rejected or loaded.counts.errors or loaded.blocked:
            self.result.worsen("partial")
        if loaded.counts.rejected:
            self.result.messages.append(f"{loaded.counts.rejected} {stream.entity} rejected, see ops.rejected_records")

    def end(self) -> SyncResult:
        """Record how it ended."""
        result = self.result
        scans = [landed.scan for landed in result.landed if landed.scan is not None]
        runs.end_run(
            self.connection,
            self.id,
            status=result.status,
            entities=result.entities,
            message=result.message or None,
            error=str(result.error) if result.error else None,
            kind=scans[0].kind if scans else None,
        )
        if result.status != "ok":
            runs.note_status(self.connection, account=result.account, source=result.system, status=result.status)
        return result


@asynccontextmanager
async def opened(context: Context, account: Account, options: PullOptions) -> AsyncIterator[Source]:
    """The client of an account, open."""
    client = SYSTEMS[account.system].client(
        account.settings, StoredTokens(context.url, account.account, account.system), options.page_size
    )
    if options.delay_ms:
        client.pacer.slow_down(1000 / options.delay_ms)
    async with client:
        yield client


class _UndoneError(Exception):
    """Ends the transaction of a dry run."""


@contextmanager
def working_connection(url: str, *, undone: bool) -> Iterator[Connection]:
    """A connection; with `undone`, all that is done on it is rolled back at the end."""
    with connect(url, name="customer_assets sync") as connection:
        if not undone:
            yield connection
            return
        try:
            with connection.transaction():
                yield connection
                raise _UndoneError  # noqa: TRY301 (raising is how a transaction is told to roll back)
        except _UndoneError:
            log.debug("dry run undone")
