"""Golden records: reading the cache rows they are made of, writing what changed."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from operator import add
from typing import Any

import msgspec

from customer_assets.domain.cache.columns import RESOLVED, SURVIVING
from customer_assets.store.database import Connection, scalar
from customer_assets.store.lines import copy_rows

COLUMNS = (*(column.golden_name for column in SURVIVING), "is_active", "row_count", "provenance")


@dataclass(frozen=True, slots=True)
class GoldenCounts:
    """What became of golden records."""

    created: int
    updated: int
    removed: int
    assigned: int

    def __add__(self, other: GoldenCounts) -> GoldenCounts:
        return GoldenCounts(*map(add, astuple(self), astuple(other)))


EDITED = """(
    select array_agg(e.field order by e.field)
    from ops.field_edits e
    where e.row_id = r.id
        and e.released_at is null
)"""
# What identity and survivorship look at, of each row.
LOOKED_AT = ", ".join(f"r.{column}" for column in (*RESOLVED, "deleted_at", "source_modified_at"))
# A hash of all that, and of the engine that looks.
FINGERPRINT = f"hash_record_extended(row({LOOKED_AT}, {EDITED}), hashtextextended(%(engine)s, 0))::text"


def is_named(row: str, ref: str) -> str:
    """Condition: a cache row (its alias) has this name (an expression, `system:id`); one look into the index of names."""
    return f"({row}.source = split_part({ref}, ':', 1) and {row}.source_customer_id = substr({ref}, strpos({ref}, ':') + 1))"


def accounts(connection: Connection, ids: Collection[int] | None = None) -> list[str]:
    """Accounts of these cache rows, of all of them for None, in order."""
    rows = connection.execute(
        """
        select distinct r.account
        from customer_rows r
        where %(ids)s::bigint[] is null
            or r.id = any(%(ids)s)
        order by r.account
        """,
        {"ids": None if ids is None else sorted(ids)},
    )
    return [row["account"] for row in rows]


def rows_to_resolve(
    connection: Connection, ids: Collection[int] | None = None, *, account: str | None = None, engine: str = ""
) -> list[dict[str, Any]]:
    """Cache rows with what identity and survivorship need.

    Args:
        connection: database.
        ids: which; None: all.
        account: whose; None: anybody's.
        engine: what the hash of all that is to tell apart, too.
    """
    return connection.execute(
        f"""
        select
            r.id, r.account, r.source, r.source_customer_id, r.golden_id, {LOOKED_AT}, {EDITED} as edited,
            {FINGERPRINT} as fingerprint
        from customer_rows r
        where (%(ids)s::bigint[] is null or r.id = any(%(ids)s))
            and (%(account)s::text is null or r.account = %(account)s)
        """,
        {"ids": None if ids is None else sorted(ids), "account": account, "engine": engine},
    ).fetchall()


def new_ids(connection: Connection, count: int) -> list[int]:
    """Fresh customer ids."""
    rows = connection.execute(
        "select nextval(pg_get_serial_sequence('customers', 'id')) as id from generate_series(1, %s)", [count]
    )
    return [row["id"] for row in rows]


def store(
    connection: Connection, records: Sequence[Mapping[str, Any]], assignments: Sequence[tuple[int, int]]
) -> GoldenCounts:
    """Bring the golden records in line; what did not change is not written.

    Args:
        connection: database.
        records: every golden record, with its id and account.
        assignments: (cache row id, customer id) of every cache row.
    """
    own = ", ".join(COLUMNS)
    with connection.transaction():
        _stage(connection, records, assignments)
        updated = connection.execute(
            f"""
            update customers c
            set {", ".join(f"{column} = s.{column}" for column in COLUMNS)},
                updated_at = now()
            from pg_temp.staged_customers s
            where c.id = s.id
                and ({" or ".join(f"c.{column} is distinct from s.{column}" for column in COLUMNS)})
            """
        ).rowcount
        created = connection.execute(
            f"""
            insert into customers (id, account, {own})
            select id, account, {own}
            from pg_temp.staged_customers s
            where not exists (select from customers c where c.id = s.id)
            order by id
            """
        ).rowcount
        assigned = _assign(connection)
    return GoldenCounts(created, updated, 0, assigned)


def _assign(connection: Connection) -> int:
    """Write the staged customers of cache rows, and with them those of their old invoices and reminders; returns how many."""
    return int(
        scalar(
            connection,
            """
            with moved as (
                update customer_rows r
                set golden_id = s.golden_id
                from pg_temp.staged_assignments s
                where r.id = s.row_id
                    and r.golden_id is distinct from s.golden_id
                returning r.id, r.golden_id
            ),
            invoices as (
                update legacy_invoices l
                set golden_id = m.golden_id
                from moved m
                where l.customer_id = m.id
            ),
            reminders as (
                update payment_reminders p
                set golden_id = m.golden_id
                from moved m
                where p.customer_id = m.id
            )
            select count(*) from moved
            """,
        )
    )


def _stage(
    connection: Connection, records: Sequence[Mapping[str, Any]], assignments: Sequence[tuple[int, int]]
) -> None:
    """Both lists in temporary tables, with statistics."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")  # so that a lone \r in a text is quoted, too
    for record in records:
        values = [record["id"], record["account"], *(record[column] for column in COLUMNS)]
        values[-1] = msgspec.json.encode(values[-1], order="sorted").decode()
        writer.writerow(values)
    own = ", ".join(COLUMNS)
    connection.execute("create temporary table if not exists staged_customers as select * from customers with no data")
    connection.execute("create temporary table if not exists staged_assignments (row_id bigint, golden_id bigint)")
    connection.execute("truncate staged_customers, staged_assignments")
    with connection.cursor().copy(
        f"copy pg_temp.staged_customers (id, account, {own}) from stdin (format csv)"
    ) as copy:
        copy.write(buffer.getvalue())
    copy_rows(connection, "pg_temp.staged_assignments", {"row_id": "number", "golden_id": "number"}, assignments)
    connection.execute("analyze pg_temp.staged_customers")
    connection.execute("analyze pg_temp.staged_assignments")


def remove_unused(connection: Connection, among: Collection[int] | None = None) -> list[int]:
    """Delete customers that no cache row is of; ids that were merged live on as aliases. Returns their ids.

    Args:
        connection: database.
        among: only these may be without rows; None: any.
    """
    rows = connection.execute(
        """
        delete from customers c
        where (%(among)s::bigint[] is null or c.id = any(%(among)s))
            and not exists (select from customer_rows r where r.golden_id = c.id)
        returning c.id
        """,
        {"among": None if among is None else sorted(among)},
    )
    return [row["id"] for row in rows]


def count(connection: Connection) -> int:
    """How many customers there are."""
    found = connection.execute("select count(*) as customers from customers").fetchone()
    return found["customers"] if found else 0


def find_rows(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Cache rows by their id, or by `system:id`."""
    if name.isascii() and name.isdigit() and len(name) < 19:
        return connection.execute("select * from customer_rows where id = %s", [int(name)]).fetchall()
    source, _, source_id = name.partition(":")
    return connection.execute(
        "select * from customer_rows where source = %s and source_customer_id = %s order by account",
        [source, source_id],
    ).fetchall()
