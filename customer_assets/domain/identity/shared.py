"""How many names stand behind a value: a phone of one customer is evidence, one of an office building is none."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TypeVar

from customer_assets.domain.identity.contact_details import phone_tail
from customer_assets.domain.identity.evidence import MOST_FOR_SAME, MOST_NAMESAKES, MOST_SHARING
from customer_assets.domain.identity.names import Agreement, Name, agreement, may_agree
from customer_assets.domain.identity.pooled import Pooled

Value = TypeVar("Value")


@dataclass
class Shared:
    """How many different names stand behind a value: a switchboard, an accountant's mailbox, a business centre.

    Only values of several clusters are counted; others are one customer's own.
    """

    phones: Mapping[str, int] = field(default_factory=dict)
    mails: Mapping[str, int] = field(default_factory=dict)
    domains: Mapping[str, int] = field(default_factory=dict)
    addresses: Mapping[tuple[str, str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, clusters: Iterable[Pooled], addresses: Mapping[tuple[str, str, str], int] | None = None) -> Shared:
        """Count the names behind each value; a cluster's spellings are one name.

        Args:
            clusters: whose values they are.
            addresses: names behind addresses, where they were counted over more than these.
        """
        phones: dict[str, set[Name]] = defaultdict(set)
        mails: dict[str, set[Name]] = defaultdict(set)
        domains: dict[str, set[Name]] = defaultdict(set)
        places: dict[tuple[str, str, str], set[Name]] = defaultdict(set)
        for one in clusters:
            name = one.known_as
            if name is None:
                continue
            for phone in one.phones:
                phones[phone_tail(phone)].add(name)
            for mail in one.mails:
                mails[mail].add(name)
            for domain in one.domains:
                domains[domain].add(name)
            for address in one.addresses if addresses is None else ():
                if address.key is not None:
                    places[address.key].add(name)
        return cls(
            counted(phones),
            counted(mails),
            counted(domains),
            counted(places) if addresses is None else addresses,
        )


@dataclass(frozen=True)
class WordCounts:
    """How common the words of names are.

    Attributes:
        words: in how many different names each word is.
        customers: how many there are.
    """

    words: Mapping[str, int]
    customers: int

    @classmethod
    def of(cls, clusters: Iterable[Pooled]) -> WordCounts:
        """Count the words of the names of some clusters."""
        names: dict[str, Name] = {}
        customers = 0
        for one in clusters:
            customers += bool(one.names)
            for name in one.names:
                names.setdefault(name.key, name)
        return cls(Counter(word for name in names.values() for word in words_of(name)), customers or 1)

    def is_rare(self, name: Name) -> bool:
        """Whether so few names have its words that one would not expect a namesake."""
        shares = (max(0, self.words.get(word, 0) - 1) / self.customers for word in words_of(name))  # besides its own
        return self.customers * prod(shares) < MOST_NAMESAKES


CountWords = Callable[[Collection[str]], WordCounts]
NOT_SHARED = Shared()


def counted(names: Mapping[Value, set[Name]]) -> dict[Value, int]:
    """How many groups of names that agree stand behind each value, for values that are not one customer's."""
    return {value: len(name_groups(found)) for value, found in names.items() if len(found) > MOST_SHARING}


def name_groups(names: Iterable[Name]) -> list[Name]:
    """One name of each group of names that agree, those that say least first: others are spellings of it, or say more.

    A few are enough to know.
    """
    groups: list[Name] = []
    for name in sorted(names, key=lambda n: (len(n.core) + len(n.trades), n.key, n.is_foreign)):
        if not any(_agree(name, other) for other in groups):
            groups.append(name)
            if len(groups) > MOST_FOR_SAME:
                break
    return groups


def _agree(one: Name, other: Name) -> bool:
    return may_agree(one.ends, other.ends) and (agreement(one, other) or 0) >= Agreement.PART


def words_of(name: Name) -> list[str]:
    """The words of a name that tell how common it is, trades among them."""
    return [*name.core, *(f"~{trade}" for trade in sorted(name.trades))]
