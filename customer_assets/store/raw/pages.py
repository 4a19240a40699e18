"""Raw pages: every API answer as received, compressed, stored once per content, and the scans that saw them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from psycopg.types.json import Jsonb

from customer_assets.domain.cache.mapping import RECORD_HASH
from customer_assets.store.batches import delete_in_batches
from customer_assets.store.database import Connection
from customer_assets.store.raw import bodies


@dataclass(frozen=True, slots=True)
class StreamKey:
    """Whose stream: (account, source, stream)."""

    account: str
    source: str
    stream: str

    def parameters(self) -> dict[str, str]:
        """As query parameters."""
        return {"account": self.account, "source": self.source, "stream": self.stream}


@dataclass(frozen=True, slots=True)
class LandedPage:
    """A page to store, or one read back.

    Attributes:
        position: its place in the scan.
        body: as received; empty for one that is stored and was not opened again.
        requested_at: when it was asked for (UTC).
        ids: ids of its records; None: some cannot be read.
        record_hashes: hashes of its records one after the other, in the order of the ids.
        before: the page that stood in its place before, to be compressed against; None: there is none.
        page_id: where it is stored, for one that was not opened again, or that is read back.
    """

    position: int
    body: bytes
    requested_at: datetime
    ids: list[str] | None = None
    record_hashes: bytes | None = None
    before: int | None = None
    page_id: int | None = None


def separate(record_hashes: bytes) -> list[bytes]:
    """Hashes of records that stand one after the other, each alone."""
    return [record_hashes[at : at + RECORD_HASH] for at in range(0, len(record_hashes), RECORD_HASH)]


def page_hash(body: bytes) -> bytes:
    """What identifies a page's content."""
    return blake2b(body, digest_size=16).digest()


def store_pages(connection: Connection, key: StreamKey, pages: Sequence[LandedPage]) -> list[int]:
    """Store pages, each content once; returns the page id of each, in order."""
    hashes = [page_hash(page.body) for page in pages]
    known = _known_pages(connection, key, hashes)
    _note_records(connection, {known[h]: page for h, page in zip(hashes, pages, strict=True) if h in known})
    new = {h: page for h, page in zip(hashes, pages, strict=True) if h not in known}
    if new:
        stored = _packed(connection, list(new.values()))
        connection.execute(
            """
            insert into ops.raw_pages (account, source, stream, content_hash, body, base_id, size, ids, record_hashes)
            select
                %(account)s, %(source)s, %(stream)s, p.content_hash, p.body, p.base_id, p.size,
                (select array_agg(i.id) from jsonb_array_elements_text(p.ids) as i (id)), p.record_hashes
            from unnest(
                %(hashes)s::bytea[], %(bodies)s::bytea[], %(bases)s::bigint[], %(sizes)s::int[], %(ids)s::jsonb[],
                %(record_hashes)s::bytea[]
            ) as p (content_hash, body, base_id, size, ids, record_hashes)
            on conflict (account, source, stream, content_hash) do nothing
            """,
            {
                **key.parameters(),
                "hashes": list(new),
                "bodies": [body for body, _ in stored],
                "bases": [base for _, base in stored],
                "sizes": [len(page.body) for page in new.values()],
                "ids": [Jsonb(page.ids) if page.ids is not None else None for page in new.values()],
                "record_hashes": [page.record_hashes for page in new.values()],
            },
        )
        known |= _known_pages(connection, key, list(new))
    return [known[h] for h in hashes]


def _packed(connection: Connection, pages: Sequence[LandedPage]) -> list[tuple[bytes, int | None]]:
    """Body to store of each, and the page that it is compressed against."""
    before = [page.before for page in pages if page.before is not None]
    bases = bodies.bases_of(connection, before) if before else {}
    packed: list[tuple[bytes, int | None]] = []
    for page in pages:
        base_id, base = bases.get(page.before or 0, (None, b""))
        delta = bodies.packed_against(page.body, base) if base_id is not None else None
        packed.append((bodies.packed(page.body), None) if delta is None else (delta, base_id))
    return packed


def _note_records(connection: Connection, pages: Mapping[int, LandedPage]) -> None:
    """Note ids and hashes of the records of stored pages, where they were not noted when those landed first."""
    noted = {page_id: page for page_id, page in pages.items() if page.ids is not None}
    if noted:
        connection.execute(
            """
            update ops.raw_pages p
            set ids = (select array_agg(i.id) from jsonb_array_elements_text(n.ids) as i (id)),
                record_hashes = n.record_hashes
            from unnest(%(page_ids)s::bigint[], %(ids)s::jsonb[], %(record_hashes)s::bytea[])
                as n (page_id, ids, record_hashes)
            where p.id = n.page_id
                and p.record_hashes is null
            """,
            {
                "page_ids": list(noted),
                "ids": [Jsonb(page.ids) for page in noted.values()],
                "record_hashes": [page.record_hashes for page in noted.values()],
            },
        )


def _known_pages(connection: Connection, key: StreamKey, hashes: list[bytes]) -> dict[bytes, int]:
    rows = connection.execute(
        """
        select id, content_hash
        from ops.raw_pages
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and content_hash = any(%(hashes)s)
        """,
        {**key.parameters(), "hashes": hashes},
    )
    return {bytes(row["content_hash"]): row["id"] for row in rows}


