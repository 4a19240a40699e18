"""Clusters that are compared pair by pair, and joined: the best pairs first, under vetoes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, product

from customer_assets.domain.identity.blocking import ANY_SCRIPT, BlockingKey
from customer_assets.domain.identity.evidence import ACCEPT, REVIEW, Evidence
from customer_assets.domain.identity.pooled import Pooled
from customer_assets.domain.identity.shared import Shared
from customer_assets.domain.identity.union_find import UnionFind
from customer_assets.domain.identity.weighing import may_be_one, weigh_if_alike

LARGEST_BLOCK = 60  # of what shares a value; more of them share it by accident
MOST_PARTNERS = 11  # that are looked at for contradictions


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Weights from which a pair is joined, and from which a person is asked."""

    accept: float = ACCEPT
    review: float = REVIEW


@dataclass(frozen=True, slots=True)
class Weighed:
    """Two clusters, by number, and what says that they are one customer; vague where one says less than the other."""

    evidence: Evidence
    one: int
    other: int
    is_vague: bool = False

    @property
    def order(self) -> tuple[float, int, int]:
        """The best first."""
        return -self.evidence.weight, self.one, self.other


class Joining:
    """Clusters, by number from 0, that grow together.

    Attributes:
        pooled: what each says.
        settled: those that are customers that are known already: there is nothing new between two of them.
        union: which are one by now.
        joined: the evidence that was accepted, in order.
        open: the best evidence of each that says less than several customers that it may be of.
    """

    def __init__(self, pooled: Sequence[Pooled], thresholds: Thresholds, settled: Collection[int] = ()) -> None:
        self.pooled, self.thresholds, self.settled = pooled, thresholds, frozenset(settled)
        self.union = UnionFind(
            [one.vats for one in pooled], [one.kinds for one in pooled], [one.names for one in pooled], settled
        )
        self.joined: list[Weighed] = []
        self.open: list[Weighed] = []

    def open_pairs(self, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of some pairs that may be one, may be joined, and have something new about them."""
        union, pooled = self.union, self.pooled
        return [
            (one, other)
            for one, other in pairs
            if may_be_one(pooled[one], pooled[other])
            and not union.are_settled(one, other)
            and union.may_join(one, other)
        ]

    def doubtful(self, found: Iterable[Weighed]) -> list[Weighed]:
        """What is for a person to decide: pairs between the thresholds, or of two legal forms, that did not become one."""
        asked: dict[tuple[int, int], Weighed] = {}
        doubted = [
            w
            for w in found
            if w.evidence.weight >= self.thresholds.review
            and (w.evidence.weight < self.thresholds.accept or self.union.kinds_contradict(w.one, w.other))
        ]
        for one in sorted((*doubted, *self.open), key=lambda w: w.order):
            low, high = sorted((self.union.root(one.one), self.union.root(one.other)))
            if low != high and self.union.may_join(low, high):
                asked.setdefault((low, high), one)
        return list(asked.values())

    def join(self, found: Weighed) -> bool:
        """Join two clusters, if nothing forbids it, and one of them has something new."""
        joined = not self.union.are_settled(found.one, found.other) and self.union.join(found.one, found.other)
        if joined:
            self.joined.append(found)
        return joined

    def join_all(self, found: Iterable[Weighed]) -> None:
        """Join what is accepted: names that say the same first, then those that say less than the other."""
        union = self.union
        vague: list[Weighed] = []
        for one in sorted(found, key=lambda w: w.order):
            if one.evidence.weight < self.thresholds.accept:
                continue
            if one.is_vague:
                vague.append(one)
            else:
                self.join(one)
        partners: dict[int, set[int]] = defaultdict(set)
        for one in vague:
            partners[union.root(one.one)].add(union.root(one.other))
            partners[union.root(one.other)].add(union.root(one.one))
        contradicted = {root: self._contradict_among(roots) for root, roots in partners.items()}
        asked: set[int] = set()
        for one in vague:
            # "J. Peeters" at the address of Jan and of Joris is neither's, until a person says so
            between = {root for root in (union.root(one.one), union.root(one.other)) if contradicted.get(root)}
            if between:
                self.open += [one] if between.isdisjoint(asked) else []
                asked |= between
            elif not union.names_contradict(one.one, one.other):
                self.join(one)

    def _contradict_among(self, roots: Collection[int]) -> bool:
        """Whether two of some groups have names that are two customers'."""
        some = sorted(roots)[:MOST_PARTNERS]
        return any(self.union.names_contradict(one, other) for one, other in combinations(some, 2))


def weigh_pairs(
    pooled: Sequence[Pooled], pairs: Iterable[tuple[int, int]], shared: Shared, thresholds: Thresholds
) -> Iterator[Weighed]:
    """Pairs of clusters, by number, whose evidence is enough for a person at least."""
    for one, other in pairs:
        found = weigh_if_alike(pooled[one], pooled[other], shared)
        if found is not None and found[0].weight >= thresholds.review:
            yield Weighed(found[0], one, other, found[1])


def pairs_of(
    pooled: Sequence[Pooled], blocks: dict[BlockingKey, list[int]], settled: frozenset[int] = frozenset()
) -> Iterable[tuple[int, int]]:
    """Pairs of clusters of one block, each once, but of two that are settled; of a block that is too large, those whose names
    begin alike.
    """
    pairs: dict[tuple[int, int], None] = {}
    for key, numbers in blocks.items():
        if len(numbers) < 2 or (key[:2] == ("address", ANY_SCRIPT) and not _has_foreign(pooled, numbers)):
            continue  # in one script they are found by their streets
        if len(numbers) <= LARGEST_BLOCK:
            pairs.update(dict.fromkeys(_pairs_among(numbers, settled)))
            continue
        parts: dict[str, list[int]] = defaultdict(list)
        for number in numbers:
            for beginning in {name.core[0][:4] for name in pooled[number].names}:
                parts[beginning].append(number)
        for part in parts.values():
            if len(part) <= LARGEST_BLOCK:
                pairs.update(dict.fromkeys(_pairs_among(part, settled)))
    return pairs


def _pairs_among(numbers: Sequence[int], settled: frozenset[int]) -> Iterable[tuple[int, int]]:
    if not settled:
        return combinations(numbers, 2)
    new = [number for number in numbers if number not in settled]
    known = [number for number in numbers if number in settled] if new else []
    return chain(combinations(new, 2), ((min(pair), max(pair)) for pair in product(new, known)))


def _has_foreign(pooled: Sequence[Pooled], numbers: Iterable[int]) -> bool:
    return any(address.is_foreign for number in numbers for address in pooled[number].addresses)
