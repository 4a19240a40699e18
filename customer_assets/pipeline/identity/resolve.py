"""Customers across systems: cache rows of one real customer share one golden record with a stable id."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from customer_assets.domain.identity.evidence import Key, Profile, engine_version
from customer_assets.domain.identity.key_hashes import keys_of, name_hash
from customer_assets.domain.identity.resolution import Clusters, Decisions, Edge, Review, resolve
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.affected import Affected, find_affected, words_over_everything
from customer_assets.pipeline.identity.bulk import bulk
from customer_assets.pipeline.identity.engines import engines_of
from customer_assets.pipeline.identity.profiles import key_of, ref_of, row_key, row_profiles
from customer_assets.pipeline.identity.survivorship import contacts_of, golden_record, shared_among, shared_values
from customer_assets.store.database import Connection, connect
from customer_assets.store.identity import aliases, contacts, edges, golden, index, reviews
from customer_assets.store.webhooks import outgoing

NOTHING = golden.GoldenCounts(0, 0, 0, 0)


@dataclass(frozen=True)
class Resolved:
    """What resolving did.

    Attributes:
        customers, rows, reviews: how many there are.
        compared: rows that were resolved anew.
        counts: what became of golden records.
    """

    customers: int
    rows: int
    reviews: int
    compared: int
    counts: golden.GoldenCounts


def resolve_customers(context: Context, *, full: bool = False) -> Resolved:
    """Resolve what changed since the last time; ids that exist are kept, and a merged customer's old id becomes an alias.

    Args:
        context: database and settings.
        full: resolve everything.
    """
    with connect(context.url, name="customer_assets customers") as connection, connection.transaction():
        return resolve_within(connection, context, full=full)


def resolve_at_once(context: Context, *, most: int) -> bool:
    """Resolve what changed while somebody waits for it: where it is few rows, and nobody else resolves; whether it was done.

    Args:
        context: database and settings.
        most: rows that changed.
    """
    with connect(context.url, name="customer_assets customers") as connection, connection.transaction():
        if not index.has_turn(connection) or unresolved_rows(connection, context) > most:
            return False  # the next resolution takes them along
        resolve_within(connection, in_this_process(context))
    return True


def in_this_process(context: Context) -> Context:
    """The same, where somebody waits for few rows: a cluster takes longer to begin, and comes to the same."""
    return replace(context, settings=context.settings.model_copy(update={"identity_engine": "process"}))


def resolve_within(connection: Connection, context: Context, *, full: bool = False) -> Resolved:
    """The same within a transaction of the caller, who may roll it back: to show what would come of something."""
    engine = _engine(context)
    index.wait_for_turn(connection)
    seen = index.oldest_unseen(connection)
    changes = index.changes(connection, engine=engine)
    affected = find_affected(connection, changes, engine=engine, full=full)
    counts = NOTHING
    if affected.looked_at or affected.removed:
        counts = _resolve_affected(connection, context, affected, engine, changes.total)
    index.keep_seen(connection, seen, engine=engine)
    customers, to_review = golden.count(connection), reviews.count_open(connection, scope="customers")
    return Resolved(customers, changes.total, to_review, len(affected.looked_at), counts)


def unresolved_rows(connection: Connection, context: Context) -> int:
    """How many rows the next resolution has to begin with: those that changed since the last one."""
    return len(index.changes(connection, engine=_engine(context)).rows)


def disagreeing_rows(context: Context) -> tuple[int, int]:
    """(rows whose customer has other rows than a full resolution would give it, all rows). Nothing is written."""
    differing = total = 0
    with connect(context.url, name="customer_assets identity check") as connection, _resolver(context) as resolved:
        for account in golden.accounts(connection):
            with bulk():
                rows = golden.rows_to_resolve(connection, account=account)
                _, found = resolved(connection, account, rows, None)
            stored: dict[int | None, set[int]] = defaultdict(set)
            for row in rows:
                stored[row["golden_id"]].add(row["id"])
            by_key = {row_key(row): row for row in rows}
            for keys in found.members.values():
                wanted = {by_key[key]["id"] for key in keys}
                differing += sum(stored[by_key[key]["golden_id"]] != wanted for key in keys)
            total += len(rows)
    return differing, total


def _resolve_affected(
    connection: Connection, context: Context, affected: Affected, engine: str, total: int
) -> golden.GoldenCounts:
    """Resolve one account after another: memory is that of the largest."""
    ids = None if affected.is_all else affected.looked_at | affected.settled
    accounts = {*golden.accounts(connection, ids), *(one.account for one in affected.removed)}
    counts = NOTHING
    were = {one.golden_id for one in affected.removed}  # customers that may have lost their last row
    with _resolver(context) as resolved:
        for account in sorted(accounts):
            with bulk():
                rows = golden.rows_to_resolve(connection, ids, account=account, engine=engine)
                were |= {row["golden_id"] for row in rows if row["golden_id"] is not None}
                profiles, found = resolved(connection, account, rows, None if affected.is_all else affected.settled)
                done, ids_now = _store(connection, account, Found(rows, profiles, found), affected, total)
                counts += done
                were |= ids_now  # of rows that were erased meanwhile
    index.forget(connection, affected.removed)
    removed = golden.remove_unused(connection, among=None if affected.is_all else were)
    outgoing.note_changes(connection, removed)
    reviews.remove_answered(connection)
    return replace(counts, removed=len(removed))


@dataclass(frozen=True)
class Found:
    """Cache rows of an account, what each says, and the customers that they are of."""

    rows: Sequence[dict[str, Any]]
    profiles: Mapping[int, Profile]
    clusters: Clusters


def _store(
    connection: Connection, account: str, found: Found, affected: Affected, total: int
) -> tuple[golden.GoldenCounts, set[int]]:
    """Bring what is stored of an account in line with what was found; the customers that were looked at."""
    by_key = {row_key(row): row for row in found.rows}
    everybody = [[by_key[key] for key in keys] for keys in found.clusters.members.values()]
    parts = [part for part in everybody if any(row["id"] in affected.looked_at for row in part)]
    ids, merged, given_back = stable_ids(parts, aliases.aliases(connection))
    fresh = iter(golden.new_ids(connection, ids.count(None)))
    shared = shared_values([[found.profiles[row["id"]] for row in part] for part in everybody])
    records, assignments, reached_at = [], [], []
    for part, kept in zip(parts, ids, strict=True):
        golden_id = kept if kept is not None else next(fresh)
        shared_here = shared_among(part, [found.profiles[row["id"]] for row in part], shared)
        records.append(golden_record(golden_id, part, shared_here))
        assignments += [(row["id"], golden_id) for row in part]
        reached_at += list(contacts_of(golden_id, part, shared_here))
    counts = golden.store(connection, records, assignments)
    aliases.store_aliases(connection, merged, given_back)
    contacts.store_contacts(connection, reached_at, of=[record["id"] for record in records])
    of = None if affected.is_all else affected.refs(found.rows, account)
    doubtful = [as_review(r) for r in found.clusters.reviews]
    reviews.store_reviews(connection, doubtful, account=account, scope="customers", of=of)
    edges.store_edges(connection, [as_edge(e) for e in found.clusters.edges], account=account, of=of)
    index.store(connection, _indexed(found, dict(assignments), affected.fingerprints), total=total)
    return counts, {record["id"] for record in records}


def decisions_of(connection: Connection, account: str) -> Decisions:
    """What people decided of pairs of an account's records."""
    same, different = reviews.decisions(connection, account=account)
    return Decisions(_pairs(same), _pairs(different))


