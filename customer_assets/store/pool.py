"""Connections that are kept open between short questions: to make one costs more than most questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from customer_assets.store.database import Connection, pin, tuned

CONNECT_SECONDS = 2
IDLE_SECONDS = 120.0


class Pool:
    """Up to so many connections to one database, made when they are needed, and shared by threads.

    Args:
        url: `postgresql://...`
        size: most that are open at once; whoever comes while all are taken waits for one.
        name: shown by the server; say whose they are.
    """

    def __init__(self, url: str, *, size: int, name: str) -> None:
        self._pool: ConnectionPool[psycopg.Connection[DictRow]] = ConnectionPool(
            url,
            kwargs={"autocommit": True, "row_factory": dict_row, **tuned(name, timeout=CONNECT_SECONDS)},
            configure=lambda connection: pin(connection, url),
            check=ConnectionPool.check_connection,
            min_size=0,
            max_size=size,
            timeout=CONNECT_SECONDS,
            max_idle=IDLE_SECONDS,
            reconnect_timeout=CONNECT_SECONDS,  # then whoever comes next tries anew, and need not wait for a backoff
            open=True,
        )

    @contextmanager
    def connection(self, *, statement_seconds: float) -> Iterator[Connection]:
        """A connection for some statements, each of which is given up after so many seconds.

        Raises:
            psycopg.OperationalError: the database does not answer, or all connections were taken too long.
        """
        with self._pool.connection() as connection:
            connection.execute(
                "select set_config('statement_timeout', %s, false)", [str(int(statement_seconds * 1000))]
            )
            yield connection

    def close(self) -> None:
        """Close what is open."""
        self._pool.close(timeout=1)
