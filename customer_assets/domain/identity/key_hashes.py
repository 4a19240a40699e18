"""What a record is found by, as numbers of 64 bits, for an index over very many records.

The lowest bits say what kind a key is, so that what a key stands for need not be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b

from customer_assets.domain.identity.blocking import ANY_SCRIPT, blocking_keys
from customer_assets.domain.identity.evidence import Profile
from customer_assets.domain.identity.shared import words_of


class Kind(IntEnum):
    """What a key is."""

    VALUE = 0  # a phone, a mailbox, a domain, a VAT id, a birth date: it is counted who shares it
    NAME = 1
    ADDRESS = 2  # counted, too
    WORD_IN_PLACE = 3  # others are found by it, and no more
    HOUSE = 4  # the same, of street and number without the place: who is found has an address that may be this one
    LATIN = 5  # number and place of an address in Latin script: it is found by those of other scripts alone
    FOREIGN = 6  # the same of an address in another script; its other bits are those of the Latin one
    WORD = 7  # of a name: finds nobody; tells how many names have it
    BEGINNING = 8  # of a name: of what very many share, those whose names begin alike are found


# of blocking keys; others are values
_KINDS = {"name": Kind.NAME, "address": Kind.ADDRESS, "house": Kind.HOUSE, "word": Kind.WORD_IN_PLACE}
COUNTED = frozenset({Kind.VALUE, Kind.ADDRESS, Kind.FOREIGN, Kind.LATIN, Kind.NAME})
_BITS = 15
_SCRIPTS = Kind.LATIN ^ Kind.FOREIGN

Search = tuple[int, int | None]  # a key, and the beginning of the name of whoever looks for others that have it


def kind_of(key: int) -> Kind:
    """What a key is."""
    return Kind(key & _BITS)


@lru_cache(maxsize=65536)
def _beginning(account: str, letters: str) -> int:
    return _key(Kind.BEGINNING, account, "beginning", letters)


@lru_cache(maxsize=65536)
def word_key(account: str, word: str) -> int:
    """The key of a word of names."""
    return _key(Kind.WORD, account, "word of a name", word)


def name_hash(account: str, profile: Profile) -> int | None:
    """The key of a record's name."""
    name = profile.traits.name
    return None if name is None else _key(Kind.NAME, account, "name", name.key)


def keys_of(account: str, profile: Profile) -> list[int]:
    """All keys of a record of an account, sorted."""
    traits = profile.traits
    found = set() if profile.vat is None else {_key(Kind.VALUE, account, "vat", profile.vat.partition(":")[2])}
    for key in blocking_keys(traits):
        if key[:2] == ("address", ANY_SCRIPT):
            is_foreign = traits.address is not None and traits.address.is_foreign
            found.add(_key(Kind.FOREIGN if is_foreign else Kind.LATIN, account, *key))
        else:
            found.add(_key(_KINDS.get(key[0], Kind.VALUE), account, *key))
    if traits.name is not None:
        found.add(_beginning(account, traits.name.core[0][:4]))
        found |= {word_key(account, word) for word in words_of(traits.name)}
    return sorted(found)


def searches(keys: Iterable[int]) -> set[Search]:
    """How those are found who share something with a record of these keys."""
    keys = list(keys)
    beginning = next((key for key in keys if key & _BITS == Kind.BEGINNING), None)
    return {(key, beginning) for key in spreading(keys)}


def spreading(keys: Iterable[int]) -> Iterator[int]:
    """Keys by which others are concerned: no words, and an address without its street for the other script alone."""
    for key in keys:
        kind = key & _BITS
        if kind == Kind.LATIN:
            yield key ^ _SCRIPTS
        elif kind == Kind.FOREIGN:
            yield key
            yield key ^ _SCRIPTS
        elif kind < Kind.LATIN:
            yield key


def _key(kind: Kind, *parts: str) -> int:
    digest = blake2b("\t".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True) & ~_BITS | kind
