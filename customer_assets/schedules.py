"""Schedules: the nightly syncs and the weekly pruning, in SYNC_TIMEZONE."""

from __future__ import annotations

import dagster as dg

from customer_assets.jobs import customer_sync, prune_job, sumit_bidirectional


def build_schedules(*, timezone: str, sumit_nightly: bool) -> list[dg.ScheduleDefinition]:
    """The schedules; `sumit_nightly` turns the 03:00 one on."""
    running, stopped = dg.DefaultScheduleStatus.RUNNING, dg.DefaultScheduleStatus.STOPPED
    return [
        dg.ScheduleDefinition(
            name="daily_customer_sync",
            job=customer_sync,
            cron_schedule="0 2 * * *",
            execution_timezone=timezone,
            default_status=running,
        ),
        dg.ScheduleDefinition(
            name="daily_sumit_bidirectional",
            job=sumit_bidirectional,
            cron_schedule="0 3 * * *",
            execution_timezone=timezone,
            default_status=running if sumit_nightly else stopped,
        ),
        dg.ScheduleDefinition(
            name="weekly_prune",
            job=prune_job,
            cron_schedule="0 5 * * 0",
            execution_timezone=timezone,
            default_status=running,
        ),
    ]
