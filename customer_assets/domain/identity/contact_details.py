"""Phones, e-mail addresses, VAT ids and postal addresses for comparison. Placeholders are no evidence.

The lists of words are data files (`domain/data`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from customer_assets.domain.country import country_code
from customer_assets.domain.identity.name_lists import city as city_name
from customer_assets.domain.identity.scripts import as_scanned, fold, is_latin, unmangled
from customer_assets.domain.mail import addresses_in
from customer_assets.domain.phone import numbers_in, possible_e164
from customer_assets.domain.vat import PREFIXES, is_luhn, valid_vat
from customer_assets.domain.wordlists import entries

PHONE_TAIL = 8  # digits of the end that spellings with and without a country have in common
_VAT_LABEL = re.compile(r"^(BTW|TVA|VAT|TRN|GSTIN|GST|MWST|UST|KVK|ID|NR|NO)+(?=[A-Z]{0,2}[0-9])")
_NOISE = re.compile(r"[^0-9A-Z]")
_NUMBERS = re.compile(r"\d+")
_NO_DIGIT = re.compile(r"[^0-9]+")
_POSTCODE = re.compile(r"\b(\d{4}\s?[A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}|\d{2}-\d{3}|\d{4,7})\b")
_POST_OFFICE_BOX = re.compile(r"\bp\.?\s?o\.?\s?box\s*(\d+)")
_BOX = re.compile(
    r"\bp\.?\s?o\.?\s?box\s*\d+"
    r"|\b(?:bus|box|bte|bo[iî]te|app?t?|apartment|unit|suite|flat|office|shop|floor|room|b[aâ]t|whg|wohnung|lokal|lok|interno)"
    r"\b\.?\s*(?:nr\.?\s*)?\d\w*"
    r"|(?<=\d)\s*/\s*\w+",
    re.IGNORECASE,
)
_UNIT = re.compile(r"\b(?:unit|suite|flat|office|shop|room|apartment)\b\.?\s*(?:no\.?\s*)?(\d+)", re.IGNORECASE)
_LETTER_OR_DIGIT = re.compile(r"\w")
_WORD = re.compile(r"[a-z0-9]+")
_MIXED = re.compile(r"[a-z][0-9]")
_NUMBER = re.compile(r"\b(\d+)\s?([a-z])?\b")
_CITIES = frozenset({"dubai", "luxembourg", "luxemburg", "singapore", "monaco"})  # that are also taken for a country
_LETTERS = re.compile(r"[a-z]+")
_HOUSE_NUMBER = re.compile(r"\s*\d{1,3}\s?[a-zA-Z]?(?:\s?(?:bis|ter))?\s*")
# Letters that a scanner reads for digits: among digits, and at the end of a postcode. A house may have the letter l.
_AMONG_DIGITS = re.compile(r"(?<=\d)[OoIl](?=[OoIl]{0,3}\d)|(?<=\d\d\d)O(?=\s[A-Z])")
_DIGIT_OF = str.maketrans("OoIl", "0011")
MOST_CHARACTERS = 400  # of a phone or an id; what is longer is none; of an address, what is behind them is none
_SHORTEST_FILLER = 4  # characters of an id that is one of them all along: 9999
_NO_IDS = frozenset({"X", "XX", "XXX", "NA", "NONE", "NULL", "GEEN", "ONBEKEND"})
_MOST_SLIPS_IN_A_TOWN = 2  # letters


class Address(NamedTuple):
    """A postal address taken apart; blanks where it says nothing."""

    street: str
    number: str
    postcode: str
    city: str
    is_foreign: bool

    @property
    def key(self) -> tuple[str, str, str] | None:
        """What equal addresses share, for looking them up: the beginning of the street, number and place."""
        place = self.postcode or self.city
        if not (self.street and self.number and place):
            return None
        return "" if self.is_foreign else self.street[:4], self.number, place


def _with_digits(text: str) -> str:
    """A text as it was before a scanner read it: `10I7 YB` is 1017 YB."""
    return _AMONG_DIGITS.sub(lambda found: found.group().translate(_DIGIT_OF), text)


@lru_cache(maxsize=262144)
def phone_keys(text: str | None) -> tuple[str, ...]:
    """The numbers in a text: E.164 where the country is written with it, else the digits that are sure.

    No country is guessed from an address: a mobile of one country is often written without it by a customer of another.
    """
    if not text or len(text) > MOST_CHARACTERS:
        return ()
    found: list[str] = []
    for part in numbers_in(_with_digits(text)):
        digits = _NO_DIGIT.sub("", part) if part.isascii() else "".join(str(int(c)) for c in part if c.isdecimal())
        if len(digits) < 7 or len(set(digits[-7:])) <= 1 or digits[-7:] in ("1234567", "2345678", "3456789"):
            continue
        written = part[part.find("+") :] if "+" in part else f"+{digits[2:]}" if digits[:2] == "00" else None
        if written is not None:
            found.append(possible_e164(written, "ZZ") or f"+{digits.lstrip('0')}")
        else:
            found.append(digits.lstrip("0")[-PHONE_TAIL:])
    return tuple(dict.fromkeys(found))


def phone_tail(phone: str) -> str:
    """The end of a number, the same with its country and without."""
    return phone[-PHONE_TAIL:].lstrip("+0")


def same_phone(one: str, other: str) -> bool:
    """Whether two are one number: equal, or alike at the end where one says no country."""
    if one[0] == "+" == other[0]:
        return one == other
    return phone_tail(one) == phone_tail(other)


@lru_cache(maxsize=262144)
def mail_keys(text: str | None) -> tuple[str, ...]:
    """The addresses in a text, lower case."""
    if not text:
        return ()
    found: list[str] = []
    for mail in addresses_in(text):
        local, _, domain = mail.partition("@")
        found.append(f"{local.partition('+')[0] or local}@{_spelled(domain)}")
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=65536)
def _spelled(domain: str) -> str:
    """A well-known service for a domain that is one slip away from it (`gmial.com`)."""
    if domain in _free_mail() or len(domain) < 8:
        return domain
    near = [
        known
        for known in ("gmail.com", "hotmail.com", "outlook.com", "yahoo.com", "telenet.be", "icloud.com")
        if OSA.distance(domain, known) == 1
    ]
    return near[0] if len(near) == 1 else domain


def mail_domains(mails: Iterable[str]) -> set[str]:
    """The domains of some addresses, without those where everybody can have one."""
    everybodys = _everybodys()
    return {domain for mail in mails if (domain := mail.rpartition("@")[2]) not in everybodys}


def is_relay(mail: str) -> bool:
    """Whether a marketplace made it, for one order or one buyer: it says nothing against another mailbox."""
    return mail.rpartition("@")[2] in _relays()


def is_role(mail: str) -> bool:
    """Whether it is a mailbox of an office rather than of a person."""
    return mail.partition("@")[0] in _roles()


@lru_cache(maxsize=131072)
def vat_key(text: str | None, country: str | None) -> tuple[str | None, str | None]:
    """(id whose check digits hold as `country:id`, what was written where they do not), both compact.

    The country is blank where neither the id nor its owner's country tells it.

    A wrong one is evidence of a typo, not an identifier. Without a country every one of ours is tried.
    """
    if not text or len(text) > MOST_CHARACTERS:
        return None, None
    found = _vat_key(text, country)
    if found[0] is None and (read := _with_digits(text)) != text:
        # ids of some countries have such letters: as it is written comes first
        again = _vat_key(read, country)
        return again if again[0] is not None else found
    return found


def _vat_key(text: str, country: str | None) -> tuple[str | None, str | None]:
    compact = _VAT_LABEL.sub("", _NOISE.sub("", text.upper()))
    digits = _NO_DIGIT.sub("", compact)
    if len(digits) < 7 or len(set(digits)) <= 1:
        return None, None
    if len(digits) == 15 and digits.startswith("1") and compact.removeprefix("AE") == digits:
        # AE: no check digit is published
        return f"{'AE' if country == 'AE' or compact.startswith('AE') else ''}:{digits}", None
    own = PREFIXES.get(compact[:2], compact[:2]) if compact[:2].isalpha() else None
    if own is not None:
        candidates = [own, country]
    else:
        # a typo of one country's id is a right one of another's: its owner's country alone, where that is known
        candidates = [country] if country in _VAT_COUNTRIES else [country, *_VAT_COUNTRIES]
    for candidate in dict.fromkeys(candidates):
        if candidate and (found := valid_vat(compact, candidate)):
            return f"{candidate if candidate in (own, country) else ''}:{_register_number(candidate, found[2:])}", None
    if country == "FR" and len(compact) == 9 and compact.isdigit() and is_luhn(compact):
        return f"FR:{compact}", None  # the number of the company, without the key before it
    return None, compact[2:] if own else compact


@lru_cache(maxsize=65536)
def birth_date(text: str | None) -> str | None:
    """A date of birth as its year and then month and day, the smaller first: nobody knows which of the two came first."""
    if not text:
        return None
    found = [part.zfill(2) for part in _NUMBERS.findall(text.partition("T")[0].partition(" 00:")[0])]
    if len(found) == 1 and len(found[0]) == 8:
        whole = found[0]
        found = (
            [whole[:4], whole[4:6], whole[6:]]
            if whole[:2] in ("18", "19", "20")
            else [whole[:2], whole[2:4], whole[4:]]
        )
    year = next((part for part in found if len(part) == 4), None)
    rest = sorted(part for part in found if len(part) == 2)
    if len(found) != 3 or year is None or len(rest) != 2 or not all(1 <= int(part) <= 31 for part in rest):
        return None
    return f"{year}{rest[0]}{rest[1]}"


def own_key(text: str | None) -> str | None:
    """An id of any kind in one spelling; None for a blank, a zero, or what is one character all along."""
    found = _NOISE.sub("", text.upper()) if text else ""
    is_filler = len(found) >= _SHORTEST_FILLER and len(set(found)) == 1
    return None if is_filler or not found.strip("0") or found in _NO_IDS else found


def _register_number(country: str, number: str) -> str:
    """A valid id as people write it without its country: a French one is the company's number behind a key."""
    return number[-9:] if country == "FR" else number.lstrip("0")


