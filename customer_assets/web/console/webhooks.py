"""Webhook deliveries: one with its payload, and applying some once more."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from customer_assets.pipeline.apply import apply_deliveries
from customer_assets.store import audit, console, deliveries
from customer_assets.store.users import Session
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
                request, session, "confirm.html", title="Retry failed deliveries", lines=["All failed deliveries are applied once more, parked ones too."],
                action="/webhooks/retry", ids=[], go="Retry", back="/webhooks", disabled=False,
            )  # fmt: skip
        return await self._apply_again(None, session)

    async def _apply_again(self, ids: list[str] | None, session: Session) -> Response:
        def again() -> str:
            with self._connect() as connection, connection.transaction():
                number = deliveries.put_back(connection, ids=ids)
                audit.record(
                    connection, who=session.user, action="replay", target=", ".join(ids or ["all failed"])
                )
            applied = apply_deliveries(self._stack.context(trigger="web"), self._stack.receiving)
            return f"{number} put back; " + (
                ", ".join(f"{n} {s}" for s, n in applied.statuses.items()) or "applied by another"
            )

        said = await run_in_threadpool(again)
        return RedirectResponse("/webhooks?" + urlencode({"said": said}), status_code=303)
