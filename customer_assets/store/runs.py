"""Bookkeeping: sync runs, watermarks, rejected records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from customer_assets.domain.cache.row import Counts
from customer_assets.store.database import Connection, scalar


def started_at(connection: Connection, run_id: int) -> datetime:
    """When a sync began."""
    at: datetime = scalar(connection, "select started_at from sync_runs where id = %s", [run_id])
    return at


def begin_run(
    connection: Connection,
    *,
    account: str,
    source: str,
    kind: str,
    trigger: str,
    dagster_run_id: str | None = None,
) -> int:
    """Record that a sync begins, and return its id. Call it under the system's lock.

    The steps of one Dagster run share one row. Rows whose process died before they ended are closed as failed.
    """
    parameters = {
        "account": account,
        "source": source,
        "kind": kind,
        "trigger": trigger,
        "dagster_run_id": dagster_run_id,
    }
    if dagster_run_id is not None:
        joined = scalar(
            connection,
            """
            select id
            from sync_runs
            where account = %(account)s
                and source = %(source)s
                and dagster_run_id = %(dagster_run_id)s
            """,
            parameters,
        )
        if joined is not None:
            return int(joined)
    connection.execute(
        """
        update sync_runs
        set status = 'failed',
            finished_at = now(),
            error = 'ended without a word: its process died'
        where account = %(account)s
            and source = %(source)s
            and status = 'running'
            -- a Dagster run holds the lock only step by step: it may be between two of them
            and (dagster_run_id is null or started_at < now() - interval '1 day')
        """,
        parameters,
    )
    return int(
        scalar(
            connection,
            """
            insert into sync_runs (account, source, kind, trigger, status, dagster_run_id)
            values (%(account)s, %(source)s, %(kind)s, %(trigger)s, 'running', %(dagster_run_id)s)
            returning id
            """,
            parameters,
        )
    )


def add_traffic(
    connection: Connection, run_id: int, *, pages: int, calls: int, received: int, quota_left: int | None
) -> None:
    """Add what a step of the sync spent on calls."""
    connection.execute(
        """
        update sync_runs
        set pages = pages + %(pages)s,
            calls = calls + %(calls)s,
            bytes = bytes + %(received)s,
            quota_left = coalesce(%(quota_left)s, quota_left)
        where id = %(run_id)s
        """,
        {"run_id": run_id, "pages": pages, "calls": calls, "received": received, "quota_left": quota_left},
    )


def end_run(
    connection: Connection,
    run_id: int,
    *,
    status: str,
    entities: Mapping[str, Counts],
    message: str | None = None,
    error: str | None = None,
    kind: str | None = None,
) -> None:
    """Record how a step of the sync ended. The run is as good as its worst step; customers fill the count columns."""
    customers = entities.get("customers")
    counts = customers.as_dict() if customers else {}
    assignments = "".join(f"{name} = %({name})s,\n            " for name in counts)
    connection.execute(
        f"""
        update sync_runs
        set {assignments}finished_at = clock_timestamp(),
            status = case
                when 'failed' in (status, %(status)s) then 'failed'
                when 'partial' in (status, %(status)s) then 'partial'
                else %(status)s
            end,
            entities = entities || %(entities)s,
            kind = coalesce(%(kind)s, kind),
            message = coalesce(%(message)s, message),
            error = coalesce(%(error)s, error)
        where id = %(run_id)s
        """,
        {
            "run_id": run_id,
            "status": status,
            **counts,
            "entities": Jsonb({name: c.as_dict() for name, c in entities.items()}),
            "message": message,
            "error": error,
            "kind": kind,
        },
    )


def note_status(connection: Connection, *, account: str, source: str, status: str) -> None:
    """A sync that did not end well shows in the state of its streams, too."""
    connection.execute(
        """
        update sync_metadata
        set last_status = %(status)s,
            updated_at = now()
        where account = %(account)s
            and source = %(source)s
        """,
        {"account": account, "source": source, "status": status},
    )


def close_broken(connection: Connection, *, account: str, source: str, dagster_run_id: str | None, error: str) -> bool:
    """End the syncs of an account that no process has any more, since one broke off. Returns whether there was one."""
    closed = connection.execute(
        """
        update sync_runs
        set status = 'failed',
            finished_at = now(),
            error = %(error)s
        where account = %(account)s
            and source = %(source)s
            and status = 'running'
            and dagster_run_id is not distinct from %(dagster_run_id)s
            and started_at > now() - interval '1 day'
        """,
        {"account": account, "source": source, "dagster_run_id": dagster_run_id, "error": error},
    )
    return closed.rowcount > 0


def record_refusal(
    connection: Connection, *, account: str, source: str, trigger: str, dagster_run_id: str | None, error: str
) -> None:
    """Record a sync that did not even begin, such as one that found the lock taken."""
    connection.execute(
        """
        insert into sync_runs (account, source, kind, trigger, status, finished_at, dagster_run_id, error)
        values (%(account)s, %(source)s, 'refused', %(trigger)s, 'failed', now(), %(run)s, %(error)s)
        """,
        {"account": account, "source": source, "trigger": trigger, "run": dagster_run_id, "error": error},
    )


def failures_of(connection: Connection, *, dagster_run_id: str) -> dict[str, str]:
    """Syncs of a Dagster run that failed: system/account -> why."""
    rows = connection.execute(
        """
        select account, source, status, coalesce(error, message, status) as reason
        from sync_runs
        where dagster_run_id = %s
            and status = 'failed'
        """,
        [dagster_run_id],
    )
    return {f"{row['source']}/{row['account']}": row["reason"] for row in rows}


def accounts_of(connection: Connection, *, dagster_run_id: str) -> int:
    """How many accounts of systems a Dagster run synced, or tried to."""
    query = "select count(distinct (account, source)) from sync_runs where dagster_run_id = %s"
    return int(scalar(connection, query, [dagster_run_id]))


def incomplete_accounts(connection: Connection, *, dagster_run_id: str, source: str) -> dict[str, str]:
    """Accounts of a system whose scan of this Dagster run is not complete: account -> why."""
    rows = connection.execute(
        """
        select r.account, coalesce(s.error, 'the scan is ' || s.status) as reason
        from sync_runs r
        join ops.raw_scans s on s.sync_run_id = r.id
        where r.dagster_run_id = %s
            and r.source = %s
            and s.status <> 'complete'
        """,
        [dagster_run_id, source],
    )
    return {row["account"]: row["reason"] for row in rows}


def recent_calls(connection: Connection, *, account: str, source: str, seconds: float) -> tuple[int, float]:
    """Calls of an account's runs that ended within the last seconds, and how many seconds ago the last of them did."""
    row = connection.execute(
        """
        select coalesce(sum(calls), 0) as calls, coalesce(extract(epoch from now() - max(finished_at)), 0)::float as ago
        from sync_runs
        where account = %s
            and source = %s
            and finished_at > now() - make_interval(secs => %s)
        """,
        [account, source, seconds],
    ).fetchone()
    return (int(row["calls"]), max(0.0, row["ago"])) if row else (0, 0.0)


