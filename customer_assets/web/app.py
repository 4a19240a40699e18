"""The web app: webhook receiver, JSON API, console, health. One ASGI app."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import psycopg
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from customer_assets.errors import CustomerAssetsError
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.webhooks.apply import AppliedDeliveries
from customer_assets.runtime.runtime import Runtime
from customer_assets.settings import Settings
from customer_assets.sources.system import WebhookSettings
from customer_assets.store import users
from customer_assets.store.database import connect, ping
from customer_assets.store.owned import owns
from customer_assets.store.reads import api, search
from customer_assets.store.webhooks import endpoints
from customer_assets.store.webhooks.inbox import store_new, store_refusals
from customer_assets.web.api import api_routes, as_json, connect_to_read
from customer_assets.web.console.guard import Guard, KnownHosts, SecureHeaders
from customer_assets.web.console.jobs import Worker
from customer_assets.web.console.pages import console_routes
from customer_assets.web.console.screen import failed_page
from customer_assets.web.console.uploads import Uploads
from customer_assets.web.metrics import Timed
from customer_assets.web.webhooks.applier import Applier
from customer_assets.web.webhooks.group_writer import GroupWriter
from customer_assets.web.webhooks.receiver import PATH, SOURCE, Receiver
from customer_assets.web.webhooks.secrets import Secrets
from customer_assets.web.webhooks.sender import Sender

log = logging.getLogger(__name__)


class App:
    """The receiver on its path, with nothing before it; everything else behind the guards of the pages."""

    def __init__(self, receiver: ASGIApp, pages: ASGIApp) -> None:
        self._receiver, self._pages = receiver, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            await self._receiver(scope, receive, send)
        else:
            await self._pages(scope, receive, send)


def build_app(runtime: Runtime) -> App:
    """The ASGI app of one runtime. Its lifespan runs the writers and the applier of deliveries."""
    secrets = Secrets(runtime.url, runtime.receiving, source=SOURCE)
    writer = GroupWriter(runtime.url, store_new, lanes=2)
    refusals = GroupWriter(runtime.url, store_refusals, lanes=1)
    sender = _sender_of(runtime)
    applier = Applier(runtime.context(trigger="web"), runtime.receiving, partial(_report, runtime, sender))
    # one address serves all accounts: the first one's limits hold
    first: WebhookSettings = next(a.settings for a in runtime.receiving if a.system == SOURCE)
    receiver = Receiver(
        secrets,
        writer,
        refusals,
        applier.wake,
        tolerance_seconds=first.webhook_tolerance_seconds,
        refusals_per_minute=first.webhook_refusals_per_minute,
    )

    guard = Guard(runtime)
    worker, uploads = Worker(runtime), Uploads()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        if not (await secrets.renewed()).values:
            log.warning(
                "no webhook secret: every delivery is refused until `customer-assets register-webhook` has run "
                "or ROBAWS_WEBHOOK_SECRET is set"
            )
        await run_in_threadpool(_ensure_admin, runtime)
        tasks = [asyncio.create_task(part.run()) for part in (writer, refusals, secrets)]
        applier.start()
        sender.start()
        threading.Thread(target=_ensure_search, args=(runtime,), name="search index", daemon=True).start()
        try:
            yield
        finally:
            await asyncio.to_thread(applier.stop)
            await asyncio.to_thread(sender.stop)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(runtime.pool.close)
            uploads.close()

    app = Starlette(
        lifespan=lifespan,
        middleware=_middleware(runtime.configuration.settings),
        exception_handlers={
            psycopg.OperationalError: _unavailable,
            CustomerAssetsError: _unavailable,
            psycopg.DataError: _unusable,
            404: partial(_nowhere, guard),
        },
        routes=[
            *_health_routes(runtime, guard, secrets, applier),
            *api_routes(runtime, guard),
            *console_routes(runtime, guard, worker, uploads),
        ],
    )
    return App(receiver, app)


def _sender_of(runtime: Runtime) -> Sender:
    return Sender(
        runtime.url,
        refresh=lambda: resolve_customers(runtime.context(trigger="web")),
        borrow=lambda: runtime.pool.connection(statement_seconds=20),
    )


def _middleware(settings: Settings) -> list[Middleware]:
    """What every page passes, the outermost first."""
    return [
        Middleware(Timed),
        Middleware(GZipMiddleware, minimum_size=1000),
        Middleware(SecureHeaders, is_behind_tls=settings.is_behind_tls),
        Middleware(KnownHosts, allowed_hosts=settings.web_hosts),
    ]


def _report(runtime: Runtime, sender: Sender, batch: AppliedDeliveries) -> None:
    sender.changed()
    runtime.tell_dagster(batch.by_asset(), "webhook deliveries, applied as they landed")


def _health_routes(runtime: Runtime, guard: Guard, secrets: Secrets, applier: Applier) -> list[Route]:
    async def health(request: Request) -> Response:
        """That it works, and, for those who may read the API, of each account how."""
        state = await run_in_threadpool(_health, runtime)
        state["webhooks"] |= {"secrets": len(secrets.known.values), "applier": applier.is_alive}
        return as_json({"status": "ok", **(state if await guard.may_read(request) else {})})

    async def live(request: Request) -> Response:  # noqa: ARG001
        """Whether this process answers at all."""
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:  # noqa: ARG001
        """Whether deliveries can be taken and pages shown: the database answers, and the applier runs."""
        await run_in_threadpool(_ask_database, runtime)
        is_ready = applier.is_alive
        return JSONResponse({"status": "ok" if is_ready else "starting"}, status_code=200 if is_ready else 503)

    return [Route("/healthz", health), Route("/readyz", ready), Route("/livez", live)]


def _ensure_admin(runtime: Runtime) -> None:
    """The first start makes an administrator, and shows a made-up password once."""
    given = runtime.configuration.settings.console_admin_password
    with connect(runtime.url, name="customer_assets web", timeout=2) as connection:
        made_up = users.ensure_admin(connection, given.get_secret_value() if given else None)
    if made_up is not None:
        sys.stderr.write(
            f"console: log in as admin with the password {made_up} (shown once; `user passwd admin` gives another)\n"
        )


def _ensure_search(runtime: Runtime) -> None:
    """The first start makes the index of the search; until it is there, searching takes longer."""
    try:
        with connect(runtime.url, name="customer_assets search index", timeout=2) as connection:
            if owns(connection, "customer_rows"):  # else `db upgrade` made it
                search.ensure_search_index(connection)
    except (psycopg.Error, CustomerAssetsError) as error:
        log.warning("no index for the search yet: %s", str(error).splitlines()[0] if str(error) else error)


def _ask_database(runtime: Runtime) -> None:
    with connect_to_read(runtime) as connection:
        ping(connection)


def _health(runtime: Runtime) -> dict[str, Any]:
    with connect_to_read(runtime) as connection:
        return {
            **api.health(connection),
            "webhooks": endpoints.delivery_health(connection)
            | {"silent_accounts": runtime.silent_accounts(connection)},
        }


def _unavailable(_request: Request, error: Exception) -> Response:
    message = str(error).splitlines()[0] if isinstance(error, CustomerAssetsError) else "the database does not answer"
    return JSONResponse({"status": "failed", "error": message}, status_code=503, headers={"Retry-After": "5"})


async def _nowhere(guard: Guard, request: Request, _error: Exception) -> Response:
    """No such page: in the console's frame for people, as JSON for programs."""
    if request.url.path.startswith(("/api/", "/static/")):
        return JSONResponse({"error": "no such address"}, status_code=404)
    session = None
    with suppress(psycopg.Error, CustomerAssetsError):
        session = await guard.session(request)
    return failed_page(request, session, "no such page", status=404)


def _unusable(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "a value that no field can hold"}, status_code=400)
