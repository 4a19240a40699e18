"""Connections, advisory locks, what errors mean. Every connection speaks UTC and returns rows as dictionaries."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row, tuple_row

from customer_assets.errors import BusyError, ConfigurationError, DatabaseError

Connection = psycopg.Connection[DictRow]
MOMENT = 2.0  # seconds that a lock is waited for at least: the session of a killed process outlives it for less
OLDEST_SERVER = 150000  # PostgreSQL 15


def connect(
    url: str,
    *,
    name: str = "customer_assets",
    timeout: int = 10,
    statement_seconds: float | None = None,
    gone_seconds: int | None = None,
) -> Connection:
    """Open an autocommit connection; use `connection.transaction()` for what belongs together.

    Args:
        url: `postgresql://...`
        name: shown to whoever finds a lock taken; say what runs.
        timeout: seconds to wait for the server.
        statement_seconds: statements that take longer are given up; None: never.
        gone_seconds: after so long without a word a server is gone; None: as everywhere (`KEEPALIVES`).

    Raises:
        ConfigurationError: the server cannot be reached or refuses; the message names DATABASE_URL, never the password.
    """
    connection = None
    try:
        how = tuned(name, timeout=timeout) | ({"tcp_user_timeout": gone_seconds * 1000} if gone_seconds else {})
        connection = psycopg.connect(url, autocommit=True, row_factory=dict_row, **how)
        pin(connection, url, statement_seconds)
    except (psycopg.ProgrammingError, UnicodeError):
        raise ConfigurationError(
            "DATABASE_URL is no valid address: write postgresql://user:password@host:port/database, with special "
            "characters of the password percent-encoded"
        ) from None
    except psycopg.OperationalError as error:
        if connection is not None:  # it was cut a moment later
            connection.close()
        raise DatabaseError(f"cannot connect to {redacted(url)}: {_first_line(error)}; check DATABASE_URL") from None
    if connection.info.server_version < OLDEST_SERVER:
        version = connection.info.server_version // 10000
        connection.close()
        raise ConfigurationError(f"{redacted(url)} is PostgreSQL {version}; 15 or newer is needed (DATABASE_URL)")
    return connection


def tuned(name: str, *, timeout: int) -> dict[str, Any]:
    """Parameters that every connection has: who it is, how many seconds it waits for the server, and for one that is gone."""
    return {"application_name": f"{name} pid {os.getpid()}"[:63], "connect_timeout": timeout, **KEEPALIVES}


# A host that is gone without a word is noticed by both ends within a minute, so that its locks are free.
KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 5,
    "tcp_user_timeout": 45_000,
}
# What a session is whatever the role, the database or the URL set. By statement, not as start-up options: poolers refuse those.
PINNED = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "search_path": "public",
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "5",
    "tcp_user_timeout": "45000",
}


def pin(connection: Connection, url: str, statement_seconds: float | None = None) -> None:
    """Make the session one that we know, and refuse a database or a pooler that we cannot work with.

    Args:
        connection: newly made, in autocommit mode.
        url: that it was made with.
        statement_seconds: statements that take longer are given up; None: never.

    Raises:
        ConfigurationError: the database or the pooler is none to work with.
    """
    pinned = PINNED | ({"statement_timeout": str(int(statement_seconds * 1000))} if statement_seconds else {})
    calls = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in pinned.items())
    query = f"select pg_backend_pid(), current_setting('server_encoding'), {calls}"
    pid, encoding, *_ = connection.cursor(row_factory=tuple_row).execute(query).fetchone() or (0, "UTF8")
    if encoding != "UTF8":
        connection.close()
        raise ConfigurationError(
            f"{redacted(url)} is encoded in {encoding}, and cannot hold every name: create the database with encoding UTF8"
        )
    if pid != connection.info.backend_pid and url not in _pools_by_session:
        _refuse_transaction_pooler(connection, url)


_pools_by_session: set[str] = set()  # addresses of poolers that were looked at


def _refuse_transaction_pooler(connection: Connection, url: str) -> None:
    """A pooler that gives each transaction any session keeps no lock for us: two syncs at once, or none ever again.

    Told by holding a session with a second connection: one of our own stays with us, another's does not.
    """
    before = connection.execute("select pg_backend_pid() as pid").fetchone()
    with psycopg.connect(url, connect_timeout=10) as other:
        other.execute("select pg_backend_pid()")  # held until its transaction ends
        after = connection.execute("select pg_backend_pid() as pid").fetchone()
    if before != after:
        connection.close()
        raise ConfigurationError(
            f"{redacted(url)} is a pooler that gives each transaction another session, which keeps no lock: give "
            "DATABASE_URL the server's own port (5432), or the pooler's in session mode"
        )
    _pools_by_session.add(url)


_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[\w.-]*)(:[0-9]*)?")  # a host of a URL


def redacted(url: str) -> str:
    """The URL without its password and query, fit for a message."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the database"
    hosts = parts.netloc.rpartition("@")[2]
    # of a password with a slash in it the rest stands where the host or the database would
    if not all(_HOST.fullmatch(host) for host in hosts.split(",")) or "@" in parts.path + parts.query + parts.fragment:
        return "the database"
    user = f"{parts.username}@" if parts.username else ""
    return f"{user}{hosts or 'local socket'}{parts.path}"


