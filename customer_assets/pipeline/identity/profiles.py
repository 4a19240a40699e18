"""Cache rows as profiles for the resolution, and the names by which people and tables refer to records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from customer_assets.domain.identity.engine import Engine
from customer_assets.domain.identity.evidence import Key, Profile, Record, profile_of
from customer_assets.domain.identity.taking import profiles_of

ROW, INVOICE = "0 row", "1 invoice"  # rows come before invoices wherever keys are ordered


def row_key(row: Mapping[str, Any]) -> Key:
    """The natural key of a cache row, within its account."""
    return (ROW, row["source"], row["source_customer_id"])


def row_record(row: Mapping[str, Any]) -> Record:
    """The values of a cache row that tell whose it is."""
    persons = row.get("contact_persons") or []
    invoice_born = row["source"] == "invoice"
    return Record(
        row_key(row),
        name=row["name"],
        vat=row["vat_number"],
        phones=[
            row.get("phone"),
            row.get("mobile"),
            row.get("primary_phone"),
            *(p.get("mobile") or p.get("phone") for p in persons if isinstance(p, dict)),
        ],
        mails=[row["general_email"], row.get("billing_email")],
        address=row.get("street"),
        postcode=None if invoice_born else row.get("zipcode"),
        city=None if invoice_born else row.get("city"),
        country=row["country"],
        source=(row["source"], row["source_customer_id"]),
    )


def row_profile(row: Mapping[str, Any]) -> Profile:
    """What a cache row says of its customer."""
    return profile_of(row_record(row))


def row_profiles(rows: Sequence[Mapping[str, Any]], engine: Engine) -> dict[int, Profile]:
    """What cache rows say, by their ids."""
    return dict(zip((row["id"] for row in rows), profiles_of(rows, row_record, engine), strict=True))


def migrating_profile(row: Mapping[str, Any]) -> Profile:
    """The same beside old invoices: an invoice-born row says nothing of its own, and goes where its invoice goes."""
    if row["source"] == "invoice":
        return Profile(row_key(row), named_after=row["source_customer_id"])
    return row_profile(row)


def ref_of(key: Key) -> str:
    """A record's name in tables and commands: `robaws:1003`, `legacy:OLD-1`."""
    return f"{key[1]}:{key[2]}" if key[0] == ROW else f"legacy:{key[1]}"


def key_of(ref: str) -> Key:
    """The key that a name stands for.

    Raises:
        ValueError: it is none.
    """
    kind, separator, rest = ref.partition(":")
    if not separator or not rest:
        raise ValueError(ref)
    return (INVOICE, rest) if kind == "legacy" else (ROW, kind, rest)


def invoice_profile(invoice: Mapping[str, Any]) -> Profile:
    """What an old invoice says of its customer."""
    return profile_of(invoice_record(invoice))


def invoice_record(invoice: Mapping[str, Any]) -> Record:
    """The values of an old invoice that tell whose it is."""
    source = (
        (invoice["source_system"], invoice["source_customer_id"])
        if invoice["source_system"] and invoice["source_customer_id"]
        else None
    )
    return Record(
        invoice_key(invoice),
        name=invoice["customer_name"],
        vat=invoice["customer_vat_number"],
        phones=[invoice["customer_phone"]],
        mails=[invoice["customer_email"]],
        address=invoice["customer_address"],
        country=invoice["customer_country"],
        source=source,
        names_customer=invoice["source_invoice_id"],
    )


def invoice_key(invoice: Mapping[str, Any]) -> Key:
    return (INVOICE, invoice["source_invoice_id"])
