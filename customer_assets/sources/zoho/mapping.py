"""How the records of Zoho Books become rows."""

from __future__ import annotations

from customer_assets.domain.cache.mapping import Field, Record, RecordMapping
from customer_assets.domain.cache.values import (
    active_status,
    amount,
    persons,
    plain_date,
    text_or_label,
)
from customer_assets.domain.phone import is_flagged


def _with_primary_flagged(record: Record) -> Record:
    """Where no person is flagged, `primary_contact_id` names the primary one (docs/systems/zoho.md#primary-phone)."""
    people, primary = record.get("contact_persons"), record.get("primary_contact_id")
    if not primary or not isinstance(people, list) or not all(isinstance(p, dict) for p in people):
        return record
    if any(is_flagged(p) for p in people):
        return record
    flagged = [
        {**p, "is_primary_contact": True} if str(p.get("contact_person_id")) == str(primary) else p for p in people
    ]
    return {**record, "contact_persons": flagged}


# List rows lack persons, addresses and tax ids: absent keeps, the detail brings them (docs/systems/zoho.md#fields).
ZOHO_CONTACT = RecordMapping(
    id_path="contact_id",
    modified_path="last_modified_time",
    absent="keep",
    prepare=_with_primary_flagged,
    skip=lambda record: "a vendor, no customer" if record.get("contact_type") == "vendor" else None,
    volatile=frozenset(
        {
            "outstanding_receivable_amount",
            "outstanding_receivable_amount_bcy",
            "outstanding_payable_amount",
            "outstanding_payable_amount_bcy",
            "unused_credits_receivable_amount_bcy",
            "unused_credits_payable_amount",
            "unused_credits_payable_amount_bcy",
            "last_modified_time_formatted",
            "created_time_formatted",
        }
    ),
    fields=(
        Field("name", ("contact_name", "customer_name", "company_name"), insert_default="Unknown Customer"),
        Field("company_name", ("company_name",)),
        Field("status", ("status",)),
        Field("phone", ("phone",)),
        Field("mobile", ("mobile",)),
        Field("general_email", ("email",)),
        Field("website", ("website",)),
        Field("vat_number", ("vat_reg_no", "tax_reg_no", "gst_no", "vat_number", "tax_id")),
        Field("street", ("billing_address.address",)),
        Field("street2", ("billing_address.street2",)),
        Field("city", ("billing_address.city",)),
        Field("state", ("billing_address.state",)),
        Field("zipcode", ("billing_address.zip",)),
        Field("country", ("billing_address.country",), text_or_label),
        Field("contact_persons", ("contact_persons",), persons),
        Field("is_active", ("status",), active_status, default=True),
    ),
)


# Customer fields of an invoice are deliberately not read: they come by join (docs/systems/zoho.md#invoices).
ZOHO_INVOICE = RecordMapping(
    id_path="invoice_id",
    modified_path="last_modified_time",
    absent="keep",
    keeps_metadata=False,
    fields=(
        Field("source_customer_id", ("customer_id",)),
        Field("invoice_number", ("invoice_number",)),
        Field("status", ("status",)),
        Field("currency_code", ("currency_code",)),
        Field("total", ("total",), amount),
        Field("balance", ("balance",), amount),
        Field("invoice_date", ("date",), plain_date),
        Field("due_date", ("due_date",), plain_date),
    ),
)
