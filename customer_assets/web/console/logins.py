"""Logging in and out: a form, a throttle, a session."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from customer_assets.runtime.runtime import Runtime
from customer_assets.store import audit, users
from customer_assets.store.users import Session
from customer_assets.web.console.guard import (
    COOKIE,
    LoginThrottle,
    allowed_next,
    caller_of,
    is_foreign,
    resumed_page,
    set_cookie,
    typed_in,
)
from customer_assets.web.console.screen import Screen


class Logins(Screen):
    """Sessions begin and end here."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._throttle = LoginThrottle()
        self._verifying = asyncio.Semaphore(2)

    async def login(self, request: Request) -> Response:
        """A form; five wrong ones, and it is one a minute."""
        if request.method != "POST":
            target = allowed_next(request.query_params.get("next"))
            return await self._show(request, None, "login.html", next=target, resume=None, kept="")
        own = self._runtime.configuration.settings
        if is_foreign(request, own.public_url):
            return PlainTextResponse("this form is not of this site", status_code=403)

        form = await request.form()
        name, target = str(form.get("name", "")), allowed_next(form.get("next"))
        resume, kept = form.get("resume") and allowed_next(form.get("resume")), str(form.get("kept", ""))
        address = caller_of(request)
        keys = self._throttle.keys(name.strip().lower(), address)
        if self._throttle.is_held(keys):
            return await self._show(
                request,
                None,
                "login.html",
                status=429,
                next=target,
                resume=resume,
                kept=kept,
                failed="Too many wrong logins. Wait a minute.",
            )
        self._throttle.failed(keys)  # until it is known to be right, so that many at once are no way round
        async with self._verifying:  # each takes 64 MiB
            found = await run_in_threadpool(
                self._log_in, name, str(form.get("password", "")), str(form.get("code", ""))[:20], address
            )
        if found is None:
            return await self._show(
                request,
                None,
                "login.html",
                status=401,
                next=target,
                resume=resume,
                kept=kept,
                failed="Name or password is wrong, or the code, if you have an authenticator.",
            )
        self._throttle.succeeded([next(iter(keys))])  # of others' names, and elsewhere, it says nothing
        token, now = found
        response: Response = RedirectResponse(target, status_code=303)
        if resume:
            response = resumed_page(request, now, resume, typed_in(kept))
        set_cookie(response, token, request, hours=own.session_hours, is_behind_tls=own.is_behind_tls)
        return response

    def _log_in(self, name: str, password: str, code: str, address: str) -> tuple[str, Session] | None:
        with self._connect() as connection:
            hours = self._runtime.configuration.settings.session_hours
            found = users.log_in(connection, name, password, hours=hours, code=code)
            if found is None:
                # of a name that is nobody's no trace is kept: it may be a password in the wrong field
                who = name.strip().lower() if users.exists(connection, name.strip().lower()) else "nobody we know"
                audit.record(
                    connection, who=who, action="failed to log in", target="console", details={"from": address}
                )
                return None
            audit.record(connection, who=found[1].user, action="log in", target="console")
            return found

    async def logout(self, request: Request, _session: Session) -> Response:
        """End the session."""

        def end() -> None:
            with self._connect() as connection:
                users.log_out(connection, request.cookies.get(COOKIE, ""))

        await run_in_threadpool(end)
        response = RedirectResponse("/login", status_code=303)
        response.delete_cookie(COOKIE, path="/")
        return response
