"""Where a cache row comes from: raw pages, single answers and deliveries that show it, edits laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_assets.store.database import Connection
from customer_assets.store.raw import bodies


@dataclass(frozen=True, slots=True)
class Showing:
    """One answer or delivery that shows a record.

    Attributes:
        kind: page, detail or delivery.
        page_id: ops.raw_pages.id; None for a delivery.
        delivery_id: of a delivery.
        stream: which list or detail.
        call: which call it was, in words.
        at: when it was asked for, or signed.
        body: as received.
    """

    kind: str
    page_id: int | None
    delivery_id: str | None
    stream: str
    call: str
    at: datetime
    body: bytes


def showings(connection: Connection, *, account: str, source: str, source_id: str) -> list[Showing]:
    """All that landed of a record and is still kept: of each list the newest loaded scan, the last single answer, and
    deliveries; the newest first.
    """
    whose = {"account": account, "source": source, "source_id": source_id}
    rows = [
        *connection.execute(_PAGES, whose).fetchall(),
        *connection.execute(_DETAILS, whose).fetchall(),
        *connection.execute(_DELIVERIES, whose).fetchall(),
    ]
    found = [
        Showing(
            row["kind"],
            row["page_id"],
            row["delivery_id"],
            row["stream"],
            row["call"],
            row["at"],
            bodies.unpacked(row) if row["page_id"] is not None else bytes(row["body"]),
        )
        for row in rows
    ]
    return sorted(found, key=lambda showing: showing.at, reverse=True)


_PAGES = f"""
    with newest as (
        select distinct on (stream) id, stream, sync_run_id
        from ops.raw_scans
        where account = %(account)s
            and source = %(source)s
            and kind = 'full'
            and status = 'complete'
            and loaded_at is not null
        order by stream, id desc
    ),
    later as (
        select s.id, s.stream, s.sync_run_id
        from ops.raw_scans s
        join newest n on n.stream = s.stream
        where s.account = %(account)s
            and s.source = %(source)s
            and s.id >= n.id
            and s.loaded_at is not null
    ),
    scanned as (
        select l.id as scan_id, l.stream, l.sync_run_id, s.position, s.page_id, s.requested_at
        from later l
        join ops.raw_scan_pages s on s.scan_id = l.id
        union all
        select l.id, l.stream, l.sync_run_id, u.position, u.page_id, u.requested_at
        from later l
        join ops.raw_scan_chunks c on c.scan_id = l.id
        cross join lateral unnest(c.positions, c.page_ids, c.requested_at) as u (position, page_id, requested_at)
    )
    select
        'page' as kind, p.id as page_id, null as delivery_id, s.stream, s.requested_at as at, {bodies.COLUMNS},
        format('answer %%s of scan %%s (sync run %%s)', s.position + 1, s.scan_id, coalesce(s.sync_run_id::text, '-')) as call
    from scanned s
    join ops.raw_pages p on p.id = s.page_id
    {bodies.JOIN}
    where p.ids @> array[%(source_id)s]
"""
_DETAILS = f"""
    select
        'detail' as kind, p.id as page_id, null as delivery_id, d.stream, d.requested_at as at, {bodies.COLUMNS},
        'asked for by its id' as call
    from ops.raw_details d
    join ops.raw_pages p on p.id = d.page_id
    {bodies.JOIN}
    where d.account = %(account)s
        and d.source = %(source)s
        and d.source_id = %(source_id)s
"""
_DELIVERIES = """
    select
        'delivery' as kind, null::bigint as page_id, d.id as delivery_id, d.event as stream, d.signed_at as at, d.body,
        'delivered by webhook' as call
    from ops.webhook_deliveries d
    where d.account = %(account)s
        and d.source = %(source)s
        and d.source_customer_id = %(source_id)s
        and d.status = 'applied'
"""


def page(connection: Connection, page_id: int) -> dict[str, Any] | None:
    """A raw page: whose, when it was first seen, and its body as received."""
    row = connection.execute(
        f"""
        select p.id, p.account, p.source, p.stream, p.size, p.first_seen_at, {bodies.COLUMNS}
        from ops.raw_pages p
        {bodies.JOIN}
        where p.id = %s
        """,
        [page_id],
    ).fetchone()
    return None if row is None else {**row, "body": bodies.unpacked(row)}


def golden_of(connection: Connection, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The golden record of a row."""
    return connection.execute("select * from customers where id = %s", [row["golden_id"]]).fetchone()


def delivery_of_change(connection: Connection, row_id: int, column: str) -> dict[str, Any] | None:
    """The newest change of a cell."""
    return connection.execute(
        """
        select old_value, new_value, origin, changed_at, sync_run_id, delivery_id
        from customer_changes
        where cache_id = %s
            and field = %s
        order by changed_at desc, id desc
        limit 1
        """,
        [row_id, column],
    ).fetchone()
