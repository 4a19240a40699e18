"""What records are found by: only those that share a key are compared."""

from __future__ import annotations

from collections.abc import Iterator

from customer_assets.domain.identity.contact_details import phone_tail
from customer_assets.domain.identity.evidence import Traits

ANY_SCRIPT = ""  # stands for a street that is compared with those of other scripts
BlockingKey = tuple[str, ...]


def blocking_keys(traits: Traits) -> Iterator[BlockingKey]:
    """What a record is found by: only records that share one of these are compared."""
    yield from contact_keys(traits)
    for domain in sorted(traits.domains):
        yield "domain", domain
    address = traits.address
    if address is not None and address.street and address.number and not address.is_foreign:
        initial = max(traits.name.core, key=len)[0] if traits.name is not None else ""
        yield "house", address.street[:4], address.number, initial
    if traits.born is not None:
        yield "born", traits.born
    if traits.name is not None:
        yield "name", traits.name.key
        if traits.address is not None and traits.address.postcode:
            yield "word", max(traits.name.core, key=len)[:5], traits.address.postcode


def contact_keys(traits: Traits) -> Iterator[BlockingKey]:
    """Phones, mailboxes and the address; an address in another script by its number and place alone."""
    for tail in dict.fromkeys(map(phone_tail, traits.phones)):
        yield "phone", tail
    for mail in traits.mails:
        yield "mail", mail
    if traits.address is not None and traits.address.key is not None:
        street, number, place = traits.address.key
        yield "address", street[:2], number, place
        if street:
            yield "address", ANY_SCRIPT, number, place
