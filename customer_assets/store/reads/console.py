"""What the console lists: every query is keyed, filtered by declared filters, and bounded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from customer_assets.store.database import Connection, scalar
from customer_assets.store.identity import edges

PAGE = 50
MOST_PAGES = 1000  # nobody leafs further; a filter gets there sooner
MOST_COUNTED = 10_000  # rows of a list; more are said to be more
MOST_HITS = 2000  # of a search: beyond that nobody looks, and sorting would get slow
# Of an invoice `i`: whether somebody owes something, and since how many days; of a draft nobody owes, whatever its date.
OWED = "i.balance > 0 and i.status not in ('draft', 'void')"
DAYS_OVERDUE = f"case when {OWED} and i.due_date < current_date then current_date - i.due_date end as days_overdue"
# The expression of the index customer_rows_search_idx.
SEARCH = """
    public.search_words(c.name, c.company_name, c.vat_number, c.general_email, c.primary_phone, c.city, c.source_customer_id)
"""


@dataclass(frozen=True)
class Listing:
    """One list: what it selects, its filters (name -> SQL condition with %(name)s), its order, what always holds.

    Attributes:
        hits: of a search: the rows that its conditions, put in for `{joined}`, find, not more than anybody looks at.
        by_heading: column -> what it is sorted by; `-column` the other way round.
        sums: columns that are added up, for each currency.
        counted: what is counted in place of the query, where some of it is there to be seen alone.
    """

    query: str
    filters: Mapping[str, str] = field(default_factory=dict)
    order: str = "id desc"
    sorts: Mapping[str, str] = field(default_factory=dict)
    always: str = ""
    hits: str = ""
    by_heading: Mapping[str, str] = field(default_factory=dict)
    sums: tuple[str, ...] = ()
    counted: str = ""

    def ordered(self, sort: str | None) -> str:
        """What the list is sorted by: a named order, a heading, or its usual one; what is unknown counts for nothing."""
        asked = sort or ""
        if asked in self.sorts:
            return self.sorts[asked]
        expression = self.by_heading.get(asked.removeprefix("-"))
        if expression is None:
            return self.order
        return f"{expression} {'desc' if asked.startswith('-') else 'asc'} nulls last, id"


# what the filters of the list of customers offer: a country in one spelling, as received where nobody knows it
CHOICES = {
    "role": "role",
    "country": "coalesce(country_code, country)",
    "source": "source",
    "account": "account",
}
# a customer is found by any word of its records, a piece of a number, a mailbox, a contact person, an invoice
GOLDEN_SEARCH = f"""
    g.id in (
        select c.golden_id
        from customer_rows c
        where {SEARCH} @@ to_tsquery('simple', %(q)s)
        union
        select k.golden_id
        from customer_contacts k
        where public.search_pieces(k.kind, k.value) @@ to_tsquery('simple', %(q_pieces)s)
        union
        select n.id
        from customers n
        where public.search_pieces('phone', n.vat_number) @@ to_tsquery('simple', %(q_pieces)s)
        union
        select c.golden_id
        from invoice_rows i
        join customer_rows c on c.id = i.customer_id
        where lower(i.invoice_number) = %(q_text)s
        union
        select c.golden_id
        from customer_rows c
        where c.contact_persons <> '[]'
            and public.search_persons(c.contact_persons) @@ to_tsquery('simple', %(q_words)s)
    )