def _pairs(pairs: Iterable[tuple[str, str]]) -> frozenset[Any]:
    return frozenset((min(a, b), max(a, b)) for a, b in ((key_of(one), key_of(other)) for one, other in pairs))


def as_review(review: Review) -> dict[str, Any]:
    """A review as it is stored."""
    one, other = sorted((ref_of(review.one), ref_of(review.other)))
    evidence = review.evidence
    return {
        "one_ref": one,
        "other_ref": other,
        "score": evidence.score,
        "weight": evidence.weight,
        "reasons": [list(part) for part in evidence.parts],
    }


def as_edge(edge: Edge) -> dict[str, Any]:
    """Accepted evidence as it is stored."""
    one, other = sorted((ref_of(edge.one), ref_of(edge.other)))
    evidence = edge.evidence
    return {
        "one_ref": one,
        "other_ref": other,
        "rule": evidence.rule,
        "weight": evidence.weight,
        "parts": [list(part) for part in evidence.parts],
    }


@contextmanager
def _resolver(context: Context) -> Iterator[Callable[..., tuple[dict[int, Profile], Clusters]]]:
    """What says of rows of an account what they say, and whose they are; the engine lives as long."""
    settings = context.settings
    with engines_of(settings) as engine_for:

        def resolved(
            connection: Connection, account: str, rows: Sequence[dict[str, Any]], settled: Collection[int] | None
        ) -> tuple[dict[int, Profile], Clusters]:
            """Rows that are settled stay with their customers. None: these are all rows of the account."""
            engine = engine_for(len(rows))
            profiles = row_profiles(rows, engine)
            known: dict[int, list[Key]] = defaultdict(list)
            for row in rows:
                if settled and row["id"] in settled:
                    known[row["golden_id"]].append(row_key(row))
            return profiles, resolve(
                profiles.values(),
                accept=settings.identity_accept,
                review=settings.identity_review,
                decisions=decisions_of(connection, account),
                settled=list(known.values()),
                counts=None if settled is None else partial(words_over_everything, connection, account),
                engine=engine,
            )

        yield resolved


