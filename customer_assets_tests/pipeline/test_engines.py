"""Engines of the identity resolution: whatever does the work, the result is the same."""

from __future__ import annotations

import csv
import importlib.util
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import psutil
import pytest

from customer_assets.definitions import own_defs
from customer_assets.domain.identity.engine import IN_PROCESS
from customer_assets.domain.identity.evidence import Record, profile_of
from customer_assets.domain.identity.names import parse_name
from customer_assets.domain.identity.resolution import Decisions, resolve
from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.identity import engines
from customer_assets.pipeline.identity.dedupe import Deduped, Options, dedupe
from customer_assets.runtime.runtime import Runtime, open_runtime
from customer_assets.runtime.spark import asked, submitted
from customer_assets.settings import Settings, project_root
from customer_assets_tests.conftest import Company
from customer_assets_tests.pipeline.test_identity import add, customer_of

pytestmark = pytest.mark.slow
HAS_SPARK = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None


@pytest.fixture(scope="module")
def invoices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Old invoices with many regions: more than one part of each stage."""
    folder = tmp_path_factory.mktemp("invoices")
    script = project_root() / "bench/labelled_invoices.py"
    made = [folder / "invoices.csv", folder / "truth.csv"]
    subprocess.run([sys.executable, script, "1500", "6000", "7", *made], check=True)
    return made[0]


def deduped(path: Path, engine: str, **settings: str) -> Deduped:
    return dedupe(path, Options(settings=Settings(IDENTITY_ENGINE=engine, **settings)))


def test_several_processes_find_what_one_finds(invoices: Path) -> None:
    one, several = deduped(invoices, "process"), deduped(invoices, "pool")
    assert several.clusters == one.clusters
    assert 100 < len(one.clusters.members) < len(one.ids)
    assert one.clusters.reviews


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_processes_of_a_pool_end_with_the_one_that_was_killed() -> None:
    """They were born with its connection to the database: what it had locked would stay locked."""
    code = (
        "import time; from customer_assets.pipeline.identity.engines import pool; "
        "list(pool(3)(lambda part: time.sleep(100), ['one', 'two', 'three']))"
    )
    parent = psutil.Popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 30
        while len(workers := parent.children()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(workers) == 2
    finally:
        parent.kill()
        parent.wait()
    _, left = psutil.wait_procs(workers, timeout=10)
    assert left == []


def test_the_order_of_the_rows_changes_nothing(invoices: Path, tmp_path: Path) -> None:
    with invoices.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    turned = tmp_path / "turned.csv"
    with turned.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *reversed(rows)])
    one, other = deduped(invoices, "process"), deduped(turned, "pool")
    assert dict(zip(one.ids, one.customer_keys(), strict=True)) == dict(
        zip(other.ids, other.customer_keys(), strict=True)
    )


def test_a_process_that_is_ended_from_outside_is_said() -> None:
    here = os.getpid()

    def fall(part: int) -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)  # the others have time to begin
        return part

    with pytest.raises(ConfigurationError, match="IDENTITY_ENGINE=process"):
        list(engines.pool(2)(fall, range(8)))


def test_an_error_in_a_process_comes_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        list(engines.pool(2)(lambda part: 1 // (part - 3), range(8)))


def test_what_a_person_said_wins_wherever_the_work_is_done() -> None:
    """On a cluster the parts of the work are copies."""

    def elsewhere(do: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
        return [do(pickle.loads(pickle.dumps(part))) for part in parts]  # noqa: S301

    rows = [
        profile_of(Record((str(number),), name="Bakkerij Jansen BV", vat=vat))
        for number, vat in enumerate(("BE0403019261", "BE0404483367"))
    ]
    said = Decisions(same=frozenset({(("0",), ("1",))}))
    for engine in (IN_PROCESS, elsewhere):
        assert len(resolve(rows, engine=engine).members) == 2
        assert len(resolve(rows, decisions=said, engine=engine).members) == 1


@pytest.mark.parametrize("name", ["Bakkerij Jansen BV", "Łukasz Żółć", "משה כהן בע״מ", "محمد", "J. Peeters II"])
def test_names_are_the_same_ones_after_a_journey(name: str) -> None:
    record = profile_of(Record(("a",), name=name, phones=("+32 478 55 01 02",), address="Kaai 1, 2000 Antwerpen"))
    there = pickle.loads(pickle.dumps(record))  # noqa: S301
    assert there == record
    assert there.traits.name.ends == (parse_name(name) or pytest.fail("no name")).ends


@pytest.mark.slow
@pytest.mark.skipif(not HAS_SPARK, reason="PySpark or Java is not installed: pip install customer-assets[spark]")
def test_a_spark_cluster_of_two_workers_finds_what_one_process_finds(invoices: Path) -> None:
    one = deduped(invoices, "process")
    cluster = deduped(invoices, "spark", SPARK_MASTER="local-cluster[2,1,1024]")
    assert cluster.clusters == one.clusters


@pytest.mark.slow
@pytest.mark.skipif(not HAS_SPARK, reason="PySpark or Java is not installed: pip install customer-assets[spark]")
def test_the_asset_hands_over_to_a_job_on_spark(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Pipes: the driver is a process of its own, what it did stands in the asset's metadata, and what failed in its run."""
    one, other = (
        add(company, system, "1", name="Noord BV", general_email="jan@noord.be") for system in ("robaws", "zoho")
    )
    for name, value in {
        "DATABASE_URL": company.url,
        "IDENTITY_ENGINE": "spark",
        "SPARK_MASTER": "local-cluster[2,1,1024]",
    }.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize_customers(open_runtime(), instance)
        assert result.success
        (told,) = result.asset_materializations_for_node("customers")
        assert {name: told.metadata[name].value for name in ("customers", "rows", "created")} == {
            "customers": 1,
            "rows": 2,
            "created": 1,
        }
        assert customer_of(company, one) == customer_of(company, other)
        company.do("alter table customers rename to away")
        try:
            assert not materialize_customers(open_runtime(), instance).success
        finally:
            company.do("alter table away rename to customers")


def test_the_job_on_spark_knows_the_database_of_a_secret_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the job is given stands beside DATABASE_URL_FILE, which a process may not have together with DATABASE_URL."""
    (tmp_path / "url").write_text("postgresql://secret@127.0.0.1/customers")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    settings = Settings(IDENTITY_ENGINE="spark", SPARK_MASTER="local[2]")
    monkeypatch.setitem(sys.modules, "pyspark", ModuleType("pyspark"))
    sys.modules["pyspark"].__spec__ = ModuleSpec("pyspark", None, origin=str(tmp_path / "pyspark/__init__.py"))
    command, environment = submitted("postgresql://secret@127.0.0.1/customers", settings)
    assert command[1:3] == ["--master", "local[2]"]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings().model_copy(update=asked(settings, full=True)["settings"]).identity_engine == "spark"


def materialize_customers(runtime: Runtime, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = own_defs(runtime).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("customers")], raise_on_error=False)


def test_spark_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, invoices: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(ConfigurationError, match=r"customer-assets\[spark\]"):
        deduped(invoices, "spark")
