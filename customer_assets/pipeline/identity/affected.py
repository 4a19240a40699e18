"""What a resolution has to look at: what changed, whom that may concern, and the customers around them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from customer_assets.domain.identity.joining import LARGEST_BLOCK
from customer_assets.domain.identity.key_hashes import (
    COUNTED,
    Kind,
    Search,
    keys_of,
    kind_of,
    name_hash,
    searches,
    spreading,
    word_key,
)
from customer_assets.domain.identity.shared import WordCounts
from customer_assets.pipeline.identity.profiles import ref_of, row_key, row_profile
from customer_assets.store.database import Connection
from customer_assets.store.identity import golden, index

SAMPLE = 12  # customers of a value that many share: enough to see that they are many
HOUSES = (Kind.HOUSE, Kind.LATIN, Kind.FOREIGN)  # keys of addresses that may be one though they are not equal
ADDRESSES = (Kind.ADDRESS, Kind.FOREIGN)
LARGEST_SHARE = 0.6  # of all rows: with more than that to look at, everything is resolved


@dataclass(frozen=True)
class Affected:
    """Cache rows to resolve.

    Attributes:
        looked_at: rows that are resolved anew: those that changed, those whose relations to one another may have changed by
            it, and the other rows of their customers.
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
    keys_now = {row["id"]: _keys_of_row(row) for row in changed}
    keys_before = index.keys_of(connection, changes.rows)
    touched: set[Search] = set()
    for row_id in changes.rows:
        touched |= _touched(keys_before.get(row_id), keys_now.get(row_id))
    for one in changes.removed:
        touched |= _touched((one.keys, one.name_hash), None)
    near, _ = index.found_by(connection, touched, at_most=LARGEST_BLOCK)
    near |= index.decided_with(connection, changes.rows) | index.rows_of_customers(
        connection, {one.golden_id for one in changes.removed}
    )
    looked_at = index.with_their_customers(connection, near)
    around: set[Search] = set()
    for keys, _ in (*keys_now.values(), *index.keys_of(connection, looked_at - changes.rows).values()):
        around |= searches(keys)
    settled = index.with_their_customers(connection, _all_around(connection, around)) - looked_at
    if len(looked_at | settled) > most:
        return Affected(index.all_rows(connection), set(), removed=changes.removed, is_all=True)
    fingerprints = index.fingerprints_of(connection, looked_at | settled) | {
        row["id"]: row["fingerprint"] for row in changed
    }
    return Affected(looked_at, settled, fingerprints, changes.removed)


def _all_around(connection: Connection, around: set[Search]) -> set[int]:
    """Rows that share something with those looked at, and, of values that are counted, who shows that many have them."""
    houses = {search for search in around if kind_of(search[0]) in HOUSES}
    counted = {search for search in around - houses if kind_of(search[0]) in COUNTED}
    found, some_of_many = index.found_by(connection, counted, at_most=LARGEST_BLOCK, sample=SAMPLE)
    more, _ = index.found_by(connection, around - counted - houses, at_most=LARGEST_BLOCK)
    neighbours, _ = index.found_by(connection, houses, at_most=LARGEST_BLOCK)
    # their addresses may say the place that another one leaves out, and by that place it is counted how many are there
    addresses = {search for search in houses if kind_of(search[0]) is Kind.FOREIGN}
    for keys, _ in index.keys_of(connection, neighbours).values():
        addresses |= {search for search in searches(keys) if kind_of(search[0]) in ADDRESSES}
    theirs, some_of_theirs = index.found_by(connection, addresses - counted, at_most=LARGEST_BLOCK, sample=SAMPLE)
    return found | some_of_many | more | neighbours | theirs | some_of_theirs


_Keys = tuple[Sequence[int], int | None]  # of a row, and that of its name


def _keys_of_row(row: Mapping[str, Any]) -> _Keys:
    profile = row_profile(row)
    return keys_of(row["account"], profile), name_hash(row["account"], profile)


def _touched(before: _Keys | None, now: _Keys | None) -> set[Search]:
    """How those are found whose relations to one another a change of a row may change: not its own ones to them.

    How many names stand behind a value tells what it weighs between the others that have it; customers of one name are told
    apart by what they say, and each is compared with the others in the light of that. Who has a value that this row has kept,
    with the name that it has kept, is compared with it, and for the rest stays as he is.
    """
    (keys_before, name_before), (keys_now, name_now) = before or ((), None), now or ((), None)
    is_named_anew = name_before != name_now
    changed = {*keys_before} | {*keys_now} if is_named_anew else {*keys_before} ^ {*keys_now}
    changed |= {key for key in (name_before, name_now) if key is not None}
    counted = {key for key in spreading(changed) if kind_of(key) in COUNTED}
    return {search for search in searches(keys_before) | searches(keys_now) if search[0] in counted}


def words_over_everything(connection: Connection, account: str, words: Collection[str]) -> WordCounts:
    """How common some words are in the names of an account's customers, as they were resolved last."""
    of_key = {word_key(account, word): word for word in words}
    counts, customers = index.names_with(connection, of_key, account=account)
    return WordCounts({of_key[key]: count for key, count in counts.items()}, customers or 1)