_VAT_COUNTRIES = ("BE", "NL", "IL", "FR", "DE", "LU", "IN", "GB")


@lru_cache(maxsize=262144)
def parse_address(text: str | None, postcode: str | None = None, city: str | None = None) -> Address | None:
    """Take an address apart: one free text, or a street with its postcode and city beside it."""
    city_part, code = city or "", (postcode or "").replace(" ", "").upper()
    parts: list[str] = []
    text = _with_digits(unmangled(text[:MOST_CHARACTERS])) if text else ""
    for part in _with_their_numbers(text.split(",")):
        clean = _BOX.sub(" ", part).strip()
        if not _LETTER_OR_DIGIT.search(clean) or (country_code(clean) and clean.casefold() not in _CITIES):
            continue  # "Suite 2" alone is no street
        found = _POSTCODE.findall(clean.upper())
        if found and not postcode and not code and len(found[-1]) > 3 and not _is_street(clean, found[-1], bool(parts)):
            code = found[-1].replace(" ", "")
            city_part = city_part or _without(clean, found[-1])
        else:
            parts.append(clean)
    if not city_part.strip() and len(parts) > 1:
        city_part = parts.pop()
    # a house has its number on the street; the name of its building has none
    street_part = next((part for part in parts if any(map(str.isdigit, part))), parts[0] if parts else "")
    if street_part and not (city_part or code) and not any(map(str.isdigit, street_part)):
        street_part, city_part = "", street_part  # a place alone
    street = _LETTERS.sub(_whole_word, _scanned_words(fold(street_part)))
    # in the Gulf a building has a name, and its offices have numbers
    number = _NUMBER.search(street) or _UNIT.search(text) or _POST_OFFICE_BOX.search(text.casefold())
    words = [word for word in _LETTERS.findall(street) if word not in _street_types()]
    joined = "".join(words)
    for ending in ("straat", "str", "steenweg", "laan"):
        if joined.endswith(ending) and len(joined) > len(ending) + 2:
            joined = joined.removesuffix(ending)
            break
    place = city_name("".join(_LETTERS.findall(fold(city_part))))
    if code.strip("0") == "":
        code = ""
    if not (joined or code or place):
        return None
    return Address(joined, number.group(1) if number else "", code, place, not is_latin(street_part or city_part))


