"""Intakes: new work for a customer, who is found by a search or is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from customer_assets.sources.registry import with_webhooks
from customer_assets.store import audit, intakes
from customer_assets.store.reads import search
from customer_assets.store.users import Session
from customer_assets.web.console.screen import Screen, id_of

INTAKE_SYSTEM = with_webhooks()[0].name  # whose ids `intakes` carries


class Intakes(Screen):
    """The form, and the search for its customer."""

    async def search(self, request: Request, _session: Session) -> Response:
        """Customers for the select of the intake form."""

        def read() -> list[dict[str, Any]]:
            with self._connect() as connection:
                return search.suggestions(connection, request.query_params.get("q", ""))

        return JSONResponse({"items": await run_in_threadpool(read)})

    async def intake(self, request: Request, session: Session) -> Response:
        """A form that a chosen customer fills, and never overwrites what was typed."""
        values: dict[str, Any] = dict.fromkeys(
            ("search", "customer_id", "customer_name", "contact_email", "contact_phone", "note")
        )
        if request.method == "POST":
            form = await request.form()
            values |= {name: str(form.get(name, "")).replace("\x00", "").strip() or None for name in values}
            if not values["customer_name"]:
                return await self._show(
                    request,
                    session,
                    "intake.html",
                    status=422,
                    values=values,
                    failed="An intake needs a name.",
                )
            stored = {**values, "customer_id": id_of(values["customer_id"]) or None}
            await run_in_threadpool(self._add_intake, stored, session.user)
            return self._go("/intakes", session, "The intake is saved")
        return await self._show(request, session, "intake.html", values=values)

    def _add_intake(self, values: Mapping[str, Any], by: str) -> None:
        with self._connect() as connection, connection.transaction():
            number = intakes.add_intake(connection, values, system=INTAKE_SYSTEM, by=by)
            audit.record(connection, who=by, action="add intake", target=f"intake {number}", details=values)
