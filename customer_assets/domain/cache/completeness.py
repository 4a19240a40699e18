"""Complete or said: whether a scan saw everything there is, and what may follow from what it did not see.

Pure. Only a complete scan may say that a record is gone; an incomplete one is loaded all the same, and deletes nothing.
What each system promises of its lists: docs/systems/.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Seen:
    """What a scan saw.

    Attributes:
        distinct: different ids.
        listed: records with an id, those that came twice counted twice.
        unreadable: records without an id that can be read.
        totals: how many records the system said there are, page by page.
    """

    distinct: int
    listed: int
    unreadable: int = 0
    totals: frozenset[int] = field(default_factory=frozenset)


def miscounted(seen: Seen, *, is_counted: bool, tolerates_duplicates: bool) -> str | None:
    """Why the records seen cannot be all that there are; None when they can.

    Args:
        seen: what the scan saw.
        is_counted: the system says how many records there are.
        tolerates_duplicates: a record that comes twice is no sign that another was missed.
    """
    if is_counted and seen.totals:
        total = max(seen.totals)
        if len(seen.totals) > 1:
            return f"incomplete scan: the total moved while it was read ({min(seen.totals)} to {total})"
        if seen.distinct + seen.unreadable != total:
            return f"incomplete scan: {seen.distinct + seen.unreadable} of {total} records"
    elif not tolerates_duplicates and seen.distinct < seen.listed:
        return f"incomplete scan: pages moved while it was read ({seen.listed - seen.distinct} records came twice)"
    return None


def shrunk(distinct: int, *, before: int | None, share: float) -> str | None:
    """Why a full scan is too small to be believed; None when it is not.

    Args:
        distinct: different ids it saw.
        before: how many the last complete scan saw; None where there was none.
        share: by how much of that a scan may be smaller, as `part_of` counts it.
    """
    if not before or distinct >= before - part_of(before, share):
        return None
    return (
        f"incomplete scan: {distinct} records, the last complete scan had {before} "
        "(--allow-mass-delete confirms that so many are gone)"
    )


def changes_since(
    *, watermark: datetime | None, last_full_at: datetime | None, full_scan_every: timedelta, now: datetime
) -> datetime | None:
    """From when on changes suffice; None: everything must be asked for.

    Args:
        watermark: up to when everything is known.
        last_full_at: when a complete scan of everything ended.
        full_scan_every: how often there must be one: it alone finds what is gone.
        now: the current instant. All instants are in UTC.

    Returns:
        The watermark in whole seconds: the systems' filters know no smaller part.
    """
    if watermark is None or last_full_at is None or now - last_full_at > full_scan_every:
        return None
    return watermark.replace(microsecond=0)


def to_confirm(missing: Sequence[str], *, live: int, share: float, most: int) -> list[str]:
    """Missing records to ask for by id: none where so many are missing that they will not be marked anyway.

    Args:
        missing: ids that a complete scan did not see, oldest first.
        live: rows that are not deleted.
        share: the largest share of them that one run may mark, as `part_of` counts it.
        most: how many one run asks for.
    """
    return [] if too_many(len(missing), live=live, share=share) else list(missing[:most])


def too_many(missing: int, *, live: int, share: float) -> bool:
    """Whether so many are missing that none may be marked without the operator's word."""
    return missing > part_of(live, share)


def part_of(total: int, share: float) -> int:
    """How many a share of some is: whole ones, and no more than it says; but one at least, so that few can become fewer."""
    return max(1, math.floor(total * Fraction(str(share)))) if share else 0
