"""kill -9 in the middle of a sync: the lock is free, the next one goes on, and the table is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from customer_assets.sandbox.server import environment
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.slow


def start(company: Company, home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    settings = environment(company.base) | {"DATABASE_URL": company.url, "CUSTOMER_ASSETS_HOME": str(home)}
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
