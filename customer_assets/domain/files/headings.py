"""Which column of a file is which of ours: by its heading, as exports in many languages call it (`data/headings.txt`)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from customer_assets.domain.wordlists import entries
from customer_assets.errors import ConfigurationError


def folded(heading: str) -> str:
    """A heading for comparing: case, accents, blanks and signs do not count."""
    plain = unicodedata.normalize("NFKD", heading.casefold())
    return "".join(c for c in plain if c.isalnum())


@cache
def _known() -> Mapping[str, str]:
    """Folded heading -> column."""
    known: dict[str, str] = {}
    for entry in entries("headings"):
        column, _, names = entry.partition(":")
        for name in (column, *names.split(",")):
            known.setdefault(folded(name), column.strip())
    return known


def meanings(header: Iterable[str]) -> dict[str, str]:
    """Heading -> column, for those of a file that mean one."""
    known = _known()
    return {heading: known[folded(heading)] for heading in header if folded(heading) in known}


def columns_of(header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    """Which field of a row holds which column.

    Args:
        header: the file's headings.
        mapping: heading -> column, where it was said. It comes before a heading that is our own name of the column, and
            that before what others call it.

    Returns:
        column -> place.

    Raises:
        ConfigurationError: a heading that was named is not there, or two headings mean one column.
    """
    at = {heading: place for place, heading in reversed(list(enumerate(header)))}
    if unknown := [name for name in mapping if name not in at]:
        raise ConfigurationError(f"--map: the file has no column {', '.join(unknown)}; it has {', '.join(header)}")
    known = _known()
    if wrong := [column for column in mapping.values() if known.get(folded(column)) != column]:
        raise ConfigurationError(f"--map: no column {', '.join(wrong)} to fill; there are {', '.join(columns())}")
    said = [(column, at[heading]) for heading, column in mapping.items()]
    others = [(known[folded(h)], place) for place, h in enumerate(header) if h not in mapping and folded(h) in known]
    ours = [(column, place) for column, place in others if header[place] == column]
    claims: dict[str, list[int]] = {}
    for tier in (said, ours, others):
        taken = set(claims)
        for column, place in tier:
            if column not in taken:
                claims.setdefault(column, []).append(place)
    for column, places in claims.items():
        if len(places) > 1:
            both = " and ".join(repr(header[place]) for place in places)
            raise ConfigurationError(
                f"columns {both} all mean {column}; say which with --map '{header[places[0]]}={column}'"
            )
    return {column: places[0] for column, places in claims.items()}


def columns() -> list[str]:
    """The columns that a file can fill."""
    return [entry.partition(":")[0] for entry in entries("headings")]
