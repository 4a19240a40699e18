"""Pushing: a plan first, field by field; then each row by itself, read again before it is written."""

from __future__ import annotations

from collections.abc import Sequence

from customer_assets.accounts import Account
from customer_assets.domain.cache.row import Batch, Counts
from customer_assets.errors import (
    ConfigurationError,
    ContractError,
    GoneError,
    RecordError,
    RefusedError,
    SourceError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.push.creations import create
from customer_assets.pipeline.push.plan import PlannedPush, PushRow, in_conflict, plan_push, pushes_of
from customer_assets.pipeline.push.run import PushResult, PushRun
from customer_assets.pipeline.push.updates import update
from customer_assets.pipeline.sync.reconcile import reconcile
from customer_assets.pipeline.sync.run import SyncRun
from customer_assets.pipeline.waiting import runner
from customer_assets.store import runs
from customer_assets.store.cache import overlays
from customer_assets.store.database import Connection, connect, system_lock
from customer_assets.store.push import links, results

MOST_FAILURES = 3  # rows one after the other


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
    context: Context,
    connection: Connection,
    account: Account,
    *,
    ids: Sequence[int] | None,
    dry_run: bool = False,
    calls_spent: int = 0,
) -> PushResult:
    """`push` for a caller that holds the system's lock and a connection; `calls_spent` of the run's budget are gone."""
    result = PushResult(account.account, is_dry=dry_run)
    if not dry_run:
        overlay = overlays.load_overlays(
            connection,
            account=account.account,
            source=account.system,
            regions=context.regions(account.account, account.system),
        )
        reconcile(connection, account, Batch(account.account, account.system, overlay))
    result.planned, settled, result.unchanged = plan_push(connection, account, ids, is_to_be_done=not dry_run)
    result.rows += settled
    if dry_run:
        result.rows += [_as_row(plan) for plan in result.planned]
    elif result.planned:
        run = SyncRun.begin(context, connection, account, "push")
        for plan in result.planned:  # those that this run does not reach are wanted by the next
            if plan.action in ("create", "adopt"):
                links.want_link(connection, account=account.account, origin_id=plan.row_id)
        is_done = False
        try:
            runner()(_work_through(run, result, calls_spent))
            is_done = True
        finally:
            _end(run, result, is_done=is_done)
    result.calls_this_month = results.calls_this_month(connection, account=account.account)
    return result


def _as_row(plan: PlannedPush) -> PushRow:
    reasons = "; ".join(f"{field.field}: {field.why}" for field in plan.fields)
    if plan.conflicts:
        reasons = "; ".join(filter(None, (reasons, in_conflict(plan.conflicts))))
    return PushRow(plan.row_id, "planned", f"{plan.action}: {reasons}", {f.field: (f.old, f.new) for f in plan.fields})


async def _work_through(sync: SyncRun, result: PushResult, calls_spent: int) -> None:
    """Push plan by plan; what concerns every row stops it, and leaves the rest pending."""
    async with pushes_of(sync.account).client(sync.account.settings) as client:
        run = PushRun(sync, client)
        sync.count_recent_calls(client)
        if client.meter.budget is not None:
            client.meter.budget -= calls_spent
        failures = 0  # one after the other: the system's trouble, not a row's
        try:
            for plan in result.planned:
                row, trouble = await _reached(run, plan, result)
                failures = failures + 1 if trouble is not None else 0
                if trouble is not None and failures >= MOST_FAILURES:
                    result.error = trouble
                result.rows.append(row)
                result.unchanged += row.outcome == "unchanged"
        finally:
            result.calls, result.received = client.meter.calls, client.meter.received


async def _reached(run: PushRun, plan: PlannedPush, result: PushResult) -> tuple[PushRow, SourceError | None]:
    """What became of a row, and the trouble that it had, where others may have it, too."""
    if result.error is None:
        try:
            return await _push_one(run, plan), None
        except ThrottledError as error:
            result.error = error
        except (ContractError, TransientError) as error:
            return run.kept(plan, "failed", str(error)), error
        except (SourceError, ConfigurationError) as error:
            result.error = error
    return run.kept(plan, "pending", str(result.error)), None


async def _push_one(run: PushRun, plan: PlannedPush) -> PushRow:
    try:
        return await update(run, plan) if plan.action == "update" else await create(run, plan)
    except (RefusedError, GoneError, RecordError) as error:
        return run.kept(plan, "failed", str(error))
    except UnknownOutcomeError as error:
        return run.kept(plan, "failed", f"outcome unknown, looked up by the next run: {error}")


def _end(sync: SyncRun, result: PushResult, *, is_done: bool) -> None:
    error = str(result.error) if result.error else None
    if error is None and not is_done:
        error = "broken off by a fault of this program"
    status = "failed" if error else "partial" if not result.success else "ok"
    counts = Counts(
        created=result.count("created"), updated=result.count("updated", "adopted"), errors=result.count("failed")
    )
    runs.add_traffic(sync.connection, sync.id, pages=0, calls=result.calls, received=result.received, quota_left=None)
    runs.end_run(
        sync.connection,
        sync.id,
        status=status,
        entities={"push": counts},
        message=result.message,
        error=error,
    )
