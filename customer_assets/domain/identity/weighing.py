"""How much two clusters of records say that they are of one customer: the weights of what agrees, and of what does not.

A cluster is weighed by all that its records say together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from rapidfuzz.distance import OSA

from customer_assets.domain.identity.contact_details import (
    Address,
    is_near,
    is_relay,
    is_role,
    is_same_street_alone,
    phone_tail,
    same_phone,
    same_street,
)
from customer_assets.domain.identity.evidence import (
    ACCEPT,
    MOST_FOR_ALIKE,
    MOST_FOR_SAME,
    MOST_SHARING,
    REVIEW,
    WEIGHTS,
    Evidence,
    Profile,
)
from customer_assets.domain.identity.names import Agreement, agreement, kinds_contradict, may_agree
from customer_assets.domain.identity.pooled import Pooled
from customer_assets.domain.identity.shared import NOT_SHARED, Shared

_LONG_ID = 6  # characters
MOST_NAMES_WEIGHED = 6  # names of a cluster, those that most of its rows say
# names behind a value that still says something
_MOST = {Agreement.SAME: MOST_FOR_SAME, Agreement.ALIKE: MOST_FOR_ALIKE}

Parts = list[tuple[str, float]]


def weigh(one: Pooled, other: Pooled, shared: Shared = NOT_SHARED, *also: str) -> Evidence:
    """The evidence that two clusters are one customer, by the declared weights.

    Args:
        one, other: what they say.
        shared: how many names stand behind each value.
        also: names of weights that speak for the pair besides.
    """
    return _weighed(_agreement_of(one, other), one, other, shared, also)


def may_be_one(one: Pooled, other: Pooled) -> bool:
    """Whether names, or a mailbox, leave a chance that the evidence is enough for a person; at a glance."""
    return may_agree(one.ends, other.ends) or _share_mail(one, other)


def weigh_if_alike(one: Pooled, other: Pooled, shared: Shared) -> tuple[Evidence, bool] | None:
    """The evidence, where they leave that chance, and whether a name is vague."""
    named = _agreement_of(one, other)
    if named.how is not None and named.how < Agreement.PART and not _share_mail(one, other):
        return None
    return _weighed(named, one, other, shared, ()), named.is_vague


def weigh_profiles(one: Profile, other: Profile, everybody: Iterable[Profile]) -> Evidence:
    """The same of two records, beside all others."""
    here, there = (Pooled.of([(profile, 1)]) for profile in (one, other))
    return weigh(here, there, Shared.of(Pooled.of([(profile, 1)]) for profile in everybody))


def _share_mail(one: Pooled, other: Pooled) -> bool:
    return bool(one.mails and other.mails) and not set(one.mails).isdisjoint(other.mails)


class _Named(NamedTuple):
    """How far the best two of the names of two clusters agree.

    Attributes:
        how: None where they are in scripts that cannot be compared, or one side has no name.
        is_vague: one of the two says less than the other.
        is_company: one of the two is a company's.
    """

    how: Agreement | None
    is_vague: bool
    is_company: bool


def _weighed(named: _Named, one: Pooled, other: Pooled, shared: Shared, also: Sequence[str]) -> Evidence:
    parts = _parts(named, one, other, shared, also)
    weight = sum(value for _, value in parts)
    if named.how is None:
        weight = min(weight, ACCEPT + 1)
    elif named.how in (Agreement.OTHER, Agreement.FAMILY):
        # whatever else they share, an accountant, a spouse or a sister company shares it, too: never without a person
        is_asked = _share_all(parts) and min(one.rows, other.rows) == 1  # a mistake, perhaps
        weight = min(weight, ACCEPT - 0.5 if is_asked else REVIEW - 0.5)
    if any(name == "born_differs" for name, _ in parts):
        weight = min(weight, ACCEPT - 0.5)  # twins of a name and a house, perhaps, never without a person
    rule = "+".join(name for name, value in parts if value > 0) or "nothing"
    return Evidence(rule, round(weight, 2), tuple(parts))


def _agreement_of(here: Pooled, there: Pooled) -> _Named:
    """How far the best two of their names agree; where several agree as far, one that is not vague, or a company's, counts."""
    if not here.name_keys.isdisjoint(there.name_keys):
        common = here.name_keys & there.name_keys
        return _Named(Agreement.SAME, False, here.is_company_as(common) or there.is_company_as(common))
    best: Agreement | None = None
    is_vague, is_company = True, False
    for one, other in product(here.names[:MOST_NAMES_WEIGHED], there.names[:MOST_NAMES_WEIGHED]):
        how = agreement(one, other)
        if how is None or (best is not None and how < best):
            continue
        if best is None or how > best:
            best, is_vague, is_company = how, True, False
        is_vague = is_vague and (how is Agreement.PART or any(len(word) == 1 for word in {*one.core} ^ {*other.core}))
        is_company = is_company or one.is_company or other.is_company
    return _Named(best, is_vague and best is not Agreement.OTHER, is_company)


def _share_all(parts: Parts) -> bool:
    names = {name for name, _ in parts}
    return {"phone", "address"} <= names and not names.isdisjoint(("mail", "mail_of_office"))


