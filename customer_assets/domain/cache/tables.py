"""The base tables of the cache, as a load sees them: which columns it writes, and what users see of source values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from customer_assets.domain.cache.columns import CUSTOMER_COLUMNS, INVOICE_COLUMNS, Column
from customer_assets.domain.cache.overlay import Overlays, visible_values

Visible = Callable[[Mapping[str, Any], Overlays, int | None, bool], tuple[dict[str, Any], dict[str, Any] | None]]


_KINDS_OF_OWN = {
    "id": "number",
    "account": "text",
    "source": "text",
    "covered": "json",
    "content_hash": "hash",
    "record_hash": "hash",
    "source_modified_at": "time",
    "source_time_given": "boolean",
    "deleted_at": "time",
    "last_seen_at": "time",
    "updated_at": "time",
}


@dataclass(frozen=True)
class CacheTable:
    """One base table of the cache.

    Attributes:
        entity: its name in metadata and rejects.
        name: table name.
        id_column: the source's id.
        declared: its columns.
        visible: source values -> row.
        has_changes: changes are logged in customer_changes.
    """

    entity: str
    name: str
    id_column: str
    declared: tuple[Column, ...]
    visible: Visible
    has_changes: bool

    @cached_property
    def source_columns(self) -> tuple[str, ...]:
        """Columns that hold source values."""
        return tuple(column.name for column in self.declared if not column.derived)

    @cached_property
    def derived_columns(self) -> tuple[str, ...]:
        """Columns that are worked out here."""
        return tuple(column.name for column in self.declared if column.derived)

    @cached_property
    def worked_out(self) -> tuple[str, ...]:
        """Those, and what lies beneath others."""
        return (*self.derived_columns, *(("covered",) if self.has_changes else ()))

    @cached_property
    def logged_columns(self) -> tuple[str, ...]:
        """Columns whose changes are logged."""
        return tuple(column.name for column in self.declared if column.logged or not column.derived)

    @cached_property
    def blanks(self) -> Mapping[str, Any]:
        """Values of a new row's columns that the source does not speak of, where they are not null."""
        return {c.name: c.blank for c in self.declared if c.blank is not None and not c.derived}

    @cached_property
    def unsaid(self) -> Mapping[str, Any]:
        """What the source columns of a new row hold where nothing is said of them."""
        return {**dict.fromkeys(self.source_columns), **self.blanks}

    @cached_property
    def kinds(self) -> Mapping[str, str]:
        """Kind of each column of the table."""
        return _KINDS_OF_OWN | {self.id_column: "text"} | {column.name: column.kind for column in self.declared}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns that a load writes."""
        own = ("account", "source", self.id_column)
        times = (
            "content_hash",
            "record_hash",
            "source_modified_at",
            "source_time_given",
            "deleted_at",
            "last_seen_at",
        )
        extra = ("covered",) if self.has_changes else ()
        return (*own, *self.source_columns, *self.derived_columns, *extra, *times)


CUSTOMERS = CacheTable(
    entity="customers",
    name="customer_rows",
    id_column="source_customer_id",
    declared=CUSTOMER_COLUMNS,
    visible=lambda values, overlays, row_id, deleted: visible_values(values, overlays, row_id=row_id, deleted=deleted),
    has_changes=True,
)

INVOICES = CacheTable(
    entity="invoices",
    name="invoice_rows",
    id_column="source_invoice_id",
    declared=INVOICE_COLUMNS,
    visible=lambda values, _overlays, _row_id, _deleted: (dict(values), None),
    has_changes=False,
)


def of_entity(entity: str) -> CacheTable:
    """The table of customers or of invoices."""
    return CUSTOMERS if entity == CUSTOMERS.entity else INVOICES
