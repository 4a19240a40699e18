"""A real PostgreSQL of the tests' own, and the sandbox over real HTTP. Nothing of our own code is mocked."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import uvicorn

from customer_assets.accounts import Account
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.sync.pull import pull
from customer_assets.pipeline.sync.run import PullOptions, SyncResult
from customer_assets.sandbox.server import build_app, environment
from customer_assets.sandbox.world import Fault, Limits, Sizes, World
from customer_assets.settings import Settings
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import database, embedded, upgrade

# the first draw of text builds tables for a second or two, which says nothing of our code
hypothesis.settings.register_profile(
    "project", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("project")

EMPTY_EVERY_TABLE = """
do $$
declare
    name text;
    is_filled boolean;
    filled text[] := '{}';
begin
    for name in
        select format('%I.%I', schemaname, tablename)
        from pg_tables
        where schemaname in ('public', 'ops')
            and tablename not in ('alembic_version', 'role_overrides')
    loop
        execute format('select exists (select from %s)', name) into is_filled;
        if is_filled then
            filled := filled || name;
        end if;
    end loop;
    if filled <> '{}' then
        execute format('truncate %s restart identity cascade', array_to_string(filled, ', '));
    end if;
    delete from ops.role_overrides where name_contains <> 'aeon shipping';
    insert into ops.role_overrides values ('aeon shipping', 'FORWARDER') on conflict do nothing;
end
$$
"""
SMALL = Sizes(
    robaws_clients=250,
    zoho_contacts=230,
    zoho_vendors=5,
    zoho_invoices=600,
    sumit_customers=40,
    legacy_invoices=400,
)
PREFIXES = (
    "ROBAWS_",
    "ZOHO_",
    "SUMIT_",
    "DATABASE_URL",
    "CUSTOMER_ASSETS_",
    "SYNC_TIMEZONE",
    "LEGACY_INVOICES",
    "DAGSTER_",
)


def discard(home: Path) -> None:
    """Remove a home folder, and its server's data, which lies elsewhere where the project's folder is closed to others."""
    data_dir = embedded._Place.of(home).data_dir
    shutil.rmtree(data_dir, ignore_errors=True)
    if home not in data_dir.parents:
        shutil.rmtree(data_dir.parent, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only `.ci/run` takes the time for."""
    if not os.environ.get("TEST_CI"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("ci")])
        items[:] = [item for item in items if not item.get_closest_marker("ci")]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def server() -> Iterator[embedded.EmbeddedServer]:
    """An embedded server of this test process, stopped at its end."""
    home = Path(tempfile.mkdtemp(prefix="customer_assets_tests_"))
    home.chmod(0o755)
    server = embedded.start_server(home)
    with database.connect(server.url("postgres")) as connection:
        connection.execute("alter system set fsync = off")  # this server's data is thrown away
        connection.execute("select pg_reload_conf()")
    yield server
    embedded.stop_server(home)
    discard(home)


@pytest.fixture(scope="session")
def migrated(server: embedded.EmbeddedServer) -> str:
    """URL of a database with our schema, which the tests of this process take turns in."""
    database.ensure_database(server.url("postgres"), "customers")
    upgrade.upgrade(server.url("customers"))
    return server.url("customers")


@pytest.fixture
def url(migrated: str) -> str:
    """The database as the migrations leave it. Emptied, not made anew: a copy takes half a second, this some ms."""
    with database.connect(migrated) as connection:
        connection.execute(EMPTY_EVERY_TABLE)
    return migrated


@pytest.fixture
def connection(url: str) -> Iterator[database.Connection]:
    """A connection to the fresh database."""
    with database.connect(url) as connection:
        yield connection


@pytest.fixture
def sizes() -> Sizes:
    """How big the test's world is; override in a module for another size."""
    return SMALL


@pytest.fixture
def world(sizes: Sizes) -> World:
    """A small made-up world, without waiting for limits."""
    limits = Limits(robaws_per_second=5000, robaws_burst=5000, zoho_per_minute=100_000, zoho_tokens_per_ten_minutes=10)
    return World(seed=7, sizes=sizes, limits=limits)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """One HTTP server for all tests of this process; each puts its own world on it."""
    stage = Stage()
    with Serving(stage) as stage.address:
        yield stage


@pytest.fixture
def base(world: World, stage: Stage) -> str:
    """Address of the sandbox that shows this world over HTTP."""
    stage.app = build_app(world)
    return stage.address


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that retries would have waited; they go on at once."""
    noted: list[float] = []

    async def note(seconds: float) -> None:
        noted.append(seconds)

    monkeypatch.setattr("stamina._core._smart_sleep", note)
    return noted


class Stage:
    """An ASGI app that passes everything to the one put on it last."""

    app: Any = None
    address = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Serving:
    """An ASGI app on a loopback port, in a thread."""

    def __init__(self, app: Any, *, lifespan: str = "off") -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.bind(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan=lifespan, access_log=False))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.005)
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = self._server.config.lifespan == "off"
        self._thread.join(timeout=10)
        self._socket.close()


class Company:
    """The product over one sandbox and one database: what most tests speak to."""

    def __init__(self, world: World, base: str, url: str) -> None:
        self.world, self.base, self.url = world, base, url
        self.settings = Settings()
        self.connection = database.connect(url)

    @property
    def context(self) -> Context:
        return Context(self.url, self.settings)

    def account(self, system: str, name: str = "default", **changes: Any) -> Account:
        """An account that speaks to the sandbox; retries do not wait long unless told to."""
        prefix = f"{system.upper()}_"
        lines = {k.removeprefix(prefix).lower(): v for k, v in environment(self.base).items() if k.startswith(prefix)}
        quick: dict[str, Any] = {"retry_seconds": 8}
        if system == "robaws":
            quick |= {"requests_per_second": 5000, "burst": 5000}
        if system == "sumit":
            quick |= {"block_wait_seconds": 0.1, "pause_seconds": 0}
        return Account(name, system, SYSTEMS[system].settings(**(lines | quick | changes)))

    def pull(
        self, system: str, *, name: str = "default", options: PullOptions | None = None, **changes: Any
    ) -> SyncResult:
        """Sync one system; whatever the test is about, every record is counted once."""
        how = {k: changes.pop(k) for k in ("dry_run", "from_raw") if k in changes}
        result = pull(self.context, self.account(system, name, **changes), options or PullOptions(), **how)
        assert [loaded.miscounted for loaded in result.loaded if loaded.miscounted] == []
        return result

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        return self.connection.execute(query, parameters or None).fetchall()

    def do(self, statement: str, *parameters: Any) -> None:
        """Change something."""
        self.connection.execute(statement, parameters or None)

    def value(self, query: str, *parameters: Any) -> Any:
        return database.scalar(self.connection, query, parameters or None)

    def fault(self, system: str, kind: str, **how: Any) -> None:
        self.world.faults.append(Fault(system, kind, **how))

    def fingerprint(self) -> list[dict[str, Any]]:
        """The customer table by natural key, without ids and times of our own."""
        return self.rows(
            """
            select account, source, source_customer_id, name, vat_number, phone, mobile, primary_phone, general_email,
                street, city, zipcode, country, role, is_active, contact_persons, extra_fields, metadata, content_hash,
                source_modified_at, deleted_at is not null as is_deleted
            from customers_cache
            order by account, source, source_customer_id
            """
        )


@pytest.fixture
def company(world: World, base: str, url: str) -> Iterator[Company]:
    """The product over the sandbox and a fresh database."""
    company = Company(world, base, url)
    yield company
    company.connection.close()
