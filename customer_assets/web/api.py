"""The JSON API, and /metrics: it reads only, and every query is bounded."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from customer_assets.runtime.runtime import Runtime
from customer_assets.store.database import Connection, connect
from customer_assets.store.reads import api, console
from customer_assets.web.console.guard import Guard

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
            return as_json({"items": rows, "next": following})

        return endpoint

    async def customer(request: Request) -> Response:
        rows = await run_in_threadpool(_read, runtime, "customers", {"id": request.path_params["id"]}, 0, 1)
        return as_json(rows[0]) if rows else JSONResponse({"error": "no such customer"}, status_code=404)

    async def metrics(request: Request) -> Response:  # noqa: ARG001
        return await run_in_threadpool(_metrics, runtime)

    return [
        Route("/metrics", guard.api(metrics)),
        Route("/api/openapi.json", guard.api(_openapi)),
        Route("/api/customers", guard.api(listing("customers"))),
        Route("/api/customers/{id:row}", guard.api(customer)),
        Route("/api/invoices", guard.api(listing("invoices"))),
        Route("/api/reminders", guard.api(listing("reminders"))),
    ]


def _metrics(runtime: Runtime) -> Response:
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    with connect_to_read(runtime) as connection:
        for name, value in console.metrics(connection).items():
            Gauge(f"customer_assets_{name}", name.replace("_", " "), registry=registry).set(value)
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _openapi(request: Request) -> Response:  # noqa: ARG001
    """The JSON API as OpenAPI, from the declared filters."""
    text = {"type": "string"}
    paths: dict[str, Any] = {}
    for name, filters in api.FILTERS.items():
        parameters = [{"name": f, "in": "query", "schema": text} for f in (*filters, "limit", "after")]
        paths[f"/api/{name}"] = {
            "get": {
                "summary": f"{name}, in order of their ids; `after` is the `next` of the page before",
                "parameters": parameters,
                "responses": {
                    "200": {"description": "items, next"},
                    "400": {"description": "unknown filter"},
                },
            }
        }
    paths["/api/customers/{id}"] = {
        "get": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "responses": {"200": {"description": "one customer"}, "404": {"description": "no such customer"}},
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


def connect_to_read(runtime: Runtime) -> Connection:
    """A connection for short questions."""
    return connect(runtime.url, name="customer_assets web", timeout=2, statement_seconds=READ_SECONDS)


def _read(runtime: Runtime, name: str, filters: dict[str, Any], after: int, limit: int) -> list[dict[str, Any]]:
    with connect_to_read(runtime) as connection:
        return api.page(connection, name, filters=filters, after=after, limit=limit)


def as_json(value: Any) -> Response:
    """Rows as they are, times and numbers included."""
    import msgspec

    return Response(msgspec.json.encode(value), media_type="application/json")
