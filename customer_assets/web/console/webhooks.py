"""Webhook deliveries: one with its payload, and applying some once more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customer_assets.pipeline.webhooks.apply import apply_deliveries
from customer_assets.store import audit
from customer_assets.store.reads import console
from customer_assets.store.users import Session
from customer_assets.store.webhooks import deliveries
from customer_assets.web.console.screen import Screen


class Webhooks(Screen):
    """What was delivered."""

    async def delivery(self, request: Request, session: Session) -> Response:
        """One delivery with its payload."""

        def read() -> dict[str, Any] | None:
            with self._connect() as connection:
                return console.delivery(connection, request.path_params["id"])

        found = await run_in_threadpool(read)
        if found is None:
            return PlainTextResponse("no such delivery", status_code=404)
        body = bytes(found["body"]).decode("utf-8", errors="backslashreplace")
        return await self._show(request, session, "delivery.html", d=found, body=body)

    async def replay(self, request: Request, session: Session) -> Response:
        """Apply deliveries once more."""
        form = await request.form()
        return await self._apply_again([str(i) for i in form.getlist("id")], session)

    async def retry(self, request: Request, session: Session) -> Response:
        """Apply all failed deliveries once more."""
        if request.method != "POST":
            return await self._show(
                request,
                session,
                "confirm.html",
                title="Retry failed deliveries",
                lines=["All failed deliveries are applied once more, parked ones too."],
                action="/webhooks/retry",
                ids=[],
                go="Retry",
                back="/webhooks",
                disabled=False,
            )
        return await self._apply_again(None, session)

    async def replay_range(self, request: Request, session: Session) -> Response:
        """Apply the deliveries of a range of time once more: ask for the range, say how many there are, do it."""
        form = await request.form() if request.method == "POST" else None
        if form is None:
            return await self._show(request, session, "range.html", since="", until="", only="", number=None)
        since, until, status = (str(form.get(name, "")) for name in ("since", "until", "status"))
        try:
            span = _instant(since), _instant(until)
        except ValueError:
            failed = "From and to are instants, like 2031-05-01T08:00."
            return await self._show(
                request, session, "range.html", since=since, until=until, only=status, number=None, failed=failed
            )

        def read() -> list[str]:
            with self._connect() as connection:
                return deliveries.received_between(connection, *span, status=status or None)

        ids = await run_in_threadpool(read)
        if form.get("go") and ids:
            return await self._apply_again(ids, session)
        return await self._show(request, session, "range.html", since=since, until=until, only=status, number=len(ids))

    async def _apply_again(self, ids: list[str] | None, session: Session) -> Response:
        def again() -> tuple[str, bool]:
            with self._connect() as connection, connection.transaction():
                number = deliveries.put_back(connection, ids=ids)
                named = "all failed" if ids is None else f"{len(ids)} deliveries"
                audit.record(connection, who=session.user, action="replay", target=named, details={"ids": ids})
            applied = apply_deliveries(self._runtime.context(trigger="web"), self._runtime.receiving)
            told = ", ".join(f"{n} {s}" for s, n in applied.statuses.items()) or "applied by another"
            return f"{number} put back; {told}", bool(applied.statuses.get("failed"))

        message, has_failed = await run_in_threadpool(again)
        return self._go("/webhooks", session, message, bad=has_failed)


def _instant(text: str) -> datetime:
    """An instant as a form gives it; without a zone it is UTC.

    Raises:
        ValueError: it is none.
    """
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
