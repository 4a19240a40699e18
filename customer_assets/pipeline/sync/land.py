"""Landing: an API's answers go to the raw tables as they come. All API calls of a pull are made here, none later.

A scan is complete, or it is said why not (`domain/cache/completeness.py`). What follows from it, record by record, is
in `follow_ups.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from customer_assets.domain.cache import completeness
from customer_assets.domain.cache.mapping import Mapper, RecordMapping, plain_text, record_hash
from customer_assets.domain.cache.values import instant
from customer_assets.domain.clock import now_utc
from customer_assets.errors import ConfigurationError, ContractError, GoneError, SourceError, TransientError
from customer_assets.pipeline.context import Progress
from customer_assets.pipeline.sync.follow_ups import follow_up
from customer_assets.pipeline.sync.run import LandResult, SyncRun
from customer_assets.sources.kit.client import Source
from customer_assets.sources.kit.pages import Envelope, Page
from customer_assets.sources.system import Stream
from customer_assets.store import watermarks
from customer_assets.store.database import Connection
from customer_assets.store.raw import details, scans
from customer_assets.store.raw import pages as raw_pages
from customer_assets.store.raw.details import LandedDetail
from customer_assets.store.raw.gate import Gate, GatedPage, keep_gated, open_gate
from customer_assets.store.raw.seen import SeenIds, SeenRecord

log = logging.getLogger(__name__)

FLUSH_PAGES = 20
FLUSH_BYTES = 4_000_000


async def land(run: SyncRun, streams: Sequence[Stream]) -> None:
    """Land streams of the run's account, in order; the first that fails ends it, and so does its share of the run's time."""
    share, stream = asyncio.timeout(run.context.account_seconds), streams[0]
    try:
        async with share, run.source() as source:
            for stream in streams:
                since = _changes_since(run, stream)
                landed = await land_stream(run, source, stream, since)
                if since is not None and landed.status == "failed" and isinstance(landed.error, ContractError):
                    log.info("%s %s: filter refused (%s)", run.system.name, stream.name, landed.error)
                    landed = await land_stream(run, source, stream, None)
                run.note_landed(landed)
                if landed.error is not None:
                    break
    except TimeoutError:
        if not share.expired():
            raise
        minutes = f"{(run.context.account_seconds or 0) / 60:g} minutes"
        then = "goes on from there" if stream.resumable else f"begins {stream.name} anew"
        run.result.fail(
            TransientError(f"broken off after {minutes} (ACCOUNT_MINUTES): the next run {then}", system=run.system.name)
        )
    except ConfigurationError as error:
        # a setting that turns out wrong (two folders that may hold the customers) is this system's trouble alone
        run.result.fail(error)


async def land_stream(run: SyncRun, source: Source, stream: Stream, since: datetime | None) -> LandResult:
    """Land one stream, and what follows from it: pages stored as they come, what they show noted, and whether it was all.

    Args:
        run, source: whose.
        stream: which list.
        since: ask for changes only; None: for everything.

    Returns:
        What ended it early is in the result, not raised: pages that landed are good, and the next run goes on from there.
    """
    scan, gate = _begin_or_resume(run, stream, since)
    landed = LandResult(stream, scan)
    positions = scans.landed_positions(run.connection, scan.id)
    watch = _Watch(run.connection, stream, run.mapping(stream), since)
    if positions:
        landed.messages.append(f"{stream.name}: resumed after {len(positions)} pages")
        for stored in raw_pages.read_pages(run.connection, scan.id):
            watch.note_landed_before(stored)
    buffer: list[raw_pages.LandedPage] = []
    try:
        async with aclosing(source.scan(stream.name, since=since, landed=positions)) as pages:
            async for page in pages:
                buffer.append(_seen_page(page, gate, watch, is_new=page.position not in positions))
                landed.pages += 1
                if len(buffer) >= FLUSH_PAGES or sum(len(p.body) for p in buffer) >= FLUSH_BYTES:
                    _flush(run, stream, scan, buffer, watch)
                run.context.progress(
                    Progress(run.account.account, run.system.name, stream.name, landed.pages, page.envelope.pages)
                )
                if run.options.limit and watch.records >= run.options.limit:
                    break
    except SourceError as error:
        landed.error = error
    except asyncio.CancelledError:  # its share of the time is over
        scans.end_scan(run.connection, scan.id, status="failed", error="broken off")
        raise
    finally:
        _flush(run, stream, scan, buffer, watch)
    _end(run, stream, scan, watch, landed)
    if landed.error is None and not run.options.limit:
        try:
            await follow_up(run, source, landed, watch.ids)
        except SourceError as error:
            landed.error = error
    return landed


async def land_one(run: SyncRun, stream: Stream, source_id: str) -> None:
    """Land the answer for one id; that it is gone is an answer, too."""
    key = run.key(stream.detail)
    async with run.source() as source:
        try:
            page = await source.fetch(key.stream, source_id)
        except GoneError as error:
            details.land_details(run.connection, key, [LandedDetail(source_id, None, now_utc())])
            run.result.error = error
        except SourceError as error:
            run.result.error = error
        else:
            details.land_details(run.connection, key, [LandedDetail(source_id, page.body, page.requested_at)])
            run.result.pages += 1


def _changes_since(run: SyncRun, stream: Stream) -> datetime | None:
    """From when on changes are asked for; None: everything."""
    options, policy = run.options, stream.policy(run.account.settings)
    # a confirmed mass deletion needs everything: an incremental answer says nothing of what is gone
    if options.full or options.limit or options.allow_mass_delete or not policy.asks_for_changes:
        return None
    state = watermarks.stream_state(
        run.connection, account=run.account.account, source=run.system.name, entity=stream.entity
    )
    return completeness.changes_since(
        watermark=state.watermark,
        last_full_at=state.last_full_at,
        full_scan_every=policy.full_scan_every,
        now=now_utc(),
    )


def _begin_or_resume(run: SyncRun, stream: Stream, since: datetime | None) -> tuple[scans.Scan, Gate]:
    """The scan, new or cut before, and the pages that it need not open."""
    key = run.key(stream.name)
    kind = "limited" if run.options.limit else "incremental" if since else "full"
    parameters = {
        "since": since.isoformat() if since else None,
        "page_size": run.options.page_size,
        "limit": run.options.limit,
    }
    if stream.resumable:
        cut = scans.resumable_scan(
            run.connection, key, kind=kind, parameters=parameters, max_age_hours=run.context.settings.resume_hours
        )
        if cut is not None:
            return cut, Gate()  # what it did not open, it took from the gate that it began with
    scan = scans.begin_scan(run.connection, key, kind=kind, parameters=parameters, sync_run_id=run.id)
    if kind != "full" or not run.options.page_gate:
        return scan, Gate()
    salt = Mapper(run.mapping(stream)).salt
    gate = open_gate(run.connection, key, entity=stream.entity, salt=salt)
    keep_gated(run.connection, scan.id, gate)
    return scan, gate


def _seen_page(page: Page, gate: Gate, watch: _Watch, *, is_new: bool) -> raw_pages.LandedPage:
    """Note what a page shows; one that the gate knows is not opened, the first time that it comes."""
    if is_new and gate.pages:
        known = gate.pages.pop(raw_pages.page_hash(page.body), None)
        if known is not None:
            watch.note_gated(known, page.envelope.total)
            return raw_pages.LandedPage(page.position, b"", page.requested_at, page_id=known.page_id)
    ids = watch.note(page.envelope) if is_new else None
    return raw_pages.LandedPage(
        page.position,
        page.body,
        page.requested_at,
        ids,
        record_hashes=b"".join(map(record_hash, page.envelope.records)) if ids is not None else None,
        before=gate.places.get(page.position),
    )


def _flush(run: SyncRun, stream: Stream, scan: scans.Scan, buffer: list[raw_pages.LandedPage], watch: _Watch) -> None:
    if buffer:
        stored = raw_pages.land_pages(run.connection, run.key(stream.name), scan.id, buffer)
        watch.note_stored(buffer, stored)
        buffer.clear()


def _end(run: SyncRun, stream: Stream, scan: scans.Scan, watch: _Watch, landed: LandResult) -> None:
    """Say whether the scan was complete, and as what it counts."""
    if landed.error is not None:
        scans.end_scan(run.connection, scan.id, status="failed", error=str(landed.error))
        return
    seen = watch.seen()
    kind = None
    if watch.is_unfiltered:
        kind = "full"  # the filter was ignored: this was everything
        landed.messages.append(f"{stream.name}: the filter by time was ignored; counted as a full scan")
    doubt = _doubt(run, stream, scan, seen, is_full=(kind or scan.kind) == "full")
    landed.status = "incomplete" if doubt or scan.kind == "limited" else "complete"
    scans.end_scan(
        run.connection,
        scan.id,
        status=landed.status,
        kind=kind,
        records=seen.distinct,
        total=max(seen.totals, default=None),
        error=doubt,
    )
    if doubt:
        landed.messages.append(f"{stream.name}: {doubt}; nothing is taken for deleted")
    landed.scan = replace(scan, kind=kind or scan.kind, status=landed.status, records=seen.distinct)


def _doubt(run: SyncRun, stream: Stream, scan: scans.Scan, seen: completeness.Seen, *, is_full: bool) -> str | None:
    if not run.options.limit:
        doubt = completeness.miscounted(
            seen, is_counted=stream.is_counted, tolerates_duplicates=stream.tolerates_duplicates
        )
        if doubt:
            return doubt
    if not is_full or run.options.allow_mass_delete:
        return None
    last = scans.last_complete_scan(run.connection, run.key(stream.name), before=scan.id)
    before = last.records if last is not None else None
    return completeness.shrunk(seen.distinct, before=before, share=run.context.settings.shrink_share)


class _Watch:
    """Notes what the pages of a scan show: ids, totals, and whether the filter by time really filtered."""

    def __init__(self, connection: Connection, stream: Stream, mapping: RecordMapping, since: datetime | None) -> None:
        self.ids = SeenIds(connection)
        self.records = 0
        self.unreadable = 0
        self.is_unfiltered = False
        # where more than its id is to be known of a record, it is noted by itself; else its page says it
        self._by_page = not (stream.wants_details or stream.refers_to)
        self._open = stream.open
        self._since = since
        self._totals: set[int] = set()
        self._head = _head_decoder(mapping, stream.refers_to)

    def note(self, envelope: Envelope) -> list[str] | None:
        """Note one page; returns the ids of its records, None where some cannot be read."""
        seen = []
        unreadable = 0
        for record in envelope.records:
            shown = self._shown(record)
            if shown is None:
                unreadable += 1
                continue
            seen.append(shown)
            if self._since is not None and (at := instant(shown.version)) is not None and at < self._since:
                self.is_unfiltered = True
        if unreadable or not self._by_page:
            self.ids.add(seen)
        self.records += len(envelope.records)
        self.unreadable += unreadable
        if envelope.total is not None:
            self._totals.add(envelope.total)
        return None if unreadable else [record.source_id for record in seen]

    def note_stored(self, pages: Sequence[raw_pages.LandedPage], stored: Mapping[int, int]) -> None:
        """Note pages that are stored now, with the ids of their records, by position."""
        if self._by_page:
            for page in pages:
                if page.ids is not None:
                    self.ids.add_stored(stored[page.position], len(page.ids))

    def note_landed_before(self, page: raw_pages.LandedPage) -> None:
        """Note a page that a scan that goes on now had landed."""
        ids = self.note(self._open(page.body))
        if self._by_page and ids is not None:
            if page.page_id is not None and page.ids is not None:
                self.ids.add_stored(page.page_id, len(ids))
            else:
                self.ids.add([SeenRecord(source_id, "", None) for source_id in ids])

    def note_gated(self, page: GatedPage, total: int | None) -> None:
        """Note a page that need not be opened."""
        self.ids.add_gated(page.page_id, page.records)
        self.records += page.records
        if total is not None:
            self._totals.add(total)

    def seen(self) -> completeness.Seen:
        """What all pages showed."""
        return completeness.Seen(self.ids.distinct(), self.ids.count, self.unreadable, frozenset(self._totals))

    def _shown(self, record: msgspec.Raw) -> SeenRecord | None:
        try:
            head = self._head.decode(record)
            source_id = plain_text(head.id)
            version, refers_to = plain_text(head.modified), plain_text(head.refers_to)
        except msgspec.MsgspecError:
            return None
        if source_id is None:
            return None
        return SeenRecord(source_id, version or blake2b(record, digest_size=8).hexdigest(), refers_to)


def _head_decoder(mapping: RecordMapping, refers_to: str | None) -> msgspec.json.Decoder[Any]:
    """Reads of a record only its id, its time of change, and the customer that it names."""
    keys = {"id": mapping.id_path, "modified": mapping.modified_path, "refers_to": refers_to}
    missing = msgspec.Raw(b"")
    # a key that the stream does not have is read under a name that no record has
    fields = [
        (name, msgspec.Raw, msgspec.field(name=key or f"no {name}", default=missing)) for name, key in keys.items()
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Head", fields))
