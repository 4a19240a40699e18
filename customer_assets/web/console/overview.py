"""The start page: how it stands, at a glance; each figure leads to its list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from customer_assets.domain.clock import now_utc
from customer_assets.runtime.timetable import timetable
from customer_assets.store.reads import inbox, night, overview
from customer_assets.store.reads.night import Night
from customer_assets.store.users import Session
from customer_assets.web.console import charts
from customer_assets.web.console.screen import Screen

MOST_HOURS = 168  # that a report looks back
# What waits for a person, and where it is seen to.
WAITING = {
    "syncs": ("syncs that failed", "/runs?status=failed"),
    "reviews": ("pairs to decide", "/reviews"),
    "conflicts": ("conflicts", "/conflicts"),
    "rejected": ("records rejected", "/rejects"),
    "parked": ("deliveries parked", "/webhooks?status=failed"),
    "reminders": ("reminders due", "/reminders?day=come&status=pending"),
    "missed": ("reminders that nobody sent", "/reminders?status=missed"),
    "messages": ("messages that were not taken", "/messages?status=failed"),
}

Rows = Sequence[Mapping[str, Any]]


class Overview(Screen):
    """The overview."""

    async def overview(self, request: Request, session: Session) -> Response:
        """What there is, what is open, what changed, what waits."""

        def read() -> dict[str, list[dict[str, Any]]]:
            with self._connect() as connection:
                return overview.overview(connection)

        found = await run_in_threadpool(read)
        configuration = self._runtime.configuration
        slots = [s for s in timetable(sumit_nightly=configuration.pushes_nightly) if s.is_on]
        return await self._show(
            request,
            session,
            "overview.html",
            customers=found["customers"][0],
            waiting=found["waiting"][0],
            overdue=found["overdue"],
            systems=_lines(found["systems"], "Records by system"),
            countries=_lines(found["countries"], "Customers by country"),
            changes=_changes(found["changes"]),
            deliveries=_deliveries(found["deliveries"]),
            syncs=[
                _system(key, list(rows)) for key, rows in groupby(found["syncs"], lambda r: (r["source"], r["account"]))
            ],
            slots=[(slot, slot.following(datetime.now(ZoneInfo(configuration.settings.timezone)))) for slot in slots],
            timezone=configuration.settings.timezone,
        )

    async def inbox(self, request: Request, session: Session) -> Response:
        """What waits for a person, of every kind."""

        def read() -> dict[str, tuple[int, list[dict[str, Any]]]]:
            with self._connect() as connection:
                return inbox.inbox(connection)

        found = await run_in_threadpool(read)
        kinds = [(*WAITING[kind], count, rows) for kind, (count, rows) in found.items()]
        return await self._show(request, session, "inbox.html", kinds=kinds)

    async def night(self, request: Request, session: Session) -> Response:
        """What the last day changed, what it cost, and what to look at: the report that Dagster keeps, as it is now."""
        said = request.query_params.get("hours", "")
        hours = min(max(int(said), 1), MOST_HOURS) if said.isascii() and said.isdigit() and len(said) < 6 else 24
        since = now_utc() - timedelta(hours=hours)

        def read() -> Night:
            with self._connect() as connection:
                return night.since(connection, since)

        found = await run_in_threadpool(read)
        waiting = [(count, *WAITING[what]) for what, count in found.waiting.items()]
        return await self._show(
            request, session, "night.html", night=found, waiting=waiting, hours=hours, choices=(24, 72, MOST_HOURS)
        )


def _lines(rows: Rows, label: str) -> Any:
    return charts.lines([(str(row["label"]), int(row["number"])) for row in rows], label=label)


def _changes(rows: Rows) -> Any:
    columns = [
        (f"{day:%a %d %b}", {str(row["origin"]): int(row["number"]) for row in found})
        for day, found in groupby(rows, lambda row: row["day"])
    ]
    return charts.bars(columns, label=f"Changes a day, the last {overview.DAYS} days, by what made them")


def _deliveries(rows: Rows) -> Any:
    columns = [
        (f"{row['hour']:%H:00} UTC", {"webhook": row["number"] - row["failed"], "failed": row["failed"]})
        for row in rows
    ]
    return charts.bars(columns, label="Webhook deliveries by hour, the last 24 hours")


def _system(key: tuple[str, str], rows: Rows) -> dict[str, Any]:
    """The last syncs of an account: a dot each, and how the last one went."""
    last = rows[-1]
    seconds = [(r["finished_at"] - r["started_at"]).total_seconds() for r in rows if r["finished_at"]]
    told = [(str(r["status"]), f"{r['started_at']:%Y-%m-%d %H:%M} UTC: {r['status']}") for r in rows]
    return {
        "source": key[0],
        "account": key[1],
        "last": last,
        "seconds": seconds[-1] if seconds else None,
        "quota_left": next((r["quota_left"] for r in reversed(rows) if r["quota_left"] is not None), None),
        "dots": charts.dots(told, label=f"The last syncs of {key[0]} ({key[1]}), oldest first"),
    }
