"""Schema `ops`, the console: who comes in, and what people keep, note and did."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from customer_assets.store.schema.base import INSTANT, id_column, instant, metadata

access_tokens = Table(
    "access_tokens",
    metadata,
    Column(
        "owner", Text, comment="the user whose it is: it may no more than that one, and nothing without; null: nobody's"
    ),
    Column("name", Text, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("role", Text, nullable=False, comment="viewer reads; editor says what became of reminders, too"),
    instant("created_at", "", default=True),
    instant("expires_at", "null: never"),
    instant("last_used_at", ""),
    schema="ops",
    comment="Named tokens of the JSON API; only their hashes are kept.",
)

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True, comment="lower case"),
    Column("password_hash", Text, nullable=False, comment="argon2"),
    Column("role", Text, nullable=False, comment="viewer, editor or admin"),
    instant("created_at", "", default=True),
    instant("last_login_at", ""),
    instant("disabled_at", "since when this user cannot log in"),
    Column("totp_secret", Text, comment="of their authenticator; null: a password is enough"),
    Column("totp_step", BigInteger, comment="of the last code that was taken: none is taken twice"),
    Column("provider_subject", Text, comment="issuer and subject of who logs in by OpenID Connect; null: by password"),
    Index("users_provider_subject_key", "provider_subject", unique=True),
    schema="ops",
    comment="People who may use the console.",
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True, comment="sha256 of the cookie"),
    Column("user_name", Text, ForeignKey("ops.users.name", ondelete="CASCADE"), nullable=False),
    Column("csrf", Text, nullable=False, comment="what every form must bring along"),
    instant("created_at", "", default=True),
    Column("expires_at", INSTANT, nullable=False),
    schema="ops",
    comment="Logins of the console.",
)

console_views = Table(
    "console_views",
    metadata,
    id_column(),
    Column("owner", Text, nullable=False),
    Column("list", Text, nullable=False, comment="path of the list"),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False, comment="as it stands in its address"),
    Column("is_shared", Boolean, nullable=False, server_default=text("false"), comment="everybody sees it"),
    instant("created_at", "", default=True),
    UniqueConstraint("owner", "list", "name"),
    schema="ops",
    comment="Filters, order and columns of a list of the console, kept under a name.",
)

sent_forms = Table(
    "sent_forms",
    metadata,
    Column("key", Text, primary_key=True),
    instant("sent_at", "", default=True),
    schema="ops",
    comment="Forms of the console that were sent: the same one a second time does nothing.",
)

notes = Table(
    "notes",
    metadata,
    id_column(),
    Column(
        "golden_id",
        BigInteger,
        nullable=False,
        comment="of customers; one that was merged is found by its aliases",
    ),
    Column("body", Text, nullable=False),
    Column("written_by", Text, nullable=False),
    instant("written_at", "", default=True),
    Index(None, "golden_id"),
    schema="ops",
    comment="What office people note of a customer.",
)

audit_log = Table(
    "audit_log",
    metadata,
    id_column(),
    instant("at", "", default=True),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False, comment="what it was done to, such as customer 17"),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
    Index(None, "at"),
    schema="ops",
    comment="What people did, and to what.",
)
