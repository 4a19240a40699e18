"""Schema `ops`, what goes out: who subscribed to changes of customers, and what they are told."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from customer_assets.store.schema.base import INSTANT, id_column, instant, metadata

subscriptions = Table(
    "subscriptions",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False, comment="where messages are posted"),
    Column("secret", Text, nullable=False, comment="whsec_..., with which they are signed"),
    Column("events", ARRAY(Text), nullable=False, comment="customer.created, .updated, .merged, .deleted"),
    Column("created_by", Text, nullable=False),
    instant("created_at", "", default=True),
    instant("disabled_at", "gets nothing since then"),
    Column("disabled_because", Text),
    UniqueConstraint("name"),
    schema="ops",
    comment="Other systems that are told of changed customers.",
)

outgoing_messages = Table(
    "outgoing_messages",
    metadata,
    id_column(),
    Column(
        "message_id",
        Text,
        nullable=False,
        server_default=text("('msg_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text))"),
        comment="webhook-id: the same at every try, so that who gets it twice knows",
    ),
    Column(
        "subscription_id",
        BigInteger,
        ForeignKey("ops.subscriptions.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("customer_id", BigInteger, nullable=False, comment="of customers"),
    Column("event", Text, nullable=False),
    Column("body", Text, nullable=False, comment="as it is sent"),
    instant("created_at", "", default=True),
    Column("status", Text, nullable=False, server_default=text("'waiting'"), comment="waiting, sent or failed"),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", INSTANT, nullable=False, server_default=text("now()"), comment="waiting: not before then"),
    Column("answer", Integer, comment="HTTP status of the last try"),
    Column("error", Text, comment="of the last try"),
    instant("sent_at", ""),
    Index(
        "outgoing_messages_waiting_idx",
        "subscription_id",
        "id",
        postgresql_where=text("status = 'waiting'"),
    ),
    Index("outgoing_messages_failed_idx", "id", postgresql_where=text("status = 'failed'")),
    Index(None, "customer_id"),
    schema="ops",
    comment="What subscribers are told, and what became of it.",
)
