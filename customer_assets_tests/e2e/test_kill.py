"""kill -9 in the middle of a sync: the lock is free, the next one goes on, and the table is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.sandbox.server import environment
from customer_assets.sandbox.world import Sizes, World
from customer_assets_tests.conftest import EMPTY_EVERY_TABLE, Company

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("TEST_KILLS", "8"))  # of each test at random moments; CI asks for more


def start(company: Company, home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    settings = environment(company.base) | {"DATABASE_URL": company.url, "CUSTOMER_ASSETS_HOME": str(home)}
    settings |= {"ROBAWS_REQUESTS_PER_SECOND": "5000", "ROBAWS_BURST": "5000"}
    return subprocess.Popen(
        [sys.executable, "-m", "customer_assets", "sync", *arguments],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(("system", "pages"), [("robaws", 3), ("robaws", 20), ("zoho", 2), ("zoho", 15), ("sumit", 2)])
def test_killed_while_landing(company: Company, tmp_path: Path, system: str, pages: int) -> None:
    company.pull(system)  # type: ignore[arg-type]
    undisturbed = company.fingerprint()
    company.connection.execute(
        "truncate customer_rows, ops.raw_scans, ops.raw_pages, ops.raw_details, sync_metadata, sync_runs cascade"
    )
    calls = company.world.calls[system]
    process = start(company, tmp_path, system, "--batch-size", "10", "--delay", "60")
    deadline = time.monotonic() + 30
    while company.world.calls[system] - calls < pages and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    started = time.monotonic()
    result = company.pull(system)  # type: ignore[arg-type]
    assert result.status == "ok", result.message
    assert time.monotonic() - started < 5 + 10
    drop = "source_modified_at"  # SUMIT's is the time of our request
    assert [{k: v for k, v in r.items() if k != drop} for r in company.fingerprint()] == [
        {k: v for k, v in r.items() if k != drop} for r in undisturbed
    ]
    statuses = [r["status"] for r in company.rows("select status from sync_runs order by id")]
    assert statuses == ["failed", "ok"]


class TestAtAnyMoment:
    """Killed at random moments, again and again, while the source goes on changing: in the end nothing tells of it."""

    @pytest.fixture
    def sizes(self) -> Sizes:
        return Sizes(
            robaws_clients=1500,
            zoho_contacts=60,
            zoho_vendors=2,
            zoho_invoices=100,
            sumit_customers=200,
            legacy_invoices=0,
        )

    @pytest.fixture
    def world(self, world: World) -> World:
        """Without the limits of a day, which fifty scans would reach."""
        world.limits = replace(world.limits, sumit_quick_calls=10**6, zoho_per_day=10**6, robaws_per_day=10**6)
        return world

    @pytest.mark.parametrize("system", ["robaws", "zoho", "sumit"])
    def test_the_table_is_that_of_an_undisturbed_sync(self, company: Company, tmp_path: Path, system: str) -> None:
        seed = int(os.environ.get("TEST_SEED", "7"))
        random = Random(seed)  # noqa: S311
        usual = self.seconds_of(company, tmp_path, system)
        killed_at: list[str] = []
        for _ in range(KILLS):
            if system == "robaws":
                self.change(company, random)
            process = start(company, tmp_path, system, "--full", "--batch-size", "50")
            time.sleep(random.uniform(0.15, 1.05) * usual)
            killed_at.append("ended before" if process.poll() is not None else self.state_of(company))
            process.send_signal(signal.SIGKILL)
            process.wait()
        for _ in range(4):  # what is gone must be missed twice; details come after their list
            result = company.pull(system, options=PullOptions(full=True, page_size=50))
            assert result.status == "ok", (seed, result.message)
        disturbed = self.shown(company)
        company.connection.execute(EMPTY_EVERY_TABLE)
        for _ in range(2):
            company.pull(system, options=PullOptions(full=True, page_size=50))
        assert disturbed == self.shown(company), (seed, killed_at)
        assert sum(state != "ended before" for state in killed_at) > KILLS / 4, (usual, killed_at)

    @staticmethod
    def seconds_of(company: Company, home: Path, system: str) -> float:
        """How long a sync takes here and now, the start of its process included."""
        started = time.monotonic()
        assert start(company, home, system, "--full", "--batch-size", "50").wait() == 0
        seconds = time.monotonic() - started
        company.connection.execute(EMPTY_EVERY_TABLE)
        return seconds

    @staticmethod
    def state_of(company: Company) -> str:
        """What the killed sync was at: for the message of a failure."""
        row = company.rows(
            """
            select (select max(status) from ops.raw_scans where id = (select max(id) from ops.raw_scans)) as scan,
                (select count(*) from customer_rows) as rows
            """
        )[0]
        return f"scan {row['scan']}, {row['rows']} rows"

    @staticmethod
    def change(company: Company, random: Random) -> None:
        """Some vanish, some change with a newer time, and some, that never had a time, without one."""
        world = company.world.robaws
        stamp = (datetime(2033, 1, 1, tzinfo=UTC) + timedelta(seconds=sum(company.world.calls.values()))).isoformat()
        for number, one in enumerate(random.sample(sorted(world), 30)):
            if number < 3:
                del world[one]
            elif int(one) % 3 == 0:
                world[one] |= {"name": f"Renamed {random.randrange(10**6)}"}
                world[one].pop("updatedAt", None)
            else:
                world[one] |= {"tel": f"+3247{random.randrange(10**7):07d}", "updatedAt": stamp}

    @staticmethod
    def shown(company: Company) -> list[dict[str, Any]]:
        ours = ("source_modified_at", "is_deleted")  # where the system gives no time, that of our request
        rows = [row for row in company.fingerprint() if not row["is_deleted"]]
        return [{k: v for k, v in row.items() if k not in ours} for row in rows]
