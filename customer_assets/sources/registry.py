"""Which systems there are, what streams they have, and how each is opened and mapped. One entry per system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from customer_assets.accounts import System
from customer_assets.domain.cache.mapping import RecordMapping
from customer_assets.domain.systems import ROBAWS_CLIENT, ZOHO_CONTACT, ZOHO_INVOICE, sumit_mapping
from customer_assets.sources import robaws, sumit, zoho
from customer_assets.sources.base import Envelope, Source, TokenStore


@dataclass(frozen=True)
class Stream:
    """One list of one system.

    Attributes:
        name: its name in the raw tables.
        entity: what its records are: customers or invoices.
        open: body of a list page -> its records.
        mapping: settings -> how a record becomes a row.
        detail: name of the stream of single records, None where there is none.
        open_detail: body of a single record -> it.
        wants_details: every new or changed record is asked for by id, too.
        refers_to: key that names the customer, for invoices.
        resumable: a cut scan can go on where it stopped.
        is_counted: the system says how many records there are.
        tolerates_duplicates: a record seen twice does not make a scan doubtful.
    """

    name: str
    entity: str
    open: Callable[[bytes], Envelope]
    mapping: Callable[[Any], RecordMapping]
    detail: str | None = None
    open_detail: Callable[[bytes], Envelope] | None = None
    wants_details: bool = False
    refers_to: str | None = None
    resumable: bool = True
    is_counted: bool = False
    tolerates_duplicates: bool = True


@dataclass(frozen=True)
class SystemSpec:
    """One system: its streams, customers first, and how a client is made."""

    name: System
    streams: tuple[Stream, ...]
    client: Callable[[Any, TokenStore, int | None], Source]
    largest_page: int

    def stream(self, entity: str) -> Stream:
        """The stream of an entity."""
        return next(stream for stream in self.streams if stream.entity == entity)


SPECS: Mapping[str, SystemSpec] = {
    spec.name: spec
    for spec in (
        SystemSpec(
            "robaws",
            (
                Stream(
                    "clients", "customers", robaws.open_list,
                    lambda settings: ROBAWS_CLIENT.with_extra_fields(
                        settings.extra_fields, settings.extra_field_ids
                    ).reading_absent_as(settings.absent_in_scan),
                    detail="client", open_detail=robaws.open_client, is_counted=True,
                ),
            ),
            lambda settings, _tokens, size: robaws.Robaws(settings, page_size=size or robaws.PAGE_SIZE),
            robaws.PAGE_SIZE,
        ),
        SystemSpec(
            "zoho",
            (
                Stream(
                    "contacts", "customers", lambda body: zoho.open_list("contacts", body), lambda _settings: ZOHO_CONTACT,
                    detail="contact", open_detail=zoho.open_contact, wants_details=True,
                ),
                Stream(
                    "invoices", "invoices", lambda body: zoho.open_list("invoices", body), lambda _settings: ZOHO_INVOICE,
                    refers_to="customer_id",
                ),
            ),
            lambda settings, tokens, size: zoho.Zoho(settings, tokens, page_size=size or zoho.PAGE_SIZE),
            zoho.PAGE_SIZE,
        ),
        SystemSpec(
            "sumit",
            (
                Stream(
                    "customers", "customers", sumit.open_page,
                    lambda settings: sumit_mapping(
                        dialect=settings.dialect, absent=settings.absent, builtin_names=settings.builtin_names
                    ),
                    detail="customer", open_detail=sumit.open_detail,
                    resumable=False, tolerates_duplicates=False,
                ),
            ),
            lambda settings, _tokens, size: sumit.Sumit(settings, page_size=size),
            1000,
        ),
    )
}  # fmt: skip
