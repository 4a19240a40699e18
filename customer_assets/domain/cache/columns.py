"""The columns of the cache: each is one line here.

Everything that knows columns is derived from this: the schema's metadata, what a load writes, what may be edited, the
sections of the console's pages, what survives into golden records, docs/tables.md. How to add one:
docs/dev/adding-a-column.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "boolean", "date", "money", "json"]
ALONE = "alone"


@dataclass(frozen=True)
class Column:
    """One column of customers_cache or invoices_cache.

    Attributes:
        name: in tables, mappings, edits and the JSON API.
        kind: what it holds.
        blank: what a new row holds where its source does not speak of it; None where that is null.
        section: where pages show it; None: nowhere by itself.
        editable: a person may change it here.
        indexed: look-ups are served by an index, which takes no long values.
        survives: how it comes into the golden record: `alone`, or with all columns of the same word, from the row that
            has the first of them. None: it does not.
        golden: its name there, where it is another.
        never_shared: what customers with different VAT ids have is not the primary one of any of them.
        resolves: identity looks at it, though it does not survive.
        derived: worked out here from other columns; no source gives it.
        logged: what it was before stands in customer_changes, though it is derived.
        comment: for analysts.
    """

    name: str
    kind: Kind = "text"
    blank: Any = None
    section: str | None = None
    editable: bool = False
    indexed: bool = False
    survives: str | None = None
    golden: str | None = None
    never_shared: bool = False
    resolves: bool = False
    derived: bool = False
    logged: bool = False
    comment: str | None = None

    @property
    def golden_name(self) -> str:
        """Its name in golden records."""
        return self.golden or self.name


INFO, CONTACT, ADDRESS = "Info", "Contact", "Address"  # the sections of the console's pages, in their order

CUSTOMER_COLUMNS = (
    Column("name", section=INFO, editable=True, indexed=True, survives="name", blank="Unknown Customer", comment="as the source writes it"),
    Column("company_name", section=INFO, editable=True, survives="name"),
    Column("legal_form", section=INFO, editable=True, survives="name"),
    Column("vat_number", section=INFO, editable=True, indexed=True, survives="vat"),
    Column("vat_normalized", derived=True, survives="vat", comment="the VAT id in one spelling, its country before it"),
    Column("vat_status", derived=True, survives="vat", comment="valid or invalid by its check digits, unchecked, shared by customers of different names"),
    Column("role", section=INFO, editable=True, indexed=True, survives=ALONE),
    Column("status", section=INFO, editable=True),
    Column("assignee", section=INFO, editable=True),
    Column("external_sales_person", section=INFO, editable=True),
    Column("follow_up_date", "date", section=INFO, editable=True),
    Column("is_active", "boolean", section=INFO, editable=True, blank=True, resolves=True, comment="active at the source and not deleted"),
    Column("default_vat_tariff", section=INFO, editable=True),
    Column("gl_account", section=INFO, editable=True),
    Column("accessible_via_peppol", "boolean", section=INFO, editable=True, blank=False),
    Column("phone", section=CONTACT, editable=True, indexed=True, survives="phone", never_shared=True),
    Column("phone_e164", derived=True, survives="phone", never_shared=True, comment="phone in E.164, where its country is evidenced and it is valid there"),
    Column("mobile", section=CONTACT, editable=True, indexed=True, resolves=True),
    Column("mobile_e164", derived=True, comment="mobile in E.164"),
    Column("primary_phone", section=CONTACT, derived=True, logged=True, survives=ALONE, never_shared=True, comment="to reach it at: E.164, as received where that is not sure"),
    Column("phone_region_from", derived=True, comment="what told the country of the numbers: number, country, vat, sibling, mail, account"),
    Column("general_email", section=CONTACT, editable=True, indexed=True, survives="email", golden="email", never_shared=True),
    Column("email_normalized", derived=True, survives="email", never_shared=True, comment="the first address of general_email, in lower case"),
    Column("billing_email", section=CONTACT, editable=True, survives=ALONE, never_shared=True),
    Column("website", section=CONTACT, editable=True, survives=ALONE),
    Column("whatsapp_client", "boolean", section=CONTACT, editable=True, blank=False),
    Column("street", section=ADDRESS, editable=True, survives="address"),
    Column("street2", section=ADDRESS, editable=True, survives="address"),
    Column("zipcode", section=ADDRESS, editable=True, survives="address"),
    Column("city", section=ADDRESS, editable=True, survives="address"),
    Column("state", section=ADDRESS, editable=True, survives="address"),
    Column("country", section=ADDRESS, editable=True, survives="address"),
    Column("country_code", derived=True, survives="address", comment="the country as ISO 3166 alpha-2"),
    Column("contact_persons", "json", blank=[], resolves=True, comment="list of persons, as received"),
    Column("extra_fields", "json", blank={}, comment="Robaws extra fields, as received"),
    Column("metadata", "json", blank={}, derived=True, comment="keys of the source that no column holds"),
)  # fmt: skip

INVOICE_COLUMNS = (
    Column("source_customer_id", comment="the customer's id at the source"),
    Column("invoice_number"),
    Column("total", "money"),
    Column("balance", "money", comment="still to pay"),
    Column("currency_code"),
    Column("invoice_date", "date"),
    Column("due_date", "date"),
    Column("status", comment="as the source names it"),
)

COLUMN_OF = {column.name: column for column in CUSTOMER_COLUMNS}
EDITABLE = tuple(column.name for column in CUSTOMER_COLUMNS if column.editable)
INDEXED = tuple(column.name for column in CUSTOMER_COLUMNS if column.indexed)
SURVIVING = tuple(column for column in CUSTOMER_COLUMNS if column.survives)
RESOLVED = tuple(column.name for column in CUSTOMER_COLUMNS if column.survives or column.resolves)


def sections() -> dict[str, tuple[str, ...]]:
    """The sections of the console's pages with the columns that they show."""
    return {
        section: tuple(column.name for column in CUSTOMER_COLUMNS if column.section == section)
        for section in (INFO, CONTACT, ADDRESS)
    }


def surviving_together() -> list[tuple[Column, ...]]:
    """The columns that come into a golden record from one row: groups first, then those that come alone."""
    groups: dict[str, list[Column]] = {}
    for column in SURVIVING:
        if column.survives != ALONE:
            groups.setdefault(str(column.survives), []).append(column)
    return [*map(tuple, groups.values()), *((column,) for column in SURVIVING if column.survives == ALONE)]
