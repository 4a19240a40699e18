"""Loading: landed pages become rows. No API call is made here, so the cache can be rebuilt from the raw tables alone.

What is loaded is what the cache does not hold yet: ended scans, then single records, by the time they were asked for.
When there is nothing new, everything since the last complete scan is loaded again (a rebuild).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from customer_assets.accounts import Account
from customer_assets.domain.cache import tables
from customer_assets.domain.cache.mapping import (
    Mapper,
    Record,
    RecordMapping,
    decode_record,
    named_extra_fields,
)
from customer_assets.domain.cache.row import Batch, Counts, Sighting
from customer_assets.domain.cache.tables import CacheTable
from customer_assets.errors import RecordError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.sync.reconcile import reconcile
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import Stream
from customer_assets.store import rejects, watermarks
from customer_assets.store.cache import absences, overlays, upsert
from customer_assets.store.database import Connection
from customer_assets.store.raw import details, scans
from customer_assets.store.raw import pages as raw_pages
from customer_assets.store.raw.seen import SeenIds, SeenRecord

BATCH = 2000  # records applied in one transaction


@dataclass
class Loaded:
    """What loading one entity gave.

    Attributes:
        counts: what became of the records.
        messages: what a user should know.
        scans: how many scans were loaded.
        rebuilt: nothing was new, and everything was loaded again.
        blocked: rows that are gone but are more than one run may mark.
        conflicts: values that two paths of a record gave differently.
        never_filled: mapped columns that were blank in every record of a full scan.
    """

    counts: Counts = field(default_factory=Counts)
    messages: list[str] = field(default_factory=list)
    scans: int = 0
    rebuilt: bool = False
    blocked: int = 0
    conflicts: int = 0
    never_filled: tuple[str, ...] = ()


def load_stream(
    context: Context, connection: Connection, account: Account, stream: Stream, *, sync_run_id: int | None,
    rebuild: bool = False, allow_mass_delete: bool = False,
) -> Loaded:  # fmt: skip
    """Bring into the cache what was landed of one stream and is not there yet, or with `rebuild` all of it."""
    loading = _Loading(context, connection, account, stream, sync_run_id, allow_mass_delete)
    pending = [] if rebuild else scans.pending_scans(connection, loading.key)
    answers = (
        []
        if rebuild or not stream.detail
        else details.read_details(connection, loading.detail_key, pending_only=True)
    )
    if pending or answers:
        loading.load(pending, answers)
    else:
        loading.rebuild()
    return loading.result


def has_pending(connection: Connection, account: Account, stream: Stream) -> bool:
    """Whether something has landed that the cache does not hold yet."""
    key = raw_pages.StreamKey(account.account, account.system, stream.name)
    if scans.pending_scans(connection, key):
        return True
    if not stream.detail:
        return False
    key = raw_pages.StreamKey(account.account, account.system, stream.detail)
    return bool(details.read_details(connection, key, pending_only=True))


def load_detail(
    context: Context,
    connection: Connection,
    account: Account,
    stream: Stream,
    source_id: str,
    *,
    sync_run_id: int | None,
) -> Loaded:
    """Bring the landed answer for one id into the cache."""
    loading = _Loading(context, connection, account, stream, sync_run_id, allow_mass_delete=False)
    answers = details.read_details(connection, loading.detail_key, pending_only=False, ids=[source_id])
    with loading.overlaid(source_id):
        loading.apply_details(answers, touch=True)
    return loading.result


class _Loading:
    def __init__(
        self, context: Context, connection: Connection, account: Account, stream: Stream, sync_run_id: int | None,
        allow_mass_delete: bool,
    ) -> None:  # fmt: skip
        self.context, self.connection, self.account, self.stream = context, connection, account, stream
        self.allow_mass_delete = allow_mass_delete
        self.sync_run_id = sync_run_id
        self.table: CacheTable = tables.CUSTOMERS if stream.entity == "customers" else tables.INVOICES
        self.key = raw_pages.StreamKey(account.account, account.system, stream.name)
        self.detail_key = raw_pages.StreamKey(account.account, account.system, stream.detail or "")
        self.mapping: RecordMapping = stream.mapping(account.settings)
        self.mapper = Mapper(self.mapping)
        self.result = Loaded()
        self.batch = self._batch()
        self.filled: set[str] = set()
        self.extra_fields: dict[str, str] = {}
        self.set_aside: dict[str, list[int]] = {}  # a list row and its detail may be set aside both
        for row in rejects.open_rejects(
            connection, account=account.account, source=account.system, entity=stream.entity
        ):
            self.set_aside.setdefault(row["source_id"], []).append(row["id"])
        self.full_records = 0
        self.skipped_reading = 0
        self.rejected_now: set[bytes] = set()
        # what became of listed records, where details follow that must not be counted again
        self.listed: dict[str, str] = {}

    def _batch(self, **changes: Any) -> Batch:
        account, source = self.account.account, self.account.system
        region = self.context.settings.default_region
        state = watermarks.stream_state(
            self.connection, account=account, source=source, entity=self.stream.entity
        )
        return Batch(
            account,
            source,
            overlays.load_overlays(self.connection, account=account, source=source, default_region=region),
            sync_run_id=self.sync_run_id,
            whole_metadata=self.mapping.absent == "null",
            scanned_at=state.last_full_started_at,
            rederives=self.result.rebuilt,
            **changes,
        )

    # --- what to load ---

    def load(self, ended: Sequence[scans.Scan], answers: Sequence[details.LandedDetail]) -> None:
        """Load scans and single records by the time they were asked for."""
        with self.overlaid():
            self._retry_rejects()
            loaded_before = set[str]()
            for scan in ended:
                earlier = [d for d in answers if d.requested_at < scan.started_at]
                self.apply_details(earlier)
                loaded_before.update(d.source_id for d in earlier)
                self._load_scan(scan)
            self.apply_details([d for d in answers if d.source_id not in loaded_before])
        self._learn_extra_fields()
        self._note_never_filled()

    def rebuild(self) -> None:
        """Load everything since the last complete scan again; single records asked for before it come first."""
        ended = scans.scans_to_rebuild(self.connection, self.key)
        if not ended:
            self.result.messages.append(f"{self.stream.name}: no complete scan has landed yet")
            return
        self.result.rebuilt = True
        answers = (
            details.read_details(self.connection, self.detail_key, pending_only=False)
            if self.stream.detail
            else []
        )
        self.load(ended, self._still_there(ended[0], answers))

    def _still_there(
        self, base: scans.Scan, answers: Sequence[details.LandedDetail]
    ) -> list[details.LandedDetail]:
        """Without records that had left the lists by the base scan: those customers are gone.

        What was asked for since, or only because an invoice names it, is in no list and there all the same.
        """
        if not any(d.requested_at < base.started_at for d in answers):
            return list(answers)
        listed = {
            self.mapper.source_id(record)
            for page in raw_pages.read_pages(self.connection, base.id)
            for record in self.stream.open(page.body).records
        }
        return [
            d for d in answers if d.requested_at >= base.started_at or d.is_unlisted or d.source_id in listed
        ]

    @contextmanager
    def overlaid(self, source_id: str | None = None) -> Iterator[None]:
        """Before: the lists of role overrides and edits as they are now. After: rows and links that follow from others.

        Args:
            source_id: the one record that was loaded; None: many.
        """
        yield
        if self.table.has_changes:
            with self.connection.transaction():
                overlays.reapply_role_overrides(self.connection, self.batch)
        if SYSTEMS[self.account.system].pushes is not None:
            ids = (
                None
                if source_id is None
                else absences.row_ids(self.connection, self.table, self.batch, [source_id])
            )
            conflicts = reconcile(self.connection, self.account, self._batch(), row_ids=ids).open_conflicts
            if conflicts:
                self.result.messages.append(f"{conflicts} conflicts wait: `sumit conflicts list`")
        with self.connection.transaction():
            overlays.link_invoices(self.connection, account=self.account.account, source=self.account.system)

    # --- scans ---

    def _load_scan(self, scan: scans.Scan) -> None:
        batch = self._batch(incremental=scan.kind != "full")
        ids_seen = SeenIds(self.connection)
        counts = Counts()
        is_complete_full = scan.kind == "full" and scan.status == "complete"
        for records in self._batches(scan):
            ids = [self.mapper.source_id(body) for body, _ in records]
            if is_complete_full:
                # rejected and skipped ones too: they are not absent
                ids_seen.add([SeenRecord(source_id, "", None) for source_id in ids if source_id is not None])
            unread = records if self.result.rebuilt else self._without_unchanged(batch, ids, records, counts)
            sightings = self._mapped(unread, counts)
            applied = upsert.apply_batch(self.connection, self.table, batch, sightings)
            counts.add(applied.counts)
            if self.stream.wants_details:
                self.listed |= dict.fromkeys(filter(None, ids), "unchanged") | applied.outcomes
            self._resolve_rejects(ids, unread)
        if is_complete_full:
            self._settle_absences(scan, batch, counts)
            self.full_records = ids_seen.count
        self._record(scan, counts)
        self.result.counts.add(counts)
        self.result.scans += 1

    def _without_unchanged(
        self,
        batch: Batch,
        ids: Sequence[str | None],
        records: Sequence[tuple[bytes, datetime]],
        counts: Counts,
    ) -> list[tuple[bytes, datetime]]:
        """The records that need to be read: those not stored exactly as received."""
        known = [
            (source_id or "", self.mapper.record_hash(body))
            for source_id, (body, _) in zip(ids, records, strict=True)
        ]
        unchanged = upsert.unchanged_records(self.connection, self.table, batch, known)
        seen: set[str] = set()
        left = []
        for (source_id, _), is_unchanged, record in zip(known, unchanged, records, strict=True):
            if not is_unchanged:
                left.append(record)
            elif source_id in seen:
                counts.duplicate += 1
            else:
                seen.add(source_id)
                counts.unchanged += 1
        self.skipped_reading += len(records) - len(left)
        return left

    def _batches(self, scan: scans.Scan) -> Iterator[list[tuple[bytes, datetime]]]:
        """Records of a scan with the time of their page's request, some thousand at a time."""
        limit = scan.parameters.get("limit")
        left = int(limit) if limit else None
        gathered: list[tuple[bytes, datetime]] = []
        for page in raw_pages.read_pages(self.connection, scan.id):
            records = self.stream.open(page.body).records
            if left is not None:
                records = records[:left]
                left -= len(records)
            gathered.extend((bytes(record), page.requested_at) for record in records)
            if len(gathered) >= BATCH:
                yield gathered
                gathered = []
        if gathered:
            yield gathered

    def _settle_absences(self, scan: scans.Scan, batch: Batch, counts: Counts) -> None:
        found = absences.settle_absences(
            self.connection, self.table, batch,
            scan_id=scan.id, scan_started_at=scan.started_at, detail_stream=self.stream.detail or "",
            most_share=self.context.settings.delete_share, allow_mass_delete=self.allow_mass_delete,
        )  # fmt: skip
        counts.deactivated += found.deactivated
        self.result.blocked += found.blocked
        if found.blocked:
            self.result.messages.append(
                f"{self.stream.entity}: {found.blocked} rows are missing at the source, more than "
                f"{self.context.settings.delete_share:.0%} of all (DELETE_SHARE); none was marked. "
                "--allow-mass-delete confirms them"
            )
        if found.waiting:
            self.result.messages.append(
                f"{self.stream.entity}: {found.waiting} missing rows wait for the next complete scan"
            )

    def _record(self, scan: scans.Scan, counts: Counts) -> None:
        overlap = self.stream.policy(self.account.settings).overlap
        is_complete = scan.status == "complete" and scan.kind in ("full", "incremental")
        if is_complete:
            watermarks.record_load(
                self.connection,
                account=self.account.account,
                source=self.account.system,
                entity=self.stream.entity,
                counts=counts,
                status="ok" if not counts.rejected else "partial",
                started_at=scan.started_at,
                finished_at=scan.finished_at or scan.started_at,
                watermark=scan.started_at - overlap,
                is_full=scan.kind == "full",
                rows=scan.records,
            )
        scans.mark_loaded(self.connection, scan.id)

    def _learn_extra_fields(self) -> None:
        """Deliveries may name extra fields by id alone."""
        whose = {"account": self.account.account, "source": self.account.system}
        if self.extra_fields.items() - overlays.extra_field_names(self.connection, **whose).items():
            overlays.learn_extra_fields(self.connection, self.extra_fields, **whose)

    def _note_never_filled(self) -> None:
        """Columns blank in every record of a full scan: a path that the API does not use looks like that."""
        if self.full_records and not self.skipped_reading:
            mapped = {f.column for f in self.mapping.fields if f.paths}
            self.result.never_filled = tuple(sorted(mapped - self.filled))

    # --- single records ---

    def apply_details(self, answers: Sequence[details.LandedDetail], *, touch: bool = False) -> None:
        """Apply answers by id; a record that is gone is marked so."""
        if not answers:
            return
        batch = self._batch(touch=touch, incremental=True)
        open_detail = self.stream.open_detail or self.stream.open
        for start in range(0, len(answers), BATCH):
            part = answers[start : start + BATCH]
            records = [
                (bytes(record), detail.requested_at)
                for detail in part
                if detail.body is not None
                for record in open_detail(detail.body).records
            ]
            counts = Counts()
            sightings = self._mapped(records, counts)
            applied = upsert.apply_batch(self.connection, self.table, batch, sightings)
            if touch:
                counts.add(applied.counts)
            else:
                self._count_details(applied, counts)
            if touch:
                gone = absences.row_ids(
                    self.connection, self.table, batch, [d.source_id for d in part if d.body is None]
                )
                counts.deactivated += absences.mark_deleted(self.connection, self.table, batch, gone)
            self.result.counts.add(counts)
            details.mark_details_loaded(self.connection, self.detail_key, [d.source_id for d in part])

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

    def _mapped(self, records: Sequence[tuple[bytes, datetime]], counts: Counts) -> list[Sighting]:
        """Map records; skipped ones are counted, unmappable ones set aside with their reason."""
        sightings: list[Sighting] = []
        found_bad: list[rejects.Reject] = []
        for body, seen_at in records:
            record: Record | None = None
            try:
                received = self._decoded(body)
                skipped, record = self.mapper.reads(received)
                if skipped:
                    counts.skipped += 1
                    continue
                mapped = self.mapper.map(record)
                mapped.record_hash = self.mapper.record_hash(body)
                if self.mapping.extra_fields:
                    self.extra_fields |= named_extra_fields(received)
            except RecordError as error:
                found = record.get(self.mapping.id_path) if record else None
                found_bad.append(
                    rejects.Reject(str(found) if found is not None else None, body, str(error), seen_at)
                )
                self.rejected_now.add(body)
                continue
            self.result.conflicts += mapped.conflicts
            sightings.append(Sighting(mapped, seen_at))
            if len(self.filled) < len(self.mapping.fields):
                self.filled.update(column for column, value in mapped.values.items() if value is not None)
        if found_bad:
            counts.rejected += len(found_bad)
            rejects.store_rejects(
                self.connection, account=self.account.account, source=self.account.system, entity=self.stream.entity,
                sync_run_id=self.sync_run_id, rejects=found_bad,
            )  # fmt: skip
        return sightings

    def _resolve_rejects(self, ids: Sequence[str | None], unread: Sequence[tuple[bytes, datetime]]) -> None:
        """A record that was set aside and now came in a shape that maps, or as it is stored, is settled."""
        if not self.set_aside:
            return
        bad = {self.mapper.source_id(body) for body, _ in unread if body in self.rejected_now}
        settled = [self.set_aside.pop(i, []) for i in ids if i is not None and i not in bad]
        rejects.resolve_rejects(self.connection, [reject_id for found in settled for reject_id in found])

    def _decoded(self, body: bytes) -> Record:
        return decode_record(body, exact_numbers=self.table is tables.INVOICES)

    def _retry_rejects(self) -> None:
        """Records set aside before are tried again; those that map now are applied as of when they were seen."""
        whose = {"account": self.account.account, "source": self.account.system, "entity": self.stream.entity}
        mapped: list[Sighting] = []
        resolved: list[int] = []
        for reject in rejects.open_rejects(self.connection, **whose):
            try:
                _, record = self.mapper.reads(self._decoded(reject["record"].encode()))
                mapped.append(Sighting(self.mapper.map(record), reject["seen_at"]))
            except RecordError:
                continue
            resolved.append(reject["id"])
        if mapped:
            applied = upsert.apply_batch(self.connection, self.table, self._batch(incremental=True), mapped)
            self.result.messages.append(
                f"{len(mapped)} records that were set aside before could be mapped now"
            )
            self.result.counts.created += applied.counts.created
            self.result.counts.updated += applied.counts.updated
        rejects.resolve_rejects(self.connection, resolved)
