"""Webhooks out: who is told of changed customers, what they were told, and telling it once more."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customer_assets.errors import ConfigurationError
from customer_assets.store import audit
from customer_assets.store.reads import console
from customer_assets.store.users import Session
from customer_assets.store.webhooks import outgoing
from customer_assets.web.console.screen import Screen
from customer_assets.web.webhooks.sender import new_secret, usable_address


class Subscriptions(Screen):
    """Other systems."""

    async def subscriptions(self, request: Request, session: Session) -> Response:
        """All of them; what is done to one is done at once, and stands in the audit log."""
        made: tuple[str, str] | None = None
        if request.method == "POST":
            form = await request.form()
            try:
                said, secret = await run_in_threadpool(self._change, form, session)
            except ConfigurationError as error:
                return self._go("/subscriptions", session, str(error), bad=True)
            if secret is None:
                return self._go("/subscriptions", session, said)
            made = said, secret

        def read() -> list[dict[str, Any]]:
            with self._connect() as connection:
                return outgoing.subscriptions(connection)

        found = await run_in_threadpool(read)
        return await self._show(
            request, session, "subscriptions.html", subscriptions=found, events=outgoing.EVENTS, made=made
        )

    def _change(self, form: Any, session: Session) -> tuple[str, str | None]:
        """What is said of it, and the secret of a new one."""
        name, action, secret = str(form.get("name", "")).strip(), form.get("action"), None
        with self._connect() as connection, connection.transaction():
            match action:
                case "add":
                    secret = new_secret()
                    address = usable_address(str(form.get("url", "")))
                    events = [str(event) for event in form.getlist("event")]
                    outgoing.subscribe(
                        connection, name=name, url=address, secret=secret, events=events, by=session.user
                    )
                    said = name
                case "on" | "off":
                    outgoing.switch(connection, name, on=action == "on", because=f"by {session.user}")
                    said = "It is told again" if action == "on" else "It is told nothing any more"
                case "remove":
                    outgoing.unsubscribe(connection, name)
                    said = "It was removed, and its messages"
                case "again":
                    outgoing.send_again(connection, None)
                    said = "All messages that failed are sent once more"
                case _:
                    raise ConfigurationError("say what is to be done")
            audit.record(connection, who=session.user, action=f"subscription {action}", target=name)
        return said, secret

    async def message(self, request: Request, session: Session) -> Response:
        """One message, and what became of it."""

        def read() -> dict[str, Any] | None:
            with self._connect() as connection:
                return console.message(connection, request.path_params["id"])

        found = await run_in_threadpool(read)
        if found is None:
            return PlainTextResponse("no such message", status_code=404)
        return await self._show(request, session, "message.html", m=found)

    async def again(self, request: Request, session: Session) -> Response:
        """Send a message once more."""
        number = request.path_params["id"]

        def send() -> int:
            with self._connect() as connection, connection.transaction():
                audit.record(connection, who=session.user, action="send again", target=f"message {number}")
                return outgoing.send_again(connection, [number])

        if not await run_in_threadpool(send):
            return PlainTextResponse("no such message", status_code=404)
        return self._go(f"/messages/{number}", session, "It is sent once more")
