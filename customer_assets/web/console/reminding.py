"""One payment reminder, and that it was sent, or could not be."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customer_assets.errors import CustomerAssetsError
from customer_assets.pipeline.invoices.remind import mark_reminder
from customer_assets.store.invoices import reminders
from customer_assets.store.users import Session
from customer_assets.web.console.screen import Screen


class Reminding(Screen):
    """What somebody did who reminds customers by hand."""

    async def mark(self, request: Request, session: Session) -> Response:
        """Show a reminder; then note what became of it."""
        reminder_id = request.path_params["id"]
        if request.method != "POST":

            def find() -> dict[str, Any] | None:
                with self._connect() as connection:
                    return reminders.reminder(connection, reminder_id)

            found = await run_in_threadpool(find)
            if found is None:
                return PlainTextResponse("no such reminder", status_code=404)
            return await self._show(request, session, "reminder.html", reminder=found)
        form = await request.form()
        outcome, failure = str(form.get("outcome")), str(form.get("failure", "")).strip() or None
        if outcome not in ("sent", "failed"):
            return PlainTextResponse("outcome: sent or failed", status_code=422)

        def note() -> None:
            is_sent = outcome == "sent"
            mark_reminder(
                self._runtime.context(trigger="web"), reminder_id, is_sent=is_sent, failure=None if is_sent else failure
            )
            self._audit(session.user, f"reminder {outcome}", f"reminder {reminder_id}", {})

        try:
            await run_in_threadpool(note)
        except CustomerAssetsError as error:
            return self._go(f"/reminders/{reminder_id}", session, str(error), bad=True)
        return self._go("/reminders?day=come&status=pending", session, "Noted")
