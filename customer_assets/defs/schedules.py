"""Schedules: the timetable, in SYNC_TIMEZONE."""

from __future__ import annotations

from typing import Any

import dagster as dg

from customer_assets.accounts import load_configuration
from customer_assets.defs.jobs import ASSET_JOBS, OP_JOBS
from customer_assets.runtime.timetable import timetable

STATUS = {True: dg.DefaultScheduleStatus.RUNNING, False: dg.DefaultScheduleStatus.STOPPED}


@dg.definitions
def schedules() -> dg.Definitions:
    """The schedules of this configuration: read when the code location is loaded, not when this module is imported."""
    configuration = load_configuration()
    return dg.Definitions(
        schedules=build_schedules(timezone=configuration.settings.timezone, sumit_nightly=configuration.pushes_nightly)
    )


def build_schedules(*, timezone: str, sumit_nightly: bool) -> list[dg.ScheduleDefinition]:
    """A schedule for each slot of the timetable."""
    jobs: dict[str, Any] = {job.name: job for job in ASSET_JOBS} | {job.name: job for job in OP_JOBS}
    return [
        dg.ScheduleDefinition(
            name=slot.name,
            job=jobs[slot.job],
            cron_schedule=slot.cron,
            execution_timezone=timezone,
            description=slot.meaning,
            default_status=STATUS[slot.is_on],
        )
        for slot in timetable(sumit_nightly=sumit_nightly)
    ]
