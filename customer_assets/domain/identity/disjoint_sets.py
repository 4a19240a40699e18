"""Numbers in groups that grow together (union-find)."""

from __future__ import annotations

from collections import defaultdict


class DisjointSets:
    """Numbers from 0, each in a group of its own at first. A group is named by its lowest number."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, number: int) -> int:
        """The lowest number of its group."""
        parents = self._parent
        while (parent := parents[number]) != number:
            parents[number] = number = parents[parent]
        return number

    def unite(self, one: int, other: int) -> None:
        """Make two groups one."""
        here, there = self.root(one), self.root(other)
        if here < there:
            self._parent[there] = here
        else:
            self._parent[here] = there

    def groups(self) -> list[list[int]]:
        """The groups, each in order, by their lowest number."""
        found: dict[int, list[int]] = defaultdict(list)
        for number in range(len(self._parent)):
            found[self.root(number)].append(number)
        return [found[root] for root in sorted(found)]
