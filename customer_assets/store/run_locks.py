"""Which Dagster runs live: each holds an advisory lock for its whole life, and the database knows when that is gone.

No process is looked at: a run in another container, on another host or of another installation is judged the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
    """Inside, the run is known to live; several processes of one run may say so at once."""
    with connect(url, name=f"customer_assets run {run_id[:8]}") as connection:
        hold_presence(connection, _key(run_id))
        connection.execute("insert into ops.live_runs (run_id) values (%s) on conflict do nothing", [run_id])
        try:
            yield
        finally:
            # before the lock is gone: what ends in order is never taken for lost; the last of its processes says so
            if not connection.closed and not connection.broken:
                if not is_present_elsewhere(connection, _key(run_id)):
                    forget_runs(connection, [run_id])
                leave_presence(connection, _key(run_id))


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
