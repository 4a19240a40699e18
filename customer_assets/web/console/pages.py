"""The console: which screen is at which address, and who may see it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from customer_assets.runtime.runtime import Runtime
from customer_assets.web.console.answers import Answers
from customer_assets.web.console.customers import Customers
from customer_assets.web.console.decisions import Decisions
from customer_assets.web.console.erasing import Erasing
from customer_assets.web.console.exports import Exports
from customer_assets.web.console.golden import Golden
from customer_assets.web.console.guard import Guard, Handler, allowed_next
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
from customer_assets.web.console.reminding import Reminding
from customer_assets.web.console.screen import HERE
from customer_assets.web.console.subscriptions import Subscriptions
from customer_assets.web.console.syncs import Syncs
from customer_assets.web.console.uploads import Uploads
from customer_assets.web.console.vouched import BACK, Vouched
from customer_assets.web.console.webhooks import Webhooks

READ, SEND, BOTH = ("GET",), ("POST",), ("GET", "POST")
Page = tuple[str, str, Handler, tuple[str, ...]]  # address, role that it needs, what shows it, methods


class Screens:
    """The screens of one runtime."""

    def __init__(self, runtime: Runtime, worker: Worker, uploads: Uploads) -> None:
        self.overview, self.lists, self.health = Overview(runtime), Lists(runtime), Health(runtime)
        self.golden, self.customers, self.intakes = Golden(runtime), Customers(runtime), Intakes(runtime)
        self.decisions, self.webhooks, self.syncs = Decisions(runtime), Webhooks(runtime), Syncs(runtime, worker)
        self.people, self.imports, self.exports = People(runtime), Imports(runtime, uploads), Exports(runtime)
        self.erasing, self.subscriptions = Erasing(runtime), Subscriptions(runtime)
        self.answers, self.reminding = Answers(runtime), Reminding(runtime)


def console_routes(runtime: Runtime, guard: Guard, worker: Worker, uploads: Uploads) -> list[BaseRoute]:
    """All pages, each with the role that it needs."""
    screens, logins, vouched = Screens(runtime, worker, uploads), Logins(runtime), Vouched(runtime)
    pages = (*_reading(screens), *_writing(screens), ("/logout", "viewer", logins.logout, SEND))
    return [
        Route("/", home),
        Route("/language", change_language),
        Route("/login", logins.login, methods=["GET", "POST"]),
        Route("/login/provider", vouched.leave),
        Route(BACK, vouched.come_back),
        *(Route(path, guard.page(role, handler), methods=list(methods)) for path, role, handler, methods in pages),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]


def _reading(of: Screens) -> Iterator[Page]:
    yield "/overview", "viewer", of.overview.overview, READ
    yield "/inbox", "viewer", of.overview.inbox, READ
    yield "/night", "viewer", of.overview.night, READ
    yield "/golden", "viewer", of.golden.customers, READ
    yield "/golden/{id:row}", "viewer", of.golden.customer, READ
    yield "/customers", "viewer", of.customers.customers, READ
    yield "/customers/search", "viewer", of.intakes.search, READ
    yield "/customers/{id:row}", "viewer", of.customers.customer, READ
    for listed in LIST_PAGES:
        yield listed.path, "viewer", of.lists.listing(listed), READ
    yield "/webhooks/deliveries/{id:path}", "viewer", of.webhooks.delivery, READ
    yield "/messages/{id:row}", "viewer", of.subscriptions.message, READ
    yield "/conflicts", "viewer", of.decisions.conflicts, READ
    yield "/reviews", "viewer", of.decisions.reviews, READ
    yield "/health", "viewer", of.health.health, READ
    yield "/jobs/{id}", "viewer", of.syncs.job, READ
    yield "/export/{file}", "editor", of.exports.export, READ
    yield "/pushed/{key}", "editor", of.syncs.pushed, READ
    yield "/import/{key}/refused.csv", "editor", of.imports.rejects, READ


def _writing(of: Screens) -> Iterator[Page]:
    yield "/customers/together", "editor", of.customers.together, SEND
    yield "/customers/{id:row}/edit", "editor", of.customers.edit, BOTH
    yield "/customers/{id:row}/erase", "admin", of.erasing.erase, BOTH
    yield "/customers/{id:row}/apart", "editor", of.answers.apart, SEND
    yield "/golden/{id:row}/merge", "editor", of.answers.merge, BOTH
    yield "/golden/{id:row}/notes", "editor", of.golden.note, SEND
    yield "/golden/{id:row}/back", "editor", of.answers.back, SEND
    yield "/golden/{id:row}/part", "editor", of.answers.part, BOTH
    yield "/intakes/new", "editor", of.intakes.intake, BOTH
    yield "/intakes/{id:row}", "editor", of.intakes.correct, BOTH
    yield "/actions/{kind}", "editor", of.syncs.action, BOTH
    yield "/push/plan", "editor", of.syncs.push_plan, BOTH
    yield "/push", "editor", of.syncs.push, SEND
    yield "/webhooks/retry", "editor", of.webhooks.retry, BOTH
    yield "/webhooks/range", "editor", of.webhooks.replay_range, BOTH
    yield "/webhooks/replay", "editor", of.webhooks.replay, SEND
    yield "/conflicts", "editor", of.decisions.resolve_many, SEND
    yield "/conflicts/{id:row}", "editor", of.decisions.resolve, SEND
    yield "/reviews/{id:row}", "editor", of.decisions.decide, SEND
    yield "/messages/{id:row}/again", "editor", of.subscriptions.again, SEND
    yield "/subscriptions", "admin", of.subscriptions.subscriptions, BOTH
    yield "/users", "admin", of.people.users, BOTH
    yield "/me", "viewer", of.people.me, BOTH
    yield "/import", "editor", of.imports.imports, BOTH
    yield "/views", "viewer", of.lists.keep_view, SEND
    yield "/reminders/settings", "admin", of.health.reminder_settings, SEND
    yield "/reminders/{id:row}", "editor", of.reminding.mark, BOTH


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
