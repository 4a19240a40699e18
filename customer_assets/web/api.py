"""The JSON API, and /metrics. It reads, every query bounded, and takes word of what became of reminders."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any, Literal

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from customer_assets.errors import NotFoundError, NotInStateError
from customer_assets.runtime.runtime import Runtime
from customer_assets.store.database import Connection
from customer_assets.store.reads import api
from customer_assets.store.reads.metrics import numbers
from customer_assets.store.upgrade import revision
from customer_assets.web.console.guard import Guard
from customer_assets.web.metrics import exposition

MOST_ROWS = 500
READ_SECONDS = 5.0  # a query that takes longer is given up


def api_routes(runtime: Runtime, guard: Guard) -> list[Route]:
    """Lists, one customer, the description of it all, and numbers for Prometheus."""

    def listing(name: str) -> Any:
        async def endpoint(request: Request) -> Response:
            try:
                limit = min(MOST_ROWS, max(1, int(request.query_params.get("limit", 50))))
                after = int(request.query_params.get("after", 0))
            except ValueError:
                return JSONResponse({"error": "limit and after are numbers"}, status_code=400)
            filters = {k: v for k, v in request.query_params.items() if k not in ("limit", "after")}
            try:
                rows = await run_in_threadpool(_read, runtime, name, filters, after, limit)
            except api.UnknownFilterError as error:
                return JSONResponse({"error": str(error)}, status_code=400)
            following = rows[-1]["id"] if len(rows) == limit else None
            return as_json({"items": rows, "next": following, "items_are": api.ITEMS[name]})

        return endpoint

    def single(name: str) -> Any:
        async def endpoint(request: Request) -> Response:
            rows = await run_in_threadpool(_read, runtime, name, {"id": request.path_params["id"]}, 0, 1)
            return as_json(rows[0]) if rows else JSONResponse({"error": "no such customer"}, status_code=404)

        return endpoint

    async def due(request: Request) -> Response:
        from customer_assets.pipeline.invoices.remind import due_reminders

        if request.query_params:
            return JSONResponse(
                {"error": f"no filter {next(iter(request.query_params))}: all are given"}, status_code=400
            )
        rows = await run_in_threadpool(due_reminders, runtime.context(trigger="web"))
        return as_json({"items": rows, "next": None, "items_are": "reminders to send now, of each invoice the latest"})

    async def mark(request: Request) -> Response:
        return await _mark(request, runtime)

    async def metrics(request: Request) -> Response:  # noqa: ARG001
        return await run_in_threadpool(_metrics, runtime)

    return [
        Route("/metrics", guard.api(metrics)),
        Route("/api/openapi.json", guard.api(_openapi)),
        Route("/api/customers", guard.api(listing("customers"))),
        Route("/api/customers/{id:row}", guard.api(single("customers"))),
        Route("/api/golden-customers", guard.api(listing("golden-customers"))),
        Route("/api/golden-customers/{id:row}", guard.api(single("golden-customers"))),
        Route("/api/invoices", guard.api(listing("invoices"))),
        Route("/api/reminders", guard.api(listing("reminders"))),
        Route("/api/reminders/due", guard.api(due)),
        Route("/api/reminders/{id:row}", guard.api_write(mark), methods=["POST"]),
    ]


class _Outcome(msgspec.Struct):
    status: Literal["sent", "failed"]
    reason: str | None = None


async def _mark(request: Request, runtime: Runtime) -> Response:
    """Note what became of a reminder: `{"status": "sent"}`, or `{"status": "failed", "reason": "..."}`."""
    from customer_assets.pipeline.invoices.remind import mark_reminder

    try:
        said = msgspec.json.decode(await request.body(), type=_Outcome)
    except ValueError:
        return JSONResponse(
            {"error": 'send {"status": "sent"} or {"status": "failed", "reason": "..."}'}, status_code=400
        )
    reason = (said.reason or "").replace("\x00", "").strip() or None  # PostgreSQL's texts hold no NUL
    try:
        row = await run_in_threadpool(
            mark_reminder,
            runtime.context(trigger="web"),
            request.path_params["id"],
            is_sent=said.status == "sent",
            failure=reason if said.status == "failed" else None,
        )
    except NotFoundError as error:
        return JSONResponse({"error": str(error)}, status_code=404)
    except NotInStateError as error:
        return JSONResponse({"error": str(error)}, status_code=409)
    return as_json(row)


def _metrics(runtime: Runtime) -> Response:
    from prometheus_client import CONTENT_TYPE_LATEST

    with connect_to_read(runtime) as connection:
        told = list(numbers(connection))
        build = {"version": version("customer-assets"), "schema": revision(connection) or ""}
    return Response(exposition(told, build), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _openapi(request: Request) -> Response:  # noqa: ARG001
    """The JSON API as OpenAPI, from the declared filters."""
    text = {"type": "string"}
    paths: dict[str, Any] = {}
    for name, filters in api.FILTERS.items():
        parameters = [{"name": f, "in": "query", "schema": text} for f in (*filters, "limit", "after")]
        paths[f"/api/{name}"] = {
            "get": {
                "summary": f"{api.ITEMS[name]}. In order of their ids; `after` is the `next` of the page before",
                "parameters": parameters,
                "responses": {
                    "200": {"description": "items, next"},
                    "400": {"description": "unknown filter"},
                },
            }
        }
    row_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
    for name in ("customers", "golden-customers"):
        paths[f"/api/{name}/{{id}}"] = {
            "get": {
                "parameters": [row_id],
                "responses": {"200": {"description": "one customer"}, "404": {"description": "no such customer"}},
            }
        }
    paths["/api/reminders/due"] = {
        "get": {"summary": "reminders to send now", "responses": {"200": {"description": "items"}}}
    }
    properties = {"status": {"enum": ["sent", "failed"]}, "reason": text}
    body = {"schema": {"type": "object", "required": ["status"], "properties": properties}}
    paths["/api/reminders/{id}"] = {
        "post": {
            "summary": "what became of a reminder",
            "parameters": [row_id],
            "requestBody": {"required": True, "content": {"application/json": body}},
            "responses": {
                "200": {"description": "noted"},
                "400": {"description": "not this form"},
                "404": {"description": "no such reminder"},
                "409": {"description": "it is not waiting to be sent"},
            },
        }
    }
    schemes = {"token": {"type": "http", "scheme": "bearer"}}
    info = {"title": "customer_assets", "version": "1"}
    return JSONResponse(
        {
            "openapi": "3.1.0",
            "info": info,
            "paths": paths,
            "components": {"securitySchemes": schemes},
            "security": [{"token": []}],
        }
    )


def connect_to_read(runtime: Runtime) -> AbstractContextManager[Connection]:
    """A connection for short questions."""
    return runtime.pool.connection(statement_seconds=READ_SECONDS)


def _read(runtime: Runtime, name: str, filters: dict[str, Any], after: int, limit: int) -> list[dict[str, Any]]:
    with connect_to_read(runtime) as connection:
        return api.page(connection, name, filters=filters, after=after, limit=limit)


def as_json(value: Any) -> Response:
    """Rows as they are, times and numbers included."""
    import msgspec

    return Response(msgspec.json.encode(value), media_type="application/json")
