"""Zoho Books, emulated: token flow, contacts, invoices, limits (docs/systems/zoho.md)."""

from __future__ import annotations

import json
import re
import secrets
import time
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from customer_assets.sandbox.world import ZOHO_CLIENT, ZOHO_ORGANIZATION, ZOHO_REFRESH, ZOHO_SECRET, World

TOKEN_SECONDS = 3600
TIME_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}")
LIST_HIDES = ("contact_persons", "billing_address", "primary_contact_id", "vat_reg_no")


def routes(world: World) -> list[Route]:
    """The emulator's routes: accounts server and Books."""
    view = _Zoho(world)
    return [
        Route("/oauth/v2/token", view.token, methods=["POST"]),
        Route("/books/v3/contacts", view.guarded(view.contacts), methods=["GET"]),
        Route("/books/v3/contacts/{contact_id}", view.guarded(view.contact), methods=["GET"]),
        Route("/books/v3/invoices", view.guarded(view.invoices), methods=["GET"]),
        Route("/books/v3/invoices/{invoice_id}", view.guarded(view.invoice), methods=["GET"]),
        Route("/{rest:path}", view.nothing, methods=["GET", "POST"]),
    ]


def error(status: int, code: int, message: str) -> Response:
    """An error body as Zoho writes it."""
    return JSONResponse({"code": code, "message": message}, status_code=status)


class _Zoho:
    def __init__(self, world: World) -> None:
        self.world = world

    async def nothing(self, request: Request) -> Response:  # noqa: ARG002
        return error(404, 5, "Invalid URL Passed")

    async def token(self, request: Request) -> Response:
        world = self.world
        world.calls["zoho token"] += 1
        form = await request.form()
        if world.switches.zoho_token_error == "Access Denied":
            return self._too_many_tokens()
        if world.switches.zoho_token_error:
            return JSONResponse({"error": world.switches.zoho_token_error})
        if form.get("client_id") != ZOHO_CLIENT or form.get("client_secret") != ZOHO_SECRET:
            return JSONResponse({"error": "invalid_client"})
        if form.get("refresh_token") != ZOHO_REFRESH or form.get("grant_type") != "refresh_token":
            return JSONResponse({"error": "invalid_code"})
        now = time.monotonic()
        given = world.zoho_tokens_given
        while given and now - given[0] > 600:
            given.popleft()
        if len(given) >= world.limits.zoho_tokens_per_ten_minutes:
            return self._too_many_tokens()
        given.append(now)
        token = f"1000.{secrets.token_hex(16)}"
        world.zoho_tokens.append((token, now + TOKEN_SECONDS))
        return JSONResponse(
            {
                "access_token": token,
                "api_domain": str(request.base_url),
                "token_type": "Bearer",
                "expires_in": TOKEN_SECONDS,
            }
        )

    @staticmethod
    def _too_many_tokens() -> Response:
        said = "You have made too many requests continuously. Please try again after some time."
        return JSONResponse({"error": "Access Denied", "error_description": said}, status_code=400)

    def guarded(self, handler: Any) -> Any:
        """Check token and organization, count and limit each call."""

        async def guarded(request: Request) -> Response:
            world = self.world
            world.calls["zoho"] += 1
            given = request.headers.get("Authorization", "").removeprefix("Zoho-oauthtoken ")
            live = any(token == given and time.monotonic() < until for token, until in world.zoho_tokens)
            if not live or world.switches.zoho_hides_scope:
                return error(401, 57, "You are not authorized to perform this operation")
            if request.query_params.get("organization_id") != ZOHO_ORGANIZATION:
                return error(400, 6041, "This user is not associated with the CompanyID/CompanyName:unknown.")
            refusal = self._limited()
            if refusal is not None:
                world.calls["zoho 429"] += 1
                return refusal
            world.zoho_left -= 1
            world.zoho_in_flight += 1
            try:
                response: Response = await handler(request)
            finally:
                world.zoho_in_flight -= 1
            response.headers["X-Rate-Limit-Limit"] = str(world.limits.zoho_per_day)
            response.headers["X-Rate-Limit-Remaining"] = str(world.zoho_left)
            response.headers["X-Rate-Limit-Reset"] = "40000"
            return response

        return guarded

    def _limited(self) -> Response | None:
        world, now = self.world, time.monotonic()
        minute = world.zoho_minute
        while minute and now - minute[0] > 60:
            minute.popleft()
        minute.append(now)
        if len(minute) > world.limits.zoho_per_minute:
            return error(
                429,
                44,
                "For security reasons you have been blocked for some time as you have exceeded the maximum number of requests per minute.",
            )
        if world.zoho_left <= 0:
            return error(429, 45, "You have exceeded the maximum call rate limit of the day")
        if world.zoho_in_flight >= world.limits.zoho_concurrent:
            return error(429, 1070, "The maximum number of in process requests is reached")
        return None

    async def contacts(self, request: Request) -> Response:
        query, switches = request.query_params, self.world.switches
        self.world.showing("zoho contacts", int(query.get("page", 1)))
        rows = list(self.world.zoho_contacts.values())
        if query.get("contact_type"):
            rows = [row for row in rows if row["contact_type"] == query["contact_type"]]
        if query.get("filter_by") != "Status.All":
            rows = [row for row in rows if row["status"] == "active"]
        listed = [{key: value for key, value in row.items() if key not in LIST_HIDES} for row in rows]
        return self._listed(request, "contacts", listed, filters=switches.zoho_filters_contacts)

    async def invoices(self, request: Request) -> Response:
        self.world.showing("zoho invoices", int(request.query_params.get("page", 1)))
        return self._listed(request, "invoices", list(self.world.zoho_invoices.values()), filters=True)

    async def invoice(self, request: Request) -> Response:
        wanted = request.path_params["invoice_id"]
        return self._single("invoice", self.world.zoho_invoices.get(wanted) or self.world.zoho_hidden.get(wanted))

    def _listed(self, request: Request, name: str, rows: list[dict[str, Any]], *, filters: bool) -> Response:
        query = request.query_params
        page, size = int(query.get("page", 1)), min(int(query.get("per_page", 200)), 200)
        since = query.get("last_modified_time")
        if since is not None:
            if not TIME_FORM.fullmatch(since):
                return error(400, 2, "Invalid value passed for last_modified_time")
            if filters:
                bound = datetime.fromisoformat(since)
                rows = [row for row in rows if datetime.fromisoformat(row["last_modified_time"]) >= bound]
        rows.sort(key=lambda row: row.get(query.get("sort_column", "created_time"), ""))
        shown = rows[(page - 1) * size : page * size]
        context = {
            "page": page,
            "per_page": size,
            "has_more_page": page * size < len(rows),
            "sort_column": "created_time",
        }
        body: dict[str, Any] = {"code": 0, "message": "success", name: shown}
        if self.world.switches.zoho_context != "missing":
            body["page_context"] = [context] if self.world.switches.zoho_context == "list" else context
        return Response(json.dumps(body, ensure_ascii=False), media_type="application/json")

    async def contact(self, request: Request) -> Response:
        world, wanted = self.world, request.path_params["contact_id"]
        return self._single("contact", world.zoho_contacts.get(wanted) or world.zoho_hidden.get(wanted))

    @staticmethod
    def _single(name: str, row: dict[str, Any] | None) -> Response:
        if row is None:
            return error(404, 1002, f"{name.capitalize()} does not exist.")
        return Response(
            json.dumps({"code": 0, "message": "success", name: row}, ensure_ascii=False),
            media_type="application/json",
        )
