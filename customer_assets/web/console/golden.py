"""Customers as people know them: golden records, with the records of the systems behind each."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from customer_assets.errors import CustomerAssetsError, RecordError
from customer_assets.pipeline.identity.decide import decide_pair, take_back
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.runtime.runtime import Runtime
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import console as kept
from customer_assets.store.identity.reviews import decided_about
from customer_assets.store.reads import console, golden_pages
from customer_assets.store.users import Session
from customer_assets.web.console.jobs import kinds
from customer_assets.web.console.listings import GOLDEN, HAS_PHONE, choice, typed
from customer_assets.web.console.lists import Lists
from customer_assets.web.console.screen import id_of
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
                found, more = console.rows_of(connection, "golden", {"ids": alike}, page=0) if alike else ([], False)
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
            notes=found["notes"],
            said=found["said"],
            fields=GOLDEN_FIELDS,
            tables=[(title, (found | {"evidence": evidence})[key], columns) for title, key, columns in GOLDEN_TABLES],
        )

    async def part(self, request: Request, session: Session) -> Response:
        """Say that one record is another customer than the rest, and resolve."""
        golden_id, form = request.path_params["id"], await request.form()
        row, other = id_of(form.get("row")), id_of(form.get("other"))

        def decide() -> str:
            rows = self._rows_of(golden_id)
            if row == other or not {row, other} <= rows:
                raise RecordError("These records are not of one customer any more: look at the page as it is now")
            now = self._decided(session, row, other, "different", rows)
            if now[row] == now[other]:
                raise RecordError("Kept, but they stay one customer: other records still join them, see why below")
            return "They are two customers now"

        return await self._told(session, golden_id, decide)

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

    async def back(self, request: Request, session: Session) -> Response:
        """Take an answer back, and resolve."""
        golden_id, decision = request.path_params["id"], id_of((await request.form()).get("decision"))

        def undo() -> str:
            context = self._runtime.context(trigger="web")
            with self._connect() as connection:
                account, refs = golden_pages.refs_of(connection, golden_id)
                said = {d["id"] for d in decided_about(connection, account=account, refs=refs)}
            if decision not in said:
                raise RecordError("There is no such answer about this customer (no such answer)")
            one, other = take_back(context, decision, by=session.user)
            resolve_customers(context)
            return f"Taken back: what becomes of {one} and {other} is decided by what they say"

        return await self._told(session, golden_id, undo)

    async def merge(self, request: Request, session: Session) -> Response:
        """Say that another customer is this one, and resolve."""
        golden_id, asked = request.path_params["id"], str((await request.form()).get("other", "")).strip().lstrip("#")

        def decide() -> str:
            with self._connect() as connection:
                one, other = (golden_pages.row_standing_for(connection, of) for of in (golden_id, id_of(asked)))
            if one is None or other is None or one == other:
                raise RecordError(f"There is no other customer {asked}")
            rows = self._rows_of(golden_id) | self._rows_of(id_of(asked))
            now = self._decided(session, one, other, "same", rows)
            apart = sorted(set(now.values()))
            if len(apart) > 1:
                raise RecordError(
                    f"Kept, but the records are of customers {', '.join(map(str, apart))} now: they differ by an earlier "
                    "answer or a number that two customers cannot share; answer those first (Review)"
                )
            return "They are one customer now"

        return await self._told(session, golden_id, decide)

    def _rows_of(self, golden_id: int) -> set[int]:
        with self._connect() as connection:
            return golden_pages.rows_of(connection, golden_id)

    def _decided(self, session: Session, one: int, other: int, decision: str, rows: set[int]) -> dict[int, int]:
        """Keep an answer and resolve. Returns the customers that the rows are of then: what counts is what came of it."""
        context = self._runtime.context(trigger="web")
        decide_pair(context, str(one), str(other), decision=decision, by=session.user)
        resolve_customers(context)
        with self._connect() as connection:
            return golden_pages.customers_of(connection, rows)

    async def _told(self, session: Session, golden_id: int, decide: Callable[[], str]) -> Response:
        try:
            message = await run_in_threadpool(decide)
        except CustomerAssetsError as error:
            return self._go(f"/golden/{golden_id}", session, str(error), bad=True)
        return self._go(f"/golden/{golden_id}", session, message)
