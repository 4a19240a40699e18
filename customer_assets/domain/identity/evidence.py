"""What a record says of its customer, and the weights of what records say.

A record is taken apart once, by `profile_of`. What agrees between two clusters, and what does not, is added up elsewhere
(`weighing`); the weights are declared here, so that each decision can be read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from customer_assets.domain.country import country_code, country_of_mail
from customer_assets.domain.identity.contact_details import (
    Address,
    birth_date,
    mail_domains,
    mail_keys,
    own_key,
    parse_address,
    phone_keys,
    vat_key,
)
from customer_assets.domain.identity.names import Name, parse_name
from customer_assets.domain.wordlists import all_entries

Key = tuple[str, ...]

ACCEPT = 9.0  # weight from which a pair is joined
REVIEW = 7.5  # weight from which a person is asked
MOST_NAMESAKES = 0.3  # customers that one may expect of a name by its words, besides those that are known
MOST_SHARING = 2  # names behind a value that is still somebody's own
MOST_FOR_ALIKE = 3  # the same for two spellings of a name: they may be two of the names that share it
MOST_FOR_SAME = 8  # the same for one name: of two of it who share a marketplace, or what clerks type everywhere
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
    "all_contacts_differ": -1.0,  # of persons, on top of both: a father and a son of one name at one address
    "address_differs": -1.0,
    "country_differs": -3.0,
    "form_differs": -1.0,  # two kinds of legal forms: besides, such a pair is never joined without a person
    "vat_misspelt": 5.0,
    "born": 7.0,
    "born_near": 3.0,
    "born_differs": -5.0,
    "key_near": 5.0,
    "key_differs": -4.0,
    "only_of_its_name": 3.5,
    "only_person_of_its_name": 1.5,
}


ENGINE = 15  # to be raised with the code of normalization and weighing: everything is resolved anew then


def engine_version() -> str:
    """What results depend on besides the records: code, weights and word lists."""
    described = f"{ENGINE} {sorted(WEIGHTS.items())} {MOST_NAMESAKES} {MOST_NAMES} {all_entries()}"
    return hashlib.blake2b(described.encode(), digest_size=8).hexdigest()


class Traits(NamedTuple):
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
        return mail_domains(self.mails)


class Profile(NamedTuple):
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


Place = tuple[str | None, str | None, str | None]  # an address, postcode and city as they are written


@dataclass(frozen=True)
class Taking:
    """How values are taken apart: when they are needed, or by looking up what was taken apart ahead (`taking`)."""

    name: Callable[[str | None], Name | None] = parse_name
    phones: Callable[[str | None], tuple[str, ...]] = phone_keys
    address: Callable[[Place], Address | None] = lambda place: parse_address(*place)


WHEN_NEEDED = Taking()


@dataclass(slots=True)
class Record:
    """Values of one record as people wrote them.

    Attributes:
        key: its natural key.
        source: (system, source id) that it belongs to.
        names_customer: id of an invoice, which an invoice-born customer may be named after.
        born: date of birth.
        keys: other ids of the customer by their kind.
    """

    key: Key
    name: str | None = None
    vat: str | None = None
    phones: Sequence[str | None] = ()
    mails: Sequence[str | None] = ()
    address: str | None = None
    postcode: str | None = None
    city: str | None = None
    country: str | None = None
    source: tuple[str, str] | None = None
    names_customer: str | None = None
    born: str | None = None
    keys: Mapping[str, str | None] | None = None


def profile_of(record: Record, taking: Taking = WHEN_NEEDED) -> Profile:
    """What a record says, for comparison."""
    code = country_code(record.country)
    mails, phones = _all_of(mail_keys, record.mails), _all_of(taking.phones, record.phones)
    for text in record.phones:
        if text and "@" in text:  # typed one column too early
            mails = tuple(dict.fromkeys((*mails, *mail_keys(text))))
    for text in record.mails:
        if text and "@" not in text and _LIKE_A_PHONE.fullmatch(text) and not _LIKE_A_DATE.search(text):
            phones = tuple(dict.fromkeys((*phones, *phone_keys(text))))
    valid = typo = None
    if record.vat:
        valid, typo = vat_key(record.vat, code or next(filter(None, map(country_of_mail, mails)), None))
    keys = record.keys or {}
    traits = Traits(
        taking.name(record.name),
        phones,
        mails,
        taking.address((record.address, record.postcode, record.city)),
        code,
        typo,
        birth_date(record.born) if record.born else None,
        tuple((kind, found) for kind, text in keys.items() if (found := own_key(text)) is not None) if keys else (),
    )
    return Profile(record.key, traits, record.source, valid, record.names_customer)


def _all_of(found_in: Callable[[str | None], tuple[str, ...]], texts: Sequence[str | None]) -> tuple[str, ...]:
    """What is found in some texts, each once."""
    if len(texts) == 1:
        return found_in(texts[0])
    return tuple(dict.fromkeys(value for text in texts for value in found_in(text)))


class Evidence(NamedTuple):
    """Why two records are one customer, or are not: the rule, its weight, and what weighed."""

    rule: str
    weight: float
    parts: tuple[tuple[str, float], ...] = ()

    @property
    def score(self) -> float:
        """How sure it is, 0 to 1."""
        certain = _CERTAIN.get(self.rule)
        return certain if certain is not None else _score(self.weight)


_LIKE_A_PHONE = re.compile(r"\s*[+(]{0,2}[0-9][0-9 ()/.-]{6,24}")
_LIKE_A_DATE = re.compile(r"(?<!\d)(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})(?!\d)")
_CERTAIN = {"source_id": 1.0, "vat_id": 0.99, "key": 0.99, "operator": 1.0, "new_customer": 1.0, "equal": 1.0}


@lru_cache(maxsize=4096)
def _score(weight: float) -> float:
    return round(1 / (1 + 2 ** -(weight - ACCEPT + 4)), 4)


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
