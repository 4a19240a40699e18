"""VAT ids: one spelling each, and whether the check digits hold."""

from __future__ import annotations

import re
from functools import lru_cache

from customer_assets.domain.country import country_code

_NOISE = re.compile(r"[^0-9A-Za-z]")
PREFIXES = {"EL": "GR", "XI": "GB"}  # what VAT ids of Greece and Northern Ireland begin with -> country
_PREFIXED = re.compile(r"[A-Z]{2}")


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
    prefix = compact[:2] if _PREFIXED.match(compact) else None
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
    if code == "BE" and len(candidate) == 9:
        candidate = f"0{candidate}"  # written before 2005
    try:
        found = str(module.validate(candidate))
    except ValidationError:
        return None
    return found.removeprefix(code)


@lru_cache(maxsize=256)
def _module(code: str):  # type: ignore[no-untyped-def]
    from stdnum import get_cc_module

    special = {"IL": "hp", "IN": "gstin"}
    return get_cc_module(code.lower(), special.get(code, "vat"))
