"""Health: systems, webhooks, settings as set or not set, and when reminders are due."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customer_assets.runtime.timetable import timetable
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import audit
from customer_assets.store.invoices import reminders
from customer_assets.store.reads import api
from customer_assets.store.users import Session
from customer_assets.store.webhooks import endpoints
from customer_assets.web.console.screen import Screen


class Health(Screen):
    """How things are."""

    async def health(self, request: Request, session: Session) -> Response:
        """Systems, webhooks, settings as set or not set."""

        def read() -> dict[str, Any]:
            with self._connect() as connection:
                return {
                    "webhooks": endpoints.health_line(endpoints.delivery_health(connection)),
                    "silent": self._runtime.silent_accounts(connection),
                    "synced": api.health(connection)["synced"],
                    "reminders": reminders.reminder_settings(connection),
                }

        settings = [
            (
                f"{system.upper()}_{name.upper()}",
                "set"
                if any(a.system == system and getattr(a.settings, name) for a in self._runtime.configuration.accounts)
                else "not set",
            )
            for system, declared in SYSTEMS.items()
            for name, info in declared.settings.model_fields.items()
            if "SecretStr" in str(info.annotation) or name in declared.credentials
        ]
        own = self._runtime.configuration.settings
        return await self._show(
            request,
            session,
            "health.html",
            settings=settings,
            timezone=own.timezone,
            schedules=timetable(sumit_nightly=self._runtime.configuration.pushes_nightly),
            **await run_in_threadpool(read),
        )

    async def reminder_settings(self, request: Request, session: Session) -> Response:
        """When reminders are due."""
        form = await request.form()
        account = str(form.get("account", "default"))
        try:
            days = sorted({int(part) for part in str(form.get("days", "")).split(",") if part.strip()}, reverse=True)
        except ValueError:
            return PlainTextResponse("days are whole numbers, with commas between", status_code=422)
        if not days or any(abs(day) > 365 for day in days):
            return PlainTextResponse("days: some whole numbers within a year", status_code=422)
        channel = str(form.get("channel", "")).strip() or "whatsapp"
        is_enabled = form.get("is_enabled") == "yes"

        def store() -> None:
            with self._connect() as connection, connection.transaction():
                reminders.store_reminder_settings(
                    connection, account=account, days=days, channel=channel, is_enabled=is_enabled
                )
                audit.record(
                    connection,
                    who=session.user,
                    action="reminder settings",
                    target=account,
                    details={"days": days, "channel": channel, "is_enabled": is_enabled},
                )

        await run_in_threadpool(store)
        return self._go("/health", session, "Saved")
