"""Union-find that knows what must not come together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from customer_assets.domain.identity.disjoint_sets import DisjointSets
from customer_assets.domain.identity.evidence import MOST_NAMES, differ
from customer_assets.domain.identity.names import Agreement, Name, agreement, kinds_contradict


class UnionFind(DisjointSets):
    """Union-find that refuses to bring two VAT ids, or what somebody told apart, together."""

    def __init__(
        self,
        vats: Sequence[frozenset[str]],
        kinds: Sequence[frozenset[str]],
        names: Sequence[Sequence[Name]] = (),
        settled: Collection[int] = (),
    ) -> None:
        """Take what numbers from 0 say.

        Args:
            vats: VAT ids of each.
            kinds: kinds of legal forms of each.
            names: names of each, where they are to contradict each other.
            settled: numbers that are not to be compared with each other.
        """
        super().__init__(len(vats))
        self._settled = set(settled)
        self._vats, self._kinds, self._names = list(vats), list(kinds), list(names)
        self._apart: dict[int, set[int]] = {}

    def forbid(self, one: int, other: int) -> None:
        """Keep two groups apart, whatever comes."""
        one, other = self.root(one), self.root(other)
        if one != other:
            self._apart.setdefault(one, set()).add(other)
            self._apart.setdefault(other, set()).add(one)

    def may_join(self, one: int, other: int) -> bool:
        """Whether nobody told two groups apart, and no two VAT ids do; two legal forms are for a person to decide."""
        return self._may_join(self.root(one), self.root(other))

    def _may_join(self, one: int, other: int) -> bool:
        return not (self._are_apart(one, other) or vats_contradict(self._vats[one], self._vats[other]))

    def kinds_contradict(self, one: int, other: int) -> bool:
        """Whether two groups are companies of two legal forms."""
        return kinds_contradict(self._kinds[self.root(one)], self._kinds[self.root(other)])

    def are_settled(self, one: int, other: int) -> bool:
        """Whether all of two groups are settled, so that there is nothing new between them."""
        settled = self._settled
        return bool(settled) and self.root(one) in settled and self.root(other) in settled

    def names_contradict(self, one: int, other: int) -> bool:
        """Whether two groups have names that are two customers': a vaguer one that fits both is no bridge between them.

        A name that some spelling on the other side agrees with is none, whatever the other spellings are.
        """
        here, there = (_telling(self._names[self.root(number)]) for number in (one, other))
        return _disagrees(here, there) or _disagrees(there, here)

    def join(self, one: int, other: int, *, forced: bool = False, by_id: bool = False) -> bool:
        """Join two groups; `forced` (somebody said so) passes over VAT ids and legal forms, `by_id` (one in common) over these.

        Returns whether they were two and are one.
        """
        low, high = self.root(one), self.root(other)
        if low == high:
            return False
        if low > high:
            low, high = high, low
        if self._are_apart(low, high) if forced else not self._may_join(low, high):
            return False
        if not (forced or by_id) and kinds_contradict(self._kinds[low], self._kinds[high]):
            return False
        self.unite(low, high)
        if high not in self._settled:
            self._settled.discard(low)
        self._kinds[low] |= self._kinds[high]
        if self._vats[high]:
            self._vats[low] |= self._vats[high]
        if self._names:
            self._names[low] = (*self._names[low], *self._names[high])
        for number in self._apart.pop(high, ()):
            self._apart.setdefault(low, set()).add(number)
            self._apart.setdefault(self.root(number), set()).add(low)
        return True

    def _are_apart(self, one: int, other: int) -> bool:
        return bool(self._apart) and any(self.root(number) == other for number in self._apart.get(one, ()))


def vats_contradict(here: frozenset[str], there: frozenset[str]) -> bool:
    """Whether two groups of VAT ids are those of two customers; not where somebody brought all of one group together."""
    if not here or not there or here <= there or there <= here:
        return False
    return any(differ(one, other) for one in here for other in there)


def _telling(names: Collection[Name]) -> list[Name]:
    """The names that say most, without those that say less than one of them: `J. Peeters` beside `Jan Peeters`."""
    longest = sorted(set(names), key=_length)[-MOST_NAMES:]
    return [name for name in longest if not any(_says_less(name, other) for other in longest)]


def _says_less(one: Name, other: Name) -> bool:
    if one is other or (agreement(one, other) or Agreement.OTHER) < Agreement.PART:
        return False
    return _whole_words(one) < _whole_words(other)


def _whole_words(name: Name) -> int:
    return sum(len(word) > 1 for word in name.core)


def _disagrees(some: Collection[Name], others: Collection[Name]) -> bool:
    """Whether one of some names agrees with none of the others."""
    for name in some:
        found = [how for other in others if (how := agreement(name, other)) is not None]
        if found and max(found) < Agreement.PART:
            return True
    return False


def _length(name: Name) -> tuple[int, str, bool]:
    """The longest names say most."""
    return len(name.joined), name.key, name.is_foreign
