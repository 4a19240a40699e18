"""Schedules: the timetable, in SYNC_TIMEZONE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from customer_assets.accounts import load_configuration
from customer_assets.defs.assets.push import SENDING_JOB
from customer_assets.defs.jobs import ASSET_JOBS, OP_JOBS
from customer_assets.runtime.timetable import timetable

STATUS = {True: dg.DefaultScheduleStatus.RUNNING, False: dg.DefaultScheduleStatus.STOPPED}


@dg.definitions
def schedules() -> dg.Definitions:
    """The schedules of this configuration: read when the code location is loaded, not when this module is imported."""
    return dg.Definitions(schedules=build_schedules([*ASSET_JOBS, *OP_JOBS]))


def build_schedules(jobs: Sequence[Any]) -> list[dg.ScheduleDefinition]:
    """A schedule for each slot of the timetable that one of these jobs fills."""
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
        )
        for slot in slots
        if slot.job in named
    ]
