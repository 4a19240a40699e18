"""How SUMIT's records become rows, and what a row of another system would be there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from customer_assets.domain.cache.mapping import Field, Record, RecordMapping
from customer_assets.domain.cache.values import (
    text_or_label,
)


def _first_values(record: Record) -> Record:
    """SUMIT entities: every value is a list; some answers nest them in `Properties`. The first element is the value."""
    properties = record.get("Properties")
    flat = {**record, **properties} if isinstance(properties, dict) else dict(record)
    flat.pop("Properties", None)
    return {key: (value[0] if value else None) if isinstance(value, list) else value for key, value in flat.items()}


# Company name, state and country do not exist in the real dialect: absent keeps them (docs/systems/sumit.md#fields).
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


# What is sent to SUMIT, column -> key of its write call; arrays are for reading alone (docs/systems/sumit.md#writes).
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


# property of an entity by which a customer is searched, by column
PROPERTIES = {f.column: f.paths[0] for f in SUMIT_ENTITY.fields if f.paths}


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
        skip_rule=repr(sorted(builtin)),
    )
