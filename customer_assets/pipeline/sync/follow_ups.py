"""What follows from a scan, record by record, each asked for by id within the call budget.

The details that new and changed records want, the customers that only invoices name, and the records that a complete
scan missed: nothing is taken for deleted that merely slipped between pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic

from customer_assets.domain.cache import completeness, tables
from customer_assets.errors import ContractError, GoneError, QuotaError, TransientError
from customer_assets.pipeline.context import Progress
from customer_assets.pipeline.sync.run import LandResult, SyncRun
from customer_assets.sources.kit.client import Source
from customer_assets.sources.system import Stream
from customer_assets.store.cache import rows
from customer_assets.store.raw import details
from customer_assets.store.raw.details import LandedDetail
from customer_assets.store.raw.pages import StreamKey
from customer_assets.store.raw.seen import SeenIds

MOST_FAILURES = 3  # records in a row that cannot be fetched by id
MOST_WAITING = 50  # answers that land in one transaction


async def follow_up(run: SyncRun, source: Source, landed: LandResult, seen: SeenIds) -> None:
    """Ask for what the scan made necessary, and land the answers."""
    stream, scan = landed.stream, landed.scan
    key = _wanted_key(run, stream)
    if stream.wants_details and scan is not None:
        details.want_details(run.connection, key)
    if stream.refers_to:
        details.want_ids(run.connection, key, seen.unknown_references(key))
    if landed.status == "complete" and scan is not None and scan.kind == "full" and stream.detail:
        missing = _missing(run, stream, seen, before=scan.started_at)
        await _ask_for(run, source, run.key(stream.detail), [(source_id, None) for source_id in missing], landed)
    if stream.wants_details or stream.refers_to:
        budget = stream.policy(run.account.settings).detail_budget
        await _ask_for(run, source, key, details.wanted_details(run.connection, key, limit=budget), landed)
        if left := details.count_wanted(run.connection, key):
            setting = f"{run.system.name.upper()}_DETAIL_BUDGET"
            landed.messages.append(f"{left} details are left for the next run ({setting})")


def _wanted_key(run: SyncRun, stream: Stream) -> StreamKey:
    """Single records that a scan of this stream makes wanted: its own, or the customers that its invoices name."""
    return run.key((run.system.stream("customers") if stream.refers_to else stream).detail)


def _missing(run: SyncRun, stream: Stream, seen: SeenIds, *, before: datetime) -> list[str]:
    """Ids to confirm of rows that the scan did not see."""
    table = tables.of_entity(stream.entity)
    whose = {"account": run.account.account, "source": run.system.name}
    live = rows.count_live(run.connection, table, **whose)
    if seen.is_all_of(live):
        return []
    return completeness.to_confirm(
        seen.missing_from(table.name, table.id_column, **whose, before=before),
        live=live,
        share=run.context.settings.delete_share,
        most=run.context.settings.delete_confirmations,
    )


async def _ask_for(
    run: SyncRun, source: Source, key: StreamKey, wanted: Iterable[tuple[str, str | None]], landed: LandResult
) -> None:
    """Fetch records by id and land the answers; a spent quota leaves the rest for the next run."""
    asked = list(wanted)
    failures = 0
    with _landing(run, key, landed) as land:
        for number, (source_id, version) in enumerate(asked, start=1):
            requested_at = datetime.now(UTC)
            try:
                page = await source.fetch(key.stream, source_id)
            except GoneError:
                land(LandedDetail(source_id, None, requested_at, version))
            except QuotaError as error:
                landed.messages.append(f"{key.stream}: {error}")
                return
            except (ContractError, TransientError) as error:
                # one bad record must not stand in the way of the others; several in a row are the system's trouble
                failures += 1
                details.note_failed_detail(run.connection, key, source_id)
                landed.messages.append(str(error))
                if failures >= MOST_FAILURES:
                    raise
                continue
            else:
                land(LandedDetail(source_id, page.body, page.requested_at, version))
            failures = 0
            run.context.progress(Progress(run.account.account, run.system.name, key.stream, number, len(asked)))


@contextmanager
def _landing(run: SyncRun, key: StreamKey, landed: LandResult) -> Iterator[Callable[[LandedDetail], None]]:
    """What lands answers: some at once, but none later than a second after it came, nor than the end, however that is."""
    waiting: list[LandedDetail] = []
    since = monotonic()

    def flush() -> None:
        nonlocal since
        if waiting:
            details.land_details(run.connection, key, waiting)
            landed.pages += len(waiting)
            waiting.clear()
        since = monotonic()

    def land(answer: LandedDetail) -> None:
        waiting.append(answer)
        if len(waiting) >= MOST_WAITING or monotonic() - since > 1:
            flush()

    try:
        yield land
    finally:
        flush()
