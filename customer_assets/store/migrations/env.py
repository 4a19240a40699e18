"""Alembic's environment: one connection, given by `store.upgrade`."""

from __future__ import annotations

from alembic import context

from customer_assets.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema="public",
    include_schemas=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
