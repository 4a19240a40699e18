"""What a record says of its customer, and how much two records say that they are of one.

A record is taken apart once, by `profile`. `weigh` adds up the weights of what agrees between two and of what does not; the
weights are declared here, so that each decision can be read.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz.distance import OSA

from customer_assets.domain.country import country_code, country_of_mail
from customer_assets.domain.identity.contact_details import (
    Address,
    birth_date,
    is_near,
    is_role,
    is_same_street_alone,
    mail_domain,
    mail_keys,
    own_key,
    parse_address,
    phone_keys,
    phone_tail,
    same_phone,
    same_street,
    vat_key,
)
from customer_assets.domain.identity.names import Agreement, Name, agreement, parse_name
from customer_assets.domain.wordlists import all_entries

Key = tuple[str, ...]

ACCEPT = 9.0  # weight from which a pair is joined
REVIEW = 7.5  # weight from which a person is asked
COMMON_WORD = 5  # names that a word is in, from which it tells nobody apart
MOST_SHARING = 2  # names behind a value that is still somebody's own
MOST_FOR_ALIKE = 3  # the same for two spellings of a name: they may be two of the names that share it
MOST_NAMES = 3  # of one source id: more of them, and it is a record for walk-in customers

# Weights of evidence: about the logarithm (base 2) of how much likelier it is among records of one customer.
WEIGHTS = {
    "name_same": 6.0,
    "name_alike": 5.0,
    "name_part": 3.0,
    "name_family": -4.0,
    "name_other": -6.0,
    "phone": 5.0,
    "mail": 6.0,
    "mail_of_office": 5.0,
    "domain": 3.0,
    "address": 4.5,
    "address_near": 4.0,
    "street": 2.5,
    "part_at_its_house": 1.5,
    "postcode": 1.0,
    "postcode_of_street": 3.0,
    "phone_near": 3.0,
    "phone_shared": 1.5,
    "mail_shared": 1.0,
    "domain_shared": 0.5,
    "address_shared": 2.0,
    "phone_differs": -0.5,
    "mail_differs": -0.5,
    "address_differs": -1.0,
    "country_differs": -3.0,
    "vat_misspelt": 5.0,
    "born": 7.0,
    "born_near": 3.0,
    "born_differs": -5.0,
    "key_near": 5.0,
    "key_differs": -4.0,
    "only_of_its_name": 3.0,
    "only_person_of_its_name": 1.5,
}


ENGINE = 4  # to be raised with the code of normalization and weighing: everything is resolved anew then


def engine_version() -> str:
    """What results depend on besides the records: code, weights and word lists."""
    described = f"{ENGINE} {sorted(WEIGHTS.items())} {COMMON_WORD} {MOST_NAMES} {all_entries()}"
    return hashlib.blake2b(described.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Traits:
    """What can be compared, normalized by `names` and `contact_details` beside this module; blanks where nothing is known.

    Attributes:
        vat_typo: a VAT id as it was written, where its check digits do not hold.
        born: date of birth: year, then month and day in either order.
        keys: other ids of the customer, each with what kind it is.
    """

    name: Name | None = None
    phones: tuple[str, ...] = ()
    mails: tuple[str, ...] = ()
    address: Address | None = None
    country: str | None = None
    vat_typo: str | None = None
    born: str | None = None
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def domains(self) -> set[str]:
        """Domains of its addresses, but those where everybody can have one."""
        return {domain for mail in self.mails if (domain := mail_domain(mail))}


@dataclass(frozen=True, slots=True)
class Profile:
    """What one record says of its customer.

    Attributes:
        key: natural key of the record; orders the work and names it in results.
        traits: what can be compared.
        source: (system, source id) that it belongs to.
        vat: VAT id whose check digits hold.
        names_customer: id of an invoice, which an invoice-born customer may be named after.
        named_after: the same id, of an invoice-born row: it says nothing of its own and goes where that invoice goes.
    """

    key: Key
    traits: Traits = Traits()
    source: tuple[str, str] | None = None
    vat: str | None = None
    names_customer: str | None = None
    named_after: str | None = None

    @property
    def has_evidence(self) -> bool:
        """Whether it says more than a name."""
        traits = self.traits
        place = traits.address is not None and bool(traits.address.key or traits.address.postcode)
        return bool(self.source or self.vat or traits.phones or traits.mails or place or traits.born or traits.keys)


def profile(
    key: Key,
    *,
    name: str | None = None,
    vat: str | None = None,
    phones: Sequence[str | None] = (),
    mails: Sequence[str | None] = (),
    address: str | None = None,
    postcode: str | None = None,
    city: str | None = None,
    country: str | None = None,
    source: tuple[str, str] | None = None,
    names_customer: str | None = None,
    born: str | None = None,
    keys: Mapping[str, str | None] | None = None,
) -> Profile:
    """A profile of values as people wrote them; `keys` are other ids of the customer by their kind."""
    code = country_code(country)
    found_mails = tuple(dict.fromkeys(m for text in mails for m in mail_keys(text)))
    valid, typo = vat_key(vat, code or next(filter(None, map(country_of_mail, found_mails)), None))
    traits = Traits(
        parse_name(name),
        tuple(dict.fromkeys(p for text in phones for p in phone_keys(text))),
        found_mails,
        parse_address(address, postcode, city),
        code,
        typo,
        birth_date(born),
        tuple((kind, found) for kind, text in (keys or {}).items() if (found := own_key(text)) is not None),
    )
    return Profile(key, traits, source, valid, names_customer)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two records are one customer, or are not: the rule, its weight, and what weighed."""

    rule: str
    weight: float
    parts: tuple[tuple[str, float], ...] = ()

    @property
    def score(self) -> float:
        """How sure it is, 0 to 1."""
        return {"source_id": 1.0, "vat_id": 0.99, "key": 0.99, "operator": 1.0, "new_customer": 1.0, "equal": 1.0}.get(
            self.rule, round(1 / (1 + 2 ** -(self.weight - ACCEPT + 4)), 4)
        )


