"""The records of landed pages, opened only where one of them has to be read."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from customer_assets.domain.cache.mapping import Mapper, record_hash
from customer_assets.pipeline.sync.reader import Landed
from customer_assets.sources.system import Stream
from customer_assets.store.raw.pages import LandedPage, separate
from customer_assets.store.raw.seen import SeenIds, SeenRecord


class Records:
    """The records of some pages, numbered in order: ids and hashes of all, bodies of those that are asked for.

    Attributes:
        pages: the pages.
        ids: id of each record; None: it has none that can be read.
        hashes: `record_hash` of each.
    """

    def __init__(self, stream: Stream, mapper: Mapper) -> None:
        self._stream, self._mapper = stream, mapper
        self.pages: list[LandedPage] = []
        self.ids: list[str | None] = []
        self.hashes: list[bytes] = []
        self._starts: list[int] = []  # number of the first record of each page

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, page: LandedPage, most: int | None = None) -> int:
        """Add a page, or the first `most` records of it; returns how many."""
        self._starts.append(len(self))
        self.pages.append(page)
        hashes = separate(page.record_hashes or b"")
        ids: Sequence[str | None] | None = page.ids
        if ids is None or len(hashes) != len(ids):
            bodies = self._stream.open(page.body).records
            ids, hashes = [self._mapper.source_id(body) for body in bodies], [record_hash(body) for body in bodies]
        self.ids += ids[:most]
        self.hashes += hashes[:most]
        return len(self) - self._starts[-1]

    def landed(self, numbers: Iterable[int]) -> list[Landed]:
        """The records of these numbers, in ascending order, each with the time that its page was asked for."""
        found: list[Landed] = []
        opened, bodies = -1, []
        for number in numbers:
            at = bisect_right(self._starts, number) - 1
            if at != opened:
                opened, bodies = at, self._stream.open(self.pages[at].body).records
            found.append((bytes(bodies[number - self._starts[at]]), self.pages[at].requested_at))
        return found

    def note_seen(self, seen: SeenIds) -> None:
        """Note the ids of all; rejected and skipped ones, too: they are not absent."""
        for page, ids in self._by_page():
            if page.page_id is not None and page.ids is not None and len(page.ids) == len(ids):
                seen.add_stored(page.page_id, len(ids))
            else:
                seen.add([SeenRecord(source_id, "", None) for source_id in ids if source_id is not None])

    def settled_pages(self, kept: set[str | None]) -> Iterator[int]:
        """Positions of the pages whose ids are all kept and stand nowhere else."""
        often = Counter(self.ids)
        for page, ids in self._by_page():
            if all(i is not None and i in kept and often[i] == 1 for i in ids):
                yield page.position

    def _by_page(self) -> Iterator[tuple[LandedPage, list[str | None]]]:
        ends = [*self._starts[1:], len(self)]
        for page, start, end in zip(self.pages, self._starts, ends, strict=True):
            yield page, self.ids[start:end]
