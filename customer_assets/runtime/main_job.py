"""The main job end to end: what `run` does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from customer_assets.domain.clock import now_utc
from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.invoices.migrate import keep_inputs, known_months, last_inputs, migration_inputs
from customer_assets.pipeline.invoices.timeline import timeline
from customer_assets.runtime.dagster_reports import dagster_instance, send_reports
from customer_assets.runtime.dagster_runs import JobRun, reap_runs, run_job
from customer_assets.runtime.runtime import NEEDS_SYSTEMS, Runtime
from customer_assets.runtime.sandbox import running_sandbox
from customer_assets.store.database import connect

if TYPE_CHECKING:
    import dagster as dg

    from customer_assets.runtime.runtime import Runtime


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


def run_everything(runtime: Runtime, definitions: dg.Definitions, *, say: Say) -> RunReport:
    """The main job: `customer_sync`, `invoice_migration`, then `customers` and `payment_reminders` once more.

    Args:
        runtime: what it works with.
        definitions: the code location whose jobs are run.
        say: told in lines what goes on.

    Raises:
        ConfigurationError: there is nothing to sync.
    """
    require_systems(runtime)
    started = time.monotonic()
    was_up = running_sandbox(runtime.home) is not None
    accounts = runtime.working.accounts  # starts the sandbox where that is meant
    if runtime.configuration.sandbox:
        say("nothing is configured: this run uses the sandbox's made-up data")
    say(f"syncing {', '.join(f'{a.system}' + ('' if a.account == 'default' else f' ({a.account})') for a in accounts)}")
    try:
        with dagster_instance() as instance:
            # its events over a few connections that stay, instead of one each
            instance.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=10)
            closed = len(reap_runs(instance, runtime.url))
            send_reports(instance, runtime.url)
            if closed:
                say(f"{closed} runs that were lost were marked as failed")
            jobs = [run_job(definitions, instance, "customer_sync")]
            months = partitions_with_invoices(runtime)
            inputs = migration_inputs(runtime.context())  # before: what changes meanwhile is migrated the next time
            if months is not None and inputs == last_inputs(runtime.context()):
                say("invoice_migration: left out, nothing that it works from has changed since the last one")
            elif months is not None:
                jobs.append(run_job(definitions, instance, "invoice_migration", partitions=months))
                jobs.append(run_job(definitions, instance, "customers_again"))
                if all(job.success for job in jobs):
                    keep_inputs(runtime.context(), inputs)
    finally:
        if runtime.configuration.sandbox and not was_up:
            stop_sandbox(runtime)
    calls = sum(int(m.metadata.get("calls") or 0) for job in jobs for m in job.materialized)
    return RunReport(jobs, time.monotonic() - started, calls)


def partitions_with_invoices(runtime: Runtime) -> tuple[str, str] | None:
    """The first and the last partition of the timeline that holds all old invoices; None where there are none."""
    with connect(runtime.url) as connection:
        known = set(known_months(connection))
    keys = timeline(runtime.configuration.settings.legacy_first_month, now_utc().date())
    return (next((key for key in keys if key in known), keys[-1]), keys[-1]) if known else None


def require_systems(runtime: Runtime) -> None:
    configuration = runtime.configuration
    if not configuration.sandbox and not configuration.accounts:
        raise ConfigurationError(NEEDS_SYSTEMS)


def stop_sandbox(runtime: Runtime) -> None:
    state = running_sandbox(runtime.home)
    if state is not None and psutil.pid_exists(state["pid"]):
        os.kill(state["pid"], signal.SIGTERM)
