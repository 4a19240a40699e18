"""The commands that hold everything together: `run`, `dev`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from customer_assets.cli.output import (
    JsonOption,
    SandboxOption,
    finish,
    opened_runtime,
    print_json,
    say,
    show_table,
)


def run(as_json: JsonOption = False, sandbox: SandboxOption = False) -> None:
    """The main job end to end, as recorded Dagster runs: sync, migrate, relink, resolve, plan reminders."""
    from customer_assets.definitions import defs
    from customer_assets.runtime.main_job import run_everything

    with _sandbox_forced(sandbox):
        report = run_everything(opened_runtime(sandbox=sandbox), defs, say=say)
    rows = [
        [m.asset, m.rows, f"{m.seconds:.1f}", m.metadata.get("calls"), job.job]
        for job in report.jobs
        for m in job.materialized
    ]
    show_table("", ["asset", "rows", "seconds", "calls", "job"], rows, to_stderr=as_json)
    for job in report.jobs:
        say(f"{job.job}: {'done' if job.success else f'FAILED: {job.error}'} (Dagster run {job.run_id})")
    for check in report.failed_checks:
        say(f"check failed: {check}")
    say(f"{report.seconds:.1f} s, {report.calls} API calls. Look: `make dev`, or `customer-assets db psql`")
    if as_json:
        print_json(
            {
                "status": "ok" if report.success else "failed",
                "seconds": round(report.seconds, 1),
                "calls": report.calls,
                "jobs": [
                    {"job": j.job, "run_id": j.run_id, "success": j.success, "error": j.error} for j in report.jobs
                ],
                "failed_checks": report.failed_checks,
                "assets": {m.asset: m.rows for job in report.jobs for m in job.materialized},
            }
        )
    if report.systems_failed:
        finish(3)
    if not report.success or report.failed_checks:
        finish(1)


def dev(sandbox: SandboxOption = False) -> None:
    """Database, sandbox when nothing is configured, Dagster UI and daemon, web app; Ctrl-C stops all of it."""
    from customer_assets.runtime.dev import run_dev

    with _sandbox_forced(sandbox):
        run_dev(opened_runtime(sandbox=sandbox), say=say)


@contextmanager
def _sandbox_forced(sandbox: bool) -> Iterator[None]:
    """`--sandbox` reaches the processes that we start."""
    before = os.environ.get("CUSTOMER_ASSETS_SANDBOX")
    if sandbox:
        os.environ["CUSTOMER_ASSETS_SANDBOX"] = "1"
    try:
        yield
    finally:
        if sandbox and before is None:
            del os.environ["CUSTOMER_ASSETS_SANDBOX"]
