"""The `customers` step alone, of the database that DATABASE_URL names; prints what it did as JSON."""

from __future__ import annotations

import json
import os
import sys

from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.settings import Settings

if __name__ == "__main__":
    result = resolve_customers(Context(os.environ["DATABASE_URL"], Settings()))
    sys.stdout.write(json.dumps({"compared": result.compared, "customers": result.customers}))
