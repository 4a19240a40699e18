"""Names for comparison: taken apart into words that are nobody else's, trades and legal forms, and how far two agree.

Raw names are kept where they are; nothing here is shown to users.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import lru_cache
from html import unescape
from itertools import count
from operator import attrgetter
from typing import Any

from rapidfuzz.distance import OSA

from customer_assets.domain.identity import likeness, name_lists
from customer_assets.domain.identity.likeness import are_alike, ends_of, have_slipped, is_short_for
from customer_assets.domain.identity.scripts import OTHER_SCRIPT, as_scanned, is_latin, marked_words, unmangled

_PARENTHESES = re.compile(r"\(([^)]*)\)")
_REMARK = re.compile(r"\w\W{0,3}\(([^()]{1,40})\)\W{0,3}$")  # in brackets behind a name
# Trades of a family's head: a company that has one and a company of that name that has none are two companies.
_FAMILY_TRADES = frozenset({"holding", "group", "investments", "international", "management", "estate", "rental"})
_NOTHING: frozenset[str] = frozenset()
_DIGITS = re.compile(r"\d+")
_ROMAN = frozenset(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"])
_NUMERALS = frozenset(word for word in _ROMAN if len(word) > 1)  # one letter may be an initial
_FEMININE = frozenset({"e", "a", "le", "ne", "te", "ine", "elle", "ette", "ina"})
_GENERATIONS = {**dict.fromkeys(("jr", "jnr", "junior"), "jr"), **dict.fromkeys(("sr", "snr", "senior"), "sr")}
_NO_REMARKS = _ROMAN.union(_GENERATIONS)
_LONGEST_ACRONYM = 5
MOST_LETTERS = 400  # of a name; what is longer is no name
_LATIN_WORD = re.compile(r"[a-z]{3,}")
_PARTICLES = frozenset({"de", "den", "der", "van", "von", "ten", "ter", "vd", "vdn", "vdr", "bin", "ibn"})
_INITIALS = re.compile(r"(?<![A-Za-z])(?:[A-Za-z]\.\s?){2,5}(?:[A-Za-z](?![A-Za-z]))?")
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
        own: those without particles (`van den`), which are written in many ways, or left out.
        trades: what it does, as entries of the list of activities.
        forms: legal forms.
        kinds: kinds of its legal forms, of which one company has one; empty where it says none that tells companies apart.
        joined: all its words in their order, without spaces: where a space slipped.
        is_foreign: written in a script that leaves vowels out, at least in part.
        is_mixed: some of its own words are Latin all the same.
        remark: of a company, own words that stand in brackets behind the others, and are no city or number: of who ordered,
            perhaps.
        ends: how its own words begin and end, as they are heard, and how all of it does, as it is written, a bit each: a slip
            leaves one of the two as it was. 0 where nothing is sure: of another script, or with an initial.
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
    ends: int
    own: tuple[str, ...] = field(init=False)
    kinds: frozenset[str] = field(init=False)
    number: int = field(init=False)
    spelling: int = field(init=False)
    rank: tuple[int, tuple[str, ...], str, bool, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        spelled = (self.key, self.is_foreign, self.joined, self.is_mixed, self.remark)
        rank = -len(self.forms), tuple(sorted(self.forms)), self.joined, self.is_mixed, tuple(sorted(self.remark))
        own = self.core
        if not _PARTICLES.isdisjoint(own):
            own = tuple(word for word in own if word not in _PARTICLES) or own
        number_this = object.__setattr__  # frozen for all others
        number_this(self, "own", own)
        number_this(self, "kinds", _kinds_of(self.forms) if self.forms else _NOTHING)
        number_this(self, "number", _numbers.setdefault(spelled[:2], next(_next_number)))
        number_this(self, "spelling", _spellings.setdefault(spelled, next(_next_number)))
        number_this(self, "rank", rank)

    @property
    def is_company(self) -> bool:
        """Whether a legal form or a trade says that it is no person's."""
        return bool(self.forms or self.trades)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and self.number == other.number

    def __hash__(self) -> int:
        return self.number

    def __reduce__(self) -> tuple[Any, ...]:
        return Name, _said(self)  # its numbers are other ones in another process