"""
LISTINGS: dict[str, Listing] = {
    "golden": Listing(
        f"""
        select g.id, g.account, g.name, g.role, g.vat_number, g.email, g.primary_phone, g.city, coalesce(g.country_code, g.country) as country_code, g.is_active,
            g.updated_at,
            (select array_agg(distinct c.source order by c.source) from customer_rows c where c.golden_id = g.id) as systems,
            (
                select string_agg(o.currency_code || ' ' || to_char(o.balance, 'FM999G999G999G990D00'), ', ')
                from (
                    select coalesce(i.currency_code, '') as currency_code, sum(i.balance) as balance
                    from customer_rows c
                    join invoice_rows i on i.customer_id = c.id
                    where c.golden_id = g.id
                        and {OWED}
                    group by 1
                    order by 1
                ) o
            ) as open_balance
        from customers g
        """,
        {
            "q": GOLDEN_SEARCH,
            "ids": "g.id = any(string_to_array(%(ids)s, ',')::bigint[])",
            "role": "g.role = %(role)s",
            "country": "%(country)s in (g.country_code, g.country)",
            "system": "exists (select from customer_rows c where c.golden_id = g.id and c.source = %(system)s)",
            "active": "g.is_active = (%(active)s = 'yes')",
            "phone": "(g.primary_phone is null) = (%(phone)s = 'none')",
            "records": "(g.row_count > 1) = (%(records)s = 'several')",
            "due": f"""
                exists (
                    select
                    from customer_rows c
                    join invoice_rows i on i.customer_id = c.id
                    where c.golden_id = g.id
                        and {OWED}
                        and (%(due)s <> 'overdue' or i.due_date < current_date)
                )
            """,
        },
        "public.name_order(g.name), g.id",
        {
            "newest": "g.updated_at desc, g.id desc",
            "records": "g.row_count desc, public.name_order(g.name), g.id",
        },
        by_heading={
            "name": "public.name_order(g.name)",
            "role": "g.role",
            "vat_number": "g.vat_number",
            "email": "g.email",
            "primary_phone": "g.primary_phone",
            "city": "public.name_order(g.city)",
            "country_code": "g.country_code",
            "updated_at": "g.updated_at",
        },
    ),
    "customers": Listing(
        """
        select c.id, c.name, c.role, c.source, c.account, c.vat_number, c.general_email, c.primary_phone, c.city, c.country,
            c.is_active, c.updated_at, v.last_synced_at
        from customer_rows c
        join customers_cache v on v.id = c.id
        """,
        {
            "q": f"{SEARCH} @@ to_tsquery('simple', %(q)s)",
            "role": "c.role = %(role)s",
            "country": "%(country)s in (c.country_code, c.country)",
            "source": "c.source = %(source)s",
            "account": "c.account = %(account)s",
            "active": "c.is_active = (%(active)s = 'yes')",
            "phone": "(c.primary_phone is null) = (%(phone)s = 'none')",
            "changed": """
                case %(changed)s
                    when 'day' then c.updated_at > now() - interval '1 day'
                    when 'week' then c.updated_at > now() - interval '7 days'
                    else (c.account, c.source) in (
                        select l.account, l.source
                        from (
                            select distinct on (r.account, r.source) r.account, r.source, r.started_at
                            from sync_runs r
                            where r.kind in ('full', 'incremental')
                                and r.status in ('ok', 'partial')
                            order by r.account, r.source, r.id desc
                        ) l
                        where c.updated_at >= l.started_at
                    )
                end
            """,
        },
        "c.name, c.id",
        {"newest": "c.updated_at desc, c.id desc"},
        by_heading={
            "name": "public.name_order(c.name)",
            "role": "c.role",
            "source": "c.source",
            "vat_number": "c.vat_number",
            "general_email": "c.general_email",
            "primary_phone": "c.primary_phone",
            "city": "public.name_order(c.city)",
            "country": "coalesce(c.country_code, c.country)",
            "is_active": "c.is_active",
            "updated_at": "c.updated_at",
        },
        hits=f"c.id in (select c.id from customer_rows c where {{joined}} limit {MOST_HITS})",
    ),
    "invoices": Listing(
        f"""
        select i.id, i.invoice_number, i.invoice_date, i.due_date, i.total, i.balance, i.currency_code, i.status,
            i.customer_id, c.name as customer_name, coalesce(g.primary_phone, c.primary_phone) as customer_phone,
            {DAYS_OVERDUE}
        from invoice_rows i
        left join customer_rows c on c.id = i.customer_id
        left join customers g on g.id = c.golden_id
        """,
        {
            "status": "i.status = %(status)s",
            "currency": "coalesce(i.currency_code, '?') = upper(%(currency)s)",
            "due": f"""
                {OWED} and i.due_date is not null and case %(due)s
                    when 'overdue' then i.due_date < current_date
                    when 'month' then i.due_date < current_date - 30
                    else i.due_date >= current_date
                end
            """,
            "customer": "(i.customer_id is null) = (%(customer)s = 'none')",
            "phone": "(coalesce(g.primary_phone, c.primary_phone) is null) = (%(phone)s = 'none')",
        },
        "i.invoice_date desc nulls last, i.id desc",
        by_heading={
            "invoice_number": "i.invoice_number",
            "invoice_date": "i.invoice_date",
            "due_date": "i.due_date",
            "days_overdue": "days_overdue",
            "total": "i.total",
            "balance": "i.balance",
            "currency_code": "i.currency_code",
            "status": "i.status",
            "customer_name": "public.name_order(c.name)",
        },
        sums=("total", "balance"),
    ),
    "reminders": Listing(
        """
        select r.id, r.scheduled_date, r.reminder_type, r.channel, r.status, r.skip_reason, r.customer_id,
            c.name as customer_name, coalesce(g.primary_phone, c.primary_phone) as customer_phone, i.invoice_number,
            i.balance, i.currency_code
        from payment_reminders r
        join invoice_rows i on i.id = r.invoice_id
        left join customer_rows c on c.id = r.customer_id
        left join customers g on g.id = c.golden_id
        """,
        {
            "status": "r.status = %(status)s",
            "day": "(r.scheduled_date <= current_date) = (%(day)s = 'come')",
            "customer": "(r.customer_id is null) = (%(customer)s = 'none')",
            "phone": "(coalesce(g.primary_phone, c.primary_phone) is null) = (%(phone)s = 'none')",
        },
        "r.scheduled_date desc, r.id desc",
        by_heading={
            "scheduled_date": "r.scheduled_date",
            "reminder_type": "r.reminder_type",
            "status": "r.status",
            "skip_reason": "r.skip_reason",
            "invoice_number": "i.invoice_number",
            "balance": "i.balance",
            "customer_name": "public.name_order(c.name)",
        },
    ),
    "deliveries": Listing(
        """
        select d.id, d.event, d.status, d.source_customer_id, d.received_at, d.attempts, d.duration_ms, d.error
        from ops.webhook_deliveries d
        """,
        {"status": "d.status = %(status)s"},
        "d.received_at desc, d.id",
        by_heading={
            "received_at": "d.received_at",
            "event": "d.event",
            "status": "d.status",
            "attempts": "d.attempts",
            "duration_ms": "d.duration_ms",
        },
    ),
    "messages": Listing(
        """
        select m.id, m.event, m.status, m.customer_id, m.created_at, m.tries, m.answer, m.error, s.name as subscription
        from ops.outgoing_messages m
        join ops.subscriptions s on s.id = m.subscription_id
        """,
        {"status": "m.status = %(status)s", "subscription": "s.name = %(subscription)s"},
        "m.id desc",
        by_heading={name: f"m.{name}" for name in ("created_at", "event", "status", "tries")},
    ),
    "refusals": Listing(
        "select f.id, f.reason, f.address, f.size, f.refused_at from ops.webhook_refusals f",
        {"reason": "f.reason = %(reason)s"},
        "f.id desc",
    ),
    "runs": Listing(
        """
        select r.id, r.account, r.source, r.kind, r.trigger, r.status, r.started_at, r.finished_at, r.created, r.updated,
            r.unchanged, r.rejected, r.errors, r.pages, r.calls, r.quota_left, r.message, r.error
        from sync_runs r
        """,
        {"status": "r.status = %(status)s", "source": "r.source = %(source)s"},
        "r.id desc",
        by_heading={
            name: f"r.{name}"
            for name in (
                "started_at",
                "source",
                "kind",
                "trigger",
                "status",
                "created",
                "updated",
                "unchanged",
                "rejected",
                "errors",
                "pages",
                "calls",
                "quota_left",
            )
        }
        | {"seconds": "r.finished_at - r.started_at"},
    ),
    "changes": Listing(
        """
        select h.id, h.changed_at, h.field, h.old_value, h.new_value, h.origin, h.cache_id as customer_id,
            c.name as customer_name, c.source, e.edited_by
        from customer_changes h
        join customer_rows c on c.id = h.cache_id
        left join lateral (
            select f.edited_by
            from ops.field_edits f
            where h.origin = 'edit'
                and f.row_id = h.cache_id
                and f.field = h.field
                and f.edited_at <= h.changed_at + interval '1 minute'
            order by f.id desc
            limit 1
        ) e on true
        """,
        {
            "origin": "h.origin = %(origin)s",
            "source": "c.source = %(source)s",
            "field": "h.field = %(field)s",
            "run": "h.sync_run_id::text = %(run)s",
            "since": "h.changed_at > now() - case %(since)s when 'day' then interval '1 day' else interval '7 days' end",
        },
        "h.id desc",
        counted="select h.id from customer_changes h join customer_rows c on c.id = h.cache_id",
        by_heading={
            "changed_at": "h.changed_at",
            "field": "h.field",
            "origin": "h.origin",
            "source": "c.source",
            "customer_name": "public.name_order(c.name)",
        },
    ),
    "rejects": Listing(
        """
        select j.id, j.account, j.source, j.entity, j.source_id, j.reason, left(j.record, 400) as record, j.last_seen_at
        from ops.rejected_records j
        """,
        {},
        "j.id desc",
        always="j.resolved_at is null",
    ),
    "intakes": Listing(
        """
        select n.id, n.customer_name, n.contact_email, n.contact_phone, n.role, n.note, n.created_by, n.created_at, n.customer_id
        from intakes n
        """,
        {},
        "n.id desc",
    ),
    "audit": Listing(
        "select a.id, a.at, a.who, a.action, a.target, a.details::text as details from ops.audit_log a",
        {
            "who": "a.who = %(who)s",
            "action": "a.action = %(action)s",
            "text": "position(lower(%(text)s) in lower(a.target || ' ' || a.details::text)) > 0",
        },
        "a.id desc",
        by_heading={"at": "a.at", "who": "a.who", "action": "a.action", "target": "a.target"},
    ),
}


_OF_ROWS = re.sub(r"\bc[.]", "", SEARCH)
# What the search looks into: index -> what it is on.
SEARCH_INDEXES = {
    "customer_rows_search_idx": f"customer_rows using gin ({_OF_ROWS})",
    "customer_contacts_search_idx": "customer_contacts using gin (public.search_pieces(kind, value))",
    "customers_search_idx": "customers using gin (public.search_pieces('phone', vat_number))",
    "customer_rows_persons_idx": "customer_rows using gin (public.search_persons(contact_persons)) where contact_persons <> '[]'",
    "invoice_rows_number_idx": "invoice_rows (lower(invoice_number))",
}


def ensure_search_index(connection: Connection) -> bool:
    """Make the indexes of the search where there are none, without locking anybody out; returns whether one was made.

    They cost a first load about a fifth more, so they are made when somebody searches, not before. Two processes that start
    at once do not make them both: who comes second leaves it to the first.
    """
    if not scalar(connection, "select pg_try_advisory_lock(hashtext('customer_assets search'))"):
        return False
    try:
        made = [_ensure_index(connection, name, what) for name, what in SEARCH_INDEXES.items()]
        return any(made)
    finally:
        connection.execute("select pg_advisory_unlock(hashtext('customer_assets search'))")


def _ensure_index(connection: Connection, name: str, what: str) -> bool:
    valid = connection.execute(
        """
        select i.indisvalid
        from pg_class c
        join pg_index i on i.indexrelid = c.oid
        where c.relname = %s
        """,
        [name],
    ).fetchone()
    if valid is not None and valid["indisvalid"]:
        return False
    if valid is not None:  # its making was cut
        connection.execute(f"drop index concurrently if exists {name}")
    connection.execute(f"create index concurrently if not exists {name} on {what}")
    return True


def rows_of(
    connection: Connection, name: str, filters: Mapping[str, str], *, page: int, sort: str | None = None
) -> tuple[list[dict[str, Any]], bool]:
    """One page of a list, and whether another follows. Unknown and blank filters are passed over."""
    offset = PAGE * max(0, min(page, MOST_PAGES))
    found = _selected(connection, LISTINGS[name], filters, sort=sort, limit=PAGE + 1, offset=offset)
    return found[:PAGE], len(found) > PAGE


def all_rows_of(
    connection: Connection, name: str, filters: Mapping[str, str], *, sort: str | None = None, most: int
) -> list[dict[str, Any]]:
    """All rows of a list that the filters leave, not more than `most`."""
    return _selected(connection, LISTINGS[name], filters, sort=sort, limit=most, offset=0)


def _selected(
    connection: Connection, listing: Listing, filters: Mapping[str, str], *, sort: str | None, limit: int, offset: int
) -> list[dict[str, Any]]:
    narrowed = _narrowed(listing, filters)
    if narrowed is None:
        return []
    joined, wanted = narrowed
    query = f"{_conditioned(listing, joined)} order by {listing.ordered(sort)} limit %(limit)s offset %(offset)s"
    return connection.execute(
        sql.SQL(query),  # put together from the declarations above alone
        {**wanted, "limit": limit, "offset": offset},
    ).fetchall()


def _conditioned(listing: Listing, joined: str, query: str = "") -> str:
    condition = " and ".join(filter(None, (listing.always, joined)))
    return f"{query or listing.query} {f'where {condition}' if condition else ''}"


def totals_of(connection: Connection, name: str, filters: Mapping[str, str]) -> tuple[int, list[dict[str, Any]]]:
    """How many rows a list has that the filters leave, `MOST_COUNTED` for that many or more; its sums for each currency."""
    listing = LISTINGS[name]
    narrowed = _narrowed(listing, filters)
    if narrowed is None:
        return 0, []
    joined, wanted = narrowed
    selected = _conditioned(listing, joined, listing.counted)
    counted = connection.execute(
        sql.SQL(f"select count(*) as rows from (select from ({selected}) r limit {MOST_COUNTED}) n"), wanted
    ).fetchone()
    sums: list[dict[str, Any]] = []
    if listing.sums:
        added = ", ".join(f"sum({column}) as {column}" for column in listing.sums)
        query = f"select coalesce(currency_code, '') as currency, count(*) as number, {added} from ({selected}) r group by 1 order by 2 desc"
        sums = connection.execute(sql.SQL(query), wanted).fetchall()
    return (counted["rows"] if counted else 0), sums


def matching_customers(connection: Connection, filters: Mapping[str, str], *, most: int) -> list[int]:
    """Ids of the customers that the filters of the list leave, not more than `most`."""
    narrowed = _narrowed(LISTINGS["customers"], filters)
    if narrowed is None:
        return []
    joined, wanted = narrowed
    found = connection.execute(
        sql.SQL(f"select c.id from customer_rows c {f'where {joined}' if joined else ''} order by c.id limit %(most)s"),
        {**wanted, "most": most},
    ).fetchall()
    return [row["id"] for row in found]


def _narrowed(listing: Listing, filters: Mapping[str, str]) -> tuple[str, dict[str, str]] | None:
    """(SQL condition, blank for none; its values), None where a search has no word in it."""
    wanted = {k: v for k, v in filters.items() if k in listing.filters and v}
    typed: dict[str, str] = {}
    if "q" in wanted:
        words = prefix_query(wanted["q"])
        if words is None:
            return None
        said = wanted["q"].strip().lower()
        all_words = " & ".join(f"'{word}':*" for word in re.findall(r"[^\W_]+", said)[:8])
        digits = _piece_of_a_number(said)
        # ends of words are in the index from three letters on
        pieces = " & ".join(f"'{word}':*" for word in re.findall(r"[^\W_]{3,}", said)[:8])
        typed = {"q_text": said, "q_words": all_words, "q_pieces": f"'{digits}':*" if digits else pieces}
        wanted["q"] = words
    joined = " and ".join(listing.filters[k] for k in sorted(wanted))
    if "q" in wanted and listing.hits:
        joined = listing.hits.format(joined=joined)
    return joined, wanted | typed


def _piece_of_a_number(text: str) -> str:
    """The digits of a text that is a number, or a piece of one; blank where it is none."""
    digits = "".join(c for c in text if c in "0123456789")
    if len(digits) < 4 or sum(c.isalpha() for c in text) > 2:
        return ""
    whole = digits.lstrip("0")  # of a number with its country the zero before it is gone
    return whole if len(whole) >= 4 else digits


def prefix_query(text: str) -> str | None:
    """What people type, as prefixes of words, or as a number in any spelling; None where there is no word in it.

    No character of it means anything else.
    """
    folded = unicodedata.normalize("NFKD", text.lower())
    words = re.findall(r"[^\W_]+", "".join(c for c in folded if not unicodedata.combining(c)))
    query = " & ".join(f"'{word}':*" for word in words[:8])
    digits = "".join(c for c in text if c in "0123456789")
    letters = sum(c.isalpha() for c in text)
    if len(digits) >= 6 and letters <= 3:  # a phone or VAT number, with or without its country
        ways = {digits, digits[-8:]} if len(digits) > 8 else {digits}
        query = " | ".join([f"({query})", *(f"'{way}':*" for way in sorted(ways))])
    return query or None


def choices(connection: Connection) -> dict[str, list[str]]:
    """Values that the filters of customers offer."""
    return {
        column: [
            row["value"]
            for row in connection.execute(
                f"""
                select {value} as value
                from customer_rows
                where {value} is not null
                group by {value}
                order by count(*) desc, {value}
                limit 60
                """
            )
        ]
        for column, value in CHOICES.items()
    }


def customer(connection: Connection, customer_id: int) -> dict[str, Any] | None:
    """Everything that stands of one customer."""
    row = connection.execute(
        """
        select c.*, v.last_synced_at
        from customer_rows c
        join customers_cache v on v.id = c.id
        where c.id = %s
        """,
        [customer_id],
    ).fetchone()
    if row is None:
        return None
    queries = {
        "invoices": "select i.id, i.invoice_number, i.invoice_date, i.due_date, i.total, i.balance, i.currency_code, i.status, "
        f"{DAYS_OVERDUE} from invoice_rows i where i.customer_id = %(id)s order by i.invoice_date desc nulls last limit 50",
        "legacy": "select source_invoice_id, invoice_date, total, currency_code, match_rule, match_score from legacy_invoices where customer_id = %(id)s order by invoice_date desc nulls last limit 50",
        "reminders": "select scheduled_date, reminder_type, status, skip_reason from payment_reminders where customer_id = %(id)s order by scheduled_date desc limit 50",
        "changes": "select field, old_value, new_value, origin, changed_at from customer_changes where cache_id = %(id)s order by id desc limit 100",
        "same": "select id, name, source, source_customer_id, city from customer_rows where golden_id = %(golden)s and id <> %(id)s order by source, id limit 50",
        "edits": "select field, value, base_value, edited_by, edited_at from ops.field_edits where row_id = %(id)s and released_at is null order by field",
        "pushes": "select outcome, reason, pushed_at from ops.push_results where row_id = %(id)s order by id desc limit 20",
    }
    parameters = {"id": customer_id, "golden": row["golden_id"]}
    found = {name: connection.execute(q, parameters).fetchall() for name, q in queries.items()}
    refs = [f"{r['source']}:{r['source_customer_id']}" for r in (row, *found["same"])]
    found["evidence"] = edges.edges_of(connection, refs, account=row["account"])
    return {"row": row} | found


def suggestions(connection: Connection, text: str) -> list[dict[str, Any]]:
    """Active customers for the select of the intake form, by name."""
    words = prefix_query(text)
    if words is None:
        return []
    return connection.execute(
        f"""
        select c.id, c.name, c.source, c.city, c.role, coalesce(c.general_email, c.billing_email) as email,
            coalesce(c.phone, c.mobile) as phone
        from customer_rows c
        where c.id in (
                select c.id
                from customer_rows c
                where {SEARCH} @@ to_tsquery('simple', %s)
                    and c.is_active
                limit 500
            )
        order by c.name, c.id
        limit 20
        """,
        [words],
    ).fetchall()


def add_intake(connection: Connection, values: Mapping[str, Any], *, system: str, by: str) -> int:
    """Store an intake; its role comes from the chosen row, its id from the customer's record in the system that takes it."""
    row = connection.execute(
        """
        insert into intakes
            (account, robaws_client_id, customer_id, customer_name, contact_email, contact_phone, role, note, created_by)
        select coalesce(c.account, 'default'), s.source_customer_id, c.id, %(customer_name)s, %(contact_email)s,
            %(contact_phone)s, c.role, %(note)s, %(by)s
        from (select 1) one
        left join customer_rows c on c.id = %(customer_id)s
        left join lateral (
            -- the row itself, or the record of the same customer there: another system's id is nobody's there
            select r.source_customer_id
            from customer_rows r
            where r.source = %(system)s
                and r.account = c.account
                and r.deleted_at is null
                and (r.id = c.id or r.golden_id = c.golden_id)
            order by r.id <> c.id, r.id
            limit 1
        ) s on true
        returning id
        """,
        {**values, "system": system, "by": by},
    ).fetchone()
    return int(row["id"]) if row else 0


