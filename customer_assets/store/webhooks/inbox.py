"""What the webhook receiver writes: verified deliveries, many in one commit, and refusals. Asynchronous, one connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from customer_assets.store.database import tuned

MOST_REFUSALS = 10_000


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A verified delivery to be stored.

    Attributes:
        id: its own id; the same id again stores nothing.
        account, source: whose secret signed it.
        event, body, signed_at: as received.
        status: waiting, or ignored or failed where it is clear from the start.
        error: why it failed.
    """

    id: str
    account: str
    source: str
    event: str
    body: bytes
    signed_at: datetime
    status: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A delivery that was not believed: why, from where, how many bytes, and their hash."""

    reason: str
    address: str
    size: int
    body_hash: bytes | None


async def connect_inbox(url: str, *, seconds: float) -> psycopg.AsyncConnection:
    """A connection for the functions below; statements that take longer than `seconds` are given up.

    Raises:
        psycopg.OperationalError: the database cannot be reached.
    """
    return await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        **tuned("customer_assets receiver", timeout=2),
        prepare_threshold=2,
        options=f"-c timezone=UTC -c statement_timeout={int(seconds * 1000)}",
    )


async def store_new(connection: psycopg.AsyncConnection, deliveries: Sequence[NewDelivery]) -> int:
    """Store deliveries in one statement and commit; returns how many were new."""
    # in one order from everywhere: two writers that hold the same repeated ids must not wait for each other
    ordered = sorted(enumerate(deliveries), key=lambda numbered: numbered[1].id)
    arrived, deliveries = [number for number, _ in ordered], [one for _, one in ordered]
    cursor = await connection.execute(
        """
        insert into ops.webhook_deliveries
            (id, account, source, event, body, signed_at, status, error, finished_at, received_at)
        select
            d.id, d.account, d.source, d.event, d.body, d.signed_at, d.status, d.error,
            case when d.status = 'ignored' then now() end,
            now() + d.arrived * interval '1 microsecond'  -- they are applied in the order in which they came
        from unnest(
            %(ids)s::text[], %(accounts)s::text[], %(sources)s::text[], %(events)s::text[], %(bodies)s::bytea[],
            %(times)s::timestamptz[], %(statuses)s::text[], %(errors)s::text[], %(arrived)s::integer[]
        ) as d (id, account, source, event, body, signed_at, status, error, arrived)
        on conflict (id) do nothing
        """,
        {
            "ids": [d.id for d in deliveries],
            "accounts": [d.account for d in deliveries],
            "sources": [d.source for d in deliveries],
            "events": [d.event for d in deliveries],
            "bodies": [d.body for d in deliveries],
            "times": [d.signed_at for d in deliveries],
            "statuses": [d.status for d in deliveries],
            "errors": [d.error for d in deliveries],
            "arrived": arrived,
        },
        binary=True,
    )
    return cursor.rowcount


async def store_refusals(connection: psycopg.AsyncConnection, refusals: Sequence[Refusal]) -> None:
    """Keep a trace of refusals, and no more than the newest ten thousand of them."""
    cursor = await connection.execute(
        """
        insert into ops.webhook_refusals (reason, address, size, body_hash)
        select r.reason, r.address, r.size, r.body_hash
        from unnest(%(reasons)s::text[], %(addresses)s::text[], %(sizes)s::integer[], %(hashes)s::bytea[])
            as r (reason, address, size, body_hash)
        returning id
        """,
        {
            "reasons": [r.reason for r in refusals],
            "addresses": [r.address for r in refusals],
            "sizes": [r.size for r in refusals],
            "hashes": [r.body_hash for r in refusals],
        },
    )
    newest = max(row[0] for row in await cursor.fetchall())
    await connection.execute("delete from ops.webhook_refusals where id <= %s", [newest - MOST_REFUSALS])
