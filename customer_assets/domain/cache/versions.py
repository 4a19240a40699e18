"""Newest wins by source time: whether one sight of a record may replace what is stored."""

from __future__ import annotations

from datetime import datetime, timedelta


def supersedes(
    *,
    stored_at: datetime | None,
    stored_given: bool,
    modified_at: datetime | None,
    seen_at: datetime,
) -> bool:
    """Whether a sight of a record is at least as new as the stored version.

    Times of change are compared where both are the source's own. Where one is missing, the moment of sight stands for
    it: a scanned row counts as of its page's request, a delivery as of its signed time. Equal times: applied.

    Args:
        stored_at: time of the stored version, None when unknown.
        stored_given: that time is the source's own.
        modified_at: the record's own time of change, None when it has none.
        seen_at: when the record was asked for or signed.
    """
    if stored_at is None:
        return True
    if stored_given and modified_at is not None:
        return modified_at >= stored_at
    # a signature tells the second alone
    return seen_at >= (stored_at if seen_at.microsecond else stored_at.replace(microsecond=0))


def corrects(*, stored_at: datetime, stored_since: datetime, modified_at: datetime | None, seen_at: datetime) -> bool:
    """Whether a sight replaces a version whose time of change lies ahead: that counts as of when it was stored.

    Args:
        stored_at: the time that lies ahead.
        stored_since: when that version was stored.
        modified_at: the record's own time of change, None when it has none.
        seen_at: when the record was asked for or signed, to the second.
    """
    if modified_at is not None and modified_at >= stored_at:
        return True  # by the same clock
    if seen_at < stored_since.replace(microsecond=0):
        return False
    # somebody who corrects a time writes the day, not the moment
    return modified_at is None or modified_at >= stored_since - timedelta(days=1)


def believable(at: datetime | None, *, seen_at: datetime, tolerance: timedelta) -> datetime | None:
    """A source's time of change, None where it lies ahead of the moment of sight: that clock tells nothing.

    Args:
        at: time of change as the source gives it.
        seen_at: when the record was asked for or signed.
        tolerance: how far two clocks may be apart.
    """
    return None if at is None or at - seen_at > tolerance else at
