"""Runs are judged by what the database knows, never by a process number."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import dagster as dg
import pytest

from customer_assets.defs.resources import RuntimeResource
from customer_assets.runtime import dagster_runs
from customer_assets.runtime.dagster_runs import reap_runs
from customer_assets.store import run_locks
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.slow
LIVING = """
import sys, time
from customer_assets.store.run_locks import living
with living(sys.argv[1], sys.argv[2]):
    print("lives", flush=True)
    sys.stdin.readline()
"""


@dg.op
def wait() -> None:
    """Never run."""


@dg.job
def waiting() -> None:
    """One step."""
    wait()


def started(instance: dg.DagsterInstance) -> str:
    run = instance.create_run_for_job(waiting, status=dg.DagsterRunStatus.STARTED)
    return run.run_id


def holder(url: str, run_id: str) -> subprocess.Popen[str]:
    """A process that says that the run lives."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIVING, url, run_id], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "lives\n"
    return process


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_lives_as_long_as_its_lock_and_is_closed_without_it(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_runs, "LOOK_AGAIN_SECONDS", 1)
    with dg.DagsterInstance.ephemeral() as instance:
        run_id, elsewhere = started(instance), started(instance)  # the other is of another installation
        process = holder(company.url, run_id)
        assert reap_runs(instance, company.url) == []
        process.send_signal(signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        assert reap_runs(instance, company.url) == [run_id]
        assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE
        assert status(instance, elsewhere) is dg.DagsterRunStatus.STARTED
        assert run_locks.living_runs(company.connection) == []


def test_a_restart_of_the_server_takes_no_run(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_locks, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(dagster_runs, "LOOK_AGAIN_SECONDS", 2)
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = started(instance)
        with run_locks.living(company.url, run_id):
            company.do(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'customer_assets run%%'"
            )
            assert reap_runs(instance, company.url) == []
            assert [row["is_lost"] for row in run_locks.living_runs(company.connection)] == [False]
        assert run_locks.living_runs(company.connection) == []


def test_what_ends_in_order_is_never_taken_for_lost(company: Company) -> None:
    with run_locks.living(company.url, "r1"):
        assert [row["is_lost"] for row in run_locks.living_runs(company.connection)] == [False]
    assert run_locks.living_runs(company.connection) == []
    with run_locks.living(company.url, "r1"):
        with run_locks.living(company.url, "r1"):
            pass  # another process of it has ended
        assert [row["is_lost"] for row in run_locks.living_runs(company.connection)] == [False]
    with pytest.raises(ValueError, match="of a step"), run_locks.living(company.url, "r1"):
        raise ValueError("of a step")
    assert run_locks.living_runs(company.connection) == []


def test_a_run_holds_its_lock_while_it_has_the_runtime(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", company.url)
    seen: list[bool] = []

    @dg.op(required_resource_keys={"runtime"})
    def look() -> None:
        seen.extend(row["is_lost"] for row in run_locks.living_runs(company.connection))

    @dg.job(resource_defs={"runtime": RuntimeResource()})
    def looking() -> None:
        look()

    assert looking.execute_in_process().success
    assert seen == [False]
    assert run_locks.living_runs(company.connection) == []


def test_a_moment_of_a_read_only_database_takes_no_run(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_locks, "LOOK_SECONDS", 0.1)
    name = company.value("select current_database()")
    with run_locks.living(company.url, "r9"):
        company.do(f'alter database "{name}" set default_transaction_read_only = on')
        try:
            company.do(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'customer_assets run%'"
            )
            time.sleep(0.6)
        finally:
            company.do("set default_transaction_read_only = off")
            company.do(f'alter database "{name}" reset default_transaction_read_only')
        for _ in range(50):
            if [row["is_lost"] for row in run_locks.living_runs(company.connection)] == [False]:
                break
            time.sleep(0.1)
        assert [row["is_lost"] for row in run_locks.living_runs(company.connection)] == [False]
    assert run_locks.living_runs(company.connection) == []
