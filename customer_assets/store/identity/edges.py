"""Edges: the accepted evidence between records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from customer_assets.store.database import Connection
from customer_assets.store.lines import copy_rows

_KINDS = {
    "account": "text",
    "one_ref": "text",
    "other_ref": "text",
    "rule": "text",
    "weight": "number",
    "parts": "json",
}


def store_edges(
    connection: Connection,
    edges: Sequence[Mapping[str, Any]],
    *,
    account: str,
    of: Sequence[str] | None = None,
) -> None:
    """Bring the accepted evidence of an account in line; what did not change is not written.

    Args:
        connection: database.
        edges: accepted evidence.
        account: whose.
        of: records that were looked at; evidence of none of them stays as it is. None: all were.
    """
    connection.execute(
        "create temporary table if not exists staged_edges as select * from ops.identity_edges with no data"
    )
    connection.execute("truncate pg_temp.staged_edges")
    copy_rows(
        connection,
        "pg_temp.staged_edges",
        _KINDS,
        ((account, e["one_ref"], e["other_ref"], e["rule"], e["weight"], e["parts"]) for e in edges),
    )
    connection.execute(
        """
        delete from ops.identity_edges e
        where e.account = %(account)s
            and (%(of)s::text[] is null or e.one_ref = any(%(of)s) or e.other_ref = any(%(of)s))
            and not exists (
                select
                from pg_temp.staged_edges s
                where s.one_ref = e.one_ref
                    and s.other_ref = e.other_ref
            )
        """,
        {"account": account, "of": of and list(of)},
    )
    connection.execute(
        """
        insert into ops.identity_edges as e
        select distinct on (account, one_ref, other_ref) *
        from pg_temp.staged_edges
        order by account, one_ref, other_ref, weight desc
        on conflict (account, one_ref, other_ref) do update
        set rule = excluded.rule,
            weight = excluded.weight,
            parts = excluded.parts
        where (e.rule, e.weight, e.parts) is distinct from (excluded.rule, excluded.weight, excluded.parts)
        """
    )


def edges_of(connection: Connection, refs: Sequence[str], *, account: str) -> list[dict[str, Any]]:
    """Accepted evidence between records of a list."""
    return connection.execute(
        """
        select one_ref, other_ref, rule, weight::float as weight, parts
        from ops.identity_edges
        where account = %s
            and one_ref = any(%s)
            and other_ref = any(%s)
        order by weight desc, one_ref, other_ref
        """,
        [account, list(refs), list(refs)],
    ).fetchall()
