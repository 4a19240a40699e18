"""The integrity report of `verify`: each check counts what must not be, with a few examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from customer_assets.store.database import Connection, scalar


@dataclass(frozen=True)
class Rule:
    """One thing that must hold; the query returns the violations, one text `example` each.

    A violation fails `verify`, the asset check and so the night: what is only worth a look is a check of severity WARN in
    `defs/checks.py`.

    Attributes:
        name: of the asset check.
        asset: that it speaks of.
        meaning: what holds, for people.
        query: gives what must not be.
    """

    name: str
    asset: str
    meaning: str
    query: str


@dataclass(frozen=True)
class Violation:
    """A rule that does not hold."""

    rule: str
    meaning: str
    count: int
    examples: list[str]


RULES = (
    Rule(
        "legacy_invoice_unaccounted",
        "relinked_invoices",
        "every imported invoice is linked, or listed with the reason",
        """
        select source_invoice_id as example
        from legacy_invoices
        where (customer_id is null) = (unlinked_reason is null)
        """,
    ),
    Rule(
        "legacy_link_without_rule",
        "relinked_invoices",
        "each link says which rule made it",
        "select source_invoice_id as example from legacy_invoices where customer_id is not null and match_rule is null",
    ),
    Rule(
        "legacy_link_across_accounts",
        "relinked_invoices",
        "an old invoice links to a customer of its own account",
        """
        select l.source_invoice_id as example
        from legacy_invoices l
        join customer_rows c on c.id = l.customer_id
        where c.account <> l.account
        """,
    ),
    Rule(
        "legacy_link_not_to_own_system",
        "relinked_invoices",
        "an old invoice whose own system's customer is cached links to that row",
        """
        select l.source_invoice_id as example
        from legacy_invoices l
        join customer_rows c
            on c.account = l.account
            and c.source = l.source_system
            and c.source_customer_id = l.source_customer_id
        where l.customer_id is distinct from c.id
            and l.match_rule is not null
        """,
    ),
    Rule(
        "legacy_sums_differ",
        "relinked_invoices",
        "per currency, linked and unlinked totals add up to the imported ones",
        """
        select coalesce(currency_code, 'no currency') as example
        from legacy_invoices
        group by currency_code
        having coalesce(sum(total), 0)
            <> coalesce(sum(total) filter (where customer_id is not null), 0)
            + coalesce(sum(total) filter (where unlinked_reason is not null), 0)
            + coalesce(sum(total) filter (where customer_id is null and unlinked_reason is null), 0)
        """,
    ),
    Rule(
        "customer_sums_differ",
        "relinked_invoices",
        "per customer, the totals of its links add up to those of all linked invoices",
        """
        select 'all customers' as example
        from (
            select coalesce(sum(per_customer.total), 0) as total
            from (
                select c.id, sum(l.total) as total
                from customer_rows c
                join legacy_invoices l on l.customer_id = c.id
                group by c.id
            ) per_customer
        ) linked
        where linked.total <> (select coalesce(sum(total), 0) from legacy_invoices where customer_id is not null)
        """,
    ),
    Rule(
        "invoice_unlinked_though_known",
        "invoices_cache",
        "an invoice whose customer is cached is linked to that row",
        """
        select i.source_invoice_id as example
        from invoice_rows i
        join customer_rows c
            on c.account = i.account
            and c.source = i.source
            and c.source_customer_id = i.source_customer_id
        where i.customer_id is distinct from c.id
        """,
    ),
    Rule(
        "invoice_linked_to_other",
        "invoices_cache",
        "an invoice links to a customer of its own account and source",
        """
        select i.source_invoice_id as example
        from invoice_rows i
        join customer_rows c on c.id = i.customer_id
        where (c.account, c.source, c.source_customer_id) is distinct from (i.account, i.source, i.source_customer_id)
        """,
    ),
    Rule(
        "deleted_but_active",
        "customers_cache",
        "a deleted customer is not active",
        "select source || ' ' || source_customer_id as example from customer_rows where deleted_at is not null and is_active",
    ),
    Rule(
        "source_time_in_the_future",
        "customers_cache",
        "no record was changed in the future, as its source's clock says",
        """
        select source || ' ' || source_customer_id || ' at ' || source_modified_at as example
        from customer_rows
        where source_time_given
            and source_modified_at > now() + interval '10 minutes'
        union all
        select source || ' invoice ' || source_invoice_id || ' at ' || source_modified_at
        from invoice_rows
        where source_time_given
            and source_modified_at > now() + interval '10 minutes'
        """,
    ),
    Rule(
        "reminder_for_settled_invoice",
        "payment_reminders",
        "no reminder is pending for an invoice that is paid, void or gone",
        """
        select r.id::text as example
        from payment_reminders r
        join invoice_rows i on i.id = r.invoice_id
        where r.status = 'pending'
            and (lower(i.status) in ('paid', 'void') or i.balance <= 0 or i.deleted_at is not null)
        """,
    ),
    Rule(
        "reminder_undecided",
        "payment_reminders",
        "an invoice that the plan looked at has its reason: planned, and then a reminder, or why there is none",
        """
        select s.invoice_id::text as example
        from invoice_reminder_state s
        where s.reason = 'planned'
            and not exists (select from payment_reminders r where r.invoice_id = s.invoice_id)
        """,
    ),
    Rule(
        "reminder_without_phone",
        "payment_reminders",
        "a pending reminder has a customer and a phone",
        """
        select r.id::text as example
        from payment_reminders r
        where r.status = 'pending'
            and (r.phone is null or r.customer_id is null)
        """,
    ),
    Rule(
        "golden_record_without_rows",
        "customers",
        "every golden record has a cache row, of its own account",
        """
        select c.id::text as example
        from customers c
        where not exists (select from customer_rows r where r.golden_id = c.id and r.account = c.account)
        """,
    ),
    Rule(
        "golden_id_differs",
        "customers",
        "an old invoice and a reminder are of the customer that their cache row is of",
        """
        select 'legacy:' || l.source_invoice_id as example
        from legacy_invoices l
        left join customer_rows c on c.id = l.customer_id
        where l.golden_id is distinct from c.golden_id
        union all
        select 'reminder:' || p.id
        from payment_reminders p
        left join customer_rows c on c.id = p.customer_id
        where p.golden_id is distinct from c.golden_id
        """,
    ),
    Rule(
        "counts_do_not_add_up",
        "customers_cache",
        "synced is created, updated and unchanged together, in every sync run",
        "select id::text as example from sync_runs where synced <> created + updated + unchanged",
    ),
)


def violations(connection: Connection) -> list[Violation]:
    """All rules that do not hold."""
    found = []
    for rule in RULES:
        rows = connection.execute(rule.query).fetchall()
        if rows:
            found.append(Violation(rule.name, rule.meaning, len(rows), [row["example"] for row in rows[:5]]))
    return found


def unique_keys(asset: str, table: str, keys: str) -> Rule:
    """The rule that no two rows of a table have the same keys."""
    doubled = f"select 1 as example from {table} group by {keys} having count(*) > 1"
    return Rule("unique_keys", asset, f"({keys}) is unique", doubled)


def count_violations(connection: Connection, rule: Rule) -> int:
    """How often a rule does not hold."""
    return int(scalar(connection, f"select count(*) from ({rule.query}) violations"))


def null_rates(connection: Connection, columns: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Share of blanks in columns of live customer rows: source -> column -> share from 0 to 1; without sources that have none.

    Args:
        columns: source -> columns.
    """
    rates: dict[str, dict[str, float]] = {}
    for source, names in columns.items():
        shares = ", ".join(f"round(avg(({name} is null)::int), 4)::float as {name}" for name in names)
        row = connection.execute(
            f"select count(*) as rows, {shares} from customer_rows where source = %s and deleted_at is null", [source]
        ).fetchone()
        if row and row.pop("rows"):
            rates[source] = row
    return rates


