"""Landing: an API's answers go to the raw tables as they come. All API calls of a pull are made here, none later.

After the list pages: the details that the lists made necessary, the customers that only invoices name, and the records
that a complete scan missed (asked for by id, so that nothing is taken for deleted that merely slipped between pages).
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from customer_assets.accounts import Account
from customer_assets.domain.cache import tables
from customer_assets.domain.cache.mapping import RecordMapping, plain_text
from customer_assets.domain.cache.values import instant
from customer_assets.domain.clock import now_utc
from customer_assets.errors import ContractError, GoneError, QuotaError, SourceError, TransientError
from customer_assets.pipeline.context import Context, Progress
from customer_assets.sources.kit.client import Source
from customer_assets.sources.kit.pages import Envelope, Page
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import Stream
from customer_assets.store import watermarks
from customer_assets.store.database import Connection, scalar
from customer_assets.store.raw import details, scans, seen
from customer_assets.store.raw import pages as raw_pages

log = logging.getLogger(__name__)

FLUSH_PAGES = 20
FLUSH_BYTES = 4_000_000
MOST_FAILURES = 3  # records in a row that cannot be fetched by id


@dataclass(frozen=True)
class PullOptions:
    """What a pull is asked to do.

    Attributes:
        full: no incremental pull, whatever is known.
        limit: at most so many records of each list.
        allow_mass_delete: the operator confirms that missing records are gone, however many.
        page_size: records per page; None: the system's maximum.
        delay_ms: at least so long between calls.
    """

    full: bool = False
    limit: int | None = None
    allow_mass_delete: bool = False
    page_size: int | None = None
    delay_ms: int = 0


@dataclass
class Landed:
    """What landing one stream gave.

    Attributes:
        scan: the scan, None when it did not even begin.
        status: complete, incomplete or failed.
        pages: pages landed now, details included.
        messages: what a user should know.
        error: what ended it early.
    """

    stream: Stream
    scan: scans.Scan | None = None
    status: str = "failed"
    pages: int = 0
    messages: list[str] = field(default_factory=list)
    error: SourceError | None = None


async def land_stream(
    context: Context, connection: Connection, account: Account, source: Source, stream: Stream, options: PullOptions,
    *, sync_run_id: int | None,
) -> Landed:  # fmt: skip
    """Land one stream and all that follows from it.

    What ended it early is in the result, not raised: pages that landed are good, and the next run goes on from there.
    """
    landing = _Landing(context, connection, account, source, stream, options, sync_run_id)
    try:
        await landing.land_list()
        await landing.land_consequences()
    except SourceError as error:
        landing.result.error = error
    return landing.result


class _Landing:
    def __init__(
        self, context: Context, connection: Connection, account: Account, source: Source, stream: Stream,
        options: PullOptions, sync_run_id: int | None,
    ) -> None:  # fmt: skip
        self.context, self.connection, self.account, self.source = context, connection, account, source
        self.stream, self.options, self.sync_run_id = stream, options, sync_run_id
        self.table = tables.CUSTOMERS if stream.entity == "customers" else tables.INVOICES
        self.key = raw_pages.StreamKey(account.account, account.system, stream.name)
        self.mapping = stream.mapping(account.settings)
        self.policy = stream.policy(account.settings)
        self.head = _head_decoder(self.mapping, stream.refers_to)
        self.seen = seen.SeenIds(connection)
        self.unreadable = 0
        self.is_unfiltered = False
        self.totals: set[int] = set()
        self.result = Landed(stream)

    # --- the list ---

    async def land_list(self) -> None:
        since = self._since()
        try:
            await self._scan(since)
        except ContractError as error:
            if since is None:
                raise
            # the tenant does not take the filter: scan fully
            log.info(
                "%s %s: filter refused (%s), scanning fully", self.account.system, self.stream.name, error
            )
            await self._scan(None)

    def _since(self) -> datetime | None:
        """From when on changes are asked for; None: everything."""
        # a confirmed mass deletion needs everything: an incremental answer says nothing of what is gone
        is_whole = self.options.full or self.options.limit or self.options.allow_mass_delete
        if is_whole or not self.policy.asks_for_changes:
            return None
        state = watermarks.stream_state(
            self.connection,
            account=self.account.account,
            source=self.account.system,
            entity=self.stream.entity,
        )
        if state.watermark is None or state.last_full_at is None:
            return None
        if now_utc() - state.last_full_at > self.policy.full_scan_every:
            return None
        return state.watermark.replace(microsecond=0)  # as it is sent: the filter knows seconds only

    async def _scan(self, since: datetime | None) -> None:
        kind = "limited" if self.options.limit else "incremental" if since else "full"
        parameters = {
            "since": since.isoformat() if since else None,
            "page_size": self.options.page_size,
            "limit": self.options.limit,
        }
        scan = None
        if self.stream.resumable:
            scan = scans.resumable_scan(
                self.connection, self.key, kind=kind, parameters=parameters,
                max_age_hours=self.context.settings.resume_hours,
            )  # fmt: skip
        if scan is None:
            scan = scans.begin_scan(
                self.connection, self.key, kind=kind, parameters=parameters, sync_run_id=self.sync_run_id
            )
        self.result.scan = scan
        self.seen = seen.SeenIds(self.connection)
        self.unreadable, self.is_unfiltered, self.totals = 0, False, set()
        landed = scans.landed_positions(self.connection, scan.id)
        try:
            await self._land_pages(scan, since, landed)
        except SourceError as error:
            scans.end_scan(self.connection, scan.id, status="failed", error=str(error))
            raise
        self._end(scan, since)

    async def _land_pages(self, scan: scans.Scan, since: datetime | None, landed: frozenset[int]) -> None:
        self._recount(scan, landed)
        buffer: list[Page] = []
        try:
            async with aclosing(self._pages(since, landed)) as pages:
                async for page in pages:
                    buffer.append(page)
                    if page.position not in landed:
                        self._look_at(page.envelope, since)
                    self.result.pages += 1
                    if len(buffer) >= FLUSH_PAGES or sum(len(p.body) for p in buffer) >= FLUSH_BYTES:
                        self._flush(scan, buffer)
                    self._tell(page)
                    if self.options.limit and self.seen.count + self.unreadable >= self.options.limit:
                        break
        finally:
            self._flush(scan, buffer)

    def _pages(self, since: datetime | None, landed: frozenset[int]) -> AsyncGenerator[Page]:
        return self.source.scan(self.stream.name, since=since, landed=landed)

    def _recount(self, scan: scans.Scan, landed: frozenset[int]) -> None:
        """Pages of a resumed scan that landed before count as seen."""
        if landed:
            since = instant(scan.parameters.get("since"))
            self.result.messages.append(f"{self.stream.name}: resumed after {len(landed)} pages")
            for page in raw_pages.read_pages(self.connection, scan.id):
                self._look_at(self.stream.open(page.body), since)

    def _flush(self, scan: scans.Scan, buffer: list[Page]) -> None:
        raw_pages.land_pages(
            self.connection, self.key, scan.id,
            [raw_pages.LandedPage(page.position, page.body, page.requested_at) for page in buffer],
        )  # fmt: skip
        buffer.clear()

    def _look_at(self, envelope: Envelope, since: datetime | None) -> None:
        """Note the ids of a page, its total, and whether the filter by time really filtered."""
        seen = []
        for record in envelope.records:
            shown = self._shown(record)
            if shown is None:
                self.unreadable += 1
                continue
            seen.append(shown)
            if since is not None and (modified := instant(shown.version)) is not None and modified < since:
                self.is_unfiltered = True
        self.seen.add(seen)
        if envelope.total is not None:
            self.totals.add(envelope.total)

    def _shown(self, record: msgspec.Raw) -> seen.SeenRecord | None:
        try:
            head = self.head.decode(record)
            source_id = plain_text(head.id)
            version, refers_to = plain_text(head.modified), plain_text(head.refers_to)
        except msgspec.MsgspecError:
            return None
        if source_id is None:
            return None
        return seen.SeenRecord(source_id, version or blake2b(record, digest_size=8).hexdigest(), refers_to)

    def _tell(self, page: Page) -> None:
        total = page.envelope.pages
        self.context.progress(
            Progress(self.account.account, self.account.system, self.stream.name, self.result.pages, total)
        )

    def _end(self, scan: scans.Scan, since: datetime | None) -> None:
        """Complete or said (design, section 7)."""
        distinct = self.seen.distinct()
        kind = None
        if since is not None and self.is_unfiltered:
            kind = "full"  # the filter was ignored: this was everything
            self.result.messages.append(
                f"{self.stream.name}: the filter by time was ignored; counted as a full scan"
            )
        total = max(self.totals, default=None)
        is_full = (kind or scan.kind) == "full"
        doubt = self._miscounted(distinct, total) or (self._shrunk(scan, distinct) if is_full else None)
        self.result.status = "incomplete" if doubt or scan.kind == "limited" else "complete"
        scans.end_scan(
            self.connection,
            scan.id,
            status=self.result.status,
            kind=kind,
            records=distinct,
            total=total,
            error=doubt,
        )
        if doubt:
            self.result.messages.append(f"{self.stream.name}: {doubt}; nothing is taken for deleted")
        self.result.scan = replace(scan, kind=kind or scan.kind, status=self.result.status, records=distinct)

    def _miscounted(self, distinct: int, total: int | None) -> str | None:
        """Why the records seen cannot be all that there are, None when they can."""
        if self.options.limit:
            return None
        if self.stream.is_counted and total is not None:
            if len(self.totals) > 1:
                return f"incomplete scan: the total moved while it was read ({min(self.totals)} to {total})"
            if distinct + self.unreadable != total:
                return f"incomplete scan: {distinct + self.unreadable} of {total} records"
        elif not self.stream.tolerates_duplicates and distinct < self.seen.count:
            return f"incomplete scan: pages moved while it was read ({self.seen.count - distinct} records came twice)"
        return None

    def _shrunk(self, scan: scans.Scan, distinct: int) -> str | None:
        """Why a full scan is too small to be believed, None when it is not."""
        last = scans.last_complete_scan(self.connection, self.key, before=scan.id)
        if last is None or not last.records or self.options.allow_mass_delete:
            return None
        allowed = math.ceil(last.records * self.context.settings.shrink_share)
        if distinct >= last.records - allowed:
            return None
        return (
            f"incomplete scan: {distinct} records, the last complete scan had {last.records} "
            "(--allow-mass-delete confirms that so many are gone)"
        )

    # --- what follows from it ---

    async def land_consequences(self) -> None:
        """Details, customers that only invoices name, and records that are missing; each within the call budget."""
        if self.options.limit:
            return
        if self.stream.wants_details and self.result.scan is not None:
            details.want_details(self.connection, self._detail_key())
        if self.stream.refers_to:
            customers = self._detail_key()
            details.want_ids(self.connection, customers, self.seen.unknown_references(customers))
        scan = self.result.scan
        if (
            self.result.status == "complete"
            and scan is not None
            and scan.kind == "full"
            and self.stream.detail
        ):
            await self._ask_for(self._missing(scan))
        if self.stream.wants_details or self.stream.refers_to:
            await self._land_details()

    def _detail_key(self) -> raw_pages.StreamKey:
        """Single records that follow from this stream: its own, or the customers that its invoices name."""
        name = self.stream.detail or SYSTEMS[self.account.system].stream("customers").detail or ""
        return raw_pages.StreamKey(self.account.account, self.account.system, name)

    def _missing(self, scan: scans.Scan) -> list[tuple[str, str | None]]:
        """Records to confirm by id, unless so many are missing that they will not be marked anyway."""
        missing = self.seen.missing_from(
            self.table.name, self.table.id_column,
            account=self.account.account, source=self.account.system, before=scan.started_at,
        )  # fmt: skip
        live = int(
            scalar(
                self.connection,
                f"select count(*) from {self.table.name} where account = %s and source = %s and deleted_at is null",
                [self.account.account, self.account.system],
            )
        )
        settings = self.context.settings
        if len(missing) > math.ceil(live * settings.delete_share):
            return []
        return [(source_id, None) for source_id in missing[: settings.delete_confirmations]]

    async def _land_details(self) -> None:
        key = self._detail_key()
        await self._ask_for(details.wanted_details(self.connection, key, limit=self.policy.detail_budget))
        left = details.count_wanted(self.connection, key)
        if left:
            self.result.messages.append(
                f"{left} details are left for the next run ({self.account.system.upper()}_DETAIL_BUDGET)"
            )

    async def _ask_for(self, wanted: Iterable[tuple[str, str | None]]) -> None:
        """Fetch records by id and land the answers; a spent quota leaves the rest for the next run."""
        key = self._detail_key()
        asked = list(wanted)
        failures = 0
        for number, (source_id, version) in enumerate(asked, start=1):
            requested_at = datetime.now(UTC)
            try:
                page = await self.source.fetch(key.stream, source_id)
            except GoneError:
                body = None
            except QuotaError as error:
                self.result.messages.append(f"{key.stream}: {error}")
                return
            except (ContractError, TransientError) as error:
                # one bad record must not stand in the way of the others; several in a row are the system's trouble
                failures += 1
                details.note_failed_detail(self.connection, key, source_id)
                self.result.messages.append(str(error))
                if failures >= MOST_FAILURES:
                    raise
                continue
            else:
                body, requested_at = page.body, page.requested_at
            failures = 0
            details.land_detail(
                self.connection, key, source_id, version=version, requested_at=requested_at, body=body
            )
            self.result.pages += 1
            self.context.progress(
                Progress(self.account.account, self.account.system, key.stream, number, len(asked))
            )


def _head_decoder(mapping: RecordMapping, refers_to: str | None) -> msgspec.json.Decoder[Any]:
    """Reads of a record only its id, its time of change, and the customer that it names."""
    keys = {"id": mapping.id_path, "modified": mapping.modified_path, "refers_to": refers_to}
    missing = msgspec.Raw(b"")
    # a key that the stream does not have is read under a name that no record has
    fields = [
        (name, msgspec.Raw, msgspec.field(name=key or f"no {name}", default=missing))
        for name, key in keys.items()
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Head", fields))
