"""What the console starts: one at a time of each kind, syncs in Dagster where it runs, else in a thread of this process."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import psycopg

from customer_assets.domain.clock import now_utc
from customer_assets.errors import ConfigurationError, CustomerAssetsError, TransientError
from customer_assets.pipeline.context import Context, Progress
from customer_assets.runtime.dagster_client import Dagster
from customer_assets.runtime.runtime import Runtime
from customer_assets.sources.registry import SYSTEMS, with_pushes
from customer_assets.sources.system import System
from customer_assets.store import runs
from customer_assets.store.database import connect

log = logging.getLogger(__name__)
MOST_KEPT = 50
POLL_SECONDS = 0.7
MOST_UNHEARD = 60  # questions in a row without an answer, until it is given up
COUNTED = ("created", "updated", "unchanged", "rejected", "errors")
Metadata = dict[str, dict[str, Any]]  # asset -> what Dagster is told of it


class Done(NamedTuple):
    """What became of a sync.

    Attributes:
        line: for people.
        metadata: the same for Dagster.
        failed: an account could not be synced.
    """

    line: str
    metadata: Metadata
    failed: bool = False


@dataclass
class Job:
    """A sync that somebody started here.

    Attributes:
        steps: name of a part -> where it stands.
        spent: calls and quota of a run in Dagster, in one line.
        page: where Dagster shows the run.
        failed: whether it did not come to its end, or left an account out.
        outcome: what became of it, once it is over.
        began: when; run_id: of Dagster's run, where it is one.
    """

    kind: str
    title: str
    by: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    steps: dict[str, Progress] = field(default_factory=dict)
    spent: str = ""
    page: str | None = None
    failed: bool = False
    outcome: str | None = None
    began: datetime = field(default_factory=now_utc)
    run_id: str | None = None

    @property
    def line(self) -> str:
        """Where it stands, in one line."""
        if self.outcome is not None:
            return self.outcome
        if not self.steps:
            return "starting in Dagster" if self.page else "starting"
        parts = [f"{name}: {p.done}" + (f" of {p.total}" if p.total else "") for name, p in self.steps.items()]
        return "running; " + ", ".join(parts) + (f"; {self.spent}" if self.spent else "")

    def as_dict(self) -> dict[str, Any]:
        """As the page asks for it."""
        totals = [p.total for p in self.steps.values()]
        return {
            "id": self.id,
            "title": self.title,
            "line": self.line,
            "page": self.page,
            "finished": self.outcome is not None,
            "failed": self.failed,
            "done": sum(p.done for p in self.steps.values()),
            "total": sum(t for t in totals if t) if totals and all(totals) else None,
        }


@dataclass(frozen=True)
class Kind:
    """A sync that can be started.

    Attributes:
        title: its name.
        warning: what it will do, for the question before.
        job: Dagster's job, None for what is always done here; assets: only these of it, all for none.
        work: the same in this process.
    """

    title: str
    warning: str
    job: str | None
    work: Callable[[Runtime, Context], Done]
    assets: tuple[str, ...] = ()


class Worker:
    """Starts syncs; a second one of the same kind is the one that runs already."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        own = runtime.configuration.settings
        self._dagster = (
            Dagster(own.dagster_url, public_address=own.dagster_public_url, location=own.dagster_location)
            if own.dagster_url
            else None
        )
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, name: str, by: str) -> Job:
        """Start a sync of this kind, or give the one that runs."""
        kind = kinds()[name]
        with self._lock:
            running = next((j for j in self._jobs.values() if j.kind == name and j.outcome is None), None)
            if running is not None:
                return running
            job = Job(name, kind.title, by)
            self._jobs[job.id] = job
            ended = [j.id for j in self._jobs.values() if j.outcome is not None]
            for old in ended[: max(0, len(self._jobs) - MOST_KEPT)]:
                del self._jobs[old]
        threading.Thread(target=self._run, args=(job, kind), name=f"console {name}", daemon=True).start()
        return job

    def find(self, job_id: str) -> Job | None:
        """A sync that was started here."""
        return self._jobs.get(job_id)

    def _run(self, job: Job, kind: Kind) -> None:
        try:
            run_id = None
            if self._dagster is not None and kind.job is not None:
                run_id = self._dagster.launch(kind.job, assets=kind.assets, by=job.by)
            if run_id is not None and self._dagster is not None:
                failed, outcome = self._watch(job, self._dagster, run_id)
            else:
                failed, outcome = self._run_here(job, kind)
        except CustomerAssetsError as error:
            failed, outcome = True, f"failed: {error}"
        except Exception:
            log.exception("console %s", job.kind)
            failed, outcome = True, "failed: an error that nobody foresaw; it is in the server's log"
        job.failed, job.outcome = failed, outcome

    def _run_here(self, job: Job, kind: Kind) -> tuple[bool, str]:
        def progress(step: Progress) -> None:
            name = _named({"source": step.system, "account": step.account})
            job.steps = {**job.steps, f"{name} {step.stream}": step}  # a new one: pages read it meanwhile

        done = kind.work(self._runtime, self._runtime.context(trigger="web", progress=progress))
        self._runtime.tell_dagster(done.metadata, f"console: {job.title}")
        return done.failed, f"failed: {done.line}" if done.failed else done.line

    def _watch(self, job: Job, dagster: Dagster, run_id: str) -> tuple[bool, str]:
        """Follow a run in the tables that it writes, until Dagster says that it is over."""
        job.page, job.run_id = dagster.page_of(run_id), run_id
        unheard = 0
        while True:
            try:
                ended = dagster.ended(run_id)
                # read after the question: what the run wrote before it ended is there
                with connect(self._runtime.url, name="customer_assets console", timeout=2) as connection:
                    found = runs.of_dagster_run(connection, run_id)
            except (TransientError, ConfigurationError, psycopg.Error):
                unheard += 1
                if unheard > MOST_UNHEARD:
                    raise
            else:
                unheard = 0
                job.steps = {
                    f"{_named(r)} pages": Progress(r["account"], r["source"], "pages", r["pages"], None) for r in found
                }
                job.spent = ", ".join(_spent(r) for r in found if r["calls"])
                if ended is not None:
                    told = "; ".join(_described(r) for r in found) or "it ended before any sync began"
                    return bool(ended) or any(r["status"] == "failed" for r in found), ended + told
            time.sleep(POLL_SECONDS)


