"""The index of the incremental resolution: how each cache row was resolved last, and what it is found by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from customer_assets.domain.identity.key_hashes import Search
from customer_assets.store import marks
from customer_assets.store.database import Connection, scalar
from customer_assets.store.identity.golden import FINGERPRINT, is_named
from customer_assets.store.lines import copy_rows
from customer_assets.store.owned import gather_statistics, owns

MOST_COUNTED = 5_000  # rows of a word; one that more have is common, however many
MOST_UNCOUNTED = 0.01  # share of the index that may be new before it is looked through for statistics
MOST_TRANSACTIONS = 2**30  # since the last resolution: their numbers come round after twice as many
_LAST = "identity resolved"  # mark: this transaction, the oldest it may not have seen, the engine
_KINDS = {
    "row_id": "number",
    "account": "text",
    "ref": "text",
    "said": "text",
    "golden_id": "number",
    "key_hashes": "text",
    "name_hash": "number",
}


@dataclass(frozen=True, slots=True)
class Indexed:
    """A row as it was resolved.

    Attributes:
        row_id: of the cache row.
        account, ref: its name.
        golden_id: what it was resolved to.
        fingerprint: hash of what it said then.
        keys: what it is found by (`domain.identity.key_hashes`).
        name_hash: that of its name.
    """

    row_id: int
    account: str
    ref: str
    golden_id: int
    fingerprint: str
    keys: Sequence[int]
    name_hash: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be resolved again.

    Attributes:
        rows: ids of cache rows that are new or changed, or of which somebody decided something.
        removed: rows that are no more.
        total: all cache rows.
    """

    rows: set[int]
    removed: list[Indexed]
    total: int