def kinds_contradict(here: frozenset[str], there: frozenset[str]) -> bool:
    """Whether some kinds of legal forms and others are those of two companies: sisters, or one changed into the other."""
    return bool(here and there) and here.isdisjoint(there)


@lru_cache(maxsize=4096)
def _kinds_of(forms: frozenset[str]) -> frozenset[str]:
    known = name_lists.form_kinds()
    return frozenset(known[form] for form in forms if form in known)


_said = attrgetter(*(one.name for one in fields(Name) if one.init))


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
    if not words or "".join(words) in name_lists.placeholders():
        return None
    forms, rest = name_lists.without_forms(words)
    kept = [word for word in rest if word not in name_lists.noise()] or rest or sorted(forms)
    trades: set[str] = set()
    core: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if word not in kept:
            continue
        trade = name_lists.trade_of(word) if before not in _BEFORE_NAMES else name_lists.trades_by_word().get(word)
        if trade is None:
            core.append(word)
        else:
            trades.add(trade)
    if not core:
        core, trades = kept, set()
    if "." in text and not forms and not trades:
        core = _with_initials_apart(core, text)
    core = sorted({_one_spelling(word) for word in core})
    is_foreign = not is_latin(text)
    key = " ".join([*core, *sorted(f"~{trade}" for trade in trades)])
    joined = "".join(rest or kept).replace(OTHER_SCRIPT, "")
    return Name(
        key=key,
        core=tuple(core),
        trades=frozenset(trades),
        forms=frozenset(forms),
        joined=joined,
        is_foreign=is_foreign,
        is_mixed=is_foreign and not set(core).isdisjoint(_LATIN_WORD.findall(text.casefold())),
        remark=frozenset(core).intersection(remarks) if remarks and (forms or trades) else _NOTHING,
        ends=0 if is_foreign else ends_of(core, joined),
    )


def _with_initials_apart(core: list[str], text: str) -> list[str]:
    """The words of a person's name; his initials (`S.W.H. Aertsz`) are a word each."""
    initials = {"".join(filter(str.isalpha, found)).lower() for found in _INITIALS.findall(text)}
    if not initials or all(word in initials or len(word) < 3 for word in core):
        return core
    return [part for word in core for part in (word if word in initials else (word,))]


def _one_spelling(word: str) -> str:
    word = word.lstrip(OTHER_SCRIPT)
    return _GENERATIONS.get(word) or name_lists.city(word)


def name_key(text: str | None) -> str | None:
    """What two spellings of one name have in common; None for a blank."""
    name = parse_name(text)
    return name.key if name is not None else None


def may_agree(one: int, other: int) -> bool:
    """Whether names with these ends may agree in part at least: quick, and hardly ever wrong when it says no.

    Two slips in one word, one at each of its ends, are what it does not see.
    """
    return not (one and other) or one & other != 0


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
    if not _are_two_given_names(left, right, one, other) and have_slipped(one.joined, other.joined):
        left, right = [], []
    if len(left) == len(one.own):
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


def _are_two_given_names(left: list[str], right: list[str], one: Name, other: Name) -> bool:
    """Whether persons' names differ by initials, or by one word that is no slip of the other's: Tim and Tom, Jan and An."""
    if not (left and right) or one.is_company or other.is_company:
        return False
    if all(len(word) == 1 for word in (*left, *right)):
        return True
    if len(left) != 1 or len(right) != 1 or sorted(left[0]) == sorted(right[0]):
        return False
    return len(left[0]) == len(right[0]) or left[0][0] != right[0][0]  # a letter that was left out is a slip: Tm


