"""The one clock."""

from __future__ import annotations

from datetime import UTC, datetime


def now_utc() -> datetime:
    """The current instant; requests are stamped with it."""
    return datetime.now(UTC)
