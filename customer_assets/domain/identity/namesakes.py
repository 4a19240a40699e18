"""Customers whose regions did not meet: clusters that share a name, an address, a word in a place, or a birth date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from customer_assets.domain.identity.blocking import BlockingKey, place_keys
from customer_assets.domain.identity.evidence import Evidence
from customer_assets.domain.identity.joining import Thresholds, Weighed, pairs_of
from customer_assets.domain.identity.names import Name
from customer_assets.domain.identity.pooled import Pooled
from customer_assets.domain.identity.shared import Shared, WordCounts
from customer_assets.domain.identity.union_find import UnionFind
from customer_assets.domain.identity.weighing import weigh

MOST_OF_A_NAME = 11  # clusters that are compared; an incremental resolution sees twelve customers of a name for certain
SHORTEST_NAME = 6  # letters of a name that says something by itself
MOST_NAMES_FOUND_BY = 20  # of a cluster, those that most of its rows say


def pairs_by_place(pooled: Sequence[Pooled], settled: frozenset[int]) -> Iterable[tuple[int, int]]:
    """Pairs of clusters, by number, that may be one without a contact in common; not of two that are settled."""
    blocks: dict[BlockingKey, list[int]] = defaultdict(list)
    for number, one in enumerate(pooled):
        for key in dict.fromkeys(place_keys(one.names[:MOST_NAMES_FOUND_BY], one.addresses)):
            blocks[key].append(number)
        for born in one.born:
            blocks["born", born].append(number)
    return pairs_of(pooled, blocks, settled)


def names_of_several(pooled: Sequence[Pooled]) -> list[Name]:
    """One name of each key that several clusters have."""
    seen: set[str] = set()
    found: dict[str, Name] = {}
    for one in pooled:
        found |= {name.key: name for name in one.names if name.key in seen}
        seen |= one.name_keys
    return list(found.values())


def only_of_their_names(
    pooled: Sequence[Pooled], union: UnionFind, counts: WordCounts, shared: Shared, thresholds: Thresholds
) -> list[Weighed]:
    """Clusters of one name that nothing but their place, or nothing at all, ties together, and nothing tells apart.

    Args:
        pooled: all clusters, by number.
        union: which of them may come together.
        counts: how common words are.
        shared: how many names stand behind each value.
        thresholds: weights.
    """
    by_name: dict[str, dict[int, Name]] = defaultdict(dict)
    for number, one in enumerate(pooled):
        for name in one.names:
            if len(name.joined) >= SHORTEST_NAME:
                by_name[name.key].setdefault(number, name)

    found: list[Weighed] = []
    for key in sorted(key for key, names in by_name.items() if 2 <= len(names) <= MOST_OF_A_NAME):
        names = by_name[key]
        if all(union.are_settled(number, number) for number in names):
            continue

        def weighed(one: int, other: int, names: dict[int, Name] = names) -> Weighed:
            return Weighed(_weigh_namesakes(pooled[one], pooled[other], names[one], counts, shared), one, other)

        if len(names) == 2:
            first, second = names
            found.append(weighed(first, second))
        else:
            largest = sorted(names, key=lambda number: (pooled[number].is_lone, -pooled[number].rows, number))
            found += _fragments(largest, weighed, union, thresholds)
    return found


def _weigh_namesakes(one: Pooled, other: Pooled, name: Name, counts: WordCounts, shared: Shared) -> Evidence:
    is_company = any(cluster.is_company_as((name.key,)) for cluster in (one, other))
    plain = weigh(one, other, shared)
    parts = {part for part, _ in plain.parts}
    if "all_contacts_differ" in parts:
        return plain
    is_told_apart = not is_company and any(part.endswith("_differs") for part in parts)
    is_sure = counts.is_rare(name) and not is_told_apart
    return weigh(one, other, shared, "only_of_its_name" if is_sure else "only_person_of_its_name")


def _fragments(
    clusters: Sequence[int], weighed: Callable[[int, int], Weighed], union: UnionFind, thresholds: Thresholds
) -> list[Weighed]:
    """Of many clusters of one name, the largest first, those that can be of one customer alone, with that one."""
    customers: list[int] = []  # each told apart from all the others
    others: list[tuple[int, list[Weighed]]] = []

    def fits(customer: int, number: int) -> Weighed | None:
        if not union.may_join(customer, number) or union.kinds_contradict(customer, number):
            return None
        found = weighed(customer, number)
        return found if found.evidence.weight >= thresholds.accept else None

    for number in clusters:
        fitting = [found for customer in customers if (found := fits(customer, number))]
        if fitting:
            others.append((number, fitting))
        else:
            customers.append(number)
    return [
        fitting[0]
        for number, fitting in others
        if len(fitting) == 1 and sum(fits(customer, number) is not None for customer in customers) == 1
    ]