def calls_of(connection: Connection, *, dagster_run_id: str, account: str, source: str) -> int:
    """Calls that a Dagster run has spent so far on an account."""
    return int(
        scalar(
            connection,
            "select coalesce(sum(calls), 0) from sync_runs where dagster_run_id = %s and account = %s and source = %s",
            [dagster_run_id, account, source],
        )
    )


def record_dry_calls(connection: Connection, *, account: str, source: str, trigger: str, calls: int) -> None:
    """A dry run is undone, but its calls were made and are billed."""
    connection.execute(
        """
        insert into sync_runs (account, source, kind, trigger, status, finished_at, calls)
        values (%s, %s, 'dry', %s, 'ok', now(), %s)
        """,
        [account, source, trigger, calls],
    )


def since(connection: Connection, at: datetime, *, trigger: str) -> list[dict[str, Any]]:
    """The syncs that were started since then by this trigger, in order: whose, how they went, what they changed."""
    return connection.execute(
        """
        select id, account, source, kind, status, created, updated, deactivated, rejected, calls, quota_left, started_at,
            finished_at, message, error
        from sync_runs
        where started_at >= %s
            and trigger = %s
            and source <> ''
        order by id
        """,
        [at, trigger],
    ).fetchall()


def of_dagster_run(connection: Connection, dagster_run_id: str) -> list[dict[str, Any]]:
    """The syncs of a Dagster run as they stand: counts, calls, and the pages that landed so far."""
    return connection.execute(
        """
        select
            r.id, r.account, r.source, r.kind, r.deactivated, r.status, r.started_at, r.finished_at, r.created, r.updated, r.unchanged, r.rejected, r.errors, r.calls, r.quota_left,
            r.message, r.error,
            (
                select count(*)
                from ops.raw_scans s
                join ops.raw_scan_pages p on p.scan_id = s.id
                where s.sync_run_id = r.id
            ) + (
                select coalesce(sum(cardinality(c.positions)), 0)
                from ops.raw_scans s
                join ops.raw_scan_chunks c on c.scan_id = s.id
                where s.sync_run_id = r.id
            ) as pages
        from sync_runs r
        where r.dagster_run_id = %s
        order by r.id
        """,
        [dagster_run_id],
    ).fetchall()


def fail_runs_of(connection: Connection, *, dagster_run_id: str, job: str, error: str) -> None:
    """Close what a failed Dagster run left open; a failure before any sync began gets a row of its own."""
    closed = connection.execute(
        """
        update sync_runs
        set status = 'failed',
            finished_at = now(),
            error = coalesce(error, %(error)s)
        where dagster_run_id = %(run)s
            and status = 'running'
        """,
        {"run": dagster_run_id, "error": error},
    ).rowcount
    known = scalar(connection, "select count(*) from sync_runs where dagster_run_id = %s", [dagster_run_id])
    if not closed and not known:
        connection.execute(
            """
            insert into sync_runs (source, kind, trigger, status, finished_at, dagster_run_id, error)
            values (%(job)s, 'job', 'dagster', 'failed', now(), %(run)s, %(error)s)
            """,
            {"job": job, "run": dagster_run_id, "error": error},
        )
