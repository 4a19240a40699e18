"""The sandbox as one ASGI app: each system under its own path, and `/control` for tests and demonstrations."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from customer_assets.sandbox import records, robaws, sumit, zoho
from customer_assets.sandbox.world import (
    ROBAWS_KEY,
    ROBAWS_SECRET,
    SUMIT_COMPANY,
    SUMIT_KEY,
    ZOHO_CLIENT,
    ZOHO_ORGANIZATION,
    ZOHO_REFRESH,
    ZOHO_SECRET,
    Fault,
    World,
)

STATE_FILE = "sandbox.json"


def build_app(world: World) -> Starlette:
    """The three systems below /robaws, /zoho and /sumit."""

    async def control(request: Request) -> Response:
        if request.method == "POST":
            wish = await request.json()
            if wish.get("clear_faults"):
                world.faults.clear()
            world.faults += [Fault(**fault) for fault in wish.get("faults", [])]
            for name, value in wish.get("switches", {}).items():
                setattr(world.switches, name, value)
            for client_id, fields in wish.get("clients", {}).items():
                world.robaws[client_id] |= fields
            for customer_id, fields in wish.get("customers", {}).items():
                world.write_sumit(world.sumit[int(customer_id)] | fields)
        return JSONResponse({"calls": world.calls, "faults": [vars(f) for f in world.faults]})

    async def deliver(request: Request) -> Response:
        wish = await request.json()
        accepted = await robaws.deliver(world, wish.get("event", "client.updated"), str(wish["client_id"]))
        return JSONResponse({"accepted": accepted})

    return Starlette(
        routes=[
            Route("/control", control, methods=["GET", "POST"]),
            Route("/control/deliver", deliver, methods=["POST"]),
            Mount("/robaws", app=_Faulty(world, "robaws", Starlette(routes=robaws.routes(world)))),
            Mount("/zoho", app=_Faulty(world, "zoho", Starlette(routes=zoho.routes(world)))),
            Mount("/sumit", app=_Faulty(world, "sumit", Starlette(routes=sumit.routes(world)))),
        ]
    )


class _Faulty:
    """Misbehaves where the world says so, else passes on."""

    def __init__(self, world: World, system: str, app: ASGIApp) -> None:
        self.world, self.system, self.app = world, system, app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.world.last_call = time.monotonic()
        if scope["type"] == "http" and self.world.switches.latency_ms:
            await asyncio.sleep(self.world.switches.latency_ms / 1000)
        kind = self.world.fault_for(self.system, scope["path"]) if scope["type"] == "http" else None
        if kind is None:
            await self.app(scope, receive, send)
            return
        self.world.calls[self.system] += 1
        if kind == "cut":
            await _cut(b'{"items":[{"id":"1","na', send)
        elif kind == "reset":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9999")]})
            await send({"type": "http.response.body", "body": b'{"items":', "more_body": True})
            raise ConnectionResetError("on purpose")
        elif kind == "late":  # done, but nobody hears of it
            await self.app(scope, receive, _swallow)
            await _fault_response("html")(scope, receive, send)
        elif kind == "slow":
            await asyncio.sleep(5)
            await self.app(scope, receive, send)
        else:
            await _fault_response(kind)(scope, receive, send)


async def _swallow(_message: Any) -> None:
    """An answer that never arrives."""


async def _cut(body: bytes, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _fault_response(kind: str) -> Response:
    if kind.startswith("zoho:"):
        code = int(kind.removeprefix("zoho:"))
        status = {57: 401, 44: 429, 45: 429, 1070: 429, 43: 400, 1002: 404, 1000: 500}.get(code, 400)
        return zoho.error(status, code, "on purpose")
    if kind.startswith("status:"):
        _, said, message = kind.split(":", 2)
        return JSONResponse({"Status": int(said), "UserErrorMessage": message, "Data": None})
    match kind:
        case "html":
            return HTMLResponse("<html><body>Bad gateway</body></html>", status_code=502)
        case "html200":
            return HTMLResponse("<html><body>Welcome</body></html>")
        case "blocked":
            return Response(status_code=401, headers={"X-Robaws-Unauthorized-Reason": "temp-blocked"})
        case "empty403":
            return Response(status_code=403)
        case "redirect":
            return Response(status_code=302, headers={"Location": "/elsewhere"})
        case "quota":
            return PlainTextResponse("no quota", status_code=429, headers={"x-ratelimit-daily-remaining": "0"})
    return PlainTextResponse("on purpose", status_code=int(kind))


def environment(base: str, home: Path | None = None) -> dict[str, str]:
    """The settings under which the product speaks to a sandbox at this address. These credentials open nothing else."""
    lines = {
        "ROBAWS_BASE_URL": f"{base}/robaws",
        "ROBAWS_API_KEY": ROBAWS_KEY,
        "ROBAWS_API_SECRET": ROBAWS_SECRET,
        "ZOHO_API_URL": f"{base}/zoho",
        "ZOHO_ACCOUNTS_URL": f"{base}/zoho",
        "ZOHO_CLIENT_ID": ZOHO_CLIENT,
        "ZOHO_CLIENT_SECRET": ZOHO_SECRET,
        "ZOHO_REFRESH_TOKEN": ZOHO_REFRESH,
        "ZOHO_ORGANIZATION_ID": ZOHO_ORGANIZATION,
        "ZOHO_CALLS_PER_MINUTE": "60000",  # details would only cost waiting
        "ZOHO_CALL_BUDGET": "5000",
        "ZOHO_DETAIL_BUDGET": "3000",
        "SUMIT_BASE_URL": f"{base}/sumit",
        "SUMIT_COMPANY_ID": str(SUMIT_COMPANY),
        "SUMIT_API_KEY": SUMIT_KEY,
        "SUMIT_SECONDS_BETWEEN_CALLS": "0",
    }
    if home is not None:
        lines["LEGACY_INVOICES"] = str(home / "sandbox" / "legacy_invoices.csv")
    return lines


def write_legacy_invoices(world: World, path: Path) -> None:
    """The old invoices as a CSV file, as a company would hand them over."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=records.LEGACY_COLUMNS)
        writer.writeheader()
        writer.writerows(world.legacy_rows())
    unfinished.replace(path)