def land_pages(connection: Connection, key: StreamKey, scan_id: int, pages: Sequence[LandedPage]) -> dict[int, int]:
    """Store pages as part of a scan, in one transaction. A page landed again at its position replaces the older.

    Returns:
        Page ids of those that were opened, by position.
    """
    ids: list[int] = []
    opened = [page for page in pages if page.page_id is None]
    gated = sorted((page for page in pages if page.page_id is not None), key=lambda page: page.position)
    with connection.transaction():
        if opened:
            ids = store_pages(connection, key, opened)
            connection.execute(
                """
                insert into ops.raw_scan_pages (scan_id, position, page_id, requested_at)
                select %(scan_id)s, p.position, p.page_id, p.requested_at
                from unnest(%(positions)s::int[], %(ids)s::bigint[], %(times)s::timestamptz[])
                    as p (position, page_id, requested_at)
                on conflict (scan_id, position) do update
                set page_id = excluded.page_id,
                    requested_at = excluded.requested_at
                """,
                {
                    "scan_id": scan_id,
                    "positions": [page.position for page in opened],
                    "ids": ids,
                    "times": [page.requested_at for page in opened],
                },
            )
        if gated:
            connection.execute(
                """
                insert into ops.raw_scan_chunks (scan_id, first_position, positions, page_ids, requested_at)
                values (%s, %s, %s, %s, %s)
                """,
                [
                    scan_id,
                    gated[0].position,
                    [page.position for page in gated],
                    [page.page_id for page in gated],
                    [page.requested_at for page in gated],
                ],
            )
    return {page.position: page_id for page, page_id in zip(opened, ids, strict=True)}


SCANNED = """
    select s.position, s.page_id, s.requested_at, false as gated
    from ops.raw_scan_pages s
    where s.scan_id = %(scan_id)s
    union all
    select u.position, u.page_id, u.requested_at, true
    from ops.raw_scan_chunks c
    cross join lateral unnest(c.positions, c.page_ids, c.requested_at) as u (position, page_id, requested_at)
    where c.scan_id = %(scan_id)s
        and not exists (
            select
            from ops.raw_scan_pages s
            where s.scan_id = c.scan_id
                and s.position = u.position
        )
"""


def read_pages(
    connection: Connection, scan_id: int, *, batch: int = 50, opened_only: bool = False
) -> Iterator[LandedPage]:
    """The pages of a scan in their order, a batch at a time; with `opened_only` without those that it did not open."""
    after = -1
    while True:
        rows = connection.execute(
            f"""
            select s.position, s.page_id, s.requested_at, p.ids, p.record_hashes, {bodies.COLUMNS}
            from ({SCANNED}) s
            join ops.raw_pages p on p.id = s.page_id
            {bodies.JOIN}
            where s.position > %(after)s
                and not (s.gated and %(opened_only)s)
            order by s.position
            limit %(batch)s
            """,
            {"scan_id": scan_id, "after": after, "batch": batch, "opened_only": opened_only},
            binary=True,
        ).fetchall()
        if not rows:
            return
        for row in rows:
            yield LandedPage(
                row["position"],
                bodies.unpacked(row),
                row["requested_at"],
                ids=row["ids"],
                record_hashes=row["record_hashes"],
                page_id=row["page_id"],
            )
        after = rows[-1]["position"]


def gated_pages(connection: Connection, scan_id: int) -> list[tuple[int, int]]:
    """The pages of a scan that it did not open: page id and number of records of each."""
    rows = connection.execute(
        f"""
        select s.page_id, cardinality(p.ids) as records
        from ({SCANNED}) s
        join ops.raw_pages p on p.id = s.page_id
        where s.gated
        """,
        {"scan_id": scan_id},
    )
    return [(row["page_id"], row["records"]) for row in rows]


# --- pruning ----------------------------------------------------------------------------------------------------------


def prune(connection: Connection, *, keep_days: float) -> int:
    """Delete old scans and the pages that nothing needs any more. Returns the number of pages deleted.

    Spared: whatever the last complete scan of a stream and any scan since it or of the last `keep_days` days saw, and
    every detail that is the last answer for its id.
    """
    connection.execute(
        """
        delete from ops.raw_scans s
        where s.started_at < now() - make_interval(secs => %(seconds)s)
            and s.id < (
                select max(f.id)
                from ops.raw_scans f
                where (f.account, f.source, f.stream) = (s.account, s.source, s.stream)
                    and f.kind = 'full'
                    and f.status = 'complete'
                    and f.loaded_at is not null
            )
        """,
        {"seconds": keep_days * 86400},
    )
    return delete_in_batches(
        connection,
        "ops.raw_pages",
        """
        d.first_seen_at < now() - make_interval(secs => %(seconds)s)
            and not exists (select from ops.raw_scan_pages s where s.page_id = d.id)
            and not exists (select from ops.raw_scan_chunks c where d.id = any(c.page_ids))
            and not exists (select from ops.raw_details o where o.page_id = d.id)
            and not exists (select from ops.raw_pages o where o.base_id = d.id)
        """,
        {"seconds": keep_days * 86400},
    )