def message(connection: Connection, message_id: int) -> dict[str, Any] | None:
    """A message to a subscriber."""
    return connection.execute(
        """
        select m.*, s.name as subscription
        from ops.outgoing_messages m
        join ops.subscriptions s on s.id = m.subscription_id
        where m.id = %s
        """,
        [message_id],
    ).fetchone()


def delivery(connection: Connection, delivery_id: str) -> dict[str, Any] | None:
    """One delivery with its body."""
    return connection.execute("select * from ops.webhook_deliveries where id = %s", [delivery_id]).fetchone()


def reminder_settings(connection: Connection) -> list[dict[str, Any]]:
    """When reminders are due, per account."""
    return connection.execute("select * from reminder_settings order by account").fetchall()


def store_reminder_settings(
    connection: Connection, *, account: str, days: list[int], channel: str, is_enabled: bool
) -> None:
    """Change when reminders are due."""
    connection.execute(
        """
        insert into reminder_settings (account, days, channel, is_enabled)
        values (%s, %s, %s, %s)
        on conflict (account) do update
        set days = excluded.days,
            channel = excluded.channel,
            is_enabled = excluded.is_enabled,
            updated_at = now()
        """,
        [account, days, channel, is_enabled],
    )


def counts(connection: Connection) -> dict[str, int]:
    """Numbers that the navigation shows."""
    row = connection.execute(
        """
        select
            (select count(*) from ops.sumit_conflicts where status = 'open') as conflicts,
            (select count(*) from match_reviews where status = 'open') as reviews,
            (select count(*) from ops.webhook_deliveries where status in ('waiting', 'failed')) as deliveries,
            (select count(*) from sync_runs where status = 'running') as running,
            (select count(*) from ops.webhook_deliveries where status = 'failed') as parked,
            (select count(*) from ops.rejected_records where resolved_at is null) as rejected,
            (select count(*) from ops.outgoing_messages where status = 'failed') as unsent
        """
    ).fetchone()
    found = dict(row or {})
    waiting = ("conflicts", "reviews", "parked", "rejected", "unsent")
    return found | {"inbox": sum(found.get(name, 0) for name in waiting)}


def failed_syncs(connection: Connection) -> list[dict[str, Any]]:
    """Accounts whose last sync failed: which, when, why, and when the last good one ended."""
    return connection.execute(
        """
        select l.account, l.source, l.error, l.finished_at, g.good_at
        from (
            select distinct on (r.account, r.source) r.account, r.source, r.status, r.error, r.finished_at
            from sync_runs r
            where r.kind in ('full', 'incremental')
                and r.status <> 'running'
                and r.source is not null
            order by r.account, r.source, r.id desc
        ) l
        left join lateral (
            select max(r.finished_at) as good_at
            from sync_runs r
            where r.account = l.account
                and r.source = l.source
                and r.kind in ('full', 'incremental')
                and r.status in ('ok', 'partial')
        ) g on true
        where l.status = 'failed'
        order by l.source, l.account
        """
    ).fetchall()
