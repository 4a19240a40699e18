"""Applying webhook deliveries: in sets, newest wins, with the same load as a scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from customer_assets.config import Account
from customer_assets.domain.mapping import Mapper, decode_record
from customer_assets.errors import RecordError
from customer_assets.pipeline.context import Context
from customer_assets.sources.base import now_utc
from customer_assets.sources.registry import SPECS
from customer_assets.store import cache, deliveries, overlays, runs
from customer_assets.store.cache import Batch, Sighting
from customer_assets.store.database import Connection, connect
from customer_assets.store.deliveries import Delivery, Settled

EVENTS = frozenset({"client.created", "client.updated"})
BATCH = 500
MOST_ATTEMPTS = 5


@dataclass
class AppliedDeliveries:
    """What became of deliveries, by status; and how many rows they created and updated."""

    statuses: dict[str, int] = field(default_factory=dict)
    created: int = 0
    updated: int = 0

    @property
    def total(self) -> int:
        """Deliveries worked on."""
        return sum(self.statuses.values())


class _Envelope(msgspec.Struct):
    event: str
    data: msgspec.Raw


def apply_deliveries(context: Context, accounts: Sequence[Account]) -> AppliedDeliveries:
    """Apply all deliveries that wait, oldest first, some hundred in one transaction.

    Several processes may do so at once: each takes what nobody else holds.
    """
    result = AppliedDeliveries()
    with connect(context.url, name="customer_assets apply webhooks") as connection:
        while _apply_some(context, connection, accounts, result):
            pass
    return result


def _apply_some(
    context: Context, connection: Connection, accounts: Sequence[Account], result: AppliedDeliveries
) -> bool:
    started_at = now_utc()
    with connection.transaction():
        claimed = deliveries.claim(connection, limit=BATCH)
        by_account: dict[tuple[str, str], list[Delivery]] = defaultdict(list)
        for delivery in claimed:
            by_account[delivery.account, delivery.source].append(delivery)
        for (account, source), found in sorted(by_account.items()):
            settings = next(
                (a.settings for a in accounts if (a.account, a.system) == (account, source)), None
            )
            settled = _apply_of_account(context, connection, account, source, settings, found, result)
            deliveries.settle(connection, settled, started_at=started_at, most_attempts=MOST_ATTEMPTS)
            for one in settled:
                result.statuses[one.status] = result.statuses.get(one.status, 0) + 1
    return bool(claimed)


def _apply_of_account(
    context: Context, connection: Connection, account: str, source: str, settings: Any, found: Sequence[Delivery],
    result: AppliedDeliveries,
) -> list[Settled]:  # fmt: skip
    if settings is None:
        return [
            Settled(d.id, "failed", error=f"{source} is not configured for account {account}") for d in found
        ]
    mapping = (
        SPECS[source].stream("customers").mapping(settings).reading_absent_as(settings.absent_in_webhook)
    )
    mapper = Mapper(mapping)
    settled: list[Settled] = []
    sightings: list[tuple[Delivery, Sighting]] = []
    for delivery in found:
        if delivery.event not in EVENTS:
            settled.append(Settled(delivery.id, "ignored"))
            continue
        try:
            body = msgspec.json.decode(delivery.body, type=_Envelope)
            _, record = mapper.reads(decode_record(body.data))
            sightings.append((delivery, Sighting(mapper.map(record), delivery.signed_at)))
        except (RecordError, msgspec.MsgspecError) as error:
            settled.append(Settled(delivery.id, "failed", error=str(error)))
    if sightings:
        laid = overlays.load_overlays(
            connection, account=account, source=source, default_region=context.settings.default_region
        )
        state = runs.stream_state(connection, account=account, source=source, entity="customers")
        scanned_at = state.last_full_started_at
        # in rounds of one delivery per customer, oldest first: partial ones add up, none hides another
        rounds: list[list[tuple[Delivery, Sighting]]] = []
        counted: dict[str, int] = defaultdict(int)
        for delivery, sighting in sightings:
            turn = counted[sighting.record.source_id]
            counted[sighting.record.source_id] += 1
            if turn == len(rounds):
                rounds.append([])
            rounds[turn].append((delivery, sighting))
        for one_round in rounds:
            batch = Batch(
                account, source, laid, origin="webhook", touch=True, incremental=True, whole_metadata=False,
                scanned_at=scanned_at, delivery_ids={s.record.source_id: d.id for d, s in one_round},
            )  # fmt: skip
            applied = cache.apply_batch(connection, cache.CUSTOMERS, batch, [s for _, s in one_round])
            result.created += applied.counts.created
            result.updated += applied.counts.updated
            settled += [
                Settled(
                    d.id,
                    "stale" if applied.outcomes.get(s.record.source_id) == "stale" else "applied",
                    s.record.source_id,
                )
                for d, s in one_round
            ]
    return settled
