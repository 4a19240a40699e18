"""Converters of single values. Each takes what JSON gives and returns what a column holds, None for blank.

They raise `RecordError` where a value cannot be kept, and append to `warnings` where it is dropped but the record can
go on (docs/systems/robaws.md#converters).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from customer_assets.errors import RecordError

Convert = Callable[[Any, str, list[str]], Any]

_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})
_LABELS = ("name", "fullName", "label", "code")
_CENT = Decimal("0.01")
_LARGEST = Decimal(10) ** 16


def text(value: Any, column: str, warnings: list[str]) -> str | None:
    """Trimmed text; numbers become text; blank is None, and so is an empty list, an empty object or `false`, with a warning."""
    if isinstance(value, str):
        return value.strip() or None
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if value is False or value in ([], {}):
        warnings.append(f"{column}: {_kind(value)} where text belongs")
        return None
    raise RecordError(f"{column}: expected text, got {_kind(value)}")


def text_or_label(value: Any, column: str, warnings: list[str]) -> str | None:
    """A scalar as text, an association as the first of its name, fullName, label, code."""
    if isinstance(value, dict):
        return next((found for label in _LABELS if (found := text(value.get(label), column, warnings))), None)
    return text(value, column, warnings)


def assignee(value: Any, column: str, warnings: list[str]) -> str | None:
    """A name where the answer carries one. A bare id is no name: None, and the stored one is kept."""
    if isinstance(value, dict):
        return next(
            (found for label in ("name", "fullName") if (found := text(value.get(label), column, warnings))),
            None,
        )
    found = text(value, column, warnings)
    return None if found is not None and found.isdigit() else found


def boolean(value: Any, column: str, warnings: list[str]) -> bool | None:
    """Real booleans, 0/1, and the texts true/false/1/0/yes/no; anything else is None with a warning."""
    if isinstance(value, bool):
        return value
    if value is None or value == "":
        return None
    folded = str(value).strip().casefold()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    warnings.append(f"{column}: not a boolean")
    return None


def active_status(value: Any, column: str, warnings: list[str]) -> bool | None:
    """Zoho's status: everything but `inactive` counts as active."""
    found = text(value, column, warnings)
    return None if found is None else found.casefold() != "inactive"


def plain_date(value: Any, column: str, warnings: list[str]) -> date | None:
    """A date or timestamp as the date that it is written as: no time zone conversion, so that no day shifts."""
    found = text(value, column, warnings)
    if found is None:
        return None
    try:
        return date.fromisoformat(found[:10])
    except ValueError:
        warnings.append(f"{column}: not a date")
        return None


def amount(value: Any, column: str, warnings: list[str]) -> Decimal | None:
    """Money with two places, through the decimal text; a number that is none rejects the record."""
    found = text(value, column, warnings) if not isinstance(value, Decimal) else str(value)
    if found is None:
        return None
    try:
        money = Decimal(found)
    except InvalidOperation:
        raise RecordError(f"{column}: not an amount") from None
    if not money.is_finite() or abs(money) >= _LARGEST:
        raise RecordError(f"{column}: amount out of range")
    return money.quantize(_CENT)


def persons(value: Any, column: str, warnings: list[str]) -> list[dict[str, Any]] | None:
    """Contact persons as received; blank is the empty list, and so is an empty object or `false`, with a warning."""
    if value in (None, ""):
        return []
    if value is False or value == {}:
        warnings.append(f"{column}: {_kind(value)} where a list of persons belongs")
        return []
    if isinstance(value, list) and all(isinstance(person, dict) for person in value):
        return value
    raise RecordError(f"{column}: expected a list of persons, got {_kind(value)}")


def instant(value: Any) -> datetime | None:
    """An ISO 8601 time with any offset as an instant in UTC; a time without offset is taken as UTC; else None."""
    if not isinstance(value, str) or not value:
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _kind(value: Any) -> str:
    if value in ({}, []):
        return "an empty object" if value == {} else "an empty list"
    return {dict: "an object", list: "a list", bool: "a boolean"}.get(type(value), type(value).__name__)
