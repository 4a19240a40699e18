"""Pulling: the whole of a sync of one system, and of one customer. Land, then load, under the system's lock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from customer_assets.accounts import Account
from customer_assets.domain.cache.row import Counts
from customer_assets.domain.clock import now_utc
from customer_assets.errors import BusyError, ConfigurationError, CustomerAssetsError, GoneError, SourceError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.sync.land import Landed, PullOptions, land_stream
from customer_assets.pipeline.sync.load import Loaded, has_pending, load_detail, load_stream
from customer_assets.pipeline.webhooks.apply import apply_deliveries
from customer_assets.sources.kit.client import Source
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import Stream
from customer_assets.store import runs
from customer_assets.store.database import Connection, connect, system_lock
from customer_assets.store.raw import details
from customer_assets.store.raw import pages as raw_pages
from customer_assets.store.tokens import StoredTokens
from customer_assets.store.webhooks import deliveries

log = logging.getLogger(__name__)


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
    landed: list[Landed] = field(default_factory=list)
    loaded: list[Loaded] = field(default_factory=list)

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


def pull(
    context: Context, account: Account, options: PullOptions, *, dry_run: bool = False, from_raw: bool = False
) -> SyncResult:
    """Sync one account of one system into the cache.

    Args:
        context: database and settings.
        account: whose records.
        options: what is asked.
        dry_run: everything is done, and undone at the end; only the calls were really made.
        from_raw: no API call; the cache is loaded again from what has landed.

    Returns:
        What was done. What the system could not do is in `error`, not raised.

    Raises:
        BusyError: another process syncs this account and system.
        ConfigurationError: the settings do not allow it.
    """
    _check_page_size(account, options)
    with (
        system_lock(context.url, account=account.account, system=account.system, what="sync"),
        working_connection(context.url, undone=dry_run) as connection,
    ):
        result = pull_locked(context, connection, account, options, from_raw=from_raw)
    if from_raw and not dry_run:
        # what deliveries said since the last scan belongs to the table, too
        apply_deliveries(context, [account])
    return result


def pull_locked(
    context: Context,
    connection: Connection,
    account: Account,
    options: PullOptions,
    *,
    from_raw: bool = False,
) -> SyncResult:
    """`pull` for a caller that holds the system's lock and a connection."""
    result = SyncResult(account.account, account.system)
    spec = SYSTEMS[account.system]
    asked = "limited" if options.limit else "full" if options.full else "incremental"
    run_id = _begin(context, connection, account, "rebuild" if from_raw else asked)
    if not from_raw:
        _land_or_say(context, connection, account, spec.streams, options, run_id, result)
    for stream in spec.streams:
        if result.error is None or any(
            done.stream is stream and done.status == "complete" for done in result.landed
        ):
            load(context, connection, account, stream, run_id, result, rebuild=from_raw, options=options)
    _end(connection, run_id, result)
    if from_raw:
        deliveries.wait_again(connection, account=account.account, source=account.system)
    return result


def _land_or_say(
    context: Context, connection: Connection, account: Account, streams: Sequence[Stream], options: PullOptions,
    run_id: int, result: SyncResult,
) -> None:  # fmt: skip
    """Land; a setting that turns out wrong (two folders that may hold the customers) is this system's trouble alone."""
    try:
        land(context, connection, account, streams, options, run_id, result)
    except ConfigurationError as error:
        result.error = error
        result.worsen("failed")


def land(
    context: Context,
    connection: Connection,
    account: Account,
    streams: Sequence[Stream],
    options: PullOptions,
    run_id: int,
    result: SyncResult,
) -> None:
    """Land streams of one account, in order; the first that fails ends it. Adds to `result`."""
    asyncio.run(_land(context, connection, account, streams, options, run_id, result))


async def _land(
    context: Context,
    connection: Connection,
    account: Account,
    streams: Sequence[Stream],
    options: PullOptions,
    run_id: int,
    result: SyncResult,
) -> None:
    async with opened(context, account, options) as source:
        try:
            for stream in streams:
                landed = await land_stream(
                    context, connection, account, source, stream, options, sync_run_id=run_id
                )
                result.landed.append(landed)
                result.pages += landed.pages
                result.messages += landed.messages
                if landed.status == "incomplete" and not options.limit:
                    result.worsen("partial")
                if landed.error is not None:
                    result.error = landed.error
                    result.worsen("failed")
                    break
        finally:
            result.calls += source.meter.calls
            result.received += source.meter.received
            result.quota_left = source.meter.quota_left
            runs.add_traffic(
                connection, run_id, pages=result.pages, calls=source.meter.calls, received=source.meter.received,
                quota_left=source.meter.quota_left,
            )  # fmt: skip


def load(
    context: Context,
    connection: Connection,
    account: Account,
    stream: Stream,
    run_id: int,
    result: SyncResult,
    *,
    rebuild: bool,
    options: PullOptions,
) -> None:
    """Load one stream of one account. Adds to `result`."""
    loaded = load_stream(
        context, connection, account, stream, sync_run_id=run_id, rebuild=rebuild,
        allow_mass_delete=options.allow_mass_delete,
    )  # fmt: skip
    result.loaded.append(loaded)
    result.entities[stream.entity] = loaded.counts
    result.messages += loaded.messages
    if loaded.counts.rejected or loaded.counts.errors or loaded.blocked:
        result.worsen("partial")
    if loaded.counts.rejected:
        result.messages.append(f"{loaded.counts.rejected} {stream.entity} rejected, see ops.rejected_records")


