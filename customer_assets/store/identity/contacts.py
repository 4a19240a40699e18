"""All phones and mails of a customer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from customer_assets.store.database import Connection
from customer_assets.store.lines import copy_rows

_KINDS = {"golden_id": "number", "kind": "text", "value": "text", "row_id": "number", "is_shared": "boolean"}


def store_contacts(
    connection: Connection, contacts: Iterable[tuple[int, str, str, int, bool]], *, of: Sequence[int]
) -> None:
    """Bring phones and e-mail addresses of these customers in line."""
    connection.execute(
        f"create temporary table if not exists staged_contacts as select {', '.join(_KINDS)} from customer_contacts with no data"
    )
    connection.execute("truncate pg_temp.staged_contacts")
    copy_rows(connection, "pg_temp.staged_contacts", _KINDS, contacts)
    connection.execute("analyze pg_temp.staged_contacts")
    connection.execute(
        """
        delete from customer_contacts c
        where c.golden_id = any(%s)
            and not exists (
                select
                from pg_temp.staged_contacts s
                where (s.golden_id, s.kind, s.value) = (c.golden_id, c.kind, c.value)
            )
        """,
        [list(of)],
    )
    connection.execute(
        """
        insert into customer_contacts as c (account, golden_id, kind, value, row_id, is_shared)
        select g.account, s.golden_id, s.kind, s.value, s.row_id, s.is_shared
        from pg_temp.staged_contacts s
        join customers g on g.id = s.golden_id
        on conflict (golden_id, kind, value) do update
        set row_id = excluded.row_id,
            is_shared = excluded.is_shared
        where (c.row_id, c.is_shared) is distinct from (excluded.row_id, excluded.is_shared)
        """
    )