def blanked(connection: Connection, *, hours: int, share: float) -> dict[str, int]:
    """Columns that syncs blanked in many rows of late: `account source.column` -> rows.

    Args:
        hours: how far back.
        share: of an account's live rows, from which they are many.
    """
    rows = connection.execute(
        """
        with live as (
            select account, source, count(*) as rows
            from customer_rows
            where deleted_at is null
            group by account, source
        )
        select r.account || ' ' || r.source || '.' || c.field as name, count(distinct c.cache_id) as rows
        from sync_runs s
        join customer_changes c on c.sync_run_id = s.id
        join customer_rows r on r.id = c.cache_id and r.deleted_at is null
        join live l on l.account = r.account and l.source = r.source
        where s.started_at > now() - make_interval(hours => %(hours)s)
            and c.origin = 'sync'
            and c.old_value is not null
            and c.new_value is null
        group by r.account, r.source, c.field, l.rows
        having count(distinct c.cache_id) > %(share)s * l.rows
        order by 1
        """,
        {"hours": hours, "share": share},
    )
    return {row["name"]: row["rows"] for row in rows}


def count_rows(connection: Connection, table: str, where: Mapping[str, str] | None = None) -> int:
    """Rows of a table that have these values."""
    condition = " and ".join(f"{column} = %({column})s" for column in where or {}) or "true"
    return int(scalar(connection, f"select count(*) from {table} where {condition}", where))


def sums(connection: Connection) -> list[dict[str, Any]]:
    """Per currency: how many old invoices and which totals were imported, linked, and not linked."""
    return connection.execute(
        """
        select
            coalesce(currency_code, '') as currency,
            count(*) as imported,
            count(customer_id) as linked,
            coalesce(sum(total), 0)::text as imported_total,
            coalesce(sum(total) filter (where customer_id is not null), 0)::text as linked_total,
            coalesce(sum(total) filter (where customer_id is null), 0)::text as unlinked_total
        from legacy_invoices
        group by currency_code
        order by currency_code
        """
    ).fetchall()


def unnormalized(connection: Connection) -> list[dict[str, Any]]:
    """How many live rows have a value that could not be normalized, by what it is and why."""
    return connection.execute(
        """
        select what, why, count(*) as rows
        from customer_rows r
        cross join lateral (
            values
                ('country', 'no country is known by that name', r.country is not null and r.country_code is null),
                ('vat_number', 'no id', r.vat_number is not null and r.vat_normalized is null),
                ('vat_number', 'wrong check digits', r.vat_normalized is not null and r.vat_status = 'invalid'),
                ('vat_number', 'not checked: its country is not known, or publishes no check digits',
                    r.vat_status = 'unchecked'),
                ('phone', 'nothing tells its country, or it is not valid there',
                    r.phone is not null and r.phone_e164 is null),
                ('mobile', 'nothing tells its country, or it is not valid there',
                    r.mobile is not null and r.mobile_e164 is null),
                ('general_email', 'no address', r.general_email is not null and r.email_normalized is null)
        ) as w (what, why, is_so)
        where is_so
            and r.deleted_at is null
        group by what, why
        order by what, count(*) desc
        """
    ).fetchall()
