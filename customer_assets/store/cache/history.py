"""The history of changes, where it has a limit."""

from __future__ import annotations

from customer_assets.store.batches import delete_in_batches
from customer_assets.store.database import Connection


def prune(connection: Connection, *, keep_days: float) -> int:
    """Delete changes older than that: `customers_as_of` looks back no further. Returns how many."""
    condition = "d.changed_at < now() - make_interval(secs => %(seconds)s)"
    return delete_in_batches(connection, "customer_changes", condition, {"seconds": keep_days * 86400})
