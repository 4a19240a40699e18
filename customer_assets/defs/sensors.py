"""Sensors: deliveries that wait, and alerts of failed runs. State of work lives in tables, not in cursors."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from customer_assets.defs.jobs import JOB_NAMES, NIGHTLY, PARTITIONED, PUSH, apply_webhooks
from customer_assets.runtime.alerts import call_heartbeat, send_alert
from customer_assets.runtime.dagster_reports import send_reports
from customer_assets.runtime.dagster_runs import reap_runs
from customer_assets.runtime.runtime import Runtime
from customer_assets.store import marks, runs
from customer_assets.store.database import connect
from customer_assets.store.reads.metrics import DAEMON_SEEN
from customer_assets.store.webhooks.deliveries import count_left

LOST_AFTER_MINUTES = 5
REPORT_SECONDS = 5
IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def batch_to_request(waiting: int, in_flight: int) -> dg.RunRequest | dg.SkipReason:
    """One run for all that waits; none while one is on its way, since it takes what came in meanwhile."""
    if not waiting:
        return dg.SkipReason("0 deliveries wait")
    if in_flight:
        return dg.SkipReason(f"{waiting} deliveries wait, {in_flight} runs are on their way")
    return dg.RunRequest(tags={"waiting_deliveries": str(waiting)})


@dg.sensor(
    job_name=apply_webhooks.name,  # by name: a sensor that holds its job is copied, with a warning of Dagster's own
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts one run for the webhook deliveries that nobody applied yet.",
)
def webhook_sensor(
    context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> dg.RunRequest | dg.SkipReason:
    """Count what waits and what runs."""
    with connect(runtime.url, name="customer_assets webhook_sensor") as connection:
        waiting = count_left(connection)
    if not waiting:
        return batch_to_request(0, 0)
    # a run that was killed stays "started": after a while it does not count any more, and deliveries are locked anyway
    recent = datetime.now(UTC) - timedelta(minutes=LOST_AFTER_MINUTES)
    running = context.instance.get_runs_count(
        dg.RunsFilter(job_name=apply_webhooks.name, statuses=IN_FLIGHT, created_after=recent)
    )
    return batch_to_request(waiting, running)


@dg.sensor(
    minimum_interval_seconds=REPORT_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Records syncs, imports and deliveries that no run did as materializations, from an outbox.",
)
def report_sensor(context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]) -> dg.SkipReason:
    """Empty the outbox; it starts no run."""
    return dg.SkipReason(f"{send_reports(context.instance, runtime.url, runtime.key_prefix)} reports recorded")


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Closes runs that were lost: killed, or on a host that vanished. The database knows which ones live. "
    "Says that the daemon is at work, to /metrics and to HEARTBEAT_URL where one is set.",
)
def reap_sensor(context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]) -> dg.SkipReason:
    """Look at the locks; it starts no run."""
    closed = reap_runs(context.instance, runtime.url)
    with connect(runtime.url, name="customer_assets reap_sensor") as connection:
        marks.keep_now(connection, DAEMON_SEEN)
    call_heartbeat(runtime.configuration.settings)
    return dg.SkipReason(f"closed {', '.join(closed)}" if closed else "all runs live")


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Closes the sync runs of a failed Dagster run, and posts to ALERT_URL and mails to ALERT_MAIL where they are set.",
)
def run_failure_alerts(
    context: dg.RunFailureSensorContext, runtime: dg.ResourceParam[Runtime]
) -> Iterator[dg.SkipReason]:
    """Record the failure in sync_runs, always; tell others, if configured."""
    run = context.dagster_run
    if runtime.is_guest and not _is_ours(run, runtime.key_prefix):
        yield dg.SkipReason(f"{run.job_name} is not ours")
        return
    with connect(runtime.url, name="customer_assets run_failure_alerts") as connection:
        failed = runs.failures_of(connection, dagster_run_id=run.run_id)
        message = "; ".join(f"{where}: {why}" for where, why in sorted(failed.items())) or _cause(context)
        runs.fail_runs_of(connection, dagster_run_id=run.run_id, job=run.job_name, error=message)
    told = send_alert(
        runtime.configuration.settings,
        f"{run.job_name} failed",
        {"job": run.job_name, "run_id": run.run_id, "error": message, "systems": failed},
    )
    yield dg.SkipReason(
        "recorded in sync_runs" + (" and ".join(["", *told]) or "; neither ALERT_URL nor ALERT_MAIL is set")
    )


def _is_ours(run: dg.DagsterRun, key_prefix: tuple[str, ...]) -> bool:
    """Whether a run is of one of our jobs, or of our assets, where others have theirs beside them."""
    own = {dg.AssetKey([*key_prefix, name]) for name in (*NIGHTLY, *PARTITIONED, PUSH)}
    return run.job_name in JOB_NAMES or not own.isdisjoint(run.asset_selection or ())


def _cause(context: dg.RunFailureSensorContext) -> str:
    """Why a run failed, as its first failed step says; that steps failed is no cause."""
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        error = data.error
        while error is not None and error.cause is not None:
            error = error.cause
        said = (data.user_failure_data.description if data.user_failure_data else None) or (error and error.message)
        if said:
            return f"{event.step_key}: {said.strip()}"
    return context.failure_event.message or "failed"