def serve(world: World, *, host: str, port: int, home: Path | None, idle_seconds: float | None) -> None:
    """Serve until stopped, or until nobody called for `idle_seconds`. With a home folder, leaves its address there."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    )  # headers and body in two packets: 40 ms a call without
    listening.bind((host, port))
    base = f"http://{host}:{listening.getsockname()[1]}"
    config = uvicorn.Config(build_app(world), log_level="critical", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    lines = environment(base, home)
    if home is not None:
        legacy = Path(lines["LEGACY_INVOICES"])
        if not legacy.exists():
            write_legacy_invoices(world, legacy)
        state = home / STATE_FILE
        part = state.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps({"pid": os.getpid(), "base": base, "environment": lines}), encoding="utf-8")
        part.replace(state)
    for name, value in lines.items():
        print(f"{name}={value}", flush=True)  # noqa: T201 (this is what the command is for)
    asyncio.run(_serve(server, listening, world, idle_seconds))


async def _serve(server: uvicorn.Server, listening: socket.socket, world: World, idle_seconds: float | None) -> None:
    async def watch() -> None:
        while idle_seconds is not None:
            await asyncio.sleep(min(5.0, idle_seconds))
            if time.monotonic() - world.last_call > idle_seconds:
                server.should_exit = True
                return

    watcher = asyncio.create_task(watch())
    await server.serve(sockets=[listening])
    watcher.cancel()


def control(world: World, **switches: Any) -> None:
    """Set switches, for tests in the same process."""
    for name, value in switches.items():
        setattr(world.switches, name, value)
