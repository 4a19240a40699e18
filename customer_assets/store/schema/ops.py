"""Schema `ops`: the machinery."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from customer_assets.store.schema.base import INSTANT, account, id_column, instant, metadata

raw_pages = Table(
    "raw_pages",
    metadata,
    id_column(),
    account(),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False, comment="clients, contacts, contact, invoices, customers, ..."),
    Column("content_hash", LargeBinary, nullable=False, comment="blake2b-128 of the body as received"),
    Column(
        "body",
        LargeBinary,
        nullable=False,
        comment="the answer's body, zstd; with a base, that one's body is its dictionary",
    ),
    Column(
        "base_id",
        BigInteger,
        ForeignKey("ops.raw_pages.id"),
        comment="the page before it in its place, which its body is compressed against; null: none",
    ),
    Column("size", Integer, nullable=False, comment="bytes before compression"),
    Column("ids", ARRAY(Text), comment="ids of its records; null: not known, or some cannot be read"),
    Column("record_hashes", LargeBinary, comment="8 bytes of each record as received, in the order of the ids"),
    instant("first_seen_at", "", default=True),
    UniqueConstraint("account", "source", "stream", "content_hash"),
    Index(None, "base_id", postgresql_where=text("base_id is not null")),
    schema="ops",
    comment="Every landed API answer, stored once per content.",
)

raw_scans = Table(
    "raw_scans",
    metadata,
    id_column(),
    account(),
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
    instant("started_at", "", default=True),
    instant("finished_at", ""),
    Column("total_records", BigInteger, comment="what the system says there are"),
    Column("records", BigInteger, comment="records on the pages"),
    instant("loaded_at", "the cache holds it"),
    Column("sync_run_id", BigInteger),
    Column("error", Text),
    Column(
        "settled_salt",
        LargeBinary,
        comment="hash of the mapping under which its settled pages were loaded; null: none is to be trusted",
    ),
    Column("gate_scan_id", BigInteger, comment="the loaded scan whose settled pages were not opened again"),
    Column("gate_upto", BigInteger, comment="newest entry of ops.unsettled_rows that was known when it began"),
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
    instant("requested_at", "when the page was asked for", default=True),
    Column(
        "settled",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="the cache holds each of its records as it stands there",
    ),
    Index(None, "page_id"),
    schema="ops",
    comment="The pages of each scan, in their order.",
)

raw_scan_chunks = Table(
    "raw_scan_chunks",
    metadata,
    Column("scan_id", BigInteger, ForeignKey("ops.raw_scans.id", ondelete="CASCADE"), primary_key=True),
    Column("first_position", Integer, primary_key=True, comment="the smallest of the positions"),
    Column("positions", ARRAY(Integer), nullable=False, comment="order of the pages in the scan"),
    Column("page_ids", ARRAY(BigInteger), nullable=False, comment="raw_pages.id of each"),
    Column("requested_at", ARRAY(INSTANT), nullable=False, comment="when each was asked for"),
    schema="ops",
    comment="Pages that a scan found as the loaded scan before it left them: some at a time, not opened again.",
)

live_runs = Table(
    "live_runs",
    metadata,
    Column("run_id", Text, primary_key=True, comment="of a Dagster run of this installation"),
    instant("since", "when it first held its lock", default=True),
    schema="ops",
    comment="Dagster runs that hold, or held, a lock for their whole life: one without it is lost, and closed as failed.",
)

derivations = Table(
    "derivations",
    metadata,
    Column("account", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("rules", Text, nullable=False, comment="version of the rules, and what the account's settings say"),
    Column("role_overrides", Text, comment="the list of role overrides that its rows show; null: not known"),
    schema="ops",
    comment="By which rules the derived columns of an account's rows were worked out; by others, they are once more.",
)

row_mappings = Table(
    "row_mappings",
    metadata,
    Column("account", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("entity", Text, primary_key=True, comment="customers or invoices"),
    Column("salt", LargeBinary, comment="hash of the mapping; null: in doubt"),
    Column("rest", LargeBinary, comment="hash of what decides which keys go to metadata; null: in doubt"),
    schema="ops",
    comment="By which mapping the stored records of a source were read: by another, they are read once more.",
)

postponed_indexes = Table(
    "postponed_indexes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("table_name", Text, nullable=False, comment="whose index"),
    Column("definition", Text, nullable=False, comment="statement that builds it"),
    schema="ops",
    comment="Indexes that a first load dropped, to be built when it is done, or by the next one.",
)

erasures = Table(
    "erasures",
    metadata,
    Column("account", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("source_id", Text, primary_key=True, comment="its id at the system; nothing else is kept"),
    instant("erased_at", "", default=True),
    Column("erased_by", Text, nullable=False),
    schema="ops",
    comment="Records that were erased, as a person may ask: no sync and no delivery takes them in again.",
)

set_back_rows = Table(
    "set_back_rows",
    metadata,
    Column("entity", Text, primary_key=True, comment="customers or invoices"),
    Column("account", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("scan_id", BigInteger, nullable=False, comment="the scan that showed it so"),
    schema="ops",
    comment="Records that the last complete scan showed older than they are stored: a second one in a row is believed.",
)

unsettled_rows = Table(
    "unsettled_rows",
    metadata,
    id_column(),
    Column("entity", Text, nullable=False, comment="customers or invoices"),
    Column("account", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Index(None, "entity", "account", "source"),
    schema="ops",
    comment="Cache rows that anything but a complete scan wrote since: the pages that hold them are opened again.",
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
    Column("page_id", BigInteger, ForeignKey("ops.raw_pages.id"), comment="the answer; null: none yet, or gone"),
    instant("requested_at", "when it was asked for"),
    instant("gone_at", "when the system said that it does not exist"),
    instant("failed_at", "when it could not be fetched last; such ones come after the others"),
    instant("loaded_at", "the cache holds it"),
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
    id_column(),
    account(),
    Column("source", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("source_id", Text, comment="when the record has one"),
    Column("record_hash", LargeBinary, nullable=False),
    Column("record", Text, nullable=False, comment="the record as received"),
    Column("reason", Text, nullable=False),
    Column("requested_at", INSTANT, comment="when its page was asked for"),
    Column("sync_run_id", BigInteger),
    instant("first_seen_at", "", default=True),
    instant("last_seen_at", "", default=True),
    instant("resolved_at", "a later sync could map it, or its customer came in another shape"),
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
    instant("noticed_at", "", default=True),
    schema="ops",
    comment="Rows that the last complete scan missed and nobody confirmed as gone yet.",
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Text, primary_key=True, comment="the delivery's own id"),
    account(),
    Column("source", Text, nullable=False, server_default=text("'robaws'")),
    Column("event", Text, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="as received"),
    Column("signed_at", INSTANT, nullable=False, comment="t of the signature"),
    instant("received_at", "", default=True),
    Column(
        "status",
        Text,
        nullable=False,
        server_default=text("'waiting'"),
        comment="waiting, applied, ignored, stale or failed",
    ),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant("next_attempt_at", "failed: not before then; null: parked"),
    instant("finished_at", ""),
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
    instant("registered_at", "", default=True),
    instant("verified_at", "a delivery that we signed with its secret came back to us"),
    instant("retired_at", "replaced or deleted; what is signed with its secret is taken for a day more"),
    schema="ops",
    comment="Webhook endpoints that we registered, with their signing secrets.",
)

webhook_refusals = Table(
    "webhook_refusals",
    metadata,
    id_column(),
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
    instant("refused_at", "", default=True),
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
    instant("learned_at", "", default=True),
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
    instant("refreshed_at", "", default=True),
    schema="ops",
    comment="Zoho's access token, shared by all processes.",
)

field_edits = Table(
    "field_edits",
    metadata,
    id_column(),
    Column("row_id", BigInteger, ForeignKey("customer_rows.id", ondelete="CASCADE"), nullable=False),
    Column("field", Text, nullable=False),
    Column("value", JSONB, comment="what the operator wrote"),
    Column("base_value", JSONB, comment="the source's value when it was written"),
    Column("edited_by", Text, nullable=False),
    instant("edited_at", "", default=True),
    instant("released_at", "the edit no longer holds"),
    Index("field_edits_open_key", "row_id", "field", unique=True, postgresql_where=text("released_at is null")),
    Index(None, "row_id", "field", "id"),
    schema="ops",
    comment="Local edits, laid over the source record.",
)

sumit_links = Table(
    "sumit_links",
    metadata,
    id_column(),
    account(),
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
        comment="values last agreed with SUMIT, by column; while it is created, those that were sent",
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
    instant("attempted_at", "the first call that was to create it, and that may have"),
    instant("last_pushed_at", ""),
    instant("last_pulled_at", "base last took something from SUMIT"),
    instant("created_at", "", default=True),
    schema="ops",
    comment="Which cache row is which SUMIT customer, and what both sides last agreed on.",
)

sumit_conflicts = Table(
    "sumit_conflicts",
    metadata,
    id_column(),
    Column("link_id", BigInteger, ForeignKey("ops.sumit_links.id", ondelete="CASCADE"), nullable=False),
    Column("field", Text, nullable=False),
    Column("base_value", JSONB),
    Column("local_value", JSONB),
    instant("local_at", "when the local value was written"),
    Column("remote_value", JSONB),
    instant("remote_at", "when a scan first saw the remote value"),
    Column("status", Text, nullable=False, server_default=text("'open'"), comment="open or resolved"),
    Column("resolution", Text, comment="local, remote, or equal; by policy or by somebody"),
    Column("resolved_by", Text, comment="who, or the policy"),
    instant("created_at", "", default=True),
    instant("resolved_at", ""),
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
    id_column(),
    account(),
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
    instant("pushed_at", "", default=True),
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
    Column("said", Text, nullable=False, comment="hash of the row and of the engine when it was resolved last"),
    Column("golden_id", BigInteger, nullable=False, comment="customers.id that it was resolved to"),
    Column("keys", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="of programs before 0018"),
    instant("resolved_at", "", default=True),
    Column(
        "key_hashes",
        ARRAY(BigInteger),
        nullable=False,
        server_default=text("'{}'"),
        comment="what it is found by, as numbers: phones, mailboxes, addresses, names (domain/identity/key_hashes.py)",
    ),
    Column("name_hash", BigInteger, comment="its name, as a number"),
    Index(None, "keys", postgresql_using="gin"),
    Index(None, "key_hashes", postgresql_using="gin"),
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

dagster_reports = Table(
    "dagster_reports",
    metadata,
    id_column(),
    Column("description", Text, nullable=False, comment="what was done"),
    Column(
        "metadata",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="asset -> counts; one materialization each",
    ),
    Column(
        "months",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'"),
        comment="read by the release before alone; to go with the next one",
    ),
    instant("created_at", "", default=True),
    schema="ops",
    comment="Outbox: work that no Dagster run did, until Dagster is told of it.",
)
