"""The mapping tables: one per stream, straight from the field tables of the fact sheets.

A fourth system is one table here, one module in `sources/`, and one entry in `sources/registry.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from customer_assets.domain.cache.mapping import Field, Record, RecordMapping
from customer_assets.domain.cache.values import (
    active_status,
    amount,
    assignee,
    boolean,
    persons,
    plain_date,
    text_or_label,
)
from customer_assets.domain.phone import is_flagged


def _object(value: Any, column: str, warnings: list[str]) -> dict[str, Any] | None:  # noqa: ARG001
    return value if isinstance(value, dict) and value else None


# Robaws sheet, section 3: real path first, then the seed's.
ROBAWS_CLIENT = RecordMapping(
    id_path="id",
    modified_path="updatedAt",
    fields=(
        Field("name", ("name",), insert_default="Unknown Customer"),
        Field("legal_form", ("legalForm",), text_or_label),
        Field("vat_number", ("vatIdNumber", "vat", "vatNumber")),
        Field("default_vat_tariff", ("defaultVatTariff",), text_or_label),
        Field("phone", ("tel",)),
        Field("mobile", ("gsm", "mobile")),
        Field("website", ("website",)),
        Field("general_email", ("email",)),
        Field("billing_email", ("invoiceEmail",)),
        Field("street", ("address.addressLine1",)),
        Field("street2", ("address.addressLine2",)),
        Field("city", ("address.city",)),
        Field("zipcode", ("address.postalCode",)),
        Field("country", ("address.country",), text_or_label),
        Field("role", ("role",), text_or_label),
        Field("assignee", ("assignee",), assignee, hold=True),
        Field("gl_account", ("glAccount",), text_or_label),
        Field("status", ("status",), text_or_label),
        Field("external_sales_person", ("externalSalesPerson",), text_or_label),
        Field("follow_up_date", ("followUpDate",), plain_date),
        Field("whatsapp_client", ("whatsappClient",), boolean, default=False),
        Field("accessible_via_peppol", ("accessibleViaPeppol",), boolean, default=False),
        Field("is_active", ("active", "isActive", "is_active"), boolean, default=True),
        Field("extra_fields", ("extraFields",), _object),
    ),
)


def _with_primary_flagged(record: Record) -> Record:
    """Zoho sheet, primary phone rule: where no person is flagged, `primary_contact_id` names the primary one."""
    people, primary = record.get("contact_persons"), record.get("primary_contact_id")
    if not primary or not isinstance(people, list) or not all(isinstance(p, dict) for p in people):
        return record
    if any(is_flagged(p) for p in people):
        return record
    flagged = [
        {**p, "is_primary_contact": True} if str(p.get("contact_person_id")) == str(primary) else p
        for p in people
    ]
    return {**record, "contact_persons": flagged}


# Zoho sheet, section 4. List rows lack persons, addresses and tax ids: absent keeps, and the detail brings them.
ZOHO_CONTACT = RecordMapping(
    id_path="contact_id",
    modified_path="last_modified_time",
    absent="keep",
    prepare=_with_primary_flagged,
    skip=lambda record: "not a customer" if record.get("contact_type") == "vendor" else None,
    volatile=frozenset(
        {
            "outstanding_receivable_amount", "outstanding_receivable_amount_bcy", "outstanding_payable_amount",
            "outstanding_payable_amount_bcy", "unused_credits_receivable_amount", "unused_credits_payable_amount",
            "last_modified_time_formatted", "created_time_formatted",
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
)  # fmt: skip

# Zoho sheet, section 5. Customer fields of an invoice are deliberately not read: they come by join.
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


def _first_values(record: Record) -> Record:
    """SUMIT entities: every value is a list; some answers nest them in `Properties`. The first element is the value."""
    properties = record.get("Properties")
    flat = {**record, **properties} if isinstance(properties, dict) else dict(record)
    flat.pop("Properties", None)
    return {
        key: (value[0] if value else None) if isinstance(value, list) else value
        for key, value in flat.items()
    }


# SUMIT sheet, section 5. Company name, state and country do not exist in the real dialect: absent keeps them.
SUMIT_ENTITY = RecordMapping(
    id_path="ID",
    absent="keep",
    prepare=_first_values,
    volatile=frozenset({"Folder", "SchemaID"}),
    fields=(
        Field("name", ("Customers_FullName",), required=True),
        Field("general_email", ("Customers_EmailAddress",)),
        Field("phone", ("Customers_Phone",)),
        Field("vat_number", ("Customers_CompanyNumber",)),
        Field("street", ("Customers_Address",)),
        Field("city", ("Customers_City",)),
        Field("zipcode", ("Customers_ZipCode",)),
        Field("country", (), insert_default="IL"),
        Field("is_active", (), default=True),
    ),
)
SUMIT_SEED_CUSTOMER = RecordMapping(
    id_path="CustomerID",
    absent="keep",
    fields=(
        Field("name", ("Name",), required=True),
        Field("general_email", ("Email",)),
        Field("phone", ("Phone",)),
        Field("company_name", ("CompanyName",)),
        Field("vat_number", ("TaxID",)),
        Field("street", ("Address",)),
        Field("city", ("City",)),
        Field("state", ("State",)),
        Field("zipcode", ("ZipCode",)),
        Field("country", ("Country",), text_or_label, insert_default="IL"),
        Field("is_active", (), default=True),
    ),
)


# What is sent to SUMIT, column -> key of its write call; arrays are for reading alone (sheet, sections 3 and 5).
SUMIT_DETAILS = {
    "name": "Name",
    "general_email": "EmailAddress",
    "phone": "Phone",
    "vat_number": "CompanyNumber",
    "street": "Address",
    "city": "City",
    "zipcode": "ZipCode",
}
SUMIT_SEED_CUSTOMER_KEYS = {
    "name": "Name",
    "general_email": "Email",
    "phone": "Phone",
    "company_name": "CompanyName",
    "vat_number": "TaxID",
    "street": "Address",
    "city": "City",
    "state": "State",
    "zipcode": "ZipCode",
    "country": "Country",
}


def sumit_writes(dialect: str) -> dict[str, str]:
    """The columns that a dialect takes, with its keys."""
    return SUMIT_DETAILS if dialect == "real" else SUMIT_SEED_CUSTOMER_KEYS


def as_sumit_customer(row: Mapping[str, Any], *, name_from: str = "name") -> dict[str, Any]:
    """What a row of another system would be in SUMIT: its columns by their names there.

    Args:
        row: any cache row.
        name_from: the column that is the name there; `name` where that is blank.

    A phone is the customer's own, else the mobile, else the one it is reached at (of a contact person).
    """
    values = {column: row.get(column) for column in SUMIT_SEED_CUSTOMER_KEYS}
    values["name"] = row.get(name_from) or row.get("name")
    values["phone"] = row.get("phone") or row.get("mobile") or row.get("primary_phone")
    billing = str(row.get("billing_email") or "").replace(",", ";").split(";")[0].strip()
    values["general_email"] = row.get("general_email") or billing or None
    return values


def sumit_mapping(*, dialect: str, absent: str, builtin_names: Iterable[str]) -> RecordMapping:
    """SUMIT's mapping in one dialect; built-in records are skipped, and a blank keeps (or clears) the stored value."""
    mapping = SUMIT_ENTITY if dialect == "real" else SUMIT_SEED_CUSTOMER
    name_path = mapping.fields[0].paths[0]
    builtin = frozenset(builtin_names)
    fields = tuple(replace(f, hold=f.hold or absent == "keep") if f.paths else f for f in mapping.fields)
    return replace(
        mapping,
        absent="keep" if absent == "keep" else "null",
        fields=fields,
        skip=lambda record: "built-in record" if record.get(name_path) in builtin else None,
    )
