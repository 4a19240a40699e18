"""What tables and fields look like: columns are declared, cells are escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Literal

from babel.dates import format_timedelta
from markupsafe import Markup, escape

from customer_assets.domain.cache.columns import COLUMN_OF, SURVIVING
from customer_assets.web.console.languages import LANGUAGE, money, say

ZONE: ContextVar[tzinfo] = ContextVar("zone", default=UTC)  # in which a page says when something was


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the row's key, its heading, how it is shown."""

    name: str
    label: str
    kind: str = "text"

    @property
    def number(self) -> bool:
        """Whether it stands to the right."""
        return self.kind in ("number", "money", "sums")


def columns(*described: str) -> list[Column]:
    """`name:Heading:kind` each."""
    return [Column(*part.split(":")) for part in described]


INVOICE = (
    "invoice_number:Number",
    "invoice_date:Date",
    "due_date:Due",
    "days_overdue:Days over:number",
    "total:Total:money",
    "balance:Open:money",
    "currency_code:Currency",
    "status:Status:badge",
)
CHANGE = ("field:Field", "old_value:Before", "new_value:After", "origin:By:badge")
DETAIL_TABLES = (
    (
        "Why these are one customer",
        "evidence",
        columns("one_ref:One", "other_ref:Other", "rule:Evidence", "weight:Weight:number"),
    ),
    (
        "Invoices",
        "invoices",
        columns(*INVOICE),
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
        columns("changed_at:When:ago", *CHANGE),
    ),
)


# the name is the heading of the page
GOLDEN_FIELDS = [c.golden_name for c in SURVIVING if c.section and c.golden_name != "name"]
GOLDEN_TABLES = (
    (
        "Invoices",
        "invoices",
        columns(*INVOICE),
    ),
    (
        "Phones and mailboxes",
        "contacts",
        columns("value:Value", "kind:What", "source:From:badge", "is_shared:Shared:shared"),
    ),
    (
        "Reminders",
        "reminders",
        columns(
            "scheduled_date:On",
            "reminder_type:Kind",
            "invoice_number:Invoice",
            "status:Status:badge",
            "skip_reason:Why not",
        ),
    ),
    (
        "Old invoices",
        "legacy",
        columns(
            "source_invoice_id:Number",
            "invoice_date:Date",
            "customer_name:As written",
            "total:Total:money",
            "currency_code:Currency",
            "match_rule:Linked by",
        ),
    ),
    (
        "Why these are one customer",
        "evidence",
        columns("one_ref:One", "other_ref:Other", "words:Because", "weight:Weight:number"),
    ),
    ("Pushed", "pushes", columns("pushed_at:When:ago", "outcome:Outcome:badge", "reason:Reason")),
    (
        "What changed",
        "changes",
        columns("changed_at:When:ago", "source:Record:badge", *CHANGE),
    ),
)
# what weighs in a decision, as people say it
IN_WORDS = {
    "name_same": "same name",
    "name_alike": "name spelled alike",
    "name_part": "one name is part of the other",
    "name_family": "names of one family",
    "name_other": "other names",
    "phone": "same phone",
    "phone_near": "phone but for a slip",
    "phone_shared": "same phone, which others have too",
    "phone_differs": "another phone",
    "mail": "same mailbox",
    "mail_of_office": "same mailbox of an office",
    "mail_shared": "same mailbox, which others have too",
    "mail_differs": "another mailbox",
    "all_contacts_differ": "two persons perhaps",
    "domain": "same mail domain",
    "domain_shared": "same mail domain, which others have too",
    "address": "same address",
    "address_near": "same address but for a slip",
    "address_shared": "same address, where others are too",
    "address_differs": "another address",
    "street": "same street",
    "part_at_its_house": "at its house",
    "postcode": "same postcode",
    "postcode_of_street": "same postcode",
    "country_differs": "another country",
    "form_differs": "another legal form",
    "vat_misspelt": "same VAT id but for a slip",
    "born": "born on one day",
    "born_near": "born on one day but for a slip",
    "born_differs": "born on another day",
    "key_near": "same id but for a slip",
    "key_differs": "another id",
    "only_of_its_name": "the only one of its name",
    "only_person_of_its_name": "the only one of its name",
    "rows_of_that_customer": "most records of that name are its",
    "rows_of_others_of_that_name": "others of that name",
}
RULES_IN_WORDS = {
    "vat_id": "same VAT id",
    "source_id": "same id in the same system",
    "key": "same id",
    "equal": "they say the same",
    "operator": "somebody said so",
    "new_customer": "named after this invoice",
}


def in_words(rule: str, parts: Any) -> str:
    """Evidence as people say it: what speaks for it, and what against."""
    if rule in RULES_IN_WORDS:
        return RULES_IN_WORDS[rule]
    told = [(IN_WORDS.get(name, name), weight) for name, weight in parts or []]
    for_it, against = [word for word, weight in told if weight > 0], [word for word, weight in told if weight < 0]
    return ", ".join(for_it) + (f"; though {', '.join(against)}" if against else "")


def heading(name: str) -> str:
    """A column's name as people read it."""
    words = [word.upper() if word in ("vat", "gl") else word for word in name.split("_")]
    return words[0][:1].upper() + " ".join(words)[1:]


