"""By which mapping the rows of a source were read: by another, the records that are stored are read once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from customer_assets.domain.cache.tables import CacheTable
from customer_assets.store.database import Connection


@dataclass(frozen=True, slots=True)
class ReadBy:
    """A mapping, by its hashes.

    Attributes:
        salt: over all of it; None: rows may have been read by several.
        rest: over what decides which keys no column holds; None: the same.
    """

    salt: bytes | None = None
    rest: bytes | None = None


def read_by(connection: Connection, *, account: str, source: str, entity: str) -> ReadBy:
    """The mapping by which all rows with a `record_hash` were read."""
    row = connection.execute(
        "select salt, rest from ops.row_mappings where account = %s and source = %s and entity = %s",
        [account, source, entity],
    ).fetchone()
    return ReadBy(**row) if row else ReadBy()


def note_read_by(connection: Connection, mapping: ReadBy, *, account: str, source: str, entity: str) -> None:
    """Note it, or that it is in doubt from now on."""
    connection.execute(
        """
        insert into ops.row_mappings (account, source, entity, salt, rest)
        values (%(account)s, %(source)s, %(entity)s, %(salt)s, %(rest)s)
        on conflict (account, source, entity) do update
        set salt = excluded.salt,
            rest = excluded.rest
        """,
        {"account": account, "source": source, "entity": entity, "salt": mapping.salt, "rest": mapping.rest},
    )


def distrust_rows(
    connection: Connection, table: CacheTable, *, account: str, source: str, left: Sequence[str], unseen: bool
) -> None:
    """Have records read when they come, though they may come as they were stored: of `left`, and of rows that no page showed.

    Args:
        connection, table, account, source: whose rows.
        left: ids of records that came and were not stored: rejected, older, of another kind.
        unseen: whether there may be rows whose ids `pg_temp.seen_ids` does not hold.
    """
    connection.execute(
        f"""
        update {table.name} r
        set record_hash = null
        where r.account = %(account)s
            and r.source = %(source)s
            and r.record_hash is not null
            and (
                r.{table.id_column} = any(%(left)s)
                or (
                    %(unseen)s
                    and not exists (select from pg_temp.seen_ids s where s.source_id = r.{table.id_column})
                )
            )
        """,
        {"account": account, "source": source, "left": list(left), "unseen": unseen},
    )
