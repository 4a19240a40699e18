"""From a source's values to the row that users read: derivations, role overrides, local edits, deletion.

What lies beneath is kept, so that a partial record, a released edit or a changed override can be worked out again:
`covered` holds the source values of exactly the columns where the row shows something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from customer_assets.domain.cache.derived import derived_values
from customer_assets.domain.phone import Regions, primary_email


@dataclass(frozen=True)
class Overlays:
    """What is laid over the records of one account and source.

    Attributes:
        role_overrides: part of a name (casefolded) -> role, in the order they are tried.
        edits: row id -> field -> value.
        regions: what tells the country of phone numbers besides the customer.
    """

    role_overrides: Mapping[str, str] = field(default_factory=dict)
    edits: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    regions: Regions = field(default_factory=Regions)


def visible_values(
    source: Mapping[str, Any], overlays: Overlays, *, row_id: int | None = None, deleted: bool = False
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The row's columns, and the source values they cover (None: none).

    Args:
        source: the source's values, by column.
        overlays: what is laid over them.
        row_id: id of the stored row, None for a new one.
        deleted: the record is gone at the source.
    """
    over: dict[str, Any] = {}
    if source.get("contact_persons"):
        over["general_email"] = primary_email(source)
    if overlays.role_overrides:
        name = str(source.get("name") or "").casefold()
        for part, role in overlays.role_overrides.items():
            if part in name:
                over["role"] = role
                break
    if row_id is not None and row_id in overlays.edits:
        over |= overlays.edits[row_id]
    if deleted:
        over["is_active"] = False
    visible = {**source, **over}
    visible.update(derived_values(visible, overlays.regions))
    covered = {column: source.get(column) for column, value in over.items() if value != source.get(column)}
    return visible, covered or None


def source_values(row: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    """The source's values beneath a stored row: the inverse of `visible_values`."""
    return {column: row[column] for column in columns} | (row.get("covered") or {})