def without_password(url: str) -> tuple[str, str | None]:
    """A URL fit for a command line, and the password that it had."""
    parts = urlsplit(url)
    if not parts.password:
        return url, None
    user, _, host = parts.netloc.rpartition("@")
    return _joined(parts._replace(netloc=f"{user.partition(':')[0]}@{host}")), unquote(parts.password)


def with_database(url: str, database: str) -> str:
    """The same server's URL for another database."""
    return _joined(urlsplit(url)._replace(path=f"/{database}"))


def for_sqlalchemy(url: str, driver: str) -> str:
    """A URL as SQLAlchemy takes it: with its driver, and several hosts (`a:5432,b:5432`), which libpq takes, in the query."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," in hosts:
        several = "&".join(_host_of_query(host) for host in hosts.split(","))
        parts = parts._replace(netloc=user + at, query=f"{several}&{parts.query}" if parts.query else several)
    return _joined(parts, f"postgresql+{driver}")


def _host_of_query(host: str) -> str:
    if host.startswith("["):
        raise ConfigurationError("several hosts by IPv6 addresses: give them names")
    return f"host={host}"


def _joined(parts: SplitResult, scheme: str = "postgresql") -> str:
    """A URL out of its parts; two slashes where there is no host, too (`postgresql:///crm`), unlike `urlunsplit`."""
    return f"{scheme}://{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def ensure_database(server_url: str, database: str) -> None:
    """Create a database of that name on the server when there is none.

    Raises:
        ConfigurationError: the role may not create databases; the message says which one to create.
    """
    with connect(server_url, name="customer_assets create database") as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
            return
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            pass  # another process was faster
        except psycopg.errors.InsufficientPrivilege:
            raise ConfigurationError(
                f"{redacted(server_url)}: this role may not create the database {database!r}; create it, or grant CREATEDB"
            ) from None


def relax_durability(server_url: str, database: str) -> None:
    """Commits of this database need not reach the disk at once: for Dagster's event log, which waits at each event.

    A crash of the machine can lose its last moments, nothing more; our own data stays durable.
    """
    with connect(server_url, name="customer_assets settings") as connection:
        relaxed = scalar(
            connection,
            """
            select 1
            from pg_db_role_setting s
            join pg_database d on d.oid = s.setdatabase
            where d.datname = %s
                and s.setrole = 0
                and 'synchronous_commit=off' = any(s.setconfig)
            """,
            [database],
        )
        if not relaxed:
            connection.execute(
                sql.SQL("alter database {} set synchronous_commit = off").format(sql.Identifier(database))
            )


def take_lock(connection: Connection, key: int) -> bool:
    """Take a lock for as long as this connection lives; returns False where another has it."""
    return bool(scalar(connection, "select pg_try_advisory_lock(%s)", [key]))


def hold_presence(connection: Connection, key: int) -> None:
    """Say, for as long as this connection lives, that somebody does this work; any number may."""
    connection.execute("select pg_advisory_lock_shared(%s)", [key])


def leave_presence(connection: Connection, key: int) -> None:
    """Say that it is done; that the connection closes, the server notices a moment later."""
    connection.execute("select pg_advisory_unlock_shared(%s)", [key])


def is_present(connection: Connection, key: int) -> bool:
    """Whether a living connection said so."""
    return _is_present(connection, key, besides=0)


def is_present_elsewhere(connection: Connection, key: int) -> bool:
    """Whether another living connection than this one said so."""
    return _is_present(connection, key, besides=int(scalar(connection, "select pg_backend_pid()")))


def _is_present(connection: Connection, key: int, *, besides: int) -> bool:
    return bool(
        scalar(
            connection,
            """
            select exists (
                select
                from pg_locks
                where locktype = 'advisory'
                    and granted
                    and pid <> %(besides)s
                    and objsubid = 1
                    and (classid::bigint << 32) + objid::bigint = %(key)s
                    and database = (select oid from pg_database where datname = current_database())
            )
            """,
            {"key": key, "besides": besides},
        )
    )


MOST_WAITED_FOR_A_STEP = 3600.0  # seconds


@contextmanager
def system_lock(
    url: str, *, account: str, system: str, what: str, wait_seconds: float = 0, run: str | None = None
) -> Iterator[None]:
    """Hold the lock of one (account, system): one pull or push at a time, from wherever it starts.

    A session advisory lock: it ends with its process, however that dies.

    Args:
        url: database.
        account, system: whose.
        what: what is done, for whoever finds it taken.
        wait_seconds: how long to wait for somebody who holds it, a moment at least.
        run: of Dagster: its other steps, which may run at the same time in processes of their own, are waited for,
            for an hour at most.

    Raises:
        BusyError: somebody else holds it; the message says who and since when.
    """
    key = int.from_bytes(hashlib.blake2b(f"{account}/{system}".encode(), digest_size=8).digest(), signed=True)
    of_run = f" of run {run[:8]}" if run is not None else ""
    with connect(url, name=f"customer_assets {what}{of_run} {system}/{account}") as connection:
        until = time.monotonic() + max(wait_seconds, MOMENT)
        until_step_ends = time.monotonic() + MOST_WAITED_FOR_A_STEP
        while not scalar(connection, "select pg_try_advisory_lock(%s)", [key]):
            holder = _holder(connection, key) or "a session that just ended"
            if time.monotonic() > (until_step_ends if of_run and of_run in holder else until):
                raise BusyError(f"{system} (account {account}) is being synced already by {holder}")
            time.sleep(0.2)
        try:
            yield
        finally:
            if not connection.closed and not connection.broken:
                connection.execute("select pg_advisory_unlock(%s)", [key])


def _holder(connection: Connection, key: int) -> str | None:
    """Who holds a lock; None when its session is ending."""
    row = connection.execute(
        """
        select a.application_name, a.backend_start
        from pg_locks l
        join pg_stat_activity a on a.pid = l.pid
        where l.locktype = 'advisory'
            and l.granted
            and l.objsubid = 1
            and (l.classid::bigint << 32) + l.objid::bigint = %(key)s
            and l.database = (select oid from pg_database where datname = current_database())
        """,
        {"key": key},
    ).fetchone()
    if row is None:
        return None
    # of another role's session the server says nothing more
    since = f", since {row['backend_start']:%H:%M:%S} UTC" if row["backend_start"] else ""
    return f"{row['application_name'] or 'another role'}{since}"


def scalar(connection: Connection, query: str, parameters: Any = None) -> Any:
    """First column of the first row, None when there is no row."""
    row = connection.execute(query, parameters).fetchone()
    return next(iter(row.values())) if row else None


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def other_clients(connection: Connection) -> int:
    """How many others are connected to the server."""
    query = "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
    return int(scalar(connection, query))


def ping(connection: Connection) -> None:
    """One question that costs nothing; raises what the database raises where it cannot answer."""
    connection.execute("select")


MENDS = {
    "25006": "it is read-only: give DATABASE_URL the primary server",
    "53100": "its disk is full: free space there",
    "53300": "it has too many connections: raise max_connections, or close some",
    "42501": "the role lacks a privilege: grant it (docs/operations.md), or let the owner run `customer-assets db upgrade`",
    "42P01": "its schema is not of this version: run `customer-assets db upgrade`",
    "42703": "its schema is not of this version: run `customer-assets db upgrade`",
    "57014": "a statement took too long there, or was cancelled",
    "57P01": "it is being shut down: try again when it is back",
    "57P03": "it is starting up or shutting down: try again in a moment",
}


def fault_of(error: BaseException) -> DatabaseError | None:
    """What a database's error, or one that it led to, means to whoever runs a command; None for a fault of ours."""
    cause: BaseException | None = error
    while cause is not None:
        if fault := _fault_of(cause):
            return fault
        cause = cause.__cause__
    return None


def _fault_of(error: BaseException) -> DatabaseError | None:
    # Dagster's own storage speaks to its database by another driver, which is loaded where it is in use
    if (dagsters := sys.modules.get("psycopg2")) and isinstance(error, dagsters.OperationalError):
        return DatabaseError(
            f"Dagster's database failed: {_first_line(error)} "
            f"({MENDS.get(error.pgcode or '') or 'check DAGSTER_DATABASE_URL, else DATABASE_URL, and the server'})"
        )
    if not isinstance(error, psycopg.Error):
        return None
    mend = MENDS.get(error.sqlstate or "")
    if mend is None and not isinstance(error, psycopg.OperationalError):
        return None
    return DatabaseError(f"the database failed: {_first_line(error)} ({mend or 'check DATABASE_URL, and the server'})")
