"""SUMIT: customers, read and written. Facts: docs/systems/sumit.md."""

from customer_assets.sources.sumit.client import Sumit, open_detail, open_page
from customer_assets.sources.sumit.mapping import (
    PROPERTIES,
    as_sumit_customer,
    sumit_mapping,
    sumit_writes,
)
from customer_assets.sources.sumit.settings import SumitSettings
from customer_assets.sources.sumit.writes import SumitWriter
from customer_assets.sources.system import Pushes, Stream, System

PAGE_SIZE = 1000

SYSTEM = System(
    name="sumit",
    label="SUMIT",
    settings=SumitSettings,
    credentials=("company_id", "api_key"),
    streams=(
        Stream(
            name="customers",
            entity="customers",
            asset="raw_sumit_customer_pages",
            description="SUMIT customers as its API gives them, in either dialect.",
            open=open_page,
            mapping=lambda settings: sumit_mapping(
                dialect=settings.dialect, absent=settings.absent, builtin_names=settings.builtin_names
            ),
            detail="customer",
            open_detail=open_detail,
            resumable=False,
            tolerates_duplicates=False,
        ),
    ),
    client=lambda settings, _tokens, size: Sumit(settings, page_size=size),
    largest_page=PAGE_SIZE,
    rank=2,
    unproven_countries=frozenset({"IL"}),  # the default of its records (docs/systems/sumit.md#fields)
    owner_note="What you write here is pushed to SUMIT by the next bidirectional sync. Where SUMIT changed the same field "
    "meanwhile, the policy decides.",
    pushes=Pushes(
        client=SumitWriter,
        keys=lambda settings: sumit_writes(settings.dialect),
        as_customer=lambda row, settings: as_sumit_customer(row, name_from=settings.name_from),
        searched_by=lambda _settings: PROPERTIES,
        insert_defaults={"country": "IL", "is_active": True},
    ),
)