def _parts(named: _Named, one: Pooled, other: Pooled, shared: Shared, also: Sequence[str]) -> Parts:
    """What weighs how much."""
    parts: Parts = []

    def add(name: str) -> None:
        parts.append((name, WEIGHTS[name]))

    if named.how is not None:
        add(f"name_{named.how.name.lower()}")
    # what many have speaks against names that differ, if only by a letter: they may be two of the many
    most = MOST_SHARING if named.how is None else _MOST.get(named.how, MOST_SHARING)
    if one.phones and other.phones:
        _weigh_phones(add, one.phones, other.phones, shared, most)
    if one.mails and other.mails:
        _weigh_mails(add, one, other, shared, most)
    if {"phone_differs", "mail_differs"} <= {name for name, _ in parts} and not named.is_company:
        add("all_contacts_differ")
    if one.addresses and other.addresses:
        _weigh_addresses(add, named, one, other, shared, most)
    if one.born and other.born:
        _weigh_birth_dates(add, one.born, other.born)
    for kind in sorted(one.keys.keys() & other.keys.keys()):
        _weigh_keys(add, one.keys[kind], other.keys[kind])
    if one.countries and other.countries and one.countries.isdisjoint(other.countries):
        add("country_differs")
    if kinds_contradict(one.kinds, other.kinds):
        add("form_differs")
    if (one.typos or other.typos) and _is_misspelt(one, other):
        add("vat_misspelt")
    for name in also:
        add(name)
    return parts


def _is_misspelt(one: Pooled, other: Pooled) -> bool:
    """Whether a VAT id whose check digits do not hold is one slip away from the other's."""
    return any(
        OSA.distance(typo, known.partition(":")[2] or known) <= 1
        for typos, others in ((one.typos, other.vats or other.typos), (other.typos, one.vats))
        for typo, known in product(typos, others)
    )


def _weigh_phones(
    add: Callable[[str], None],
    here: Collection[str],
    there: Collection[str],
    shared: Shared,
    most: int,
) -> None:
    common = [a for a in here for b in there if same_phone(a, b)]
    if common:
        # one that is somebody's own is enough
        add("phone_shared" if min(shared.phones.get(phone_tail(phone), 0) for phone in common) > most else "phone")
    else:
        near = any(OSA.distance(phone_tail(a), phone_tail(b), score_cutoff=1) <= 1 for a in here for b in there)
        if near:
            add("phone_near")
        elif not any(_are_all_shared(map(phone_tail, phones), shared.phones) for phones in (here, there)):
            add("phone_differs")


def _weigh_mails(add: Callable[[str], None], one: Pooled, other: Pooled, shared: Shared, most: int) -> None:
    common = [mail for mail in one.mails if mail in other.mails]
    if common:
        own = [mail for mail in common if shared.mails.get(mail, 0) <= most]
        add("mail_shared" if not own else "mail_of_office" if all(map(is_role, own)) else "mail")
    elif domains := one.domains & other.domains:
        add("domain_shared" if any(shared.domains.get(d, 0) > most for d in domains) else "domain")
    elif not any(
        all(map(is_relay, mails)) or _are_all_shared(mails, shared.mails) for mails in (one.mails, other.mails)
    ):
        add("mail_differs")


def _are_all_shared(values: Iterable[str], counts: Mapping[str, int]) -> bool:
    """Whether none of some values is somebody's own: a marketplace's mailbox says nothing against another one."""
    return all(counts.get(value, 0) > MOST_FOR_SAME for value in values)


def _weigh_addresses(
    add: Callable[[str], None], named: _Named, one: Pooled, other: Pooled, shared: Shared, most: int
) -> None:
    """The two of their addresses that agree best."""
    found = (_weighed_address(a, b, shared, most) for a, b in product(one.addresses, other.addresses))
    best = max(found, key=lambda name: WEIGHTS[name] if name else 0.0)
    if best:
        add(best)
    if best == "address" and named.how is Agreement.PART and not named.is_company:
        add("part_at_its_house")


def _weigh_birth_dates(add: Callable[[str], None], here: Sequence[str], there: Sequence[str]) -> None:
    pairs = list(product(here, there))
    is_one, is_near = any(a == b for a, b in pairs), any(_is_near(a, b) for a, b in pairs)
    add("born" if is_one else "born_near" if is_near else "born_differs")


def _weighed_address(here: Address, there: Address, shared: Shared, most: int) -> str:
    """The weight that two addresses have, blank where they say nothing of each other."""
    if same_street(here, there):
        crowded = here.key is not None and shared.addresses.get(here.key, 0) > most
        return "address_shared" if crowded else "address"
    if is_near(here, there):
        return "address_near"
    if is_same_street_alone(here, there):
        return "street"
    if here.postcode and here.postcode == there.postcode:
        if not here.postcode.isdigit():
            return "postcode_of_street"  # a Dutch or British one; others are a town, of which two streets say nothing
        return "" if here.street and there.street else "postcode"
    if (
        (here.street and there.street)
        or (here.postcode and there.postcode and (here.city != there.city or not here.city))
        or (here.city and there.city and here.city != there.city and here.is_foreign == there.is_foreign)
    ):
        return "address_differs"
    return ""


def _weigh_keys(add: Callable[[str], None], here: frozenset[str], there: frozenset[str]) -> None:
    """Ids that are not equal; what equal ones say is certain (`certain`)."""
    if here.isdisjoint(there):
        # of a short one, each slip is somebody else's
        near = any(_is_near(a, b) for a, b in product(here, there) if min(len(a), len(b)) >= _LONG_ID)
        add("key_near" if near else "key_differs")


def _is_near(one: str, other: str) -> bool:
    return OSA.distance(one, other, score_cutoff=1) <= 1
