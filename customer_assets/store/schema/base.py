"""What all tables share: naming of keys and indexes, and columns that many have."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Identity,
    MetaData,
    Numeric,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from customer_assets.domain.cache import columns as cache

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)
INSTANT = DateTime(timezone=True)
NOW = text("now()")
GIVEN = "as the source gives it"


def id_column() -> Column[int]:
    return Column(
        "id", BigInteger, Identity(always=False), primary_key=True, comment="key here; it stays through every re-run"
    )


def account() -> Column[str]:
    return Column("account", Text, nullable=False, server_default=text("'default'"), comment="account of the system")


def texts(**comments: str) -> Iterable[Column[str]]:
    return (Column(name, Text, comment=comment) for name, comment in comments.items())


def instant(name: str, comment: str, *, default: bool = False) -> Column[object]:
    return Column(name, INSTANT, nullable=not default, server_default=NOW if default else None, comment=comment)


TYPES: dict[str, Any] = {
    "text": Text,
    "boolean": Boolean,
    "date": Date,
    "money": Numeric(18, 2),
    "json": JSONB,
}


def declared(columns: Iterable[cache.Column]) -> Iterable[Column[Any]]:
    """The columns of a base table of the cache, as `domain/cache/columns.py` declares them."""
    for column in columns:
        blank = column.blank
        default = None if blank is None or column.kind == "text" else json.dumps(blank)
        yield Column(
            column.name,
            TYPES[column.kind],
            nullable=blank is None,
            server_default=text(f"'{default}'" if column.kind == "json" else default) if default else None,
            comment=column.comment or GIVEN,
        )