def _engine(context: Context) -> str:
    return f"{engine_version()} {context.settings.identity_accept} {context.settings.identity_review}"


def _indexed(found: Found, customers: Mapping[int, int], expected: Mapping[int, str]) -> Iterator[index.Indexed]:
    for row in found.rows:
        if (golden_id := customers.get(row["id"])) is not None:
            # what changed since the region was found is to be looked at again, with its new neighbours
            fingerprint = (
                row["fingerprint"]
                if expected.get(row["id"], row["fingerprint"]) == row["fingerprint"]
                else "changed meanwhile"
            )
            account, profile = row["account"], found.profiles[row["id"]]
            keys, named = keys_of(account, profile), name_hash(account, profile)
            yield index.Indexed(row["id"], account, ref_of(row_key(row)), golden_id, fingerprint, keys, named)


def stable_ids(
    parts: Sequence[Sequence[Mapping[str, Any]]], aliases: Mapping[int, Sequence[int]]
) -> tuple[list[int | None], dict[int, tuple[int, list[int]]], list[int]]:
    """The id each cluster keeps; what becomes of ids that nobody keeps; aliases that are customers again.

    Where a customer was split, the part with most of its rows keeps the id, and a part that had an id of its own before a
    merge gets that one back. Where several met, the smallest id stays, and the others are aliases of it.

    Args:
        parts: the rows of each cluster, with the golden_id that they have.
        aliases: ids that were merged before -> rows that had them.
    """
    holders: dict[int, list[tuple[int, int]]] = {}
    for number, part in enumerate(parts):
        for golden_id, count in Counter(row["golden_id"] for row in part if row["golden_id"] is not None).items():
            holders.setdefault(golden_id, []).append((-count, number))
    kept: list[int | None] = [None] * len(parts)
    merged: dict[int, tuple[int, list[int]]] = {}
    for golden_id in sorted(holders):
        # of two that have as many of its rows, the one that has no id yet: else a stranger would go on under it
        _, number = min(holders[golden_id], key=lambda held: (held[0], kept[held[1]] is not None, held[1]))
        holder = kept[number]
        if holder is None:
            kept[number] = golden_id
        else:
            had = [row["id"] for row in parts[number] if row["golden_id"] == golden_id]
            merged[golden_id] = (holder, had)
    part_of = {row["id"]: number for number, part in enumerate(parts) for row in part}
    given_back: list[int] = []
    for old_id in sorted(aliases):
        numbers = {part_of[row_id] for row_id in aliases[old_id] if row_id in part_of}
        if len(numbers) == 1 and kept[number := numbers.pop()] is None:
            kept[number] = old_id
            given_back.append(old_id)
    return kept, merged, given_back
