"""Phone numbers: E.164 where the country is evidenced and the number valid there; which of a customer's is the primary one.

A number without country prefix belongs to a country that something says: the customer's country, the prefix of its VAT
id, its other numbers, its mailbox, the account's own setting, in this order. Where nothing does it stays as received:
a guessed country makes somebody else's number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

from customer_assets.domain.country import country_of_mail
from customer_assets.domain.wordlists import entries

RegionFrom = Literal["number", "country", "vat", "sibling", "mail", "account"]

_BETWEEN = re.compile(r"[;,|\n]|\b(?:ou|or|of|en|et|und|and|oder)\b", re.IGNORECASE)
_PERHAPS_BETWEEN = tuple(map(re.compile, (r"\s+-\s+", r"\s/\s", "/")))  # they stand inside of numbers, too
_SHORTENED = re.compile(r"\s*\d+[.,]?\d*[eE]\+?\d+\s*")  # by a spreadsheet
_EXTENSION = re.compile(
    r"[\s,;]*(?:\b(?:toestel|tst|ext|extension|extn|poste|int|intern|durchwahl|dw)\b\.?|(?<=\d)\s*x(?=\s*\d)|#)\s*:?\s*(\d{1,6})\b.*",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\([^()]*[^\d\s+()-][^()]*\)")  # (Jan), but not (0) nor (+32)
_FAX = re.compile(r"\s*(?:tele)?fax\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<!\w)(?:\+|\(\+?)?\d[\d\s./()\u2010-\u2015-]*")
_FEWEST_DIGITS = 7  # of a number that is whole
_COUNTING = ("01234567890123456789", "98765432109876543210")
_NO_DIGIT = re.compile(r"\D+")
_ONE_DIGIT = re.compile(r"0*(\d)\1*")
# what the digits of a placeholder may end in: two that are the same or count, or one behind zeros
_PLACEHOLDER_ENDS = frozenset(f"{a}{b}" for a in range(10) for b in range(10) if a == 0 or (b - a) % 10 in (0, 1, 9))

# Calling codes of countries where one written plainly needs no parser; each has the trunk prefix 0. A test compares.
_PLAIN = {"BE": "32", "NL": "31", "FR": "33", "DE": "49", "GB": "44", "IL": "972", "IN": "91", "AE": "971"}
_BY_CODE = {code: region for region, code in _PLAIN.items()}
_WHOLE = re.compile(r"\+?[0-9][0-9 .]*")
_PLAIN_TEXT = re.compile(r"\s*\+?[0-9][0-9 .()/-]*")
_KINDS_OF_NUMBER = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)


@dataclass(frozen=True)
class Regions:
    """What tells the country of an account's phone numbers besides the customer.

    Attributes:
        account: alpha-2 code that the account's setting gives; None: it gives none.
        unproven: countries that somebody filled in by default (SUMIT's `IL`): they say nothing.
    """

    account: str | None = None
    unproven: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Phones:
    """A customer's numbers.

    Attributes:
        primary: to reach it at: E.164, or as received.
        phone, mobile: its own two in E.164; None where that is not sure.
        region_from: what told the country of the primary one, or of the first of the others.
    """

    primary: str | None
    phone: str | None
    mobile: str | None
    region_from: RegionFrom | None


def phones_of(values: Mapping[str, Any], regions: Regions, country: str | None, vat: str | None) -> Phones:
    """A customer's numbers.

    Order of the primary one (docs/systems/zoho.md#primary-phone): primary person's mobile, then phone; the other persons
    in listed order, each mobile, then phone; then the customer's own mobile, then phone. Systems without persons start
    at the last step.

    Args:
        values: a row's columns.
        regions: what the account tells.
        country: alpha-2 code of its country, None where it has none.
        vat: its VAT id with the country before it, None where that is not known.
    """
    phone, mobile = _text(values.get("phone")), _text(values.get("mobile"))
    persons = values.get("contact_persons")
    candidates = list(_numbers_of(values)) if persons else [text for text in (_usable(mobile), _usable(phone)) if text]
    if not candidates:
        return Phones(None, None, None, None)
    evidence: tuple[str | None, RegionFrom | None] | None = None
    read: dict[str, tuple[str | None, RegionFrom | None]] = {}
    for text in (*candidates, phone, mobile):
        if text is None or text in read:
            continue
        number, has_prefix = _read(text, None) if "+" in text or "00" in text else (None, False)
        if number is None:
            evidence = evidence or _region_of(values, regions, country, vat)
            if evidence[0] is not None:
                number, has_prefix = _read(text, evidence[0])
        read[text] = (number, None if number is None else "number" if has_prefix else evidence[1] if evidence else None)
    # one that can be dialled comes before one that cannot, whatever the order
    first = next((text for text in candidates if read[text][0] is not None), candidates[0])
    primary, told_by = read[first]
    own = [read[text] if text is not None else (None, None) for text in (phone, mobile)]
    told_by = told_by or own[0][1] or own[1][1]
    return Phones(primary or first, own[0][0], own[1][0], told_by)


def _region_of(
    values: Mapping[str, Any], regions: Regions, country: str | None, vat: str | None
) -> tuple[str | None, RegionFrom | None]:
    """The country that numbers without prefix belong to, and what says so; (None, None) where nothing does."""
    if country is not None and country not in regions.unproven:
        return country, "country"
    if vat is not None:
        return vat[:2], "vat"
    for text in _numbers_of(values):
        number, has_prefix = _read(text, None)
        if number is not None and has_prefix and (region := _region_of_number(number)) is not None:
            return region, "sibling"
    for mail in (values.get("general_email"), values.get("billing_email")):
        if mail and (region := country_of_mail(mail)) is not None:
            return region, "mail"
    return (regions.account, "account") if regions.account else (None, None)


@lru_cache(maxsize=4096)
def _region_of_number(number: str) -> str | None:
    for length in (3, 4):
        if (region := _BY_CODE.get(number[1:length])) is not None:
            return region
    import phonenumbers

    region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    return region if region and region.isalpha() else None


def valid_e164(number: str, region: str | None) -> str | None:
    """The first number of a text that is valid where it belongs, as E.164; None when there is none.

    Args:
        number: as a person wrote it; may hold several numbers.
        region: alpha-2 code that numbers without country prefix belong to; None: there are none.
    """
    return _read(number, region)[0]


@lru_cache(maxsize=65536)
def possible_e164(number: str, region: str) -> str | None:
    """The same of a number that has a length which is possible there: for comparing, never for dialling."""
    if number[0] == "+" and (plain := _NO_DIGIT.sub("", number)) and _WHOLE.fullmatch(number):
        for length in (2, 3):
            known = _BY_CODE.get(plain[:length])
            if known is None:
                continue
            national = plain[length:]
            if "(0)" in number and _drops_zero(known):
                national = national.removeprefix("0")  # +33 (0)6...
            if national[:1] != "0" and len(national) in _possible_lengths(known):
                return f"+{plain[:length]}{national}"
    from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_possible_number, parse

    for candidate in numbers_in(number):
        try:
            parsed = parse(candidate, region)
        except NumberParseException:
            continue
        if is_possible_number(parsed):
            return format_number(parsed, PhoneNumberFormat.E164)
    return None


@cache
def _drops_zero(region: str) -> bool:
    """Whether a zero before its numbers is dialled at home alone."""
    from phonenumbers import PhoneMetadata

    data = PhoneMetadata.metadata_for_region(region)
    return data is not None and data.national_prefix_for_parsing == "0"


@cache
def _possible_lengths(region: str) -> frozenset[int]:
    from phonenumbers import PhoneMetadata

    data = PhoneMetadata.metadata_for_region(region)
    return frozenset(data.general_desc.possible_length) if data and data.general_desc else frozenset()


def _read(text: str, region: str | None) -> tuple[str | None, bool]:
    """The first valid number of a text as E.164, and whether its country is written with it."""
    plain = _plainly_written(text, region)
    if plain is not None:
        return plain
    from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_valid_number, parse

    for candidate in numbers_in(text):
        has_prefix = "+" in candidate or _NO_DIGIT.sub("", candidate).startswith("00")
        if not has_prefix and region is None:
            continue
        written = candidate if not has_prefix or "+" in candidate else f"+{candidate.lstrip('(0').lstrip()}"
        try:
            parsed = parse(written, region)
        except NumberParseException:
            continue
        if is_valid_number(parsed):
            return format_number(parsed, PhoneNumberFormat.E164), has_prefix
    return None, False


def _plainly_written(text: str, region: str | None) -> tuple[str | None, bool] | None:
    """`_read` of a number of nothing but digits and separators in a country that we know; else None."""
    if not _PLAIN_TEXT.fullmatch(text):
        return None
    digits = _NO_DIGIT.sub("", text)
    if "+" in text or digits[:2] == "00":
        digits = digits if "+" in text else digits[2:]
        for length in (2, 3):
            if (known := _BY_CODE.get(digits[:length])) is not None:
                return _of_region(text, known, digits[:length], digits[length:], has_prefix=True)
        return None
    if digits[0] != "0" or region not in _PLAIN:
        return None if region is not None else (None, False)
    return _of_region(text, region, _PLAIN[region], digits, has_prefix=False)


def _of_region(text: str, region: str, code: str, national: str, *, has_prefix: bool) -> tuple[str | None, bool] | None:
    national = national.removeprefix("0")
    if _valid_numbers(region).fullmatch(national) and not is_placeholder(national):
        return f"+{code}{national}", has_prefix
    # a slash may stand between two numbers
    return None if "/" in text or " - " in text else (None, False)


@cache
def _valid_numbers(region: str) -> re.Pattern[str]:
    """What valid national numbers of a country look like, of any kind."""
    from phonenumbers import PhoneMetadata

    data = PhoneMetadata.metadata_for_region(region)
    kinds = [getattr(data, kind) for kind in _KINDS_OF_NUMBER]
    return re.compile("|".join(f"(?:{k.national_number_pattern})" for k in kinds if k and k.national_number_pattern))


def numbers_in(text: str) -> list[str]:
    """The numbers in what somebody wrote, each as it stands there: `0478 12 34 56 (Jan) / 03 555 01 02` has two.

    Words and remarks are cut off, never read as digits; an extension is none of it; digits that are the same
    all along, or count, are no number.
    """
    if _WHOLE.fullmatch(text):  # the commonest: nothing but one number
        number = text.strip(" .")
        return [number] if _is_number(number) else []
    if _SHORTENED.fullmatch(text):
        return []
    text = _REMARK.sub(" ", _EXTENSION.sub("", text))
    found = (_NUMBER.search(part) for part in _parts(text) if not _FAX.match(part))
    numbers = [number.group().strip(" ./-") for number in found if number]
    return [number for number in numbers if _is_number(number)]


def _is_number(text: str) -> bool:
    digits = _NO_DIGIT.sub("", text)
    return len(digits) >= _FEWEST_DIGITS and not _are_placeholder(digits)


def _parts(text: str) -> list[str]:
    """What may be a number each: `0478550102/0479550103` is two, `03/555 01 02` is one."""
    parts = _BETWEEN.split(text)
    for separator in _PERHAPS_BETWEEN:
        parts = [piece for part in parts for piece in _split_if_whole(part, separator)]
    return parts


def _split_if_whole(part: str, separator: re.Pattern[str]) -> list[str]:
    pieces = [piece for piece in separator.split(part) if _digits(piece)]
    return pieces if all(_digits(piece) >= _FEWEST_DIGITS for piece in pieces) else [part]


def is_placeholder(number: str) -> bool:
    """Whether its digits are one digit all along, or count up or down: typed where a number was asked for."""
    return _are_placeholder(_NO_DIGIT.sub("", number))


def _are_placeholder(digits: str) -> bool:
    if not digits or (len(digits) > 1 and digits[-2:] not in _PLACEHOLDER_ENDS):
        return False
    if _ONE_DIGIT.fullmatch(digits):
        return True
    digits = digits.lstrip("0")
    return len(digits) >= _FEWEST_DIGITS and any(digits in row for row in _COUNTING)


def _digits(text: str) -> int:
    return len(_NO_DIGIT.sub("", text))


def primary_email(values: Mapping[str, Any]) -> str | None:
    """The e-mail address by the order of the primary phone, as received."""
    persons = _persons(values)
    return next((mail for p in persons if (mail := _text(p.get("email")))), _text(values.get("general_email")))


def _numbers_of(values: Mapping[str, Any]) -> Iterator[str]:
    """All numbers of a customer as received, in the order in which they count."""
    for holder in (*_persons(values), values):
        for key in ("mobile", "phone"):
            if (found := _usable(_text(holder.get(key)))) is not None:
                yield found


def _usable(text: str | None) -> str | None:
    """A text that says how to reach somebody: no placeholder, no word for "none"."""
    return None if text is None or is_placeholder(text) or text.casefold() in _no_numbers() else text


@cache
def _no_numbers() -> frozenset[str]:
    return frozenset((*entries("blanks"), *entries("placeholders")))


def _persons(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Contact persons, the primary one first when one is flagged."""
    persons: list[Mapping[str, Any]] = values.get("contact_persons") or []
    return sorted(persons, key=lambda person: not is_flagged(person))


def is_flagged(person: Mapping[str, Any]) -> bool:
    """Whether a person is marked as the primary one; as text, too."""
    return str(person.get("is_primary_contact")).casefold() == "true"


def _text(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return (value.strip() or None) if isinstance(value, str) else None
