"""The web app: JSON API and health. Reads only; every query is bounded and keyed, so that no page gets slow."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from customer_assets.errors import CustomerAssetsError
from customer_assets.stack import Stack
from customer_assets.store import reading
from customer_assets.store.database import connect

MOST_ROWS = 500


def build_app(stack: Stack) -> Starlette:
    """The ASGI app of one stack."""

    def listing(name: str) -> Any:
        async def endpoint(request: Request) -> Response:
            try:
                limit = min(MOST_ROWS, max(1, int(request.query_params.get("limit", 50))))
                after = int(request.query_params.get("after", 0))
            except ValueError:
                return JSONResponse({"error": "limit and after are numbers"}, status_code=400)
            filters = {k: v for k, v in request.query_params.items() if k not in ("limit", "after")}
            try:
                rows = await run_in_threadpool(_read, stack, name, filters, after, limit)
            except reading.UnknownFilterError as error:
                return JSONResponse({"error": str(error)}, status_code=400)
            following = rows[-1]["id"] if len(rows) == limit else None
            return _json({"items": rows, "next": following})

        return endpoint

    async def customer(request: Request) -> Response:
        rows = await run_in_threadpool(_read, stack, "customers", {"id": request.path_params["id"]}, 0, 1)
        return _json(rows[0]) if rows else JSONResponse({"error": "no such customer"}, status_code=404)

    async def health(request: Request) -> Response:  # noqa: ARG001
        try:
            state = await run_in_threadpool(_health, stack)
        except CustomerAssetsError as error:
            return JSONResponse({"status": "failed", "database": str(error)}, status_code=503)
        return _json({"status": "ok", **state})

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/readyz", health),
            Route("/api/customers", listing("customers")),
            Route("/api/customers/{id:int}", customer),
            Route("/api/invoices", listing("invoices")),
            Route("/api/reminders", listing("reminders")),
        ]
    )


def _read(stack: Stack, name: str, filters: dict[str, Any], after: int, limit: int) -> list[dict[str, Any]]:
    with connect(stack.url, name="customer_assets web", timeout=2) as connection:
        return reading.page(connection, name, filters=filters, after=after, limit=limit)


def _health(stack: Stack) -> dict[str, Any]:
    with connect(stack.url, name="customer_assets web", timeout=2) as connection:
        return reading.health(connection)


def _json(value: Any) -> Response:
    import msgspec

    return Response(msgspec.json.encode(value), media_type="application/json")
