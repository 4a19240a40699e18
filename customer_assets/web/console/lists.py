"""Lists: filters, columns and pages; all of their state is in their address."""

from __future__ import annotations

import time
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from customer_assets.runtime.runtime import Runtime
from customer_assets.store.database import Connection
from customer_assets.store.reads import console
from customer_assets.store.users import Session
from customer_assets.web.console.listings import ListPage
from customer_assets.web.console.screen import Screen, link_of
from customer_assets.web.console.tables import Column

OFFERED_SECONDS = 60  # what filters offer is as old at most


def chosen_columns(columns: list[Column], request: Request) -> list[Column]:
    """Of these columns those that the address names; all for none."""
    wanted = set(request.query_params.getlist("column"))
    return [column for column in columns if column.name in wanted] or columns


def page_number(request: Request) -> int:
    """Which page the address asks for, from 0."""
    asked = request.query_params.get("page", "0")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0


class Lists(Screen):
    """Any list that is declared."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._offered: tuple[dict[str, list[str]], float] = ({}, 0.0)

    def listing(self, listed: ListPage) -> Any:
        """A list with filters and pages; all of its state is in its address."""

        async def show(request: Request, session: Session) -> Response:
            page, found, more = await run_in_threadpool(self._page, listed.name, request)
            return await self._show(
                request,
                session,
                "list.html",
                title=listed.title,
                rows=found,
                columns=chosen_columns(listed.columns, request),
                all_columns=listed.columns,
                filters=listed.filters,
                actions=listed.actions,
                bulk=None,
                export=listed.name,
                page=page,
                more=more,
                link=link_of(request),
            )

        return show

    def _page(self, name: str, request: Request) -> tuple[int, list[dict[str, Any]], bool]:
        page = page_number(request)
        with self._connect() as connection:
            found, more = console.rows_of(
                connection, name, dict(request.query_params), page=page, sort=request.query_params.get("sort")
            )
        return page, found, more

    def _choices(self, connection: Connection) -> dict[str, list[str]]:
        """What the filters offer, worked out now and then: on a million customers it takes half a second."""
        known, at = self._offered
        if time.monotonic() - at > OFFERED_SECONDS or not any(known.values()):
            known = console.choices(connection)
            self._offered = (known, time.monotonic())
        return known
