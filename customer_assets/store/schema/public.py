"""Schema `public`: what analysts read. Comments stand in docs/tables.md, in Dagster, and in the database."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from customer_assets.domain.cache.columns import CUSTOMER_COLUMNS, INVOICE_COLUMNS, SURVIVING
from customer_assets.store.schema.base import (
    account,
    declared,
    id_column,
    instant,
    metadata,
    texts,
)

customers = Table(
    "customers",
    metadata,
    id_column(),
    account(),
    *(
        Column(
            c.golden_name, Text, nullable=c.blank is None, comment=c.blank and f"surviving {c.golden_name}"
        )
        for c in SURVIVING
    ),
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
    instant("created_at", "first resolved", default=True),
    instant("updated_at", "a surviving field changed", default=True),
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
    instant("merged_at", "", default=True),
    Index(None, "customer_id"),
    comment="Ids of customers that turned out to be one with another.",
)

match_reviews = Table(
    "match_reviews",
    metadata,
    id_column(),
    account(),
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
    instant("decided_at", ""),
    instant("created_at", "", default=True),
    UniqueConstraint("account", "one_ref", "other_ref"),
    comment="Pairs of records that may be one customer, and what people decided of pairs.",
)

customer_rows = Table(
    "customer_rows",
    metadata,
    id_column(),
    account(),
    Column("source", Text, nullable=False, comment="robaws, zoho, sumit or invoice"),
    Column("source_customer_id", Text, nullable=False, comment="the system's own id"),
    *declared(CUSTOMER_COLUMNS),
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
    instant("source_modified_at", "the source's time of this version; our request time where it gives none"),
    Column(
        "source_time_given",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="source_modified_at is the source's own",
    ),
    instant("deleted_at", "found gone at the source; the row stays"),
    instant("last_seen_at", "last sight by id, delivery or changed incremental row"),
    instant("created_at", "first stored", default=True),
    instant("updated_at", "a column changed", default=True),
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
    id_column(),
    account(),
    Column("source", Text, nullable=False, comment="zoho"),
    Column("source_invoice_id", Text, nullable=False, comment="the system's own id"),
    Column(
        "customer_id",
        BigInteger,
        ForeignKey("customer_rows.id", ondelete="SET NULL"),
        comment="its customer in the cache",
    ),
    *declared(INVOICE_COLUMNS),
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
    instant("source_modified_at", "the source's time of this version; our request time where it gives none"),
    Column(
        "source_time_given",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="source_modified_at is the source's own",
    ),
    instant("deleted_at", "found gone at the source; the row stays"),
    instant("last_seen_at", "last sight by id or changed incremental row"),
    instant("created_at", "first stored", default=True),
    instant("updated_at", "a column changed", default=True),
    UniqueConstraint("account", "source", "source_invoice_id"),
    Index(None, "customer_id"),
    Index(None, "account", "source", "source_customer_id"),
    Index(None, "due_date"),
    comment="Base table of invoices_cache: one row per invoice of a system. No customer fields: join them.",
)

legacy_invoices = Table(
    "legacy_invoices",
    metadata,
    id_column(),
    account(),
    Column("source_invoice_id", Text, nullable=False),
    *texts("source_system", "source_customer_id", "customer_name", "customer_phone", "customer_email"),
    *texts("customer_vat_number", "customer_address", "customer_country", "invoice_number"),
    Column("invoice_date", Date),
    Column("due_date", Date),
    Column("total", Numeric(18, 2)),
    Column("balance", Numeric(18, 2)),
    *texts("currency_code", "status"),
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
    instant("imported_at", "first imported", default=True),
    instant("updated_at", "content or link changed", default=True),
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
    instant("updated_at", "last change", default=True),
    comment="When reminders are due, per account.",
)

payment_reminders = Table(
    "payment_reminders",
    metadata,
    id_column(),
    account(),
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
    instant("created_at", "first planned", default=True),
    instant("updated_at", "last change", default=True),
    UniqueConstraint("invoice_id", "scheduled_date"),
    Index(None, "customer_id"),
    Index(None, "status", "scheduled_date"),
    comment="Payment reminders: one per invoice and date.",
)

customer_changes = Table(
    "customer_changes",
    metadata,
    id_column(),
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
    instant("changed_at", "when it was stored", default=True),
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
    instant("watermark", "incremental pulls ask for changes since then"),
    instant("last_full_started_at", "start of the last complete scan that is loaded"),
    instant("last_full_at", "end of the last complete scan that is loaded"),
    instant("last_incremental_at", "end of the last incremental pull that is loaded"),
    Column("last_full_rows", BigInteger, comment="distinct ids of the last complete scan"),
    Column("last_status", Text),
    Column("last_counts", JSONB),
    instant("updated_at", "last change", default=True),
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
    id_column(),
    account(),
    Column("source", Text, nullable=False),
    Column(
        "kind",
        Text,
        nullable=False,
        comment="full, incremental, limited, single, rebuild, push; dry (undone, but its calls count), refused (lock taken), job (failed before any sync)",
    ),
    Column("trigger", Text, nullable=False, comment="cli, dagster, web"),
    Column("status", Text, nullable=False, comment="running, ok, partial or failed"),
    instant("started_at", "", default=True),
    instant("finished_at", "null while it runs"),
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
    id_column(),
    account(),
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
    instant("created_at", "", default=True),
    Index(None, "created_at"),
    comment="Intakes that office people write in the console.",
)
