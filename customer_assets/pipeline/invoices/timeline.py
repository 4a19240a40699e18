"""The timeline of old invoices: a key for each month, and `undated` for what has no place among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from customer_assets.pipeline.invoices.import_invoices import UNDATED


def timeline(first: str, today: date) -> list[str]:
    """Keys from a month (`YYYY-MM`) to the end of next year, in order, and then `undated`."""
    begin, end = (int(first[:4]), int(first[5:])), (today.year + 1, 12)
    months = range(begin[0] * 12 + begin[1] - 1, end[0] * 12 + end[1])
    return [*(f"{month // 12:04d}-{month % 12 + 1:02d}" for month in months), UNDATED]


def months_of(keys: Iterable[str], known: Collection[str], every: Sequence[str]) -> list[str]:
    """The months of invoices that some keys stand for: with `undated` come those of mistyped dates, before and after all.

    Args:
        keys: of the timeline.
        known: months that there are invoices of.
        every: the whole timeline.
    """
    chosen = list(keys)
    return [*chosen, *sorted(set(known).difference(every))] if UNDATED in chosen else chosen
