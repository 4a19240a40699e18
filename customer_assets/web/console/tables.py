"""What tables and fields look like: columns are declared, cells are escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from markupsafe import Markup, escape

from customer_assets.domain.cache.columns import COLUMN_OF


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


def columns(*described: str) -> list[Column]:
    """`name:Heading:kind` each."""
    return [Column(*part.split(":")) for part in described]


DETAIL_TABLES = (
    (
        "Why these are one customer",
        "evidence",
        columns("one_ref:One", "other_ref:Other", "rule:Evidence", "weight:Weight:number"),
    ),
    (
        "Invoices",
        "invoices",
        columns(
            "invoice_number:Number",
            "invoice_date:Date",
            "due_date:Due",
            "total:Total:money",
            "balance:Open:money",
            "currency_code:",
            "status:Status:badge",
        ),
    ),
    (
        "Old invoices",
        "legacy",
        columns(
            "source_invoice_id:Number",
            "invoice_date:Date",
            "total:Total:money",
            "currency_code:",
            "match_rule:Linked by",
            "match_score:Score:number",
        ),
    ),
    (
        "Reminders",
        "reminders",
        columns("scheduled_date:On", "reminder_type:Kind", "status:Status:badge", "skip_reason:Why not"),
    ),
    ("Pushed to SUMIT", "pushes", columns("pushed_at:When:ago", "outcome:Outcome:badge", "reason:Reason")),
    (
        "What changed",
        "changes",
        columns("changed_at:When:ago", "field:Field", "old_value:Before", "new_value:After", "origin:By:badge"),
    ),
)


def heading(name: str) -> str:
    """A column's name as people read it."""
    words = [word.upper() if word in ("vat", "gl") else word for word in name.split("_")]
    return words[0][:1].upper() + " ".join(words)[1:]


def input_kind(name: str) -> str:
    """How a field is typed in."""
    kind = COLUMN_OF[name].kind
    return kind if kind in ("boolean", "date") else "text"


def text(value: Any) -> str:
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
    elapsed = "just now"
    for size, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= size:
            number = int(seconds // size)
            elapsed = f"{number} {unit}{'s' if unit == 'day' and number > 1 else ''} ago"
            break
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.isoformat(), f"{value:%Y-%m-%d %H:%M:%S} UTC", elapsed
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


def beneath(row: Mapping[str, Any], name: str) -> str:
    """What the source says of a field that somebody edited here, as it says it now."""
    covered = row["covered"] or {}
    return text(covered[name] if name in covered else row[name]) or "nothing"


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
            return Markup('<span class="badge {}">{}</span>').format("ok" if value else "", "yes" if value else "no")
        case "badge" | "role" if value:
            return Markup('<span class="badge {}">{}</span>').format("role" if column.kind == "role" else value, value)
    if value is None:
        return ""
    return Markup("<bdi>{}</bdi>").format(value)
