"""What the console lists, one declaration each: what is selected, by which filters, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from customer_assets.store.reads.search import SEARCH

MOST_HITS = 2000  # of a search: beyond that nobody looks, and sorting would get slow
# Of an invoice `i`: whether somebody owes something, and since how many days; of a draft nobody owes, whatever its date.
OWED = "i.balance > 0 and i.status not in ('draft', 'void')"
DAYS_OVERDUE = f"case when {OWED} and i.due_date < current_date then current_date - i.due_date end as days_overdue"


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
            "number": "strpos(upper(i.invoice_number), upper(%(number)s)) > 0",
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
