"""What an API answers: pages, opened so that each record can be read (or rejected) on its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from customer_assets.errors import (
    ContractError,
    TransientError,
)

# an escaped surrogate that is not half of a pair
LONE_SURROGATE = re.compile(
    rb"(?i)\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}"
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A page, opened: its records still as JSON, so that each can be read (or rejected) on its own.

    Attributes:
        records: the records, undecoded.
        total: how many the system says there are in all; None where it does not say.
        pages: how many pages it says there are; None where it does not say.
        more: whether it says that another page follows; None where it does not say.
    """

    records: list[msgspec.Raw]
    total: int | None = None
    pages: int | None = None
    more: bool | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of an API, as received.

    Attributes:
        position: 0-based place in its scan (0 for a detail).
        body: the bytes as received.
        requested_at: when it was asked for (UTC): what it says was true then or later.
        envelope: the body, opened.
    """

    position: int
    body: bytes
    requested_at: datetime
    envelope: Envelope


def decode(body: bytes, kind: Any, *, system: str, what: str) -> Any:
    """Open an envelope.

    Raises:
        ContractError: it is JSON of another shape.
        TransientError: it is cut, or no JSON at all.
    """
    try:
        try:
            return msgspec.json.decode(body, type=kind, strict=False)
        except msgspec.DecodeError:
            if b"\\ud" not in body.lower():
                raise
            # half an emoji, as cut texts have: one record's trouble, not its page's
            return msgspec.json.decode(LONE_SURROGATE.sub(rb"\\ufffd", body), type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise ContractError(f"{system} {what}: not the promised answer: {error}", system=system) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise TransientError(f"{system} {what}: the answer is cut or no JSON", system=system) from None
