"""Conflicts and match reviews: two values or records side by side, and a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customer_assets.errors import CustomerAssetsError, NotInStateError
from customer_assets.pipeline.identity.decide import decide_review
from customer_assets.pipeline.push.conflicts import resolve_conflict
from customer_assets.store.cache import rows
from customer_assets.store.identity import reviews
from customer_assets.store.push import conflicts
from customer_assets.store.users import Session
from customer_assets.web.console.lists import page_number
from customer_assets.web.console.screen import Screen, id_of, link_of
from customer_assets.web.console.tables import heading, in_words


def _as_row(invoice: Mapping[str, Any] | None) -> dict[str, Any]:
    """What an old invoice says of its customer, under the names of a row."""
    named = {
        "name": "customer_name",
        "vat_number": "customer_vat_number",
        "phone": "customer_phone",
        "general_email": "customer_email",
        "street": "customer_address",
        "country": "customer_country",
    }
    return {ours: invoice[theirs] for ours, theirs in named.items()} if invoice else {}


REVIEWS = 30  # on one page
COMPARED = ("name", "vat_number", "phone", "mobile", "general_email", "street", "zipcode", "city", "country")


class Decisions(Screen):
    """What waits for a person."""

    async def conflicts(self, request: Request, session: Session) -> Response:
        """Fields that both sides changed."""

        def read() -> list[dict[str, Any]]:
            with self._connect() as connection:
                return conflicts.list_conflicts(connection)

        found = [{**c, "heading": heading(c["field"])} for c in await run_in_threadpool(read)]
        return await self._show(request, session, "conflicts.html", title="Conflicts with SUMIT", conflicts=found)

    async def resolve_many(self, request: Request, session: Session) -> Response:
        """Decide some conflicts, each by itself, or all of the page one way."""
        form = await request.form()
        of_all = str(form.get("all", ""))
        chosen = {
            number: of_all or str(v) for n, v in form.multi_items() if n.startswith("use ") and (number := id_of(n[4:]))
        }
        decided = {number: side for number, side in chosen.items() if side in ("local", "remote")}

        def settle() -> tuple[int, list[str]]:
            done, failed = 0, []
            for number, side in decided.items():
                try:
                    self._resolve(number, side, session)
                    done += 1
                except CustomerAssetsError as error:
                    failed.append(str(error))
            return done, failed

        done, failed = await run_in_threadpool(settle)
        said = f"{done} decided" + (f"; {len(failed)} not: {failed[0]}" if failed else "")
        return self._go(
            "/conflicts", session, said if decided else "Nothing was chosen", bad=bool(failed) or not decided
        )

    def _resolve(self, conflict_id: int, side: str, session: Session) -> None:
        resolve_conflict(
            self._runtime.context(trigger="web"),
            conflict_id,
            use="local" if side == "local" else "remote",
            by=session.user,
            find_account=self._runtime.account_without_calls,
        )

    async def resolve(self, request: Request, session: Session) -> Response:
        """Decide a conflict."""
        decision = str((await request.form()).get("decision"))
        if decision not in ("local", "remote"):
            return PlainTextResponse("decide local or remote", status_code=422)

        return await self._decided(
            lambda: self._resolve(request.path_params["id"], decision, session), "/conflicts", session
        )

    async def reviews(self, request: Request, session: Session) -> Response:
        """Records that may be one customer, side by side."""

        page = page_number(request)

        def read() -> list[dict[str, Any]]:
            with self._connect() as connection:
                found = reviews.list_reviews(connection, limit=REVIEWS + 1, offset=REVIEWS * page)
                known = rows.read_rows(
                    connection, [i for r in found for i in (r["one_row_id"], r["other_row_id"]) if i]
                )
            pairs = []
            for r in found:
                one = known.get(r["one_row_id"]) or _as_row(r["one_invoice"])
                other = known.get(r["other_row_id"]) or _as_row(r["other_invoice"])
                lines = [(heading(n), one.get(n), other.get(n)) for n in COMPARED if one.get(n) or other.get(n)]
                pairs.append(
                    {
                        "heading": f"{r['one_name']} / {r['other_name']}",
                        "one": (r["one_ref"], r["one_row_id"]),
                        "other": (r["other_ref"], r["other_row_id"]),
                        "lines": lines,
                        "why": in_words("", r["reasons"]),
                        "weight": r["weight"],
                        "action": f"/reviews/{r['id']}",
                        "buttons": [("same", "Merge: the same customer"), ("different", "Not the same")],
                    }
                )
            return pairs

        pairs = await run_in_threadpool(read)
        return await self._show(
            request,
            session,
            "pairs.html",
            title="Match reviews",
            pairs=pairs[:REVIEWS],
            page=page,
            more=len(pairs) > REVIEWS,
            link=link_of(request),
        )

    async def decide(self, request: Request, session: Session) -> Response:
        """Decide a review."""
        decision = str((await request.form()).get("decision"))
        if decision not in ("same", "different"):
            return PlainTextResponse("decide same or different", status_code=422)

        def settle() -> None:
            decide_review(
                self._runtime.context(trigger="web"),
                request.path_params["id"],
                decision=decision,
                by=session.user,
                is_open=True,
            )

        return await self._decided(settle, "/reviews", session)

    async def _decided(self, settle: Any, back: str, session: Session) -> Response:
        try:
            await run_in_threadpool(settle)
        except NotInStateError as error:
            return self._go(back, session, str(error), bad=True)
        except CustomerAssetsError as error:
            return PlainTextResponse(str(error), status_code=404)
        return self._go(back, session, "Decided")
