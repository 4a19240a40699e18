"""Users: for administrators all of them, for everybody oneself: password, logins, tokens of the JSON API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from customer_assets.errors import ConfigurationError
from customer_assets.runtime.runtime import Runtime
from customer_assets.store import access_tokens, audit, console, second_factor, users
from customer_assets.store.database import Connection
from customer_assets.store.users import Session
from customer_assets.web.console.guard import LOGIN_TRIES, LoginThrottle
from customer_assets.web.console.screen import Screen

TOKEN_DAYS = 365
WITH_PASSWORD = ("password", "no-code")  # what somebody at an open screen may not do


class People(Screen):
    """Who may come in."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._throttle = LoginThrottle()
        self._verifying = asyncio.Semaphore(2)

    async def users(self, request: Request, session: Session) -> Response:
        """All users; what is done to one is done at once, and stands in the audit log."""
        if request.method == "POST":
            return await self._done("/users", session, self._of_users(await request.form(), session))

        def read() -> list[dict[str, Any]]:
            with self._connect() as connection:
                return users.list_users(connection)

        found = await run_in_threadpool(read)
        return await self._show(
            request, session, "users.html", users=found, roles=users.ROLES, shortest=users.SHORTEST_PASSWORD
        )

    def _of_users(self, form: Any, session: Session) -> Callable[[Connection], str]:
        name, role = str(form.get("name", "")).strip().lower(), str(form.get("role", ""))
        password = str(form.get("password", ""))

        def do(connection: Connection) -> str:
            details: dict[str, Any] = {}
            match form.get("action"):
                case "add":
                    users.add_user(connection, name, password, role=role)
                    said, details = f"{name} was added", {"role": role}
                case "role":
                    users.set_role(connection, name, role)
                    said, details = f"{name} is {role} now", {"role": role}
                case "password":
                    users.set_password(connection, name, password)
                    said = f"{name} has a new password; all logins of {name} ended"
                case "no-code":
                    second_factor.remove(connection, name)
                    said = f"{name} logs in by password alone, until another authenticator is set up"
                case "disable" | "enable" as which:
                    users.disable(connection, name, is_disabled=which == "disable")
                    said = f"{name} cannot log in any more" if which == "disable" else f"{name} can log in again"
                case "remove":
                    users.remove_user(connection, name)
                    said = f"{name} was removed; what {name} did stays in the audit log"
                case _:
                    raise ConfigurationError("say what is to be done")
            audit.record(connection, who=session.user, action=f"user {form['action']}", target=name, details=details)
            return said

        return do

    async def me(self, request: Request, session: Session) -> Response:
        """Oneself."""
        form = await request.form() if request.method == "POST" else None
        if form is not None and form.get("action") == "token":
            return await self._new_token(request, session, form)
        if form is not None and form.get("action") == "authenticator":
            return await self._myself(request, session, secret=second_factor.new_secret())
        if form is not None and form.get("action") in WITH_PASSWORD and not await self._knows(form, session):
            return self._go("/me", session, "The old password is wrong, or was too often: wait a minute", bad=True)
        if form is not None:
            target = "/login" if form.get("action") == "password" else "/me"
            return await self._done(target, session, self._of_myself(form, session))
        return await self._myself(request, session)

    async def _knows(self, form: Any, session: Session) -> bool:
        """Whether somebody at an open screen knows the password; as a login, not more often than that."""
        key = {f"own password of {session.user}": LOGIN_TRIES}
        if self._throttle.is_held(key):
            return False
        self._throttle.failed(key)

        def verify() -> bool:
            with self._connect() as connection:
                known = users.knows_password(connection, session.user, str(form.get("old", "")))
                if not known:
                    audit.record(connection, who=session.user, action="failed to log in", target="own password")
                return known

        async with self._verifying:  # each takes 64 MiB
            known = await run_in_threadpool(verify)
        if known:
            self._throttle.succeeded(key)
        return known

    async def _myself(
        self, request: Request, session: Session, *, token: str | None = None, secret: str | None = None
    ) -> Response:
        def read() -> tuple[list[dict[str, Any]], list[dict[str, Any]], bool]:
            with self._connect() as connection:
                own = [t for t in access_tokens.listed(connection) if t["owner"] == session.user]
                has_code = second_factor.is_set_up(connection, session.user)
                return console.sessions(connection, session.user), own, has_code

        sessions, tokens, has_code = await run_in_threadpool(read)
        return await self._show(
            request,
            session,
            "me.html",
            sessions=sessions,
            tokens=tokens,
            made=token,
            has_code=has_code,
            secret=secret,
            picture=_picture(secret, session.user) if secret else None,
            days=TOKEN_DAYS,
            shortest=users.SHORTEST_PASSWORD,
        )

    async def _new_token(self, request: Request, session: Session, form: Any) -> Response:
        """A token of one's own: it may no more than its owner, has an end, and is shown once."""
        days = str(form.get("days", ""))
        name = f"{session.user}/{str(form.get('name', '')).strip()[:60]}"

        def make() -> str:
            if name.endswith("/") or not (days.isascii() and days.isdigit()) or not 0 < int(days) <= TOKEN_DAYS:
                raise ConfigurationError(f"a token needs a name and an end within {TOKEN_DAYS} days")
            role = "editor" if session.may("editor") and form.get("role") == "editor" else "viewer"
            with self._connect() as connection, connection.transaction():
                token = access_tokens.add(connection, name, role=role, days=int(days), owner=session.user)
                details = {"role": role, "days": int(days)}
                audit.record(connection, who=session.user, action="token add", target=name, details=details)
            return token

        try:
            token = await run_in_threadpool(make)
        except ConfigurationError as error:
            return self._go("/me", session, str(error), bad=True)
        return await self._myself(request, session, token=token)

    def _of_myself(self, form: Any, session: Session) -> Callable[[Connection], str]:
        def do(connection: Connection) -> str:
            match form.get("action"):
                case "password":
                    if form.get("new") != form.get("again"):
                        raise ConfigurationError("the new password is not the same twice")
                    users.set_password(connection, session.user, str(form.get("new", "")))
                    said, target = "You have a new password: log in with it", session.user
                case "code":
                    second_factor.set_up(
                        connection, session.user, str(form.get("secret", ""))[:64], str(form.get("code", ""))[:20]
                    )
                    said, target = "From now on a login asks for a code, too", session.user
                case "no-code":
                    second_factor.remove(connection, session.user)
                    said, target = "A login asks for the password alone", session.user
                case "end":
                    target = str(form.get("session", ""))
                    ended = console.end_session(connection, session.user, target)
                    said = "That login ended" if ended else "That login had ended"
                case "revoke":
                    target = str(form.get("name", ""))
                    if target not in {
                        t["name"] for t in access_tokens.listed(connection) if t["owner"] == session.user
                    }:
                        raise ConfigurationError("that token is not yours")
                    access_tokens.revoke(connection, target)
                    said = "That token holds no more"
                case _:
                    raise ConfigurationError("say what is to be done")
            audit.record(connection, who=session.user, action=f"own {form['action']}", target=target)
            return said

        return do

    async def _done(self, target: str, session: Session, do: Callable[[Connection], str]) -> Response:
        def run() -> str:
            with self._connect() as connection, connection.transaction():
                return do(connection)

        back = "/me" if target == "/login" else target
        try:
            said = await run_in_threadpool(run)
        except ConfigurationError as error:
            return self._go(back, session, str(error), bad=True)
        if target == "/login":
            return RedirectResponse(target, status_code=303)
        return self._go(target, session, said)


def _picture(secret: str, name: str) -> Markup:
    """What an authenticator scans, drawn: no other host and no file is asked for it."""
    import segno

    address = second_factor.address_of(secret, name)
    return Markup(segno.make(address, micro=False).svg_inline(scale=4, dark="#000", light="#fff", omitsize=False))  # noqa: S704
