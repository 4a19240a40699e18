"""The schema: bringing it to this version, and whether this program and a schema of another version get on.

A release's migrations add only (expand), and what they replace goes a release later (contract), so that programs of two
neighbouring releases work side by side while a new one is rolled out. `OLDEST_SCHEMA` is what this program needs,
`SERVES_FROM` what it promises to older ones: a schema carries that promise as a mark.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from customer_assets.errors import DatabaseError
from customer_assets.store import marks
from customer_assets.store.database import Connection, connect, for_sqlalchemy, redacted, scalar

MIGRATION_LOCK = 0x6375_7374_6D69_6772
OLDEST_SCHEMA = "0018"  # the resolution keeps numbers in it
SERVES_FROM = "0013"  # since then tables, columns, functions and indexes were added, and nothing was taken away
SERVES = "schema serves programs from"
LOCK_SECONDS = 4  # a migration that waits for a lock holds up all that come after it; it gives way, and tries again
LOCK_TRIES = 30

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SchemaState:
    """How a database's schema and this program get on.

    Attributes:
        revision: of the schema; None where there is none.
        known: the newest that this program knows.
        serves_from: the oldest program, by the newest revision it knows, that the schema was made to serve.
    """

    revision: str | None
    known: str
    serves_from: str | None

    @property
    def is_newest(self) -> bool:
        """Whether there is nothing to do."""
        return self.revision == self.known

    @property
    def is_newer(self) -> bool:
        """Whether a newer program made it."""
        return self.revision is not None and self.revision > self.known

    @property
    def fault(self) -> str | None:
        """Why this program cannot work with it, and what mends that; None where it can."""
        if self.is_newer:
            if self.serves_from is not None and self.serves_from <= self.known:
                return None
            return (
                f"its schema is {self.revision}, made by a newer version; this one knows {self.known}: "
                "install the newer version here"
            )
        if self.revision is None or self.revision < OLDEST_SCHEMA:
            return (
                f"its schema is {self.revision or 'not there yet'}, and this version needs {OLDEST_SCHEMA}: "
                "run `customer-assets db upgrade` as its owner"
            )
        return None


def state(url: str) -> SchemaState:
    """Look at a database's schema.

    Raises:
        DatabaseError: the database does not answer.
    """
    with connect(url, name="customer_assets schema") as connection:
        return _state(connection)


def check(url: str) -> None:
    """See whether this program can work with the schema; nothing is changed.

    Raises:
        DatabaseError: it cannot; the message says the mend.
    """
    if (fault := state(url).fault) is not None:
        raise DatabaseError(f"{redacted(url)}: {fault}")


def upgrade(url: str) -> None:
    """Bring the schema to this version. Concurrent callers wait for one another; nothing to do costs one query.

    A schema that a newer program made is left as it is.

    Raises:
        DatabaseError: a newer program made it, and it does not serve this one; or a table stayed locked by others.
    """
    with connect(url, name="customer_assets db upgrade") as connection:
        if _is_settled(connection, url):
            return
        connection.execute("select pg_advisory_lock(%s)", [MIGRATION_LOCK])
        if not _is_settled(connection, url):
            _migrate(url)


def _is_settled(connection: Connection, url: str) -> bool:
    found = _state(connection)
    if found.is_newer and found.fault is not None:
        raise DatabaseError(f"{redacted(url)}: {found.fault}")
    return found.is_newest or found.is_newer


def _state(connection: Connection) -> SchemaState:
    known = _newest_revision()
    if not scalar(connection, "select to_regclass('public.alembic_version') is not null"):
        return SchemaState(None, known, None)
    found = revision(connection)
    is_newer = found is not None and found > known
    return SchemaState(found, known, marks.find(connection, SERVES) if is_newer else None)


def revision(connection: Connection) -> str | None:
    """Which revision a schema is of."""
    found: str | None = scalar(connection, "select version_num from public.alembic_version")
    return found


def _newest_revision() -> str:
    """Highest number among the migrations; read from file names, so that a run worker need not load Alembic."""
    return max(path.name.split("_")[0] for path in (Path(__file__).parent / "migrations/versions").glob("[0-9]*.py"))


def _migrate(url: str) -> None:
    from sqlalchemy.exc import OperationalError

    for left in reversed(range(LOCK_TRIES)):
        try:
            _migrate_once(url)
            break
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
            if not left:
                raise DatabaseError(
                    f"{redacted(url)}: a table stayed locked by others for {LOCK_TRIES * LOCK_SECONDS // 60} minutes, so the "
                    "schema was not brought up to date: try again when long queries and backups are done"
                ) from None
            log.info("a table is locked by others: the migration gives way, and tries again")
            time.sleep(1)


def _migrate_once(url: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    engine = create_engine(for_sqlalchemy(url, "psycopg"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"set local lock_timeout = '{LOCK_SECONDS}s'")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            # in the same transaction: a schema never stands there without its promise
            connection.exec_driver_sql(
                "insert into ops.database_marks (mark, value) values (%s, %s) "
                "on conflict (mark) do update set value = excluded.value",
                (SERVES, SERVES_FROM),
            )
            for statement in _comments(connection):
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def _comments(connection: Any) -> list[str]:
    """Statements that say of each table, view and column what they are; the texts stand in `store/schema`."""
    from customer_assets.store.schema import metadata
    from customer_assets.store.schema.views import VIEWS, said_of

    found = connection.exec_driver_sql(
        """
        select c.relname, a.attname
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid
        where n.nspname = 'public'
            and c.relkind = 'v'
            and a.attnum > 0
        order by c.relname, a.attnum
        """
    ).fetchall()
    texts = {f"view {view.name}": view.comment for view in VIEWS.values()}
    texts |= {f"column {name}.{column}": said_of(VIEWS[name], column) for name, column in found if name in VIEWS}
    texts |= {f"table {table}": table.comment for table in metadata.sorted_tables if table.comment}
    texts |= {f"column {c.table}.{c.name}": c.comment for t in metadata.sorted_tables for c in t.columns if c.comment}
    return [f"comment on {what} is {_quoted(text)}" for what, text in texts.items()]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"
