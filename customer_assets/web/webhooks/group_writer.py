"""One commit for many requests: while one is on its way to the disk, those that come meanwhile gather for the next.

Deliveries and refusals go separate ways, so that what is refused never holds up what is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import psycopg

from customer_assets.store.webhooks.inbox import NewDelivery, Refusal, connect_inbox

WAIT_SECONDS = 1.0  # Robaws waits 2 s in all
MOST_IN_ONE = 500
MOST_BYTES = 16 * 1024 * 1024


class NotStoredError(Exception):
    """The database did not take it in time; the sender is to try again."""


Item = TypeVar("Item", NewDelivery, Refusal)


class GroupWriter(Generic[Item]):
    """Takes items from requests, and stores them in groups.

    Args:
        url: database.
        insert: stores a group and commits.
        lanes: connections; with two, one group is made while the other waits for the disk.
    """

    def __init__(
        self,
        url: str,
        insert: Callable[[psycopg.AsyncConnection, Sequence[Item]], Awaitable[object]],
        *,
        lanes: int,
    ) -> None:
        self._lanes: list[_Lane[Item]] = [_Lane(url, insert) for _ in range(lanes)]
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def put(self, item: Item) -> None:
        """Return once it is committed, it or the one of the same id that came before.

        Raises:
            NotStoredError: not within a second. It may still be stored; sent again, it is a repetition.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        self._wake.set()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await done
        except TimeoutError:
            raise NotStoredError from None

    async def run(self) -> None:
        """Store what waits, until cancelled."""
        await asyncio.gather(*(self._work(lane) for lane in self._lanes))

    async def _work(self, lane: _Lane[Item]) -> None:
        try:
            while True:
                while not self._waiting:
                    self._wake.clear()
                    await self._wake.wait()
                if group := self._next_group():
                    await lane.store(group)
        finally:
            await lane.disconnect()

    def _next_group(self) -> list[tuple[Item, asyncio.Future[None]]]:
        size = number = 0
        for item, _ in self._waiting[:MOST_IN_ONE]:
            size += len(item.body) if isinstance(item, NewDelivery) else 0
            number += 1
            if size > MOST_BYTES:
                break
        group, self._waiting = self._waiting[:number], self._waiting[number:]
        return [(item, done) for item, done in group if not done.done()]  # nobody waits for the others


class _Lane(Generic[Item]):
    """One connection, and how a group is stored over it."""

    def __init__(
        self, url: str, insert: Callable[[psycopg.AsyncConnection, Sequence[Item]], Awaitable[object]]
    ) -> None:
        self._url = url
        self._insert_group: Callable[[psycopg.AsyncConnection, Sequence[Item]], Awaitable[object]] = insert
        self._connection: psycopg.AsyncConnection | None = None

    async def store(self, group: Sequence[tuple[Item, asyncio.Future[None]]]) -> None:
        """Store a group and tell everyone who waits for one of it."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._write([item for item, _ in group])
        except (psycopg.OperationalError, TimeoutError, OSError):
            await self.disconnect()
            _settle(group, NotStoredError)
        except (psycopg.Error, UnicodeError):
            if len(group) == 1:
                _settle(group, NotStoredError)
            else:  # one of them is no good: the others must not suffer for it
                for one in group:
                    await self.store([one])
        else:
            _settle(group, None)

    async def disconnect(self) -> None:
        """Close the connection, if it still can be."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await connection.close()
            except (psycopg.Error, TimeoutError, OSError):
                return

    async def _write(self, items: Sequence[Item]) -> None:
        was_connected = self._connection is not None
        try:
            await self._insert(items)
        except psycopg.OperationalError:
            if not was_connected:
                raise
            await self.disconnect()  # the server was restarted since: once more, which repeats nothing
            await self._insert(items)

    async def _insert(self, items: Sequence[Item]) -> None:
        if self._connection is None:
            self._connection = await connect_inbox(self._url, seconds=WAIT_SECONDS)
        await self._insert_group(self._connection, items)


def _settle(group: Sequence[tuple[Item, asyncio.Future[None]]], error: type[NotStoredError] | None) -> None:
    for _, done in group:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error())
