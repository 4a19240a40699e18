"""The receiver as a process of its own: killed under load, its database stopped and started, nobody but the sensor left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import httpx
import pytest

from customer_assets.defs.jobs import apply_webhooks
from customer_assets.defs.resources import RuntimeResource
from customer_assets.defs.sensors import webhook_sensor
from customer_assets.store import database, embedded, upgrade
from customer_assets_tests.conftest import Company, discard
from customer_assets_tests.web.conftest import SECRET, Web, until

pytestmark = pytest.mark.slow


@contextmanager
def served(url: str, home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`customer-assets serve` over a database: (process, address)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "DATABASE_URL": url,
        "CUSTOMER_ASSETS_HOME": str(home),
        "ROBAWS_WEBHOOK_SECRET": SECRET,
        "REPORT_TO_DAGSTER": "off",
    }
    command = [sys.executable, "-m", "customer_assets", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | settings, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(address), 30)
        yield process, address
    finally:
        process.kill()
        process.wait()


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


class Load:
    """Four senders, and what they were answered."""

    def __init__(self, address: str) -> None:
        self.statuses: dict[str, int] = {}
        self._address, self._stop = address, threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(4)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def taken(self) -> set[str]:
        return {delivery_id for delivery_id, status in dict(self.statuses).items() if status == 202}

    def _send(self, sender: int) -> None:
        web = Web(SimpleNamespace(), self._address)  # type: ignore[arg-type]
        number = 0
        while not self._stop.is_set():
            delivery_id = f"{sender}-{number}"
            number += 1
            try:
                answer = web.deliver(delivery_id, id=str(number % 50), name=f"Customer {number}")
                self.statuses[delivery_id] = answer.status_code
            except httpx.HTTPError:
                self.statuses[delivery_id] = 0
                time.sleep(0.02)
        web.client.close()


def test_killed_under_load_every_202_has_a_row(company: Company, tmp_path: Path) -> None:
    with served(company.url, tmp_path) as (process, address), Load(address) as load:
        until(lambda: len(load.taken()) > 300)
        process.send_signal(signal.SIGKILL)
        process.wait()
    stored = {row["id"] for row in company.rows("select id from ops.webhook_deliveries")}
    assert load.taken() <= stored
    with served(company.url, tmp_path):
        until(
            lambda: not company.value("select count(*) from ops.webhook_deliveries where status = 'waiting'"),
            20,
        )
    assert company.value("select count(*) from customers_cache") == 50
    assert company.value("select max(attempts) from ops.webhook_deliveries") == 1


def test_the_database_stopped_and_started_under_load(tmp_path: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="customer_assets_tests_"))
    server = embedded.start_server(home)
    try:
        database.ensure_database(server.url("postgres"), "customers")
        upgrade.upgrade(server.url("customers"))
        with served(server.url("customers"), tmp_path) as (_, address), Load(address) as load:
            until(lambda: len(load.taken()) > 100)
            embedded.stop_server(home)
            until(lambda: 503 in load.statuses.values())
            server = embedded.start_server(home)
            before = len(load.taken())
            until(lambda: len(load.taken()) > before + 100, 20)
        assert set(load.statuses.values()) <= {202, 503}
        with (
            served(server.url("customers"), tmp_path),
            database.connect(server.url("customers")) as connection,
        ):
            stored = {row["id"] for row in connection.execute("select id from ops.webhook_deliveries")}
            assert load.taken() <= stored
            waiting = "select count(*) from ops.webhook_deliveries where status = 'waiting'"
            until(lambda: not database.scalar(connection, waiting), 20)
    finally:
        embedded.stop_server(home)
        discard(home)


def test_without_the_web_process_the_sensor_drains(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", company.url)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, resources={"runtime": RuntimeResource()}) as context,
    ):
        with served(company.url, tmp_path) as (process, address):
            web = Web(company, address)
            web.deliver("d1")
            web.settled()
            process.send_signal(signal.SIGSTOP)  # it is there, and does nothing
            company.connection.execute(
                "update ops.webhook_deliveries set status = 'waiting', received_at = now() - interval '5 seconds'"
            )
            assert isinstance(webhook_sensor(context), dg.SkipReason)
            company.connection.execute("update ops.webhook_deliveries set received_at = now() - interval '11 seconds'")
            assert isinstance(webhook_sensor(context), dg.RunRequest)
            company.connection.execute("update ops.webhook_deliveries set received_at = now()")
            web.client.close()
        until(lambda: isinstance(webhook_sensor(context), dg.RunRequest))
        assert apply_webhooks.execute_in_process(instance=instance, resources={"runtime": RuntimeResource()}).success
        assert company.value("select status from ops.webhook_deliveries") == "applied"
        materialized = instance.get_latest_materialization_event(dg.AssetKey("webhook_deliveries"))
        assert materialized is not None
