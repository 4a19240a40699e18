"""The whole thing as a newcomer runs it: nothing configured, a home folder of its own, real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from psycopg.rows import dict_row

from customer_assets_tests.conftest import discard

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "customer_assets"]


class Home:
    """A home folder with its own server and sandbox."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="customer_assets_e2e_"))
        self.path.chmod(0o755)
        self.settings = {"CUSTOMER_ASSETS_HOME": str(self.path)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | self.settings,
        )

    def json(self, *arguments: str) -> dict[str, Any]:
        process = self.start(*arguments, "--json")
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err[-3000:]
        found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return found

    def rows(self, query: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.json("db", "url")["url"], row_factory=dict_row) as connection:
            return connection.execute(query).fetchall()

    def close(self) -> None:
        state = self.path / "sandbox.json"
        if state.exists():
            pid = json.loads(state.read_text())["pid"]
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGTERM)
        subprocess.run([*COMMAND, "db", "stop"], env=os.environ | self.settings, check=True, capture_output=True)
        discard(self.path)


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    home = Home()
    yield home
    home.close()


@pytest.fixture(scope="module")
def first_run(home: Home) -> dict[str, Any]:
    return home.json("run")


CUSTOMERS = """
    select account, source, source_customer_id, name, primary_phone, role, is_active, content_hash
    from customers_cache
    order by 1, 2, 3
"""
WRITTEN = """
    select 'customer' as kind, id, xmin::text from customer_rows
    union all select 'invoice', id, xmin::text from invoice_rows
    union all select 'legacy', id, xmin::text from legacy_invoices
    union all select 'golden', id, xmin::text from customers
    union all select 'reminder', id, xmin::text from payment_reminders
    order by 1, 2
"""


def test_one_command_fills_every_table(home: Home, first_run: dict[str, Any]) -> None:
    assert first_run["status"] == "ok"
    assert first_run["failed_checks"] == []
    sources = {
        r["source"]: r["n"] for r in home.rows("select source, count(*) as n from customers_cache group by source")
    }
    assert sources["robaws"] == 4017
    assert sources["zoho"] == 1201
    assert sources["sumit"] == 300
    assert sources["invoice"] > 500
    assert first_run["assets"]["invoices_cache"] == 5000
    assert first_run["assets"]["relinked_invoices"] == 20_000
    assert home.rows("select count(*) as n from payment_reminders where status = 'pending'")[0]["n"] >= 0
    unlinked = home.rows(
        "select count(*) as n from legacy_invoices where customer_id is null and unlinked_reason is null"
    )
    assert unlinked[0]["n"] == 0
    assert home.json("verify")["ok"] is True


def test_a_second_run_writes_nothing_and_asks_for_what_may_have_changed_only(
    home: Home, first_run: dict[str, Any]
) -> None:
    before = home.rows(WRITTEN)
    second = home.json("run")
    assert home.rows(WRITTEN) == before
    assert second["calls"] <= 41 + 2 + 2
    # what a migration works from is as it was: it is left out, and so is what follows from it
    assert [(job["job"], job["success"]) for job in second["jobs"]] == [("customer_sync", True)]


@pytest.mark.ci
def test_a_run_killed_in_the_middle_ends_in_the_same_table(home: Home, first_run: dict[str, Any]) -> None:
    other = Home()
    try:
        process = other.start("run")
        deadline = time.monotonic() + 90
        state = other.path / "sandbox.json"
        while time.monotonic() < deadline:
            if state.exists() and _calls(state) > 400:  # in the middle of the details
                break
            time.sleep(0.05)
        process.kill()
        process.communicate()
        started = time.monotonic()
        again = other.start("run", "--json")
        assert again.stderr is not None
        while "syncing" not in again.stderr.readline():
            assert again.poll() is None
        assert time.monotonic() - started < 15  # of which the interpreter's own start is most, on a busy machine
        out, err = again.communicate(timeout=240)
        assert again.returncode == 0, err[-3000:]
        assert other.rows(CUSTOMERS) == home.rows(CUSTOMERS)
        assert json.loads(out.strip().splitlines()[-1])["jobs"][0]["success"] is True
    finally:
        other.close()


def _calls(state: Path) -> int:
    try:
        with urllib.request.urlopen(json.loads(state.read_text())["base"] + "/control", timeout=2) as answer:
            return int(json.load(answer)["calls"].get("zoho", 0))
    except (OSError, ValueError):
        return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ask(url: str, query: str, **variables: Any) -> dict[str, Any]:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
        return data


PASSWORD = "a long enough one"
RUNS = "{ runsOrError { ... on Runs { results { jobName status } } } }"


def _sync_from_the_console(address: str, kind: str) -> dict[str, Any]:
    """Log in, press the button, and follow the sync to its end."""
    with httpx.Client(base_url=address, follow_redirects=True, timeout=30, headers={"Origin": address}) as client:
        client.post("/login", data={"name": "admin", "password": PASSWORD})
        form = client.get(f"/actions/{kind}").text
        csrf = form.partition('name="csrf" value="')[2].partition('"')[0]
        path = client.post(f"/actions/{kind}", data={"csrf": csrf}).url.path
        deadline = time.monotonic() + 120
        while True:
            job: dict[str, Any] = client.get(path, headers={"Accept": "application/json"}).json()
            if job["finished"]:
                return job
            assert time.monotonic() < deadline, job
            time.sleep(0.5)


def test_dev_serves_dagster_and_the_api_and_ends_all_of_it(home: Home, first_run: dict[str, Any]) -> None:
    ports = {
        "DAGSTER_PORT": str(_free_port()),
        "WEB_PORT": str(_free_port()),
        "CONSOLE_ADMIN_PASSWORD": PASSWORD,
    }
    home.settings |= ports
    dev = home.start("dev")
    graphql = f"http://127.0.0.1:{ports['DAGSTER_PORT']}/graphql"
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                history = _ask(graphql, RUNS)["runsOrError"]["results"]
                break
            except OSError:
                assert dev.poll() is None
                time.sleep(0.5)
        assert {"jobName": "invoice_migration", "status": "SUCCESS"} in history  # what `run` did is there
        job = _sync_from_the_console(f"http://127.0.0.1:{ports['WEB_PORT']}", "pull-sumit")
        assert job["line"].startswith("sumit ok: 0 created, 0 updated, 300 unchanged")
        run_id = job["page"].removeprefix(f"http://127.0.0.1:{ports['DAGSTER_PORT']}/runs/")
        launched = _ask(
            graphql,
            "query ($r: ID!) { runOrError(runId: $r) { ... on Run { status tags { key value } } } }",
            r=run_id,
        )
        assert launched["runOrError"]["status"] == "SUCCESS"
        assert {"key": "customer_assets/started_by", "value": "admin"} in launched["runOrError"]["tags"]
        with urllib.request.urlopen(f"http://127.0.0.1:{ports['WEB_PORT']}/healthz", timeout=10) as answer:
            assert json.load(answer)["status"] == "ok"
        family = psutil.Process(dev.pid).children(recursive=True)
    finally:
        dev.send_signal(signal.SIGINT)
        dev.communicate(timeout=90)
        for name in ports:
            del home.settings[name]
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert len(gone) > 3
