"""Pruning what is past its time: raw pages, settled deliveries, refusals."""

from __future__ import annotations

from dataclasses import dataclass

from customer_assets.pipeline.context import Context
from customer_assets.store.database import connect
from customer_assets.store.raw import pages as raw_pages
from customer_assets.store.webhooks import deliveries, endpoints


@dataclass(frozen=True)
class Pruned:
    """How much went."""

    raw_pages: int
    deliveries: int
    refusals: int


def prune(context: Context) -> Pruned:
    """Delete raw pages that nothing needs any more, deliveries that were settled that long ago, and old refusals."""
    keep = context.settings.raw_keep_days
    with connect(context.url, name="customer_assets prune") as connection:
        pages = raw_pages.prune(connection, keep_days=keep)
        settled = deliveries.prune(connection, keep_days=keep)
        refused = endpoints.prune_refusals(connection, keep_days=keep)
    return Pruned(pages, settled, refused)
