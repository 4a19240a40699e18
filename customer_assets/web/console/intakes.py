"""Intakes: new work for a customer, who is found by a search or is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from customer_assets.sources.registry import with_webhooks
from customer_assets.store import audit, intakes
from customer_assets.store.database import Connection
from customer_assets.store.reads import search
from customer_assets.store.users import Session
from customer_assets.web.console.screen import Screen, id_of

INTAKE_SYSTEM = with_webhooks()[0].name  # whose ids `intakes` carries
FIELDS = ("search", "customer_id", "customer_name", "contact_email", "contact_phone", "note")


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
        if request.method != "POST":
            return await self._show(request, session, "intake.html", values=dict.fromkeys(FIELDS))
        values = _typed(await request.form())
        if not values["customer_name"]:
            return await self._nameless(request, session, values)

        def add() -> None:
            with self._connect() as connection, connection.transaction():
                number = intakes.add_intake(connection, values, system=INTAKE_SYSTEM, by=session.user)
                self._note(connection, session, "add intake", number, values)

        await run_in_threadpool(add)
        return self._go("/intakes", session, "The intake is saved")

    async def correct(self, request: Request, session: Session) -> Response:
        """An intake that was written down wrongly: the same form, and a way to take it away."""
        number = request.path_params["id"]

        def read() -> dict[str, Any] | None:
            with self._connect() as connection:
                return intakes.find_intake(connection, number)

        was = await run_in_threadpool(read)
        if was is None:
            return PlainTextResponse("no such intake", status_code=404)
        if request.method != "POST":
            return await self._show(request, session, "intake.html", values=was)
        form = await request.form()
        values, is_removed = _typed(form), form.get("action") == "remove"
        if not values["customer_name"] and not is_removed:
            return await self._nameless(request, session, values | {"id": number})

        def write() -> None:
            with self._connect() as connection, connection.transaction():
                if is_removed:
                    intakes.remove_intake(connection, number)
                else:
                    intakes.correct_intake(connection, number, values, system=INTAKE_SYSTEM)
                # what it said before is kept there
                self._note(connection, session, "remove intake" if is_removed else "correct intake", number, was)

        await run_in_threadpool(write)
        return self._go("/intakes", session, "The intake is removed" if is_removed else "The intake is saved")

    async def _nameless(self, request: Request, session: Session, values: Mapping[str, Any]) -> Response:
        failed = "An intake needs a name."
        return await self._show(request, session, "intake.html", status=422, values=values, failed=failed)

    def _note(
        self, connection: Connection, session: Session, action: str, number: int, details: Mapping[str, Any]
    ) -> None:
        audit.record(connection, who=session.user, action=action, target=f"intake {number}", details=details)


def _typed(form: FormData) -> dict[str, Any]:
    """What was typed into the form: text, or None for nothing; the id of the chosen customer."""
    values: dict[str, Any] = {name: str(form.get(name, "")).replace("\x00", "").strip() or None for name in FIELDS}
    return values | {"customer_id": id_of(values["customer_id"]) or None}