def _named(run: Mapping[str, Any]) -> str:
    system, account = str(run["source"]), str(run["account"])
    return system if account == "default" else f"{system} ({account})"


def _spent(run: Mapping[str, Any]) -> str:
    left = f", {run['quota_left']} left today" if run["quota_left"] is not None else ""
    return f"{_named(run)} {run['calls']} calls{left}"


def _described(run: Mapping[str, Any]) -> str:
    messages = run["error"] or run["message"]
    return f"{_named(run)} {run['status']}: {_counted(run)}" + (f" ({messages})" if messages else "")


def _counted(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in COUNTED)


def _pull(runtime: Runtime, context: Context, *, systems: Sequence[str]) -> Done:
    """Pull accounts, some at once; one that fails stops no other."""
    from customer_assets.pipeline.sync.pull import pull_accounts
    from customer_assets.pipeline.sync.run import PullOptions

    messages: list[str] = []
    metadata: Metadata = {}
    failed = False
    accounts = [a for a in runtime.working.accounts if a.system in systems]
    for result in pull_accounts(context, accounts, PullOptions()):
        counts = result.counts.as_dict()
        _add(metadata, counts)
        name = _named({"source": result.system, "account": result.account})
        if result.status == "failed":
            failed = True
            changed = _counted(counts) if any(counts[n] for n in ("created", "updated")) else "nothing changed"
            messages.append(f"{name} failed: {result.message}; {changed}")
        else:
            messages.append(f"{name}: {_counted(counts)}" + (f" ({result.message})" if result.message else ""))
    return Done("; ".join(messages) or "no system is configured for it", metadata, failed)


