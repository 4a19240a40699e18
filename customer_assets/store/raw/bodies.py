"""Bodies as they are stored: compressed, and a changed page against the page that stood in its place before.

Of 100 customers on a page one changes in a night: against the page before, the rest costs next to nothing. A page that
others are compressed against is compressed alone, so that reading one takes two at most.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import zstandard

from customer_assets.store.database import Connection

_LEVEL = 1
_WORTH = 0.5  # of what the page before takes alone; above that a page is stored alone, too


class _OfThread(threading.local):
    """A compressor is one thread's at a time, and costs something to make."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)


_mine = _OfThread()

# of a query over `ops.raw_pages p`: what `unpacked` reads, and what it joins for that
COLUMNS = "p.body, b.body as base_body"
JOIN = "left join ops.raw_pages b on b.id = p.base_id"


def packed(body: bytes) -> bytes:
    """A body to store, alone."""
    return _mine.compressor.compress(body)


def packed_against(body: bytes, base: bytes) -> bytes | None:
    """A body to store against another page, stored alone; None where the two have too little in common."""
    dictionary = _dictionary(zstandard.ZstdDecompressor().decompress(base))
    delta = zstandard.ZstdCompressor(level=_LEVEL, dict_data=dictionary).compress(body)
    return delta if len(delta) <= len(base) * _WORTH else None


def unpacked(row: Mapping[str, Any]) -> bytes:
    """The body as received, of a row with `COLUMNS`."""
    if row["base_body"] is None:
        return zstandard.ZstdDecompressor().decompress(row["body"])
    dictionary = _dictionary(zstandard.ZstdDecompressor().decompress(row["base_body"]))
    return zstandard.ZstdDecompressor(dict_data=dictionary).decompress(row["body"])


def bases_of(connection: Connection, page_ids: Sequence[int]) -> dict[int, tuple[int, bytes]]:
    """By page: the page, stored alone, that one in its place is compressed against, and that one's stored body."""
    rows = connection.execute(
        """
        select p.id, b.id as base_id, b.body
        from ops.raw_pages p
        join ops.raw_pages b on b.id = coalesce(p.base_id, p.id)
        where p.id = any(%s)
        """,
        [list(page_ids)],
        binary=True,
    )
    return {row["id"]: (row["base_id"], bytes(row["body"])) for row in rows}


def _dictionary(body: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(body, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
