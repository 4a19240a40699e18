"""Webhook deliveries: claiming those that wait, and recording what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_assets.store.batches import delete_in_batches
from customer_assets.store.database import Connection, is_present, scalar


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified delivery that waits to be applied."""

    id: str
    account: str
    source: str
    event: str
    body: bytes
    signed_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a delivery: applied, ignored, stale or failed."""

    id: str
    status: str
    source_customer_id: str | None = None
    error: str | None = None


WAITING = """
    (status = 'waiting' or (status = 'failed' and next_attempt_at <= now()))
"""
APPLIER = 0x6361_6170_706C_7972  # presence of a process that applies deliveries as they land
GRACE_SECONDS = 10.0  # that process is given, before somebody else takes over


def count_left(connection: Connection) -> int:
    """How many deliveries wait for somebody else than the web process: all, or those it left for over ten seconds."""
    grace = GRACE_SECONDS if is_present(connection, APPLIER) else 0.0
    query = f"""
        select count(*)
        from ops.webhook_deliveries
        where {WAITING}
            and coalesce(next_attempt_at, received_at) <= now() - make_interval(secs => %s)
    """
    return int(scalar(connection, query, [grace]))


def claim(connection: Connection, *, limit: int) -> list[Delivery]:
    """Lock the oldest waiting deliveries that nobody else works on; call it inside a transaction."""
    rows = connection.execute(
        f"""
        select id, account, source, event, body, signed_at, attempts
        from ops.webhook_deliveries
        where {WAITING}
        order by received_at, id
        limit %(limit)s
        for update skip locked
        """,
        {"limit": limit},
    )
    return [Delivery(**{**row, "body": bytes(row["body"])}) for row in rows]


def is_stored(connection: Connection, delivery_id: str) -> bool:
    """Whether a delivery of this id arrived."""
    return bool(scalar(connection, "select exists (select from ops.webhook_deliveries where id = %s)", [delivery_id]))


def newest(connection: Connection, *, status: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest deliveries without their bodies, all or those of one status."""
    return connection.execute(
        """
        select id, account, source, event, status, source_customer_id, signed_at, received_at, finished_at, attempts,
            next_attempt_at, duration_ms, error, octet_length(body) as size
        from ops.webhook_deliveries
        where status = %(status)s or %(status)s::text is null
        order by received_at desc, id
        limit %(limit)s
        """,
        {"status": status, "limit": limit},
    ).fetchall()


def put_back(connection: Connection, *, ids: Sequence[str] | None) -> int:
    """Have deliveries applied once more: those named, or all failed ones (None). Returns how many."""
    return connection.execute(
        """
        update ops.webhook_deliveries
        set status = 'waiting',
            attempts = 0,
            next_attempt_at = null,
            error = null
        where case when %(ids)s::text[] is null then status = 'failed' else id = any(%(ids)s) end
            and length(body) > 0  -- of who was erased nothing is left to apply
        """,
        {"ids": None if ids is None else list(ids)},
    ).rowcount


def received_between(connection: Connection, since: datetime, until: datetime, *, status: str | None) -> list[str]:
    """Ids of deliveries received in a range of time (until excluded), in their order; of one status, where it is given."""
    rows = connection.execute(
        """
        select id
        from ops.webhook_deliveries
        where received_at >= %(since)s
            and received_at < %(until)s
            and status = coalesce(%(status)s, status)
        order by received_at, id
        """,
        {"since": since, "until": until, "status": status},
    )
    return [row["id"] for row in rows]


def wait_again(connection: Connection, *, account: str, source: str) -> int:
    """Have applied deliveries that are newer than the last complete scan applied once more, after a rebuild."""
    return connection.execute(
        """
        update ops.webhook_deliveries d
        set status = 'waiting'
        where d.account = %(account)s
            and d.source = %(source)s
            and d.status in ('applied', 'stale')
            and length(d.body) > 0
            and d.signed_at >= (
                select m.last_full_started_at
                from sync_metadata m
                where m.account = d.account
                    and m.source = d.source
                    and m.entity = 'customers'
            )
        """,
        {"account": account, "source": source},
    ).rowcount


def prune(connection: Connection, *, keep_days: float) -> int:
    """Delete deliveries that were settled that long ago and that no rebuild needs. Returns how many."""
    return delete_in_batches(
        connection,
        "ops.webhook_deliveries",
        """
        d.status in ('applied', 'ignored', 'stale')
            and d.received_at < now() - make_interval(secs => %(seconds)s)
            and greatest(d.signed_at, d.received_at) < (  -- the sender's clock may be behind
                select m.last_full_started_at
                from sync_metadata m
                where m.account = d.account
                    and m.source = d.source
                    and m.entity = 'customers'
            )
        """,
        {"seconds": keep_days * 86400},
    )


def settle(connection: Connection, settled: Sequence[Settled], *, started_at: datetime, most_attempts: int) -> None:
    """Record outcomes. A failed one is tried again after 10 s, doubling, until it is parked."""
    connection.execute(
        """
        update ops.webhook_deliveries d
        set status = s.status,
            error = s.error,
            source_customer_id = coalesce(s.source_customer_id, d.source_customer_id),
            attempts = d.attempts + 1,
            finished_at = case when s.status = 'failed' then null else clock_timestamp() end,
            duration_ms = extract(epoch from clock_timestamp() - %(started_at)s) * 1000,
            next_attempt_at = case
                when s.status = 'failed' and d.attempts + 1 < %(most_attempts)s
                    then now() + make_interval(secs => 10 * 2 ^ d.attempts)
            end
        from unnest(%(ids)s::text[], %(statuses)s::text[], %(customers)s::text[], %(errors)s::text[])
            as s (id, status, source_customer_id, error)
        where d.id = s.id
        """,
        {
            "ids": [s.id for s in settled],
            "statuses": [s.status for s in settled],
            "customers": [s.source_customer_id for s in settled],
            "errors": [s.error for s in settled],
            "started_at": started_at,
            "most_attempts": most_attempts,
        },
    )
