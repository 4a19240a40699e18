"""The console: which screen is at which address, and who may see it."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from customer_assets.runtime.runtime import Runtime
from customer_assets.web.console.customers import Customers
from customer_assets.web.console.decisions import Decisions
from customer_assets.web.console.erasing import Erasing
from customer_assets.web.console.exports import Exports
from customer_assets.web.console.golden import Golden
from customer_assets.web.console.guard import Guard, allowed_next
from customer_assets.web.console.health import Health
from customer_assets.web.console.imports import Imports
from customer_assets.web.console.intakes import Intakes
from customer_assets.web.console.jobs import Worker
from customer_assets.web.console.languages import COOKIE, LANGUAGES
from customer_assets.web.console.listings import LIST_PAGES
from customer_assets.web.console.lists import Lists
from customer_assets.web.console.logins import Logins
from customer_assets.web.console.overview import Overview
from customer_assets.web.console.people import People
from customer_assets.web.console.screen import HERE
from customer_assets.web.console.syncs import Syncs
from customer_assets.web.console.webhooks import Webhooks


def console_routes(runtime: Runtime, guard: Guard, worker: Worker) -> list[BaseRoute]:
    """All pages, each with the role that it needs."""
    logins, lists, customers, intakes = Logins(runtime), Lists(runtime), Customers(runtime), Intakes(runtime)
    syncs, webhooks, decisions, health = (
        Syncs(runtime, worker),
        Webhooks(runtime),
        Decisions(runtime),
        Health(runtime),
    )
    page = guard.page
    golden, people, imports = Golden(runtime), People(runtime), Imports(runtime)
    reads = {
        "/overview": Overview(runtime).overview,
        "/golden": golden.customers,
        "/golden/{id:row}": golden.customer,
        "/customers": customers.customers,
        "/customers/search": intakes.search,
        "/customers/{id:row}": customers.customer,
        **{listed.path: lists.listing(listed) for listed in LIST_PAGES},
        "/webhooks/deliveries/{id:path}": webhooks.delivery,
        "/conflicts": decisions.conflicts,
        "/reviews": decisions.reviews,
        "/health": health.health,
        "/jobs/{id}": syncs.job,
    }
    return [
        Route("/", home),
        Route("/language", change_language),
        Route("/login", logins.login, methods=["GET", "POST"]),
        Route("/logout", page("viewer", logins.logout), methods=["POST"]),
        *(Route(path, page("viewer", handler)) for path, handler in reads.items()),
        Route("/customers/together", page("editor", customers.together), methods=["POST"]),
        Route("/customers/{id:row}/edit", page("editor", customers.edit), methods=["GET", "POST"]),
        Route("/customers/{id:row}/erase", page("admin", Erasing(runtime).erase), methods=["GET", "POST"]),
        Route("/customers/{id:row}/apart", page("editor", customers.apart), methods=["POST"]),
        Route("/export/{file}", page("editor", Exports(runtime).export)),
        Route("/golden/{id:row}/merge", page("editor", golden.merge), methods=["POST"]),
        Route("/golden/{id:row}/notes", page("editor", golden.note), methods=["POST"]),
        Route("/golden/{id:row}/back", page("editor", golden.back), methods=["POST"]),
        Route("/golden/{id:row}/part", page("editor", golden.part), methods=["POST"]),
        Route("/intakes/new", page("editor", intakes.intake), methods=["GET", "POST"]),
        Route("/actions/{kind}", page("editor", syncs.action), methods=["GET", "POST"]),
        Route("/push/plan", page("editor", syncs.push_plan), methods=["POST"]),
        Route("/push", page("editor", syncs.push), methods=["POST"]),
        Route("/pushed/{key}", page("editor", syncs.pushed)),
        Route("/webhooks/retry", page("editor", webhooks.retry), methods=["GET", "POST"]),
        Route("/webhooks/range", page("editor", webhooks.replay_range), methods=["GET", "POST"]),
        Route("/webhooks/replay", page("editor", webhooks.replay), methods=["POST"]),
        Route("/conflicts", page("editor", decisions.resolve_many), methods=["POST"]),
        Route("/conflicts/{id:row}", page("editor", decisions.resolve), methods=["POST"]),
        Route("/reviews/{id:row}", page("editor", decisions.decide), methods=["POST"]),
        Route("/users", page("admin", people.users), methods=["GET", "POST"]),
        Route("/me", page("viewer", people.me), methods=["GET", "POST"]),
        Route("/import", page("editor", imports.imports), methods=["GET", "POST"]),
        Route("/import/{key}/refused.csv", page("editor", imports.rejects)),
        Route("/views", page("viewer", lists.keep_view), methods=["POST"]),
        Route("/reminders/settings", page("admin", health.reminder_settings), methods=["POST"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]


async def change_language(request: Request) -> Response:
    """Another language for this browser, and back to where one was."""
    chosen = request.query_params.get("to", "")
    back = urlsplit(request.headers.get("referer", ""))
    where = f"{back.path}?{back.query}" if back.query else back.path
    response = RedirectResponse(allowed_next(where or "/"), status_code=303)
    if chosen in LANGUAGES:
        response.set_cookie(COOKIE, chosen, max_age=31_536_000, httponly=True, samesite="lax", path="/")
    return response


async def home(_request: Request) -> Response:
    """The start page is the overview."""
    return RedirectResponse("/overview", status_code=303)
