"""What a resolution has to look at: what changed, whom that may concern, and the customers around them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from customer_assets.domain.identity.blocking import ANY_SCRIPT, blocking_keys
from customer_assets.domain.identity.evidence import Profile
from customer_assets.domain.identity.joining import LARGEST_BLOCK
from customer_assets.domain.identity.shared import WordCounts, words_of
from customer_assets.pipeline.identity.profiles import ref_of, row_key, row_profile
from customer_assets.store.database import Connection
from customer_assets.store.identity import golden, index

SAMPLE = 12  # customers of a value that many share: enough to see that they are many
LARGEST_SHARE = 0.3  # of all rows: with more than that to look at, everything is resolved


@dataclass(frozen=True)
class Affected:
    """Cache rows to resolve.

    Attributes:
        looked_at: rows that are resolved anew: those that changed, all that share something with them, and the other rows of
            their customers.
        settled: rows of the customers around these: they stay together, and are there to be joined with, or, of values
            that very many share, to show that.
        fingerprints: row -> hash of what it said when this was found; a row that says something else by now was changed
            meanwhile, and is looked at again by the next resolution.
        removed: rows that are no more.
        is_all: everything is looked at.
    """

    looked_at: set[int]
    settled: set[int]
    fingerprints: Mapping[int, str] = field(default_factory=dict)
    removed: Sequence[index.Indexed] = ()
    is_all: bool = False

    def refs(self, rows: Iterable[Mapping[str, Any]], account: str) -> list[str]:
        """Names of the account's rows that are looked at, or are no more."""
        here = [ref_of(row_key(r)) for r in rows if r["account"] == account and r["id"] in self.looked_at]
        return here + [one.ref for one in self.removed if one.account == account]


def find_affected(connection: Connection, changes: index.Changes, *, engine: str, full: bool) -> Affected:
    """The region of these changes; everything, where they concern too much of it."""
    most = changes.total * LARGEST_SHARE
    if full or len(changes.rows) > most:
        return Affected(index.all_rows(connection), set(), removed=changes.removed, is_all=True)
    if not changes.rows and not changes.removed:
        return Affected(set(), set())
    changed = golden.rows_to_resolve(connection, changes.rows, engine=engine)
    affected = index.keys_of(connection, changes.rows)
    affected |= {key for row in changed for key in index_keys(row["account"], row_profile(row))}
    affected |= {key for one in changes.removed for key in one.keys}
    near, _ = index.found_by(connection, spreading(affected), at_most=LARGEST_BLOCK)
    near |= changes.rows | index.rows_of_customers(connection, {one.golden_id for one in changes.removed})
    looked_at = index.with_their_customers(connection, near)
    around = index.keys_of(connection, looked_at) | affected
    few, some_of_many = index.found_by(connection, spreading(around), at_most=LARGEST_BLOCK, sample=SAMPLE)
    settled = index.with_their_customers(connection, few | some_of_many) - looked_at
    if len(looked_at | settled) > most:
        return Affected(index.all_rows(connection), set(), removed=changes.removed, is_all=True)
    fingerprints = index.fingerprints_of(connection, looked_at | settled) | {
        row["id"]: row["fingerprint"] for row in changed
    }
    return Affected(looked_at, settled, fingerprints, changes.removed)


# Kinds of keys in the index besides those that records are compared by.
LATIN, FOREIGN = "latin address", "foreign address"  # number and place, for addresses of the other script
VAT = "vat"  # joins at once, and is no key of the comparison
WORD = "word of a name"  # finds nobody; tells how many names have it


def index_keys(account: str, profile: Profile) -> list[str]:
    """What a cache row of an account is found by; of keys that many rows have, those narrowed by the name count."""
    traits = profile.traits
    beginning = traits.name.core[0][:4] if traits.name is not None else ""
    found: set[tuple[str, ...]] = set() if profile.vat is None else {(VAT, profile.vat.partition(":")[2])}
    for key in blocking_keys(traits):
        if key[:2] == ("address", ANY_SCRIPT):
            is_foreign = traits.address is not None and traits.address.is_foreign
            found.add((FOREIGN if is_foreign else LATIN, *key[2:]))
        else:
            found |= {key, (*key, f"~{beginning}")} if beginning else {key}
    if traits.name is not None:
        found |= {(WORD, word) for word in words_of(traits.name)}
    return sorted("\t".join((account, *key)) for key in found)


def words_over_everything(connection: Connection, account: str, words: Collection[str]) -> WordCounts:
    """How common some words are in the names of an account's customers, as they were resolved last."""
    of_key = {f"{account}\t{WORD}\t{word}": word for word in words}
    counts, customers = index.counts_beside(connection, list(of_key), beside=f"{account}\tname\t", account=account)
    return WordCounts({of_key[key]: count for key, count in counts.items()}, customers or 1)


def spreading(keys: Iterable[str]) -> set[str]:
    """Keys by which others are concerned: not words, and an address without its street for the other script alone."""
    found: set[str] = set()
    for key in keys:
        account, kind, *rest = key.split("\t")
        if kind == LATIN:
            found.add("\t".join((account, FOREIGN, *rest)))
        elif kind == FOREIGN:
            found |= {key, "\t".join((account, LATIN, *rest))}
        elif kind != WORD:
            found.add(key)
    return found
