"""Union-find that knows what must not come together."""

from __future__ import annotations

from collections.abc import Sequence

from customer_assets.domain.identity.disjoint_sets import DisjointSets
from customer_assets.domain.identity.evidence import MOST_NAMES, Profile, differ
from customer_assets.domain.identity.names import Agreement, Name, agreement


class UnionFind(DisjointSets):
    """Union-find that refuses to bring two VAT ids, or what somebody told apart, together."""

    def __init__(self, nodes: Sequence[Profile]) -> None:
        super().__init__(len(nodes))
        self.sizes = [1] * len(nodes)
        self.vats: list[set[str]] = [{node.vat} if node.vat else set() for node in nodes]
        self.apart: list[set[int]] = [set() for _ in nodes]
        self.names: list[set[Name]] = [{node.traits.name} if node.traits.name else set() for node in nodes]

    def is_joined(self, number: int) -> bool:
        """Whether a node is one with another."""
        return self.sizes[self.root(number)] > 1

    def forbid(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            self.apart[one].add(other)
            self.apart[other].add(one)

    def may_join(self, one: int, other: int) -> bool:
        one, other = self.root(one), self.root(other)
        if any(self.root(number) == other for number in self.apart[one]):
            return False
        both = self.vats[one] & self.vats[other]
        return bool(both) or not any(differ(a, b) for a in self.vats[one] for b in self.vats[other])

    def contradict(self, one: int, other: int) -> bool:
        """Whether two groups have names that are two customers': a vaguer one that fits both is no bridge between them."""
        here, there = (sorted(self.names[self.root(number)], key=_length)[-MOST_NAMES:] for number in (one, other))
        found = [agreement(a, b) for a in here for b in there]
        return any(how is not None and how < Agreement.PART for how in found)

    def join(self, one: int, other: int, *, forced: bool = False) -> bool:
        """Join two nodes; `forced` (somebody said so) passes over VAT ids. Returns whether they were two and are one."""
        low, high = sorted((self.root(one), self.root(other)))
        if low == high:
            return False
        if any(self.root(number) == high for number in self.apart[low]):
            return False
        if not forced and not self.may_join(low, high):
            return False
        self.unite(low, high)
        self.sizes[low] += self.sizes[high]
        self.vats[low] |= self.vats[high]
        self.names[low] |= self.names[high]
        self.apart[low] |= self.apart[high]
        for number in self.apart[high]:
            self.apart[self.root(number)].add(low)
        return True


def _length(name: Name) -> tuple[int, str]:
    """The longest names say most."""
    return len(name.joined), name.key
