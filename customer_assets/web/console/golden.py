"""Customers as people know them: golden records, with the records of the systems behind each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from customer_assets.runtime.runtime import Runtime
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import console as kept
from customer_assets.store.identity.reviews import decided_about
from customer_assets.store.reads import golden_pages, lists
from customer_assets.store.users import Session
from customer_assets.web.console.jobs import kinds
from customer_assets.web.console.listings import GOLDEN, HAS_PHONE, choice, typed
from customer_assets.web.console.lists import Lists
from customer_assets.web.console.tables import GOLDEN_FIELDS, GOLDEN_TABLES, in_words

LONGEST_NOTE = 4000
MOST_NAMES = 300_000  # that are compared with a misspelt word
ALIKE = 76  # of 100, from which a name is like what was typed
NAMES_SECONDS = 60


class Golden(Lists):
    """The list of customers, one of them, and who is one with whom."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._names: tuple[list[tuple[int, str]], float] = ([], 0.0)

    async def customers(self, request: Request, session: Session) -> Response:
        """All customers, each once."""

        def read() -> tuple[int, list[dict[str, Any]], bool, bool, dict[str, list[str]]]:
            page, found, more = self._page("golden", request)
            asked = request.query_params.get("q", "").strip()
            with self._connect() as connection:
                offered = self._choices(connection)
                if found or page or len(asked) < 4:
                    return page, found, more, False, offered
                alike = ",".join(map(str, self._alike(connection, asked)))
                found, more = lists.rows_of(connection, "golden", {"ids": alike}, page=0) if alike else ([], False)
            return page, found, more, bool(found), offered

        page, found, more, is_guess, offered = await run_in_threadpool(read)
        filters = [
            typed("q", "Search"),
            *(choice(name, name.capitalize(), offered[name]) for name in ("role", "country")),
            choice("system", "In system", list(SYSTEMS)),
            choice("active", "Active", [("yes", "active"), ("no", "inactive")]),
            HAS_PHONE,
            choice("due", "Invoices", [("open", "open"), ("overdue", "overdue")]),
            choice("records", "Records", [("several", "several"), ("one", "one")]),
            choice("sort", "Order", [("records", "most records")]),
        ]
        return await self._list(
            request,
            session,
            "golden",
            GOLDEN,
            (page, found, more),
            title="Customers",
            filters=filters,
            actions=[(f"/actions/{name}", kind.title) for name, kind in kinds().items()],
            note=f"Nothing is written so; these are like it: {request.query_params['q']}" if is_guess else None,
        )

    def _alike(self, connection: Any, typed: str) -> list[int]:
        """Customers whose names are like a misspelt one, the likest first."""
        from rapidfuzz import fuzz, process, utils

        known, at = self._names
        if time.monotonic() - at > NAMES_SECONDS:
            known = golden_pages.names(connection, most=MOST_NAMES)
            self._names = (known, time.monotonic())
        found = process.extract(
            typed,
            [name for _, name in known],
            scorer=fuzz.WRatio,
            processor=utils.default_process,
            score_cutoff=ALIKE,
            limit=20,
        )
        return [known[number][0] for _, _, number in found]

    async def customer(self, request: Request, session: Session) -> Response:
        """All that is known of one, in whatever system."""
        golden_id = request.path_params["id"]

        def read() -> tuple[dict[str, Any] | None, int | None]:
            with self._connect() as connection:
                found = golden_pages.golden_customer(connection, golden_id)
                if found is not None:
                    found["notes"] = kept.notes(connection, golden_id)
                    account = found["customer"]["account"]
                    found["said"] = decided_about(connection, account=account, refs=found["refs"])
                return found, None if found else golden_pages.id_now(connection, golden_id)

        found, now = await run_in_threadpool(read)
        if found is None:
            if now is not None:
                return RedirectResponse(f"/golden/{now}", status_code=301)
            return PlainTextResponse("no such customer", status_code=404)
        evidence = [{**edge, "words": in_words(edge["rule"], edge["parts"])} for edge in found["evidence"]]
        return await self._show(
            request,
            session,
            "golden.html",
            customer=found["customer"],
            rows=found["rows"],
            origin={row["id"]: row["source"] for row in found["rows"]},
            open=found["open"],
            best=_best(found["rows"]),
            notes=found["notes"],
            said=found["said"],
            fields=GOLDEN_FIELDS,
            tables=[(title, (found | {"evidence": evidence})[key], columns) for title, key, columns in GOLDEN_TABLES],
        )

    async def note(self, request: Request, session: Session) -> Response:
        """Note something of a customer."""
        golden_id = request.path_params["id"]
        body = str((await request.form()).get("body", "")).replace("\x00", "").strip()[:LONGEST_NOTE]

        def write() -> None:
            with self._connect() as connection:
                kept.add_note(connection, golden_id, body, by=session.user)

        if body:
            await run_in_threadpool(write)
        return self._go(f"/golden/{golden_id}", session, "Noted" if body else "A note has words", bad=not body)


def _best(rows: Sequence[Mapping[str, Any]]) -> int | None:
    """The record to edit what is wrong of a customer in: of a system that takes it from here, before the others."""
    living = [row for row in rows if row["deleted_at"] is None] or rows
    ordered = sorted(
        living, key=lambda row: SYSTEMS[row["source"]].pushes is None if row["source"] in SYSTEMS else True
    )
    return ordered[0]["id"] if ordered else None
