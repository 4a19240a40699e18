"""The graph run for real: every asset materialized on PostgreSQL and the sandbox, one system down, backfills, sensors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from customer_assets.definitions import own_defs
from customer_assets.defs.assets.cache import Loaded
from customer_assets.defs.partitions import invoice_months
from customer_assets.defs.resources import RuntimeResource
from customer_assets.defs.sensors import batch_to_request, report_sensor, run_failure_alerts, webhook_sensor
from customer_assets.domain.cache.derived import DERIVED_FROM
from customer_assets.domain.cache.row import Counts
from customer_assets.domain.cache.tables import CUSTOMERS
from customer_assets.domain.clock import now_utc
from customer_assets.pipeline.edit import edit_customer
from customer_assets.pipeline.invoices.timeline import timeline
from customer_assets.runtime.dagster_runs import run_job
from customer_assets.runtime.runtime import open_runtime
from customer_assets.sandbox.server import environment, write_legacy_invoices
from customer_assets.sources.registry import SYSTEMS
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.slow

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
ASSETS = {
    *(stream.asset for system in SYSTEMS.values() for stream in system.streams),
    "customers_cache",
    "invoices_cache",
    "legacy_invoices",
    "customers",
    "payment_reminders",
    "sumit_push",
    "nightly_report",
}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def defs(company: Company, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dg.Definitions:
    """Our definitions over the test's database and sandbox."""
    lines = environment(company.base) | {
        "DATABASE_URL": company.url,
        "LEGACY_INVOICES": str(tmp_path / "legacy.csv"),
        "ROBAWS_REQUESTS_PER_SECOND": "5000",
        "ROBAWS_BURST": "5000",
        "ROBAWS_RETRY_SECONDS": "0",
        "ZOHO_RETRY_SECONDS": "0",
        "SUMIT_RETRY_SECONDS": "0",
    }
    for name, value in lines.items():
        monkeypatch.setenv(name, value)
    write_legacy_invoices(company.world, tmp_path / "legacy.csv")
    return own_defs(open_runtime())


def run(
    defs: dg.Definitions, instance: dg.DagsterInstance, job: str = "customer_sync", **how: Any
) -> dg.ExecuteInProcessResult:
    config: dict[str, Any] = dict(QUIET)
    for option in ("dry_run", "send"):
        if how.pop(option, False):
            config["ops"] = {"sumit_push": {"config": {option: True}}}
    return defs.resolve_job_def(job).execute_in_process(
        run_config=config, instance=instance, raise_on_error=False, **how
    )


