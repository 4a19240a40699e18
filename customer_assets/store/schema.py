"""Schema metadata: every table, with the comments that docs/tables.md and Dagster's column schemas show.

Views are in `views.sql`. A test compares this metadata with what the migrations build.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)
INSTANT = DateTime(timezone=True)
NOW = text("now()")


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=False), primary_key=True)


def _account() -> Column[str]:
    return Column(
        "account", Text, nullable=False, server_default=text("'default'"), comment="account of the system"
    )


def _texts(*names: str) -> Iterable[Column[str]]:
    return (Column(name, Text) for name in names)


def _instant(name: str, comment: str, *, default: bool = False) -> Column[object]:
    return Column(
        name, INSTANT, nullable=not default, server_default=NOW if default else None, comment=comment
    )


# --- public: what analysts read ---------------------------------------------------------------------------------------

customers = Table(
    "customers",
    metadata,
    _id(),
    _account(),
    Column("name", Text, nullable=False, comment="surviving name"),
    *_texts(
        "company_name",
        "legal_form",
        "vat_number",
        "phone",
        "primary_phone",
        "email",
        "billing_email",
        "website",
    ),
    *_texts("street", "street2", "city", "state", "zipcode", "country", "role"),
    Column(
        "is_active", Boolean, nullable=False, server_default=text("true"), comment="any of its rows is active"
    ),
    Column("row_count", Integer, nullable=False, server_default=text("0"), comment="cache rows behind it"),
    Column(
        "provenance",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="field -> id of the cache row it is from",
    ),
    _instant("created_at", "first resolved", default=True),
    _instant("updated_at", "a surviving field changed", default=True),
    Index(None, "account"),
    comment="One row per real customer across systems (golden record).",
)

customer_contacts = Table(
    "customer_contacts",
    metadata,
    Column("customer_id", BigInteger, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True, comment="phone or email"),
    Column("value", Text, primary_key=True, comment="phones in E.164 where they can be parsed"),
    Column("row_id", BigInteger, nullable=False, comment="customers_cache.id of a row that has it"),
    Column(
        "is_shared",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="customers with different VAT ids have it: nobody's primary one",
    ),
    Index(None, "kind", "value"),
    comment="All phones and e-mail addresses of each real customer.",
)

customer_aliases = Table(
    "customer_aliases",
    metadata,
    Column("old_id", BigInteger, primary_key=True, comment="customers.id that was merged into another"),
    Column(
        "customer_id",
        BigInteger,
        ForeignKey("customers.id", ondelete="CASCADE"),
        nullable=False,
        comment="who it is now",
    ),
    Column(
        "row_ids",
        ARRAY(BigInteger),
        nullable=False,
        server_default=text("'{}'"),
        comment="cache rows that had the old id",
    ),
    _instant("merged_at", "", default=True),
    Index(None, "customer_id"),
    comment="Ids of customers that turned out to be one with another.",
)

match_reviews = Table(
    "match_reviews",
    metadata,
    _id(),
    _account(),
    Column("scope", Text, nullable=False, comment="customers (cache rows) or invoices (old invoices, too)"),
    Column(
        "one_ref", Text, nullable=False, comment="system:id of a cache row, or legacy:id of an old invoice"
    ),
    Column("other_ref", Text, nullable=False),
    Column("score", Numeric(5, 4), comment="how sure it is that they are one, 0 to 1"),
    Column("weight", Numeric(6, 2), comment="sum of the weights"),
    Column(
        "reasons",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="what agrees and what does not, each with its weight",
    ),
    Column("status", Text, nullable=False, server_default=text("'open'"), comment="open or decided"),
    Column("decision", Text, comment="same or different; a fact that every later resolution replays"),
    Column("decided_by", Text),
    _instant("decided_at", ""),
    _instant("created_at", "", default=True),
    UniqueConstraint("account", "one_ref", "other_ref"),
    comment="Pairs of records that may be one customer, and what people decided of pairs.",
)

CUSTOMER_TEXTS = (
    "company_name", "legal_form", "vat_number", "default_vat_tariff", "phone", "mobile", "primary_phone", "website",
    "general_email", "billing_email", "street", "street2", "city", "state", "zipcode", "country", "role", "assignee",
    "gl_account", "status", "external_sales_person",
)  # fmt: skip

customer_rows = Table(
    "customer_rows",
    metadata,
    _id(),
    _account(),
    Column("source", Text, nullable=False, comment="robaws, zoho, sumit or invoice"),
    Column("source_customer_id", Text, nullable=False, comment="the system's own id"),
    Column("name", Text, nullable=False, comment="as the source writes it"),
    *_texts(*CUSTOMER_TEXTS),
    Column("follow_up_date", Date),
    Column("whatsapp_client", Boolean, nullable=False, server_default=text("false")),
    Column("accessible_via_peppol", Boolean, nullable=False, server_default=text("false")),
    Column(
        "is_active",
        Boolean,
        nullable=False,
        server_default=text("true"),
        comment="active at the source and not deleted",
    ),
    Column(
        "contact_persons",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="list of persons, as received",
    ),
    Column(
        "metadata",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="keys of the source that no column holds",
    ),
    Column(
        "extra_fields",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="Robaws extra fields, as received",
    ),
    Column(
        "content_hash",
        LargeBinary,
        nullable=False,
        server_default=text("''::bytea"),
        comment="16 bytes over the source's values; no sync times",
    ),
    Column(
        "record_hash",
        LargeBinary,
        comment="16 bytes over the record as received and its mapping: equal means nothing to do",
    ),
    Column("covered", JSONB, comment="source values beneath overrides, edits and derivations; null: none"),
    _instant("source_modified_at", "the source's time of this version; our request time where it gives none"),
    Column(
        "source_time_given",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="source_modified_at is the source's own",
    ),
    _instant("deleted_at", "found gone at the source; the row stays"),
    _instant("last_seen_at", "last sight by id, delivery or changed incremental row"),
    _instant("created_at", "first stored", default=True),
    _instant("updated_at", "a column changed", default=True),
    Column(
        "customer_id",
        BigInteger,
        ForeignKey("customers.id", ondelete="SET NULL"),
        comment="the real customer",
    ),
    UniqueConstraint("account", "source", "source_customer_id"),
    Index(None, "name"),
    Index(None, "vat_number"),
    Index(None, "general_email"),
    Index(None, "role"),
    Index(None, "is_active"),
    Index(None, "name", "is_active"),
    Index(None, "role", "is_active"),
    Index(None, "account", "primary_phone"),
    Index(None, "customer_id"),
    Index(None, "updated_at", "id"),
    comment="Base table of customers_cache: one row per customer record of a system.",
)

invoice_rows = Table(
    "invoice_rows",
    metadata,
    _id(),
    _account(),
    Column("source", Text, nullable=False, comment="zoho"),
    Column("source_invoice_id", Text, nullable=False, comment="the system's own id"),
    Column(
        "customer_id",
        BigInteger,
        ForeignKey("customer_rows.id", ondelete="SET NULL"),
        comment="its customer in the cache",
    ),
    Column("source_customer_id", Text, comment="the customer's id at the source"),
    Column("invoice_number", Text),
    Column("total", Numeric(18, 2)),
    Column("balance", Numeric(18, 2), comment="still to pay"),
    Column("currency_code", Text),
    Column("invoice_date", Date),
    Column("due_date", Date),
    Column("status", Text, comment="as the source names it"),
    Column(
        "content_hash",
        LargeBinary,
        nullable=False,
        server_default=text("''::bytea"),
        comment="16 bytes over the source's values",
    ),
    Column(
        "record_hash",
        LargeBinary,
        comment="16 bytes over the record as received and its mapping: equal means nothing to do",
    ),
    _instant("source_modified_at", "the source's time of this version; our request time where it gives none"),
    Column(
        "source_time_given",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="source_modified_at is the source's own",
    ),
    _instant("deleted_at", "found gone at the source; the row stays"),
    _instant("last_seen_at", "last sight by id or changed incremental row"),
    _instant("created_at", "first stored", default=True),
    _instant("updated_at", "a column changed", default=True),
    UniqueConstraint("account", "source", "source_invoice_id"),
    Index(None, "customer_id"),
    Index(None, "account", "source", "source_customer_id"),
    Index(None, "due_date"),
    comment="Base table of invoices_cache: one row per invoice of a system. No customer fields: join them.",
)

legacy_invoices = Table(
    "legacy_invoices",
    metadata,
    _id(),
    _account(),
    Column("source_invoice_id", Text, nullable=False),
    *_texts("source_system", "source_customer_id", "customer_name", "customer_phone", "customer_email"),
    *_texts("customer_vat_number", "customer_address", "customer_country", "invoice_number"),
    Column("invoice_date", Date),
    Column("due_date", Date),
    Column("total", Numeric(18, 2)),
    Column("balance", Numeric(18, 2)),
    *_texts("currency_code", "status"),
    Column(
        "month",
        Text,
        nullable=False,
        server_default=text("'undated'"),
        comment="partition: YYYY-MM of invoice_date, or undated",
    ),
    Column(
        "customer_id",
        BigInteger,
        ForeignKey("customer_rows.id", ondelete="SET NULL"),
        comment="link written by the migration",
    ),
    Column("match_rule", Text, comment="which rule made the link"),
    Column("match_score", Numeric(5, 4), comment="how sure, 0 to 1"),
    Column("unlinked_reason", Text, comment="why there is no link"),
    _instant("imported_at", "first imported", default=True),
    _instant("updated_at", "content or link changed", default=True),
    UniqueConstraint("account", "source_invoice_id"),
    Index(None, "month"),
    Index(None, "customer_id"),
    comment="Imported old invoices that carry customer fields.",
)

reminder_settings = Table(
    "reminder_settings",
    metadata,
    Column("account", Text, primary_key=True),
    Column(
        "days",
        ARRAY(SmallInteger),
        nullable=False,
        server_default=text("'{7,3,1,0,-1,-3}'"),
        comment="days before (after: negative) the due date",
    ),
    Column(
        "channel", Text, nullable=False, server_default=text("'whatsapp'"), comment="how a reminder goes out"
    ),
    Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
    _instant("updated_at", "last change", default=True),
    comment="When reminders are due, per account.",
)

payment_reminders = Table(
    "payment_reminders",
    metadata,
    _id(),
    _account(),
    Column(
        "invoice_id",
        BigInteger,
        ForeignKey("invoice_rows.id", ondelete="CASCADE"),
        nullable=False,
        comment="invoices_cache.id",
    ),
    Column(
        "customer_id",
        BigInteger,
        ForeignKey("customer_rows.id", ondelete="SET NULL"),
        comment="customers_cache.id",
    ),
    Column("reminder_type", Text, nullable=False, comment="before_due, due or overdue"),
    Column("scheduled_date", Date, nullable=False),
    Column("channel", Text, nullable=False),
    Column("phone", Text, comment="where it goes: the customer's primary phone"),
    Column("status", Text, nullable=False, comment="pending, skipped, cancelled or sent"),
    Column("skip_reason", Text, comment="why it is skipped or cancelled"),
    _instant("created_at", "first planned", default=True),
    _instant("updated_at", "last change", default=True),
    UniqueConstraint("invoice_id", "scheduled_date"),
    Index(None, "customer_id"),
    Index(None, "status", "scheduled_date"),
    comment="Payment reminders: one per invoice and date.",
)

customer_changes = Table(
    "customer_changes",
    metadata,
    _id(),
    Column(
        "cache_id",
        BigInteger,
        ForeignKey("customer_rows.id", ondelete="CASCADE"),
        nullable=False,
        comment="customers_cache.id",
    ),
    Column("field", Text, nullable=False),
    Column("old_value", Text),
    Column("new_value", Text),
    _instant("changed_at", "when it was stored", default=True),
    Column("origin", Text, nullable=False, comment="sync, webhook, edit, migration or push"),
    Column("sync_run_id", BigInteger, comment="the sync that brought it"),
    Column("delivery_id", Text, comment="the delivery that brought it"),
    Index(None, "cache_id", "changed_at"),
    Index(None, "sync_run_id"),
    comment="What changed in the cache, one row per field.",
)

sync_metadata = Table(
    "sync_metadata",
    metadata,
    Column("account", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("entity", Text, primary_key=True, comment="customers or invoices"),
    _instant("watermark", "incremental pulls ask for changes since then"),
    _instant("last_full_started_at", "start of the last complete scan that is loaded"),
    _instant("last_full_at", "end of the last complete scan that is loaded"),
    _instant("last_incremental_at", "end of the last incremental pull that is loaded"),
    Column("last_full_rows", BigInteger, comment="distinct ids of the last complete scan"),
    Column("last_status", Text),
    Column("last_counts", JSONB),
    _instant("updated_at", "last change", default=True),
    comment="Where each stream of each account stands.",
)

COUNTS = (
    "created",
    "updated",
    "unchanged",
    "deactivated",
    "stale",
    "skipped",
    "duplicate",
    "rejected",
    "errors",
)

sync_runs = Table(
    "sync_runs",
    metadata,
    _id(),
    _account(),
    Column("source", Text, nullable=False),
    Column(
        "kind",
        Text,
        nullable=False,
        comment="full, incremental, limited, single, rebuild, push; dry (undone, but its calls count), refused (lock taken), job (failed before any sync)",
    ),
    Column("trigger", Text, nullable=False, comment="cli, dagster, web"),
    Column("status", Text, nullable=False, comment="running, ok, partial or failed"),
    _instant("started_at", "", default=True),
    _instant("finished_at", "null while it runs"),
    *(Column(name, BigInteger, nullable=False, server_default=text("0")) for name in ("synced", *COUNTS)),
    *(
        Column(name, BigInteger, nullable=False, server_default=text("0"))
        for name in ("pages", "calls", "bytes")
    ),
    Column(
        "entities", JSONB, nullable=False, server_default=text("'{}'"), comment="the counts of each entity"
    ),
    Column("quota_left", BigInteger, comment="calls left today, as the system said"),
    Column("dagster_run_id", Text),
    Column("message", Text),
    Column("error", Text),
    Index(None, "account", "source", "started_at"),
    comment="One row per sync with all its counts.",
)

intakes = Table(
    "intakes",
    metadata,
    _id(),
    _account(),
    Column("robaws_client_id", Text, comment="id of the chosen customer at its system"),
    Column(
        "customer_id",
        BigInteger,
        ForeignKey("customer_rows.id", ondelete="SET NULL"),
        comment="customers_cache.id",
    ),
    Column("customer_name", Text, nullable=False),
    Column("contact_email", Text),
    Column("contact_phone", Text),
    Column("role", Text, comment="the customer's role when it was taken in"),
    Column("note", Text),
    Column("created_by", Text, nullable=False),
    _instant("created_at", "", default=True),
    Index(None, "created_at"),
    comment="Intakes that office people write in the console.",
)

# --- ops: the machinery -----------------------------------------------------------------------------------------------

raw_pages = Table(
    "raw_pages",
    metadata,
    _id(),
    _account(),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False, comment="clients, contacts, contact, invoices, customers, ..."),
    Column("content_hash", LargeBinary, nullable=False, comment="blake2b-128 of the body as received"),
    Column("body", LargeBinary, nullable=False, comment="the answer's body, zstd"),
    Column("size", Integer, nullable=False, comment="bytes before compression"),
    _instant("first_seen_at", "", default=True),
    UniqueConstraint("account", "source", "stream", "content_hash"),
    schema="ops",
    comment="Every landed API answer, stored once per content.",
)

raw_scans = Table(
    "raw_scans",
    metadata,
    _id(),
    _account(),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="full, incremental, details or limited"),
    Column(
        "parameters",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="what the pages were asked with",
    ),
    Column(
        "status",
        Text,
        nullable=False,
        server_default=text("'running'"),
        comment="running, complete, incomplete or failed",
    ),
    _instant("started_at", "", default=True),
    _instant("finished_at", ""),
    Column("total_records", BigInteger, comment="what the system says there are"),
    Column("records", BigInteger, comment="records on the pages"),
    _instant("loaded_at", "the cache holds it"),
    Column("sync_run_id", BigInteger),
    Column("error", Text),
    Index(None, "account", "source", "stream", "id"),
    schema="ops",
    comment="Which scan of which stream saw which pages.",
)

raw_scan_pages = Table(
    "raw_scan_pages",
    metadata,
    Column("scan_id", BigInteger, ForeignKey("ops.raw_scans.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, comment="order of the page in the scan"),
    Column("page_id", BigInteger, ForeignKey("ops.raw_pages.id"), nullable=False),
    _instant("requested_at", "when the page was asked for", default=True),
    Index(None, "page_id"),
    schema="ops",
    comment="The pages of each scan, in their order.",
)

raw_details = Table(
    "raw_details",
    metadata,
    Column("account", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("stream", Text, primary_key=True, comment="client, contact, customer"),
    Column("source_id", Text, primary_key=True),
    Column(
        "wanted_version",
        Text,
        comment="version that the list showed; differs from landed_version: to be asked for",
    ),
    Column("landed_version", Text, comment="version the list showed when the detail was asked for"),
    Column(
        "page_id", BigInteger, ForeignKey("ops.raw_pages.id"), comment="the answer; null: none yet, or gone"
    ),
    _instant("requested_at", "when it was asked for"),
    _instant("gone_at", "when the system said that it does not exist"),
    _instant("failed_at", "when it could not be fetched last; such ones come after the others"),
    _instant("loaded_at", "the cache holds it"),
    Index(
        "raw_details_wanted_idx",
        "account",
        "source",
        "stream",
        postgresql_where=text("wanted_version is distinct from landed_version"),
    ),
    Index(
        "raw_details_pending_idx",
        "account",
        "source",
        "stream",
        postgresql_where=text("loaded_at is null and requested_at is not null"),
    ),
    Index(None, "page_id"),
    schema="ops",
    comment="Single records that were or are to be asked for by id, and the last answer.",
)

rejected_records = Table(
    "rejected_records",
    metadata,
    _id(),
    _account(),
    Column("source", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("source_id", Text, comment="when the record has one"),
    Column("record_hash", LargeBinary, nullable=False),
    Column("record", Text, nullable=False, comment="the record as received"),
    Column("reason", Text, nullable=False),
    Column("requested_at", INSTANT, comment="when its page was asked for"),
    Column("sync_run_id", BigInteger),
    _instant("first_seen_at", "", default=True),
    _instant("last_seen_at", "", default=True),
    _instant("resolved_at", "a later sync could map it, or its customer came in another shape"),
    UniqueConstraint("account", "source", "entity", "record_hash"),
    schema="ops",
    comment="Records that could not be mapped, with the reason; tried again by each sync.",
)

absences = Table(
    "absences",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("row_id", BigInteger, primary_key=True),
    Column("scan_id", BigInteger, nullable=False, comment="the complete scan that missed it first"),
    _instant("noticed_at", "", default=True),
    schema="ops",
    comment="Rows that the last complete scan missed and nobody confirmed as gone yet.",
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Text, primary_key=True, comment="the delivery's own id"),
    _account(),
    Column("source", Text, nullable=False, server_default=text("'robaws'")),
    Column("event", Text, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="as received"),
    Column("signed_at", INSTANT, nullable=False, comment="t of the signature"),
    _instant("received_at", "", default=True),
    Column(
        "status",
        Text,
        nullable=False,
        server_default=text("'waiting'"),
        comment="waiting, applied, ignored, stale or failed",
    ),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _instant("next_attempt_at", "failed: not before then; null: parked"),
    _instant("finished_at", ""),
    Column("duration_ms", Integer),
    Column("error", Text),
    Column("source_customer_id", Text),
    Index(
        "webhook_deliveries_waiting_idx",
        "received_at",
        postgresql_where=text("status in ('waiting', 'failed')"),
    ),
    Index(None, "received_at"),
    schema="ops",
    comment="Verified deliveries and what became of them.",
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("account", Text, primary_key=True),
    Column("source", Text, primary_key=True, server_default=text("'robaws'")),
    Column("id", Text, primary_key=True, comment="the endpoint's id at the system"),
    Column("url", Text, nullable=False, comment="where it delivers to"),
    Column("events", ARRAY(Text), nullable=False),
    Column("secret", Text, nullable=False, comment="secret; shown once, at registration"),
    _instant("registered_at", "", default=True),
    _instant("verified_at", "a delivery that we signed with its secret came back to us"),
    _instant("retired_at", "replaced or deleted; what is signed with its secret is taken for a day more"),
    schema="ops",
    comment="Webhook endpoints that we registered, with their signing secrets.",
)

webhook_refusals = Table(
    "webhook_refusals",
    metadata,
    _id(),
    Column("source", Text, nullable=False, server_default=text("'robaws'")),
    Column(
        "reason",
        Text,
        nullable=False,
        comment="missing, malformed, wrong, too_old, in_the_future, no_secret, too_large, too_slow, media_type, throttled",
    ),
    Column("address", Text, nullable=False, comment="where it came from"),
    Column("size", Integer, nullable=False, comment="bytes of the body, as far as it was read"),
    Column("body_hash", LargeBinary, comment="sha256 of the body; the body itself is not kept"),
    _instant("refused_at", "", default=True),
    Index(None, "refused_at"),
    schema="ops",
    comment="Deliveries that were not believed; the newest 10,000, for as long as raw pages are kept.",
)

extra_field_names = Table(
    "extra_field_names",
    metadata,
    Column("account", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("field_id", Text, primary_key=True),
    Column("name", Text, nullable=False, comment="the extra field's name"),
    _instant("learned_at", "", default=True),
    schema="ops",
    comment="Ids of extra fields with their names, as list pages and single records showed them.",
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("account", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("access_token", Text, nullable=False, comment="secret"),
    Column("fingerprint", Text, nullable=False, comment="hash of the grant it belongs to"),
    Column("expires_at", INSTANT, nullable=False),
    _instant("refreshed_at", "", default=True),
    schema="ops",
    comment="Zoho's access token, shared by all processes.",
)

field_edits = Table(
    "field_edits",
    metadata,
    _id(),
    Column("row_id", BigInteger, ForeignKey("customer_rows.id", ondelete="CASCADE"), nullable=False),
    Column("field", Text, nullable=False),
    Column("value", JSONB, comment="what the operator wrote"),
    Column("base_value", JSONB, comment="the source's value when it was written"),
    Column("edited_by", Text, nullable=False),
    _instant("edited_at", "", default=True),
    _instant("released_at", "the edit no longer holds"),
    Index(
        "field_edits_open_key", "row_id", "field", unique=True, postgresql_where=text("released_at is null")
    ),
    schema="ops",
    comment="Local edits, laid over the source record.",
)

sumit_links = Table(
    "sumit_links",
    metadata,
    _id(),
    _account(),
    Column(
        "row_id",
        BigInteger,
        ForeignKey("customer_rows.id", ondelete="CASCADE"),
        unique=True,
        comment="row of source sumit; null until SUMIT gave an id",
    ),
    Column(
        "origin_id",
        BigInteger,
        ForeignKey("customer_rows.id", ondelete="SET NULL"),
        unique=True,
        comment="row of another system that it was pushed from",
    ),
    Column("remote_id", Text, comment="SUMIT's id"),
    Column(
        "base",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="values last agreed with SUMIT, by column",
    ),
    Column("base_hash", LargeBinary, comment="16 bytes over base"),
    Column(
        "origin_values",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="values of the origin that base took into account",
    ),
    Column(
        "state",
        Text,
        nullable=False,
        server_default=text("'linked'"),
        comment="linked, wanted (to be created), creating (outcome unknown), failed, review (several match)",
    ),
    Column("last_error", Text),
    _instant("last_pushed_at", ""),
    _instant("last_pulled_at", "base last took something from SUMIT"),
    _instant("created_at", "", default=True),
    schema="ops",
    comment="Which cache row is which SUMIT customer, and what both sides last agreed on.",
)

sumit_conflicts = Table(
    "sumit_conflicts",
    metadata,
    _id(),
    Column("link_id", BigInteger, ForeignKey("ops.sumit_links.id", ondelete="CASCADE"), nullable=False),
    Column("field", Text, nullable=False),
    Column("base_value", JSONB),
    Column("local_value", JSONB),
    _instant("local_at", "when the local value was written"),
    Column("remote_value", JSONB),
    _instant("remote_at", "when a scan first saw the remote value"),
    Column("status", Text, nullable=False, server_default=text("'open'"), comment="open or resolved"),
    Column("resolution", Text, comment="local, remote, or equal; by policy or by somebody"),
    Column("resolved_by", Text, comment="who, or the policy"),
    _instant("created_at", "", default=True),
    _instant("resolved_at", ""),
    Index(
        "sumit_conflicts_open_key",
        "link_id",
        "field",
        unique=True,
        postgresql_where=text("status = 'open'"),
    ),
    schema="ops",
    comment="Fields that both sides changed: those that wait for a decision, and how the others were decided.",
)

push_results = Table(
    "push_results",
    metadata,
    _id(),
    _account(),
    Column("sync_run_id", BigInteger),
    Column("row_id", BigInteger, nullable=False, comment="customers_cache.id that was pushed"),
    Column("remote_id", Text, comment="SUMIT's id"),
    Column(
        "outcome",
        Text,
        nullable=False,
        comment="created, updated, adopted, failed, conflict, pending",
    ),
    Column("reason", Text),
    Column(
        "fields",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="what was sent: column -> [old, new]",
    ),
    _instant("pushed_at", "", default=True),
    Index(None, "row_id", "pushed_at"),
    Index(None, "sync_run_id"),
    schema="ops",
    comment="What became of each row of each push; failed ones are tried again by the next.",
)

identity_index = Table(
    "identity_index",
    metadata,
    Column("row_id", BigInteger, primary_key=True, autoincrement=False, comment="customers_cache.id"),
    Column("account", Text, nullable=False),
    Column("ref", Text, nullable=False, comment="system:id"),
    Column(
        "said", Text, nullable=False, comment="hash of the row and of the engine when it was resolved last"
    ),
    Column("customer_id", BigInteger, nullable=False, comment="customers.id that it was resolved to"),
    Column(
        "keys", ARRAY(Text), nullable=False, comment="what it is found by: phones, mailboxes, address, names"
    ),
    _instant("resolved_at", "", default=True),
    Index(None, "keys", postgresql_using="gin"),
    schema="ops",
    comment="Cache rows as they were resolved last, so that a sync resolves what changed alone.",
)

identity_edges = Table(
    "identity_edges",
    metadata,
    Column("account", Text, primary_key=True),
    Column("one_ref", Text, primary_key=True),
    Column("other_ref", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("weight", Numeric(6, 2), nullable=False),
    Column("parts", JSONB, nullable=False, server_default=text("'[]'")),
    schema="ops",
    comment="The evidence by which cache rows were joined to customers; it connects all rows of each.",
)

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True, comment="lower case"),
    Column("password_hash", Text, nullable=False, comment="argon2"),
    Column("role", Text, nullable=False, comment="viewer, editor or admin"),
    _instant("created_at", "", default=True),
    _instant("last_login_at", ""),
    schema="ops",
    comment="People who may use the console.",
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True, comment="sha256 of the cookie"),
    Column("user_name", Text, ForeignKey("ops.users.name", ondelete="CASCADE"), nullable=False),
    Column("csrf", Text, nullable=False, comment="what every form must bring along"),
    _instant("created_at", "", default=True),
    Column("expires_at", INSTANT, nullable=False),
    schema="ops",
    comment="Logins of the console.",
)

audit_log = Table(
    "audit_log",
    metadata,
    _id(),
    _instant("at", "", default=True),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False, comment="what it was done to, such as customer 17"),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
    Index(None, "at"),
    schema="ops",
    comment="What people did, and to what.",
)

role_overrides = Table(
    "role_overrides",
    metadata,
    Column("name_contains", Text, primary_key=True, comment="part of the name, any case"),
    Column("role", Text, nullable=False),
    schema="ops",
    comment="Roles by name, laid over what the source says.",
)

database_marks = Table(
    "database_marks",
    metadata,
    Column("mark", Text, primary_key=True),
    Column("value", Text, nullable=False),
    schema="ops",
    comment="What is known of this database: whether its data is made up, which files were imported.",
)
