"""The console's lists: each is one declaration. What it selects stands under its name in `store/reads/listings.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from customer_assets.domain.cache.columns import CUSTOMER_COLUMNS
from customer_assets.sources.registry import SYSTEMS
from customer_assets.web.console.tables import CHANGE, INVOICE, Column, columns, heading


@dataclass(frozen=True)
class ListPage:
    """One list.

    Attributes:
        name: of its query in `store/reads/listings.LISTINGS`.
        path, title: its address and its heading.
        columns: what it shows.
        filters: what it can be narrowed by; each is a filter of its query.
        actions: (address, label) of links beside it.
    """

    name: str
    path: str
    title: str
    columns: list[Column]
    filters: tuple[Mapping[str, Any], ...] = ()
    actions: tuple[tuple[str, str], ...] = ()


def choice(name: str, label: str, values: Sequence[Any]) -> dict[str, Any]:
    """A filter with these values, or (value, label) pairs."""
    return {"name": name, "label": label, "choices": [v if isinstance(v, tuple) else (v, v) for v in values]}


def typed(name: str, label: str) -> dict[str, Any]:
    """A filter with a text that somebody types."""
    return {"name": name, "label": label, "choices": None}


HAS_PHONE = choice("phone", "Phone", [("none", "no phone"), ("some", "with a phone")])
HAS_CUSTOMER = choice("customer", "Customer", [("none", "no customer"), ("some", "with a customer")])
GOLDEN = columns(
    "name:Name:golden",
    "systems:In:systems",
    "role:Role:role",
    "vat_number:VAT",
    "email:E-mail",
    "primary_phone:Phone:phone",
    "city:City",
    "country_code:Country",
    "open_balance:Open:sums",
    "updated_at:Changed:ago",
)
CUSTOMERS = columns(
    "name:Name:customer",
    "role:Role:role",
    "source:System:badge",
    "vat_number:VAT",
    "general_email:E-mail",
    "primary_phone:Phone",
    "city:City",
    "country:Country",
    "is_active:Active:boolean",
    "last_synced_at:Synced:ago",
)
# All lists but that of customers, which has a screen of its own.
LIST_PAGES = (
    ListPage(
        "invoices",
        "/invoices",
        "Invoices",
        columns(*INVOICE, "customer_name:Customer:owner", "customer_phone:Phone:phone"),
        filters=(
            choice(
                "due", "Due", [("overdue", "overdue"), ("month", "overdue by a month"), ("later", "open, not due yet")]
            ),
            choice("status", "Status", ["sent", "overdue", "partially_paid", "paid", "draft", "void"]),
            typed("number", "Number"),
            typed("currency", "Currency"),
            HAS_CUSTOMER,
            HAS_PHONE,
        ),
    ),
    ListPage(
        "reminders",
        "/reminders",
        "Reminders",
        columns(
            "scheduled_date:On",
            "reminder_type:Kind",
            "status:Status:badge",
            "skip_reason:Why not",
            "invoice_number:Invoice",
            "balance:Open:money",
            "currency_code:",
            "customer_name:Customer:owner",
            "customer_phone:Phone:phone",
            "id::remind",
        ),
        filters=(
            choice("day", "Day", [("come", "has come"), ("ahead", "is ahead")]),
            choice("status", "Status", ["pending", "skipped", "cancelled", "sent", "missed"]),
            HAS_CUSTOMER,
            HAS_PHONE,
        ),
    ),
    ListPage(
        "runs",
        "/runs",
        "Sync runs",
        columns(
            "started_at:Started:ago",
            "source:System:badge",
            "kind:Kind",
            "trigger:By",
            "status:Status:badge",
            "created:Created:number",
            "updated:Updated:number",
            "unchanged:Unchanged:number",
            "rejected:Rejected:number",
            "errors:Errors:number",
            "pages:Pages:number",
            "calls:Calls:number",
            "quota_left:Quota left:number",
            "seconds:Seconds:seconds",
            "id:Changes:changes",
            "message:Message",
        ),
        filters=(
            choice("status", "Status", ["running", "ok", "partial", "failed"]),
            choice("source", "System", list(SYSTEMS)),
        ),
        actions=(("/rejects", "Rejected records"),),
    ),
    ListPage(
        "changes",
        "/changes",
        "Changes",
        columns(
            "changed_at:When:ago",
            "customer_name:Customer:owner",
            "source:Record:badge",
            *CHANGE,
            "edited_by:Who",
        ),
        filters=(
            choice("origin", "By", ["sync", "webhook", "edit", "push", "migration"]),
            choice("source", "System", list(SYSTEMS)),
            choice("field", "Field", [(c.name, heading(c.name)) for c in CUSTOMER_COLUMNS if c.section]),
            choice("since", "Since", [("day", "a day"), ("week", "a week")]),
        ),
    ),
    ListPage(
        "rejects",
        "/rejects",
        "Rejected records",
        columns(
            "last_seen_at:Seen:ago",
            "source:System:badge",
            "entity:What",
            "source_id:Id",
            "reason:Reason",
            "record:Record",
        ),
    ),
    ListPage(
        "deliveries",
        "/webhooks",
        "Webhook deliveries",
        columns(
            "received_at:Received:ago",
            "id:Delivery:delivery",
            "event:Event",
            "status:Status:badge",
            "source_customer_id:Customer",
            "attempts:Attempts:number",
            "duration_ms:ms:number",
            "error:Error",
        ),
        filters=(choice("status", "Status", ["waiting", "applied", "ignored", "stale", "failed"]),),
        actions=(
            ("/webhooks/refusals", "Refusals"),
            ("/webhooks/retry", "Retry failed…"),
            ("/webhooks/range", "Replay a range…"),
        ),
    ),
    ListPage(
        "refusals",
        "/webhooks/refusals",
        "Refused deliveries",
        columns("refused_at:When:ago", "reason:Reason:badge", "address:From", "size:Bytes:number"),
    ),
    ListPage(
        "messages",
        "/messages",
        "Messages",
        columns(
            "created_at:When:ago",
            "id:Message:message",
            "subscription:To whom",
            "event:Event",
            "status:Status:badge",
            "customer_id:Customer:number",
            "tries:Attempts:number",
            "answer:Answer:number",
            "error:Error",
        ),
        filters=(choice("status", "Status", ["waiting", "sent", "failed"]), typed("subscription", "To whom")),
    ),
    ListPage(
        "intakes",
        "/intakes",
        "Intakes",
        columns(
            "created_at:When:ago",
            "customer_name:Customer:owner",
            "role:Role:role",
            "contact_email:E-mail",
            "contact_phone:Phone",
            "note:Note",
            "created_by:By",
            "id::intake",
        ),
        actions=(("/intakes/new", "New intake"),),
    ),
    ListPage(
        "audit",
        "/audit",
        "Audit",
        columns("at:When:ago", "who:Who", "action:What", "target:To what", "details:Details"),
        filters=(typed("who", "Who"), typed("action", "What"), typed("text", "Words")),
    ),
)