def _is_pair(one: Name, other: Name) -> bool:
    """Whether two persons' names differ by an ending that tells a man from a woman: Louis and Louise, Mario and Maria."""
    if one.trades or other.trades or len(one.core) != len(other.core):
        return False
    left = [word for word in one.core if word not in other.core]
    right = [word for word in other.core if word not in one.core]
    if len(left) != 1 or len(right) != 1:
        return False
    shorter, longer = sorted((left[0], right[0]), key=len)
    if shorter[:-1] == longer[:-1] and {shorter[-1], longer[-1]} == {"a", "o"}:
        return True
    return len(shorter) >= 3 and longer.startswith(shorter) and longer[len(shorter) :] in _FEMININE


@lru_cache(maxsize=131072)
def numbers_of(name: Name) -> frozenset[str]:
    """The numbers in a name, Roman ones and generations (jr, sr), too: they tell customers apart, and are never a typo."""
    marks = {word for word in name.core if word in _ROMAN or word in _GENERATIONS}
    return frozenset(digits.lstrip("0") or "0" for digits in _DIGITS.findall(" ".join(name.core))) | marks


def _unmatched(one: Name, other: Name) -> tuple[list[str], list[str]]:
    """Core words of either side that have no counterpart on the other."""
    foreign = one.is_foreign != other.is_foreign
    left = [word for word in one.own if word not in other.core]
    right = [word for word in other.own if word not in one.core]
    for word in tuple(left):
        for counterpart in right:
            if are_alike(word, counterpart, foreign=foreign):
                left.remove(word)
                right.remove(counterpart)
                break
    if left and right:
        _match_acronyms(left, right, other)
        _match_acronyms(right, left, one)
    return left, right


def _match_acronyms(words: list[str], others: list[str], name: Name) -> None:
    """Take out a short word whose letters are each a word of the other name: KVC, and K.V.C."""
    letters = {word for word in name.core if len(word) == 1}
    for word in tuple(words) if len(letters) > 1 else ():
        if 2 <= len(word) <= _LONGEST_ACRONYM and letters.issuperset(word):
            words.remove(word)
            others[:] = [other for other in others if other not in word]


def _with_misspelt_trades(words: list[str], trades: frozenset[str], other: Name) -> tuple[list[str], frozenset[str]]:
    """Words without those that are a misspelt trade of the other name, and the trades with it."""
    read = {word: trade for word in words if (trade := _misspelt_trade(word, other)) is not None}
    return ([word for word in words if word not in read], trades.union(read.values())) if read else (words, trades)


def _misspelt_trade(word: str, name: Name) -> str | None:
    if len(word) < 3:
        return None
    for trade in name.trades:
        for known in name_lists.words_by_trade()[trade]:
            if abs(len(word) - len(known)) <= 1 and OSA.distance(word, known, score_cutoff=1) <= 1:
                return trade
            if len(known) - len(word) > 1 and is_short_for(word, known):
                return trade
    return None


def _words(text: str) -> tuple[list[str], Sequence[str]]:
    """Folded words, without what names somebody else (`c/o`, `t.a.v.`); those in brackets also by themselves, but cities."""
    if (care_of := name_lists.care_of().search(text)) is not None:
        text = text[: care_of.start()]
    if "(" not in text:
        return marked_words(text), ()
    words = marked_words(_PARENTHESES.sub(r" \1 ", text))
    behind = _REMARK.search(text)
    remarks = [word.lstrip(OTHER_SCRIPT) for word in marked_words(behind.group(1))] if behind is not None else []
    return words, [
        word for word in remarks if word.isalpha() and word not in _NO_REMARKS and word not in name_lists.cities()
    ]


def forget() -> None:
    """Forget what was remembered of names and words; names from before are not to be compared with names from after."""
    parse_name.cache_clear()
    numbers_of.cache_clear()
    likeness.forget()
    name_lists.trade_of.cache_clear()
    _agreements.clear()
    # a thread that compares two names alone may hold one from before: numbers change seldom, not after each account
    if len(_numbers) > _MOST_NUMBERED:
        _numbers.clear()
        _spellings.clear()
