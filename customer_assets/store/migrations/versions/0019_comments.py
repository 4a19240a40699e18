"""Every column that analysts see says what it is; the texts stand in `store/schema`, and every migration brings them.

Revision ID: 0019
Revises: 0018
"""

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing but the comments, which follow by themselves."""
