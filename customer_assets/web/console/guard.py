"""Who may come in: sessions, tokens of forms, throttled logins, and the headers that browsers heed."""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import msgspec
import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from customer_assets.runtime.runtime import Runtime
from customer_assets.store import access_tokens, users
from customer_assets.store.console import first_sending, release_form
from customer_assets.store.users import Session
from customer_assets.web.console.screen import failed_page, render, unmasked

COOKIE = "customer_assets_session"
LOGIN_TRIES = 5  # of one name at one address, then one a minute
ADDRESS_TRIES = 25  # of one address, where an office may sit behind
NAME_TRIES = 100  # of one name, from wherever
PROBES, METRICS = ("/livez", "/readyz"), "/metrics"
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
LOOPBACK = ("127.0.0.1", "::1")
FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")


class SecureHeaders:
    """Sets the headers on every answer."""

    def __init__(self, app: ASGIApp, *, is_behind_tls: bool = False) -> None:
        self.app = app
        self._headers = HEADERS | ({"strict-transport-security": "max-age=31536000"} if is_behind_tls else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class KnownHosts(TrustedHostMiddleware):
    """Answers to the host names that are ours; probes, and scrapes that bring a token, come by any address of the machine."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = scope.get("path")
        if path in PROBES or (path == METRICS and any(name == b"authorization" for name, _ in scope["headers"])):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class LoginThrottle:
    """So many wrong logins of one kind, then one a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}

    @staticmethod
    def keys(name: str, address: str) -> dict[str, int]:
        """What a login counts for, and how many wrong ones that may have.

        A name at an address comes first: nobody is shut out by what others do to their name elsewhere, or by colleagues whose
        requests come from the same address.
        """
        return {f"{name} at {address}": LOGIN_TRIES, f"address {address}": ADDRESS_TRIES, f"name {name}": NAME_TRIES}

    def is_held(self, keys: Mapping[str, int]) -> bool:
        """Whether one of them must wait."""
        return any(self._held(key, tries) for key, tries in keys.items())

    def _held(self, key: str, tries: int) -> bool:
        failures, last = self._failures.get(key, (0, 0.0))
        return failures >= tries and self._clock() - last < 60

    def failed(self, keys: Iterable[str]) -> None:
        """One more wrong login."""
        for key in keys:
            failures, _ = self._failures.get(key, (0, 0.0))
            self._failures[key] = (failures + 1, self._clock())
            if len(self._failures) > 10_000:
                del self._failures[next(iter(self._failures))]

    def succeeded(self, keys: Iterable[str]) -> None:
        """Forget what was before."""
        for key in keys:
            self._failures.pop(key, None)


Typed = list[tuple[str, str]]  # names and values of a form
Handler = Callable[[Request, Session], Awaitable[Response]]


