"""Schema, embedded server, locks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import DBAPIError

from customer_assets.errors import BusyError, ConfigurationError
from customer_assets.store import database, embedded, roles, upgrade
from customer_assets.store.reads.search import SEARCH_INDEXES
from customer_assets.store.schema import metadata
from customer_assets_tests.conftest import discard

VIEWS = Path(database.__file__).parent / "views"


def test_the_migrations_build_what_the_metadata_says(url: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        options: dict[str, Any] = {
            "include_schemas": True,
            "compare_server_default": True,
            "compare_type": True,
        }
        # of an index over an expression the comparison sees two different texts
        by_expression = (*SEARCH_INDEXES, "customers_name_order_idx")
        options["include_object"] = lambda _object, name, *_: name not in by_expression
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    engine.dispose()


def test_every_table_that_analysts_see_says_of_which_account_a_row_is() -> None:
    assert [t.name for t in metadata.sorted_tables if t.schema in (None, "public") and "account" not in t.c] == []


def test_everything_that_analysts_see_says_what_it_is(connection: database.Connection) -> None:
    silent = connection.execute(
        """
        select c.relname || coalesce('.' || a.attname, '') as name
        from pg_class c
        left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'v')
            and c.relname <> 'alembic_version'
            and (col_description(c.oid, a.attnum) is null or obj_description(c.oid) is null)
        order by 1
        """
    ).fetchall()
    assert silent == []


def test_the_cache_views_take_writes_and_conflicts(connection: database.Connection) -> None:
    for name in ("a", "b"):
        connection.execute(
            """
            insert into customers_cache (source, source_customer_id, name, content_hash)
            values ('robaws', '1', %s, '')
            on conflict (account, source, source_customer_id) do update
            set name = excluded.name
            """,
            [name],
        )
    assert database.scalar(connection, "select string_agg(name, ',') from customers_cache") == "b"


def test_a_shared_vat_id_is_said_and_looked_up_by_an_index(connection: database.Connection) -> None:
    for number in (1, 2):
        connection.execute("insert into customers (id, name) values (%s, 'Noord')", [number])
        connection.execute(
            """
            insert into customer_rows (source, source_customer_id, name, vat_normalized, vat_status, golden_id)
            values ('robaws', %s, 'Noord', 'BE0123456749', 'valid', %s)
            """,
            [str(number), number],
        )
    query = "select vat_status from customers_cache where source_customer_id = '1'"
    assert database.scalar(connection, query) == "shared"
    connection.execute("set enable_seqscan = off")
    plan = connection.execute(f"explain {query}").fetchall()
    assert "customer_rows_account_vat_normalized_idx" in str(plan)
    connection.execute("update customer_rows set golden_id = 1")
    assert database.scalar(connection, query) == "valid"


def test_every_column_of_a_view_says_what_it_is(connection: database.Connection) -> None:
    silent = connection.execute(
        """
        select c.relname, a.attname
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        where c.relnamespace = 'public'::regnamespace
            and c.relkind = 'v'
            and (col_description(c.oid, a.attnum) is null or obj_description(c.oid) is null)
        """
    ).fetchall()
    assert silent == []


def test_a_lock_says_who_holds_it_and_ends_with_its_process(url: str) -> None:
    code = (
        "import sys, time\n"
        "from customer_assets.store.database import system_lock\n"
        "with system_lock(sys.argv[1], account='a', system='zoho', what='sync'):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "held"
    with (
        pytest.raises(BusyError, match=f"sync zoho/a pid {process.pid}"),
        database.system_lock(url, account="a", system="zoho", what="sync"),
    ):
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    with database.system_lock(url, account="a", system="zoho", what="sync"):
        pass


def test_who_was_killed_a_moment_ago_holds_nobody_up(url: str) -> None:
    """Its session may outlive it: the server frees the lock when it gets to see that the process is gone."""
    whose = {"account": "a", "system": "zoho", "what": "sync"}
    killed = threading.Event()

    def outlive() -> None:
        with database.system_lock(url, **whose):
            killed.set()
            threading.Event().wait(1)

    session = threading.Thread(target=outlive)
    session.start()
    assert killed.wait(10)
    with database.system_lock(url, **whose):
        pass
    session.join()


def test_steps_of_one_run_wait_for_each_other_and_for_nobody_else(url: str) -> None:
    """Dagster runs two streams of one system at once, each in a process of its own."""
    whose = {"account": "a", "system": "zoho", "what": "sync"}
    entered = threading.Event()

    def second() -> None:
        with database.system_lock(url, **whose, run="0123456789"):
            entered.set()

    with database.system_lock(url, **whose, run="0123456789"):
        step = threading.Thread(target=second)
        step.start()
        assert not entered.wait(0.5)
        with pytest.raises(BusyError, match="of run 01234567"), database.system_lock(url, **whose, run="another run"):
            pass
    assert entered.wait(10)
    step.join()


def test_a_lock_of_another_role_is_said_to_be_taken(connection: database.Connection, url: str) -> None:
    connection.execute("create role plain_locker login")
    try:
        with (
            database.system_lock(url, account="a", system="zoho", what="sync"),
            database.connect(url) as other,
        ):
            other.execute("set role plain_locker")
            key = other.execute(
                "select (classid::bigint << 32) + objid::bigint as key from pg_locks "
                "where locktype = 'advisory' and objsubid = 1 and database = (select oid from pg_database where datname = current_database())"
            ).fetchone()
            assert key is not None
            assert "since" not in (database._holder(other, key["key"]) or "since")
    finally:
        connection.execute("drop role plain_locker")


@pytest.mark.parametrize("given", ["postgresql://nobody:hunter2@127.0.0.1:9/x", "postgresql:///x?host=/nonexistent"])
def test_an_unreachable_database_is_named_without_its_password(given: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL") as caught:
        database.connect(given)
    assert "hunter2" not in str(caught.value)


def test_an_analyst_reads_public_and_nothing_else(connection: database.Connection, url: str) -> None:
    assert roles.grant_reading(connection, "test_analyst") is True
    assert roles.grant_reading(connection, "test_analyst") is False
    connection.execute("set role test_analyst")
    assert connection.execute("select * from customers_cache").fetchall() == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select * from ops.api_tokens")
    connection.execute("reset role")
    connection.execute("drop owned by test_analyst")
    connection.execute("drop role test_analyst")


# --- the embedded server ----------------------------------------------------------------------------------------------


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that everybody can walk to, as a project's usually is."""
    folder = Path(tempfile.mkdtemp(prefix="customer_assets_home_"))
    folder.chmod(0o755)
    yield folder
    discard(folder)


