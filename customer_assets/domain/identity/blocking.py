"""What records and clusters are found by: only those that share a key are compared."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from customer_assets.domain.identity.contact_details import Address, phone_tail
from customer_assets.domain.identity.evidence import Traits
from customer_assets.domain.identity.names import Name

ANY_SCRIPT = ""  # stands for a street that is compared with those of other scripts
BlockingKey = tuple[str, ...]


def blocking_keys(traits: Traits) -> Iterator[BlockingKey]:
    """What a record is found by: only records that share one of these are compared."""
    yield from contact_keys(traits.phones, traits.mails, traits.domains)
    names = () if traits.name is None else (traits.name,)
    yield from place_keys(names, () if traits.address is None else (traits.address,))
    if traits.born is not None:
        yield "born", traits.born


def contact_keys(phones: Collection[str], mails: Collection[str], domains: Collection[str]) -> Iterator[BlockingKey]:
    """Phones, mailboxes and domains: what shares one is of one region."""
    for tail in dict.fromkeys(map(phone_tail, phones)):
        yield "phone", tail
    for mail in mails:
        yield "mail", mail
    for domain in sorted(domains):
        yield "domain", domain


def _length(word: str) -> tuple[int, str]:
    return len(word), word


def place_keys(names: Collection[Name], addresses: Collection[Address]) -> Iterator[BlockingKey]:
    """Names and addresses, and words of a name in a place; an address in another script by its number and place alone."""
    words = [max([word for word in name.core if word not in name.remark] or name.core, key=_length) for name in names]
    for address in addresses:
        if address.key is not None:
            street, number, place = address.key
            yield "address", street[:2], number, place
            if street:
                yield "address", ANY_SCRIPT, number, place
        if address.street and address.number and not address.is_foreign:
            for initial in dict.fromkeys(word[0] for word in words) or ("",):
                yield "house", address.street[:4], address.number, initial
        if address.postcode:
            for word in dict.fromkeys(word[:5] for word in words):
                yield "word", word, address.postcode
    for name in names:
        yield "name", name.key
