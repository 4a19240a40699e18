"""Values of very many records, taken apart ahead: each distinct one once, and wherever the engine does its work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from customer_assets.domain.identity.contact_details import parse_address, phone_keys
from customer_assets.domain.identity.engine import Engine, parts_of
from customer_assets.domain.identity.evidence import Taking
from customer_assets.domain.identity.names import parse_name

Address = tuple[str | None, str | None, str | None]  # text, postcode, city
_HOW: dict[str, Callable[..., Any]] = {"name": parse_name, "phone": phone_keys, "address": parse_address}


def taking(
    names: Iterable[str | None], phones: Iterable[str | None], addresses: Iterable[Address], engine: Engine
) -> Taking:
    """A way to take apart any of these values, and no others."""
    distinct: dict[str, list[tuple[str | None, ...]]] = {
        "name": [(text,) for text in dict.fromkeys(names)],
        "phone": [(text,) for text in dict.fromkeys(phones)],
        "address": list(dict.fromkeys(addresses)),
    }
    work = [(kind, part) for kind, values in distinct.items() for part in parts_of(values)]
    found: dict[str, dict[tuple[str | None, ...], Any]] = {kind: {} for kind in distinct}
    for (kind, part), taken in zip(work, engine(_taken, work), strict=True):
        found[kind].update(zip(part, taken, strict=True))
    by_name, by_phone = ({values[0]: taken for values, taken in found[kind].items()} for kind in ("name", "phone"))
    of_address = found["address"]
    return Taking(
        by_name.__getitem__,
        by_phone.__getitem__,
        lambda text, postcode, city: of_address[text, postcode, city],
    )


def _taken(work: tuple[str, Sequence[tuple[str | None, ...]]]) -> list[Any]:
    kind, values = work
    how = _HOW[kind]
    return [how(*value) for value in values]
