"""Pruning what is past its time: raw pages, settled deliveries, refusals, and, where they have a limit, changes and the audit log."""

from __future__ import annotations

from dataclasses import dataclass

from customer_assets.pipeline.context import Context
from customer_assets.store import audit
from customer_assets.store.cache import history
from customer_assets.store.database import connect
from customer_assets.store.raw import pages as raw_pages
from customer_assets.store.webhooks import deliveries, endpoints, outgoing


@dataclass(frozen=True)
class Pruned:
    """How much went."""

    raw_pages: int
    deliveries: int
    refusals: int
    changes: int
    audit_entries: int
    messages: int


def prune(context: Context) -> Pruned:
    """Delete raw pages that nothing needs any more, deliveries that were settled that long ago, and what else has a limit."""
    settings = context.settings
    keep, changes, entries = settings.raw_keep_days, settings.changes_keep_days, settings.audit_keep_days
    keep_deliveries = keep if settings.delivery_keep_days is None else settings.delivery_keep_days
    with connect(context.url, name="customer_assets prune") as connection:
        pages = raw_pages.prune(connection, keep_days=keep)
        settled = deliveries.prune(connection, keep_days=keep_deliveries)
        refused = endpoints.prune_refusals(connection, keep_days=keep_deliveries)
        forgotten = 0 if changes is None else history.prune(connection, keep_days=changes)
        audited = 0 if entries is None else audit.prune(connection, keep_days=entries)
        messages = outgoing.prune(connection, keep_days=keep_deliveries)
    return Pruned(pages, settled, refused, forgotten, audited, messages)
