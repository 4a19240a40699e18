"""Robaws, emulated: clients, limits, webhook endpoints and deliveries (docs/systems/robaws.md)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from customer_assets.sandbox.world import ROBAWS_KEY, ROBAWS_SECRET, World

SEED_NAMES = {"vatIdNumber": "vat", "gsm": "mobile"}


def routes(world: World) -> list[Route]:
    """The emulator's routes, below its mount point."""
    view = _Robaws(world)
    return [
        Route("/api/v2/clients", view.guarded(view.list_clients), methods=["GET"]),
        Route("/api/v2/clients/{client_id}", view.guarded(view.one_client), methods=["GET"]),
        Route("/api/v2/webhook-endpoints", view.guarded(view.endpoints), methods=["GET", "POST"]),
        Route("/api/v2/webhook-endpoints/{endpoint_id}", view.guarded(view.delete_endpoint), methods=["DELETE"]),
    ]


class _Robaws:
    def __init__(self, world: World) -> None:
        self.world = world
        self._ordered: tuple[Any, list[dict[str, Any]]] = (None, [])

    def guarded(self, handler: Any) -> Any:
        """Count, limit and check the credentials of each call."""

        async def guarded(request: Request) -> Response:
            world = self.world
            world.calls["robaws"] += 1
            mode = "replica" if request.headers.get("Database-Mode") == "replica" else "normal"
            if world.robaws_refusals > 30:
                return Response(status_code=401, headers={"X-Robaws-Unauthorized-Reason": "temp-blocked"})
            expected = base64.b64encode(f"{ROBAWS_KEY}:{ROBAWS_SECRET}".encode()).decode()
            if request.headers.get("Authorization") != f"Basic {expected}":
                return PlainTextResponse("Unauthorized", status_code=401)
            if not world.robaws_bucket.take():
                world.calls["robaws 429"] += 1
                world.robaws_refusals += 1
                return PlainTextResponse("Too Many Requests", status_code=429, headers=self._headers(mode))
            if world.robaws_left[mode] <= 0:
                return PlainTextResponse("Daily limit reached", status_code=429, headers=self._headers(mode))
            world.robaws_left[mode] -= 1
            response: Response = await handler(request)
            for name, value in self._headers(mode).items():
                response.headers[name] = value
            return response

        return guarded

    def _headers(self, mode: str) -> dict[str, str]:
        return {
            "x-ratelimit-remaining": str(int(self.world.robaws_bucket.level)),
            "x-ratelimit-daily-remaining": str(self.world.robaws_left[mode]),
            "x-ratelimit-daily-limit": str(self.world.limits.robaws_per_day),
            "x-ratelimit-daily-reset": "36000",
        }

    async def list_clients(self, request: Request) -> Response:
        world, switches = self.world, self.world.switches
        page = int(request.query_params.get("page", 0))
        size = min(int(request.query_params.get("size", 10)), switches.robaws_largest_page)
        if switches.robaws_refuses_sort and "sort" in request.query_params:
            return JSONResponse({"message": "unknown parameter sort"}, status_code=400)
        since = request.query_params.get("updatedFrom")
        if since and switches.robaws_updated_from == "400":
            return JSONResponse({"message": "unknown parameter updatedFrom"}, status_code=400)
        world.showing("robaws clients", page)
        rows = self._in_order(by_id="sort" in request.query_params)
        if since and switches.robaws_updated_from == "honoured":
            rows = [row for row in rows if row.get("updatedAt", "") >= since]
        items = [self._shaped(row, number) for number, row in enumerate(rows[page * size : (page + 1) * size])]
        total: Any = len(rows)
        body = {
            "items": items,
            "totalItems": str(total) if switches.robaws_total_as_text else total,
            "totalPages": -(-total // size),
            "currentPage": page,
            "size": len(items),
        }
        return Response(json.dumps(body, ensure_ascii=False), media_type="application/json")

    def _in_order(self, *, by_id: bool) -> list[dict[str, Any]]:
        """All clients; the order is worked out anew only when one came or went."""
        clients = self.world.robaws
        key = (id(clients), len(clients), by_id)
        if self._ordered[0] != key:
            rows = list(clients.values())
            if by_id:
                rows.sort(key=lambda row: int(row["id"]) if str(row["id"]).isdigit() else 0)
            self._ordered = (key, rows)
        return self._ordered[1]

    def _shaped(self, row: dict[str, Any], number: int) -> dict[str, Any]:
        switches = self.world.switches
        shaped = dict(row)
        if switches.robaws_ids_as_numbers and str(row.get("id", "")).isdigit():
            shaped["id"] = int(row["id"])
        if switches.robaws_shape == "seed" or (switches.robaws_shape == "mixed" and number % 2):
            extra = shaped.pop("extraFields", {})
            shaped["role"] = (extra.get("Role") or {}).get("stringValue")
            shaped["whatsappClient"] = (extra.get("WhatsApp client") or {}).get("booleanValue")
            shaped = {SEED_NAMES.get(key, key): value for key, value in shaped.items()}
        return shaped

    async def one_client(self, request: Request) -> Response:
        row = self.world.robaws.get(request.path_params["client_id"])
        if row is None:
            return JSONResponse({"status": 404, "message": "not found"}, status_code=404)
        return Response(json.dumps(self._shaped(row, 0), ensure_ascii=False), media_type="application/json")

    # --- webhooks ---

    async def endpoints(self, request: Request) -> Response:
        if request.method == "GET":
            shown = [{k: v for k, v in e.items() if k != "secret"} for e in self.world.webhooks.values()]
            return JSONResponse(shown)
        wish = await request.json()
        endpoint = {
            "id": str(uuid.uuid4()),
            "secret": str(uuid.uuid4()),
            "url": wish["url"],
            "events": wish.get("events", []),
        }
        self.world.webhooks[endpoint["id"]] = endpoint
        return JSONResponse(endpoint, status_code=201)

    async def delete_endpoint(self, request: Request) -> Response:
        gone = self.world.webhooks.pop(request.path_params["endpoint_id"], None)
        return Response(status_code=204 if gone else 404)


async def deliver(world: World, event: str, client_id: str) -> int:
    """Send an event to every endpoint that wants it, as Robaws does; returns how many answered 2xx in time."""
    import httpx

    accepted = 0
    for endpoint in list(world.webhooks.values()):
        if event not in endpoint["events"]:
            continue
        delivery = {"id": str(uuid.uuid4()), "event": event, "data": world.robaws[client_id]}
        body = json.dumps(delivery, ensure_ascii=False).encode()
        for attempt in range(3):
            signed = int(time.time())
            mac = hmac.new(endpoint["secret"].encode(), f"{signed}.".encode() + body, hashlib.sha256).hexdigest()
            headers = {"Content-Type": "application/json", "Robaws-Signature": f"t={signed},v1={mac}"}
            try:
                async with httpx.AsyncClient(timeout=2.0) as client:
                    answer = await client.post(endpoint["url"], content=body, headers=headers)
            except httpx.HTTPError:
                await asyncio.sleep(0.5 * 2**attempt)
                continue
            if answer.is_success:
                accepted += 1
                break
            await asyncio.sleep(0.5 * 2**attempt)
    return accepted
