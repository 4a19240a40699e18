"""The systems: the one list. Adding one is a folder beside this file and its name here."""

from __future__ import annotations

from customer_assets.sources import robaws, sumit, zoho
from customer_assets.sources.system import Stream, System

SYSTEMS: dict[str, System] = {system.name: system for system in (robaws.SYSTEM, zoho.SYSTEM, sumit.SYSTEM)}
INVOICE = "invoice"  # the source of customers that only old invoices know
LAST = 1000  # the rank of those, and of rows of a system that is not there any more


def rank_of(source: str) -> int:
    """Whose row stands for a customer that several have: the smallest first."""
    return SYSTEMS[source].rank if source in SYSTEMS else LAST


def streams_of(entity: str) -> list[tuple[System, Stream]]:
    """The streams of an entity, system by system."""
    return [
        (system, stream)
        for system in SYSTEMS.values()
        for stream in system.streams
        if stream.entity == entity
    ]
