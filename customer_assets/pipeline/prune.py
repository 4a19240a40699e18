"""Pruning what is past its time: raw pages, settled deliveries."""

from __future__ import annotations

from dataclasses import dataclass

from customer_assets.pipeline.context import Context
from customer_assets.store import deliveries, raw
from customer_assets.store.database import connect


@dataclass(frozen=True)
class Pruned:
    """How much went."""

    raw_pages: int
    deliveries: int


def prune(context: Context) -> Pruned:
    """Delete raw pages that nothing needs any more, and deliveries that were settled that long ago."""
    keep = context.settings.raw_keep_days
    with connect(context.url, name="customer_assets prune") as connection:
        pages = raw.prune(connection, keep_days=keep)
        settled = deliveries.prune(connection, keep_days=keep)
    return Pruned(pages, settled)
