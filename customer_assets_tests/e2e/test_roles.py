"""On a company's server: the owner migrates, every process works as a role that owns nothing, others read their part."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from customer_assets.store import database
from customer_assets.store.embedded import SERVER_USER, binary
from customer_assets.store.roles import Roles, role_script
from customer_assets_tests.conftest import discard
from customer_assets_tests.e2e.test_pooler import free_port

pytestmark = pytest.mark.ci
NAMES = Roles("own'er", "run time", 'ana"lyst', "mon", "back", "the customers", "the dagster")


@contextmanager
def server_of_its_own(script: str) -> Iterator[int]:
    """A server that is reached by TCP, where every role may come in, with what a script made on it; its port."""
    folder = Path(tempfile.mkdtemp(prefix="customer_assets_server_"))
    folder.chmod(0o755)
    user: dict[str, Any] = {"user": SERVER_USER} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, SERVER_USER)
    data = folder / "data"
    made = [binary("initdb"), "-A", "trust", "-U", "postgres", "-D", data]
    subprocess.run(made, check=True, capture_output=True, **user)
    port = free_port()
    options = ["-k", folder, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    process = subprocess.Popen([binary("postgres"), "-D", data, *options], stderr=subprocess.DEVNULL, **user)
    ready = [binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    try:
        for _ in range(200):
            if subprocess.run(ready, check=False).returncode == 0:
                break
            time.sleep(0.05)
        for _ in range(2):  # it may be run again
            _psql(port, script)
        yield port
    finally:
        process.terminate()
        process.wait()
        discard(folder)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server with the roles."""
    with server_of_its_own(role_script(NAMES)) as port:
        yield port


def _psql(port: int, script: str) -> None:
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    done = subprocess.run([binary("psql"), "-q", url], input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def _url(port: int, role: str, name: str = NAMES.database) -> str:
    return f"postgresql://{quote(role)}@127.0.0.1:{port}/{quote(name)}"


def _command(port: int, home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")},
        "CUSTOMER_ASSETS_HOME": str(home),
        "DATABASE_URL": _url(port, NAMES.runtime),
        "DAGSTER_DATABASE_URL": _url(port, NAMES.runtime, NAMES.dagster),
        "MIGRATION_DATABASE_URL": _url(port, NAMES.owner),
        "DATABASE_MIGRATE": "check",
        **settings,
    }
    command = [sys.executable, "-m", "customer_assets", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=home)


def test_every_process_works_as_a_role_that_owns_nothing(port: int, tmp_path: Path) -> None:
    if _command(port, tmp_path, "db", "status").returncode:  # nothing is there yet
        refused = _command(port, tmp_path, "verify")
        assert refused.returncode == 4
        assert "its schema is not there yet" in refused.stderr
        assert "db upgrade" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1

    upgraded = _command(port, tmp_path, "db", "upgrade", CUSTOMER_ASSETS_SANDBOX="true")
    assert upgraded.returncode == 0, upgraded.stderr
    _psql(port, role_script(NAMES))
    status = _command(port, tmp_path, "db", "status")
    assert status.returncode == 0, status.stderr
    ran = _command(port, tmp_path, "run", "--sandbox")
    assert ran.returncode == 0, ran.stderr[-3000:]
    for command in (
        ("verify", "--against-raw"),
        ("resolve", "--full"),
        ("prune",),
        ("erase", "robaws", "1003", "--yes"),
    ):
        done = _command(port, tmp_path, *command, CUSTOMER_ASSETS_SANDBOX="true")
        assert done.returncode == 0, (command, done.stderr[-3000:])
    with database.connect(_url(port, NAMES.runtime)) as connection:
        owned = database.scalar(
            connection, "select count(*) from pg_class where relowner = %s::text::regrole", [f'"{NAMES.runtime}"']
        )
        assert owned == 0
        assert database.scalar(connection, "select to_regclass('customer_rows_search_idx')") is not None
        assert database.scalar(connection, "select count(*) from customers_cache") > 4000
        for statement in ("create table public.mine ()", "drop index ops.identity_index_keys_idx"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        with pytest.raises(psycopg.errors.RaiseException, match="is no table of customer_assets"):
            connection.execute("select ops.gather_statistics('pg_class'::regclass, null)")


def test_others_read_their_part(port: int, tmp_path: Path) -> None:
    with database.connect(_url(port, NAMES.monitor)) as connection:
        connection.execute("select * from sync_metadata")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from customers_cache")
    with database.connect(_url(port, NAMES.analyst)) as connection:
        connection.execute("select * from customers_as_of(now())")
        for statement in ("select * from ops.users", "delete from customers"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    with database.connect(_url(port, NAMES.backup)) as connection:
        connection.execute("select * from ops.users")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from ops.users")


def test_the_script_that_is_shipped_is_the_one_that_is_printed() -> None:
    shipped = Path(__file__).parent.parent.parent / "deploy/postgres/roles.sql"
    assert shipped.read_text(encoding="utf-8") == role_script(Roles())


def test_a_stranger_does_not_come_in(port: int) -> None:
    _psql(port, "create role stranger login;")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(_url(port, "stranger"))
