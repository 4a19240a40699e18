"""The screens: each reads, shows, and leaves the work to the functions that the command line calls."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from customer_assets.config import SETTINGS_CLASSES, SumitSettings
from customer_assets.domain.edits import BOOLEANS, DATES, EDITABLE
from customer_assets.errors import CustomerAssetsError, RecordError, StaleEditError
from customer_assets.pipeline import edit as edits
from customer_assets.pipeline.apply import apply_deliveries
from customer_assets.pipeline.explain import decide_review
from customer_assets.pipeline.push import PushResult, push
from customer_assets.stack import Stack
from customer_assets.store import (
    audit,
    console,
    deliveries,
    endpoints,
    identity,
    links,
    reading,
    rows,
    users,
)
from customer_assets.store.database import Connection, connect
from customer_assets.store.users import Session
from customer_assets.web.console.guard import (
    COOKIE,
    Guard,
    LoginThrottle,
    allowed_next,
    is_foreign,
    set_cookie,
)
from customer_assets.web.console.work import KINDS, Worker

HERE = Path(__file__).parent


class RowConvertor(Convertor[int]):
    """An id in an address: no longer than the database can hold."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        """As a number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """As it stands in an address."""
        return str(value)


register_url_convertor("row", RowConvertor())


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the row's key, its heading, how it is shown."""

    name: str
    label: str
    kind: str = "text"

    @property
    def number(self) -> bool:
        """Whether it stands to the right."""
        return self.kind in ("number", "money")


def _columns(*described: str) -> list[Column]:
    """`name:Heading:kind` each."""
    return [Column(*part.split(":")) for part in described]


COLUMNS = {
    "customers": _columns("name:Name:customer", "role:Role:role", "source:System:badge", "vat_number:VAT", "general_email:E-mail", "primary_phone:Phone", "city:City", "country:Country", "is_active:Active:boolean", "last_synced_at:Synced:ago"),
    "invoices": _columns("invoice_number:Number", "invoice_date:Date", "due_date:Due", "total:Total:money", "balance:Open:money", "currency_code:", "status:Status:badge", "customer_name:Customer:owner", "customer_phone:Phone:phone"),
    "reminders": _columns("scheduled_date:On", "reminder_type:Kind", "status:Status:badge", "skip_reason:Why not", "invoice_number:Invoice", "balance:Open:money", "currency_code:", "customer_name:Customer:owner", "customer_phone:Phone:phone"),
    "deliveries": _columns("received_at:Received:ago", "id:Delivery:delivery", "event:Event", "status:Status:badge", "source_customer_id:Customer", "attempts:Attempts:number", "duration_ms:ms:number", "error:Error"),
    "refusals": _columns("refused_at:When:ago", "reason:Reason:badge", "address:From", "size:Bytes:number"),
    "runs": _columns("started_at:Started:ago", "source:System:badge", "kind:Kind", "trigger:By", "status:Status:badge", "created:Created:number", "updated:Updated:number", "unchanged:Unchanged:number", "rejected:Rejected:number", "errors:Errors:number", "pages:Pages:number", "calls:Calls:number", "quota_left:Quota left:number", "seconds:Seconds:seconds", "message:Message"),
    "rejects": _columns("last_seen_at:Seen:ago", "source:System:badge", "entity:What", "source_id:Id", "reason:Reason", "record:Record"),
    "intakes": _columns("created_at:When:ago", "customer_name:Customer:owner", "role:Role:role", "contact_email:E-mail", "contact_phone:Phone", "note:Note", "created_by:By"),
    "audit": _columns("at:When:ago", "who:Who", "action:What", "target:To what", "details:Details"),
}  # fmt: skip
DETAIL_TABLES = (
    ("The same customer elsewhere", "same", _columns("name:Name:customer", "source:System:badge", "source_customer_id:Id", "city:City")),
    ("Invoices", "invoices", _columns("invoice_number:Number", "invoice_date:Date", "due_date:Due", "total:Total:money", "balance:Open:money", "currency_code:", "status:Status:badge")),
    ("Old invoices", "legacy", _columns("source_invoice_id:Number", "invoice_date:Date", "total:Total:money", "currency_code:", "match_rule:Linked by", "match_score:Score:number")),
    ("Reminders", "reminders", _columns("scheduled_date:On", "reminder_type:Kind", "status:Status:badge", "skip_reason:Why not")),
    ("Pushed to SUMIT", "pushes", _columns("pushed_at:When:ago", "outcome:Outcome:badge", "reason:Reason")),
    ("What changed", "changes", _columns("changed_at:When:ago", "field:Field", "old_value:Before", "new_value:After", "origin:By:badge")),
)  # fmt: skip
SECTIONS = {
    "Info": ("name", "company_name", "legal_form", "vat_number", "role", "status", "assignee", "external_sales_person", "follow_up_date", "is_active", "default_vat_tariff", "gl_account", "accessible_via_peppol"),
    "Contact": ("phone", "mobile", "primary_phone", "general_email", "billing_email", "website", "whatsapp_client"),
    "Address": ("street", "street2", "zipcode", "city", "state", "country"),
}  # fmt: skip
OWNERS = {
    "robaws": "Robaws owns these fields. What you write here lies over them until it is given up; a sync never overwrites it, and Robaws never sees it.",
    "zoho": "Zoho Books owns these fields. What you write here lies over them until it is given up; Zoho never sees it.",
    "sumit": "What you write here is pushed to SUMIT by the next bidirectional sync. Where SUMIT changed the same field meanwhile, the policy decides.",
    "invoice": "Only old invoices know this customer; nothing overwrites what you write here.",
}  # fmt: skip
SCREENS = (
    ("/customers", "Customers", None), ("/intakes", "Intakes", None), ("/invoices", "Invoices", None),
    ("/reminders", "Reminders", None), ("/runs", "Sync runs", "running"), ("/webhooks", "Webhooks", "deliveries"),
    ("/conflicts", "Conflicts", "conflicts"), ("/reviews", "Match reviews", "reviews"), ("/audit", "Audit", None),
    ("/health", "Health", None),
)  # fmt: skip


