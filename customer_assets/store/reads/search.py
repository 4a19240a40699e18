"""Customers found by what people type: words of records, pieces of numbers; and the indexes of that search."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from customer_assets.store.database import Connection, scalar

# The expression of the index customer_rows_search_idx.
SEARCH = """
    public.search_words(c.name, c.company_name, c.vat_number, c.general_email, c.primary_phone, c.city, c.source_customer_id)
"""
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


def piece_of_a_number(text: str) -> str:
    """The digits of a text that is a number, or a piece of one; blank where it is none."""
    digits = "".join(c for c in text if c in "0123456789")
    if len(digits) < 4 or sum(c.isalpha() for c in text) > 2:
        return ""
    whole = digits.lstrip("0")  # of a number with its country the zero before it is gone
    return whole if len(whole) >= 4 else digits


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