@pytest.mark.slow
def test_starters_at_once_get_one_server_that_survives_them(home: Path) -> None:
    code = "import sys, pathlib; from customer_assets.store.embedded import start_server; print(start_server(pathlib.Path(sys.argv[1])).url('postgres'))"
    starters = [
        subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    urls = {starter.communicate()[0].strip() for starter in starters}
    try:
        assert len(urls) == 1
        with database.connect(urls.pop()) as connection:
            assert database.scalar(connection, "show listen_addresses") == ""
            first = database.scalar(connection, "select pg_postmaster_start_time()")
        with database.connect(embedded.start_server(home).url("postgres")) as connection:
            assert database.scalar(connection, "select pg_postmaster_start_time()") == first
    finally:
        assert embedded.stop_server(home) is True
    assert embedded.running_server(home) is None
    assert embedded.stop_server(home) is False


def kill(server: embedded.EmbeddedServer, home: Path) -> None:
    os.kill(int((server.data_dir / "postmaster.pid").read_text().splitlines()[0]), 9)
    for _ in range(100):
        if embedded.running_server(home) is None:
            break
        threading.Event().wait(0.05)


def lose_its_socket(server: embedded.EmbeddedServer, _home: Path) -> None:
    for file in server.socket_dir.iterdir():
        file.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("harm", [kill, lose_its_socket])
def test_a_server_that_was_harmed_is_started_anew_with_its_data(
    home: Path, harm: Callable[[embedded.EmbeddedServer, Path], None]
) -> None:
    server = embedded.start_server(home)
    try:
        with database.connect(server.url("postgres")) as connection:
            connection.execute("create table kept as select 1 as one")
        harm(server, home)
        with database.connect(embedded.start_server(home).url("postgres")) as connection:
            assert database.scalar(connection, "select one from kept") == 1
    finally:
        embedded.stop_server(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a folder that the server's user cannot reach")
@pytest.mark.slow
def test_no_folder_is_opened_to_others_for_its_sake(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    server = embedded.start_server(closed / "home")
    try:
        assert closed.stat().st_mode & 0o777 == 0o700
        assert closed not in server.data_dir.parents
        assert server.data_dir.stat().st_mode & 0o777 == 0o700
    finally:
        embedded.stop_server(closed / "home")
        shutil.rmtree(server.data_dir.parent)


def test_data_that_is_not_ours_is_left_alone(home: Path) -> None:
    folder = embedded._Place.of(home).data_dir
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("unsaved")
    with pytest.raises(ConfigurationError, match="CUSTOMER_ASSETS_HOME"):
        embedded.start_server(home)
    assert (folder / "thesis.txt").read_text() == "unsaved"


@pytest.mark.parametrize("path", sorted(VIEWS.glob("*.sql")), ids=lambda path: path.stem)
def test_a_view_is_as_its_file_says(connection: database.Connection, path: Path) -> None:
    query = "select pg_get_viewdef(%s::regclass)"
    with connection.transaction(force_rollback=True):
        migrated = database.scalar(connection, query, [path.stem])
        connection.execute(path.read_text(encoding="utf-8"))
        assert database.scalar(connection, query, [path.stem]) == migrated


def test_every_view_has_its_file(connection: database.Connection) -> None:
    rows = connection.execute("select viewname from pg_views where schemaname in ('public', 'ops')")
    assert {row["viewname"] for row in rows} == {path.stem for path in VIEWS.glob("*.sql")}


# --- sessions ----------------------------------------------------------------------------------------------------------


def test_a_session_is_ours_whatever_the_role_and_the_url_set(url: str) -> None:
    with database.connect(url) as connection:
        connection.execute("alter role current_user set datestyle = 'German'")
        connection.execute("alter role current_user set timezone = 'Asia/Tokyo'")
    try:
        for given in (url, f"{url}{'&' if '?' in url else '?'}options=-c%20search_path%3Dops"):
            with database.connect(given) as connection:
                row = connection.execute(
                    "select current_setting('datestyle') as style, current_setting('timezone') as zone, "
                    "current_schema as schema"
                ).fetchone()
                assert row == {"style": "ISO, YMD", "zone": "UTC", "schema": "public"}
    finally:
        with database.connect(url) as connection:
            connection.execute("alter role current_user reset all")


def test_a_database_that_is_not_utf8_is_refused(server: Any) -> None:
    with database.connect(server.url("postgres")) as connection:
        connection.execute("create database latin encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'")
    try:
        with pytest.raises(ConfigurationError, match="encoded in LATIN1"):
            database.connect(server.url("latin"))
    finally:
        with database.connect(server.url("postgres")) as connection:
            connection.execute("drop database latin with (force)")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("select * from nowhere", "not of this version"),
        ("begin; set transaction read only; create table x ()", "read-only"),
        ("set statement_timeout = 1; select pg_sleep(1)", "too long"),
    ],
)
def test_what_a_database_refuses_is_a_message_with_its_mend(
    connection: database.Connection, statement: str, said: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement)
    fault = database.fault_of(caught.value)
    assert fault is not None
    assert (fault.exit_code, said in str(fault)) == (4, True)


def test_a_fault_of_dagsters_database_is_said_in_one_line() -> None:
    with pytest.raises(DBAPIError) as caught:
        create_engine("postgresql+psycopg2://u:hunter2@127.0.0.1:9/dagster").connect()
    fault = database.fault_of(caught.value)
    assert fault is not None
    assert (fault.exit_code, "DAGSTER_DATABASE_URL" in str(fault), "hunter2" in str(fault)) == (4, True, False)
    assert "\n" not in str(fault)


def test_a_fault_of_ours_is_none_of_the_databases() -> None:
    assert database.fault_of(psycopg.errors.SyntaxError("x")) is None
    assert database.fault_of(ValueError("x")) is None


@pytest.mark.parametrize(
    ("url", "hosts", "said"),
    [
        ("postgresql://a:b%40c@one:5432,two:5433/crm", ["one:5432", "two:5433"], "a@one:5432,two:5433/crm"),
        ("postgresql://one,two/crm?target_session_attrs=read-write", ["one", "two"], "one,two/crm"),
        ("postgresql://a@one:5432/crm", None, "a@one:5432/crm"),
        ("postgresql:///crm", None, "local socket/crm"),
        ("postgresql://a@/crm?host=/run/postgresql", None, "a@local socket/crm"),
    ],
)
def test_several_hosts_are_tried_by_every_library(url: str, hosts: list[str] | None, said: str) -> None:
    assert database.redacted(url) == said
    made = make_url(database.for_sqlalchemy(url, "psycopg2"))
    plain = make_url(url.replace("one:5432,two:5433", "one").replace("one,two", "one"))
    assert (made.username, made.password, made.database) == (plain.username, plain.password, plain.database)
    assert database.with_database(url, "other") == url.replace("/crm", "/other")
    if hosts is not None:
        assert list(made.query["host"]) == hosts
        assert made.query.get("target_session_attrs") == plain.query.get("target_session_attrs")
        assert database.without_password(url)[0] == url.replace(":b%40c", "")


def test_a_host_that_is_down_is_passed_over(url: str) -> None:
    here = make_url(url).query["host"]
    both = f"postgresql://postgres@/{make_url(url).database}?host=/nowhere,{here}"
    with database.connect(both) as connection:
        assert database.scalar(connection, "select 1") == 1
    upgrade.upgrade(both)


@pytest.mark.parametrize("password", ["se/cret", "se#cret", "se?cret", "12/cret", "se@cret", "se,cret", "se:cret"])
def test_no_part_of_a_password_is_said(password: str) -> None:
    said = database.redacted(f"postgresql://u:{password}@db.example:5432/crm")
    assert "cret" not in said
    assert "se" not in said.replace("database", "")


def test_several_ipv6_addresses_are_refused_in_one_line() -> None:
    with pytest.raises(ConfigurationError, match="give them names"):
        database.for_sqlalchemy("postgresql://u@[::1]:5432,[::2]:5433/crm", "psycopg")
    assert database.redacted("postgresql://u@[::1]:5432/crm") == "u@[::1]:5432/crm"
