"""Proving: every cell of the cache is what its raw records say, with the declared overlays laid over it.

All that has landed is loaded once more, into tables that only one transaction sees, and compared cell by cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from customer_assets.accounts import Account
from customer_assets.domain.cache import tables
from customer_assets.domain.cache.overlay import Overlays, source_values
from customer_assets.domain.cache.row import is_sealed
from customer_assets.domain.cache.tables import CacheTable
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.sync.load import load_from_nothing, silent_cells
from customer_assets.pipeline.sync.run import SyncRun, working_connection
from customer_assets.pipeline.webhooks.apply import AppliedDeliveries, apply_deliveries, apply_waiting
from customer_assets.sources.system import Stream
from customer_assets.store.cache import shadow
from customer_assets.store.cache.rows import count_live
from customer_assets.store.database import connect, system_lock
from customer_assets.store.webhooks import deliveries


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that is not what its raw record says.

    Attributes:
        account, source, source_id: whose row.
        column: which; `row` where the whole row is missing, or nothing that landed shows it.
        stored, raw: both values.
    """

    account: str
    source: str
    source_id: str
    column: str
    stored: Any
    raw: Any


@dataclass
class Proof:
    """What comparing the cache with the raw records gave.

    Attributes:
        rows: live rows compared.
        awaited: rows of which no raw record can tell yet, by the reason.
        differences: cells that are not as they should be.
    """

    rows: int = 0
    awaited: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


def prove(context: Context, accounts: Sequence[Account]) -> Proof:
    """Compare the cache of some accounts with all that has landed of them. Nothing is changed.

    Raises:
        BusyError: somebody syncs one of them.
    """
    proof = Proof()
    apply_deliveries(context, accounts)  # what waits is not in the table yet
    for account in accounts:
        with (
            system_lock(context.url, account=account.account, system=account.system, what="verify"),
            working_connection(context.url, undone=True) as connection,
        ):
            run = SyncRun.begin(context, connection, account, "verify")
            whose = {"account": account.account, "source": account.system}
            cached = [tables.of_entity(stream.entity) for stream in run.system.streams]
            overlays = run.overlays()
            awaited = [shadow.awaited_rows(connection, table, **whose) for table in cached]
            proof.rows += sum(count_live(connection, table, **whose) for table in cached)
            shadow.shadow_tables(connection)
            for stream in run.system.streams:
                load_from_nothing(run, stream)
            deliveries.wait_again(connection, account=account.account, source=account.system)
            apply_waiting(connection, context, [account], AppliedDeliveries())
            for stream, table, waiting in zip(run.system.streams, cached, awaited, strict=True):
                _compare(run, stream, table, overlays, waiting, proof)
    with connect(context.url, name="customer_assets verify") as connection:
        if unproved := shadow.count_unproved(connection):
            proof.awaited["made of old invoices, which have no raw page: migrate-invoices works them out anew"] = (
                unproved
            )
    return proof


def _compare(
    run: SyncRun, stream: Stream, table: CacheTable, overlays: Overlays, awaited: Mapping[int, str], proof: Proof
) -> None:
    account, source = run.account.account, run.system.name
    differing: list[tuple[dict[str, Any] | None, dict[str, Any] | None]] = []
    for stored, raw in shadow.differing_rows(run.connection, table, account=account, source=source):
        if stored is not None and stored["id"] in awaited:
            reason = awaited[stored["id"]]
            proof.awaited[reason] = proof.awaited.get(reason, 0) + 1
        else:
            differing.append((stored, raw))
    # what an answer is silent about keeps what an earlier one said, unless somebody changed it by hand
    kept = [stored[table.id_column] for stored, raw in differing if stored and raw and is_sealed(table, stored)]
    silent = silent_cells(run, stream, kept) if kept else {}
    keeps_metadata = run.mapping(stream).absent == "keep"
    for stored, raw in differing:
        source_id = (stored or raw or {})[table.id_column]
        if stored and raw and source_id in silent and keeps_metadata and "metadata" in raw:
            raw["metadata"] = stored["metadata"] | raw["metadata"]
        for column, one, other in _cells(table, overlays, stored, raw, silent.get(source_id, ())):
            proof.differences.append(Difference(account, source, source_id, column, one, other))


def _cells(
    table: CacheTable,
    overlays: Overlays,
    stored: dict[str, Any] | None,
    raw: dict[str, Any] | None,
    silent: Iterable[str],
) -> list[tuple[str, Any, Any]]:
    """The cells that differ: column, as stored, as it should be; columns that no answer speaks of are as they are stored."""
    if stored is None or raw is None:
        return [("row", stored and "there", raw and "there")]
    if stored["deleted_at"] is not None:
        return [("deleted_at", stored["deleted_at"], None)]
    beneath = source_values(stored, table.source_columns)
    values = source_values(raw, table.source_columns) | {column: beneath[column] for column in silent}
    shown, covered = table.visible(values, overlays, stored["id"], False)
    expected = {**raw, **shown, "covered": covered}
    columns = (*table.source_columns, *table.worked_out)
    return [(c, stored[c], expected[c]) for c in columns if stored[c] != expected[c]]