def _pull_all(runtime: Runtime, context: Context) -> Done:
    """Everything of the nightly job but the import of old invoices, which has its own command."""
    from customer_assets.pipeline.identity.resolve import resolve_customers
    from customer_assets.pipeline.invoices.remind import plan_reminders

    done = _pull(runtime, context, systems=tuple(SYSTEMS))
    if metadata := done.metadata:
        resolved, reminders = resolve_customers(context), plan_reminders(context)
        metadata["customers"] = {**asdict(resolved.counts), "customers": resolved.customers}
        metadata["payment_reminders"] = asdict(reminders.counts)
    return done


def _bidirectional(runtime: Runtime, context: Context) -> Done:
    from customer_assets.pipeline.push.bidirectional import bidirectional

    messages: list[str] = []
    metadata: Metadata = {}
    failed = False
    for account in (a for a in runtime.working.accounts if SYSTEMS[a.system].pushes is not None):
        try:
            result = bidirectional(context, account)
        except CustomerAssetsError as error:
            failed = True
            messages.append(f"{account.account}: {error}")
            continue
        for pulled in result.pulls:
            _add(metadata, pulled.counts.as_dict())
        failed |= result.push is None  # a pull failed
        messages.append(result.message)
    return Done("; ".join(messages) or f"{pushed_to()} is not configured", metadata, failed)


def _link_invoices(_runtime: Runtime, context: Context) -> Done:
    """Customers out of the old invoices of all months, their links, and whose they are across systems."""
    from customer_assets.pipeline.identity.resolve import resolve_customers
    from customer_assets.pipeline.invoices.migrate import migrate

    result = migrate(context)
    resolved = resolve_customers(context)
    linked = sum(result.linked.values())
    line = (
        f"{result.invoices} invoices: {linked} linked, {result.invoices - linked} not; "
        f"{result.customers.created} customers that only they know were added, {result.links_changed} links changed"
    )
    return Done(line, {"customers": {**asdict(resolved.counts), "customers": resolved.customers}})


def _add(metadata: Metadata, counts: Mapping[str, int]) -> None:
    # one materialization is reported for all accounts
    entry = metadata.setdefault("customers_cache", {})
    for name, number in counts.items():
        entry[name] = entry.get(name, 0) + number


def _pull_kind(system: System) -> Kind:
    edits = " Local edits stay, and wait to be pushed." if system.pushes is not None else " Local edits stay."
    assets = [stream.asset for stream in system.streams]
    caches = [f"{stream.entity}_cache" for stream in system.streams]
    return Kind(
        f"Pull from {system.label}",
        f"Its customers are read from {system.label}.{edits}",
        "customer_sync",
        partial(_pull, systems=(system.name,)),
        (*assets, *caches),
    )


def pushed_to() -> str:
    """The systems that take pushes, for messages."""
    return ", ".join(system.name for system in with_pushes())


def kinds() -> dict[str, Kind]:
    """What can be started, by the name in their address."""
    return {
        "sync-all": Kind(
            "Sync all customers",
            "Every configured system is read. Nothing is written to any of them.",
            "customer_sync",
            _pull_all,
        ),
        **{f"pull-{name}": _pull_kind(system) for name, system in SYSTEMS.items()},
        "bidirectional": Kind(
            f"Bidirectional sync with {', '.join(system.label for system in with_pushes())}",
            "All customers are read from there; then what changed here is written back. Each call is billed.",
            "sumit_bidirectional",
            _bidirectional,
        ),
        "link-invoices": Kind(
            "Link old invoices to customers",
            "Customers are found in the invoices that were imported, and each invoice gets its customer. No system is asked.",
            None,  # Dagster's job is one run for chosen months: a backfill
            _link_invoices,
        ),
    }
