"""The report of a night: what the last day changed, what it cost, and what to look at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from customer_assets.domain.clock import now_utc
from customer_assets.pipeline.context import Context
from customer_assets.store.database import connect
from customer_assets.store.reads import night
from customer_assets.store.reads.night import Night

WAITING = {
    "reviews": "pairs that may be one customer (review list)",
    "rejected": "records set aside (ops.rejected_records)",
    "parked": "deliveries that failed (webhooks list)",
    "reminders": "reminders to send (reminders due)",
    "missed": "reminders that nobody sent",
    "messages": "messages that subscribers did not take (subscription retry)",
}


def nightly_report(context: Context, *, since: datetime | None = None) -> tuple[Night, str]:
    """What happened since a time, as numbers and as Markdown.

    Args:
        context: database.
        since: an instant; None: a day ago.
    """
    at = since or now_utc() - timedelta(days=1)
    with connect(context.url, name="customer_assets nightly report") as connection:
        found = night.since(connection, at)
    return found, "\n".join(_lines(found, at))


def _lines(found: Night, at: datetime) -> Iterator[str]:
    yield f"# Since {at:%Y-%m-%d %H:%M} UTC"
    yield ""
    if not found.syncs:
        yield "Nothing was synced."
    else:
        yield "| system | account | status | new | changed | gone | refused | calls | quota left |"
        yield "|---|---|---|--:|--:|--:|--:|--:|--:|"
    for sync in found.syncs:
        quota = "" if sync["quota_left"] is None else f"{sync['quota_left']:,}"
        yield (
            f"| {sync['source']} | {sync['account']} | {sync['status']} | {sync['created']:,} | {sync['updated']:,} "
            f"| {sync['deactivated']:,} | {sync['rejected']:,} | {sync['calls']:,} | {quota} |"
        )
    yield ""
    for sync in found.syncs:
        if sync["status"] != "ok" and sync["message"]:
            yield f"- **{sync['source']}/{sync['account']}**: {sync['message']}"
    told = ", ".join(f"{number:,} {what}" for what, number in found.customers.items())
    yield f"- Customers: {told}; {found.gone:,} records gone at their source"
    if found.changes:
        yield f"- Changed cells: {', '.join(f'{cells:,} by {origin}' for origin, cells in found.changes.items())}"
    yield ""
    yield "## To look at" if found.waiting else "Nothing waits for anybody."
    for what, number in found.waiting.items():
        yield f"- {number:,} {WAITING[what]}"
