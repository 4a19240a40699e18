"""How landed records are read: mapped one by one, what cannot be mapped set aside with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from customer_assets.domain.cache.mapping import (
    ERASED_MARK,
    Mapper,
    Record,
    RecordMapping,
    decode_record,
    named_extra_fields,
    record_hash,
)
from customer_assets.domain.cache.row import Sighting
from customer_assets.errors import RecordError
from customer_assets.sources.system import Stream
from customer_assets.store.rejects import Reject

Landed = tuple[bytes, datetime]  # a record as received, and when its page was asked for


@dataclass
class Read:
    """What reading some records gave.

    Attributes:
        sightings: those that map.
        rejects: those that cannot be mapped.
        skipped: how many are none of ours.
        not_ours: those of them that have an id, by it, with the reason.
    """

    sightings: list[Sighting] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skipped: int = 0
    not_ours: dict[str, str] = field(default_factory=dict)


class Reader:
    """Reads the records of one stream under the settings of one account, and notes what they tell beside.

    Attributes:
        extra_fields: names of extra fields by their ids, as far as records told.
        conflicts: values that two paths of a record gave differently.
        dropped: why values were left out, and how often.
    """

    def __init__(self, mapping: RecordMapping, stream: Stream) -> None:
        self.mapping = mapping
        self.mapper = Mapper(self.mapping)
        self._unfilled = {f.column for f in self.mapping.fields if f.paths}
        self.extra_fields: dict[str, str] = {}
        self.conflicts = 0
        self.dropped: Counter[str] = Counter()
        self._exact_numbers = stream.entity == "invoices"

    def read(self, records: Sequence[Landed]) -> Read:
        """Read records; the bad ones reject themselves alone."""
        found = Read()
        for body, seen_at in records:
            record: Record | None = None
            try:
                received = decode_record(body, exact_numbers=self._exact_numbers)
                if ERASED_MARK in received:
                    found.skipped += 1
                    continue
                skipped, record = self.mapper.reads(received)
                if skipped:
                    found.skipped += 1
                    if (source_id := self.mapper.source_id(body)) is not None:
                        found.not_ours[source_id] = skipped
                    continue
                mapped = self.mapper.map(record)
            except RecordError as error:
                given = record.get(self.mapping.id_path) if record else None
                source_id = str(given) if given is not None else None
                found.rejects.append(Reject(source_id, body, str(error), seen_at))
                continue
            mapped.record_hash = record_hash(body)
            if self.mapping.extra_fields:
                self.extra_fields |= named_extra_fields(received)
            self.conflicts += mapped.conflicts
            if mapped.warnings:
                self.dropped.update(mapped.warnings)
            if self._unfilled:
                self._unfilled = {column for column in self._unfilled if mapped.values.get(column) is None}
            found.sightings.append(Sighting(mapped, seen_at))
        return found

    def never_filled(self) -> tuple[str, ...]:
        """Mapped columns that no record filled: a path that the API does not use looks like that."""
        return tuple(sorted(self._unfilled))
