"""The views that analysts read, and what is said of each column: of a base table's own it is what that says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from customer_assets.store.schema.base import GIVEN, metadata

GOLDEN = "the real customer: customers.id"
SYNCED = "last known to be so: its own sight, or the source's last complete scan"
SHARED = "valid or invalid by its check digits, unchecked; shared: customers that are not one have it"


@dataclass(frozen=True)
class View:
    """A view; its text stands in `store/views`.

    Attributes:
        name: in schema public.
        base: the table beneath; None: several.
        comment: for analysts.
        own: what is said of columns that the table does not have, or has otherwise.
        types: PostgreSQL type of its own columns, for Dagster.
    """

    name: str
    base: str | None
    comment: str
    own: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)


_AGAIN = {
    "robaws_client_id": "id at Robaws",
    "zoho_customer_id": "id at Zoho",
    "sumit_customer_id": "id at SUMIT",
    "customer_name": "the customer's name",
    "full_address": "street, postcode, city and country in one text",
    "primary_email": "to write to it",
    "email": "e-mail address",
    "tax_id": "VAT or company id",
    "address": "street",
    "zip_code": "postcode",
    "contact_type": "customer or vendor, as Zoho says",
    "primary_contact_person_id": "id of the primary person at Zoho",
    "zoho_last_modified_at": "Zoho's time of this version",
    "last_synced_at": SYNCED,
}

VIEWS = {
    view.name: view
    for view in (
        View(
            "customers_cache",
            "customer_rows",
            "One row per customer record of a system. golden_id tells which of them are one customer.",
            {"last_synced_at": SYNCED, "vat_status": SHARED},
            {"last_synced_at": "timestamp with time zone"},
        ),
        View(
            "invoices_cache",
            "invoice_rows",
            "One row per invoice of a system. No customer fields: join customers_cache by customer_id, customers by golden_id.",
            {"last_synced_at": SYNCED, "golden_id": GOLDEN},
            {"golden_id": "bigint", "last_synced_at": "timestamp with time zone"},
        ),
        View(
            "invoices_all",
            None,
            "All invoices, of the cache and old ones, with whose they are: revenue per customer is sum(total) by golden_id "
            "and currency_code. Those that are gone at their source are left out.",
            {
                "origin": "cache or legacy",
                "id": "invoices_cache.id or legacy_invoices.id, by origin",
                "account": "account of the system",
                "source": "the system that has it, as far as known",
                "source_invoice_id": "the system's own id",
                "invoice_number": "as printed on it",
                "invoice_date": "date of the invoice",
                "due_date": "to be paid by then",
                "total": "amount",
                "balance": "still to pay",
                "currency_code": "of the amounts: never add up two",
                "status": GIVEN,
                "customer_id": "customers_cache.id",
                "golden_id": GOLDEN,
                "customer_name": "of the real customer, else as the invoice names it",
                "country_code": "the customer's country, ISO 3166 alpha-2",
            },
        ),
        View(
            "robaws_customers_cache", "customer_rows", "customers_cache of Robaws, under the names used there.", _AGAIN
        ),
        View("zoho_customers_cache", "customer_rows", "customers_cache of Zoho, under the names used there.", _AGAIN),
        View("sumit_customers", "customer_rows", "customers_cache of SUMIT, under the names used there.", _AGAIN),
    )
}


def view_of(table: str) -> View | None:
    """The view that analysts read instead of a base table."""
    return next((view for view in VIEWS.values() if view.base == table), None)


def said_of(view: View, column: str) -> str:
    """What is said of a column of a view."""
    if column in view.own:
        return view.own[column]
    described = metadata.tables[view.base].columns.get(column) if view.base else None
    return described.comment or GIVEN if described is not None else column.replace("_", " ")
