"""Lists: filters, columns and pages; all of their state is in their address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from customer_assets.store.reads import console
from customer_assets.store.users import Session
from customer_assets.web.console.screen import Screen, link_of
from customer_assets.web.console.tables import COLUMNS, Column


def choice(name: str, label: str, values: Sequence[Any]) -> dict[str, Any]:
    """A filter with these values, or (value, label) pairs."""
    return {"name": name, "label": label, "choices": [v if isinstance(v, tuple) else (v, v) for v in values]}


HAS_PHONE = choice("phone", "Phone", [("none", "no phone"), ("some", "with a phone")])
HAS_CUSTOMER = choice("customer", "Customer", [("none", "no customer"), ("some", "with a customer")])


def chosen_columns(name: str, request: Request) -> list[Column]:
    """The columns that the address names; all for none."""
    wanted = set(request.query_params.getlist("column"))
    return [column for column in COLUMNS[name] if column.name in wanted] or COLUMNS[name]


def page_number(request: Request) -> int:
    """Which page the address asks for, from 0."""
    asked = request.query_params.get("page", "0")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0


class Lists(Screen):
    """Any list that is declared."""

    def listing(
        self,
        name: str,
        title: str,
        filters: Sequence[Mapping[str, Any]],
        actions: Sequence[tuple[str, str]] = (),
    ) -> Any:
        """A list with filters and pages; all of its state is in its address."""

        async def show(request: Request, session: Session) -> Response:
            page, found, more = await run_in_threadpool(self._page, name, request)
            return await self._show(
                request,
                session,
                "list.html",
                title=title,
                rows=found,
                columns=chosen_columns(name, request),
                all_columns=COLUMNS[name],
                filters=filters,
                actions=actions,
                bulk=None,
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
