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
_Work = tuple[str, Sequence[Values]]  # a kind of value, and some of them
# Not by way of what is remembered of single values: these are each taken once.
_HOW: dict[str, Callable[..., Any]] = {
    "name": parse_name.__wrapped__,
    "phone": phone_keys.__wrapped__,
    "address": parse_address.__wrapped__,
}


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
    names = list(dict.fromkeys(record.name for record in records))
    phones = list(dict.fromkeys(phone for record in records for phone in record.phones))
    addresses = list(dict.fromkeys((record.address, record.postcode, record.city) for record in records))
    work: list[_Work] = [
        *(("phone", part) for part in parts_of([(phone,) for phone in phones])),
        *(("address", part) for part in parts_of(addresses)),
        # names last, which are larger than what they are taken from: a pool does the last parts where they are wanted
        *(("name", part) for part in parts_of([(name,) for name in names])),
    ]
    taken: dict[str, list[Any]] = {kind: [] for kind in _HOW}
    for (kind, _), found in zip(work, engine(_take, work), strict=True):
        taken[kind] += found
    return Taking(
        dict(zip(names, taken["name"], strict=True)).__getitem__,
        dict(zip(phones, taken["phone"], strict=True)).__getitem__,
        dict(zip(addresses, taken["address"], strict=True)).__getitem__,
    )


def _take(work: _Work) -> list[Any]:
    kind, values = work
    how = _HOW[kind]
    return [how(*one) for one in values]
