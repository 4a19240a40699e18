"""The commands that hold several parts together: `run`, `dev`, `doctor`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from customer_assets.errors import ConfigurationError, CustomerAssetsError
from customer_assets.runtime.dagster_reports import add_months, dagster_instance
from customer_assets.runtime.dagster_runs import JobRun, close_dead_runs, run_job
from customer_assets.runtime.runtime import NEEDS_SYSTEMS, Runtime, running_sandbox
from customer_assets.settings import project_root
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import database, embedded
from customer_assets.store.webhooks import endpoints

Say = Callable[[str], None]


@dataclass(frozen=True)
class RunReport:
    """What `run` did."""

    jobs: list[JobRun]
    seconds: float
    calls: int

    @property
    def success(self) -> bool:
        """Every job succeeded."""
        return all(job.success for job in self.jobs)

    @property
    def failed_checks(self) -> list[str]:
        """Asset checks of severity ERROR that did not pass."""
        return [check for job in self.jobs for check in job.failed_checks]

    @property
    def systems_failed(self) -> bool:
        """A whole system could not be synced."""
        return any(job.systems_failed for job in self.jobs)


def run_everything(runtime: Runtime, *, say: Say) -> RunReport:
    """The main job: `customer_sync`, `invoice_migration`, then `customers` and `payment_reminders` once more.

    Raises:
        ConfigurationError: there is nothing to sync.
    """
    from customer_assets.definitions import defs

    _require_systems(runtime)
    started = time.monotonic()
    was_up = running_sandbox(runtime.home) is not None
    accounts = runtime.working.accounts  # starts the sandbox where that is meant
    if runtime.configuration.sandbox:
        say("nothing is configured: this run uses the sandbox's made-up data")
    say(
        f"syncing {', '.join(f'{a.system}' + ('' if a.account == 'default' else f' ({a.account})') for a in accounts)}"
    )
    try:
        with dagster_instance() as instance:
            closed = close_dead_runs(instance)
            if closed:
                say(f"{closed} runs of dead processes were marked as failed")
            jobs = [run_job(defs, instance, "customer_sync")]
            months = add_months(instance, [])
            if months:
                jobs.append(run_job(defs, instance, "invoice_migration", partitions=(months[0], months[-1])))
                jobs.append(
                    run_job(defs, instance, "customer_sync", assets=["customers", "payment_reminders"])
                )
    finally:
        if runtime.configuration.sandbox and not was_up:
            _stop_sandbox(runtime)
    calls = sum(int(m.metadata.get("calls") or 0) for job in jobs for m in job.materialized)
    return RunReport(jobs, time.monotonic() - started, calls)


def run_dev(runtime: Runtime, *, say: Say) -> None:
    """Everything, in the foreground, until Ctrl-C or a part ends.

    Raises:
        ConfigurationError: there is nothing to sync, or a part ended by itself.
    """
    _require_systems(runtime)
    settings = runtime.configuration.settings
    was_up = running_sandbox(runtime.home) is not None
    working = runtime.working
    with dagster_instance() as instance:
        close_dead_runs(instance)
    dagster = [
        sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(settings.dagster_port),
        "--workspace", "workspace.yaml",
    ]  # fmt: skip
    web = [sys.executable, "-m", "customer_assets", "serve", "--port", str(settings.web_port)]
    dagster_url = f"http://127.0.0.1:{settings.dagster_port}"
    # a group of their own: Ctrl-C reaches us, and we end them in order
    children = [
        subprocess.Popen(  # noqa: S603
            command,
            cwd=project_root(),
            start_new_session=True,
            env={**os.environ, "DAGSTER_HOME": str(project_root()), "DAGSTER_URL": dagster_url},
        )
        for command in (dagster, web)
    ]
    # a shell starts background jobs with SIGINT ignored: both are taken by hand
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    say(f"Dagster UI    {dagster_url}")
    say(f"console       http://127.0.0.1:{settings.web_port}/")
    say(f"JSON API      http://127.0.0.1:{settings.web_port}/api/customers")
    say(f"health        http://127.0.0.1:{settings.web_port}/healthz")
    say(f"webhooks      http://127.0.0.1:{settings.web_port}/api/webhooks/robaws/customers")
    say(f"database      {database.shown(runtime.url)} (customer-assets db psql)")
    if working.sandbox:
        state = running_sandbox(runtime.home) or {}
        say(f"sandbox       {state.get('base')} (made-up data: nothing is configured)")
    say("Ctrl-C stops all of it")
    ended: subprocess.Popen[bytes] | None = None
    try:
        while ended is None:
            time.sleep(0.5)
            ended = next((child for child in children if child.poll() is not None), None)
    except KeyboardInterrupt:
        say("stopping")
    finally:
        for child in children:
            end_family(child)
        if runtime.configuration.sandbox and not was_up:
            _stop_sandbox(runtime)
        _stop_server_if_unused(runtime)
    if ended is not None:
        raise ConfigurationError(f"a part ended by itself with status {ended.returncode}: {ended.args!s}")


def _require_systems(runtime: Runtime) -> None:
    configuration = runtime.configuration
    if not configuration.sandbox and not configuration.accounts:
        raise ConfigurationError(NEEDS_SYSTEMS)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def end_family(child: subprocess.Popen[bytes]) -> None:
    """End a child and what it started: politely, then not."""
    try:
        family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    if child.poll() is None:
        child.send_signal(signal.SIGINT)  # a shell may have had it ignored: hence the second look
    _, alive = psutil.wait_procs(family, timeout=15)
    for process in alive:
        process.kill()


def _stop_sandbox(runtime: Runtime) -> None:
    state = running_sandbox(runtime.home)
    if state is not None and psutil.pid_exists(state["pid"]):
        os.kill(state["pid"], signal.SIGTERM)


def _stop_server_if_unused(runtime: Runtime) -> None:
    """Stop the embedded server unless somebody else is connected to it."""
    if (
        runtime.configuration.settings.database_url is not None
        or embedded.running_server(runtime.home) is None
    ):
        return
    with database.connect(runtime.url) as connection:
        others = database.scalar(
            connection,
            "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
        )
    if not others:
        embedded.stop_server(runtime.home)


# --- doctor -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One line of `doctor`."""

    what: str
    ok: bool
    message: str
    exit_code: int = 0


