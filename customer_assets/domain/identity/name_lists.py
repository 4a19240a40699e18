"""What words of names mean: legal forms, trades, cities, placeholders; the lists are data files (`domain/data`)."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from rapidfuzz.distance import OSA

from customer_assets.domain.identity.scripts import OTHER_SCRIPT, SCANNED, fold, marked_words
from customer_assets.domain.wordlists import entries

_SHORTEST_ABBREVIATION = 4  # of a trade
_LETTERS = re.compile(r"[a-z]+")


def without_forms(words: list[str]) -> tuple[set[str], list[str]]:
    """(legal forms, the other words); forms of several words are found as such."""
    known = _forms()
    forms: set[str] = set()
    rest: list[str] = []
    number = 0
    while number < len(words):
        word = words[number]
        if word not in known and not word.isalpha() and word[-1].isalpha() and word.translate(SCANNED) in known:
            word = word.translate(SCANNED)  # 8v
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
def trade_of(word: str) -> str | None:
    """The entry of the list of activities that a word belongs to; abbreviations and typos of long words, too."""
    known = trades_by_word()
    if word in known:
        return known[word]
    if word[0] == OTHER_SCRIPT:
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
    for word, trade in trades_by_word().items():
        for length in range(_SHORTEST_ABBREVIATION, len(word)) if word[0] != OTHER_SCRIPT else ():
            known.setdefault(word[:length], set()).add(trade)
    return known


def city(word: str) -> str:
    """A folded word, or, for that of a city, the first of its spellings in the list of places."""
    return cities().get(word, word)


def may_be_one_given_name(one: str, other: str) -> bool:
    """Whether two words are forms of one given name, and not two short ones of it: Bob and Robert."""
    known = _given_names()
    here, there = known.get(one), known.get(other)
    if here is None or there is None:
        return False
    return not (here[0].isdisjoint(there[1]) and here[1].isdisjoint(there[0]))


@cache
def _given_names() -> dict[str, tuple[frozenset[int], frozenset[int]]]:
    """A form of a given name -> the lines where it is a full one, and all its lines."""
    full: dict[str, set[int]] = {}
    short: dict[str, set[int]] = {}
    for number, line in enumerate(entries("given_names")):
        for part, known in zip(line.split(" : "), (full, short), strict=False):
            for form in part.split():
                known.setdefault("".join(marked_words(form)).replace(OTHER_SCRIPT, ""), set()).add(number)
    return {
        form: (frozenset(full.get(form, ())), frozenset(full.get(form, set()) | short.get(form, set())))
        for form in full.keys() | short.keys()
    }


@cache
def cities() -> dict[str, str]:
    """A folded word of a city's name -> the first of its spellings."""
    known: dict[str, str] = {}
    for line in entries("places"):
        words = ["".join(_LETTERS.findall(fold(word))) for word in line.split()]
        known |= dict.fromkeys(words, words[0])
    return known


@cache
def _long_trades() -> dict[str, list[str]]:
    """Words for trades that are long enough for a slip, by themselves and by what is left of them without a letter."""
    found: dict[str, list[str]] = {}
    for word in trades_by_word():
        if len(word) >= 7 and word[0] != OTHER_SCRIPT:
            for cut in dict.fromkeys(_cut_by_a_letter(word)):
                found.setdefault(cut, []).append(word)
    return found


@cache
def _forms() -> dict[str, list[list[str]]]:
    """Legal forms by their first word, the longest first."""
    known: dict[str, list[list[str]]] = {}
    for entry in entries("legal_forms"):
        words = marked_words(entry)
        known.setdefault(words[0], []).append(words)
    for forms in known.values():
        forms.sort(key=len, reverse=True)
    return known


@cache
def form_kinds() -> dict[str, str]:
    """A legal form -> the kind that it is of, by the first of its forms; others are of none."""
    return {form: line.split()[0] for line in entries("legal_form_kinds") for form in line.split()}


@cache
def care_of() -> re.Pattern[str]:
    """What stands before somebody else's name; never at the beginning, never inside a word."""
    marks = "|".join(re.escape(mark) for mark in sorted(entries("care_of"), key=len, reverse=True))
    return re.compile(rf"(?<!^)(?<![^\W_])(?:{marks})(?![^\W_])", re.IGNORECASE)


@cache
def noise() -> frozenset[str]:
    """Words around a name that are no part of it."""
    return frozenset("".join(marked_words(entry)) for entry in entries("name_noise"))


@cache
def placeholders() -> frozenset[str]:
    """What is typed where there is no name."""
    return frozenset("".join(marked_words(entry)) for entry in entries("placeholders"))


@cache
def trades_by_word() -> dict[str, str]:
    """A word for a trade, in any language -> the trade."""
    known: dict[str, str] = {}
    for line in entries("activities"):
        words = line.split()
        for word in words:
            known["".join(marked_words(word))] = words[0]
    known.pop("", None)
    return known


@cache
def words_by_trade() -> dict[str, list[str]]:
    """A trade -> the words for it, in all languages."""
    words: dict[str, list[str]] = {}
    for word, trade in trades_by_word().items():
        words.setdefault(trade, []).append(word.lstrip(OTHER_SCRIPT))
    return words
