"""The page gate: a page that the last loaded scan left settled, and that comes again as it was, is not opened again.

A page is settled when a complete full scan was loaded with it, each of its records went into the cache or was there
already (none rejected, skipped, stale or doubled), and no id stood on two pages. What takes it away: another mapping (the
salt), and any write to one of its rows by anything but a complete full scan (`ops.unsettled_rows`, filled by triggers:
deliveries, edits, pushes, details, incremental and cut scans, deletions, somebody's hand). Only the newest loaded
complete scan counts: what came back to an older content is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg.pq import TransactionStatus

from customer_assets.store.database import Connection, scalar
from customer_assets.store.raw.pages import StreamKey, separate


@dataclass(frozen=True, slots=True)
class GatedPage:
    """A settled page: which it is, and how many records it has."""

    page_id: int
    records: int


@dataclass(frozen=True)
class Gate:
    """What a scan need not open.

    Attributes:
        scan_id: the loaded scan whose pages these are; None: there is none.
        pages: content hash -> page.
        places: position -> id of every page of the loaded scan, settled or not.
        settled: ids of those pages that need not be opened.
        upto: newest unsettled row that was looked at.
    """

    scan_id: int | None = None
    pages: dict[bytes, GatedPage] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    settled: frozenset[int] = frozenset()
    upto: int = 0


def open_gate(connection: Connection, key: StreamKey, *, entity: str, salt: bytes) -> Gate:
    """The settled pages of the newest loaded complete scan, without those that hold a row written by others since."""
    whose = {**key.parameters(), "entity": entity}
    upto = int(
        scalar(
            connection,
            """
            select coalesce(max(id), 0)
            from ops.unsettled_rows
            where entity = %(entity)s
                and account = %(account)s
                and source = %(source)s
            """,
            whose,
        )
    )
    base = trusted_scan(connection, key, salt=salt)
    if base is None:
        return Gate(upto=upto)
    rows = connection.execute(
        """
        with unsettled as materialized (
            select coalesce(array_agg(distinct u.source_id), '{}') as ids
            from ops.unsettled_rows u
            where u.entity = %(entity)s
                and u.account = %(account)s
                and u.source = %(source)s
        ),
        scanned as (
            select s.position, s.page_id, s.settled
            from ops.raw_scan_pages s
            where s.scan_id = %(scan_id)s
            union all
            select c.position, c.page_id, true
            from ops.raw_scan_chunks k
            cross join lateral unnest(k.positions, k.page_ids) as c (position, page_id)
            where k.scan_id = %(scan_id)s
        )
        select
            s.position, p.id, p.content_hash, cardinality(p.ids) as records,
            s.settled and p.ids is not null and (u.ids = '{}' or not p.ids && u.ids) as settled
        from scanned s
        join ops.raw_pages p on p.id = s.page_id
        cross join unsettled u
        """,
        {**whose, "scan_id": base},
        binary=True,
    )
    pages: dict[bytes, GatedPage] = {}
    places: dict[int, int] = {}
    for row in rows:
        places[row["position"]] = row["id"]
        if row["settled"]:
            pages[row["content_hash"]] = GatedPage(row["id"], row["records"])
    return Gate(base, pages, places, frozenset(page.page_id for page in pages.values()), upto)


def settled_records(connection: Connection, gate: Gate, positions: Iterable[int]) -> set[bytes]:
    """Hashes of the records that a settled page of the gate holds at these positions or beside them.

    One that comes again there, on a page that changed or shifted, is in the cache as it comes.
    """
    near = {gate.places.get(position + beside) for position in positions for beside in (-1, 0, 1)}
    rows = connection.execute(
        "select record_hashes from ops.raw_pages where id = any(%s) and record_hashes is not null",
        [list(near & gate.settled)],
        binary=True,
    )
    return {hash_ for row in rows for hash_ in separate(row["record_hashes"])}


def trusted_scan(connection: Connection, key: StreamKey, *, salt: bytes) -> int | None:
    """The newest loaded complete full scan, if its pages were settled under this mapping."""
    row = connection.execute(
        """
        select id, settled_salt
        from ops.raw_scans
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and kind = 'full'
            and status = 'complete'
            and loaded_at is not null
        order by id desc
        limit 1
        """,
        key.parameters(),
    ).fetchone()
    if row is None or row["settled_salt"] is None or bytes(row["settled_salt"]) != salt:
        return None
    return int(row["id"])


def keep_gated(connection: Connection, scan_id: int, gate: Gate) -> None:
    """Note of a scan that it begins with this gate."""
    connection.execute(
        "update ops.raw_scans set gate_scan_id = %s, gate_upto = %s where id = %s", [gate.scan_id, gate.upto, scan_id]
    )


def distrust(connection: Connection, key: StreamKey) -> None:
    """A scan is being loaded: until that ends well, no page of an older one is known to be as the cache holds it."""
    connection.execute(
        """
        update ops.raw_scans
        set settled_salt = null
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and settled_salt is not null
        """,
        key.parameters(),
    )


@contextmanager
def writing_of_a_complete_scan(connection: Connection) -> Iterator[None]:
    """Inside, rows are written as a complete full scan says: that unsettles nothing."""
    connection.execute("select set_config('customer_assets.complete_scan', 'on', false)")
    try:
        yield
    finally:
        if connection.info.transaction_status is not TransactionStatus.INERROR:
            connection.execute("select set_config('customer_assets.complete_scan', 'off', false)")


def settle(
    connection: Connection,
    key: StreamKey,
    scan_id: int,
    *,
    entity: str,
    salt: bytes,
    positions: Sequence[int],
    upto: int,
) -> None:
    """A complete full scan is loaded: these of its pages are settled, and so are all that it found so.

    Args:
        connection: database.
        key, scan_id: which scan.
        entity: customers or invoices.
        salt: hash of the mapping.
        positions: pages that were opened and are settled now.
        upto: unsettled rows up to this one were on opened pages, or on none.
    """
    with connection.transaction():
        connection.execute(
            "update ops.raw_scan_pages set settled = true where scan_id = %s and position = any(%s)",
            [scan_id, list(positions)],
        )
        connection.execute("update ops.raw_scans set settled_salt = %s where id = %s", [salt, scan_id])
        connection.execute(
            """
            delete from ops.unsettled_rows
            where entity = %(entity)s
                and account = %(account)s
                and source = %(source)s
                and id <= %(upto)s
            """,
            {**key.parameters(), "entity": entity, "upto": upto},
        )
