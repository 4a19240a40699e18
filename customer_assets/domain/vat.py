"""VAT ids: one spelling each, and whether the check digits hold."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal

from customer_assets.domain.country import country_code

VatStatus = Literal["valid", "invalid", "unchecked"]

_NOISE = re.compile(r"[^0-9A-Za-z]")
PREFIXES = {"EL": "GR", "XI": "GB", "CHE": "CH"}  # what VAT ids begin with -> country
_PREFIXED = re.compile(r"[A-Z]{2}")
_PLAIN = re.compile(r"([A-Z]{2})?([0-9]{8,12})")
_BRANCH = re.compile(r"/\d{3}\s*$")  # of a company, behind its id
_BETWEEN = re.compile(r"\s*[/;,|]\s*(?=(?:[A-Za-z]{2,3}[ .]?)?[0-9])")  # two ids
_WORDS = re.compile(r"[0-9A-Z]+")
# what people write before an id, also right before it
_LABEL = re.compile(
    r"^(?:BTW|TVA|VAT|TRN|GSTIN|GST|MWST|UST|IVA|KVK|ONDERNEMINGSNUMMER|NUMMER|NR|TAX)+(?=[A-Z]{0,2}[0-9])"
)
_FEWEST_DIGITS = 7


@lru_cache(maxsize=4096)
def normalized_vat(text: str, country: str | None) -> tuple[str | None, VatStatus | None]:
    """A VAT id in one spelling with its country before it, and what its check digits say.

    Args:
        text: as somebody wrote it, with words around or not.
        country: alpha-2 code of its owner, for ids without a prefix; None: not known.

    Returns:
        (id, `valid` or `invalid` by its check digits, `unchecked` where the country is not known or publishes none).
        Without a country the id has no prefix; what is no id at all is (None, None), of several ids the first is meant.
    """
    if text.isalnum():  # the commonest: nothing around it
        compact = _compact(text)
    else:
        compact = next(filter(None, map(_compact, _BETWEEN.split(_BRANCH.sub("", text)))), None)
    if compact is None:
        return None, None
    prefix = _prefix_of(compact)
    code = PREFIXES.get(prefix, prefix) or country
    body = compact.removeprefix(prefix)
    if code is None:
        return body, "unchecked"
    for candidate in (body, compact) if prefix else (body,):
        if (found := _checked(code, candidate)) is not None:
            return f"{code}{found}", "valid"
    if code == "AE" and len(body) == 15 and body[0] == "1":
        return f"AE{body}", "unchecked"
    return f"{code}{body}", "unchecked" if _module(code) is None or code == "AE" else "invalid"


def _compact(text: str) -> str | None:
    """An id without what stands around it; None where it is none: too short, or one digit all along."""
    text = text.upper()
    if (plain := _PLAIN.fullmatch(text)) is not None:
        digits = plain[2]
    else:
        words = _WORDS.findall(_BRANCH.sub("", text))
        numbered = [number for number, word in enumerate(words) if any(map(str.isdigit, word))]
        if not numbered:
            return None
        first = numbered[0]
        before = _prefix_before(words[:first], words[first])
        text = before + _LABEL.sub("", "".join(words[first : numbered[-1] + 1]))
        if before:
            text = before + _LABEL.sub("", text.removeprefix(before))
        digits = "".join(filter(str.isdigit, text))
    return text if len(digits) >= _FEWEST_DIGITS and digits.count(digits[0]) < len(digits) else None


def _prefix_before(words: list[str], number: str) -> str:
    """The letters before an id's first digits that belong to it: a country, and a letter of the id itself."""
    if _PREFIXED.match(_LABEL.sub("", number)):
        return ""  # it has its own
    letter = words[-1] if words and len(words[-1]) == 1 else ""
    rest = words[:-1] if letter else words
    if not rest or not (rest[-1] == "CHE" or (len(rest[-1]) == 2 and country_code(PREFIXES.get(rest[-1], rest[-1])))):
        return letter
    if rest[-1] in ("NO", "ID") and len(rest) > 1:
        return letter  # "VAT No", not Norway
    return rest[-1] + letter


def _prefix_of(compact: str) -> str:
    if compact.startswith("CHE"):
        return "CHE"
    return compact[:2] if _PREFIXED.match(compact) and country_code(PREFIXES.get(compact[:2], compact[:2])) else ""


@lru_cache(maxsize=65536)
def valid_vat(number: str | None, country: str | None) -> str | None:
    """Canonical `CC...` form of a VAT or company id whose check digits hold, else None (a typo identifies nobody).

    Args:
        number: as written, with or without country prefix.
        country: any spelling; used where the number has no prefix of its own.
    """
    if not number:
        return None
    compact = _NOISE.sub("", number).upper()
    if len(set(compact.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))) <= 1:  # 0000000000 and its like
        return None
    prefix = "CHE" if compact.startswith("CHE") else compact[:2] if _PREFIXED.match(compact) else None
    code = PREFIXES.get(prefix or "", prefix) or country_code(country)
    if code is None:
        return None
    for candidate in dict.fromkeys([compact, compact.removeprefix(prefix or "")]):
        if (found := _checked(code, candidate)) is not None:
            return f"{code}{found}"
    return None


def _checked(code: str, candidate: str) -> str | None:
    from stdnum.exceptions import ValidationError

    module = _module(code)
    if module is None:
        return None
    if code == "BE" and candidate.isdigit():
        if len(candidate) == 9:
            candidate = f"0{candidate}"  # written before 2005
        if len(candidate) == 10 and candidate[0] in "01" and int(candidate):  # the commonest here: without the library
            return candidate if (int(candidate[:8]) + int(candidate[8:])) % 97 == 0 else None
    for checker in (module, *_also(code)):
        try:
            return str(checker.validate(candidate)).removeprefix(code)
        except ValidationError:
            continue
    return None


@lru_cache(maxsize=256)
def _also(code: str) -> tuple[Any, ...]:
    """Other kinds of ids that businesses of a country have: sole traders in Israel use their own."""
    if code != "IL":
        return ()
    from stdnum.il import idnr

    return (idnr,)


@lru_cache(maxsize=256)
def _module(code: str):  # type: ignore[no-untyped-def]
    from stdnum import get_cc_module

    special = {"IL": "hp", "IN": "gstin", "CH": "uid"}
    return get_cc_module(code.lower(), special.get(code, "vat"))


def is_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others by Luhn's rule."""
    from stdnum.luhn import is_valid

    return bool(is_valid(digits))
