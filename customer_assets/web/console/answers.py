"""Who is one with whom: merging and parting customers by hand, with what would come of it before, and taking answers back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customer_assets.errors import CustomerAssetsError, RecordError
from customer_assets.pipeline.identity.decide import (
    Outcome,
    decide_pair,
    merge,
    outcome_of_merging,
    outcome_of_parting,
    part,
    take_back,
)
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.store.identity.reviews import decided_about
from customer_assets.store.reads import golden_pages, lists
from customer_assets.store.users import Session
from customer_assets.web.console.screen import Screen, id_of


class Answers(Screen):
    """What people say of customers."""

    async def apart(self, request: Request, session: Session) -> Response:
        """Say that another record is not the same customer; the next resolution of customers parts them."""
        customer_id = request.path_params["id"]
        other = str((await request.form()).get("other", ""))

        def decide() -> None:
            decide_pair(
                self._runtime.context(trigger="web"),
                f"{customer_id}",
                other,
                decision="different",
                by=session.user,
            )

        try:
            await run_in_threadpool(decide)
        except CustomerAssetsError as error:
            return PlainTextResponse(str(error), status_code=422)
        message = "Kept: the next resolution of customers parts them"
        return self._go(f"/customers/{customer_id}", session, message)

    async def part(self, request: Request, session: Session) -> Response:
        """Say that one record is another customer than the rest, and resolve; before, show what would come of it."""
        golden_id = request.path_params["id"]
        form = await request.form() if request.method == "POST" else request.query_params
        row = id_of(form.get("row"))
        context = self._runtime.context(trigger="web")

        def of_this_customer() -> int:
            if row not in self._rows_of(golden_id):
                raise RecordError("This record is not of this customer any more: look at the page as it is now")
            return row

        if request.method != "POST":
            return await self._foreseen(
                request, session, "different", lambda: outcome_of_parting(context, of_this_customer())
            )

        def decide() -> str:
            if not part(context, of_this_customer(), by=session.user):
                raise RecordError("Kept, but they stay one customer: other records still join them, see why below")
            return "They are two customers now"

        return await self._told(session, golden_id, decide)

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
        """Say that another customer is this one, and resolve; before, show what would come of it.

        The other one is named by its number, or by anything that the search of customers finds: then it is chosen first.
        """
        golden_id = request.path_params["id"]
        form = await request.form() if request.method == "POST" else request.query_params
        asked = str(form.get("other", "")).strip().lstrip("#")

        def both() -> tuple[int, int]:
            with self._connect() as connection:
                one, other = (golden_pages.row_standing_for(connection, of) for of in (golden_id, id_of(asked)))
            if one is None or other is None or one == other:
                raise RecordError(f"There is no other customer {asked}")
            return one, other

        context = self._runtime.context(trigger="web")
        if request.method != "POST":
            found = await run_in_threadpool(self._others, golden_id, asked)
            if found:
                return await self._show(request, session, "which.html", id=golden_id, customers=found)
            return await self._foreseen(request, session, "same", lambda: outcome_of_merging(context, *both()))

        def decide() -> str:
            merge(context, *both(), by=session.user)
            return "They are one customer now"

        return await self._told(session, golden_id, decide)

    async def _foreseen(
        self, request: Request, session: Session, decision: str, foresee: Callable[[], Outcome]
    ) -> Response:
        """What would come of saying that two customers are one, or that a record is another, and a button that says it."""
        golden_id = request.path_params["id"]
        try:
            outcome = await run_in_threadpool(foresee)
        except CustomerAssetsError as error:
            return self._go(f"/golden/{golden_id}", session, str(error), bad=True)
        kept_of_form = [(name, value) for name, value in request.query_params.items() if name in ("row", "other")]
        return await self._show(
            request, session, "foreseen.html", outcome=outcome, decision=decision, id=golden_id, fields=kept_of_form
        )

    def _others(self, golden_id: int, asked: str) -> list[dict[str, Any]]:
        """Other customers that a search finds; none for the number of one."""
        with self._connect() as connection:
            if not asked or golden_pages.row_standing_for(connection, id_of(asked)) is not None:
                return []
            found, _ = lists.rows_of(connection, "golden", {"q": asked}, page=0)
            account = golden_pages.refs_of(connection, golden_id)[0]
            return [row for row in found if row["id"] != golden_id and row["account"] == account]

    def _rows_of(self, golden_id: int) -> set[int]:
        with self._connect() as connection:
            return golden_pages.rows_of(connection, golden_id)

    async def _told(self, session: Session, golden_id: int, decide: Callable[[], str]) -> Response:
        try:
            message = await run_in_threadpool(decide)
        except CustomerAssetsError as error:
            return self._go(f"/golden/{golden_id}", session, str(error), bad=True)
        return self._go(f"/golden/{golden_id}", session, message)