def weigh(one: Traits, other: Traits, shared: Shared | None = None, *also: str) -> Evidence:
    """The evidence that two records are one customer, by the weights above.

    Args:
        one, other: what the records say; VAT and source ids are not among it.
        shared: how many names stand behind each value.
        also: names of weights that speak for the pair besides.
    """
    named, parts = _parts(one, other, shared or NOT_SHARED, also)
    weight = sum(value for _, value in parts)
    if named is None:
        weight = min(weight, ACCEPT + 1)
    elif named in (Agreement.OTHER, Agreement.FAMILY):
        # whatever else they share, an accountant, a spouse or a sister company shares it, too: never without a person
        weight = min(weight, ACCEPT - 0.5 if _share_all(parts) else REVIEW - 0.5)
    rule = "+".join(name for name, value in parts if value > 0) or "nothing"
    return Evidence(rule, round(weight, 2), tuple(parts))


def may_be_one(one: Traits, other: Traits) -> bool:
    """Whether `weigh` can come to what a person is asked about; cheap, and yes where it is not sure."""
    if one.name is None or other.name is None:
        return True
    named = agreement(one.name, other.name)
    return named is None or named >= Agreement.PART or not set(one.mails).isdisjoint(other.mails)


Parts = list[tuple[str, float]]


def _is_person(name: Name | None) -> bool:
    """Whether nothing in a name says that it is a company's."""
    return name is not None and not name.trades and not name.forms


def _share_all(parts: Parts) -> bool:
    names = {name for name, _ in parts}
    return {"phone", "address"} <= names and not names.isdisjoint(("mail", "mail_of_office"))


def _parts(one: Traits, other: Traits, shared: Shared, also: Sequence[str]) -> tuple[Agreement | None, Parts]:
    """How far the names agree, and what weighs how much."""
    named = agreement(one.name, other.name) if one.name and other.name else None
    parts: Parts = []

    def add(name: str) -> None:
        parts.append((name, WEIGHTS[name]))

    if named is not None:
        add(f"name_{named.name.lower()}")
    most = MOST_FOR_ALIKE if named is Agreement.ALIKE else MOST_SHARING
    if named is Agreement.SAME:
        shared = NOT_SHARED  # what many have does not speak against one name; a letter that differs may be another name
    if one.phones and other.phones:
        _weigh_phones(add, one.phones, other.phones, shared, most)
    if one.mails and other.mails:
        _weigh_mails(add, one, other, shared, most)
    if one.address is not None and other.address is not None:
        _weigh_addresses(add, one.address, other.address, shared, most)
    if (
        named is Agreement.PART
        and ("address", WEIGHTS["address"]) in parts
        and _is_person(one.name)
        and _is_person(other.name)
    ):
        add("part_at_its_house")
    if one.born and other.born:
        add("born" if one.born == other.born else "born_near" if _is_near(one.born, other.born) else "born_differs")
    if one.keys and other.keys:
        _weigh_keys(add, dict(one.keys), dict(other.keys))
    if one.country and other.country and one.country != other.country:
        add("country_differs")
    for name in also:
        add(name)
    return named, parts


def is_vague(evidence: Evidence, one: Name | None, other: Name | None) -> bool:
    """Whether one of two names says less than the other: an initial, a part, none."""
    if one is None or other is None or any(name == "name_part" for name, _ in evidence.parts):
        return True
    return any(len(word) == 1 for word in {*one.core} ^ {*other.core})


def weigh_profiles(one: Profile, other: Profile, shared: Shared | None = None) -> Evidence:
    """The same, with a VAT id that is the other's but for a slip."""
    return weigh(one.traits, other.traits, shared, *(("vat_misspelt",) if is_misspelt(one, other) else ()))


def is_misspelt(one: Profile, other: Profile) -> bool:
    """Whether a VAT id whose check digits do not hold is one slip away from the other's."""
    here, there = one.traits.vat_typo, other.traits.vat_typo
    for typo, known in ((here, other.vat or there), (there, one.vat)):
        if typo and known and OSA.distance(typo, known.partition(":")[2] or known) <= 1:
            return True
    return False


