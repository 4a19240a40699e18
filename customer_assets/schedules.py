"""Schedules: the nightly syncs, the weekly check of identity and pruning, in SYNC_TIMEZONE."""

from __future__ import annotations

from typing import Any

import dagster as dg

from customer_assets.jobs import (
    customer_sync,
    customer_sync_without_sumit,
    identity_check,
    prune_job,
    sumit_bidirectional,
)


def build_schedules(*, timezone: str, sumit_nightly: bool) -> list[dg.ScheduleDefinition]:
    """The schedules; with `sumit_nightly` the 03:00 one runs, and the 02:00 one leaves SUMIT to it."""
    running, stopped = dg.DefaultScheduleStatus.RUNNING, dg.DefaultScheduleStatus.STOPPED

    def at(
        hour: int, name: str, job: Any, *, day: str = "*", status: dg.DefaultScheduleStatus
    ) -> dg.ScheduleDefinition:
        return dg.ScheduleDefinition(
            name=name,
            job=job,
            cron_schedule=f"0 {hour} * * {day}",
            execution_timezone=timezone,
            default_status=status,
        )

    nightly = customer_sync_without_sumit if sumit_nightly else customer_sync
    return [
        at(2, "daily_customer_sync", nightly, status=running),
        at(3, "daily_sumit_bidirectional", sumit_bidirectional, status=running if sumit_nightly else stopped),
        at(4, "weekly_identity_check", identity_check, day="0", status=running),
        at(5, "weekly_prune", prune_job, day="0", status=running),
    ]
