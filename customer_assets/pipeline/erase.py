"""Erasing one record, as a person may ask: rows, changes, raw answers, deliveries; and it is not taken in again."""

from __future__ import annotations

from dataclasses import dataclass, field

from customer_assets.accounts import Account
from customer_assets.domain.cache.mapping import Mapper
from customer_assets.domain.webhooks.deliveries import record_of
from customer_assets.errors import RecordError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.sync.erased import erase_raw
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import audit, erasures
from customer_assets.store.database import Connection, connect, system_lock
from customer_assets.store.identity import index


@dataclass(frozen=True)
class Erased:
    """What was erased.

    Attributes:
        counts: how much, by what it is.
        same_customer: other records of the customer, `system:id`: each is asked for by itself.
        invoices: that name the customer; they are kept, as the law on bookkeeping wants.
    """

    counts: dict[str, int] = field(default_factory=dict)
    same_customer: tuple[str, ...] = ()
    invoices: int = 0


def erase(context: Context, account: Account, source_id: str, *, by: str, dry_run: bool = False) -> Erased:
    """Erase a record of a system, and never take it in again.

    Args:
        context: database and settings.
        account: whose.
        source_id: its id there.
        by: who does it.
        dry_run: say how much that is, and change nothing.

    Raises:
        BusyError: another process syncs this account and system.
    """
    with (
        system_lock(context.url, account=account.account, system=account.system, what="erase"),
        connect(context.url, name="customer_assets erase") as connection,
        connection.transaction(force_rollback=dry_run),
    ):
        whose = {"account": account.account, "source": account.system, "source_id": source_id}
        index.wait_for_turn(connection)  # one that runs would tell subscribers of what it has read
        erasures.hold_writers(connection)
        others, invoices = erasures.around(connection, **whose)
        erasures.note(connection, **whose, by=by)
        counts = erasures.erase_rows(connection, **whose)
        counts["raw_pages"] = erase_raw(connection, account, {source_id})
        counts["deliveries"] += _erase_unattributed(connection, account, source_id)
        audit.record(
            connection, who=by, action="erase", target=f"{account.system}:{source_id}", details={"counts": counts}
        )
    if not dry_run:
        resolve_customers(context)
    return Erased({name: count for name, count in counts.items() if count}, others, invoices)


def _erase_unattributed(connection: Connection, account: Account, source_id: str) -> int:
    """Leave nothing of what deliveries said of a record that were never applied; returns how many."""
    mapper = Mapper(SYSTEMS[account.system].stream("customers").mapping(account.settings))

    def is_of_it(body: bytes) -> bool:
        try:
            named = mapper.source_id(record_of(body))
        except RecordError:
            named = None
        return named == source_id if named else source_id.encode() in body  # what nobody can read, nobody misses

    bodies = erasures.unattributed_deliveries(connection, account=account.account, source=account.system)
    found = [delivery_id for delivery_id, body in bodies.items() if is_of_it(body)]
    erasures.forget_deliveries(connection, found)
    return len(found)