def _weigh_phones(
    add: Callable[[str], None], here: tuple[str, ...], there: tuple[str, ...], shared: Shared, most: int
) -> None:
    common = [a for a in here for b in there if same_phone(a, b)]
    if common:
        add("phone_shared" if min(shared.phones[phone_tail(phone)] for phone in common) > most else "phone")
    else:
        near = any(OSA.distance(phone_tail(a), phone_tail(b), score_cutoff=1) <= 1 for a in here for b in there)
        add("phone_near" if near else "phone_differs")


def _weigh_mails(add: Callable[[str], None], one: Traits, other: Traits, shared: Shared, most: int) -> None:
    common = [mail for mail in one.mails if mail in other.mails]
    if common:
        mail = min(common)
        add("mail_shared" if shared.mails[mail] > most else "mail_of_office" if is_role(mail) else "mail")
    elif domains := one.domains & other.domains:
        add("domain_shared" if any(shared.domains[d] > most for d in domains) else "domain")
    else:
        add("mail_differs")


def _weigh_addresses(add: Callable[[str], None], here: Address, there: Address, shared: Shared, most: int) -> None:
    if same_street(here, there):
        crowded = here.key is not None and shared.addresses[here.key] > most
        add("address_shared" if crowded else "address")
    elif is_near(here, there):
        add("address_near")
    elif is_same_street_alone(here, there):
        add("street")
    elif here.postcode and here.postcode == there.postcode:
        # a Dutch or British one is a street, others are a town
        add("postcode" if here.postcode.isdigit() else "postcode_of_street")
    elif (
        (here.street and there.street)
        or (here.postcode and there.postcode and (here.city != there.city or not here.city))
        or (here.city and there.city and here.city != there.city and here.is_foreign == there.is_foreign)
    ):
        add("address_differs")


def _weigh_keys(add: Callable[[str], None], here: Mapping[str, str], there: Mapping[str, str]) -> None:
    """Ids that are not equal; what equal ones say is certain (`resolution`)."""
    for kind in here.keys() & there.keys():
        if here[kind] != there[kind]:
            add("key_near" if _is_near(here[kind], there[kind]) else "key_differs")


def _is_near(one: str, other: str) -> bool:
    return OSA.distance(one, other, score_cutoff=1) <= 1


def differ(one: str, other: str) -> bool:
    """Whether two valid VAT ids are those of two customers; where no check digit is known, a slip may be in either."""
    if one == other:
        return False
    (here, first), (there, second) = one.split(":"), other.split(":")
    if here and there and here != there:
        return True
    if "NL" in (here, there) and first[:9] == second[:9]:
        return False  # one taxpayer's numbers end with B01, B02 and so on
    return first != second and not (
        len(first) == len(second) == 15 and first.isdigit() and OSA.distance(first, second) <= 2
    )


@dataclass
class Shared:
    """How many different names stand behind a value: a switchboard, an accountant's mailbox, a business centre.

    Attributes:
        words: in how many different names each word is.
    """

    phones: Counter[str] = field(default_factory=Counter)
    mails: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    addresses: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)

    def is_rare(self, name: Name) -> bool:
        """Whether some word of a name is in few others, so that a namesake is unlikely."""
        return any(self.words[word] < COMMON_WORD for word in name.core)

    @classmethod
    def of(cls, all_traits: Collection[Traits], known_as: Sequence[Name | None] | None = None) -> Shared:
        """Count distinct groups of names for each value.

        Args:
            all_traits: what records say.
            known_as: the name that stands for each, where its customer is known: its spellings are one name.
        """
        names: dict[tuple[str, object], set[Name]] = defaultdict(set)
        known = known_as if known_as is not None else [traits.name for traits in all_traits]
        for traits, name in zip(all_traits, known, strict=True):
            if name is None:
                continue
            for phone in traits.phones:
                names["phone", phone_tail(phone)].add(name)
            for mail in traits.mails:
                names["mail", mail].add(name)
            for domain in traits.domains:
                names["domain", domain].add(name)
            if traits.address is not None and traits.address.key is not None:
                names["address", traits.address.key].add(name)
        shared = cls()
        counters: dict[str, Counter[Any]] = {
            "phone": shared.phones,
            "mail": shared.mails,
            "domain": shared.domains,
            "address": shared.addresses,
        }
        for name in {traits.name for traits in all_traits if traits.name is not None}:
            shared.words.update(name.core)
        for (kind, value), found in names.items():
            counters[kind][value] = len(name_groups(found)) if len(found) > 1 else 1
        return shared


NOT_SHARED = Shared()


def name_groups(names: Iterable[Name]) -> list[Name]:
    """One name of each group of names that agree; a few are enough to know."""
    groups: list[Name] = []
    for name in sorted(names, key=lambda n: n.key):
        if all((agreement(name, other) or 0) < Agreement.PART for other in groups):
            groups.append(name)
            if len(groups) > MOST_NAMES:
                break
    return groups
