"""Imported old invoices: set-wise upsert, what the resolution reads, links written."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from customer_assets.store.database import Connection, scalar

COLUMNS = (
    "source_invoice_id",
    "source_system",
    "source_customer_id",
    "customer_name",
    "customer_phone",
    "customer_email",
    "customer_vat_number",
    "customer_address",
    "customer_country",
    "invoice_number",
    "invoice_date",
    "due_date",
    "total",
    "balance",
    "currency_code",
    "status",
    "month",
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of imported rows."""

    created: int
    updated: int
    unchanged: int


def upsert(
    connection: Connection,
    *,
    account: str,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] = COLUMNS,
) -> Imported:
    """Store old invoices, each source_invoice_id once; what did not change is not written. One transaction.

    Args:
        connection: database.
        account: whose invoices.
        rows: by column.
        columns: those that the rows speak of; the others keep what is stored.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")  # so that a lone \r in a text is quoted, too
    writer.writerows([row.get(column) for column in columns] for row in rows)
    changed = " or ".join(f"l.{c} is distinct from s.{c}" for c in columns)
    with connection.transaction():
        connection.execute(
            "create temporary table if not exists staged_legacy_invoices as select * from legacy_invoices with no data"
        )
        connection.execute("truncate staged_legacy_invoices")
        with connection.cursor().copy(
            f"copy pg_temp.staged_legacy_invoices ({', '.join(columns)}) from stdin (format csv)"
        ) as copy:
            copy.write(buffer.getvalue())
        connection.execute("analyze pg_temp.staged_legacy_invoices")
        updated = connection.execute(
            f"""
            update legacy_invoices l
            set {", ".join(f"{c} = s.{c}" for c in columns)},
                updated_at = now()
            from pg_temp.staged_legacy_invoices s
            where l.account = %(account)s
                and l.source_invoice_id = s.source_invoice_id
                and ({changed})
            """,
            {"account": account},
        ).rowcount
        created = connection.execute(
            f"""
            insert into legacy_invoices (account, {", ".join(columns)})
            select %(account)s, {", ".join(columns)}
            from pg_temp.staged_legacy_invoices
            on conflict (account, source_invoice_id) do nothing
            """,
            {"account": account},
        ).rowcount
    return Imported(created, updated, len(rows) - created - updated)


def lock(connection: Connection, account: str) -> None:
    """Until the transaction ends nobody else imports invoices of this account: who comes second sees what the first stored."""
    connection.execute("select pg_advisory_xact_lock(hashtext('legacy_invoices ' || %s))", [account])


def other_invoices(
    connection: Connection, *, account: str, rows: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """What is stored under the ids of some rows and is another invoice: of another day, another customer and another amount.

    Returns:
        source_invoice_id -> invoice_date, customer_name, total as stored.
    """
    found = connection.execute(
        """
        select source_invoice_id, invoice_date, customer_name, total
        from legacy_invoices
        where account = %s
            and source_invoice_id = any(%s)
            and invoice_date is not null
            and customer_name is not null
            and total is not null
        """,
        [account, [row["source_invoice_id"] for row in rows]],
    ).fetchall()
    stored = {row["source_invoice_id"]: row for row in found}
    others: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = stored.get(row["source_invoice_id"])
        if known is not None and all(
            row.get(column) is not None and row[column] != known[column]
            for column in ("invoice_date", "customer_name", "total")
        ):
            others[row["source_invoice_id"]] = known
    return others


def count(connection: Connection) -> int:
    """How many old invoices there are."""
    return int(scalar(connection, "select count(*) from legacy_invoices"))


def months(connection: Connection) -> list[str]:
    """Months of the imported invoices, `undated` last."""
    rows = connection.execute("select distinct month from legacy_invoices order by month")
    return [row["month"] for row in rows]


def accounts(connection: Connection) -> list[str]:
    """Accounts that have old invoices, in order."""
    rows = connection.execute("select distinct account from legacy_invoices order by account")
    return [row["account"] for row in rows]


def all_invoices(connection: Connection, account: str) -> list[dict[str, Any]]:
    """What the resolution reads of every old invoice of an account."""
    return connection.execute(
        """
        select
            id, account, source_invoice_id, source_system, source_customer_id, customer_name, customer_phone,
            customer_email, customer_vat_number, customer_address, customer_country, invoice_date, month
        from legacy_invoices
        where account = %s
        """,
        [account],
    ).fetchall()


def cached_customers(connection: Connection, account: str) -> list[dict[str, Any]]:
    """What the resolution reads of every cache row of an account, deleted ones too: old invoices are theirs all the same."""
    return connection.execute(
        """
        select
            id, account, source, source_customer_id, name, company_name, vat_number, primary_phone, phone, mobile,
            general_email, billing_email, contact_persons, street, zipcode, city, country, deleted_at
        from customer_rows
        where account = %s
        """,
        [account],
    ).fetchall()


def find_invoices(connection: Connection, source_invoice_id: str) -> list[dict[str, Any]]:
    """Old invoices of this id, of any account."""
    return connection.execute(
        "select account, source_invoice_id from legacy_invoices where source_invoice_id = %s order by account",
        [source_invoice_id],
    ).fetchall()


def fingerprint(connection: Connection) -> str:
    """A hash of what a migration works from: old invoices, cache rows of systems, edits, decisions.

    Not of what it writes itself (links, customers that only old invoices know), so that it is the same before and after.
    """
    content = ", ".join(f"l.{column}" for column in ("account", *COLUMNS))
    return str(
        scalar(
            connection,
            f"""
            select md5(concat_ws(
                '|',
                (
                    select concat(count(*), ':', bit_xor(hashtextextended(row({content})::text, 0)))
                    from legacy_invoices l
                ),
                (
                    select concat(count(*), ':', count(r.deleted_at), ':', max(r.updated_at))
                    from customer_rows r
                    where r.source <> 'invoice'
                ),
                (
                    select concat(count(*), ':', max(e.edited_at), ':', max(e.released_at))
                    from ops.field_edits e
                ),
                (
                    select concat(count(m.decision), ':', max(m.decided_at))
                    from match_reviews m
                )
            ))
            """,
        )
    )
