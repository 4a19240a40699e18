"""Profiles of very many records: each distinct value is taken apart once, and wherever the engine does its work.

One kind of value after another: a function that does the same over and over is a third faster than many in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from customer_assets.domain.identity.contact_details import parse_address, phone_keys
from customer_assets.domain.identity.engine import IN_PROCESS, Engine, parts_of
from customer_assets.domain.identity.evidence import Profile, Record, Taking, profile_of
from customer_assets.domain.identity.names import parse_name

Row = TypeVar("Row")
Values = tuple[str | None, ...]
_HOW: dict[str, Callable[..., Any]] = {"name": parse_name, "phone": phone_keys, "address": parse_address}


def profiles_of(rows: Iterable[Row], record_of: Callable[[Row], Record], engine: Engine = IN_PROCESS) -> list[Profile]:
    """What some rows say.

    Args:
        rows: any.
        record_of: the values of one.
        engine: where values are taken apart.
    """
    records = [record_of(row) for row in rows]
    taking = _taken_ahead(records, engine)
    return [profile_of(record, taking) for record in records]


def _taken_ahead(records: Sequence[Record], engine: Engine) -> Taking:
    names = dict.fromkeys(record.name for record in records)
    phones = dict.fromkeys(phone for record in records for phone in record.phones)
    addresses = dict.fromkeys((record.address, record.postcode, record.city) for record in records)
    by_name = _taken("name", [(name,) for name in names], engine)
    by_phone = _taken("phone", [(phone,) for phone in phones], engine)
    by_address = _taken("address", list(addresses), engine)
    return Taking(
        dict(zip(names, by_name, strict=True)).__getitem__,
        dict(zip(phones, by_phone, strict=True)).__getitem__,
        _Lookup(dict(zip(addresses, by_address, strict=True))),
    )


class _Lookup:
    """Addresses that were taken apart."""

    def __init__(self, known: dict[Values, Any]) -> None:
        self._known = known

    def __call__(self, text: str | None, postcode: str | None, city: str | None) -> Any:
        return self._known[text, postcode, city]


def _taken(kind: str, values: Sequence[Values], engine: Engine) -> list[Any]:
    how = _HOW[kind]
    return [taken for part in engine(lambda part: [how(*one) for one in part], parts_of(values)) for taken in part]
