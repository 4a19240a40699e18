"""Single records asked for by id: which are wanted, and the last answer for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from customer_assets.store.database import Connection, scalar
from customer_assets.store.raw import bodies
from customer_assets.store.raw.pages import LandedPage, StreamKey, store_pages

UNLISTED = "named by an invoice"  # version of a detail that no list made necessary


def want_details(connection: Connection, key: StreamKey) -> None:
    """Want a detail for each record in `seen_ids` whose version differs from the one landed last."""
    connection.execute(
        """
        insert into ops.raw_details (account, source, stream, source_id, wanted_version)
        select distinct on (s.source_id) %(account)s, %(source)s, %(stream)s, s.source_id, s.version
        from pg_temp.seen_ids s
        where s.version is not null -- of a page that was not opened again nothing new is wanted
        order by s.source_id, s.version desc
        on conflict (account, source, stream, source_id) do update
        set wanted_version = excluded.wanted_version
        where raw_details.wanted_version is distinct from excluded.wanted_version
        """,
        key.parameters(),
    )


def want_ids(connection: Connection, key: StreamKey, ids: Sequence[str]) -> None:
    """Want details of records that no list showed, unless they were asked for before."""
    connection.execute(
        """
        insert into ops.raw_details (account, source, stream, source_id, wanted_version)
        select %(account)s, %(source)s, %(stream)s, id, %(unlisted)s
        from unnest(%(ids)s::text[]) as id
        on conflict (account, source, stream, source_id) do nothing
        """,
        {**key.parameters(), "ids": list(ids), "unlisted": UNLISTED},
    )


def wanted_details(connection: Connection, key: StreamKey, *, limit: int) -> list[tuple[str, str]]:
    """(id, wanted version) of details to ask for: never asked first, then the longest waiting."""
    rows = connection.execute(
        """
        select source_id, wanted_version
        from ops.raw_details
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and wanted_version is distinct from landed_version
        order by failed_at nulls first, requested_at nulls first, source_id
        limit %(limit)s
        """,
        {**key.parameters(), "limit": limit},
    )
    return [(row["source_id"], row["wanted_version"]) for row in rows]


def note_failed_detail(connection: Connection, key: StreamKey, source_id: str) -> None:
    """Remember that a record could not be fetched by id, so that the next run asks for the others first."""
    connection.execute(
        """
        update ops.raw_details
        set failed_at = clock_timestamp()
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and source_id = %(source_id)s
        """,
        {**key.parameters(), "source_id": source_id},
    )


def count_wanted(connection: Connection, key: StreamKey) -> int:
    """How many details are still to be asked for."""
    return int(
        scalar(
            connection,
            """
            select count(*)
            from ops.raw_details
            where account = %(account)s
                and source = %(source)s
                and stream = %(stream)s
                and wanted_version is distinct from landed_version
            """,
            key.parameters(),
        )
    )


@dataclass(frozen=True, slots=True)
class LandedDetail:
    """The answer for one id.

    Attributes:
        source_id: what was asked for.
        body: as received; None: the system says that it does not exist.
        requested_at: when, in UTC.
        version: of the list row that wanted it; None: it was asked for without one.
    """

    source_id: str
    body: bytes | None
    requested_at: datetime
    version: str | None = None

    @property
    def is_unlisted(self) -> bool:
        """It was asked for because an invoice names it."""
        return self.version == UNLISTED


def land_details(connection: Connection, key: StreamKey, answers: Sequence[LandedDetail]) -> None:
    """Store answers, in one transaction; of one id the last."""
    newest = list({answer.source_id: answer for answer in answers}.values())
    with connection.transaction():
        pages = [LandedPage(0, answer.body, answer.requested_at) for answer in newest if answer.body is not None]
        page_ids = iter(store_pages(connection, key, pages))
        connection.execute(
            """
            insert into ops.raw_details as d
                (account, source, stream, source_id, wanted_version, landed_version, page_id, requested_at, gone_at)
            select
                %(account)s, %(source)s, %(stream)s, a.source_id, a.version, a.version, a.page_id, a.requested_at,
                case when a.page_id is null then a.requested_at end
            from unnest(%(ids)s::text[], %(versions)s::text[], %(page_ids)s::bigint[], %(times)s::timestamptz[])
                as a (source_id, version, page_id, requested_at)
            order by a.source_id
            on conflict (account, source, stream, source_id) do update
            set landed_version = coalesce(excluded.landed_version, d.wanted_version),
                page_id = excluded.page_id,
                requested_at = excluded.requested_at,
                gone_at = excluded.gone_at,
                failed_at = null,
                loaded_at = null
            """,
            {
                **key.parameters(),
                "ids": [answer.source_id for answer in newest],
                "versions": [answer.version for answer in newest],
                "page_ids": [next(page_ids) if answer.body is not None else None for answer in newest],
                "times": [answer.requested_at for answer in newest],
            },
        )


def read_details(
    connection: Connection,
    key: StreamKey,
    *,
    pending_only: bool,
    after: datetime | None = None,
    before: datetime | None = None,
    ids: Sequence[str] | None = None,
) -> list[LandedDetail]:
    """Landed answers by time of request: only those the cache does not hold yet, or all of a time window.

    Args:
        pending_only: those not loaded yet.
        after, before: requested in [after, before); None is open.
        ids: only these.
    """
    rows = connection.execute(
        f"""
        select d.source_id, d.requested_at, d.landed_version, {bodies.COLUMNS}
        from ops.raw_details d
        left join ops.raw_pages p on p.id = d.page_id
        {bodies.JOIN}
        where d.account = %(account)s
            and d.source = %(source)s
            and d.stream = %(stream)s
            and d.requested_at is not null
            and (not %(pending_only)s or d.loaded_at is null)
            and (%(after)s::timestamptz is null or d.requested_at >= %(after)s)
            and (%(before)s::timestamptz is null or d.requested_at < %(before)s)
            and (%(ids)s::text[] is null or d.source_id = any(%(ids)s))
        order by d.requested_at, d.source_id
        """,
        {
            **key.parameters(),
            "pending_only": pending_only,
            "after": after,
            "before": before,
            "ids": list(ids) if ids is not None else None,
        },
        binary=True,
    )
    return [
        LandedDetail(
            row["source_id"],
            bodies.unpacked(row) if row["body"] is not None else None,
            row["requested_at"],
            row["landed_version"],
        )
        for row in rows
    ]


def mark_details_loaded(connection: Connection, key: StreamKey, ids: Sequence[str]) -> None:
    """Record that the cache holds these answers."""
    connection.execute(
        """
        update ops.raw_details
        set loaded_at = clock_timestamp()
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and source_id = any(%(ids)s)
            and loaded_at is null
        """,
        {**key.parameters(), "ids": list(ids)},
    )
