"""Records of one id that carries many names: which of them are of one customer all the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations, pairwise

from customer_assets.domain.identity.contact_details import phone_tail
from customer_assets.domain.identity.disjoint_sets import DisjointSets
from customer_assets.domain.identity.evidence import Traits
from customer_assets.domain.identity.names import Agreement, Name, agreement

MOST_NAMES_COMPARED = 80  # of one id; of more of them, only equal ones are one


def tied_parts(traits: Sequence[Traits]) -> list[list[int]]:
    """Parts of some records, by number: tied by a name that agrees, or by a phone, a mailbox, an address, or a birth date.

    Two companies that share a contact are two all the same, where each name has a legal form and they do not agree: those
    of a fiscal unit.
    """
    parts = DisjointSets(len(traits))
    first_of: dict[Name, int] = {}
    spelled: dict[Name, Name] = {}  # of equal ones, the one that says most
    having: dict[tuple[str, str], dict[Name | None, int]] = defaultdict(dict)
    for number, said in enumerate(traits):
        if said.name is not None:
            parts.unite(first_of.setdefault(said.name, number), number)
            if said.name.rank < spelled.setdefault(said.name, said.name).rank:
                spelled[said.name] = said.name
        for value in _contacts(said):
            parts.unite(having[value].setdefault(said.name, number), number)
    if len(first_of) <= MOST_NAMES_COMPARED:
        for one, other in combinations(sorted(first_of, key=lambda name: (name.key, name.is_foreign)), 2):
            if (agreement(spelled[one], spelled[other]) or Agreement.OTHER) >= Agreement.PART:
                parts.unite(first_of[one], first_of[other])
    for value in sorted(having):
        names = sorted(
            (name for name in having[value] if name is not None), key=lambda name: (name.key, name.is_foreign)
        )
        pairs = combinations(names, 2) if len(names) <= MOST_NAMES_COMPARED else pairwise(names)
        for one, other in pairs:
            if not _are_two_companies(spelled[one], spelled[other]):
                parts.unite(having[value][one], having[value][other])
    for value in sorted(having):
        of_name = having[value]
        if None in of_name and len({parts.root(number) for name, number in of_name.items() if name is not None}) == 1:
            # what says no name is of the only one of that contact
            parts.unite(of_name[None], next(number for name, number in of_name.items() if name is not None))
    return parts.groups()


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
