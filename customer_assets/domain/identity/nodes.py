"""Records that say the same are one node: it is weighed once, however many rows say it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from customer_assets.domain.identity.evidence import Key, Profile, Traits
from customer_assets.domain.identity.names import kinds_contradict


class Nodes:
    """The nodes of some records, by number; in the order of their first records, so that results depend on no other.

    Attributes:
        profiles: what each says.
        records: keys of its records, sorted.
        number_of: record -> its node.
        named_after: (node of an invoice-born row, node of the invoice that it is named after).
    """

    def __init__(
        self,
        profiles: Iterable[Profile],
        standing_alone: frozenset[Key] = frozenset(),
        settled: Sequence[Sequence[Key]] = (),
    ) -> None:
        """Take records.

        Args:
            profiles: what each says.
            standing_alone: records that somebody decided about: what he said is of no other record that says the same.
            settled: records of customers that are known already: one node has records of one customer alone.
        """
        known = {key: number for number, group in enumerate(settled) for key in group}
        ordered = sorted(profiles, key=lambda p: p.key)
        self.profiles: list[Profile] = []
        self.records: list[list[Key]] = []
        self.number_of: dict[Key, int] = {}
        numbers: dict[object, int] = {}
        several = _said_by_several(ordered)
        for one in ordered:
            is_alone = (
                one.named_after is not None
                or one.key in standing_alone
                or (one.traits.name is None and not one.has_evidence)
            )
            says: object = (one.key,) if is_alone else (one.source, one.vat, one.traits, known.get(one.key))
            if several and not is_alone and one.traits in several:
                says = (says, one.traits.name and one.traits.name.kinds)
            number = numbers.setdefault(says, len(self.profiles))
            if number == len(self.profiles):
                self.profiles.append(one)
                self.records.append([])
            elif (
                (name := one.traits.name) is not (first := self.profiles[number].traits.name)
                and name is not None
                and first is not None
                and name.rank < first.rank
            ):
                self.profiles[number] = one._replace(key=self.profiles[number].key)  # equal, and its name says more
            self.records[number].append(one.key)
            self.number_of[one.key] = number
        naming = {p.names_customer: self.number_of[p.key] for p in ordered if p.names_customer}
        self.named_after = [
            (self.number_of[p.key], naming[p.named_after]) for p in ordered if p.named_after and p.named_after in naming
        ]

    def rows(self, numbers: Iterable[int]) -> int:
        """How many records some nodes have."""
        return sum(len(self.records[number]) for number in numbers)

    def said(self, numbers: Sequence[int]) -> list[tuple[Profile, int]]:
        """What some nodes say, each with the number of its rows."""
        return [(self.profiles[number], len(self.records[number])) for number in numbers]


def _said_by_several(profiles: Iterable[Profile]) -> set[Traits]:
    """What companies of several legal forms say, besides that they are companies of that form."""
    kinds: dict[Traits, frozenset[str]] = {}
    several: set[Traits] = set()
    for one in profiles:
        found = one.traits.name.kinds if one.traits.name is not None else None
        if found and kinds_contradict(found, kinds.setdefault(one.traits, found)):
            several.add(one.traits)
    return several
