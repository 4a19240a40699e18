"""Many accounts in one run: each apart from the others, several at once, and the run as red as they are."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from customer_assets import accounts, settings
from customer_assets.cli.app import app
from customer_assets.definitions import own_defs
from customer_assets.runtime.runtime import open_runtime
from customer_assets.sandbox.server import environment
from customer_assets.sandbox.world import Sizes
from customer_assets.store import database
from customer_assets_tests.conftest import Company
from customer_assets_tests.defs.test_jobs import checks, run

pytestmark = pytest.mark.slow
GOOD = [f"c{number:02}" for number in range(1, 9)]
BROKEN = ["dead", "hanging", "refused"]


@pytest.fixture
def sizes() -> Sizes:
    """A small company, many times."""
    return Sizes(robaws_clients=60)


@pytest.fixture
def hanging() -> Iterator[str]:
    """An address that takes a call and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def alerts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What is posted to ALERT_URL."""
    posted: list[dict[str, Any]] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ALERT_URL", f"http://127.0.0.1:{server.server_port}")
    yield posted
    server.shutdown()
    server.server_close()


@pytest.fixture
def many(
    company: Company, hanging: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, alerts: list[dict[str, Any]]
) -> dg.Definitions:
    """Our definitions over good and broken accounts of one system."""
    assert alerts == []
    for module in (settings, accounts):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    for name, value in environment(company.base).items():
        monkeypatch.setenv(f"THE_{name}" if "_API_" in name else name, value)
    monkeypatch.setenv("WRONG", "wrong")
    monkeypatch.setenv("DATABASE_URL", company.url)
    monkeypatch.setenv("ROBAWS_RETRY_SECONDS", "1")
    monkeypatch.setenv("ROBAWS_READ_TIMEOUT", "1")
    monkeypatch.setenv("ROBAWS_REQUESTS_PER_SECOND", "5000")
    base = environment(company.base)["ROBAWS_BASE_URL"]
    where = {"dead": "http://127.0.0.1:9", "hanging": hanging}
    (tmp_path / "accounts.toml").write_text(
        "".join(
            f'[[accounts]]\naccount = "{name}"\nsystem = "robaws"\n'
            f'api_key = "{"WRONG" if name == "refused" else "THE_ROBAWS_API_KEY"}"\napi_secret = "THE_ROBAWS_API_SECRET"\n'
            f'base_url = "{where.get(name, base)}"\n'
            for name in (*GOOD, *BROKEN)
        )
    )
    return own_defs(open_runtime())


def test_each_account_is_apart_and_the_run_says_which_failed(
    company: Company, many: dg.Definitions, monkeypatch: pytest.MonkeyPatch, alerts: list[dict[str, Any]]
) -> None:
    raw, key = "raw_robaws_client_pages", dg.AssetKey("raw_robaws_client_pages")
    with dg.DagsterInstance.ephemeral() as instance:
        red = run(many, instance)
        assert not red.success
        failure = next(e for e in red.all_events if e.is_step_failure).step_failure_data
        assert failure.user_failure_data is not None
        said = failure.user_failure_data.description or ""
        assert "3 of 11" in said
        for name, why in (
            ("dead", "cannot reach"),
            ("hanging", "no answer within"),
            ("refused", "credentials refused"),
        ):
            assert f"robaws/{name}: " in said
            assert why in said.split(f"robaws/{name}: ")[1].split("; robaws/")[0]
        assert instance.get_materialized_partitions(key) == set(GOOD)
        assert not checks(red)["customers_cache.all_systems_synced"]
        loaded = company.rows("select account, count(*) as n from customers_cache group by account")
        assert {row["account"]: row["n"] for row in loaded} == dict.fromkeys(GOOD, 60)

        monkeypatch.setenv("FAIL_SHARE", "0.5")
        green = run(own_defs(open_runtime()), instance)
        assert green.success
        assert not checks(green)["customers_cache.all_systems_synced"]
        assert [sorted(alert["systems"]) for alert in alerts if "systems" in alert] == [
            [f"robaws/{name}" for name in BROKEN]
        ]
        config = {"ops": {raw: {"config": {"accounts": ["c03"]}}}}
        one = many.resolve_job_def("customer_sync").execute_in_process(
            run_config=config, instance=instance, asset_selection=[key]
        )
        assert one.success
        assert company.value("select count(*) from sync_runs where dagster_run_id = %s", one.run_id) == 1


@pytest.mark.parametrize(("tags", "is_synced"), [({}, False), ({"dagster/schedule_name": "daily_customer_sync"}, True)])
def test_a_scheduled_run_waits_for_who_syncs_the_account(
    company: Company, many: dg.Definitions, tags: dict[str, str], is_synced: bool
) -> None:
    held, released = threading.Event(), threading.Event()

    def hold() -> None:
        with database.system_lock(company.url, account="c01", system="robaws", what="sync"):
            held.set()
            released.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    later = threading.Timer(database.MOMENT + 1, released.set)
    if is_synced:
        later.start()
    with dg.DagsterInstance.ephemeral() as instance:
        result = many.resolve_job_def("customer_sync").execute_in_process(
            run_config={"ops": {"raw_robaws_client_pages": {"config": {"accounts": ["c01"]}}}},
            instance=instance,
            asset_selection=[dg.AssetKey("raw_robaws_client_pages")],
            tags=tags,
        )
    assert released.is_set() is is_synced
    assert checks(result)["raw_robaws_client_pages.complete_scan"] is is_synced
    released.set()
    holder.join()
    later.cancel()


@pytest.mark.parametrize(("share", "code"), [("0.05", 3), ("0.5", 1)])
def test_the_command_ends_red_above_the_share_that_may_fail(
    many: dg.Definitions, monkeypatch: pytest.MonkeyPatch, share: str, code: int
) -> None:
    assert many is not None
    monkeypatch.setenv("FAIL_SHARE", share)
    done = CliRunner().invoke(app, ["sync", "robaws", "--json"])
    assert done.exit_code == code, done.output[-2000:]


def test_very_many_accounts_are_shared_out_among_runs(
    company: Company, many: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCOUNTS_PER_RUN", "4")
    monkeypatch.setenv("FAIL_SHARE", "1")
    defs = own_defs(open_runtime())
    schedule = defs.resolve_schedule_def("daily_customer_sync")
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 26, 2, tzinfo=UTC))
    requests = list(schedule.evaluate_tick(context).run_requests or [])
    of = [request.run_config["ops"]["raw_robaws_client_pages"]["config"]["accounts"] for request in requests]
    assert [len(names) for names in of] == [4, 4, 3]
    assert sorted(name for names in of for name in names) == sorted((*GOOD, *BROKEN))
    assert len({request.run_key for request in requests}) == 3
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("customer_sync").execute_in_process(
            run_config=requests[0].run_config, instance=instance
        )
        synced = company.rows("select distinct account from sync_runs where dagster_run_id = %s", result.run_id)
    assert sorted(row["account"] for row in synced) == of[0]
    assert set(company.value("select array_agg(distinct account) from customers_cache")) == set(of[0]) - set(BROKEN)
