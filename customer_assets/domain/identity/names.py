"""Names for comparison: scripts folded, legal forms and marks set apart, words for a trade translated.

The lists are data files (`domain/data`). Raw names are kept where they are; nothing here is shown to users.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache
from html import unescape
from itertools import count
from typing import Any

from anyascii import anyascii
from rapidfuzz.distance import OSA

from customer_assets.domain.wordlists import entries

_WORD = re.compile(r"[a-z0-9]+")
_INITIALS = re.compile(r"\b((?:[a-z]\.\s?){1,5}[a-z]?)(?=\W|$)")
_BAAM = re.compile(r"[בע]{1,2}\W{0,2}[עבמ]{0,1}\W{0,2}מ(?!\w)")
_ARTICLE = re.compile(r"\b\u0627\u0644(?=\w{3})")  # Arabic al-, written together with its word
_PARENTHESES = re.compile(r"\(([^)]*)\)")
_REMARK = re.compile(r"\w\W{0,3}\(([^()]{1,40})\)\W{0,3}$")  # in brackets behind a name
_MARKS = str.maketrans("", "", "'`\u2018\u2019\"")
_MARK = re.compile("['`\u2018\u2019\"]")
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
# Trades of a family's head: a company that has one and a company of that name that has none are two companies.
_FAMILY_TRADES = frozenset({"holding", "group", "investments", "international", "management", "estate", "rental"})
_NOTHING: frozenset[str] = frozenset()
_SHORTEST_ABBREVIATION = 3  # of a trade
_DIGITS = re.compile(r"\d+")
_FEWEST_CONSONANTS, _MOST_OF = 4, 0.6  # of a word, by which an abbreviation of it is known
_VOWELS = re.compile(r"[aeiouy]")
_DOUBLE = re.compile(r"(.)(?=\1)")
_ROMAN = frozenset(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"])
_NUMERALS = frozenset(word for word in _ROMAN if len(word) > 1)  # one letter may be an initial
_FEMININE = frozenset({"e", "a", "le", "ne", "te", "ine", "elle", "ette", "ina"})
_GENERATIONS = {**dict.fromkeys(("jr", "jnr", "junior"), "jr"), **dict.fromkeys(("sr", "snr", "senior"), "sr")}
_NO_REMARKS = _ROMAN.union(_GENERATIONS)
MOST_LETTERS = 400  # of a name; what is longer is no name
_SHORT = 6  # letters of a word
_LONG_ENOUGH_TO_SLIP = 8  # letters of a name that one more, or one less, or another, leaves what it is
_CUT = 20  # letters of a name of which an old program may have cut off the rest
_SCANNED = str.maketrans("013568", "olesgb")  # digits that a scanner reads for letters
_SCANNED_WORD = re.compile(
    r"(?=(?:[^0-9]*[0-9]){1,2}[^0-9]*$)(?=(?:[^a-z]*[a-z]){4})(?:[a-z]*[013568](?=[a-z])){1,2}[a-z]+"
)
_MOST_TORN = 2  # letters of a word
_TORN = (("rn", "m"), ("cl", "d"), ("vv", "w"))  # letters that a scanner reads for others
_LETTERS = re.compile(r"[a-z]+")
_LATIN_WORD = re.compile(r"[a-z]{3,}")
_LATIN = re.compile(r"^[\x00-\u024f\u2000-\u206f]*$")
_RUNS = re.compile(r"[\x00-\u024f\u2000-\u206f]+|[^\x00-\u024f\u2000-\u206f]+")
_OTHER = "\x01"  # before a word of another script than Latin: lists know words by their script
_BEFORE_NAMES = frozenset({"de", "den", "der", "van", "von", "le", "la", "al", "el", "bin", "ben"})


class Agreement(IntEnum):
    """How far two names agree, the better the higher."""

    OTHER = 0  # nothing in common
    FAMILY = 1  # something in common, and something that tells them apart: sister companies, spouses
    PART = 2  # one says less than the other, and nothing against it
    ALIKE = 3  # the same but for spelling
    SAME = 4


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A name taken apart. Two are equal when their keys and their scripts are; they may be spelled differently all the same.

    Attributes:
        key: what equal names share.
        core: words that are nobody else's, sorted.
        trades: what it does, as entries of the list of activities.
        forms: legal forms.
        joined: all its words in their order, without spaces: where a space slipped.
        is_foreign: written in a script that leaves vowels out, at least in part.
        is_mixed: some of its own words are Latin all the same.
        remark: of a company, own words that stand in brackets behind the others, and are no city or number: of who ordered,
            perhaps.
        ends: how its own words begin and end, as they are heard, and how all of it does, as it is written: a slip leaves one
            of the two as it was. Empty where nothing is sure: of another script, or with an initial.
        number: of its key and script, in this process.
        spelling: of these and of what else makes names agree.
        rank: of equal names the one with the lowest says most; it stands for all of them, not the one that came first.
    """

    key: str
    core: tuple[str, ...]
    trades: frozenset[str]
    forms: frozenset[str]
    joined: str
    is_foreign: bool
    is_mixed: bool
    remark: frozenset[str]
    ends: frozenset[str]
    number: int
    spelling: int
    rank: tuple[int, tuple[str, ...], str, bool, tuple[str, ...]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and self.number == other.number

    def __hash__(self) -> int:
        return self.number

    def __reduce__(self) -> tuple[Any, ...]:
        own = (self.key, self.core, self.trades, self.forms, self.joined, self.is_foreign, self.is_mixed)
        return _numbered, (*own, self.remark, self.ends)  # its number is another one in another process


def unmangled(text: str) -> str:
    """A text whose UTF-8 somebody read as Windows-1252 (`BrinkmÃ¼ller`), as it was."""
    if "\u00c3" not in text and "\u00c2" not in text:
        return text
    try:
        return text.encode("cp1252").decode()
    except UnicodeError:
        return text


def is_latin(text: str) -> bool:
    """Whether a text is written in Latin script alone."""
    return text.isascii() or _LATIN.match(text) is not None


def fold(text: str) -> str:
    """Lower-case ASCII; abbreviations with dots become one word (`B.V.` -> `bv`)."""
    if not text.isascii():
        text = anyascii(_ARTICLE.sub("", _BAAM.sub(" ltd ", text)).replace("\u0629", "\u0647"))
    folded = text.casefold()
    if _MARK.search(folded) is not None:
        folded = folded.translate(_MARKS)
    if "." not in folded:
        return folded
    return _INITIALS.sub(lambda match: match.group(1).replace(".", "").replace(" ", "") + " ", folded)


@lru_cache(maxsize=262144)
def parse_name(text: str | None) -> Name | None:
    """Take a name apart; None for a blank or a placeholder. A name of nothing but forms or trades keeps them."""
    if not text:
        return None
    if "&" in text and ";" in text:
        text = unescape(text)  # copied out of a web page
    text = unmangled(text)[:MOST_LETTERS]
    found, remarks = _words(text)
    words = [word if word.isalpha() else as_scanned(word) for word in found]
    if not words or "".join(words) in _placeholders():
        return None
    forms, rest = _without_forms(words)
    kept = [word for word in rest if word not in _noise()] or rest or sorted(forms)
    trades: set[str] = set()
    core: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if word not in kept:
            continue
        trade = _trade(word) if before not in _BEFORE_NAMES else _trades().get(word)
        if trade is None:
            core.append(word)
        else:
            trades.add(trade)
    if not core:
        core, trades = kept, set()
    core = sorted({_one_spelling(word) for word in core})
    is_foreign = not is_latin(text)
    key = " ".join([*core, *sorted(f"~{trade}" for trade in trades)])
    joined = "".join(rest or kept).replace(_OTHER, "")
    return _numbered(
        key,
        tuple(core),
        frozenset(trades),
        frozenset(forms),
        joined,
        is_foreign,
        is_foreign and not set(core).isdisjoint(_LATIN_WORD.findall(text.casefold())),
        frozenset(core).intersection(remarks) if remarks and (forms or trades) else _NOTHING,
        frozenset() if is_foreign else _ends(core, joined),
    )


def _one_spelling(word: str) -> str:
    word = word.lstrip(_OTHER)
    return _GENERATIONS.get(word) or city(word)


def as_scanned(word: str) -> str:
    """A folded word as it was before a scanner read digits for some of its letters."""
    return word.translate(_SCANNED) if _SCANNED_WORD.fullmatch(word) else word


def _numbered(key: str, core: tuple[str, ...], *others: Any) -> Name:
    trades, forms, joined, is_foreign, is_mixed, remark, ends = others
    number = _numbers.setdefault((key, is_foreign), next(_next_number))
    spelling = _spellings.setdefault((key, is_foreign, joined, is_mixed, remark), next(_next_number))
    rank = -len(forms), tuple(sorted(forms)), joined, is_mixed, tuple(sorted(remark))
    return Name(key, core, trades, forms, joined, is_foreign, is_mixed, remark, ends, number, spelling, rank)


def name_key(text: str | None) -> str | None:
    """What two spellings of one name have in common; None for a blank."""
    name = parse_name(text)
    return name.key if name is not None else None


def may_agree(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether names with these ends may agree in part at least: quick, and hardly ever wrong when it says no.

    Two slips in one word, one at each of its ends, are what it does not see.
    """
    return not (one and other and one.isdisjoint(other))


def agreement(one: Name, other: Name) -> Agreement | None:
    """How far two names agree; None where they are in scripts that cannot be compared well and do not look alike."""
    if one.key == other.key:
        return Agreement.SAME
    if one.key > other.key:
        one, other = other, one  # whichever is asked about first
    pair = (one.spelling, other.spelling)  # numbers are looked up many times faster than names
    try:
        return _agreements[pair]
    except KeyError:
        if len(_agreements) >= _MOST_AGREEMENTS:
            _agreements.clear()
        found = _agreements[pair] = _agreement(one, other)
        return found


_MOST_AGREEMENTS = 1_000_000
_MOST_NUMBERED = 300_000
_agreements: dict[tuple[int, int], Agreement | None] = {}
# Number of each key and script, in order of appearance: counted, not measured, since threads parse at the same time.
_numbers: dict[tuple[str, bool], int] = {}
_spellings: dict[tuple[str, bool, str, bool, frozenset[str]], int] = {}
_next_number = count()


def _agreement(one: Name, other: Name) -> Agreement | None:
    if _are_told_apart_by_numbers(one, other) or _is_pair(one, other):
        return Agreement.FAMILY
    left, right = _unmatched(one, other)
    here, there = one.trades, other.trades
    if left and there:
        left, here = _with_misspelt_trades(left, here, other)
    if right and one.trades:
        right, there = _with_misspelt_trades(right, there, one)
    if _slipped(one.joined, other.joined):
        left, right = [], []
    if len(left) == len(one.core):
        incomparable = one.is_foreign != other.is_foreign and not (one.is_mixed or other.is_mixed)
        return None if incomparable else Agreement.OTHER
    if here & there:
        here, there = here - there, there - here
        if not (here and there):
            here, there = _NOTHING, _NOTHING
    # each says something that the other does not, be it a word or a trade that no list has
    apart = (left or here) and (right or there)
    heads = bool(here) != bool(there) and bool((here | there) & _FAMILY_TRADES)
    if apart or heads:
        return Agreement.FAMILY
    if left or right:
        if not (here or there) and (one.remark.issuperset(left) if left else other.remark.issuperset(right)):
            return Agreement.ALIKE
        shorter = one.core if len(one.core) <= len(other.core) else other.core
        return Agreement.PART if max(len(word) for word in shorter) >= 4 else Agreement.FAMILY
    return Agreement.PART if here or there else Agreement.ALIKE


def _are_told_apart_by_numbers(one: Name, other: Name) -> bool:
    numbers, others = numbers_of(one), numbers_of(other)
    if not (numbers or others):
        return False
    if numbers and others and numbers != others:
        return True
    # "Zon" and "Zon II" are two houses of one syndic
    return len(_NUMERALS.intersection(one.core) ^ _NUMERALS.intersection(other.core)) == 1


def _is_pair(one: Name, other: Name) -> bool:
    """Whether two persons' names differ by an ending that tells a man from a woman: Louis and Louise, Jan and Jana."""
    if one.trades or other.trades or len(one.core) != len(other.core):
        return False
    left = [word for word in one.core if word not in other.core]
    right = [word for word in other.core if word not in one.core]
    if len(left) != 1 or len(right) != 1:
        return False
    shorter, longer = sorted((left[0], right[0]), key=len)
    return len(shorter) >= 3 and longer.startswith(shorter) and longer[len(shorter) :] in _FEMININE


@lru_cache(maxsize=131072)
def numbers_of(name: Name) -> frozenset[str]:
    """The numbers in a name, Roman ones and generations (jr, sr), too: they tell customers apart, and are never a typo."""
    marks = {word for word in name.core if word in _ROMAN or word in _GENERATIONS}
    return frozenset(digits.lstrip("0") or "0" for digits in _DIGITS.findall(" ".join(name.core))) | marks


def _slipped(one: str, other: str) -> bool:
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


def _unmatched(one: Name, other: Name) -> tuple[list[str], list[str]]:
    """Core words of either side that have no counterpart on the other."""
    foreign = one.is_foreign != other.is_foreign
    left = [word for word in one.core if word not in other.core]
    right = [word for word in other.core if word not in one.core]
    for word in tuple(left):
        for counterpart in right:
            if _alike(word, counterpart, foreign=foreign):
                left.remove(word)
                right.remove(counterpart)
                break
    return left, right


def _with_misspelt_trades(words: list[str], trades: frozenset[str], other: Name) -> tuple[list[str], frozenset[str]]:
    """Words without those that are a misspelt trade of the other name, and the trades with it."""
    read = {word: trade for word in words if (trade := _misspelt_trade(word, other)) is not None}
    return ([word for word in words if word not in read], trades.union(read.values())) if read else (words, trades)


def _misspelt_trade(word: str, name: Name) -> str | None:
    if len(word) < 3:
        return None
    for trade in name.trades:
        for known in _words_of_trades()[trade]:
            if abs(len(word) - len(known)) <= 1 and OSA.distance(word, known, score_cutoff=1) <= 1:
                return trade
            if len(known) - len(word) > 1 and _is_short_for(word, known):
                return trade
    return None


def _is_short_for(word: str, known: str) -> bool:
    """Whether a word is how another begins (`elec`), or its consonants (`svcs`, `trspts`)."""
    if known.startswith(word):
        return True
    if len(word) < _FEWEST_CONSONANTS or word[0] != known[0] or word[-1] != known[-1] or _VOWELS.search(word, 1):
        return False
    letters = iter(known)
    # a few letters would be in many words
    has_most = len(word) >= _MOST_OF * len(_VOWELS.sub("", known))
    return has_most and all(letter in letters for letter in word)


def _alike(one: str, other: str, *, foreign: bool) -> bool:
    """Whether two words are one but for a typo, an abbreviation, or another script."""
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
    return foreign and not bones(one).isdisjoint(bones(other))


@lru_cache(maxsize=131072)
def _sound(word: str) -> str:
    """A word as it is heard: who takes a name on the phone writes Jerun for Jeroen, Luk for Luc."""
    for written, heard in _HEARD:
        word = word.replace(written, heard)
    word = _single(word)
    return word[:-1] if len(word) > 4 and word[-1] == "e" else word


def _ends(core: Iterable[str], joined: str) -> frozenset[str]:
    found: set[str] = set()
    for word in core:
        if len(word) == 1:
            return frozenset()
        heard = _sound(word)
        some = 1 if len(word) < _SHORT else 2  # a slip in the middle of a short word reaches both of its ends
        found |= {heard[:2], heard[:-3:-1] + "$", "^" + word[:some], word[-some:] + "^"}
    if len(joined) >= _LONG_ENOUGH_TO_SLIP:  # as it is written, as slips over spaces are found
        found |= {"^^" + joined[:3], joined[-3:] + "^^"}
    return frozenset(found)


@lru_cache(maxsize=131072)
def _torn(word: str) -> str:
    for letters, letter in _TORN:
        word = word.replace(letters, letter)
    return word


@lru_cache(maxsize=131072)
def bones(word: str) -> frozenset[str]:
    """A word without its vowels, in sounds that every script writes. A Hebrew v may be a vowel, or a b; an Arabic f a v."""
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


def _words(text: str) -> tuple[list[str], Sequence[str]]:
    """Folded words, without what names somebody else (`c/o`, `t.a.v.`); those in brackets also by themselves, but cities."""
    if (care_of := _care_of().search(text)) is not None:
        text = text[: care_of.start()]
    if "(" not in text:
        return _marked_words(text), ()
    words = _marked_words(_PARENTHESES.sub(r" \1 ", text))
    behind = _REMARK.search(text)
    remarks = [word.lstrip(_OTHER) for word in _marked_words(behind.group(1))] if behind is not None else []
    return words, [word for word in remarks if word.isalpha() and word not in _NO_REMARKS and word not in _cities()]


def _marked_words(text: str) -> list[str]:
    """Folded words; those of another script are marked, so that a list is asked for them in that script alone."""
    if text.isascii():
        return _WORD.findall(fold(text).replace("real estate", "estate"))
    text = _ARTICLE.sub("", _BAAM.sub(" ltd ", text)).translate(_MARKS)
    words: list[str] = []
    for run in _RUNS.findall(text):
        found = _WORD.findall(fold(run).replace("real estate", "estate"))
        words += found if is_latin(run) else [_OTHER + word for word in found]
    return words


def _without_forms(words: list[str]) -> tuple[set[str], list[str]]:
    """(legal forms, the other words); forms of several words are found as such."""
    known = _forms()
    forms: set[str] = set()
    rest: list[str] = []
    number = 0
    while number < len(words):
        word = words[number]
        if word not in known and not word.isalpha() and word[-1].isalpha() and word.translate(_SCANNED) in known:
            word = word.translate(_SCANNED)  # 8v
            words = [*words[:number], word, *words[number + 1 :]]
        for form in known.get(word, ()):
            if words[number : number + len(form)] == form:
                forms.add("".join(form))
                number += len(form)
                break
        else:
            rest.append(word)
            number += 1
    return forms, rest


@lru_cache(maxsize=65536)
def _trade(word: str) -> str | None:
    """The entry of the list of activities that a word belongs to; abbreviations and typos of long words, too."""
    known = _trades()
    if word in known:
        return known[word]
    if word[0] == _OTHER:
        return None
    if len(begun := _beginnings_of_trades().get(word, ())) == 1:
        return next(iter(begun))
    if len(word) >= 6:
        lists = _long_trades()
        alike = {trade for cut in _cut_by_a_letter(word) for trade in lists.get(cut, ())}
        near = {known[other] for other in alike if OSA.distance(word, other) <= 1}
        if len(near) == 1:
            return near.pop()
    return None


def _cut_by_a_letter(word: str) -> list[str]:
    """A word, and what is left of it without each of its letters: two words that are a slip apart have one in common."""
    return [word, *(word[:at] + word[at + 1 :] for at in range(len(word)))]


@cache
def _beginnings_of_trades() -> dict[str, set[str]]:
    """Abbreviations -> the trades that begin so."""
    known: dict[str, set[str]] = {}
    for word, trade in _trades().items():
        for length in range(_SHORTEST_ABBREVIATION, len(word)) if word[0] != _OTHER else ():
            known.setdefault(word[:length], set()).add(trade)
    return known


def city(word: str) -> str:
    """A folded word, or, for that of a city, the first of its spellings in the list of places."""
    return _cities().get(word, word)


@cache
def _cities() -> dict[str, str]:
    known: dict[str, str] = {}
    for line in entries("places"):
        words = ["".join(_LETTERS.findall(fold(word))) for word in line.split()]
        known |= dict.fromkeys(words, words[0])
    return known


@cache
def _long_trades() -> dict[str, list[str]]:
    """Words for trades that are long enough for a slip, by themselves and by what is left of them without a letter."""
    found: dict[str, list[str]] = {}
    for word in _trades():
        if len(word) >= 7 and word[0] != _OTHER:
            for cut in dict.fromkeys(_cut_by_a_letter(word)):
                found.setdefault(cut, []).append(word)
    return found


@cache
def _forms() -> dict[str, list[list[str]]]:
    """Legal forms by their first word, the longest first."""
    known: dict[str, list[list[str]]] = {}
    for entry in entries("legal_forms"):
        words = _marked_words(entry)
        known.setdefault(words[0], []).append(words)
    for forms in known.values():
        forms.sort(key=len, reverse=True)
    return known


@cache
def _care_of() -> re.Pattern[str]:
    """What stands before somebody else's name; never at the beginning, never inside a word."""
    marks = "|".join(re.escape(mark) for mark in sorted(entries("care_of"), key=len, reverse=True))
    return re.compile(rf"(?<!^)(?<![^\W_])(?:{marks})(?![^\W_])", re.IGNORECASE)


@cache
def _noise() -> frozenset[str]:
    return frozenset("".join(_marked_words(entry)) for entry in entries("name_noise"))


@cache
def _placeholders() -> frozenset[str]:
    return frozenset("".join(_marked_words(entry)) for entry in entries("placeholders"))


@cache
def _trades() -> dict[str, str]:
    known: dict[str, str] = {}
    for line in entries("activities"):
        words = line.split()
        for word in words:
            known["".join(_marked_words(word))] = words[0]
    known.pop("", None)
    return known


@cache
def _words_of_trades() -> dict[str, list[str]]:
    words: dict[str, list[str]] = {}
    for word, trade in _trades().items():
        words.setdefault(trade, []).append(word.lstrip(_OTHER))
    return words


def forget() -> None:
    """Forget what was remembered of names and words; names from before are not to be compared with names from after."""
    for remembered in (parse_name, numbers_of, _sound, _torn, bones, _trade):
        remembered.cache_clear()
    _agreements.clear()
    # a thread that compares two names alone may hold one from before: numbers change seldom, not after each account
    if len(_numbers) > _MOST_NUMBERED:
        _numbers.clear()
        _spellings.clear()
