"""The assets: thin adapters. Each opens the stack, calls one verb of `pipeline`, and reports counts.

Here belongs what Dagster needs to know of a step; what a step does belongs to `pipeline`.
"""

import warnings

import dagster as dg

# single-run backfills are marked beta; the pin on dagster's minor release is what keeps them still
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from customer_assets.assets.cache import customers_cache, invoices_cache, sync_outcome, webhook_deliveries  # noqa: E402
from customer_assets.assets.derived import customers, payment_reminders  # noqa: E402
from customer_assets.assets.legacy import legacy_invoices, migrated_customers, relinked_invoices  # noqa: E402
from customer_assets.assets.push import sumit_push  # noqa: E402
from customer_assets.assets.raw import (  # noqa: E402
    raw_robaws_client_pages,
    raw_sumit_customer_pages,
    raw_zoho_contact_pages,
    raw_zoho_invoice_pages,
)

ASSETS = [
    raw_robaws_client_pages,
    raw_zoho_contact_pages,
    raw_zoho_invoice_pages,
    raw_sumit_customer_pages,
    customers_cache,
    invoices_cache,
    legacy_invoices,
    migrated_customers,
    relinked_invoices,
    customers,
    payment_reminders,
    sumit_push,
]
EXTERNAL_ASSETS = [webhook_deliveries]
OUTCOME = sync_outcome