def wait_for_turn(connection: Connection) -> None:
    """Wait until no other resolution is under way; this one is, until its transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtext('customer_assets customers'))")


def has_turn(connection: Connection) -> bool:
    """The same without waiting: whether no other resolution is under way."""
    query = "select pg_try_advisory_xact_lock(hashtext('customer_assets customers'))"
    return bool(scalar(connection, query))


def changes(connection: Connection, *, engine: str) -> Changes:
    """What changed since the last resolution by this engine (a text that differs when its rules do)."""
    age = _age_of_the_last(connection, engine)
    # two queries: the planner takes a third of all rows for young
    ids = None if age is None else _written_since(connection, age)
    found = connection.execute(
        f"""
        select r.id
        from customer_rows r
        left join ops.identity_index i on i.row_id = r.id
        where (%(ids)s::bigint[] is null or r.id = any(%(ids)s))
            and (i.said is distinct from {FINGERPRINT} or i.golden_id is distinct from r.golden_id)
        """,
        {"engine": engine, "ids": ids},
    )
    rows = {row["id"] for row in found} | _decided_since(connection, age)
    removed = connection.execute(
        """
        select i.row_id, i.account, i.ref, i.golden_id, i.said as fingerprint, i.key_hashes as keys, i.name_hash
        from ops.identity_index i
        where not exists (select from customer_rows r where r.id = i.row_id)
        """
    )
    total = connection.execute("select count(*) as rows from customer_rows").fetchone()
    return Changes(rows, [Indexed(**row) for row in removed], total["rows"] if total else 0)


def _written_since(connection: Connection, age: int) -> list[int]:
    """Cache rows written, or edited by a person, by one of the last so many transactions, and any that the index lacks."""
    rows = connection.execute(
        """
        select id
        from customer_rows
        where age(xmin) <= %(age)s
        union
        select row_id
        from ops.field_edits
        where age(xmin) <= %(age)s
        union
        select id
        from customer_rows r
        where not exists (select from ops.identity_index i where i.row_id = r.id)
        """,
        {"age": age},
    )
    return [row["id"] for row in rows]


def _decided_since(connection: Connection, age: int | None) -> set[int]:
    """Cache rows of which somebody decided something in one of the last so many transactions, or, for None, ever."""
    rows = connection.execute(
        f"""
        select r.id
        from match_reviews m
        cross join lateral unnest(array[m.one_ref, m.other_ref]) as of (ref)
        join customer_rows r on r.account = m.account and {is_named("r", "of.ref")}
        where m.decided_at is not null
            and (%(age)s::bigint is null or age(m.xmin) <= %(age)s)
        """,
        {"age": age},
    )
    return {row["id"] for row in rows}


def decided_with(connection: Connection, row_ids: Collection[int]) -> set[int]:
    """Cache rows that decisions tie to these, over any number of steps: one answer may have kept another from holding."""
    rows = connection.execute(
        f"""
        with recursive decided as materialized (
            select a.id as one, b.id as other
            from match_reviews m
            join customer_rows a on a.account = m.account and {is_named("a", "m.one_ref")}
            join customer_rows b on b.account = m.account and {is_named("b", "m.other_ref")}
            where m.decision is not null
        ), pairs as materialized (
            select one, other from decided
            union all
            select other, one from decided
        ), tied (id) as (
            select unnest(%s::bigint[])
            union
            select p.other
            from tied t
            join pairs p on p.one = t.id
        )
        select id
        from tied
        """,
        [list(row_ids)],
    )
    return {row["id"] for row in rows}


def _age_of_the_last(connection: Connection, engine: str) -> int | None:
    """Transactions since the oldest one that the last resolution may not have seen; None: look at every row.

    A row that was written since has a younger `xmin`: to hash these is to miss nothing, however long their transactions
    took and whatever the clocks said.
    """
    last = connection.execute(
        """
        select value, xmin::text::bigint as written_by, pg_current_xact_id()::text::bigint as now
        from ops.database_marks
        where mark = %s
        """,
        [_LAST],
    ).fetchone()
    if last is None:
        return None
    own, oldest, of_engine = last["value"].split(" ", 2)
    # a restored copy of the mark was written by another transaction than it says: the numbers in it mean nothing there
    is_of_here = int(own) % 2**32 == last["written_by"]
    age = int(last["now"]) - int(oldest)
    return age if is_of_here and of_engine == engine and 0 <= age < MOST_TRANSACTIONS else None


def keep_seen(connection: Connection, seen: str, *, engine: str) -> None:
    """Note what this resolution has seen, as `oldest_unseen` said when it began."""
    own = scalar(connection, "select pg_current_xact_id()::text")
    marks.keep(connection, _LAST, f"{own} {seen} {engine}")


def oldest_unseen(connection: Connection) -> str:
    """The oldest transaction whose rows what is asked from now on may not see."""
    return str(scalar(connection, "select pg_snapshot_xmin(pg_current_snapshot())::text"))


def all_rows(connection: Connection) -> set[int]:
    """Every cache row."""
    return {row["id"] for row in connection.execute("select id from customer_rows")}


def keys_of(connection: Connection, row_ids: Collection[int]) -> dict[int, tuple[list[int], int | None]]:
    """What these rows were found by when they were resolved last, and the key of their names, by row."""
    rows = connection.execute(
        "select row_id, key_hashes, name_hash from ops.identity_index where row_id = any(%s)", [list(row_ids)]
    )
    return {row["row_id"]: (row["key_hashes"], row["name_hash"]) for row in rows}


def found_by(
    connection: Connection, searches: Collection[Search], *, at_most: int, sample: int = 0
) -> tuple[set[int], set[int]]:
    """Rows that have one of the keys, and rows that stand for the many others.

    Args:
        connection: database.
        searches: what to look for.
        at_most: of keys that more rows have, those whose names begin as the search says are given, if they are not more.
        sample: and a row of each of so many customers, so that it can be seen that the value is shared.
    """
    rows = connection.execute(
        _FOUND_BY,
        {
            "keys": [key for key, _ in searches],
            "beginnings": [beginning for _, beginning in searches],
            "at_most": at_most,
            "sample": sample,
        },
    ).fetchall()
    few = {row["row_id"] for row in rows if not row["is_crowded"]}
    return few, {row["row_id"] for row in rows} - few


_FOUND_BY = """
with holders as (
    -- one look into the index for each key: beside an array of thousands, each key of each row would be compared
    select w.key, i.row_id, i.golden_id
    from (select distinct key from unnest(%(keys)s::bigint[]) as all_of (key)) w
    cross join lateral (
        select i.row_id, i.golden_id
        from ops.identity_index i
        where i.key_hashes @> array[w.key]
        limit greatest(%(at_most)s + 1, %(sample)s * 10)
    ) i
), counted as (
    select key, row_id,
        count(*) over (partition by key) > %(at_most)s as is_crowded,
        dense_rank() over (partition by key order by golden_id) as customer,
        row_number() over (partition by key, golden_id order by row_id) as nth
    from holders
), alike as (
    select n.row_id
    from unnest(%(keys)s::bigint[], %(beginnings)s::bigint[]) as w (key, beginning)
    cross join lateral (
        select i.row_id, count(*) over () as rows
        from (
            select i.row_id
            from ops.identity_index i
            where i.key_hashes @> array[w.key, w.beginning]
            limit %(at_most)s + 1
        ) i
    ) n
    where w.beginning is not null
        and w.key in (select key from counted where is_crowded)
        and n.rows <= %(at_most)s
)
select row_id, false as is_crowded
from alike
union
select row_id, is_crowded
from counted
where not is_crowded
    or (customer <= %(sample)s and nth = 1)
