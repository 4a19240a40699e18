"""When what runs by itself: read by Dagster's schedules, and shown by the console, which does not load Dagster."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Slot:
    """One schedule.

    Attributes:
        name, job: of the schedule, and of what it starts.
        cron: in SYNC_TIMEZONE.
        is_on: whether it runs unless somebody stops it.
        meaning: for people.
    """

    name: str
    job: str
    cron: str
    meaning: str
    is_on: bool = True

    def following(self, now: datetime) -> datetime:
        """When it runs next.

        Args:
            now: in SYNC_TIMEZONE.
        """
        minute, hour, _, _, weekday = self.cron.split()
        at = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
        while at <= now or (weekday != "*" and at.isoweekday() % 7 != int(weekday)):
            at += timedelta(days=1)
        return at


def timetable(*, sumit_nightly: bool) -> list[Slot]:
    """The nightly syncs, the weekly check of identity and pruning.

    With `sumit_nightly` the 03:00 one runs, and the 02:00 one leaves SUMIT to it.
    """
    nightly = "customer_sync_without_sumit" if sumit_nightly else "customer_sync"
    return [
        Slot("daily_customer_sync", nightly, "0 2 * * *", "Every night: pull, load, resolve, plan reminders, report."),
        Slot(
            "daily_sumit_bidirectional",
            "sumit_bidirectional",
            "0 3 * * *",
            "Every night, where SUMIT_NIGHTLY=on: pull from SUMIT, and push what changed here; it writes there.",
            is_on=sumit_nightly,
        ),
        Slot(
            "weekly_identity_check",
            "identity_check",
            "0 4 * * 0",
            "Sundays: are the customers those of a full resolution?",
        ),
        Slot("weekly_raw_check", "raw_check", "30 4 * * 0", "Sundays: is every cell what its raw record says?"),
        Slot("weekly_prune", "prune", "0 5 * * 0", "Sundays: delete what is past its time."),
    ]