def _with_their_numbers(parts: list[str]) -> list[str]:
    """The parts of an address between commas; a house number that stands alone is of the street beside it (`15, rue Neuve`)."""
    found: list[str] = []
    for part in parts:
        pair = (found[-1], part) if found else ()
        if any(map(_HOUSE_NUMBER.fullmatch, pair)) and not all(map(_has_digit, pair)):
            found[-1] += part
        else:
            found.append(part)
    return found


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _whole_word(found: re.Match[str]) -> str:
    return _street_words().get(found.group(), found.group())


def _scanned_words(street: str) -> str:
    """A folded street, with letters for digits within a word (`h0fstraat`)."""
    return _WORD.sub(lambda found: as_scanned(found.group()), street) if _MIXED.search(street) else street


def _without(text: str, found: str) -> str:
    """A text without a piece of it in any case; a pattern is made for the few where its case differs."""
    return text.replace(found, " ") if found in text else re.sub(re.escape(found), " ", text, flags=re.IGNORECASE)


def _is_street(part: str, number: str, has_street: bool) -> bool:
    """Whether a four-digit number is a house number: the part has words and no street was seen, and it ends with it."""
    return not has_street and part.rstrip().endswith(number) and len(number) == 4 and not part.startswith(number)


def same_street(one: Address, other: Address) -> bool:
    """Whether two addresses name the same house; places may be missing, not differ."""
    if not one.street or not other.street or not one.number or one.number != other.number:
        return False
    if one.postcode and other.postcode and one.postcode != other.postcode:
        return False
    if one.city and other.city and one.city != other.city and not (one.postcode and other.postcode):
        return False
    if one.is_foreign != other.is_foreign:
        return bool((one.postcode and other.postcode) or (one.city and one.city == other.city))
    return _is_one_street(one.street, other.street)


