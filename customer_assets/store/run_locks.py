"""Which Dagster runs live: each holds an advisory lock for its whole life, and the database knows when that is gone.

No process is looked at: a run in another container, on another host or of another installation is judged the same way.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from customer_assets.errors import CustomerAssetsError
from customer_assets.store.database import (
    Connection,
    connect,
    hold_presence,
    is_present,
    is_present_elsewhere,
    leave_presence,
)


@contextmanager
def living(url: str, run_id: str) -> Iterator[None]:
    """Inside, the run is known to live; several processes of one run may say so at once.

    A server that restarts takes the lock along: a thread has it again as soon as there is a server.
    """
    presence = _Presence(url, run_id)
    keeping = threading.Thread(target=presence.keep, name="run lock", daemon=True)
    keeping.start()
    try:
        yield
    finally:
        presence.stop()
        keeping.join()
        presence.leave()


class _Presence:
    """The lock of a run, on a connection of its own."""

    def __init__(self, url: str, run_id: str) -> None:
        self._url, self._run_id = url, run_id
        self._stopping = threading.Event()
        self._is_noted = False
        self._connection = self._held()

    def _held(self) -> Connection:
        connection = connect(self._url, name=f"customer_assets run {self._run_id[:8]}", gone_seconds=GONE_SECONDS)
        try:
            hold_presence(connection, _key(self._run_id))
            self._note(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _note(self, connection: Connection) -> None:
        if self._is_noted:
            return
        connection.execute("insert into ops.live_runs (run_id) values (%s) on conflict do nothing", [self._run_id])
        self._is_noted = True

    def keep(self) -> None:
        """Hold it until it is stopped, on another connection where one is lost."""
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self._connection.execute("select")
            except psycopg.Error:
                self._connection.close()
                with suppress(psycopg.Error, CustomerAssetsError):  # still away, or read-only: in a moment once more
                    self._connection = self._held()

    def stop(self) -> None:
        """End keeping."""
        self._stopping.set()

    def leave(self) -> None:
        """Say that the run ended. Before the lock is gone: what ends in order is never taken for lost; the last process says it."""
        try:
            with self._connection as connection:
                if not is_present_elsewhere(connection, _key(self._run_id)):
                    forget_runs(connection, [self._run_id])
                leave_presence(connection, _key(self._run_id))
        except psycopg.Error:  # one that was made while the database was read-only stays so
            with suppress(psycopg.Error, CustomerAssetsError), connect(self._url) as connection:
                if not is_present(connection, _key(self._run_id)):
                    forget_runs(connection, [self._run_id])


LOOK_SECONDS = 3.0
GONE_SECONDS = 12  # a server that vanished in a failover is noticed before anybody calls the run lost


def living_runs(connection: Connection) -> list[dict[str, Any]]:
    """Runs that said that they live, since when, and whether they are lost."""
    rows = connection.execute("select run_id, since from ops.live_runs order by since").fetchall()
    return [{**row, "is_lost": not is_present(connection, _key(row["run_id"]))} for row in rows]


def lost_runs(connection: Connection) -> list[str]:
    """Runs that lived and of which no process holds the lock any more."""
    return [row["run_id"] for row in living_runs(connection) if row["is_lost"]]


def forget_runs(connection: Connection, run_ids: list[str]) -> None:
    """They are closed, or ended by themselves."""
    connection.execute("delete from ops.live_runs where run_id = any(%s)", [run_ids])


def _key(run_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"run {run_id}".encode(), digest_size=8).digest(), signed=True)
