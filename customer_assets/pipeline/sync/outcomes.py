"""What follows from loading a scan: what is gone, what is none of ours any more, what is older than it was, what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from customer_assets.domain.cache.completeness import too_many
from customer_assets.domain.cache.row import Batch, Counts
from customer_assets.store import watermarks
from customer_assets.store.cache import absences, mappings, overlays, set_back
from customer_assets.store.cache.rows import count_live
from customer_assets.store.raw import pages as raw_pages
from customer_assets.store.raw import scans
from customer_assets.store.raw.gate import Gate, distrust, open_gate, writing_of_a_complete_scan
from customer_assets.store.raw.seen import SeenIds

if TYPE_CHECKING:
    from customer_assets.pipeline.sync.load import Loading


def note_learned(loading: Loading) -> None:
    """Keep what records told beside: names of extra fields, conflicts, columns that stay empty."""
    loading.result.conflicts += loading.reader.conflicts
    if loading.reader.dropped:
        told = ", ".join(f"{what} ({often} times)" for what, often in sorted(loading.reader.dropped.items()))
        loading.result.messages.append(f"{loading.stream.entity}: values were left out: {told}")
    if loading.full_records and not loading.skipped_reading:
        loading.result.never_filled = loading.reader.never_filled()
    whose = {"account": loading.run.account.account, "source": loading.run.system.name}
    known = overlays.extra_field_names(loading.connection, **whose)
    if loading.reader.extra_fields.items() - known.items():
        overlays.learn_extra_fields(loading.connection, loading.reader.extra_fields, **whose)


def note_set_back(loading: Loading, scan: scans.Scan, doubted: frozenset[str]) -> None:
    """What the scan showed older than it is stored: noted the first time, believed the second."""
    if loading.believed:
        loading.result.messages.append(
            f"{loading.stream.entity}: {loading.believed} records are older at the source than they were here, in two complete "
            "scans in a row (a backup that was restored?): they are taken as they are there now"
        )
    if doubted or loading.set_back:
        set_back.replace_set_back(loading.connection, loading.set_back, scan_id=scan.id, **loading.whose)
        if loading.set_back:
            loading.result.messages.append(
                f"{loading.stream.entity}: {len(loading.set_back)} records are older at the source than here; "
                "the next complete scan that shows them so is believed"
            )


def begin_reading(loading: Loading) -> None:
    """Records are read by another mapping than those that are stored: until all were, none is known to be as it was read."""
    known, mapper = loading.read_by, loading.reader.mapper
    if known.salt != mapper.salt:
        rest = known.rest if known.rest == mapper.rest else None
        mappings.note_read_by(loading.connection, mappings.ReadBy(None, rest), **loading.whose)


def note_read_by(loading: Loading, scan: scans.Scan, seen: SeenIds) -> None:
    """All that a complete scan showed was read by this mapping; what it did not show, or what was left, is not known to be."""
    mapper, connection = loading.reader.mapper, loading.connection
    if loading.read_by.salt == mapper.salt:
        return
    whose = {"account": loading.run.account.account, "source": loading.run.system.name}
    unseen = not seen.is_all_of(count_live(connection, loading.table, **whose), loaded=_all_loaded(loading, scan))
    if unseen:
        seen.fill()
    with connection.transaction(), writing_of_a_complete_scan(connection):
        if loading.left or unseen:
            mappings.distrust_rows(connection, loading.table, **whose, left=loading.left, unseen=unseen)
        loading.read_by = mappings.ReadBy(mapper.salt, mapper.rest)
        mappings.note_read_by(connection, loading.read_by, **loading.whose)


def _all_loaded(loading: Loading, scan: scans.Scan) -> int | None:
    """How many different records a complete scan showed, where each of them is in the cache now."""
    return None if loading.left else scan.records


def pass_gated(loading: Loading, scan: scans.Scan, counts: Counts, ids_seen: SeenIds) -> Gate | None:
    """Count the pages that the scan did not open, if the scan that they are taken from is still the last one loaded.

    Returns:
        What that scan settled, as it is now; None: it is not the last one any more.
    """
    connection, key = loading.connection, loading.run.key(loading.stream.name)
    gate = None
    if not loading.result.rebuilt and scan.gate_scan_id is not None:
        gate = open_gate(connection, key, entity=loading.stream.entity, salt=loading.reader.mapper.salt)
    distrust(connection, key)
    if gate is None or gate.scan_id != scan.gate_scan_id:
        return None
    for page_id, records in raw_pages.gated_pages(connection, scan.id):
        ids_seen.add_gated(page_id, records)
    counts.unchanged += ids_seen.gated
    loading.skipped_reading += ids_seen.gated
    return gate


def no_longer_ours(loading: Loading) -> int:
    """Rows of records that turned into something that is none of ours (a customer into a vendor) are marked as gone.

    All of a scan at once: how many one run may mark is said of all of them.
    """
    reasons, loading.not_ours = loading.not_ours, {}
    if not reasons:
        return 0
    batch = loading.batch_now()
    marked = 0
    for reason in dict.fromkeys(reasons.values()):
        ids = [source_id for source_id, said in reasons.items() if said == reason]
        rows = absences.row_ids(loading.connection, loading.table, batch, ids)
        live = count_live(loading.connection, loading.table, account=batch.account, source=batch.source)
        share, confirmed = loading.run.context.settings.delete_share, loading.run.options.allow_mass_delete
        if too_many(len(rows), live=live, share=share) and not confirmed:
            loading.result.blocked += len(rows)
            loading.result.messages.append(
                f"{loading.stream.entity}: {len(rows)} rows would be {reason} now, more than {share:.0%} of all (DELETE_SHARE); "
                "none was marked. --allow-mass-delete confirms them"
            )
            continue
        gone = absences.mark_deleted(loading.connection, loading.table, batch, rows, reason=reason)
        if gone:
            loading.result.messages.append(f"{loading.stream.entity}: {gone} deactivated: now {reason}")
        marked += gone
    return marked


def settle_absences(loading: Loading, scan: scans.Scan, batch: Batch, counts: Counts, seen: SeenIds) -> None:
    """Rows that a complete scan did not show wait for the next one, or are marked as gone."""
    run, stream, result = loading.run, loading.stream, loading.result
    live = count_live(run.connection, loading.table, account=batch.account, source=batch.source)
    if seen.is_all_of(live, loaded=_all_loaded(loading, scan)):
        absences.forget_all(run.connection, loading.table, batch)
        return
    seen.fill()
    share = run.context.settings.delete_share
    found = absences.settle_absences(
        run.connection,
        loading.table,
        batch,
        scan_id=scan.id,
        scan_started_at=scan.started_at,
        detail_stream=stream.detail or "",
        most_share=share,
        allow_mass_delete=run.options.allow_mass_delete,
    )
    counts.deactivated += found.deactivated
    result.blocked += found.blocked
    if found.blocked:
        result.messages.append(
            f"{stream.entity}: {found.blocked} rows are missing at the source, more than {share:.0%} of all "
            "(DELETE_SHARE); none was marked. --allow-mass-delete confirms them"
        )
    if found.waiting:
        result.messages.append(f"{stream.entity}: {found.waiting} missing rows wait for the next complete scan")


def note_loaded(loading: Loading, scan: scans.Scan, counts: Counts) -> None:
    """Note that the cache holds the scan, and where the stream stands by it."""
    if scan.status == "complete" and scan.kind in ("full", "incremental"):
        watermarks.record_load(
            loading.connection,
            **loading.whose,
            counts=counts,
            status="ok" if not counts.rejected else "partial",
            started_at=scan.started_at,
            finished_at=scan.finished_at or scan.started_at,
            watermark=scan.started_at - loading.stream.policy(loading.run.account.settings).overlap,
            is_full=scan.kind == "full",
            rows=scan.records,
        )
    scans.mark_loaded(loading.connection, scan.id)