IMPLICIT_JOB = "__ASSET_JOB"  # what a materialization from the lineage is a run of


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    return {
        event.asset_key.to_user_string(): {k: v.value for k, v in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {f"{c.asset_key.to_user_string()}.{c.check_name}": c.passed for c in result.get_asset_check_evaluations()}


def migrate(defs: dg.Definitions, instance: dg.DagsterInstance, first: str, last: str) -> dg.ExecuteInProcessResult:
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return run(defs, instance, "invoice_migration", tags=tags)


def test_every_asset_is_materialized_with_counts_that_add_up(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    result = run(defs, instance)
    assert result.success
    found = metadata(result)
    assert set(found) == ASSETS
    cache = found["customers_cache"]
    assert cache["fetched"] == cache["created"] + cache["skipped"] == 250 + 231 + 40 + 2
    assert cache["dagster/row_count"] == company.value("select count(*) from customers_cache") == 521
    assert {c.name for c in cache["dagster/column_schema"].columns} > {"vat_number", "content_hash"}
    assert found["raw_robaws_client_pages"]["calls"] == 3
    assert found["raw_robaws_client_pages"]["bytes"] > 100_000
    failed = [name for name, passed in checks(result).items() if not passed]
    assert failed == ["customers_cache.columns_filled"]  # the sandbox fills no legal form


def test_the_weekly_check_finds_a_customer_that_a_full_resolution_would_not_make(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    name = "customers.agrees_with_full_resolution"
    assert name not in checks(run(defs, instance))  # too long for every night
    assert checks(run(defs, instance, "identity_check"))[name]
    one, other = (r["id"] for r in company.rows("select id from customer_rows order by id limit 2"))
    for table, key in (("customer_rows", "id"), ("ops.identity_index", "row_id")):
        company.do(
            f"update {table} set golden_id = (select golden_id from customer_rows where id = %s) where {key} = %s",
            one,
            other,
        )
    assert not checks(run(defs, instance, "identity_check"))[name]


def test_a_column_that_a_system_stopped_giving_is_warned_of(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    name = "customers_cache.null_rates"
    first = run(defs, instance)
    assert checks(first)[name]
    (rates,) = (c.metadata for c in first.get_asset_check_evaluations() if c.check_name == "null_rates")
    assert {"robaws", "zoho", "sumit"} <= rates.keys()
    mapped = {
        f.column for f in SYSTEMS["robaws"].stream("customers").mapping(company.account("robaws").settings).fields
    }
    assert rates["robaws"].value.keys() == mapped
    with_phone = [client for client in company.world.robaws.values() if client.get("tel")]
    for client in with_phone[: len(company.world.robaws) // 20]:
        client["tel"] = None
    assert checks(run(defs, instance))[name]  # customers do lose phones
    for client in with_phone:
        client["tel"] = None
    third = run(defs, instance)
    assert not checks(third)[name]
    (found,) = (
        c.metadata["blanked"].value for c in third.get_asset_check_evaluations() if c.check_name == "null_rates"
    )
    assert found.keys() >= {"default robaws.phone"}


def test_a_record_that_no_count_has_is_told() -> None:
    counted = Loaded(Counts(created=3), miscounted=["robaws/default"])
    assert [(c.check_name, c.passed) for c in counted.checks()] == [("counts_add_up", False), ("columns_filled", True)]


def test_no_personal_data_in_metadata(company: Company, defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    text = str(metadata(run(defs, instance)))
    name = company.value("select name from customers_cache where source = 'robaws' and length(name) > 12 limit 1")
    assert name not in text
    assert "@" not in text


@pytest.mark.parametrize("system", SYSTEMS)
def test_one_system_down_stops_no_other_and_the_run_is_red(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance, system: str
) -> None:
    company.fault(system, "500", times=10_000)
    result = run(defs, instance)
    assert not result.success
    # where nothing landed, nothing is fresh
    assert set(metadata(result)) == ASSETS - {stream.asset for stream in SYSTEMS[system].streams}
    assert not any(checks(result)[f"{stream.asset}.complete_scan"] for stream in SYSTEMS[system].streams)
    failed = (
        [e.step_key for e in result.get_step_failure_events()]
        if hasattr(result, "get_step_failure_events")
        else [e.step_key for e in result.all_events if e.is_step_failure]
    )
    assert failed == ["sync_outcome"]
    counts = {
        r["source"]: r["n"] for r in company.rows("select source, count(*) as n from customers_cache group by source")
    }
    assert counts == {k: v for k, v in {"robaws": 250, "zoho": 231, "sumit": 40}.items() if k != system}
    statuses = {r["source"]: r["status"] for r in company.rows("select source, status from sync_runs")}
    assert statuses == {s: "failed" if s == system else "ok" for s in SYSTEMS}
    company.world.faults.clear()
    assert run(defs, instance).success
    assert company.value("select count(*) from customers_cache") == 521


def test_the_cache_alone_is_rebuilt_without_a_call(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    run(defs, instance)
    before, calls = company.fingerprint(), dict(company.world.calls)
    company.connection.execute("truncate customer_rows, invoice_rows cascade")
    selection = [dg.AssetKey("customers_cache"), dg.AssetKey("invoices_cache")]
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        run_config=QUIET, instance=instance, asset_selection=selection
    )
    assert result.success
    assert dict(company.world.calls) == calls
    ours = {"source_modified_at"}
    assert [{k: v for k, v in r.items() if k not in ours} for r in company.fingerprint()] == [
        {k: v for k, v in r.items() if k not in ours} for r in before
    ]
    assert company.value("select count(*) from invoices_cache") == 600


def test_a_backfill_of_any_range_makes_no_call_and_dry_runs_write_nothing(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    run(defs, instance)
    months = list(invoice_months.get_partition_keys())
    calls = dict(company.world.calls)
    half = months.index("2021-01")
    dry = defs.resolve_job_def("invoice_migration").execute_in_process(
        run_config=QUIET
        | {"ops": {n: {"config": {"dry_run": True}} for n in ("migrated_customers", "relinked_invoices")}},
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": months[0],
            "dagster/asset_partition_range_end": months[-1],
        },
    )
    assert dry.success
    assert company.value("select count(*) from legacy_invoices where match_rule is not null") == 0
    assert migrate(defs, instance, months[half], months[-1]).success
    assert migrate(defs, instance, months[0], months[half - 1]).success
    result = migrate(defs, instance, months[0], months[-1])
    assert metadata(result)["relinked_invoices"]["links_changed"] == 0
    assert (
        company.value("select count(*) from legacy_invoices where match_rule is null and unlinked_reason is null") == 0
    )
    assert dict(company.world.calls) == calls


def test_the_webhook_sensor_starts_one_run_for_all_that_waits(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    body = b'{"id": "d", "event": "client.updated", "data": {"id": "77", "name": "Via Webhook"}}'
    for number in range(3):
        company.connection.execute(
            "insert into ops.webhook_deliveries (id, event, body, signed_at) values (%s, 'client.updated', %s, now())",
            [f"d{number}", body],
        )
    context = dg.build_sensor_context(instance=instance, resources={"runtime": open_runtime()})
    request = webhook_sensor(context)
    assert isinstance(request, dg.RunRequest)
    assert request.tags == {"waiting_deliveries": "3"}
    result = run(defs, instance, "apply_webhooks")
    assert result.success
    assert metadata(result)["webhook_deliveries"] == {"applied": 3}
    assert company.value("select name from customers_cache where source_customer_id = '77'") == "Via Webhook"
    skipped = webhook_sensor(context)
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == "0 deliveries wait"


@pytest.mark.parametrize(("waiting", "in_flight", "runs"), [(0, 0, False), (5, 0, True), (5, 1, False)])
def test_one_run_at_a_time(waiting: int, in_flight: int, runs: bool) -> None:
    assert isinstance(batch_to_request(waiting, in_flight), dg.RunRequest) is runs


def test_prune_deletes_old_runs_and_pages(company: Company, defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    run(defs, instance)
    assert run(defs, instance, "prune").success


@pytest.mark.parametrize(("nightly", "asset"), [("off", True), ("on", False)])
def test_the_nightly_sync_leaves_sumit_to_its_own_schedule(
    defs: dg.Definitions, monkeypatch: pytest.MonkeyPatch, nightly: str, asset: bool
) -> None:
    monkeypatch.setenv("SUMIT_NIGHTLY", nightly)
    monkeypatch.setenv("SYNC_TIMEZONE", "Asia/Jerusalem")
    repository = own_defs().get_repository_def()
    schedule = repository.get_schedule_def("daily_customer_sync")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "Asia/Jerusalem")
    nodes = {node.name for node in repository.get_job(schedule.job_name).graph.nodes}
    assert ("raw_sumit_customer_pages" in nodes) is asset
    sumit = repository.get_schedule_def("daily_sumit_bidirectional")
    assert (sumit.default_status is dg.DefaultScheduleStatus.RUNNING) is not asset
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_failed_run_is_recorded_even_when_no_sync_began(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    company.connection.execute("alter table legacy_invoices rename to hidden")
    try:
        result = run(defs, instance)
    finally:
        company.connection.execute("alter table hidden rename to legacy_invoices")
    event = next(e for e in result.all_events if e.event_type == dg.DagsterEventType.RUN_FAILURE)
    failed_run = instance.get_run_by_id(result.run_id)
    assert failed_run is not None
    company.connection.execute("delete from sync_runs")
    context = dg.build_run_status_sensor_context(
        "run_failure_alerts", event, instance, failed_run, resources={"runtime": open_runtime()}
    ).for_run_failure()
    assert "recorded" in str(list(run_failure_alerts(context)))  # type: ignore[call-overload]
    assert company.value("select source from sync_runs where status = 'failed'") == "customer_sync"


def test_sumit_both_ways_as_a_job(company: Company, defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    assert run(defs, instance).success
    customer = company.value("select id from customers_cache where source = 'sumit' order by id limit 1")
    remote = int(company.value("select source_customer_id from customers_cache where id = %s", customer))
    edit_customer(company.context, customer, {"city": "Haifa"}, by="test")

    planned = run(defs, instance)  # the nightly sync shows what would be sent, and sends nothing
    assert company.world.sumit[remote].get("City") != "Haifa"
    assert metadata(planned)["sumit_push"]["plan"] == {f"customer {customer}": "update city"}
    dry = run(defs, instance, "sumit_bidirectional", dry_run=True)
    assert metadata(dry)["sumit_push"]["planned"] == 1
    assert company.world.sumit[remote].get("City") != "Haifa"

    alone = {"asset_selection": [dg.AssetKey("sumit_push")]}  # as the button Materialize does
    by_itself = run(defs, instance, IMPLICIT_JOB, **alone)
    assert metadata(by_itself)["sumit_push"]["did"] == "planned; nothing was sent"
    assert company.world.sumit[remote].get("City") != "Haifa"

    company.fault("sumit", "500", match="listentities", times=99)
    failed = run(defs, instance, "sumit_bidirectional")
    assert not failed.success
    assert metadata(failed)["sumit_push"]["messages"] == {"default": "Pull failed: nothing was pushed"}
    company.world.faults.clear()

    done = run(defs, instance, "sumit_bidirectional")
    assert done.success
    assert (metadata(done)["sumit_push"]["pushed"], checks(done)["sumit_push.nothing_failed"]) == (1, True)
    assert company.world.sumit[remote]["City"] == "Haifa"


def test_a_process_opens_what_it_works_with_once(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", company.url)
    context = dg.build_init_resource_context()
    first = RuntimeResource().create_resource(context)
    assert RuntimeResource().create_resource(context) is first


def test_work_that_no_run_did_is_recorded_once_and_kept_while_dagster_cannot_take_it(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = open_runtime()
    runtime.tell_dagster({"customers_cache": {"created": 2}}, "customer-assets sync")
    runtime.tell_dagster({"legacy_invoices": {"created": 3}}, "import")
    context = dg.build_sensor_context(instance=instance, resources={"runtime": runtime})
    with monkeypatch.context() as broken:
        broken.setattr(dg.DagsterInstance, "report_runless_asset_event", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            report_sensor(context)
    assert company.value("select count(*) from ops.dagster_reports") == 2
    assert "2 reports recorded" in str(report_sensor(context))
    assert "0 reports recorded" in str(report_sensor(context))
    event = instance.get_latest_materialization_event(dg.AssetKey("customers_cache"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["created"].value == 2


def test_columns_are_traced_from_raw_paths_to_golden_records(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert set(DERIVED_FROM) == set(CUSTOMERS.derived_columns) - {"metadata"}
    run_job(defs, instance, "customer_sync")

    def sources(asset: str, column: str) -> set[tuple[str, str]]:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None
        assert event.asset_materialization is not None
        lineage = event.asset_materialization.metadata["dagster/column_lineage"].value
        assert isinstance(lineage, dg.TableColumnLineage)
        return {(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage.deps_by_column[column]}

    assert {
        ("raw_robaws_client_pages", "address.city"),
        ("raw_zoho_contact_pages", "billing_address.city"),
    } <= sources("customers_cache", "city")
    assert ("raw_robaws_client_pages", "vatIdNumber") in sources("customers_cache", "vat_normalized")
    assert ("raw_zoho_invoice_pages", "total") in sources("invoices_cache", "total")
    assert sources("customers", "email") == {("customers_cache", "general_email")}


def test_a_run_of_ours_is_one_of_the_workspace(
    defs: dg.Definitions, instance: dg.DagsterInstance, company: Company
) -> None:
    done = run_job(defs, instance, "customers_again")
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    assert run.tags[".dagster/repository"] == "__repository__@customer_assets"
    assert run.remote_job_origin is not None  # what the UI executes it once more by
    assert run.remote_job_origin.location_name == "customer_assets"


def test_a_range_of_months_is_one_whatever_was_imported_first(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    keys = list(invoice_months.get_partition_keys())
    assert keys[0] == "2000-01"
    assert keys[-2:] == [f"{now_utc().year + 1}-12", "undated"]
    company.do("truncate legacy_invoices")
    for number, month in enumerate(("2024-03", "2023-11", "undated", "1924-01", "0999-05", "2203-12")):
        company.do(
            "insert into legacy_invoices (source_invoice_id, customer_name, customer_phone, month) values (%s, %s, %s, %s)",
            f"{number}",
            f"Klant {number}",
            f"+3235550{number}00",
            month,
        )
    done = "select array_agg(month order by month) from legacy_invoices where match_rule is not null"
    assert migrate(defs, instance, "2023-11", "2024-03").success
    assert company.value(done) == ["2023-11", "2024-03"]
    # what no month of the timeline has goes with what has no date
    assert migrate(defs, instance, "undated", "undated").success
    assert company.value(done) == ["0999-05", "1924-01", "2023-11", "2024-03", "2203-12", "undated"]


def test_the_timeline_begins_where_it_is_told_to() -> None:
    keys = timeline("0999-11", date(1000, 2, 3))
    assert keys[:3] == ["0999-11", "0999-12", "1000-01"]
    assert keys[-2:] == ["1001-12", "undated"]
    assert keys == sorted(keys)
    assert timeline("2030-01", date(2024, 1, 1)) == ["undated"]


def test_the_report_of_a_night_says_what_it_did_and_what_waits(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.fault("zoho", "500", match="contacts", times=99)
    report = metadata(run(defs, instance))["nightly_report"]["report"]
    lines = report.splitlines()
    robaws = next(line for line in lines if line.startswith("| robaws | default | ok |"))
    assert f"{company.value('select count(*) from customer_rows where source = %s', 'robaws'):,}" in robaws
    assert any(line.startswith("- **zoho/default**: ") for line in lines)
    assert "## To look at" in lines or "Nothing waits for anybody." in lines
    name = company.value("select name from customers_cache where source = 'robaws' and length(name) > 12 limit 1")
    assert name not in report
