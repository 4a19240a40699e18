"""Records that were erased: what systems still say of them is not kept."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from customer_assets.accounts import Account
from customer_assets.domain.cache.mapping import ERASED_MARK, Mapper
from customer_assets.errors import CustomerAssetsError
from customer_assets.sources.kit.pages import Envelope
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import erasures
from customer_assets.store.database import Connection
from customer_assets.store.erasures import StoredPage
from customer_assets.store.raw.pages import StreamKey


def erase_again(connection: Connection, account: Account) -> int:
    """Erase what a system still says of erased records from answers that came since; returns from how many."""
    ids = erasures.erased_ids(connection, account=account.account, source=account.system)
    if not ids:
        return 0
    with connection.transaction():
        return erase_raw(connection, account, ids, known_alone=True)


def erase_raw(connection: Connection, account: Account, ids: Collection[str], *, known_alone: bool = False) -> int:
    """Leave of some records in stored answers nothing but the id; returns in how many answers they stood.

    Args:
        connection, account: where they stand.
        ids: of the records.
        known_alone: without opening every answer of which it is not noted what it holds.
    """
    stream = SYSTEMS[account.system].stream("customers")
    mapper = Mapper(stream.mapping(account.settings))
    erased = 0
    for name, opens in ((stream.name, stream.open), (stream.detail, stream.open_detail or stream.open)):
        if name is None:
            continue
        key = StreamKey(account.account, account.system, name)
        for page in erasures.pages_with(connection, key, ids, known_alone=known_alone):
            body = page.body
            for record in _records(opens, page.body):
                if (source_id := mapper.source_id(record)) in ids and source_id is not None:
                    body = _without(body, record, _stub(mapper, record, source_id))
            if body != page.body:
                erasures.replace_body(connection, StoredPage(page.id, body))
                erased += 1
        if name == stream.detail:
            erasures.forget_details(connection, key, sorted(ids))
    return erased


def _records(opens: Callable[[bytes], Envelope], body: bytes) -> list[bytes]:
    """The records of an answer as they stand in it; of one that is no list of records, none."""
    try:
        return [bytes(record) for record in opens(body).records]
    except (CustomerAssetsError, msgspec.MsgspecError):
        return []


def _without(body: bytes, record: bytes, stub: bytes) -> bytes:
    if record not in body:
        raise CustomerAssetsError("a record cannot be erased from its raw page: it does not stand there as it was read")
    return body.replace(record, stub)


def _stub(mapper: Mapper, record: bytes, source_id: str) -> bytes:
    """Of a record its id alone, where it stood: pages keep their number of records, and their order.

    Raises:
        CustomerAssetsError: the id is not found again in what would be left.
    """
    received: Any = msgspec.json.decode(record)
    left = {key: value for key, value in received.items() if str(value) == source_id}
    stub = msgspec.json.encode(left | {ERASED_MARK: True})
    if mapper.source_id(stub) != source_id:
        raise CustomerAssetsError(f"record {source_id} cannot be erased from its raw page: its id is not at its top")
    return stub
