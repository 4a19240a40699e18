"""Loading: what has landed becomes rows of the cache. No API call is made here.

What is loaded is what the cache does not hold yet: ended scans, then single records, by the time they were asked for.
Records stored exactly as received are passed over unread; where nothing is new, all is loaded again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

from customer_assets.domain.cache import tables
from customer_assets.domain.cache.derived import rules_of
from customer_assets.domain.cache.mapping import Mapper
from customer_assets.domain.cache.row import Batch, Counts, Sighting, is_sealed, said_of
from customer_assets.pipeline.sync import outcomes
from customer_assets.pipeline.sync.erased import erase_again
from customer_assets.pipeline.sync.reader import Landed, Reader
from customer_assets.pipeline.sync.reconcile import reconcile
from customer_assets.pipeline.sync.records import Records
from customer_assets.pipeline.sync.run import LoadResult, SyncRun
from customer_assets.sources.system import Stream
from customer_assets.store import rejects, watermarks
from customer_assets.store.cache import absences, indexes, mappings, overlays, set_back, upsert
from customer_assets.store.cache.rows import all_rows, has_rows
from customer_assets.store.raw import details, scans
from customer_assets.store.raw import pages as raw_pages
from customer_assets.store.raw.gate import Gate, settle, settled_records, writing_of_a_complete_scan
from customer_assets.store.raw.seen import SeenIds

BATCH = 2000  # records applied in one transaction
MUCH, MUCH_OF_ALL = 1000, 0.1  # rows written, from which statistics are old


def load_stream(run: SyncRun, stream: Stream, *, rebuild: bool = False) -> LoadResult:
    """Bring into the cache what was landed of one stream and is not there yet, or with `rebuild` all of it."""
    loading = Loading(run, stream)
    if loading.table.has_changes:
        overlays.derive_anew(run.connection, loading.batch, rules_of(run.regions))
    ended = [] if rebuild else scans.pending_scans(run.connection, run.key(stream.name))
    answers = [] if rebuild else _pending_details(run, stream)
    if not ended and not answers:
        ended, answers = _everything(loading)
    if ended or answers:
        outcomes.begin_reading(loading)
        by_hand: list[str] = []
        if loading.result.rebuilt and loading.table.has_changes:
            by_hand = _changed_by_hand(loading)
            loading.gone_by_hand = frozenset(absences.gone_by_hand(run.connection, loading.batch))
            overlays.forget_times(run.connection, loading.batch, [*by_hand, *loading.gone_by_hand])
        _retry_rejects(loading)
        for scan, earlier in _in_order(ended, answers):
            loading.apply_details(earlier)
            if scan is not None:
                loading.apply_scan(scan)
        if by_hand:
            _reset_silent(loading, by_hand)
        indexes.build_postponed_indexes(run.connection, loading.table.name)
        bring_in_line(run, loading)
        outcomes.note_learned(loading)
        if loading.result.rebuilt and loading.result.counts.created and loading.table.has_changes:
            loading.result.messages.append(
                f"{loading.result.counts.created} rows were made anew: migrate-invoices and resolve link old invoices to them"
            )
        changed, live = loading.result.counts.created + loading.result.counts.updated, loading.result.counts.synced
        if changed > MUCH and changed > live * MUCH_OF_ALL:
            upsert.refresh_statistics(run.connection, loading.table)
    if loading.table.has_changes:
        erase_again(run.connection, run.account)
    return loading.result


def _changed_by_hand(loading: Loading) -> list[str]:
    """Customers, by their source's id, whose values are not those that were stored with their hash."""
    whose = {"account": loading.batch.account, "source": loading.batch.source}
    rows = all_rows(loading.connection, loading.table, **whose)
    return [row[loading.table.id_column] for row in rows if not is_sealed(loading.table, row)]


def _reset_silent(loading: Loading, ids: Sequence[str]) -> None:
    """What was written by hand where no answer says anything, is as in a new row."""
    cells = silent_cells(loading.run, loading.stream, ids)
    with loading.connection.transaction():
        overlays.reset_cells(loading.connection, loading.batch, cells)