def in_peoples_words(error: Exception) -> str:
    """What is wrong with a value, with its field's name as people read it."""
    field, colon, rest = str(error).partition(": ")
    return f"{say(heading(field))}: {rest}" if colon and field in COLUMN_OF else str(error)


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


_UNITS: tuple[tuple[int, Literal["day", "hour", "minute"]], ...] = ((86400, "day"), (3600, "hour"), (60, "minute"))


def ago(value: Any) -> Markup:
    """An instant as people say it, with the exact one to be seen on it."""
    if not isinstance(value, datetime):
        return Markup('<span class="hint">{}</span>').format(say("never"))
    seconds = (datetime.now(UTC) - value).total_seconds()
    elapsed = say("just now")
    for size, unit in _UNITS:
        if seconds >= size:
            elapsed = format_timedelta(
                -timedelta(seconds=seconds // size * size), granularity=unit, add_direction=True, locale=LANGUAGE.get()
            )
            break
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.isoformat(), f"{value.astimezone(ZONE.get()):%Y-%m-%d %H:%M:%S %Z}", elapsed
    )


def value_of(row: Mapping[str, Any], name: str) -> Any:
    """A field as it is read; addresses become links only where they are web addresses."""
    value = row[name]
    if value is None or value == "":
        return Markup('<span class="hint">—</span>')
    if isinstance(value, bool):
        return say("yes" if value else "no")
    if name == "website" and str(value).lower().startswith(("http://", "https://")):
        return Markup('<a href="{0}" rel="noreferrer noopener">{0}</a>').format(value)
    return Markup("<bdi>{}</bdi>").format(value)


def beneath(row: Mapping[str, Any], name: str) -> str:
    """What the source says of a field that somebody edited here, as it says it now."""
    covered = row["covered"] or {}
    return text(covered[name] if name in covered else row[name]) or "nothing"


def cell(row: Mapping[str, Any], column: Column) -> Any:
    """One cell of a table, escaped."""
    value = row.get(column.name)
    if (shown := _CELLS.get(column.kind)) is not None and (value is not None or column.kind in _SHOWN_BLANK):
        return shown(row, value)
    return "" if value is None else Markup("<bdi>{}</bdi>").format(value)


def _seconds(row: Mapping[str, Any], _value: Any) -> str:
    ended, began = row.get("finished_at"), row.get("started_at")
    return f"{(ended - began).total_seconds():.1f}" if ended and began else "running"


def _owner(row: Mapping[str, Any], value: Any) -> Any:
    if row.get("customer_id") is None:
        return escape(value) if value else Markup('<span class="badge">{}</span>').format(say("no customer"))
    return Markup('<a href="/customers/{}"><bdi>{}</bdi></a>').format(row["customer_id"], value)


def _money(_row: Mapping[str, Any], value: Any) -> str:
    return money(value)


def _badge(_row: Mapping[str, Any], value: Any) -> Any:
    return Markup('<span class="badge {}">{}</span>').format(value, say(value)) if value else ""


# kind of a column -> how a value of it is shown; those of `_SHOWN_BLANK` say something where there is none
_SHOWN_BLANK = frozenset(("seconds", "owner", "phone", "ago", "boolean"))
_CELLS: Mapping[str, Callable[[Mapping[str, Any], Any], Any]] = {
    "seconds": _seconds,
    "customer": lambda row, value: Markup('<a href="/customers/{}"><b><bdi>{}</bdi></b></a>').format(row["id"], value),
    "golden": lambda row, value: Markup('<a href="/golden/{}"><b><bdi>{}</bdi></b></a>').format(row["id"], value),
    "changes": lambda _, value: Markup('<a href="/changes?run={}">{}</a>').format(value, say("what it changed")),
    "owner": _owner,
    "delivery": lambda _, value: Markup('<a href="/webhooks/deliveries/{}">{}</a>').format(value, str(value)[:13]),
    "remind": lambda row, value: (
        Markup('<a href="/reminders/{}">{}</a>').format(value, say("Sent?"))
        if row["status"] in ("pending", "missed", "failed")
        else ""
    ),
    "intake": lambda _, value: Markup('<a href="/intakes/{}">{}</a>').format(value, say("Correct it")),
    "message": lambda _, value: Markup('<a href="/messages/{0}">{0}</a>').format(value),
    "phone": lambda _, value: (
        Markup('<span dir="ltr">{}</span>').format(value)
        if value
        else Markup('<span class="badge">{}</span>').format(say("no phone"))
    ),
    "ago": lambda _, value: ago(value),
    "boolean": lambda _, value: Markup('<span class="badge {}">{}</span>').format(
        "ok" if value else "", say("yes" if value else "no")
    ),
    "systems": lambda _, value: Markup(" ").join(
        Markup('<span class="badge {0}">{0}</span>').format(name) for name in value
    ),
    "shared": lambda _, value: (
        Markup('<span class="badge">{}</span>').format(say("others have it, too")) if value else ""
    ),
    "money": _money,
    "sums": lambda _, value: Markup(" ").join(
        Markup('<span class="sum">{}</span>').format(part) for part in value.split(", ")
    ),
    "badge": _badge,
    "role": lambda _, value: (
        Markup('<span class="badge role {}">{}</span>').format(
            "bad" if str(value).upper() == "BLACKLISTED" else "", value
        )
        if value
        else ""
    ),
}
