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
    return [(system, stream) for system in SYSTEMS.values() for stream in system.streams if stream.entity == entity]


def with_pushes() -> list[System]:
    """The systems that take pushes."""
    return [system for system in SYSTEMS.values() if system.pushes is not None]


def with_webhooks() -> list[System]:
    """The systems that tell of changes by themselves."""
    return [system for system in SYSTEMS.values() if system.webhooks is not None]


def owner_note(source: str) -> str:
    """What somebody is told who edits a customer of this source here."""
    if source == INVOICE:
        return "Only old invoices know this customer; nothing overwrites what you write here."
    if source not in SYSTEMS:
        return f"{source} is no system any more; nothing overwrites what you write here."
    return SYSTEMS[source].owner_note