def is_near(one: Address, other: Address) -> bool:
    """Whether they are the same house but for a slip in the place: a digit of the postcode, letters of the town."""
    if not one.street or not other.street or not one.number or one.number != other.number:
        return False
    if one.is_foreign != other.is_foreign or not _is_one_street(one.street, other.street):
        return False
    if one.city and other.city:
        if one.city == other.city:
            return True
        if OSA.distance(one.city, other.city) > _MOST_SLIPS_IN_A_TOWN:
            return False  # two towns whose postcodes are a digit apart: each has its church street
    return bool(one.postcode and other.postcode) and OSA.distance(one.postcode, other.postcode) <= 1


def is_same_street_alone(one: Address, other: Address) -> bool:
    """Whether they are of one street of one place, where one of them says no number."""
    if (
        bool(one.number) == bool(other.number)
        or one.is_foreign != other.is_foreign
        or not (one.street and other.street)
    ):
        return False
    is_one_place = (
        one.postcode == other.postcode if one.postcode and other.postcode else bool(one.city) and one.city == other.city
    )
    return is_one_place and _is_one_street(one.street, other.street)


def _is_one_street(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return longer.startswith(shorter[: max(4, len(shorter))]) or OSA.distance(one, other) <= 2


@cache
def _everybodys() -> frozenset[str]:
    return _free_mail() | _relays()


@cache
def _relays() -> frozenset[str]:
    return frozenset(entries("relays"))


@cache
def _free_mail() -> frozenset[str]:
    return frozenset(entries("free_mail"))


@cache
def _roles() -> frozenset[str]:
    return frozenset(entries("office_mailboxes"))


@cache
def _street_types() -> frozenset[str]:
    return frozenset(entries("street_types"))


@cache
def _street_words() -> dict[str, str]:
    """Words of streets' names as they are abbreviated -> the first spelling of each in the list."""
    return {word: words[0] for line in entries("street_words") for words in [line.split()] for word in words}


def forget() -> None:
    """Forget what was remembered of values; lists of words stay."""
    for remembered in (phone_keys, mail_keys, _spelled, vat_key, birth_date, parse_address):
        remembered.cache_clear()
