"""Lists: filters, columns and pages; all of their state is in their address."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from customer_assets.runtime.runtime import Runtime
from customer_assets.store import console as kept
from customer_assets.store.database import Connection
from customer_assets.store.reads import lists
from customer_assets.store.reads.listings import LISTINGS
from customer_assets.store.users import Session
from customer_assets.web.console.guard import allowed_next
from customer_assets.web.console.languages import LANGUAGE, language_of, say
from customer_assets.web.console.listings import ListPage
from customer_assets.web.console.screen import Screen, id_of, link_of, without
from customer_assets.web.console.tables import Column

OFFERED_SECONDS = 60  # what filters offer is as old at most


def chosen_columns(name: str, columns: list[Column], request: Request) -> list[Column]:
    """Of a list's columns those that the address names, else those that were chosen last; all for none."""
    wanted = request.query_params.getlist("column") or request.cookies.get(_kept(name), "").split(".")
    return [column for column in columns if column.name in wanted] or columns


def _kept(name: str) -> str:
    """The cookie that remembers which columns of a list were chosen."""
    return f"columns_{name}"


def _remember(response: Response, name: str, chosen: Sequence[str], *, of: int) -> None:
    """Remember which of so many columns of a list were chosen; all of them are none."""
    if chosen:
        value = "" if len(chosen) == of else ".".join(chosen)
        response.set_cookie(_kept(name), value, max_age=31_536_000, httponly=True, samesite="lax", path="/")


def page_number(request: Request) -> int:
    """Which page the address asks for, from 0."""
    asked = request.query_params.get("page", "0")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0


def _chips(request: Request, filters: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What narrows the list: (in words, the address without it)."""
    LANGUAGE.set(language_of(request))
    chips = []
    for wanted in filters:
        if (value := request.query_params.get(wanted["name"])) and wanted["name"] != "sort":
            words = dict(wanted["choices"] or ()).get(value, value)
            chips.append((f"{say(wanted['label'])}: {say(words)}", without(request, wanted["name"])))
    return chips


class Lists(Screen):
    """Any list that is declared."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._offered: tuple[dict[str, list[str]], float] = ({}, 0.0)

    def listing(self, listed: ListPage) -> Any:
        """A list with filters and pages; all of its state is in its address."""

        async def show(request: Request, session: Session) -> Response:
            page, found, more = await run_in_threadpool(self._page, listed.name, request)
            return await self._list(
                request,
                session,
                listed.name,
                listed.columns,
                (page, found, more),
                title=listed.title,
                filters=listed.filters,
                actions=listed.actions,
            )

        return show

    async def _list(
        self,
        request: Request,
        session: Session,
        name: str,
        columns: list[Column],
        page: tuple[int, list[dict[str, Any]], bool],
        *,
        title: str,
        filters: Sequence[Mapping[str, Any]],
        actions: Sequence[tuple[str, str]],
        **values: Any,
    ) -> Response:
        """A list as it is shown: filters, what they leave in all, views that were kept, headings that sort.

        Args:
            request, session: who asks for what.
            name: of the list.
            columns: that it may show.
            page: number, rows, whether another page follows.
            title, filters, actions: of the list.
            values: what else the page needs.
        """

        def read() -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
            with self._connect() as connection:
                rows, sums = lists.totals_of(connection, name, dict(request.query_params))
                rows = max(rows, len(page[1]))  # what is shown in place of nothing is counted, too
                return rows, sums, kept.views(connection, session.user, request.url.path)

        total, sums, views = await run_in_threadpool(read)
        number, rows, more = page
        response = await self._show(
            request,
            session,
            "list.html",
            title=title,
            rows=rows,
            columns=chosen_columns(name, columns, request),
            all_columns=columns,
            filters=filters,
            chips=_chips(request, filters),
            actions=actions,
            export=name,
            page=number,
            more=more,
            total=total,
            most=lists.MOST_COUNTED,
            sums=sums,
            views=views,
            sortable=LISTINGS[name].by_heading,
            sort=request.query_params.get("sort", ""),
            link=link_of(request),
            **{"bulk": None, "note": None, **values},
        )
        asked = set(request.query_params.getlist("column"))
        _remember(response, name, [column.name for column in columns if column.name in asked], of=len(columns))
        return response

    async def keep_view(self, request: Request, session: Session) -> Response:
        """Keep what a list shows under a name, or forget it."""
        form = await request.form()
        target, name = allowed_next(form.get("path")), str(form.get("name", "")).strip()[:60]
        path, _, query = target.partition("?")

        def write() -> tuple[str, bool]:
            """What is said, and whether it went wrong."""
            with self._connect() as connection:
                if view := id_of(form.get("forget")):
                    is_mine = kept.forget_view(connection, view, user=session.user)
                    return "Forgotten" if is_mine else "It is not yours", not is_mine
                if not name:
                    return "A view needs a name", True
                shared = form.get("shared") is not None
                kept.keep_view(connection, user=session.user, path=path, name=name, query=query, is_shared=shared)
                return f"Kept as {name}", False

        said, bad = await run_in_threadpool(write)
        return self._go(target, session, said, bad=bad)

    def _page(self, name: str, request: Request) -> tuple[int, list[dict[str, Any]], bool]:
        page = page_number(request)
        with self._connect() as connection:
            found, more = lists.rows_of(
                connection, name, dict(request.query_params), page=page, sort=request.query_params.get("sort")
            )
        return page, found, more

    def _choices(self, connection: Connection) -> dict[str, list[str]]:
        """What the filters offer, worked out now and then: on a million customers it takes half a second."""
        known, at = self._offered
        if time.monotonic() - at > OFFERED_SECONDS or not any(known.values()):
            known = lists.choices(connection)
            self._offered = (known, time.monotonic())
        return known
