"""Phone numbers: E.164 where they can be parsed, and which of a customer's numbers is the primary one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from customer_assets.domain.country import country_code, country_of_mail

_BETWEEN = re.compile(r"[;,|\n]|\b(?:ou|or|of|en|et|und|and|oder)\b", re.IGNORECASE)
_PERHAPS_BETWEEN = tuple(map(re.compile, (r"\s+-\s+", r"\s/\s", "/")))  # they stand inside of numbers, too
_SHORTENED = re.compile(r"\s*\d+[.,]?\d*[eE]\+?\d+\s*")  # by a spreadsheet
_EXTENSION = re.compile(
    r"[\s,;]*(?:\b(?:toestel|tst|ext|extension|extn|poste|int|intern|durchwahl|dw)\b\.?|(?<=\d)\s*x(?=\s*\d)|#)\s*:?\s*(\d{1,6})\b.*",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\([^()]*[^\d\s+()-][^()]*\)")  # (Jan), but not (0) nor (+32)
_NUMBER = re.compile(r"(?<!\w)(?:\+|\(\+?)?\d[\d\s./()\u2010-\u2015-]*")
_FEWEST_DIGITS = 7  # of a number that is whole
_COUNTING = ("01234567890123456789", "98765432109876543210")
_VAT_PREFIX = re.compile(r"\s*([A-Za-z]{2})")


def region_of(values: Mapping[str, Any], default: str) -> str:
    """Which country a number without prefix belongs to: the customer's, else its VAT prefix's, its mail's, `default`."""
    known = country_code(values.get("country"))
    if known is None and (prefix := _VAT_PREFIX.match(values.get("vat_number") or "")):
        known = country_code(prefix.group(1))
    if known is None:
        known = country_of_mail(values.get("general_email") or values.get("billing_email") or "")
    return known or default


# Calling code and lengths of subscriber numbers where one written plainly needs no parser; a test compares with it.
_PLAIN = {
    "BE": ("32", (8, 9)),
    "NL": ("31", (9,)),
    "FR": ("33", (9,)),
    "DE": ("49", (10,)),
    "GB": ("44", (10,)),
    "IL": ("972", (8, 9)),
    "IN": ("91", (10,)),
    "AE": ("971", (8, 9)),
}
_BY_CODE = dict(_PLAIN.values())
_PLAIN_TEXT = re.compile(r"\+?[0-9][0-9 .-]*")


def _plainly_written(number: str, region: str) -> str | None:
    """E.164 of a number of nothing but digits and separators in a country that we know; None: let the parser decide."""
    if not _PLAIN_TEXT.fullmatch(number):
        return None
    digits = number.replace(" ", "").replace(".", "").replace("-", "")
    if digits[0] == "+" or (digits.startswith("00") and region in _PLAIN):
        digits = digits.removeprefix("+") if digits[0] == "+" else digits[2:]
        for length in (2, 3):
            rest = digits[length:]
            if len(rest) in _BY_CODE.get(digits[:length], ()) and rest[0] != "0" and not is_placeholder(rest):
                return f"+{digits}"
        return None
    code, lengths = _PLAIN.get(region, ("", ()))
    rest = digits[1:]
    if digits[0] == "0" and len(rest) in lengths and rest[0] != "0" and not is_placeholder(rest):
        return f"+{code}{rest}"
    return None


def numbers_in(text: str) -> list[str]:
    """The numbers in what somebody wrote, each as it stands there: `0478 12 34 56 (Jan) / 03 555 01 02` has two.

    Words and remarks are cut off, never read as digits; an extension is none of it; digits that are the same
    all along, or count, are no number.
    """
    if _SHORTENED.fullmatch(text):
        return []
    text = _REMARK.sub(" ", _EXTENSION.sub("", text))
    found = (_NUMBER.search(part) for part in _parts(text))
    numbers = [number.group().strip(" ./-") for number in found if number]
    return [number for number in numbers if _digits(number) >= _FEWEST_DIGITS and not is_placeholder(number)]


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
    digits = "".join(c for c in number if c.isdigit())
    if not digits:
        return False
    digits = digits.lstrip("0")
    return len(set(digits)) <= 1 or (len(digits) >= _FEWEST_DIGITS and any(digits in row for row in _COUNTING))


def _digits(text: str) -> int:
    return sum(c.isdigit() for c in text)


@lru_cache(maxsize=65536)
def to_e164(number: str, region: str) -> str | None:
    """The first number of a text that is possible where it belongs, as E.164; None when there is none.

    Args:
        number: as a person wrote it; may hold several numbers.
        region: alpha-2 code that numbers without country prefix belong to.
    """
    if (plain := _plainly_written(number, region)) is not None:
        return plain
    from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_possible_number, parse

    for candidate in numbers_in(number):
        try:
            parsed = parse(candidate, region)
        except NumberParseException:
            continue
        if is_possible_number(parsed):
            return format_number(parsed, PhoneNumberFormat.E164)
    return None


def primary_phone(values: Mapping[str, Any], default_region: str) -> str | None:
    """The number to reach a customer at: E.164, or as received where it cannot be parsed.

    Order (docs/systems/zoho.md#primary-phone): primary person's mobile, then phone; the other persons in listed order,
    each mobile, then phone; then the customer's own mobile, then phone. Systems without persons start at the last step.
    """
    found = _first_of(values, ("mobile", "phone"))
    if found is None:
        return None
    return to_e164(found, region_of(values, default_region)) or found


def primary_email(values: Mapping[str, Any]) -> str | None:
    """The e-mail address by the same order, as received."""
    persons = _persons(values)
    return next((mail for p in persons if (mail := _text(p.get("email")))), _text(values.get("general_email")))


def _first_of(values: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    for holder in (*_persons(values), values):
        for key in keys:
            found = _text(holder.get(key))
            if found and not is_placeholder(found):
                return found
    return None


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
