"""SUMIT, emulated in both dialects, with writes that stick (docs/systems/sumit.md)."""

from __future__ import annotations

import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from customer_assets.sandbox.world import SUMIT_COMPANY, SUMIT_KEY, World

FOLDER = "5500"
ENTITY_NAMES = {
    "Name": "Customers_FullName",
    "EmailAddress": "Customers_EmailAddress",
    "Phone": "Customers_Phone",
    "CompanyNumber": "Customers_CompanyNumber",
    "Address": "Customers_Address",
    "City": "Customers_City",
    "ZipCode": "Customers_ZipCode",
    "CustomField_Segment": "CustomField_Segment",
}
SEED_NAMES = {
    "ID": "CustomerID",
    "Name": "Name",
    "EmailAddress": "Email",
    "Phone": "Phone",
    "CompanyName": "CompanyName",
    "CompanyNumber": "TaxID",
    "Address": "Address",
    "City": "City",
    "State": "State",
    "Country": "Country",
    "ZipCode": "ZipCode",
    "CustomField_Segment": "CustomField_Segment",
}
BUILT_IN = ({"ID": 1, "Name": "לקוח כללי"}, {"ID": 2, "Name": "SUMIT"})
SEARCH_FIELDS = {2: "ExternalIdentifier", 3: "Name", 4: "CompanyNumber", 5: "Phone", 6: "EmailAddress"}


def routes(world: World) -> list[Route]:
    """The emulator's routes; whatever else is asked for is redirected, as the real host does."""
    view = _Sumit(world)
    real = {
        "/crm/data/listentities/": view.list_entities,
        "/crm/data/getentity/": view.get_entity,
        "/crm/schema/listfolders/": view.list_folders,
        "/website/companies/getdetails/": view.company,
        "/accounting/customers/create/": view.create,
        "/accounting/customers/update/": view.update,
    }
    seed = {
        "/website/customers/getlist/": view.seed_list,
        "/website/customers/update/": view.seed_update,
    }
    return [
        *(Route(path, view.guarded(handler, "real"), methods=["POST"]) for path, handler in real.items()),
        *(Route(path, view.guarded(handler, "seed"), methods=["POST"]) for path, handler in seed.items()),
        Route("/{rest:path}", view.nowhere, methods=["GET", "POST"]),
    ]


