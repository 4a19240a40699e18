"""Zoho Books: contacts and invoices. Facts: docs/systems/zoho.md."""

from datetime import timedelta
from functools import partial

from customer_assets.sources.system import ScanPolicy, Stream, System
from customer_assets.sources.zoho.client import PAGE_SIZE, Zoho, open_detail, open_list
from customer_assets.sources.zoho.mapping import ZOHO_CONTACT, ZOHO_INVOICE
from customer_assets.sources.zoho.settings import ZohoSettings


def _policy(settings: ZohoSettings, *, always: bool) -> ScanPolicy:
    """The filter by time is documented for invoices alone; for contacts it is tried."""
    return ScanPolicy(
        asks_for_changes=always or settings.modified_since == "try",
        full_scan_every=timedelta(days=settings.full_scan_days),
        overlap=timedelta(seconds=settings.overlap_seconds),
        detail_budget=settings.detail_budget,
    )


SYSTEM = System(
    name="zoho",
    label="Zoho Books",
    settings=ZohoSettings,
    credentials=("client_id", "client_secret", "refresh_token", "organization_id"),
    streams=(
        Stream(
            name="contacts",
            entity="customers",
            asset="raw_zoho_contact_pages",
            description="Zoho Books contacts as its API gives them: list pages, and the details of new and changed ones.",
            open=partial(open_list, "contacts"),
            mapping=lambda _settings: ZOHO_CONTACT,
            policy=partial(_policy, always=False),
            detail="contact",
            open_detail=partial(open_detail, "contact"),
            wants_details=True,
        ),
        Stream(
            name="invoices",
            entity="invoices",
            asset="raw_zoho_invoice_pages",
            description="Zoho Books invoices of every status as its API gives them.",
            open=partial(open_list, "invoices"),
            mapping=lambda _settings: ZOHO_INVOICE,
            policy=partial(_policy, always=True),
            detail="invoice",
            open_detail=partial(open_detail, "invoice"),
            refers_to="customer_id",
        ),
    ),
    client=lambda settings, tokens, size: Zoho(settings, tokens, page_size=size or PAGE_SIZE),
    largest_page=PAGE_SIZE,
    rank=1,
    owner_note="Zoho Books owns these fields. What you write here lies over them until it is given up; Zoho never sees it.",
)
