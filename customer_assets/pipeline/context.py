"""What every verb is given: the database, the settings, who asks, and whom to tell about progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from customer_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class Progress:
    """One step forward of one stream."""

    account: str
    system: str
    stream: str
    done: int
    total: int | None


@dataclass(frozen=True)
class Context:
    """Where and for whom a verb works.

    Attributes:
        url: the database.
        settings: those that belong to no single system.
        trigger: cli, dagster or web; stands in sync_runs.
        dagster_run_id: the run that it is part of.
        progress: told about pages as they land.
    """

    url: str
    settings: Settings
    trigger: str = "cli"
    dagster_run_id: str | None = None
    progress: Callable[[Progress], None] = lambda _progress: None