def examine(open_runtime: Callable[[], Runtime]) -> list[Finding]:
    """Database and every configured system, each with what is wrong and what mends it."""
    try:
        runtime = open_runtime()
    except CustomerAssetsError as error:
        return [Finding("database", False, str(error), error.exit_code)]
    findings = [Finding("database", True, f"{database.shown(runtime.url)}, schema up to date")]
    working = runtime.working
    for system in SYSTEMS:
        accounts = working.of(system)
        if not accounts:
            findings.append(Finding(system, True, f"not configured ({system.upper()}_... settings): skipped"))
        findings += [asyncio.run(_examine(runtime, account)) for account in accounts]
    findings.append(_examine_webhooks(runtime))
    return findings


def _examine_webhooks(runtime: Runtime) -> Finding:
    with database.connect(runtime.url) as connection:
        health = endpoints.delivery_health(connection)
        silent = runtime.silent_accounts(connection)
        known = endpoints.all_endpoints(connection)
    if silent:
        message = (
            f"no delivery within a day for {', '.join(silent)}, although syncs found changes: the endpoint may be suspended; "
            "`customer-assets register-webhook --url ... --rotate` makes a new one"
        )
        return Finding("webhooks", False, message, 1)
    unregistered = "" if known or health["last_received_at"] else "; none is registered (register-webhook)"
    return Finding("webhooks", True, endpoints.health_line(health) + unregistered)


async def _examine(runtime: Runtime, account: Any) -> Finding:
    from customer_assets.pipeline.sync.land import PullOptions
    from customer_assets.pipeline.sync.pull import opened

    what = account.system if account.account == "default" else f"{account.system} ({account.account})"
    try:
        async with opened(runtime.context(), account, PullOptions()) as source:
            line = await source.check()
            left = source.meter.quota_left
    except CustomerAssetsError as error:
        return Finding(what, False, str(error), error.exit_code)
    return Finding(what, True, line + (f"; {left} calls left today" if left is not None else ""))
