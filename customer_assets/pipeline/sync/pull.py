"""Pulling: the whole of a sync of one system, and of one customer. Land, then load, under the system's lock."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial

import psycopg

from customer_assets.accounts import Account
from customer_assets.domain.cache.row import Counts
from customer_assets.errors import BusyError, ConfigurationError, CustomerAssetsError, DatabaseError, GoneError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.sync.land import land, land_one
from customer_assets.pipeline.sync.load import has_pending, load_detail, load_stream
from customer_assets.pipeline.sync.run import PullOptions, SyncResult, SyncRun, working_connection
from customer_assets.pipeline.sync.together import together
from customer_assets.pipeline.waiting import runner
from customer_assets.pipeline.webhooks.apply import apply_deliveries
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import Stream
from customer_assets.store import runs
from customer_assets.store.database import Connection, connect, system_lock
from customer_assets.store.webhooks import deliveries

log = logging.getLogger(__name__)


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
        _locked(context, account, "sync"),
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
    asked = "limited" if options.limit else "full" if options.full else "incremental"
    run = SyncRun.begin(context, connection, account, "rebuild" if from_raw else asked, options)
    if not from_raw:
        runner()(land(run, run.system.streams))
    complete = {landed.stream.name for landed in run.result.landed if landed.status == "complete"}
    for stream in run.system.streams:
        if run.result.error is None or stream.name in complete:
            run.note_loaded(stream, load_stream(run, stream, rebuild=from_raw))
    result = run.end()
    if from_raw:
        deliveries.wait_again(connection, account=account.account, source=account.system)
    return result


def _locked(context: Context, account: Account, what: str) -> AbstractContextManager[None]:
    return system_lock(
        context.url,
        account=account.account,
        system=account.system,
        what=what,
        wait_seconds=context.lock_seconds,
        run=context.dagster_run_id,
    )


def land_account(context: Context, account: Account, stream: Stream, options: PullOptions) -> SyncResult:
    """Land one stream of one account, as a step of its own; what landed is loaded by another.

    What the system could not do is in `error`, not raised; that somebody else syncs it, too.
    """
    try:
        with (
            _locked(context, account, "sync"),
            connect(context.url, name="customer_assets sync") as connection,
        ):
            run = SyncRun.begin(context, connection, account, "full" if options.full else "incremental", options)
            runner()(land(run, [stream]))
            if run.result.status != "ok":
                run.end()
            return run.result
    except BusyError as error:
        return _refused(context, account, error)


def _own_trouble(
    context: Context, account: Account, error: Exception, *, others: int, is_noted: bool = True
) -> SyncResult:
    """What nobody foresaw is one account's own trouble where there are others, noted as a sync that failed.

    Raises:
        The error, where the account is the only one, or the database is away, which is everybody's trouble.
    """
    if not others or isinstance(error, psycopg.OperationalError | DatabaseError):
        raise error
    if isinstance(error, CustomerAssetsError):
        told = error
    else:
        log.exception("%s/%s: unexpected", account.system, account.account)
        reason = str(error).strip().partition("\n")[0]
        told = CustomerAssetsError(f"unexpected: {type(error).__name__}: {reason}"[:300])
    result = SyncResult(account.account, account.system, status="failed", error=told)
    if is_noted:
        with connect(context.url, name="customer_assets sync") as connection:
            has_begun = runs.close_broken(
                connection,
                account=account.account,
                source=account.system,
                dagster_run_id=context.dagster_run_id,
                error=str(told),
            )
        if not has_begun:
            _record_refusal(context, result)
    return result


def _refused(context: Context, account: Account, error: CustomerAssetsError) -> SyncResult:
    """A sync that could not be done, noted."""
    result = SyncResult(account.account, account.system)
    result.fail(error)
    _record_refusal(context, result)
    return result


def _record_refusal(context: Context, result: SyncResult) -> None:
    """Note a sync that did not even begin."""
    with connect(context.url, name="customer_assets sync") as connection:
        runs.record_refusal(
            connection,
            account=result.account,
            source=result.system,
            trigger=context.trigger,
            dagster_run_id=context.dagster_run_id,
            error=str(result.error),
        )


def pull_accounts(
    context: Context,
    accounts: Sequence[Account],
    options: PullOptions,
    *,
    dry_run: bool = False,
    from_raw: bool = False,
) -> list[SyncResult]:
    """`pull` of several accounts, some at once; that somebody else syncs one is in its `error`, not raised.

    Args:
        context, accounts, options: as there.
        dry_run, from_raw: as there; dry runs are made one after another, since each is undone as a whole.

    Returns:
        The results in the order of the accounts.
    """

    def one(account: Account) -> SyncResult:
        try:
            return pull(context, account, options, dry_run=dry_run, from_raw=from_raw)
        except BusyError as error:
            return SyncResult(account.account, account.system, status="failed", error=error)
        except Exception as error:  # noqa: BLE001 (what is everybody's trouble is raised again)
            return _own_trouble(context, account, error, others=len(accounts) - 1, is_noted=not dry_run)

    at_once = 1 if dry_run else context.settings.account_concurrency
    note = (lambda _result: None) if dry_run else partial(_record_refusal, context)
    return together(accounts, one, at_once=at_once, refused=note)


def land_accounts(
    context: Context, accounts: Sequence[Account], stream: Stream, options: PullOptions
) -> list[SyncResult]:
    """`land_account` of several accounts, some at once; the results in their order."""

    def one(account: Account) -> SyncResult:
        try:
            return land_account(context, account, stream, options)
        except Exception as error:  # noqa: BLE001 (what is everybody's trouble is raised again)
            return _own_trouble(context, account, error, others=len(accounts) - 1)

    return together(
        accounts,
        one,
        at_once=context.settings.account_concurrency,
        refused=partial(_record_refusal, context),
    )


def load_account(context: Context, account: Account, stream: Stream, *, may_rebuild: bool) -> SyncResult:
    """Load what has landed of one stream of one account, as a step of its own; no API call is made.

    Args:
        context, account, stream: what to load.
        may_rebuild: where nothing new has landed, load all of it again.

    Raises:
        BusyError: another process syncs this account and system.
    """
    with (
        _locked(context, account, "load"),
        connect(context.url, name="customer_assets load") as connection,
    ):
        run = SyncRun.begin(context, connection, account, "rebuild")
        if may_rebuild or has_pending(run, stream):
            run.note_loaded(stream, load_stream(run, stream))
        else:
            run.result.entities[stream.entity] = Counts()
        return run.end()


def pull_one(context: Context, account: Account, source_id: str) -> SyncResult:
    """Sync one customer by its id at the system.

    A record that is gone at the source is marked so; an id that neither side knows is an error in the result.

    Raises:
        BusyError: another process syncs this account and system.
        ConfigurationError: the system gives no single records.
    """
    if SYSTEMS[account.system].stream("customers").detail is None:
        raise ConfigurationError(f"{account.system} gives no single customers: sync all of them")
    with (
        system_lock(context.url, account=account.account, system=account.system, what="sync-customer"),
        connect(context.url, name="customer_assets sync") as connection,
    ):
        return pull_one_locked(context, connection, account, source_id)


def pull_one_locked(context: Context, connection: Connection, account: Account, source_id: str) -> SyncResult:
    """`pull_one` for a caller that holds the system's lock and a connection."""
    run = SyncRun.begin(context, connection, account, "single")
    stream, result = run.system.stream("customers"), run.result
    runner()(land_one(run, stream, source_id))
    if result.error is None or isinstance(result.error, GoneError):
        loaded = load_detail(run, stream, source_id)
        result.loaded.append(loaded)
        result.entities[stream.entity] = loaded.counts
        if loaded.counts.rejected:
            result.worsen("partial")
        if isinstance(result.error, GoneError) and loaded.counts.deactivated:
            result.messages.append(str(result.error))
            result.error = None
    if result.error is not None:
        result.worsen("failed")
    return run.end()


def _check_page_size(account: Account, options: PullOptions) -> None:
    largest = SYSTEMS[account.system].largest_page
    if options.page_size is not None and not 1 <= options.page_size <= largest:
        raise ConfigurationError(f"--batch-size: {account.system} takes 1 to {largest} records a page")
