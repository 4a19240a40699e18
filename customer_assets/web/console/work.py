"""Syncs that the console starts: one at a time of each kind, in a thread, with progress to show."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from customer_assets.errors import CustomerAssetsError
from customer_assets.pipeline.context import Context, Progress
from customer_assets.runless import Reporter
from customer_assets.stack import Stack

log = logging.getLogger(__name__)
MOST_KEPT = 50


@dataclass
class Job:
    """A sync that somebody started here."""

    kind: str
    title: str
    by: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    steps: dict[str, Progress] = field(default_factory=dict)
    outcome: str | None = None

    @property
    def line(self) -> str:
        """Where it stands, in one line."""
        if self.outcome is not None:
            return self.outcome
        if not self.steps:
            return "starting"
        parts = [
            f"{name}: page {p.done}" + (f" of {p.total}" if p.total else "") for name, p in self.steps.items()
        ]
        return "running; " + ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """As the page asks for it."""
        totals = [p.total for p in self.steps.values()]
        return {
            "id": self.id,
            "title": self.title,
            "line": self.line,
            "finished": self.outcome is not None,
            "done": sum(p.done for p in self.steps.values()),
            "total": sum(t for t in totals if t) if totals and all(totals) else None,
        }


class Worker:
    """Runs syncs; a second one of the same kind is the one that runs already."""

    def __init__(self, stack: Stack, reporter: Reporter) -> None:
        self._stack, self._reporter = stack, reporter
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, kind: str, by: str) -> Job:
        """Start a sync of this kind, or give the one that runs."""
        title, work = KINDS[kind]
        with self._lock:
            running = next((j for j in self._jobs.values() if j.kind == kind and j.outcome is None), None)
            if running is not None:
                return running
            job = Job(kind, title, by)
            self._jobs[job.id] = job
            while len(self._jobs) > MOST_KEPT:
                del self._jobs[next(iter(self._jobs))]
        threading.Thread(target=self._run, args=(job, work), name=f"console {kind}", daemon=True).start()
        return job

    def find(self, job_id: str) -> Job | None:
        """A sync that was started here."""
        return self._jobs.get(job_id)

    def _run(self, job: Job, work: Callable[[Stack, Context], tuple[str, dict[str, dict[str, Any]]]]) -> None:
        def progress(step: Progress) -> None:
            job.steps[f"{step.system} {step.stream}"] = step

        try:
            outcome, metadata = work(self._stack, self._stack.context(trigger="web", progress=progress))
            if metadata and self._stack.configuration.settings.report_to_dagster == "on":
                self._reporter.report(metadata, description=f"console: {job.title}")
        except CustomerAssetsError as error:
            outcome = f"failed: {error}"
        except Exception:
            log.exception("console %s", job.kind)
            outcome = "failed: an error that nobody foresaw; it is in the server's log"
        job.outcome = outcome


def _sync_all(stack: Stack, context: Context) -> tuple[str, dict[str, dict[str, Any]]]:
    from customer_assets.pipeline.land import PullOptions
    from customer_assets.pipeline.pull import pull

    said: list[str] = []
    metadata: dict[str, dict[str, Any]] = {}
    for account in stack.working.accounts:
        try:
            result = pull(context, account, PullOptions())
        except CustomerAssetsError as error:
            said.append(f"{account.system}: {error}")
            continue
        counts = result.counts.as_dict()
        _add(metadata, counts)
        said.append(
            f"{account.system}: {_counted(counts)}" + (f" ({result.message})" if result.message else "")
        )
    return "; ".join(said) or "no system is configured", metadata


def _pull_sumit(stack: Stack, context: Context) -> tuple[str, dict[str, dict[str, Any]]]:
    from customer_assets.pipeline.land import PullOptions
    from customer_assets.pipeline.pull import pull

    said: list[str] = []
    metadata: dict[str, dict[str, Any]] = {}
    for account in stack.working.of("sumit"):
        result = pull(context, account, PullOptions(full=True))
        _add(metadata, result.counts.as_dict())
        said.append(_counted(result.counts.as_dict()) + (f" ({result.message})" if result.message else ""))
    return "; ".join(said) or "sumit is not configured", metadata


def _bidirectional(stack: Stack, context: Context) -> tuple[str, dict[str, dict[str, Any]]]:
    from customer_assets.pipeline.bidirectional import bidirectional

    said: list[str] = []
    metadata: dict[str, dict[str, Any]] = {}
    for account in stack.working.of("sumit"):
        result = bidirectional(context, account)
        _add(metadata, result.as_dict()["details"]["pull"])
        said.append(result.message)
    return "; ".join(said) or "sumit is not configured", metadata


def _add(metadata: dict[str, dict[str, Any]], counts: dict[str, int]) -> None:
    # one materialization is reported for all accounts
    entry = metadata.setdefault("customers_cache", {})
    for name, number in counts.items():
        entry[name] = entry.get(name, 0) + number


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(
        f"{counts[name]} {name}" for name in ("created", "updated", "unchanged", "rejected", "errors")
    )


KINDS = {
    "sync-all": ("Sync all customers", _sync_all),
    "pull-sumit": ("Pull from SUMIT", _pull_sumit),
    "bidirectional": ("Bidirectional sync with SUMIT", _bidirectional),
}
