"""Identity in the database: what people decided, what is in doubt, by which evidence rows were joined, aliases, contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from customer_assets.store.database import Connection
from customer_assets.store.identity.golden import is_named

Pair = tuple[str, str]


def decisions(connection: Connection, *, account: str) -> tuple[list[Pair], list[Pair]]:
    """Pairs of records that people called the same, and those that they told apart."""
    rows = connection.execute(
        "select one_ref, other_ref, decision from match_reviews where account = %s and decision is not null",
        [account],
    ).fetchall()
    same = [(r["one_ref"], r["other_ref"]) for r in rows if r["decision"] == "same"]
    different = [(r["one_ref"], r["other_ref"]) for r in rows if r["decision"] == "different"]
    return same, different


def store_reviews(
    connection: Connection,
    reviews: Sequence[Mapping[str, Any]],
    *,
    account: str,
    scope: str,
    of: Sequence[str] | None = None,
) -> None:
    """Bring the open reviews of a scope in line; decided ones stay.

    Args:
        connection: database.
        reviews: pairs in doubt.
        account, scope: whose.
        of: records that were looked at; reviews of none of them stay as they are. None: all were.
    """
    connection.execute(
        """
        with wanted as (
            select *
            from jsonb_to_recordset(%(reviews)s)
                as w (one_ref text, other_ref text, score numeric, weight numeric, reasons jsonb)
        ), gone as (
            delete from match_reviews m
            where m.account = %(account)s
                and m.scope = %(scope)s
                and m.status = 'open'
                and (%(of)s::text[] is null or m.one_ref = any(%(of)s) or m.other_ref = any(%(of)s))
                and not exists (
                    select from wanted w where w.one_ref = m.one_ref and w.other_ref = m.other_ref
                )
        )
        insert into match_reviews as m (account, scope, one_ref, other_ref, score, weight, reasons)
        select %(account)s, %(scope)s, one_ref, other_ref, score, weight, reasons
        from wanted
        on conflict (account, one_ref, other_ref) do update
        set score = excluded.score,
            weight = excluded.weight,
            reasons = excluded.reasons
        where m.status = 'open'
            and (m.score, m.weight, m.reasons) is distinct from (excluded.score, excluded.weight, excluded.reasons)
        """,
        {"reviews": Jsonb(list(reviews)), "account": account, "scope": scope, "of": of and list(of)},
    )


def remove_answered(connection: Connection) -> None:
    """Delete open reviews of two cache rows that are one customer meanwhile, and all but the best of two customers."""
    connection.execute(
        f"""
        delete from match_reviews m
        using customer_rows a, customer_rows b
        where m.status = 'open'
            and {is_named("a", "m.one_ref")}
            and {is_named("b", "m.other_ref")}
            and a.account = m.account
            and b.account = m.account
            and a.golden_id = b.golden_id
        """
    )
    connection.execute(
        f"""
        delete from match_reviews m
        using (
            select m.id,
                row_number() over (
                    partition by least(a.golden_id, b.golden_id), greatest(a.golden_id, b.golden_id)
                    order by m.weight desc, m.id
                ) as nth
            from match_reviews m
            join customer_rows a on a.account = m.account and {is_named("a", "m.one_ref")}
            join customer_rows b on b.account = m.account and {is_named("b", "m.other_ref")}
            where m.status = 'open'
                and m.scope = 'customers'
        ) worse
        where worse.id = m.id
            and worse.nth > 1
        """
    )


def count_open(connection: Connection, *, scope: str) -> int:
    """Pairs that wait for a decision."""
    found = connection.execute(
        "select count(*) as pairs from match_reviews where status = 'open' and scope = %s", [scope]
    ).fetchone()
    return found["pairs"] if found else 0


def list_reviews(
    connection: Connection, *, status: str = "open", limit: int = 500, offset: int = 0
) -> list[dict[str, Any]]:
    """Reviews with the names of both sides, the surest first."""
    return connection.execute(
        """
        select m.id, m.account, m.scope, m.one_ref, m.other_ref, m.score::float as score, m.weight::float as weight, m.reasons,
            m.status, m.decision, m.decided_by, m.decided_at, m.created_at,
            coalesce(a.name, ia.customer_name) as one_name, coalesce(b.name, ib.customer_name) as other_name,
            a.id as one_row_id, b.id as other_row_id, to_jsonb(ia) as one_invoice, to_jsonb(ib) as other_invoice
        from match_reviews m
        left join customer_rows a on a.account = m.account and a.source || ':' || a.source_customer_id = m.one_ref
        left join customer_rows b on b.account = m.account and b.source || ':' || b.source_customer_id = m.other_ref
        left join legacy_invoices ia on ia.account = m.account and 'legacy:' || ia.source_invoice_id = m.one_ref
        left join legacy_invoices ib on ib.account = m.account and 'legacy:' || ib.source_invoice_id = m.other_ref
        where m.status = %s
        order by m.weight desc nulls last, m.id
        limit %s
        offset %s
        """,
        [status, limit, offset],
    ).fetchall()


def decide(connection: Connection, *, account: str, one_ref: str, other_ref: str, decision: str, by: str) -> None:
    """Keep what somebody decided of a pair, whether it was asked about or not."""
    one_ref, other_ref = sorted((one_ref, other_ref))
    connection.execute(
        """
        insert into match_reviews (account, scope, one_ref, other_ref, status, decision, decided_by, decided_at)
        values (%(account)s, 'customers', %(one)s, %(other)s, 'decided', %(decision)s, %(by)s, now())
        on conflict (account, one_ref, other_ref) do update
        set status = 'decided',
            decision = excluded.decision,
            decided_by = excluded.decided_by,
            decided_at = excluded.decided_at
        """,
        {"account": account, "one": one_ref, "other": other_ref, "decision": decision, "by": by},
    )


def decided_about(connection: Connection, *, account: str, refs: Sequence[str]) -> list[dict[str, Any]]:
    """What people decided about some records, the newest first."""
    return connection.execute(
        """
        select id, one_ref, other_ref, decision, decided_by, decided_at
        from match_reviews
        where account = %(account)s
            and status = 'decided'
            and (one_ref = any(%(refs)s) or other_ref = any(%(refs)s))
        order by decided_at desc
        limit 100
        """,
        {"account": account, "refs": list(refs)},
    ).fetchall()


def take_back(connection: Connection, review_id: int, *, by: str) -> tuple[str, str] | None:
    """Make a decision none; the next resolution looks at the two records again. Returns the pair, None for no decision."""
    row = connection.execute(
        """
        update match_reviews
        set status = 'open',
            decision = null,
            decided_by = %s,
            decided_at = now()
        where id = %s
            and status = 'decided'
        returning one_ref, other_ref
        """,
        [by, review_id],
    ).fetchone()
    return (row["one_ref"], row["other_ref"]) if row else None


def review(connection: Connection, review_id: int) -> dict[str, Any] | None:
    """One review."""
    return connection.execute("select * from match_reviews where id = %s", [review_id]).fetchone()
