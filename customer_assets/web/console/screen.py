"""What every screen needs: a connection, the frame around the page, and the audit log."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from customer_assets.runtime.runtime import Runtime
from customer_assets.store import audit
from customer_assets.store.database import Connection
from customer_assets.store.reads import console, inbox
from customer_assets.store.users import Session
from customer_assets.web.console.flash import FLASH, flashed, flashing
from customer_assets.web.console.languages import (
    LANGUAGE,
    LANGUAGES,
    RIGHT_TO_LEFT,
    language_of,
    money,
    number,
    say,
)
from customer_assets.web.console.tables import ZONE, ago, beneath, cell, text, value_of

HERE = Path(__file__).parent
# (group, its screens: (address, label, the number beside it, the role that it needs))
SCREENS = (
    ("", (("/overview", "Overview", None, "viewer"), ("/inbox", "Inbox", "inbox", "viewer"))),
    (
        "Customers",
        (
            ("/golden", "Customers", None, "viewer"),
            ("/customers", "Records", None, "viewer"),
            ("/intakes", "Intakes", None, "viewer"),
        ),
    ),
    ("Money", (("/invoices", "Invoices", None, "viewer"), ("/reminders", "Reminders", None, "viewer"))),
    (
        "To decide",
        (("/conflicts", "Conflicts", "conflicts", "viewer"), ("/reviews", "Match reviews", "reviews", "viewer")),
    ),
    (
        "What happened",
        (
            ("/night", "Last night", None, "viewer"),
            ("/changes", "Changes", None, "viewer"),
            ("/runs", "Sync runs", "running", "viewer"),
            ("/webhooks", "Webhooks", "deliveries", "viewer"),
            ("/audit", "Audit", None, "viewer"),
        ),
    ),
    (
        "Set up",
        (
            ("/import", "Import invoices", None, "editor"),
            ("/health", "Health", None, "viewer"),
            ("/subscriptions", "Subscriptions", None, "admin"),
            ("/users", "Users", None, "admin"),
        ),
    ),
)


class RowConvertor(Convertor[int]):
    """An id in an address: no longer than the database can hold."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        """As a number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """As it stands in an address."""
        return str(value)


register_url_convertor("row", RowConvertor())


class Token:
    """What a form of a login brings along: whose it is, and a key of its own, so that it is sent once."""

    def __init__(self, csrf: str) -> None:
        self._csrf = csrf

    def __html__(self) -> str:
        """Another key at each use."""
        return Markup(
            '<input type="hidden" name="csrf" value="{}"><input type="hidden" name="once" value="{}">'
        ).format(masked(self._csrf), secrets.token_urlsafe(12))


def masked(secret: str) -> str:
    """A secret otherwise at each showing: a page is compressed, and what stands in it twice would show in its length."""
    plain = secret.encode()
    pad = secrets.token_bytes(len(plain))
    return base64.urlsafe_b64encode(pad + bytes(a ^ b for a, b in zip(pad, plain, strict=True))).decode()


def unmasked(shown: str) -> bytes:
    """The secret that was shown so; blank for what was not."""
    try:
        both = base64.urlsafe_b64decode(shown.encode())
    except ValueError:
        return b""
    half = len(both) // 2
    return bytes(a ^ b for a, b in zip(both[:half], both[half:], strict=False))


@cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    found.globals.update(
        cell=cell,
        ago=ago,
        value_of=value_of,
        text=text,
        beneath=beneath,
        without=without,
        _=say,
        number=number,
        money=money,
    )
    return found


def render(
    request: Request, session: Session | None, template: str, *, numbers: Mapping[str, int] | None = None, **values: Any
) -> str:
    """A page in its frame.

    Args:
        request, session: who asked for what; without a session there is no navigation.
        template: which page.
        numbers: what the navigation shows beside its screens.
        values: of the page.
    """
    screens = [
        (group, [(path, label, (numbers or {}).get(key or "", 0)) for path, label, key, role in found])
        for group, members in SCREENS
        if session and (found := [one for one in members if session.may(one[3])])
    ]
    language = language_of(request)
    LANGUAGE.set(language)
    usual: dict[str, Any] = {"failed": None, "flash": None, "failing": [], "numbers": numbers or {}, "provider": None}
    token = Token(session.csrf) if session else ""
    return (
        _templates()
        .get_template(template)
        .render(
            {**usual, **values},
            request=request,
            session=session,
            screens=screens,
            token=token,
            language=language,
            languages=LANGUAGES,
            direction="rtl" if language in RIGHT_TO_LEFT else "ltr",
        )
    )


def failed_page(request: Request, session: Session | None, message: str, *, status: int) -> Response:
    """Why a page cannot be shown, in the frame, with a way on."""
    return HTMLResponse(render(request, session, "failed.html", message=message, code=status), status_code=status)


def id_of(said: object) -> int:
    """The id that a form says; 0, which is no row's, where it says none."""
    text = str(said or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def chosen_ids(form: FormData | QueryParams) -> list[int]:
    """Ids of the rows that were selected in a list."""
    return [number for number in map(id_of, form.getlist("id")) if number]


class Screen:
    """Pages of one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def _connect(self) -> AbstractContextManager[Connection]:
        return self._runtime.pool.connection(statement_seconds=20)

    async def _show(
        self, request: Request, session: Session | None, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        ZONE.set(ZoneInfo(self._runtime.configuration.settings.timezone))
        numbers, failing = await run_in_threadpool(self._standing) if session else ({}, [])
        own = self._runtime.configuration.settings
        provider = own.oidc_name if own.oidc_issuer and not session else None
        flash = flashed(request.cookies.get(FLASH), session.csrf) if session else None
        page = render(
            request,
            session,
            template,
            numbers=numbers,
            flash=flash,
            failing=failing,
            provider=provider,
            **values,
        )
        response = HTMLResponse(page, status_code=status)
        if request.cookies.get(FLASH) is not None:
            response.delete_cookie(FLASH, path="/")
        return response

    def _go(self, target: str, session: Session, message: str, *, bad: bool = False) -> Response:
        """On to another page, which says this once; it travels signed, so that no link can put words into a page."""
        response = RedirectResponse(target, status_code=303)
        response.set_cookie(
            FLASH, flashing(message, session.csrf, bad=bad), max_age=60, httponly=True, samesite="lax", path="/"
        )
        return response

    def _standing(self) -> tuple[dict[str, int], list[dict[str, Any]]]:
        with self._connect() as connection:
            counts, failing = console.counts(connection), inbox.failed_syncs(connection)
            return counts | {"inbox": counts["inbox"] + len(failing)}, failing

    def _audit(self, who: str, action: str, target: str, details: Mapping[str, Any]) -> None:
        with self._connect() as connection:
            audit.record(connection, who=who, action=action, target=target, details=details)


def link_of(request: Request) -> Any:
    """A function that gives the address of another page of this list."""

    def link(page: int) -> str:
        kept = [(k, v) for k, v in request.query_params.multi_items() if k != "page"]
        return f"{request.url.path}?{urlencode([*kept, ('page', str(page))])}"

    return link


def without(request: Request, *names: str, **added: str) -> str:
    """The address of this list without some of its parameters, and with others; it begins at its first page."""
    kept = [(k, v) for k, v in request.query_params.multi_items() if v and k not in (*names, *added, "page")]
    query = urlencode([*kept, *added.items()])
    return f"{request.url.path}?{query}" if query else request.url.path
