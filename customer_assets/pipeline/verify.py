"""Verifying what no query can: content hashes are those of the values beside them."""

from __future__ import annotations

from collections.abc import Iterator

from customer_assets.domain.cache.row import is_sealed
from customer_assets.domain.cache.tables import CUSTOMERS, INVOICES
from customer_assets.store.cache.rows import all_rows
from customer_assets.store.database import Connection
from customer_assets.store.reads.integrity import Violation

EXAMPLES = 3


def content_hashes(connection: Connection) -> Iterator[Violation]:
    """Rows whose values are not those that were stored with their hash: somebody changed them by hand."""
    examples: list[str] = []
    count = 0
    for table in (CUSTOMERS, INVOICES):
        for row in all_rows(connection, table):
            if not is_sealed(table, row):
                count += 1
                examples += [f"{row['source']} {row[table.id_column]}"] if count <= EXAMPLES else []
    if count:
        meaning = (
            "the content hash of a row is that of its values (a value was changed by hand: sync --from-raw mends it)"
        )
        yield Violation("content_hash_differs", meaning, count, examples)
