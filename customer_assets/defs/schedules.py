"""Schedules: the timetable, in SYNC_TIMEZONE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import dagster as dg

from customer_assets.accounts import Configuration, load_configuration
from customer_assets.defs.assets.push import SENDING_JOB
from customer_assets.defs.jobs import ASSET_JOBS, OP_JOBS
from customer_assets.runtime.timetable import timetable
from customer_assets.sources.registry import SYSTEMS

NIGHTLY_JOB = "customer_sync"
_STREAMS = [stream for system in SYSTEMS.values() for stream in system.streams]
STATUS = {True: dg.DefaultScheduleStatus.RUNNING, False: dg.DefaultScheduleStatus.STOPPED}


@dg.definitions
def schedules() -> dg.Definitions:
    """The schedules of this configuration: read when the code location is loaded, not when this module is imported."""
    jobs = [*ASSET_JOBS, *OP_JOBS]
    return dg.Definitions(schedules=build_schedules(jobs, portions=account_portions(load_configuration())))


def build_schedules(jobs: Sequence[Any], portions: Sequence[Sequence[str]] = ()) -> list[dg.ScheduleDefinition]:
    """A schedule for each slot of the timetable that one of these jobs fills.

    Args:
        jobs: those there are.
        portions: names of accounts, for a run of the nightly sync each, which Dagster's queue and launcher share out; none: one
            run of all.
    """
    configuration = load_configuration()
    named: dict[str, Any] = {job.name: job for job in jobs}
    slots = timetable(sumit_nightly=configuration.pushes_nightly and SENDING_JOB in named)
    return [
        dg.ScheduleDefinition(
            name=slot.name,
            job=named[slot.job],
            cron_schedule=slot.cron,
            execution_timezone=configuration.settings.timezone,
            description=slot.meaning,
            default_status=STATUS[slot.is_on],
            execution_fn=partial(_runs, portions) if portions and slot.job == NIGHTLY_JOB else None,
        )
        for slot in slots
        if slot.job in named
    ]


def account_portions(configuration: Configuration) -> list[list[str]]:
    """Names of accounts by ACCOUNTS_PER_RUN; nothing where one run is enough."""
    names, most = sorted({a.account for a in configuration.accounts}), configuration.settings.accounts_per_run
    if most is None or len(names) <= most:
        return []
    return [names[at : at + most] for at in range(0, len(names), most)]


def _runs(portions: Sequence[Sequence[str]], context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    for names in portions:
        config = {"ops": {stream.asset: {"config": {"accounts": list(names)}} for stream in _STREAMS}}
        yield dg.RunRequest(
            run_key=f"{context.scheduled_execution_time.isoformat()} {names[0]}",
            run_config=config,
            tags={"customer_assets/accounts": f"{names[0]} to {names[-1]}"},
        )
