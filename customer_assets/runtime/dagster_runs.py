"""Running Dagster ourselves: recorded runs in this process, and runs whose process died."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from customer_assets.store import run_locks
from customer_assets.store.dagster_events import prune_runless
from customer_assets.store.database import connect

if TYPE_CHECKING:
    import dagster as dg

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
# By this tag the UI lists a run under its job, in Overview and in the timeline: whoever launches through it sets it, too.
OF_REPOSITORY, LOCATION = ".dagster/repository", "__repository__@customer_assets"
LOOK_AGAIN_SECONDS = 2 * run_locks.LOOK_SECONDS + run_locks.GONE_SECONDS + 2
ALL_SYNCED = "all_systems_synced"  # the check that the last step of a sync makes


@dataclass(frozen=True)
class Materialized:
    """One materialized asset of a run: its rows, the seconds it took, and its counts."""

    asset: str
    rows: int | None
    seconds: float
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class JobRun:
    """A recorded run."""

    job: str
    run_id: str
    success: bool
    materialized: list[Materialized]
    error: str | None
    failed_checks: list[str]
    systems_failed: bool


def run_job(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    *,
    partitions: tuple[str, str] | None = None,
    assets: list[str] | None = None,
) -> JobRun:
    """Run a job in this process, recorded like any other run.

    Args:
        definitions: the code location that the job is part of.
        instance: where it is recorded.
        job: its name.
        partitions: first and last key of a range, for a partitioned job.
        assets: only these of its assets.
    """
    import dagster as dg

    tags = {OF_REPOSITORY: LOCATION} | ({RANGE_START: partitions[0], RANGE_END: partitions[1]} if partitions else {})
    with _recorded_as_launched(instance, job):
        result = definitions.resolve_job_def(job).execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},  # the events are recorded anyway
            instance=instance,
            tags=tags,
            asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
            raise_on_error=False,
        )
    materialized: dict[str, Materialized] = {}
    error = None
    failed_checks: list[str] = []
    systems_failed = False
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            found = event.step_materialization_data.materialization
            metadata = {name: value.value for name, value in found.metadata.items()}
            name = found.asset_key.to_user_string()
            rows, seconds = metadata.get("dagster/row_count"), metadata.get("seconds")
            materialized[name] = Materialized(
                name,
                rows if isinstance(rows, int) else None,
                float(seconds) if isinstance(seconds, int | float) else 0.0,
                metadata,
            )
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
                failed_checks.append(f"{check.asset_key.to_user_string()} {check.check_name}")
                systems_failed |= check.check_name == ALL_SYNCED
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            failure = event.step_failure_data
            description = failure.user_failure_data.description if failure.user_failure_data else None
            error = error or description or (failure.error.message.strip() if failure.error else "a step failed")
    return JobRun(job, result.run_id, result.success, list(materialized.values()), error, failed_checks, systems_failed)


@contextmanager
def _recorded_as_launched(instance: dg.DagsterInstance, job: str) -> Iterator[None]:
    """Inside, runs are recorded with the job of the workspace that they are of, as a launched run is.

    Dagster executes a job in a process without saying whose it is: the UI would then refuse to execute it once more.
    """
    import dagster as dg

    repository, location = LOCATION.split("@")
    origin = dg.deserialize_value(
        json.dumps(
            {
                "__class__": "ExternalPipelineOrigin",
                "external_repository_origin": {
                    "__class__": "ExternalRepositoryOrigin",
                    "repository_location_origin": {
                        "__class__": "RegisteredRepositoryLocationOrigin",
                        "location_name": location,
                    },
                    "repository_name": repository,
                },
                "pipeline_name": job,
            }
        )
    )
    create = instance.create_run_for_job
    instance.create_run_for_job = partial(create, remote_job_origin=origin)  # type: ignore[method-assign, arg-type]
    try:
        yield
    finally:
        instance.create_run_for_job = create  # type: ignore[method-assign]


def reap_runs(instance: dg.DagsterInstance, url: str) -> list[str]:
    """Close runs whose lock is gone: a kill, or a host that vanished, leaves them started for ever. Returns their ids.

    Args:
        instance: where they are recorded.
        url: database that knows who lives; runs of other installations are not in it, and not touched.
    """
    with connect(url, name="customer_assets reap") as connection:
        lost = run_locks.lost_runs(connection)
        if lost:  # a server that was restarted a moment ago gave no run the time to have its lock again
            time.sleep(LOOK_AGAIN_SECONDS)
            lost = sorted({*lost} & {*run_locks.lost_runs(connection)})
        closed = []
        for run_id in lost:
            run = instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                instance.report_run_failed(run, "it was lost: no process holds its lock any more")
                closed.append(run_id)
        run_locks.forget_runs(connection, lost)
    return closed


def prune_dagster_runs(
    instance: dg.DagsterInstance, *, keep_days: float, jobs: Sequence[str] | None = None, location: str | None = None
) -> int:
    """Delete finished Dagster runs older than that; returns how many.

    Args:
        instance: where they are recorded.
        keep_days: age.
        jobs: only runs of these; None: of all.
        location: and of them only those of this code location, where jobs are given: another may have jobs of that name.
    """
    import dagster as dg

    finished = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    before = datetime.now(UTC) - timedelta(days=keep_days)
    old = [
        run
        for job in (jobs if jobs is not None else [None])
        for run in instance.get_runs(
            filters=dg.RunsFilter(job_name=job, statuses=finished, created_before=before), limit=1000
        )
    ]
    ours = [run for run in old if jobs is None or location_of(run) == location]
    for run in ours:
        instance.delete_run(run.run_id)
    return len(ours)


def location_of(run: dg.DagsterRun) -> str | None:
    """The code location that a run was launched from; None for one that no workspace launched."""
    return run.remote_job_origin.location_name if run.remote_job_origin is not None else None


def prune_runless_events(url: str, *, keep_days: float) -> int:
    """Delete what Dagster keeps of work that no run did and that is older than that; returns how many events.

    Args:
        url: of Dagster's own database.
        keep_days: age.
    """
    with connect(url, name="customer_assets prune") as connection:
        return prune_runless(connection, keep_days=keep_days)
