"""Records of one id that carries many names: which of them are of one customer all the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations, pairwise

from customer_assets.domain.identity.contact_details import phone_tail
from customer_assets.domain.identity.evidence import Traits
from customer_assets.domain.identity.names import Agreement, Name, agreement

MOST_NAMES_COMPARED = 80  # of one id; of more of them, only equal ones are one


def tied_parts(traits: Sequence[Traits]) -> list[list[int]]:
    """Parts of some records, by number: tied by a name that agrees, or by a phone, a mailbox, an address, or a birth date.

    Two companies that share a contact are two all the same, where each name has a legal form and they do not agree: those
    of a fiscal unit.
    """
    parts = _Parts(len(traits))
    first_of: dict[Name, int] = {}
    having: dict[tuple[str, str], dict[Name | None, int]] = defaultdict(dict)
    for number, said in enumerate(traits):
        if said.name is not None:
            parts.join(first_of.setdefault(said.name, number), number)
        for value in _contacts(said):
            parts.join(having[value].setdefault(said.name, number), number)
    if len(first_of) <= MOST_NAMES_COMPARED:
        for one, other in combinations(sorted(first_of, key=lambda name: name.key), 2):
            if (agreement(one, other) or Agreement.OTHER) >= Agreement.PART:
                parts.join(first_of[one], first_of[other])
    for of_name in having.values():
        for (one_name, one_number), (other_name, other_number) in pairwise(of_name.items()):
            if not _are_two_companies(one_name, other_name):
                parts.join(one_number, other_number)
    return parts.found()


class _Parts:
    """Numbers, joined two by two."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def _root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self._root(one), self._root(other)))
        self._parent[high] = low

    def found(self) -> list[list[int]]:
        """The parts, each in order, by their first number."""
        parts: dict[int, list[int]] = defaultdict(list)
        for number in range(len(self._parent)):
            parts[self._root(number)].append(number)
        return [parts[first] for first in sorted(parts)]


def _are_two_companies(one: Name | None, other: Name | None) -> bool:
    if one is None or other is None or not (one.forms and other.forms):
        return False
    how = agreement(one, other)
    return how is not None and how < Agreement.PART


def _contacts(traits: Traits) -> list[tuple[str, str]]:
    found = [("phone", phone_tail(phone)) for phone in traits.phones] + [("mail", mail) for mail in traits.mails]
    if traits.address is not None and traits.address.key is not None:
        found.append(("address", " ".join(traits.address.key)))
    return [*found, ("born", traits.born)] if traits.born else found
