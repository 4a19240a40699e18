"""Changes, contacts, aliases and reasons say of which account they are, as every other table that analysts read.

What older processes write while they still run says `default`; where there are several accounts, stop them first.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# table -> (the table that knows the account, how to find its row)
OWNERS = {
    "customer_changes": ("customer_rows", "o.id = t.cache_id"),
    "customer_contacts": ("customers", "o.id = t.golden_id"),
    "customer_aliases": ("customers", "o.id = t.golden_id"),
    "invoice_reminder_state": ("invoice_rows", "o.id = t.invoice_id"),
}


def upgrade() -> None:
    for table, (owner, condition) in OWNERS.items():
        op.execute(f"alter table {table} add column account text not null default 'default'")  # rewrites nothing
        op.execute(
            f"update {table} t set account = o.account from {owner} o where {condition} and o.account <> 'default'"
        )