class _Sumit:
    def __init__(self, world: World) -> None:
        self.world = world

    async def nowhere(self, request: Request) -> Response:
        if request.url.path.endswith("/help/"):
            return HTMLResponse("<html><body>Help</body></html>")
        return RedirectResponse("/help/", status_code=302)

    def guarded(self, handler: Any, dialect: str) -> Any:
        """Dialect, limits and credentials of each call."""

        async def guarded(request: Request) -> Response:
            world = self.world
            world.calls["sumit"] += 1
            if world.switches.sumit_dialect not in ("both", dialect):
                return RedirectResponse("/help/", status_code=302)
            if self._blocked():
                return Response(status_code=403)
            try:
                body = await request.json()
            except json.JSONDecodeError:
                return self._answer(None, status=2, technical="Body is no JSON")
            credentials = body.get("Credentials") or {}
            if credentials.get("CompanyID") != SUMIT_COMPANY or credentials.get("APIKey") != SUMIT_KEY:
                world.sumit_bad_keys += 1
                said = "Invalid Credentials (CompanyID/APIKey are incorrect)"
                if world.sumit_bad_keys > 5:
                    said = "Repeated incorrect credentials attempts detected"
                return self._answer(None, status=1, user=said)
            response: Response = handler(body)
            return response

        return guarded

    def _blocked(self) -> bool:
        limits, now, quick = self.world.limits, time.monotonic(), self.world.sumit_quick
        while quick and now - quick[0] > limits.sumit_clears_after_seconds:
            quick.popleft()
        quick.append(now)
        return len(quick) > limits.sumit_quick_calls

    def _answer(
        self, data: Any, *, status: int | None = None, user: str | None = None, technical: str | None = None
    ) -> Response:
        body = {"UserErrorMessage": user, "TechnicalErrorDetails": technical, "Data": data}
        shape = self.world.switches.sumit_status if status is None else status
        if shape != "missing":
            body["Status"] = shape
        return Response(json.dumps(body, ensure_ascii=False), media_type="application/json")

    # --- dialect real ---

    def list_folders(self, body: dict[str, Any]) -> Response:  # noqa: ARG002
        folders = [{"ID": FOLDER, "Name": "לקוחות"}, {"ID": "5600", "Name": "מסמכים"}]
        if self.world.switches.sumit_two_folders:
            folders.append({"ID": "5501", "Name": "Customers"})
        return self._answer({"Folders": folders})

    def company(self, body: dict[str, Any]) -> Response:  # noqa: ARG002
        return self._answer({"Company": {"Name": "Sandbox Ltd"}})

    def list_entities(self, body: dict[str, Any]) -> Response:
        if str(body.get("Folder")) not in (FOLDER, "לקוחות"):
            return self._answer({"Entities": [], "HasNextPage": False})
        paging = body.get("Paging") or {}
        start, size = int(paging.get("StartIndex", 0)), max(10, min(1000, int(paging.get("PageSize", 10))))
        self.world.showing("sumit customers", start)
        rows = [*BUILT_IN, *self.world.sumit.values()]
        order = body.get("Order") or {}
        if order.get("Property") == "ID" and not self.world.switches.sumit_orders_by_id:
            return self._answer(None, status=1, user="Unknown property ID")
        if order.get("Property"):
            name = {v: k for k, v in ENTITY_NAMES.items()}.get(order["Property"], order["Property"])
            rows.sort(
                key=lambda row: str(row.get(name) or "") if name != "ID" else f"{row['ID']:020d}",
                reverse=bool(order.get("Descending")),
            )
        else:
            rows.sort(key=lambda row: hash((row["ID"], time.monotonic_ns())))  # arbitrary without Order
        for wanted in body.get("Filters") or []:
            name = {v: k for k, v in ENTITY_NAMES.items()}.get(wanted.get("Property"), "")
            rows = [row for row in rows if str(row.get(name) or "") == str(wanted.get("Value"))]
        shown = rows[start : start + size]
        load = bool(body.get("LoadProperties"))
        data: dict[str, Any] = {"Entities": [self._entity(row, load) for row in shown]}
        if self.world.switches.sumit_tells_next:
            data["HasNextPage"] = start + size < len(rows)
        return self._answer(data)

    def _entity(self, row: dict[str, Any], load: bool) -> dict[str, Any]:
        entity: dict[str, Any] = {"ID": row.get("ID"), "Folder": FOLDER}
        if load:
            values = {ENTITY_NAMES[k]: [v] for k, v in row.items() if k in ENTITY_NAMES and v not in (None, "")}
            entity |= {"Properties": values} if self.world.switches.sumit_nested else values
        return entity

    def get_entity(self, body: dict[str, Any]) -> Response:
        row = self.world.sumit.get(int(body.get("EntityID") or 0))
        if row is None or row.get("archived"):
            return self._answer(None, status=1, user="Entity is archived or empty")
        return self._answer({"Entity": self._entity(row, load=True)})

    def create(self, body: dict[str, Any]) -> Response:
        details = dict(body.get("Details") or {})
        mode = details.pop("SearchMode", 1)
        wanted = details.get(SEARCH_FIELDS.get(mode, ""))
        if wanted:
            hits = [row for row in self.world.sumit.values() if row.get(SEARCH_FIELDS[mode]) == wanted]
            if hits:
                return self._written(hits[0]["ID"], details)
        if not details.get("Name"):
            return self._answer(None, status=1, user="Name is required")
        new_id = max([*self.world.sumit, 910_000]) + 1
        return self._written(new_id, details)

    def update(self, body: dict[str, Any]) -> Response:
        details = dict(body.get("Details") or {})
        if details.get("ID") not in self.world.sumit:
            return self._answer(None, status=1, user="Customer not found")
        return self._written(details["ID"], details)

    def _written(self, customer_id: int, details: dict[str, Any]) -> Response:
        if any(isinstance(value, list) for value in details.values()):
            return self._answer(None, status=1, user="Value Type not supported")
        self._store(customer_id, {k: v for k, v in details.items() if k != "ID" and v is not None})
        url = f"https://sandbox.invalid/customers/{customer_id}"
        return self._answer({"CustomerID": customer_id, "CustomerHistoryURL": url})

    def _store(self, customer_id: int, given: dict[str, Any]) -> None:
        """What SUMIT makes of what it is given."""
        switches = self.world.switches
        given = {k: v.strip() if isinstance(v, str) else v for k, v in given.items()}
        if switches.sumit_respells and given.get("Phone"):
            given["Phone"] = given["Phone"].replace(" ", "").replace("-", "").replace("+972", "0")
        if not switches.sumit_keeps_external_ids:
            given.pop("ExternalIdentifier", None)
        held = self.world.sumit.get(customer_id, {}) if switches.sumit_keeps_omitted else {}
        self.world.write_sumit({**held, **given, "ID": customer_id})

    # --- dialect seed ---

    def seed_list(self, body: dict[str, Any]) -> Response:
        customers = [
            {SEED_NAMES[k]: (f"CRM-{v}" if k == "ID" else v) for k, v in row.items() if k in SEED_NAMES}
            for row in self.world.sumit.values()
        ]
        shape = self.world.switches.sumit_status
        body = {
            "Status": "Success" if shape == 0 else shape,
            "UserErrorMessage": None,
            "Customers": customers,
        }
        return Response(json.dumps(body, ensure_ascii=False), media_type="application/json")

    def seed_update(self, body: dict[str, Any]) -> Response:
        customer = dict(body.get("Customer") or {})
        given = customer.pop("CustomerID", None)
        record = {k: customer[v] for k, v in SEED_NAMES.items() if v in customer}
        if given is None:
            record["ID"] = max([*self.world.sumit, 910_000]) + 1
        else:
            record["ID"] = int(str(given).removeprefix("CRM-"))
            if record["ID"] not in self.world.sumit:
                return self._answer(None, status=1, user="Customer not found")
        self._store(record["ID"], {k: v for k, v in record.items() if k != "ID" and v is not None})
        return JSONResponse(
            {"Status": "Success", "UserErrorMessage": None, "Data": {"CustomerID": f"CRM-{record['ID']}"}}
        )
