"""What a webhook delivery says: its id, its event, and the record it carries. Source: docs/systems/robaws.md#deliveries."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass

import msgspec

from customer_assets.domain.cache.mapping import plain_text
from customer_assets.errors import RecordError

EVENTS = frozenset({"client.created", "client.updated"})
LONGEST_NAME = 200


class _Body(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw(b"")
    event: msgspec.Raw = msgspec.Raw(b"")
    data: msgspec.Raw = msgspec.Raw(b"")


_decoder = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivery's envelope.

    Attributes:
        id: its own id; one of the signed time and the body where it gives none that can be stored.
        event: what happened; empty where it is not said.
        error: why it cannot be applied, None where it can be tried.
    """

    id: str
    event: str
    error: str | None


def open_delivery(body: bytes, t: bytes) -> Opened:
    """Read the envelope of a verified delivery; never raises, since what is rightly signed is stored whatever it is.

    Args:
        body: raw bytes.
        t: the signed time as written, part of the id where the body has none: the same content may come again later.
    """
    made_up = f"t{t.decode('ascii')}-{hashlib.sha256(body).hexdigest()}"
    try:
        opened = _decoder.decode(_without_bom(body))
        delivery_id, event = _name(opened.id), _name(opened.event)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Opened(made_up, "", f"not readable as a delivery: {error}")
    if event is None:
        return Opened(delivery_id or made_up, "", "it names no event")
    return Opened(delivery_id or made_up, event, None)


def record_of(body: bytes) -> msgspec.Raw:
    """The record that a delivery carries.

    Raises:
        RecordError: it carries none.
    """
    try:
        data = _decoder.decode(_without_bom(body)).data
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"not readable as a delivery: {error}") from None
    if not bytes(data):
        raise RecordError("it carries no data")
    return data


def _name(value: msgspec.Raw) -> str | None:
    """A short text that PostgreSQL can hold, else None."""
    text = plain_text(value)
    return text if text and len(text) <= LONGEST_NAME and "\x00" not in text else None


def _without_bom(body: bytes) -> bytes:
    return body.removeprefix(codecs.BOM_UTF8)
