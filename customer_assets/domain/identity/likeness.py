"""Words that are one but for a slip, a sound, a scanner, an abbreviation or another script."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from zlib import crc32

from rapidfuzz.distance import OSA

from customer_assets.domain.identity.name_lists import may_be_one_given_name

# Sounds that scripts without vowels write in one way: what is left of a word when they are folded.
_SOUNDS = (
    ("sch", "s"),
    ("sh", "s"),
    ("tz", "z"),
    ("ts", "z"),
    ("ck", "k"),
    ("ch", "k"),
    ("kh", "k"),
    ("ph", "p"),
    ("th", "t"),
    ("dj", "g"),
)
_BONES = str.maketrans(
    {**dict.fromkeys("aeiouywvh", ""), "q": "k", "c": "k", "f": "p", "j": "g", "b": "b", "g": "g", "x": "ks"}
)
_HEARD = (
    ("sch", "s"),
    ("ch", "k"),
    ("ck", "k"),
    ("cq", "k"),
    ("ce", "se"),
    ("ci", "si"),
    ("cy", "si"),
    ("c", "k"),
    ("q", "k"),
    ("ph", "f"),
    ("th", "t"),
    ("x", "ks"),
    ("z", "s"),
    ("oe", "u"),
    ("ou", "u"),
    ("ij", "i"),
    ("ie", "i"),
    ("ee", "i"),
    ("y", "i"),
    ("v", "f"),
)
_SON_OF = re.compile(r"(?<=\w{2})[vw]i(?:tch|cz|ch|tz|ts|c)$")  # Rabinovich, Rabinowitz: one ending, also in Hebrew
_FEWEST_CONSONANTS = 4  # of a word, by which an abbreviation of it is known
_SHARE_OF_CONSONANTS = 0.6  # of the word, at least
_VOWELS = re.compile(r"[aeiouy]")
_DOUBLE = re.compile(r"(.)(?=\1)")
_SHORT = 6  # letters of a word
_LONG_ENOUGH_TO_SLIP = 8  # letters of a name that one more, or one less, or another, leaves what it is
_CUT = 20  # letters of a name of which an old program may have cut off the rest
_ENDS = 1024  # bits: a set of texts takes ten times the memory
_MOST_TORN = 2  # letters of a word
_TORN = (("rn", "m"), ("cl", "d"), ("vv", "w"))  # letters that a scanner reads for others


def ends_of(core: Iterable[str], joined: str) -> int:
    """How words begin and end, as they are heard, and how all of a name does, a bit each; 0 with an initial (`Name.ends`)."""
    found = 0
    for word in core:
        if len(word) == 1:
            return 0
        heard = _sound(word)
        some = 1 if len(word) < _SHORT else 2  # a slip in the middle of a short word reaches both of its ends
        found |= _bit(heard[:2]) | _bit(heard[:-3:-1] + "$") | _bit("^" + word[:some]) | _bit(word[-some:] + "^")
    if len(joined) >= _LONG_ENOUGH_TO_SLIP:  # as it is written, as slips over spaces are found
        found |= _bit("^^" + joined[:3]) | _bit(joined[-3:] + "^^")
    return found


@lru_cache(maxsize=65536)
def _bit(end: str) -> int:
    """A bit for an end, the same in every process; two that have one are compared once too often."""
    return 1 << crc32(end.encode()) % _ENDS


def have_slipped(one: str, other: str) -> bool:
    """Whether two names without their spaces are one but for a slip, a scanner, or a field that was too short."""
    if len(one) >= _CUT and len(other) >= _CUT and (one.startswith(other) or other.startswith(one)):
        return True  # cut off by a field that was too short
    if one == other:
        return True
    if len(one) < _LONG_ENOUGH_TO_SLIP or abs(len(one) - len(other)) > 1 + _MOST_TORN:
        return False
    if abs(len(one) - len(other)) <= 1 and OSA.distance(one, other, score_cutoff=1) <= 1:
        return True
    here, there = _torn(one), _torn(other)
    return (here, there) != (one, other) and OSA.distance(here, there, score_cutoff=1) <= 1


def is_short_for(word: str, known: str) -> bool:
    """Whether a word is how another begins (`elec`), or its consonants (`svcs`, `trspts`)."""
    if known.startswith(word):
        return True
    if len(word) < _FEWEST_CONSONANTS or word[0] != known[0] or word[-1] != known[-1] or _VOWELS.search(word, 1):
        return False
    letters = iter(known)
    # a few letters would be in many words
    has_most = len(word) >= _SHARE_OF_CONSONANTS * len(_VOWELS.sub("", known))
    return has_most and all(letter in letters for letter in word)


def are_alike(one: str, other: str, *, foreign: bool) -> bool:
    """Whether two words are one but for a typo, an abbreviation, a short form of a given name, or another script."""
    shorter, longer = (one, other) if len(one) <= len(other) else (other, one)
    if len(shorter) == 1 or (len(shorter) >= 4 and longer.startswith(shorter)):
        return longer.startswith(shorter)
    most = 2 if len(shorter) >= 8 else 1
    if len(shorter) >= 4 and len(longer) - len(shorter) <= most and OSA.distance(one, other, score_cutoff=most) <= most:
        return True
    if len(shorter) >= 4 and len(longer) - len(shorter) <= _MOST_TORN and _torn(one) == _torn(other):
        return True
    if len(shorter) >= 3 and _sound(one) == _sound(other):
        return True
    if may_be_one_given_name(one, other):
        return True
    return foreign and not bones(one).isdisjoint(bones(other))


@lru_cache(maxsize=131072)
def _sound(word: str) -> str:
    """A word as it is heard: who takes a name on the phone writes Jerun for Jeroen, Luk for Luc."""
    for written, heard in _HEARD:
        word = word.replace(written, heard)
    word = _single(word)
    return word[:-1] if len(word) > 4 and word[-1] == "e" else word


@lru_cache(maxsize=131072)
def _torn(word: str) -> str:
    for letters, letter in _TORN:
        word = word.replace(letters, letter)
    return word


@lru_cache(maxsize=131072)
def bones(word: str) -> frozenset[str]:
    """A word without its vowels, in sounds that every script writes. A Hebrew v may be a vowel, or a b; an Arabic f a v."""
    word = _SON_OF.sub("vits", word)
    for sound, written in _SOUNDS:
        word = word.replace(sound, written)
    first, *others = word.split("v")
    readings = [first]
    for part in others:
        # each by itself, as long as there are few
        readings = [reading + sound + part for reading in readings[:8] for sound in ("", "b", "p")]
    return frozenset(_single(reading.translate(_BONES)) for reading in readings) - {""}


def _single(text: str) -> str:
    return _DOUBLE.sub("", text)


def forget() -> None:
    """Forget what was remembered of words."""
    for remembered in (_sound, _bit, _torn, bones):
        remembered.cache_clear()