def _choice(name: str, label: str, values: Sequence[Any]) -> dict[str, Any]:
    return {"name": name, "label": label, "choices": [v if isinstance(v, tuple) else (v, v) for v in values]}


HAS_PHONE = _choice("phone", "Phone", [("none", "no phone"), ("some", "with a phone")])
HAS_CUSTOMER = _choice("customer", "Customer", [("none", "no customer"), ("some", "with a customer")])


class Console:
    """The pages of one stack."""

    def __init__(self, stack: Stack, guard: Guard, worker: Worker) -> None:
        self._stack, self._guard, self._worker = stack, guard, worker
        self._throttle = LoginThrottle()
        self._verifying = asyncio.Semaphore(2)
        self._offered: tuple[dict[str, list[str]], float] = ({}, 0.0)
        self._jinja = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        self._jinja.globals.update(cell=cell, ago=ago, value_of=value_of, text=_text)

    def routes(self) -> list[BaseRoute]:
        """All pages, each with the role that it needs."""
        page = self._guard.page
        reads = {
            "/customers": self.customers, "/customers/search": self.search, "/customers/{id:row}": self.customer,
            "/invoices": self.listing("invoices", "Invoices", [_choice("status", "Status", ["sent", "overdue", "partially_paid", "paid", "draft", "void"]), HAS_CUSTOMER, HAS_PHONE]),
            "/reminders": self.listing("reminders", "Reminders", [_choice("status", "Status", ["pending", "skipped", "cancelled", "sent"]), HAS_CUSTOMER, HAS_PHONE]),
            "/runs": self.listing("runs", "Sync runs", [_choice("status", "Status", ["running", "ok", "partial", "failed"]), _choice("source", "System", ["robaws", "zoho", "sumit"])], [("/rejects", "Rejected records")]),
            "/rejects": self.listing("rejects", "Rejected records", []),
            "/webhooks": self.listing("deliveries", "Webhook deliveries", [_choice("status", "Status", ["waiting", "applied", "ignored", "stale", "failed"])], [("/webhooks/refusals", "Refusals"), ("/webhooks/retry", "Retry failed…")]),
            "/webhooks/refusals": self.listing("refusals", "Refused deliveries", []),
            "/webhooks/deliveries/{id:path}": self.delivery,
            "/intakes": self.listing("intakes", "Intakes", [], [("/intakes/new", "New intake")]),
            "/audit": self.listing("audit", "Audit", []),
            "/conflicts": self.conflicts, "/reviews": self.reviews, "/health": self.health, "/jobs/{id}": self.job,
        }  # fmt: skip
        return [
            Route("/", self.home),
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/logout", page("viewer", self.logout), methods=["POST"]),
            *(Route(path, page("viewer", handler)) for path, handler in reads.items()),
            Route("/customers/{id:row}/edit", page("editor", self.edit), methods=["GET", "POST"]),
            Route("/intakes/new", page("editor", self.intake), methods=["GET", "POST"]),
            Route("/actions/{kind}", page("editor", self.action), methods=["GET", "POST"]),
            Route("/push/plan", page("editor", self.push_plan), methods=["POST"]),
            Route("/push", page("editor", self.push), methods=["POST"]),
            Route("/webhooks/retry", page("editor", self.retry), methods=["GET", "POST"]),
            Route("/webhooks/replay", page("editor", self.replay), methods=["POST"]),
            Route("/conflicts/{id:row}", page("editor", self.resolve), methods=["POST"]),
            Route("/reviews/{id:row}", page("editor", self.decide), methods=["POST"]),
            Route("/reminders/settings", page("admin", self.reminder_settings), methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]

    # --- shared ---

    def _connect(self) -> Connection:
        return connect(self._stack.url, name="customer_assets console", timeout=2, statement_seconds=20)

    async def _show(
        self, request: Request, session: Session | None, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        numbers = await run_in_threadpool(self._numbers) if session else {}
        screens = [(path, label, numbers.get(key or "", 0)) for path, label, key in SCREENS]
        token = Markup('<input type="hidden" name="csrf" value="{}">').format(session.csrf) if session else ""
        text = self._jinja.get_template(template).render(
            {"said": request.query_params.get("said"), "failed": None, **values},
            request=request, session=session, screens=screens, token=token,
        )  # fmt: skip
        return HTMLResponse(text, status_code=status)

    def _numbers(self) -> dict[str, int]:
        with self._connect() as connection:
            return console.counts(connection)

    async def home(self, request: Request) -> Response:  # noqa: ARG002
        """The start page is the list of customers."""
        return RedirectResponse("/customers", status_code=303)

    # --- logins ---

    async def login(self, request: Request) -> Response:
        """A form; five wrong ones, and it is one a minute."""
        if request.method != "POST":
            return await self._show(
                request, None, "login.html", next=allowed_next(request.query_params.get("next"))
            )
        if is_foreign(request):
            return PlainTextResponse("this form is not of this site", status_code=403)

        form = await request.form()
        name, target = str(form.get("name", "")), allowed_next(form.get("next"))
        address = request.client.host if request.client else "unknown"
        keys = (f"address {address}", f"name {name.strip().lower()}")
        if self._throttle.is_held(*keys):
            return await self._show(
                request,
                None,
                "login.html",
                status=429,
                next=target,
                failed="Too many wrong logins. Wait a minute.",
            )
        hours = self._stack.configuration.settings.session_hours
        self._throttle.failed(*keys)  # until it is known to be right, so that many at once are no way round
        async with self._verifying:  # each takes 64 MiB
            found = await run_in_threadpool(self._log_in, name, str(form.get("password", "")), hours)
        if found is None:
            return await self._show(
                request, None, "login.html", status=401, next=target, failed="Name or password is wrong."
            )
        self._throttle.succeeded(*keys)
        response = RedirectResponse(target, status_code=303)
        set_cookie(response, found, request, hours=hours)
        return response

    def _log_in(self, name: str, password: str, hours: float) -> str | None:
        with self._connect() as connection:
            found = users.log_in(connection, name, password, hours=hours)
            if found is None:
                return None
            audit.record(connection, who=found[1].user, action="log in", target="console")
            return found[0]

    async def logout(self, request: Request, _session: Session) -> Response:
        """End the session."""

        def end() -> None:
            with self._connect() as connection:
                users.log_out(connection, request.cookies.get(COOKIE, ""))

        await run_in_threadpool(end)
        response = RedirectResponse("/login", status_code=303)
        response.delete_cookie(COOKIE, path="/")
        return response

    # --- lists ---

    def listing(
        self,
        name: str,
        title: str,
        filters: Sequence[Mapping[str, Any]],
        actions: Sequence[tuple[str, str]] = (),
    ) -> Any:
        """A list with filters and pages; all of its state is in its address."""

        async def show(request: Request, session: Session) -> Response:
            page, found, more = await run_in_threadpool(self._page, name, request)
            return await self._show(
                request, session, "list.html", title=title, rows=found, columns=COLUMNS[name], filters=filters,
                actions=actions, bulk=None, page=page, more=more, link=_link(request),
            )  # fmt: skip

        return show

    def _page(self, name: str, request: Request) -> tuple[int, list[dict[str, Any]], bool]:
        asked = request.query_params.get("page", "0")
        page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0
        with self._connect() as connection:
            found, more = console.rows_of(
                connection, name, dict(request.query_params), page=page, sort=request.query_params.get("sort")
            )
        return page, found, more

    async def customers(self, request: Request, session: Session) -> Response:
        """All customers of all systems."""

        def read() -> tuple[int, list[dict[str, Any]], bool, dict[str, list[str]]]:
            page, found, more = self._page("customers", request)
            with self._connect() as connection:
                return page, found, more, self._choices(connection)

        page, found, more, offered = await run_in_threadpool(read)
        filters = [
            {"name": "q", "label": "Search", "choices": None},
            *(
                _choice(name, name.capitalize().replace("Source", "System"), offered[name])
                for name in ("role", "country", "source", "account")
            ),
            _choice("active", "Active", [("yes", "active"), ("no", "inactive")]),
            HAS_PHONE,
            _choice("changed", "Changed", [("day", "within a day"), ("week", "within a week")]),
            _choice("sort", "Order", [("name", "by name"), ("newest", "newest change"), ("city", "by city")]),
        ]
        actions = [(f"/actions/{kind}", title) for kind, (title, _) in KINDS.items()]
        return await self._show(
            request, session, "list.html", title="Customers", rows=found, columns=COLUMNS["customers"], filters=filters,
            actions=actions, bulk="/push/plan", page=page, more=more, link=_link(request),
        )  # fmt: skip

    def _choices(self, connection: Connection) -> dict[str, list[str]]:
        """What the filters offer, worked out once a minute: on a million customers it takes half a second."""
        known, at = self._offered
        if time.monotonic() - at > 60 or not any(known.values()):
            known = console.choices(connection)
            self._offered = (known, time.monotonic())
        return known

    async def search(self, request: Request, _session: Session) -> Response:
        """Customers for the select of the intake form."""

        def read() -> list[dict[str, Any]]:
            with self._connect() as connection:
                return console.suggestions(connection, request.query_params.get("q", ""))

        return JSONResponse({"items": await run_in_threadpool(read)})

    # --- one customer ---

    async def customer(self, request: Request, session: Session) -> Response:
        """All that is known of one."""
        found = await run_in_threadpool(self._customer, request.path_params["id"])
        if found is None:
            return PlainTextResponse("no such customer", status_code=404)
        row = found["row"]
        sections = [
            (title, [Column(name, _heading(name)) for name in names]) for title, names in SECTIONS.items()
        ]
        persons = [p for p in row["contact_persons"] or [] if isinstance(p, dict)]
        people = [
            {
                "name": f"{p.get('first_name') or ''} {p.get('last_name') or ''}".strip(),
                "email": p.get("email"),
                "phone": p.get("mobile") or p.get("phone"),
            }
            for p in persons
        ]
        tables = [
            ("Contact persons", people, _columns("name:Name", "email:E-mail", "phone:Phone")),
            *((title, found[key], columns) for title, key, columns in DETAIL_TABLES),
        ]
        return await self._show(
            request, session, "customer.html", row=row, sections=sections, tables=tables,
            edited={e["field"]: e for e in found["edits"]},
            metadata=json.dumps({**row["metadata"], "extra_fields": row["extra_fields"]}, ensure_ascii=False, indent=1, default=str),
        )  # fmt: skip

    def _customer(self, customer_id: int) -> dict[str, Any] | None:
        with self._connect() as connection:
            return console.customer(connection, customer_id)

    async def edit(self, request: Request, session: Session) -> Response:
        """Change a customer; an edit of something that changed meanwhile is refused, and both versions are shown."""
        customer_id = request.path_params["id"]
        form = await request.form() if request.method == "POST" else None
        found = await run_in_threadpool(self._customer, customer_id)
        if found is None:
            return PlainTextResponse("no such customer", status_code=404)
        row, stale, versions, failed = found["row"], None, [], None
        seen_at = row["updated_at"].isoformat()
        if form is not None:
            try:
                await run_in_threadpool(self._edit, row, form, session.user)
                return RedirectResponse(f"/customers/{customer_id}?said=Saved", status_code=303)
            except StaleEditError as error:
                stale = str(error)
                versions = [
                    (n, str(form[n]), _text(row[n]))
                    for n in EDITABLE
                    if n in form and str(form[n]) != _text(row[n])
                ]
            except (RecordError, ValueError) as error:
                failed = str(error)
                seen_at = str(
                    form.get("seen_at", seen_at)
                )  # what this page was made from, not what is there now
                row = {**row, **{n: str(form[n]) for n in EDITABLE if n in form and n not in BOOLEANS}}
        sections = [
            (title, [Column(n, _heading(n), _input(n)) for n in names if n in EDITABLE])
            for title, names in SECTIONS.items()
        ]
        return await self._show(
            request, session, "edit.html",             row=row, seen_at=seen_at, sections=sections, owner=OWNERS[row["source"]], stale=stale,
            versions=versions, edited={e["field"]: e for e in found["edits"]}, failed=failed,
            status=409 if stale else 422 if failed else 200,
        )  # fmt: skip

    def _edit(self, row: Mapping[str, Any], form: Any, by: str) -> None:
        release = [str(name) for name in form.getlist("release")]
        changes = {
            n: str(form[n])
            for n in EDITABLE
            if n in form and n not in release and str(form[n]) != _text(row[n])
        }
        edits.edit_customer(
            self._stack.context(trigger="web"), row["id"], changes, by=by,
            seen_at=datetime.fromisoformat(str(form.get("seen_at", ""))), release=release,
        )  # fmt: skip

    # --- syncs and pushes ---

    async def action(self, request: Request, session: Session) -> Response:
        """Say what will happen; then do it, and show how it goes."""
        kind = request.path_params["kind"]
        if kind not in KINDS:
            return PlainTextResponse("no such action", status_code=404)
        if request.method != "POST":
            lines = {
                "sync-all": ["Every configured system is read. Nothing is written to any of them."],
                "pull-sumit": ["All customers are read from SUMIT. Local edits stay, and wait to be pushed."],
                "bidirectional": ["All customers are read from SUMIT; then what changed here is written to SUMIT. Each call is billed by SUMIT."],
            }[kind]  # fmt: skip
            return await self._show(
                request, session, "confirm.html", title=KINDS[kind][0], lines=lines, action=f"/actions/{kind}", ids=[],
                go="Start", back="/customers", disabled=False,
            )  # fmt: skip
        job = self._worker.start(kind, session.user)
        await run_in_threadpool(self._audit, session.user, "start", KINDS[kind][0], {"job": job.id})
        return RedirectResponse(f"/jobs/{job.id}", status_code=303)

    async def job(self, request: Request, session: Session) -> Response:
        """A running sync, as a page or as JSON."""
        job = self._worker.find(request.path_params["id"])
        if job is None:
            return PlainTextResponse("no such sync", status_code=404)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(job.as_dict())
        return await self._show(request, session, "running.html", job=job)

    async def push_plan(self, request: Request, session: Session) -> Response:
        """What a push would send, field by field; nothing is sent."""
        ids = await _ids(request)
        if not ids:
            return RedirectResponse("/customers?said=Nobody+was+selected", status_code=303)
        result = await run_in_threadpool(self._push, ids, dry_run=True)
        others = [
            f"{r.id}: {r.outcome}{f' ({r.reason})' if r.reason else ''}"
            for r in result.rows
            if r.outcome != "planned"
        ]
        return await self._show(
            request, session, "confirm.html", title=f"Push {len(ids)} customer{'' if len(ids) == 1 else 's'} to SUMIT",
            lines=["This is what would be sent. Each customer is read again before it is written.", *others], action="/push",
            ids=ids, plan=result.planned, go=f"Push {len(result.planned)}", back="/customers", disabled=not result.planned,
        )  # fmt: skip

    async def push(self, request: Request, session: Session) -> Response:
        """Push, and say what became of each."""
        ids = await _ids(request)
        try:
            result = await run_in_threadpool(self._push, ids, dry_run=False)
        except CustomerAssetsError as error:
            return await self._show(
                request,
                session,
                "outcome.html",
                title="Push to SUMIT",
                message=str(error),
                rows=[],
                back="/customers",
            )
        await run_in_threadpool(
            self._audit,
            session.user,
            "push",
            f"customers {', '.join(map(str, ids))}",
            {"message": result.message},
        )
        return await self._show(
            request,
            session,
            "outcome.html",
            title="Push to SUMIT",
            message=result.message,
            rows=result.rows,
            back="/customers",
        )

    def _push(self, ids: Sequence[int], *, dry_run: bool) -> PushResult:
        accounts = self._stack.working.of("sumit")
        if not accounts:
            raise CustomerAssetsError("sumit is not configured")
        with self._connect() as connection:
            wanted = {row["account"] for row in rows.read_rows(connection, ids).values()}
        account = next((a for a in accounts if a.account in wanted), accounts[0])
        return push(self._stack.context(trigger="web"), account, ids=ids, dry_run=dry_run)

    def _audit(self, who: str, action: str, target: str, details: Mapping[str, Any]) -> None:
        with self._connect() as connection:
            audit.record(connection, who=who, action=action, target=target, details=details)

    # --- intakes ---

    async def intake(self, request: Request, session: Session) -> Response:
        """A form that a chosen customer fills, and never overwrites what was typed."""
        values: dict[str, Any] = dict.fromkeys(
            ("search", "customer_id", "customer_name", "contact_email", "contact_phone", "note")
        )
        if request.method == "POST":
            form = await request.form()
            values |= {name: str(form.get(name, "")).replace("\x00", "").strip() or None for name in values}
            chosen = str(values["customer_id"] or "")
            if not values["customer_name"]:
                return await self._show(
                    request,
                    session,
                    "intake.html",
                    status=422,
                    values=values,
                    failed="An intake needs a name.",
                )
            stored = {
                **values,
                "customer_id": int(chosen)
                if chosen.isascii() and chosen.isdigit() and len(chosen) < 18
                else None,
            }
            await run_in_threadpool(self._add_intake, stored, session.user)
            return RedirectResponse("/intakes?said=The+intake+is+saved", status_code=303)
        return await self._show(request, session, "intake.html", values=values)

    def _add_intake(self, values: Mapping[str, Any], by: str) -> None:
        with self._connect() as connection, connection.transaction():
            number = console.add_intake(connection, values, by=by)
            audit.record(connection, who=by, action="add intake", target=f"intake {number}", details=values)

    # --- webhooks ---

    async def delivery(self, request: Request, session: Session) -> Response:
        """One delivery with its payload."""

        def read() -> dict[str, Any] | None:
            with self._connect() as connection:
                return console.delivery(connection, request.path_params["id"])

        found = await run_in_threadpool(read)
        if found is None:
            return PlainTextResponse("no such delivery", status_code=404)
        body = bytes(found["body"]).decode("utf-8", errors="backslashreplace")
        return await self._show(request, session, "delivery.html", d=found, body=body)

    async def replay(self, request: Request, session: Session) -> Response:
        """Apply deliveries once more."""
        form = await request.form()
        return await self._apply_again([str(i) for i in form.getlist("id")], session)

    async def retry(self, request: Request, session: Session) -> Response:
        """Apply all failed deliveries once more."""
        if request.method != "POST":
            return await self._show(
                request, session, "confirm.html", title="Retry failed deliveries", lines=["All failed deliveries are applied once more, parked ones too."],
                action="/webhooks/retry", ids=[], go="Retry", back="/webhooks", disabled=False,
            )  # fmt: skip
        return await self._apply_again(None, session)

    async def _apply_again(self, ids: list[str] | None, session: Session) -> Response:
        def again() -> str:
            with self._connect() as connection, connection.transaction():
                number = deliveries.put_back(connection, ids=ids)
                audit.record(
                    connection, who=session.user, action="replay", target=", ".join(ids or ["all failed"])
                )
            applied = apply_deliveries(self._stack.context(trigger="web"), self._stack.receiving)
            return f"{number} put back; " + (
                ", ".join(f"{n} {s}" for s, n in applied.statuses.items()) or "applied by another"
            )

        said = await run_in_threadpool(again)
        return RedirectResponse("/webhooks?" + urlencode({"said": said}), status_code=303)

    # --- decisions ---

    async def conflicts(self, request: Request, session: Session) -> Response:
        """Fields that both sides changed."""

        def read() -> list[dict[str, Any]]:
            with self._connect() as connection:
                return links.list_conflicts(connection)

        pairs = [
            {
                "heading": f"{c['name']}: {_heading(c['field'])}", "one": "here", "other": "in SUMIT",
                "lines": [("value", c["local_value"], c["remote_value"]), ("since", _text(c["local_at"]), _text(c["remote_at"]))],
                "hint": f"Last agreed: {c['base_value'] if c['base_value'] is not None else 'nothing'}. The next sync carries the decision out.",
                "action": f"/conflicts/{c['id']}", "buttons": [("local", "Keep ours"), ("remote", "Keep SUMIT's")],
            }
            for c in await run_in_threadpool(read)
        ]  # fmt: skip
        return await self._show(request, session, "pairs.html", title="Conflicts with SUMIT", pairs=pairs)

    async def resolve(self, request: Request, session: Session) -> Response:
        """Decide a conflict."""
        decision = str((await request.form()).get("decision"))
        if decision not in ("local", "remote"):
            return PlainTextResponse("decide local or remote", status_code=422)
        names = {
            a.account: a.settings.name_from
            for a in self._stack.configuration.accounts
            if isinstance(a.settings, SumitSettings)
        }

        def settle() -> None:
            conflict_id = request.path_params["id"]
            with self._connect() as connection:
                owner = links.account_of_conflict(connection, conflict_id)
            edits.resolve_conflict(
                self._stack.context(trigger="web"), conflict_id, use="local" if decision == "local" else "remote",
                by=session.user, name_from=names.get(owner or "", "name"),
            )  # fmt: skip

        return await self._decided(settle, "/conflicts")

    async def reviews(self, request: Request, session: Session) -> Response:
        """Records that may be one customer, side by side."""

        def read() -> list[dict[str, Any]]:
            with self._connect() as connection:
                found = identity.list_reviews(connection, limit=30)
                known = rows.read_rows(
                    connection, [i for r in found for i in (r["one_row_id"], r["other_row_id"]) if i]
                )
            shown = (
                "name",
                "vat_number",
                "phone",
                "mobile",
                "general_email",
                "street",
                "zipcode",
                "city",
                "country",
            )
            pairs = []
            for r in found:
                one = known.get(r["one_row_id"]) or _as_row(r["one_invoice"])
                other = known.get(r["other_row_id"]) or _as_row(r["other_invoice"])
                lines = [(_heading(n), one.get(n), other.get(n)) for n in shown if one.get(n) or other.get(n)]
                pairs.append({
                    "heading": f"{r['one_name']} / {r['other_name']}", "one": r["one_ref"], "other": r["other_ref"], "lines": lines,
                    "hint": f"Weight {r['weight']}: " + ", ".join(f"{n} {w:+g}" for n, w in r["reasons"]) + ". Not deciding leaves it for later.",
                    "action": f"/reviews/{r['id']}", "buttons": [("same", "Merge: the same customer"), ("different", "Not the same")],
                })  # fmt: skip
            return pairs

        return await self._show(
            request, session, "pairs.html", title="Match reviews", pairs=await run_in_threadpool(read)
        )

    async def decide(self, request: Request, session: Session) -> Response:
        """Decide a review."""
        decision = str((await request.form()).get("decision"))
        if decision not in ("same", "different"):
            return PlainTextResponse("decide same or different", status_code=422)

        def settle() -> None:
            decide_review(
                self._stack.context(trigger="web"),
                request.path_params["id"],
                decision=decision,
                by=session.user,
            )

        return await self._decided(settle, "/reviews")

    async def _decided(self, settle: Any, back: str) -> Response:
        try:
            await run_in_threadpool(settle)
        except CustomerAssetsError as error:
            return PlainTextResponse(str(error), status_code=404)
        return RedirectResponse(f"{back}?said=Decided", status_code=303)

    # --- health ---

    async def health(self, request: Request, session: Session) -> Response:
        """Systems, webhooks, settings as set or not set."""

        def read() -> dict[str, Any]:
            with self._connect() as connection:
                return {
                    "webhooks": endpoints.health_line(endpoints.delivery_health(connection)),
                    "silent": endpoints.silent_accounts(
                        connection, self._stack.accounts_with_secrets, source="robaws"
                    ),
                    "synced": reading.health(connection)["synced"],
                    "reminders": console.reminder_settings(connection),
                }

        settings = [
            (f"{system.upper()}_{name.upper()}", "set" if any(a.system == system and getattr(a.settings, name) for a in self._stack.configuration.accounts) else "not set")
            for system, cls in SETTINGS_CLASSES.items()
            for name, info in cls.model_fields.items()
            if "SecretStr" in str(info.annotation) or name in ("company_id", "organization_id")
        ]  # fmt: skip
        return await self._show(
            request, session, "health.html", settings=settings, **await run_in_threadpool(read)
        )

    async def reminder_settings(self, request: Request, session: Session) -> Response:
        """When reminders are due."""
        form = await request.form()
        account = str(form.get("account", "default"))
        try:
            days = sorted(
                {int(part) for part in str(form.get("days", "")).split(",") if part.strip()}, reverse=True
            )
        except ValueError:
            return PlainTextResponse("days are whole numbers, with commas between", status_code=422)
        if not days or any(abs(day) > 365 for day in days):
            return PlainTextResponse("days: some whole numbers within a year", status_code=422)
        channel = str(form.get("channel", "")).strip() or "whatsapp"
        is_enabled = form.get("is_enabled") == "yes"

        def store() -> None:
            with self._connect() as connection, connection.transaction():
                console.store_reminder_settings(
                    connection, account=account, days=days, channel=channel, is_enabled=is_enabled
                )
                audit.record(
                    connection,
                    who=session.user,
                    action="reminder settings",
                    target=account,
                    details={"days": days, "channel": channel, "is_enabled": is_enabled},
                )

        await run_in_threadpool(store)
        return RedirectResponse("/health?said=Saved", status_code=303)


def _as_row(invoice: Mapping[str, Any] | None) -> dict[str, Any]:
    """What an old invoice says of its customer, under the names of a row."""
    named = {
        "name": "customer_name", "vat_number": "customer_vat_number", "phone": "customer_phone", "general_email": "customer_email",
        "street": "customer_address", "country": "customer_country",
    }  # fmt: skip
    return {ours: invoice[theirs] for ours, theirs in named.items()} if invoice else {}


async def _ids(request: Request) -> list[int]:
    form = await request.form()
    return [int(i) for i in map(str, form.getlist("id")) if i.isascii() and i.isdigit() and len(i) < 18][:500]


def _link(request: Request) -> Any:
    def link(page: int) -> str:
        kept = [(k, v) for k, v in request.query_params.multi_items() if k not in ("page", "said")]
        return f"{request.url.path}?{urlencode([*kept, ('page', str(page))])}"

    return link


def _heading(name: str) -> str:
    return name.replace("_", " ").replace("vat", "VAT").capitalize().replace("Vat", "VAT")


def _input(name: str) -> str:
    if name in BOOLEANS:
        return "boolean"
    return "date" if name in DATES else "text"


def _text(value: Any) -> str:
    """A value as a form field holds it: one line."""
    if value is None:
        return ""
    if isinstance(value, str):
        return " ".join(value.split("\n")).replace("\r", "")
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def ago(value: Any) -> Markup:
    """An instant as people say it, with the exact one to be seen on it."""
    if not isinstance(value, datetime):
        return Markup('<span class="hint">never</span>')
    seconds = (datetime.now(UTC) - value).total_seconds()
    said = "just now"
    for size, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= size:
            number = int(seconds // size)
            said = f"{number} {unit}{'s' if unit == 'day' and number > 1 else ''} ago"
            break
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.isoformat(), f"{value:%Y-%m-%d %H:%M:%S} UTC", said
    )


def value_of(row: Mapping[str, Any], name: str) -> Any:
    """A field as it is read; addresses become links only where they are web addresses."""
    value = row[name]
    if value is None or value == "":
        return Markup('<span class="hint">—</span>')
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "website" and str(value).lower().startswith(("http://", "https://")):
        return Markup('<a href="{0}" rel="noreferrer noopener">{0}</a>').format(value)
    return Markup("<bdi>{}</bdi>").format(value)


def cell(row: Mapping[str, Any], column: Column) -> Any:  # noqa: PLR0911 (one line per kind of column)
    """One cell of a table, escaped."""
    if column.kind == "seconds":
        ended, began = row.get("finished_at"), row.get("started_at")
        return f"{(ended - began).total_seconds():.1f}" if ended and began else "running"
    value = row.get(column.name)
    match column.kind:
        case "customer":
            return Markup('<a href="/customers/{}"><b><bdi>{}</bdi></b></a>').format(row["id"], value)
        case "owner":
            if row.get("customer_id") is None:
                return escape(value) if value else Markup('<span class="badge">no customer</span>')
            return Markup('<a href="/customers/{}"><bdi>{}</bdi></a>').format(row["customer_id"], value)
        case "delivery":
            return Markup('<a href="/webhooks/deliveries/{}">{}</a>').format(value, str(value)[:13])
        case "phone":
            return value or Markup('<span class="badge">no phone</span>')
        case "ago":
            return ago(value)
        case "boolean":
            return Markup('<span class="badge {}">{}</span>').format(
                "ok" if value else "", "yes" if value else "no"
            )
        case "badge" | "role" if value:
            return Markup('<span class="badge {}">{}</span>').format(
                "role" if column.kind == "role" else value, value
            )
    if value is None:
        return ""
    return Markup("<bdi>{}</bdi>").format(value)
