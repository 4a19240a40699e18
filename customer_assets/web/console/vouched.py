"""Logging in with an identity provider: there and back."""

from __future__ import annotations

import hmac

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from customer_assets.errors import ConfigurationError, TransientError
from customer_assets.runtime.oidc import Attempt, Person, Provider
from customer_assets.runtime.runtime import Runtime
from customer_assets.store import users
from customer_assets.web.console.guard import LoginThrottle, allowed_next, caller_of, set_cookie
from customer_assets.web.console.screen import Screen

COOKIE = "customer_assets_attempt"
BACK = "/login/provider/back"
ATTEMPT_SECONDS = 600
ATTEMPTS = 40  # of one address without a login, there and back, then one a minute


class _Kept(msgspec.Struct):
    attempt: Attempt
    next: str


class Vouched(Screen):
    """Who is known elsewhere."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._throttle = LoginThrottle()

    async def leave(self, request: Request) -> Response:
        """To the provider; what belongs to this attempt stays in the browser, out of reach of scripts."""
        if (provider := self._provider(request)) is None:
            return PlainTextResponse("no identity provider is set up", status_code=404)
        if (held := self._held(request)) is not None:
            return held
        try:
            address, attempt = await run_in_threadpool(provider.begin)
        except TransientError as error:
            return await self._failed(request, str(error), status=503)
        kept = _Kept(attempt, allowed_next(request.query_params.get("next")))
        response = RedirectResponse(address, status_code=303)
        response.set_cookie(
            COOKIE,
            msgspec.json.encode(kept).hex(),
            max_age=ATTEMPT_SECONDS,
            httponly=True,
            samesite="lax",  # the provider sends the browser back from its own site
            secure=self._runtime.configuration.settings.is_behind_tls,
            path=BACK,
        )
        return response

    async def come_back(self, request: Request) -> Response:
        """From the provider: a session, or why there is none."""
        if (provider := self._provider(request)) is None:
            return PlainTextResponse("no identity provider is set up", status_code=404)
        try:
            kept = msgspec.json.decode(bytes.fromhex(request.cookies.get(COOKIE, "")), type=_Kept)
            is_ours = hmac.compare_digest(request.query_params.get("state", "").encode(), kept.attempt.state.encode())
        except (msgspec.DecodeError, ValueError):
            is_ours = False
        if not is_ours:  # nobody is asked, and nothing is noted: anybody can make such a request
            message = "This login was begun elsewhere, or too long ago. Begin again."
            return await self._failed(request, message, status=400)
        if (held := self._held(request)) is not None:
            return held
        try:
            token = await run_in_threadpool(self._log_in, provider, kept.attempt, request)
        except TransientError as error:
            return await self._failed(request, str(error), status=503)
        except ConfigurationError as error:
            return await self._failed(request, str(error), status=403)
        own = self._runtime.configuration.settings
        self._throttle.succeeded([f"address {caller_of(request)}"])
        response = RedirectResponse(allowed_next(kept.next), status_code=303)
        set_cookie(response, token, request, hours=own.session_hours, is_behind_tls=own.is_behind_tls)
        response.delete_cookie(COOKIE, path=BACK)
        return response

    def _log_in(self, provider: Provider, attempt: Attempt, request: Request) -> str:
        try:
            person: Person = provider.end(attempt, str(request.url))
            with self._connect() as connection:
                token, session = users.log_in_vouched(
                    connection,
                    subject=person.subject,
                    name=person.name,
                    role=person.role,
                    hours=self._runtime.configuration.settings.session_hours,
                )
        except ConfigurationError as error:
            details = {"from": caller_of(request), "why": str(error)}
            self._audit("nobody we know", "failed to log in", "console, by provider", details)
            raise
        self._audit(session.user, "log in", "console, by provider", {"role": session.role})
        return token

    def _held(self, request: Request) -> Response | None:
        """An answer for an address that asks too often: each attempt asks the provider, too."""
        key = {f"address {caller_of(request)}": ATTEMPTS}
        if self._throttle.is_held(key):
            return PlainTextResponse("too many logins from here: wait a minute", status_code=429)
        self._throttle.failed(key)
        return None

    def _provider(self, request: Request) -> Provider | None:
        own = self._runtime.configuration.settings
        if own.oidc_issuer is None:
            return None
        ours = own.public_url or f"{request.url.scheme}://{request.url.netloc}"
        return Provider(own, back=ours + BACK)

    async def _failed(self, request: Request, message: str, *, status: int) -> Response:
        return await self._show(
            request, None, "login.html", status=status, next="/", resume=None, kept="", failed=message
        )
