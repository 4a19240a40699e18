"""Syncs and pushes: what will happen, how it goes, what became of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from customer_assets.errors import CustomerAssetsError
from customer_assets.pipeline.push.push import push
from customer_assets.pipeline.push.run import PushResult
from customer_assets.runtime.runtime import Runtime
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import runs
from customer_assets.store.cache import rows
from customer_assets.store.reads import lists
from customer_assets.store.users import Session
from customer_assets.web.console.jobs import Worker, kinds, pushed_to
from customer_assets.web.console.screen import Screen, chosen_ids

MOST_OUTCOMES = 200  # of pushes, that are kept to be looked at again
MOST_PUSHED = 500  # at once: SUMIT bills each call, and takes seconds for it


class Syncs(Screen):
    """What is started here."""

    def __init__(self, runtime: Runtime, worker: Worker) -> None:
        super().__init__(runtime)
        self._worker = worker
        self._outcomes: dict[str, tuple[str, str, Sequence[Any]]] = {}

    async def action(self, request: Request, session: Session) -> Response:
        """Say what will happen; then do it, and show how it goes."""
        kind = request.path_params["kind"]
        if kind not in kinds():
            return PlainTextResponse("no such action", status_code=404)
        if request.method != "POST":
            return await self._show(
                request,
                session,
                "confirm.html",
                title=kinds()[kind].title,
                lines=[kinds()[kind].warning],
                action=f"/actions/{kind}",
                ids=[],
                go="Start",
                back="/customers",
                disabled=False,
            )
        job = self._worker.start(kind, session.user)
        await run_in_threadpool(self._audit, session.user, "start", kinds()[kind].title, {"job": job.id})
        return RedirectResponse(f"/jobs/{job.id}", status_code=303)

    async def job(self, request: Request, session: Session) -> Response:
        """A running sync, as a page or as JSON."""
        job = self._worker.find(request.path_params["id"])
        if job is None:
            return PlainTextResponse("no such sync", status_code=404)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(job.as_dict())

        def read() -> list[dict[str, Any]]:
            with self._connect() as connection:
                if job.run_id is not None:
                    return runs.of_dagster_run(connection, job.run_id)
                return runs.since(connection, job.began, trigger="web")

        done = await run_in_threadpool(read) if job.outcome is not None else []
        return await self._show(request, session, "running.html", job=job, done=done)

    async def push_plan(self, request: Request, session: Session) -> Response:
        """What a push would send, field by field; nothing is sent."""
        form = await request.form() if request.method == "POST" else request.query_params
        if (matching := form.get("matching")) is not None:
            ids = await run_in_threadpool(self._matching, str(matching))
        else:
            ids = chosen_ids(form)
        if not ids or len(ids) > MOST_PUSHED:
            message = f"More than {MOST_PUSHED}: narrow it with a filter" if ids else "Nobody was selected"
            return self._go("/customers", session, message, bad=True)
        try:
            result = await run_in_threadpool(self._push, ids, dry_run=True)
        except CustomerAssetsError as error:
            return self._go("/customers", session, str(error), bad=True)
        others = [
            f"{r.id}: {r.outcome}{f' ({r.reason})' if r.reason else ''}" for r in result.rows if r.outcome != "planned"
        ]
        return await self._show(
            request,
            session,
            "confirm.html",
            title=f"Push {len(ids)} customer{'' if len(ids) == 1 else 's'} to SUMIT",
            lines=["This is what would be sent. Each customer is read again before it is written.", *others],
            action="/push",
            ids=ids,
            plan=result.planned,
            go=f"Push {len(result.planned)}",
            back="/customers",
            disabled=not result.planned,
        )

    async def push(self, request: Request, session: Session) -> Response:
        """Push, and say what became of each."""
        ids = chosen_ids(await request.form())
        if len(ids) > MOST_PUSHED:
            return PlainTextResponse(f"not more than {MOST_PUSHED} at once", status_code=422)
        named = f"customers {', '.join(map(str, ids))}"
        await run_in_threadpool(self._audit, session.user, "push", named, {"message": "begun"})
        try:
            result = await run_in_threadpool(self._push, ids, dry_run=False)
            message, done = result.message, result.rows
            await run_in_threadpool(self._audit, session.user, "pushed", named, {"message": message})
            counts = {k: v for k, v in result.as_dict().items() if k != "rows"}
            self._runtime.tell_dagster({"sumit_push": counts}, "console: push")
        except CustomerAssetsError as error:
            message, done = str(error), []
        key = secrets.token_urlsafe(12)
        self._outcomes[key] = (session.user, message, done)
        while len(self._outcomes) > MOST_OUTCOMES:
            del self._outcomes[next(iter(self._outcomes))]
        return RedirectResponse(f"/pushed/{key}", status_code=303)

    async def pushed(self, request: Request, session: Session) -> Response:
        """What became of a push; it may be looked at again, and pushes nothing."""
        user, message, done = self._outcomes.get(request.path_params["key"], ("", "", ()))
        if user != session.user:
            return PlainTextResponse("no such push; what was pushed stands on the page of each record", status_code=404)
        return await self._show(
            request,
            session,
            "outcome.html",
            title="Push to SUMIT",
            message=message,
            rows=done,
            back="/customers",
        )

    def _matching(self, query: str) -> list[int]:
        with self._connect() as connection:
            return lists.matching_customers(connection, dict(parse_qsl(query)), most=MOST_PUSHED + 1)

    def _push(self, ids: Sequence[int], *, dry_run: bool) -> PushResult:
        accounts = [a for a in self._runtime.working.accounts if SYSTEMS[a.system].pushes is not None]
        if not accounts:
            raise CustomerAssetsError(f"{pushed_to()} is not configured")
        with self._connect() as connection:
            wanted = {row["account"] for row in rows.read_rows(connection, ids).values()}
        if len(wanted) > 1:
            raise CustomerAssetsError(
                f"these customers are of several accounts ({', '.join(sorted(wanted))}): push each by itself"
            )
        account = next((a for a in accounts if a.account in wanted), accounts[0])
        return push(self._runtime.context(trigger="web"), account, ids=ids, dry_run=dry_run)
