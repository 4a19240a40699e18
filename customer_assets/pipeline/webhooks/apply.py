"""Applying webhook deliveries: in sets, newest wins, with the same load as a scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg

from customer_assets.accounts import Account
from customer_assets.domain.cache import row, tables
from customer_assets.domain.cache.mapping import Mapper, RecordMapping, decode_record
from customer_assets.domain.cache.row import Batch, Sighting
from customer_assets.domain.clock import now_utc
from customer_assets.domain.webhooks.deliveries import EVENTS, open_delivery, record_of
from customer_assets.errors import RecordError
from customer_assets.pipeline.context import Context
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import erasures, watermarks
from customer_assets.store.cache import overlays, upsert
from customer_assets.store.database import Connection, connect
from customer_assets.store.webhooks import deliveries
from customer_assets.store.webhooks.deliveries import Delivery, Settled

SETS_OF = 500
STATUSES = {"stale": "stale", upsert.ERASED: "ignored"}  # of a delivery, by what became of its record
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

    def by_asset(self) -> dict[str, dict[str, int]]:
        """What Dagster is told of a batch: asset -> counts. An asset that nothing was done to is not in it."""
        told = {"webhook_deliveries": dict(self.statuses)} if self.total else {}
        if applied := self.statuses.get("applied"):
            told["customers_cache"] = {
                "created": self.created,
                "updated": self.updated,
                "deliveries": applied,
            }
        return told

    def add(self, other: AppliedDeliveries) -> None:
        """Add those of another set."""
        for status, number in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + number
        self.created += other.created
        self.updated += other.updated


def apply_deliveries(context: Context, accounts: Sequence[Account]) -> AppliedDeliveries:
    """Apply all deliveries that wait, over a connection of its own."""
    with connect(context.url, name="customer_assets apply webhooks") as connection:
        total = AppliedDeliveries()
        apply_waiting(connection, context, accounts, total)
        return total


def apply_waiting(
    connection: Connection, context: Context, accounts: Sequence[Account], total: AppliedDeliveries
) -> None:
    """Apply all deliveries that wait, oldest first, some hundred in one transaction. Adds to `total` as it commits.

    Several processes may do so at once: each takes what nobody else holds. From their payloads alone: no API call.
    """
    while True:
        started_at = now_utc()
        with connection.transaction():
            claimed = deliveries.claim(connection, limit=SETS_OF)
            settled: list[Settled] = []
            by_account: dict[tuple[str, str], list[Delivery]] = defaultdict(list)
            for delivery in claimed:
                by_account[delivery.account, delivery.source].append(delivery)
            for (account, source), found in sorted(by_account.items()):
                applier = _Applier.of(connection, context, accounts, account, source)
                if applier is None:
                    error = f"{source} is not configured for account {account}"
                    settled += [Settled(d.id, "failed", error=error) for d in found]
                else:
                    settled += applier.apply(found, total)
            if settled:
                deliveries.settle(connection, settled, started_at=started_at, most_attempts=MOST_ATTEMPTS)
                if of_erased := [one.id for one in settled if one.status == "ignored" and one.source_customer_id]:
                    erasures.forget_deliveries(connection, of_erased)
        for one in settled:
            total.statuses[one.status] = total.statuses.get(one.status, 0) + 1
        if len(claimed) < SETS_OF:
            return


class _Applier:
    """Applies sets of deliveries of one account."""

    def __init__(self, connection: Connection, context: Context, account: str, source: str, mapping: RecordMapping):
        self._connection, self._account, self._source = connection, account, source
        self._mapper = Mapper(mapping)
        self._overlays = overlays.load_overlays(
            connection, account=account, source=source, regions=context.regions(account, source)
        )
        state = watermarks.stream_state(connection, account=account, source=source, entity="customers")
        self._clock_tolerance = timedelta(minutes=context.settings.clock_tolerance)
        self._scanned_at = state.last_full_started_at

    @classmethod
    def of(
        cls, connection: Connection, context: Context, accounts: Sequence[Account], account: str, source: str
    ) -> _Applier | None:
        """The applier of an account, None where it is not configured."""
        for one in accounts:
            webhooks = SYSTEMS[one.system].webhooks
            if (one.account, one.system) == (account, source) and webhooks is not None:
                learned = overlays.extra_field_names(connection, account=account, source=source)
                return cls(connection, context, account, source, webhooks.mapping(one.settings, learned))
        return None

    def apply(self, found: Sequence[Delivery], total: AppliedDeliveries) -> list[Settled]:
        """Apply a set; where one of it breaks the set, the halves alone, so that in the end only that one fails."""
        try:
            with self._connection.transaction():
                counts, settled = self._apply_set(found)
        except Exception as error:
            if isinstance(error, psycopg.OperationalError) and not _is_of_the_data(error):
                raise  # the database's trouble, not the delivery's
            if len(found) == 1:
                return [Settled(found[0].id, "failed", error=f"{type(error).__name__}: {error}")]
            half = len(found) // 2
            return self.apply(found[:half], total) + self.apply(found[half:], total)
        total.created += counts.created
        total.updated += counts.updated
        return settled

    def _apply_set(self, found: Sequence[Delivery]) -> tuple[row.Counts, list[Settled]]:
        settled: list[Settled] = []
        of_customer: dict[str, list[tuple[Delivery, Sighting]]] = defaultdict(list)
        for delivery in found:
            opened = open_delivery(delivery.body, b"")
            if opened.error is not None:
                settled.append(Settled(delivery.id, "failed", error=opened.error))
                continue
            if opened.event not in EVENTS:
                settled.append(Settled(delivery.id, "ignored"))
                continue
            try:
                sighting = self._sighting(delivery)
            except RecordError as error:
                settled.append(Settled(delivery.id, "failed", error=str(error)))
                continue
            of_customer[sighting.record.source_id].append((delivery, sighting))
        counts = row.Counts()
        for one_round in _rounds(of_customer):
            batch = Batch.of_deliveries(
                self._account,
                self._source,
                self._overlays,
                scanned_at=self._scanned_at,
                clock_tolerance=self._clock_tolerance,
                now=now_utc(),
                delivery_ids={s.record.source_id: d.id for d, s in one_round},
            )
            applied = upsert.apply_batch(self._connection, tables.CUSTOMERS, batch, [s for _, s in one_round])
            counts.add(applied.counts)
            for delivery, sighting in one_round:
                customer = sighting.record.source_id
                status = STATUSES.get(applied.outcomes.get(customer, ""), "applied")
                settled.append(Settled(delivery.id, status, customer))
        return counts, settled

    def _sighting(self, delivery: Delivery) -> Sighting:
        _, record = self._mapper.reads(decode_record(record_of(delivery.body)))
        return Sighting(self._mapper.map(record), delivery.signed_at)


def _is_of_the_data(error: psycopg.OperationalError) -> bool:
    """Whether the database is well and refused what it was given: a limit of a row or of an index (class 54)."""
    return (error.sqlstate or "").startswith("54")


def _rounds(
    of_customer: dict[str, list[tuple[Delivery, Sighting]]],
) -> list[list[tuple[Delivery, Sighting]]]:
    """One delivery per customer in each round, by source time: partial ones add up, and none hides another."""
    rounds: list[list[tuple[Delivery, Sighting]]] = []
    for found in of_customer.values():
        found.sort(key=lambda pair: pair[1].record.modified_at or pair[1].seen_at)
        for turn, pair in enumerate(found):
            if turn == len(rounds):
                rounds.append([])
            rounds[turn].append(pair)
    return rounds
