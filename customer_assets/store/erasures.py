"""Erasing: rows that go, raw answers without what was said of somebody, and whom no sync takes in again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from customer_assets.store.database import Connection, scalar
from customer_assets.store.raw import bodies
from customer_assets.store.raw.pages import StreamKey


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A raw page with its body as received."""

    id: int
    body: bytes


def erased_ids(connection: Connection, *, account: str, source: str) -> frozenset[str]:
    """Ids of records of an account that were erased."""
    rows = connection.execute(
        "select source_id from ops.erasures where account = %s and source = %s", [account, source]
    )
    return frozenset(row["source_id"] for row in rows)


def note(connection: Connection, *, account: str, source: str, source_id: str, by: str) -> None:
    """Note that a record was erased, so that it is not taken in again."""
    connection.execute(
        """
        insert into ops.erasures (account, source, source_id, erased_by)
        values (%s, %s, %s, %s)
        on conflict do nothing
        """,
        [account, source, source_id, by],
    )


def around(connection: Connection, *, account: str, source: str, source_id: str) -> tuple[tuple[str, ...], int]:
    """The other records of a record's customer, `system:id`, and how many invoices name it."""
    rows = connection.execute(
        """
        select o.source || ':' || o.source_customer_id as ref
        from customer_rows r
        join customer_rows o on o.golden_id = r.golden_id and o.id <> r.id
        where (r.account, r.source, r.source_customer_id) = (%(account)s, %(source)s, %(id)s)
        order by 1
        """,
        {"account": account, "source": source, "id": source_id},
    ).fetchall()
    invoices = scalar(
        connection,
        """
        select (select count(*) from invoice_rows i where i.customer_id = r.id)
            + (select count(*) from legacy_invoices l where l.customer_id = r.id)
        from customer_rows r
        where (r.account, r.source, r.source_customer_id) = (%(account)s, %(source)s, %(id)s)
        """,
        {"account": account, "source": source, "id": source_id},
    )
    return tuple(row["ref"] for row in rows), int(invoices or 0)


def hold_writers(connection: Connection) -> None:
    """Wait until nobody writes rows, and let nobody begin before this transaction ends: what it erases stays erased."""
    connection.execute("select pg_advisory_xact_lock(hashtext('customer_assets erase'))")


def erased_among(connection: Connection, *, account: str, source: str, ids: Sequence[str]) -> frozenset[str]:
    """Those of some records that were erased; none of the others is, until the caller's transaction ends."""
    # by itself: a statement that waits for a lock sees what was there before it waited
    connection.execute("select pg_advisory_xact_lock_shared(hashtext('customer_assets erase'))")
    rows = connection.execute(
        "select source_id from ops.erasures where account = %s and source = %s and source_id = any(%s)",
        [account, source, list(ids)],
    )
    return frozenset(row["source_id"] for row in rows)


# What a row leaves behind besides what goes with it: (what it is called in the report, statement).
_OF_A_ROW = (
    (
        "notes",
        """
        delete from ops.notes n
        using customer_rows r
        where r.id = %(row)s
            and n.golden_id = r.golden_id
            and not exists (select from customer_rows o where o.golden_id = r.golden_id and o.id <> r.id)
        """,
    ),
    (
        "outgoing_messages",
        """
        delete from ops.outgoing_messages m
        using customer_rows r
        where r.id = %(row)s
            and (
                m.customer_id = r.golden_id
                or m.customer_id in (select a.old_id from customer_aliases a where a.golden_id = r.golden_id)
                or (m.body::jsonb -> 'data' -> 'customer_ids') @> to_jsonb(r.id)
            )
        """,
    ),
    (
        "audit_details",
        """
        update ops.audit_log
        set details = '{}'
        where target = 'customer ' || %(row)s::text
            or target in (select 'intake ' || n.id from intakes n where n.customer_id = %(row)s)
            or (target like 'intake %%' and details @> jsonb_build_object('customer_id', %(row)s::bigint))
            or target in (
                select 'conflict ' || c.id
                from ops.sumit_conflicts c
                join ops.sumit_links l on l.id = c.link_id
                where %(row)s in (l.row_id, l.origin_id)
            )
        """,
    ),
    ("intakes", "delete from intakes where customer_id = %(row)s"),
    ("push_results", "delete from ops.push_results where row_id = %(row)s"),
    ("reminders", "delete from payment_reminders where customer_id = %(row)s"),
    ("changes", "delete from customer_changes where cache_id = %(row)s"),
    ("rows", "delete from customer_rows where id = %(row)s"),
)
_OF_A_RECORD = (
    (
        "rejected_records",
        "delete from ops.rejected_records where account = %(account)s and source = %(source)s and source_id = %(id)s",
    ),
    (
        "deliveries",
        """
        update ops.webhook_deliveries
        set body = ''
        where account = %(account)s
            and source = %(source)s
            and source_customer_id = %(id)s
            and length(body) > 0
        """,
    ),
    ("reviews", "delete from match_reviews where account = %(account)s and %(ref)s in (one_ref, other_ref)"),
    ("evidence", "delete from ops.identity_edges where account = %(account)s and %(ref)s in (one_ref, other_ref)"),
)


