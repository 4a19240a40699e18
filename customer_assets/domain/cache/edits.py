"""What a person may change of a customer by hand, and how text becomes a value."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from unicodedata import category

from customer_assets.domain.cache.columns import COLUMN_OF, EDITABLE, INDEXED
from customer_assets.domain.cache.mapping import LONGEST_INDEXED
from customer_assets.errors import RecordError

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+|.*<[^@\s]+@[^@\s]+>")


def parse_edit(field: str, text: str | bool | None) -> Any:
    """The value that a person means, as jsonb holds it: a blank is None, dates stay ISO text.

    Raises:
        RecordError: there is no such field, or it cannot hold this.
    """
    if field not in EDITABLE:
        raise RecordError(f"{field} cannot be edited; there are {', '.join(EDITABLE)}")
    kind = COLUMN_OF[field].kind
    if kind == "boolean":
        folded = str(text).strip().casefold()
        if folded in ("true", "yes", "1", "on"):
            return True
        if folded in ("false", "no", "0", "off"):
            return False
        raise RecordError(f"{field}: write true or false")
    value = _said(field, text)
    if not value:
        if field == "name":
            raise RecordError("name: a customer has one")
        return None
    if kind == "date":
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise RecordError(f"{field}: write a date such as 2026-01-31") from None
    if field in INDEXED and len(value) > LONGEST_INDEXED:
        raise RecordError(f"{field}: at most {LONGEST_INDEXED} characters")
    if field in ("general_email", "billing_email") and not all(map(_ADDRESS.fullmatch, _addresses(value))):
        raise RecordError(f"{field}: {value!r} is no e-mail address")
    return value


def _said(field: str, text: str | bool | None) -> str:
    """What somebody wrote; blank where it is nothing but marks that nobody sees."""
    value = str(text).replace("\x00", "").strip() if text is not None else ""
    if any(category(c) == "Cs" for c in value):
        raise RecordError(f"{field}: not all of it is text")
    return "" if all(c.isspace() or category(c) == "Cf" for c in value) else value


def _addresses(value: str) -> list[str]:
    return [part.strip() for part in value.replace(",", ";").split(";") if part.strip()]
