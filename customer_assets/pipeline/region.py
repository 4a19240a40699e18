"""What a resolution has to look at: what changed, whom that may concern, and the customers around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from customer_assets.domain.identity import LARGEST_BLOCK, blocking_keys
from customer_assets.pipeline.profiles import ref_of, row_key, row_profile
from customer_assets.store import golden
from customer_assets.store import identity_index as index
from customer_assets.store.database import Connection

LARGEST_SHARE = 0.3  # of all rows: with more than that to look at, everything is resolved


@dataclass(frozen=True)
class Region:
    """Cache rows to resolve.

    Attributes:
        looked_at: rows that are resolved anew: those that changed, all that share something with them, and the other rows of
            their customers.
        settled: rows of the customers around these: they stay together, and are there to be joined with.
        removed_refs: (account, name) of rows that are no more.
        is_all: everything is looked at.
    """

    looked_at: set[int]
    settled: set[int]
    removed_refs: tuple[tuple[str, str], ...] = ()
    is_all: bool = False

    def refs(self, rows: Iterable[Mapping[str, Any]], account: str) -> list[str]:
        """Names of the account's rows that are looked at, or are no more."""
        here = [ref_of(row_key(r)) for r in rows if r["account"] == account and r["id"] in self.looked_at]
        return here + [ref for owner, ref in self.removed_refs if owner == account]


def find_region(connection: Connection, changes: index.Changes, *, full: bool) -> Region:
    """The region of these changes; everything, where they concern too much of it."""
    removed = tuple((one.account, one.ref) for one in changes.removed)
    most = changes.total * LARGEST_SHARE
    if full or len(changes.rows) > most:
        return Region(index.all_rows(connection), set(), removed, is_all=True)
    if not changes.rows and not changes.removed:
        return Region(set(), set())
    changed = golden.rows_to_resolve(connection, changes.rows)
    affected = index.keys_of(connection, changes.rows)
    affected |= {key for row in changed for key in index_keys(row)}
    affected |= {key for one in changes.removed for key in one.keys}
    near = changes.rows | index.found_by(connection, affected, at_most=LARGEST_BLOCK)
    near |= index.rows_of_customers(connection, {one.customer_id for one in changes.removed})
    looked_at = index.with_their_customers(connection, near)
    around = index.keys_of(connection, looked_at) | affected
    settled = index.with_their_customers(
        connection, index.found_by(connection, around, at_most=LARGEST_BLOCK)
    )
    if len(looked_at | settled) > most:
        return Region(index.all_rows(connection), set(), removed, is_all=True)
    return Region(looked_at, settled - looked_at, removed)


def index_keys(row: Mapping[str, Any]) -> list[str]:
    """What a cache row is found by, each with its account; of keys that many rows have, those narrowed by the name count."""
    traits = row_profile(row).traits
    beginning = traits.name.core[0][:4] if traits.name is not None else ""
    return sorted(set(_spelled(row["account"], blocking_keys(traits), beginning)))


def _spelled(account: str, keys: Iterable[tuple[str, ...]], beginning: str) -> Iterator[str]:
    for key in keys:
        yield "\t".join((account, *key))
        if beginning:
            yield "\t".join((account, *key, beginning))