class Guard:
    """Opens doors: wraps handlers of pages by the role that they need."""

    def __init__(self, runtime: Runtime) -> None:
        self._pool = runtime.pool
        self._public_url = runtime.configuration.settings.public_url
        token = runtime.configuration.settings.api_token
        self._api_token = token.get_secret_value() if token else None
        # once other host names are allowed, a proxy is to be expected, and this machine is no longer a recommendation
        self._is_local = set(runtime.configuration.settings.web_hosts) <= {
            "127.0.0.1",
            "localhost",
            "[::1]",
        }

    async def session(self, request: Request) -> Session | None:
        """The session of a request's cookie."""
        token = request.cookies.get(COOKIE)
        return await run_in_threadpool(self._session, token) if token else None

    def _session(self, token: str) -> Session | None:
        with self._pool.connection(statement_seconds=5) as connection:
            return users.session_of(connection, token)

    def page(self, role: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A page for users of at least this role. A form must bring the token of its session along."""

        async def guarded(request: Request) -> Response:
            is_sent = request.method not in ("GET", "HEAD")
            if is_sent and (refusal := self._refusal(request)) is not None:
                return refusal
            session = await self.session(request)
            if session is None:
                return await _log_in_first(request, is_sent=is_sent)
            if not session.may(role):
                message = f"this needs the role {role}; yours is {session.role}"
                return failed_page(request, session, message, status=403)
            once = ""
            if is_sent:
                form = await request.form(max_fields=MOST_FIELDS)
                if not hmac.compare_digest(unmasked(str(form.get("csrf", ""))), session.csrf.encode()):
                    if _KEPT.fullmatch(request.url.path):  # of an older login: it is shown, and sent by who sees it
                        return resumed_page(request, session, request.url.path, _typed(form), status=403)
                    message = "this form is not of this login; open the page again"
                    return failed_page(request, session, message, status=403)
                once = str(form.get("once", ""))
                if once and not await run_in_threadpool(self._is_first, once):
                    message = "this form was sent before, and is done: a second time does nothing"
                    return failed_page(request, session, message, status=409)
            status = 500
            try:
                answer = await handler(request, session)
                status = answer.status_code
            finally:
                await request.close()  # and with it what was uploaded
                if once and status >= 400:  # nothing was done: it may be sent again
                    await run_in_threadpool(self._release, once)
            if isinstance(answer, PlainTextResponse):  # why it cannot be done; in the frame there is a way on
                return failed_page(request, session, bytes(answer.body).decode(), status=answer.status_code)
            return answer

        return guarded

    def _refusal(self, request: Request) -> Response | None:
        """Why a form is not even read: what another site sends has no cookie, and is not to be gone on with, either."""
        if is_foreign(request, self._public_url):
            return PlainTextResponse("this form is not of this site", status_code=403)
        if _size(request) > (LARGEST_UPLOAD if request.url.path == UPLOAD else LARGEST_FORM):
            return PlainTextResponse("this is too large", status_code=413, headers={"connection": "close"})
        return None

    def _release(self, once: str) -> None:
        with suppress(psycopg.Error), self._pool.connection(statement_seconds=5) as connection:
            release_form(connection, once)

    def _is_first(self, once: str) -> bool:
        with self._pool.connection(statement_seconds=5) as connection:
            return first_sending(connection, once)

    def api(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """An address of the JSON API: a token, a login, or, where no token is set, this machine."""

        async def guarded(request: Request) -> Response:
            if await self.may_read(request):
                return await handler(request)
            return JSONResponse(
                {"error": "Authorization: Bearer <API_TOKEN> is needed, or a login"},
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )

        return guarded

    def api_write(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """An address of the JSON API that changes something: a token, or, where none is set, this machine; no login.

        Only JSON is taken: a page of another site cannot send that without being asked first.
        """

        async def guarded(request: Request) -> Response:
            if not self._is_trusted(request) and await self._token_role(request) != "editor":
                return JSONResponse(
                    {"error": "Authorization: Bearer <API_TOKEN> is needed, or a token with the role editor"},
                    status_code=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
            if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return JSONResponse({"error": "send application/json"}, status_code=415)
            return await handler(request)

        return guarded

    def _is_trusted(self, request: Request) -> bool:
        """A right token, or, where none is set, a request from this machine."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if self._api_token is not None:
            return hmac.compare_digest(given.encode(), self._api_token.encode())
        # a proxy on this machine speaks for others
        is_local = self._is_local and request.client is not None and request.client.host in LOOPBACK
        return is_local and not any(name in request.headers for name in FORWARDED)

    async def may_read(self, request: Request) -> bool:
        """Whether a request may read the JSON API."""
        if self._is_trusted(request) or await self._token_role(request) is not None:
            return True
        return await self.session(request) is not None

    async def _token_role(self, request: Request) -> str | None:
        """The role of a named token that a request brings; None where it brings none that holds."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        return await run_in_threadpool(self._role_of, given) if given else None

    def _role_of(self, token: str) -> str | None:
        with self._pool.connection(statement_seconds=5) as connection:
            return access_tokens.role_of(connection, token)


# forms that take long to write, and do nothing that cannot be seen and undone
_KEPT = re.compile(r"/customers/[0-9]+/edit|/intakes/(?:new|[0-9]+)|/golden/[0-9]+/notes")
UPLOAD = "/import"
LARGEST_UPLOAD, LARGEST_FORM = 60 * 1024 * 1024, 2 * 1024 * 1024  # bytes
MOST_FIELDS = 5_000  # of a form: two for each of five hundred records, and more


def _size(request: Request) -> int:
    """How large a request says that it is; one that does not say is taken for the largest."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 12 else LARGEST_UPLOAD + 1


async def _log_in_first(request: Request, *, is_sent: bool) -> Response:
    """The login, before what was asked for; of a form that takes long to write, with what was typed."""
    if is_sent and _KEPT.fullmatch(request.url.path):
        return await _log_in_and_go_on(request)
    if is_sent:
        page = render(request, None, "login.html", next="/", resume=None, kept="")
        return HTMLResponse(page, status_code=401, headers={"connection": "close"})
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(asked)}", status_code=303)


async def _log_in_and_go_on(request: Request) -> Response:
    """The login was over while somebody typed: what was typed is kept in the page, and sent after the login."""
    form = await request.form()
    kept = json.dumps(_typed(form))
    page = render(request, None, "login.html", next=request.url.path, resume=request.url.path, kept=kept)
    return HTMLResponse(page, status_code=401)


def _typed(form: FormData) -> Typed:
    """What somebody typed into a form."""
    return [(k, v) for k, v in form.multi_items() if isinstance(v, str) and k not in ("csrf", "once", "password")]


def typed_in(kept: str) -> Typed:
    """What the login's page kept of a form; nothing where that is no list of pairs."""
    try:
        return msgspec.json.decode(kept, type=Typed)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return []


def resumed_page(request: Request, session: Session, action: str, typed: Typed, *, status: int = 200) -> Response:
    """What was typed before this login, to be looked at and sent by it: nothing of it was done."""
    return HTMLResponse(render(request, session, "resume.html", action=action, fields=typed), status_code=status)


def set_cookie(response: Response, token: str, request: Request, *, hours: float, is_behind_tls: bool = False) -> None:
    """The session's cookie: not for scripts, not for other sites, and only over TLS where there is TLS."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(hours * 3600),
        httponly=True,
        samesite="lax",
        secure=is_behind_tls or request.url.scheme == "https",
        path="/",
    )


def caller_of(request: Request) -> str:
    """The address that a request comes from; behind a proxy that is trusted, the one that it names."""
    return request.client.host if request.client else "unknown"


def allowed_next(target: Any) -> str:
    """A path of ours to go on to after a login; anything else is the start page."""
    path = str(target or "/")
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


def is_foreign(request: Request, public_url: str | None = None) -> bool:
    """Whether a browser says that another site sent this form."""
    origin = request.headers.get("origin")
    if origin is not None and origin != public_url and origin.partition("://")[2] != request.headers.get("host"):
        return True
    return request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
