"""What every screen needs: a connection, the frame around the page, and the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from customer_assets.runtime.runtime import Runtime
from customer_assets.store import audit
from customer_assets.store.database import Connection
from customer_assets.store.reads import console
from customer_assets.store.users import Session
from customer_assets.web.console.flash import FLASH, flashed, flashing
from customer_assets.web.console.tables import ago, beneath, cell, text, value_of

HERE = Path(__file__).parent
SCREENS = (
    ("/overview", "Overview", None),
    ("/golden", "Customers", None),
    ("/customers", "Records", None),
    ("/intakes", "Intakes", None),
    ("/invoices", "Invoices", None),
    ("/reminders", "Reminders", None),
    ("/changes", "Changes", None),
    ("/runs", "Sync runs", "running"),
    ("/webhooks", "Webhooks", "deliveries"),
    ("/conflicts", "Conflicts", "conflicts"),
    ("/reviews", "Match reviews", "reviews"),
    ("/audit", "Audit", None),
    ("/health", "Health", None),
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


@cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    found.globals.update(cell=cell, ago=ago, value_of=value_of, text=text, beneath=beneath)
    return found


class Screen:
    """Pages of one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def _connect(self) -> AbstractContextManager[Connection]:
        return self._runtime.pool.connection(statement_seconds=20)

    async def _show(
        self, request: Request, session: Session | None, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        numbers, failing = await run_in_threadpool(self._standing) if session else ({}, [])
        flash = flashed(request.cookies.get(FLASH), session.csrf) if session else None
        screens = [(path, label, numbers.get(key or "", 0)) for path, label, key in SCREENS]
        token = Markup('<input type="hidden" name="csrf" value="{}">').format(session.csrf) if session else ""
        page = (
            _templates()
            .get_template(template)
            .render(
                {"failed": None, **values},
                flash=flash,
                numbers=numbers,
                failing=failing,
                request=request,
                session=session,
                screens=screens,
                token=token,
            )
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
            return console.counts(connection), console.failed_syncs(connection)

    def _audit(self, who: str, action: str, target: str, details: Mapping[str, Any]) -> None:
        with self._connect() as connection:
            audit.record(connection, who=who, action=action, target=target, details=details)


def link_of(request: Request) -> Any:
    """A function that gives the address of another page of this list."""

    def link(page: int) -> str:
        kept = [(k, v) for k, v in request.query_params.multi_items() if k != "page"]
        return f"{request.url.path}?{urlencode([*kept, ('page', str(page))])}"

    return link
