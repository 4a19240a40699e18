"""When the creation of a customer in SUMIT was first tried: who was there before is not what it made.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table ops.sumit_links add column attempted_at timestamptz")