"""


def names_with(connection: Connection, words: Collection[int], *, account: str) -> tuple[dict[int, int], int]:
    """How many different names have each of some words, as rows of an account were resolved last.

    Args:
        connection: database.
        words: their keys.
        account: whose.

    Returns:
        The counts, and how many customers there are.
    """
    rows = connection.execute(
        """
        select w.key, count(distinct i.name_hash) as names
        from unnest(%(words)s::bigint[]) as w (key)
        cross join lateral (
            select i.name_hash
            from ops.identity_index i
            where i.key_hashes @> array[w.key]
            limit %(most)s
        ) i
        group by w.key
        """,
        {"words": sorted(words), "most": MOST_COUNTED},
    )
    total = scalar(connection, "select count(*) from customers where account = %s", [account])
    return {row["key"]: row["names"] for row in rows}, int(total or 0)


def fingerprints_of(connection: Connection, row_ids: Collection[int]) -> dict[int, str]:
    """Hashes of what rows said when they were resolved last."""
    rows = connection.execute("select row_id, said from ops.identity_index where row_id = any(%s)", [sorted(row_ids)])
    return {row["row_id"]: row["said"] for row in rows}


def with_their_customers(connection: Connection, row_ids: Collection[int]) -> set[int]:
    """These rows, and all others of their customers."""
    rows = connection.execute(
        """
        select o.id
        from customer_rows r
        join customer_rows o on o.golden_id = r.golden_id
        where r.id = any(%s)
        """,
        [list(row_ids)],
    )
    return set(row_ids) | {row["id"] for row in rows}


def rows_of_customers(connection: Connection, golden_ids: Collection[int]) -> set[int]:
    """All rows of these customers."""
    rows = connection.execute("select id from customer_rows where golden_id = any(%s)", [sorted(golden_ids)])
    return {row["id"] for row in rows}


def store(connection: Connection, indexed: Iterable[Indexed], *, total: int) -> None:
    """Keep how some of so many rows were resolved. What did not change is not written."""
    connection.execute(
        """
        create temporary table if not exists staged_index
            (row_id bigint, account text, ref text, said text, golden_id bigint, key_hashes bigint[], name_hash bigint)
        """
    )
    connection.execute("truncate pg_temp.staged_index")
    rows = (
        (o.row_id, o.account, o.ref, o.fingerprint, o.golden_id, f"{{{','.join(map(str, o.keys))}}}", o.name_hash)
        for o in indexed
    )
    copy_rows(connection, "pg_temp.staged_index", _KINDS, rows)
    written = connection.execute(
        """
        insert into ops.identity_index as i (row_id, account, ref, said, golden_id, key_hashes, name_hash)
        select row_id, account, ref, said, golden_id, key_hashes, name_hash
        from pg_temp.staged_index
        on conflict (row_id) do update
        set account = excluded.account,
            ref = excluded.ref,
            said = excluded.said,
            golden_id = excluded.golden_id,
            keys = default,
            key_hashes = excluded.key_hashes,
            name_hash = excluded.name_hash,
            resolved_at = now()
        where (i.said, i.golden_id, i.key_hashes, i.name_hash)
            is distinct from (excluded.said, excluded.golden_id, excluded.key_hashes, excluded.name_hash)
        """
    ).rowcount
    # `found_by` is planned with what is there now, and must not read through keys that wait to be sorted in
    if written > total * MOST_UNCOUNTED:
        gather_statistics(connection, "ops.identity_index")
    if owns(connection, "ops.identity_index"):
        connection.execute("select gin_clean_pending_list('ops.identity_index_key_hashes_idx')")
    else:
        connection.execute("select ops.settle_identity_index()")


def forget(connection: Connection, removed: Iterable[Indexed]) -> None:
    """Forget rows that are no more."""
    connection.execute("delete from ops.identity_index where row_id = any(%s)", [[one.row_id for one in removed]])
