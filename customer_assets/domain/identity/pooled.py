"""All that the records of a cluster say together: what is weighed against another cluster. One record is a cluster, too."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from customer_assets.domain.identity.contact_details import Address, mail_domains
from customer_assets.domain.identity.evidence import Profile
from customer_assets.domain.identity.names import Name

MOST_SAID = 50  # phones and mailboxes of a cluster that are weighed
MOST_ADDRESSES_WEIGHED = 6


@dataclass(slots=True)
class Pooled:
    """All that the records of a cluster say together.

    Attributes:
        rows: how many records there are.
        names: its names, the one that most of its rows say first.
        name_keys: what equal names share.
        kinds: of its companies' legal forms.
        ends: how the words of its names begin and end; 0 where one of them may be like any.
        phones, mails, domains, addresses, countries, born: what is said, in order, each once.
        vats: VAT ids whose check digits hold.
        typos: VAT ids as they were written, where they do not.
        keys: other ids of the customer, by their kind.
        has_source: whether some record has an id of a source system.
    """

    rows: int
    names: tuple[Name, ...]
    name_keys: frozenset[str]
    kinds: frozenset[str]
    ends: int
    phones: tuple[str, ...]
    mails: tuple[str, ...]
    domains: frozenset[str]
    addresses: tuple[Address, ...]
    countries: frozenset[str]
    vats: frozenset[str]
    typos: frozenset[str]
    born: tuple[str, ...]
    keys: Mapping[str, frozenset[str]]
    has_source: bool

    @classmethod
    def of(cls, said: Sequence[tuple[Profile, int]]) -> Pooled:
        """What some profiles say, each with the number of its rows."""
        if len(said) == 1:
            return cls._of_one(*said[0])
        rows_of: dict[int, int] = {}  # by the names' numbers, which are quicker to look up than names
        spelled: dict[int, Name] = {}  # of equal ones, the one that says most
        addresses: Counter[Address] = Counter()
        phones: set[str] = set()
        mails: set[str] = set()
        kinds, countries, vats, typos, born = set[str](), set[str](), set[str](), set[str](), set[str]()
        keys: dict[str, set[str]] = defaultdict(set)
        for one, rows in said:
            name, its_phones, its_mails, address, country, vat_typo, born_on, its_keys = one.traits
            if name is not None:
                number = name.number
                rows_of[number] = rows_of.get(number, 0) + rows
                known = spelled.setdefault(number, name)
                if name is not known and name.rank < known.rank:
                    spelled[number] = name
                if name.forms:
                    kinds |= name.kinds
            if address is not None:
                addresses[address] += rows
            phones.update(its_phones)
            mails.update(its_mails)
            if country:
                countries.add(country)
            if one.vat:
                vats.add(one.vat)
            if vat_typo:
                typos.add(vat_typo)
            if born_on:
                born.add(born_on)
            for kind, key in its_keys:
                keys[kind].add(key)
        names = sorted(spelled.values(), key=lambda name: (-rows_of[name.number], name.key, name.is_foreign))
        in_order = sorted(mails)
        return cls(
            sum(rows for _, rows in said),
            tuple(names),
            frozenset(name.key for name in names),
            frozenset(kinds),
            reduce(or_, (name.ends for name in names), 0) if all(name.ends for name in names) else 0,
            tuple(sorted(phones)[:MOST_SAID]),
            tuple(in_order[:MOST_SAID]),
            frozenset(mail_domains(in_order)),
            tuple(sorted(addresses, key=lambda address: (-addresses[address], address))[:MOST_ADDRESSES_WEIGHED]),
            frozenset(countries),
            frozenset(vats),
            frozenset(typos),
            tuple(sorted(born)),
            {kind: frozenset(found) for kind, found in keys.items()},
            any(one.source for one, _ in said),
        )

    @classmethod
    def _of_one(cls, one: Profile, rows: int) -> Pooled:
        traits = one.traits
        return cls(
            rows,
            (traits.name,) if traits.name is not None else (),
            frozenset((traits.name.key,)) if traits.name is not None else _NOTHING,
            traits.name.kinds if traits.name is not None else _NOTHING,
            traits.name.ends if traits.name is not None else 0,
            traits.phones,
            traits.mails,
            frozenset(traits.domains) if traits.mails else _NOTHING,
            (traits.address,) if traits.address is not None else (),
            frozenset((traits.country,)) if traits.country else _NOTHING,
            frozenset((one.vat,)) if one.vat else _NOTHING,
            frozenset((traits.vat_typo,)) if traits.vat_typo else _NOTHING,
            (traits.born,) if traits.born else (),
            {kind: frozenset((key,)) for kind, key in traits.keys},
            one.source is not None,
        )

    @property
    def known_as(self) -> Name | None:
        """The name that most of its rows say."""
        return self.names[0] if self.names else None

    def is_company_as(self, keys: Collection[str]) -> bool:
        """Whether something in its names with one of these keys says that it is a company: its owner's is a person's."""
        return any(name.is_company for name in self.names if name.key in keys)

    @property
    def is_lone(self) -> bool:
        """Whether it says a name, and nothing else but a town or not even that."""
        said = self.phones or self.mails or self.vats or self.typos or self.born or self.keys or self.has_source
        return bool(self.names) and not said and not any(address.street for address in self.addresses)

    @property
    def says_something(self) -> bool:
        """Whether it says more than a name and a country."""
        said = self.phones or self.mails or self.vats or self.born or self.keys or self.has_source or self.addresses
        return bool(said)


_NOTHING: frozenset[str] = frozenset()