def land_account(context: Context, account: Account, stream: Stream, options: PullOptions) -> SyncResult:
    """Land one stream of one account, as a step of its own.

    What the system could not do is in `error`, not raised; that somebody else syncs it, too.
    """
    result = SyncResult(account.account, account.system)
    try:
        _land_account(context, account, stream, options, result)
    except BusyError as error:
        result.error = error
        result.worsen("failed")
        with connect(context.url, name="customer_assets sync") as connection:
            runs.record_refusal(
                connection, account=account.account, source=account.system, trigger=context.trigger,
                dagster_run_id=context.dagster_run_id, error=str(error),
            )  # fmt: skip
    return result


def _land_account(
    context: Context, account: Account, stream: Stream, options: PullOptions, result: SyncResult
) -> None:
    with (
        system_lock(context.url, account=account.account, system=account.system, what="sync"),
        connect(context.url, name="customer_assets sync") as connection,
    ):
        run_id = _begin(context, connection, account, "full" if options.full else "incremental")
        _land_or_say(context, connection, account, [stream], options, run_id, result)
        if result.status != "ok":
            _end(connection, run_id, result)


def load_account(context: Context, account: Account, stream: Stream, *, may_rebuild: bool) -> SyncResult:
    """Load what has landed of one stream of one account, as a step of its own; no API call is made.

    Args:
        context, account, stream: what to load.
        may_rebuild: where nothing new has landed, load all of it again.

    Raises:
        BusyError: another process syncs this account and system.
    """
    result = SyncResult(account.account, account.system)
    with (
        system_lock(context.url, account=account.account, system=account.system, what="load"),
        connect(context.url, name="customer_assets load") as connection,
    ):
        run_id = _begin(context, connection, account, "rebuild")
        if may_rebuild or has_pending(connection, account, stream):
            load(context, connection, account, stream, run_id, result, rebuild=False, options=PullOptions())
        else:
            result.entities[stream.entity] = Counts()
        _end(connection, run_id, result)
    return result


def failed_systems(url: str, dagster_run_id: str) -> dict[str, str]:
    """Systems that a Dagster run could not sync: system/account -> why."""
    with connect(url, name="customer_assets sync_outcome") as connection:
        return runs.failures_of(connection, dagster_run_id=dagster_run_id)


def pull_one(context: Context, account: Account, source_id: str) -> SyncResult:
    """Sync one customer by its id at the system.

    A record that is gone at the source is marked so; an id that neither side knows is an error in the result.
    """
    with (
        system_lock(context.url, account=account.account, system=account.system, what="sync-customer"),
        connect(context.url, name="customer_assets sync") as connection,
    ):
        return pull_one_locked(context, connection, account, source_id)


def pull_one_locked(context: Context, connection: Connection, account: Account, source_id: str) -> SyncResult:
    """`pull_one` for a caller that holds the system's lock and a connection."""
    result = SyncResult(account.account, account.system)
    stream = SYSTEMS[account.system].stream("customers")
    run_id = _begin(context, connection, account, "single")
    asyncio.run(_land_one(context, connection, account, stream, source_id, run_id, result))
    if result.error is None or isinstance(result.error, GoneError):
        loaded = load_detail(context, connection, account, stream, source_id, sync_run_id=run_id)
        result.loaded.append(loaded)
        result.entities[stream.entity] = loaded.counts
        if loaded.counts.rejected:
            result.worsen("partial")
        if isinstance(result.error, GoneError) and loaded.counts.deactivated:
            result.messages.append(str(result.error))
            result.error = None
    if result.error is not None:
        result.worsen("failed")
    _end(connection, run_id, result)
    return result


async def _land_one(
    context: Context, connection: Connection, account: Account, stream: Stream, source_id: str, run_id: int,
    result: SyncResult,
) -> None:  # fmt: skip
    key = raw_pages.StreamKey(account.account, account.system, stream.detail or "")
    async with opened(context, account, PullOptions()) as source:
        try:
            page = await source.fetch(key.stream, source_id)
            details.land_detail(
                connection, key, source_id, version=None, requested_at=page.requested_at, body=page.body
            )
            result.pages += 1
        except GoneError as error:
            details.land_detail(connection, key, source_id, version=None, requested_at=now_utc(), body=None)
            result.error = error
        except SourceError as error:
            result.error = error
        result.calls, result.received = source.meter.calls, source.meter.received
        result.quota_left = source.meter.quota_left
        runs.add_traffic(
            connection, run_id, pages=result.pages, calls=result.calls, received=result.received,
            quota_left=result.quota_left,
        )  # fmt: skip


def _check_page_size(account: Account, options: PullOptions) -> None:
    largest = SYSTEMS[account.system].largest_page
    if options.page_size is not None and not 1 <= options.page_size <= largest:
        raise ConfigurationError(f"--batch-size: {account.system} takes 1 to {largest} records a page")


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


def _begin(context: Context, connection: Connection, account: Account, kind: str) -> int:
    return runs.begin_run(
        connection, account=account.account, source=account.system, kind=kind, trigger=context.trigger,
        dagster_run_id=context.dagster_run_id,
    )  # fmt: skip


def _end(connection: Connection, run_id: int, result: SyncResult) -> None:
    scans = [landed.scan for landed in result.landed if landed.scan is not None]
    runs.end_run(
        connection, run_id, status=result.status, entities=result.entities, message=result.message or None,
        error=str(result.error) if result.error else None, kind=scans[0].kind if scans else None,
    )  # fmt: skip
    if result.status != "ok":
        runs.note_status(connection, account=result.account, source=result.system, status=result.status)


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