def erase_rows(connection: Connection, *, account: str, source: str, source_id: str) -> dict[str, int]:
    """Delete what the tables hold of a record; how much that was, by what it is."""
    found = connection.execute(
        "select id from customer_rows where account = %s and source = %s and source_customer_id = %s",
        [account, source, source_id],
    ).fetchone()
    counts: dict[str, int] = {}
    record = {"account": account, "source": source, "id": source_id, "ref": f"{source}:{source_id}"}
    for name, statement in _OF_A_RECORD:
        counts[name] = connection.execute(statement, record).rowcount
    for name, statement in _OF_A_ROW if found is not None else ():
        counts[name] = connection.execute(statement, {"row": found["id"] if found else None}).rowcount
    return counts


def unattributed_deliveries(connection: Connection, *, account: str, source: str) -> dict[str, bytes]:
    """Bodies by id of deliveries of which it is not noted whose they are: not applied, or of an event that means nothing."""
    rows = connection.execute(
        """
        select id, body
        from ops.webhook_deliveries
        where account = %s
            and source = %s
            and source_customer_id is null
            and length(body) > 0
        """,
        [account, source],
    )
    return {row["id"]: bytes(row["body"]) for row in rows}


def forget_deliveries(connection: Connection, delivery_ids: Sequence[str]) -> None:
    """Keep of some deliveries that they came, and not what they said."""
    connection.execute("update ops.webhook_deliveries set body = '' where id = any(%s)", [list(delivery_ids)])


def pages_with(
    connection: Connection, key: StreamKey, ids: Collection[str], *, known_alone: bool
) -> Iterator[StoredPage]:
    """Pages of a stream that hold one of some records: as is noted, or as the last answer for one of them.

    Args:
        connection: database.
        key: the stream.
        ids: of the records.
        known_alone: without those that may hold one, since it is not noted what they hold.
    """
    found = connection.execute(
        """
        select p.id
        from ops.raw_pages p
        where p.account = %(account)s
            and p.source = %(source)s
            and p.stream = %(stream)s
            and (
                p.ids && %(ids)s
                or (p.ids is null and not %(known_alone)s)
                or p.id in (
                    select d.page_id
                    from ops.raw_details d
                    where d.account = %(account)s
                        and d.source = %(source)s
                        and d.stream = %(stream)s
                        and d.source_id = any(%(ids)s)
                )
            )
        order by p.id
        """,
        {**key.parameters(), "ids": list(ids), "known_alone": known_alone},
    ).fetchall()
    for page in found:
        row = connection.execute(
            f"select {bodies.COLUMNS} from ops.raw_pages p {bodies.JOIN} where p.id = %s", [page["id"]], binary=True
        ).fetchone()
        if row is not None:
            yield StoredPage(page["id"], bodies.unpacked(row))


def replace_body(connection: Connection, page: StoredPage) -> None:
    """Store another body of a page, and those that are compressed against it by themselves.

    What identifies the page stays: the same answer, received again, is known, and is not stored again.
    """
    leaning = connection.execute(
        f"select p.id, {bodies.COLUMNS} from ops.raw_pages p {bodies.JOIN} where p.base_id = %s", [page.id], binary=True
    ).fetchall()
    alone = [(row["id"], bodies.packed(bodies.unpacked(row))) for row in leaning]
    for page_id, body in [*alone, (page.id, bodies.packed(page.body))]:
        connection.execute("update ops.raw_pages set body = %s, base_id = null where id = %s", [body, page_id])


def forget_details(connection: Connection, key: StreamKey, ids: Sequence[str]) -> int:
    """Delete what is known of single records, but not their answers; returns how many."""
    return connection.execute(
        """
        delete from ops.raw_details
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and source_id = any(%(ids)s)
        """,
        {**key.parameters(), "ids": list(ids)},
    ).rowcount
