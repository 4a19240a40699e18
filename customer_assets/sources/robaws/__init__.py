"""Robaws, the ERP: clients, and webhooks that tell of their changes. Facts: docs/systems/robaws.md."""

from customer_assets.sources.robaws.client import PAGE_SIZE, Robaws, open_client, open_list
from customer_assets.sources.robaws.mapping import of_deliveries, of_pages
from customer_assets.sources.robaws.settings import RobawsSettings
from customer_assets.sources.robaws.webhooks import RobawsWebhooks
from customer_assets.sources.system import ScanPolicy, Stream, System, Webhooks

SYSTEM = System(
    name="robaws",
    label="Robaws",
    settings=RobawsSettings,
    credentials=("api_key", "api_secret"),
    streams=(
        Stream(
            name="clients",
            entity="customers",
            asset="raw_robaws_client_pages",
            description="Robaws clients as its API gives them: list pages, and single records asked for by id.",
            open=open_list,
            mapping=of_pages,
            policy=lambda settings: ScanPolicy(asks_for_changes=settings.incremental == "try"),
            detail="client",
            open_detail=open_client,
            is_counted=True,
        ),
    ),
    client=lambda settings, _tokens, size: Robaws(settings, page_size=size or PAGE_SIZE),
    largest_page=PAGE_SIZE,
    rank=0,
    owner_note="Robaws owns these fields. What you write here lies over them until it is given up; a sync never "
    "overwrites it, and Robaws never sees it.",
    webhooks=Webhooks(client=RobawsWebhooks, mapping=of_deliveries, secrets=lambda settings: settings.webhook_secrets),
)
