"""Schema metadata: every table, with the comments that docs/tables.md and Dagster's column schemas show.

Views stand in `store/views/*.sql`. Tests compare this metadata, and the views, with what the migrations build.
"""

from customer_assets.store.schema import console, ops, outgoing, public
from customer_assets.store.schema.base import metadata

__all__ = ["console", "metadata", "ops", "outgoing", "public"]