def load_from_nothing(run: SyncRun, stream: Stream) -> None:
    """Load all that has landed into a table that is empty, and nothing besides: no links, no rows that follow from it."""
    loading = Loading(run, stream)
    ended, answers = _everything(loading)
    for scan, earlier in _in_order(ended, answers):
        loading.apply_details(earlier)
        if scan is not None:
            loading.apply_scan(scan)


def silent_cells(run: SyncRun, stream: Stream, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """What no answer that landed speaks of: id -> column -> what a new row holds there. Ids that no answer has are left out."""
    loading = Loading(run, stream)
    wanted = frozenset(ids)
    ended, answers = _everything(loading)
    found: dict[str, dict[str, Any]] = {}
    said: dict[str, set[str]] = {}

    def note(records: Sequence[Landed]) -> None:
        for record in (sighting.record for sighting in loading.reader.read(records).sightings):
            found.setdefault(record.source_id, dict(loading.table.unsaid)).update(record.insert_values)
            said.setdefault(record.source_id, set()).update(said_of(loading.table, record))

    for scan in ended:
        for records in _batches(run, stream, loading.reader.mapper, scan, opened_only=False):
            note(records.landed(number for number, i in enumerate(records.ids) if i in wanted))
    note(_landed(stream, [answer for answer in answers if answer.source_id in wanted]))
    return {i: {c: value for c, value in cells.items() if c not in said[i]} for i, cells in found.items()}


def _in_order(
    ended: Sequence[scans.Scan], answers: Sequence[details.LandedDetail]
) -> Iterator[tuple[scans.Scan | None, list[details.LandedDetail]]]:
    """Ended scans, each with the single records asked for before it, and then the others."""
    loaded_before = set[str]()
    for scan in ended:
        earlier = [d for d in answers if d.requested_at < scan.started_at]
        loaded_before.update(d.source_id for d in earlier)
        yield scan, earlier
    yield None, [d for d in answers if d.source_id not in loaded_before]


def has_pending(run: SyncRun, stream: Stream) -> bool:
    """Whether something has landed that the cache does not hold yet."""
    return bool(scans.pending_scans(run.connection, run.key(stream.name)) or _pending_details(run, stream))


def load_detail(run: SyncRun, stream: Stream, source_id: str) -> LoadResult:
    """Bring the landed answer for one id into the cache."""
    loading = Loading(run, stream)
    outcomes.begin_reading(loading)
    answers = details.read_details(run.connection, run.key(stream.detail), pending_only=False, ids=[source_id])
    loading.apply_details(answers, touch=True)
    bring_in_line(run, loading, source_id)
    erase_again(run.connection, run.account)
    return loading.result


def _pending_details(run: SyncRun, stream: Stream) -> list[details.LandedDetail]:
    if not stream.detail:
        return []
    return details.read_details(run.connection, run.key(stream.detail), pending_only=True)


def bring_in_line(run: SyncRun, loading: Loading, source_id: str | None = None) -> None:
    """Write the rows and links that follow from others: role overrides, what SUMIT is to get, links of invoices.

    Args:
        run, loading: what is loaded.
        source_id: the one record that was loaded; None: many.
    """
    connection, account = run.connection, run.account
    if loading.table.has_changes:
        with connection.transaction():
            if loading.result.rebuilt:
                overlays.blank_unmapped(connection, loading.batch, _mapped_columns(run, loading))
            overlays.reapply_role_overrides(connection, loading.batch)
    if run.system.pushes is not None:
        ids = None if source_id is None else absences.row_ids(connection, loading.table, loading.batch, [source_id])
        waiting = reconcile(connection, account, loading.batch_now(), row_ids=ids).open_conflicts
        if waiting:
            loading.result.messages.append(f"{waiting} conflicts wait: `sumit conflicts list`")
    with connection.transaction():
        overlays.link_invoices(connection, account=account.account, source=account.system)


def _mapped_columns(run: SyncRun, loading: Loading) -> set[str]:
    """The columns that records of the stream fill, in pages or in deliveries."""
    mappings = [loading.reader.mapping]
    if run.system.webhooks is not None:
        mappings.append(run.system.webhooks.mapping(run.account.settings, {}))
    return {spec.column for mapping in mappings for spec in mapping.fields}


class Loading:
    """One stream being loaded: how its records are read, and what became of them so far."""

    def __init__(self, run: SyncRun, stream: Stream) -> None:
        self.run, self.stream, self.connection = run, stream, run.connection
        self.table = tables.of_entity(stream.entity)
        self.reader = Reader(run.mapping(stream), stream)
        self.result = LoadResult()
        self.read_by = mappings.read_by(self.connection, **self.whose)
        self.gone_by_hand: frozenset[str] = frozenset()
        self.batch = self.batch_now()
        self.full_records = 0
        self.skipped_reading = 0
        self.set_back: list[str] = []
        self.believed = 0
        self.left: list[str] = []  # ids of records that came and are not in the cache as they came
        self.not_ours: dict[str, str] = {}  # ids of records that are none of ours any more, with the reason
        # what became of listed records, where details follow that must not be counted again
        self.listed: dict[str, str] = {}
        self.left_listed: set[str | None] = set()  # ids of listed records that were set aside or passed over
        self.set_aside: dict[str, list[int]] = {}  # a list row and its detail may be set aside both
        for row in rejects.open_rejects(self.connection, **self.whose):
            self.set_aside.setdefault(row["source_id"], []).append(row["id"])

    @property
    def whose(self) -> dict[str, str]:
        """What its rejects and its watermark are found by."""
        return {"account": self.run.account.account, "source": self.run.system.name, "entity": self.stream.entity}

    def batch_now(
        self, *, touch: bool = False, incremental: bool = False, believes: frozenset[str] = frozenset()
    ) -> Batch:
        """What rows written now belong to, with overrides and edits as they are now."""
        state = watermarks.stream_state(self.connection, **self.whose)
        return Batch(
            self.run.account.account,
            self.run.system.name,
            self.run.overlays(),
            sync_run_id=self.run.id,
            whole_metadata=self.reader.mapping.absent == "null",
            scanned_at=state.last_full_started_at,
            rederives=self.result.rebuilt or self.read_by.rest != self.reader.mapper.rest,
            touch=touch,
            incremental=incremental,
            clock_tolerance=timedelta(minutes=self.run.context.settings.clock_tolerance),
            new_since=self.run.started_at,
            now=self.run.started_at,
            believes=believes,
            believes_all=touch,
            gone_by_hand=self.gone_by_hand,
        )

    # --- scans ---

    def apply_scan(self, scan: scans.Scan) -> None:
        """Apply a scan's records, some thousand at a time; a complete one says what is gone, too."""
        if (scan.records or 0) >= indexes.FROM_RECORDS:
            indexes.postpone_indexes(self.connection, self.table.name)
        is_complete_full = scan.kind == "full" and scan.status == "complete"
        doubted = (
            set_back.set_back_ids(self.connection, before=scan.id, **self.whose)
            if is_complete_full
            else frozenset[str]()
        )
        batch = self.batch_now(incremental=scan.kind != "full", believes=doubted)
        if not has_rows(self.connection, self.table, account=batch.account, source=batch.source):
            batch = replace(batch, is_first=True)
        counts, ids_seen = Counts(), SeenIds(self.connection)
        self.set_back, self.believed, self.left = [], 0, []
        gate = outcomes.pass_gated(self, scan, counts, ids_seen) if is_complete_full else None
        listed = counts.fetched  # on pages that were not opened
        settled: list[int] = []
        with writing_of_a_complete_scan(self.connection) if is_complete_full else nullcontext():
            for records in _batches(self.run, self.stream, self.reader.mapper, scan, opened_only=gate is not None):
                listed += len(records)
                seen = ids_seen if is_complete_full else None
                settled += self._apply_records(batch, records, counts, seen, gate or Gate())
        counts.deactivated += outcomes.no_longer_ours(self)
        if is_complete_full:
            outcomes.settle_absences(self, scan, batch, counts, ids_seen)
            outcomes.note_read_by(self, scan, ids_seen)
            self.full_records = ids_seen.count
            outcomes.note_set_back(self, scan, doubted)
        outcomes.note_loaded(self, scan, counts)
        if is_complete_full and (gate is not None or scan.gate_scan_id is None) and scan.records == ids_seen.count:
            settle(
                self.connection,
                self.run.key(self.stream.name),
                scan.id,
                entity=self.stream.entity,
                salt=self.reader.mapper.salt,
                positions=settled,
                upto=scan.gate_upto or 0,
            )
        self.result.counts.add(counts)
        self.result.miscounted += abs(listed - counts.fetched)
        self.result.scans += 1

    def _apply_records(
        self, batch: Batch, records: Records, counts: Counts, ids_seen: SeenIds | None, gate: Gate
    ) -> list[int]:
        """Apply the records of some pages; those that are stored exactly as received are not read.

        Returns:
            Positions of the pages that are settled now: the cache holds each of their records as it stands there.
        """
        ids = records.ids
        if ids_seen is not None:
            records.note_seen(ids_seen)
        is_read_otherwise = self.read_by.salt != self.reader.mapper.salt
        takes_all = self.result.rebuilt or batch.is_first or is_read_otherwise
        unread = range(len(records)) if takes_all else self._unread(batch, records, counts, gate)
        sightings, bad = self._read(records.landed(unread), counts)
        applied = upsert.apply_batch(self.connection, self.table, batch, sightings)
        counts.add(applied.counts)
        self.set_back += applied.set_back
        self.believed += sum(applied.outcomes.get(i) == "updated" for i in batch.believes)
        if self.stream.wants_details:
            self.listed |= dict.fromkeys(filter(None, ids), "unchanged") | applied.outcomes
            self.left_listed |= bad | (self.not_ours.keys() & set(ids))
        self._settle_rejects([i for i in ids if i is not None and i not in bad])
        kept = set(ids) - {ids[number] for number in unread} | {
            i for i, outcome in applied.outcomes.items() if outcome != "stale"
        }
        self.left += [i or "" for i in ids if i not in kept or i is None]
        return list(records.settled_pages(kept))

    def _unread(self, batch: Batch, records: Records, counts: Counts, gate: Gate) -> list[int]:
        """Numbers of the records that need to be read: those not stored exactly as received."""
        settled = settled_records(self.connection, gate, [page.position for page in records.pages])
        looked_up = [number for number, hash_ in enumerate(records.hashes) if hash_ not in settled]
        known = [(records.ids[number] or "", records.hashes[number]) for number in looked_up]
        unchanged = upsert.unchanged_records(self.connection, self.table, batch, known)
        unread = [number for number, is_unchanged in zip(looked_up, unchanged, strict=True) if not is_unchanged]
        passed = Counter(records.ids) - Counter([records.ids[number] for number in unread])
        counts.unchanged += len(passed)
        counts.duplicate += passed.total() - len(passed)
        self.skipped_reading += passed.total()
        return unread

    # --- single records ---

    def apply_details(self, answers: Sequence[details.LandedDetail], *, touch: bool = False) -> None:
        """Apply answers by id; with `touch` a record that is gone is marked so."""
        if not answers:
            return
        batch = self.batch_now(touch=touch, incremental=True)
        for start in range(0, len(answers), BATCH):
            part = answers[start : start + BATCH]
            counts, known = Counts(), set(self.not_ours)
            sightings, bad = self._read(_landed(self.stream, part), counts)
            if not touch:  # what was set aside, or passed over, as it was listed is counted
                counts.rejected = sum(i not in self.left_listed for i in bad)
                counts.skipped = sum(i not in self.left_listed for i in self.not_ours.keys() - known)
            applied = upsert.apply_batch(self.connection, self.table, batch, sightings)
            if touch:
                counts.add(applied.counts)
                gone = [d.source_id for d in part if d.body is None]
                ids = absences.row_ids(self.connection, self.table, batch, gone)
                counts.deactivated += absences.mark_deleted(self.connection, self.table, batch, ids)
            else:
                self._count_details(applied, counts)
            self.result.counts.add(counts)
            details.mark_details_loaded(self.connection, self.run.key(self.stream.detail), [d.source_id for d in part])
        self.result.counts.deactivated += outcomes.no_longer_ours(self)

    def _count_details(self, applied: upsert.Applied, counts: Counts) -> None:
        """The detail of a listed record is no record of its own: at most it turns an unchanged one into an updated one."""
        for source_id, outcome in applied.outcomes.items():
            listed = self.listed.get(source_id)
            if outcome not in ("created", "updated") or listed in ("created", "updated"):
                continue
            setattr(counts, outcome, getattr(counts, outcome) + 1)
            if listed == "unchanged":
                self.listed[source_id] = outcome
                counts.unchanged -= 1

    # --- records ---

    def _read(self, records: Sequence[Landed], counts: Counts) -> tuple[list[Sighting], set[str | None]]:
        """Read records, count those that are skipped or set aside; the ids of the latter."""
        read = self.reader.read(records)
        counts.skipped += read.skipped
        counts.rejected += len(read.rejects)
        self.not_ours |= read.not_ours
        if read.rejects:
            rejects.store_rejects(self.connection, **self.whose, sync_run_id=self.run.id, rejects=read.rejects)
        return read.sightings, {self.reader.mapper.source_id(reject.record) for reject in read.rejects}

    def _settle_rejects(self, good: Sequence[str]) -> None:
        """A record that was set aside and now came in a shape that maps, or as it is stored, is settled."""
        if self.set_aside:
            settled = [reject_id for i in good for reject_id in self.set_aside.pop(i, [])]
            rejects.resolve_rejects(self.connection, settled)


def _landed(stream: Stream, answers: Sequence[details.LandedDetail]) -> list[Landed]:
    """The records of answers by id, each with the time that it was asked for."""
    open_detail = stream.open_detail or stream.open
    return [
        (bytes(record), detail.requested_at)
        for detail in answers
        if detail.body is not None
        for record in open_detail(detail.body).records
    ]


def _retry_rejects(loading: Loading) -> None:
    """Records set aside before are tried again; those that map now are applied as of when they were seen."""
    waiting = rejects.open_rejects(loading.connection, **loading.whose)
    sightings: list[Sighting] = []
    resolved: list[int] = []
    reader = Reader(loading.reader.mapping, loading.stream)  # what these tell beside was noted when they were set aside
    for reject in waiting:
        read = reader.read([(reject["record"].encode(), reject["seen_at"])])
        if not read.rejects:
            sightings += read.sightings
            resolved.append(reject["id"])
    if sightings:
        batch = loading.batch_now(incremental=True)
        applied = upsert.apply_batch(loading.connection, loading.table, batch, sightings)
        loading.result.messages.append(f"{len(sightings)} records that were set aside before could be mapped now")
        loading.result.counts.created += applied.counts.created
        loading.result.counts.updated += applied.counts.updated
    rejects.resolve_rejects(loading.connection, resolved)


def _batches(run: SyncRun, stream: Stream, mapper: Mapper, scan: scans.Scan, *, opened_only: bool) -> Iterator[Records]:
    """The records of a scan, some thousand at a time."""
    limit = scan.parameters.get("limit")
    left = int(limit) if limit else None
    gathered = Records(stream, mapper)
    for page in raw_pages.read_pages(run.connection, scan.id, opened_only=opened_only):
        added = gathered.add(page, left)
        if left is not None:
            left -= added
        if len(gathered) >= BATCH:
            yield gathered
            gathered = Records(stream, mapper)
    if gathered.pages:
        yield gathered


def _everything(loading: Loading) -> tuple[list[scans.Scan], list[details.LandedDetail]]:
    """All since the last complete scan; single records asked for before it come first."""
    run, stream = loading.run, loading.stream
    ended = scans.scans_to_rebuild(run.connection, run.key(stream.name))
    if not ended:
        loading.result.messages.append(f"{stream.name}: no complete scan has landed yet")
        return [], []
    loading.result.rebuilt = True
    if not stream.detail:
        return ended, []
    answers = details.read_details(run.connection, run.key(stream.detail), pending_only=False)
    return ended, _still_there(loading, ended[0], answers)


def _still_there(
    loading: Loading, base: scans.Scan, answers: Sequence[details.LandedDetail]
) -> list[details.LandedDetail]:
    """Without records that had left the lists by the base scan: those customers are gone.

    What was asked for since, or only because an invoice names it, is in no list and there all the same.
    """
    if not any(d.requested_at < base.started_at for d in answers):
        return list(answers)
    listed = {
        loading.reader.mapper.source_id(record)
        for page in raw_pages.read_pages(loading.connection, base.id)
        for record in loading.stream.open(page.body).records
    }
    return [d for d in answers if d.requested_at >= base.started_at or d.is_unlisted or d.source_id in listed]
