"""In somebody else's Dagster, from the wheel: their asset, their executor, their prefix; and out of a defs.yaml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import dagster as dg
import pytest

from customer_assets.settings import project_root
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.ci

THEIRS = """
import dagster as dg
import customer_assets as ca

@dg.asset
def theirs() -> int:
    return 1

defs = dg.Definitions.merge(
    ca.build_defs(key_prefix=["crm", "eu"], group_prefix="crm", include_push=False, schedules=False),
    dg.Definitions(assets=[theirs], executor=dg.multiprocess_executor),
)
"""
PROJECT = """
[project]
name = "host"
version = "0.1"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "host"
"""
AUTOLOADED = """
from pathlib import Path

import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
COMPONENT = """
type: customer_assets.CustomerSync

attributes:
  key_prefix: [crm]
  include_push: false
  schedules: false
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as pip unpacks it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=project_root(), check=True, capture_output=True)
    site = folder / "site"
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    return site


def run(command: list[str], folder: Path, company: Company, installed: Path) -> str:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(installed), str(folder / "src")]),
        "DAGSTER_HOME": str(folder.parent / "dagster"),
        "DATABASE_URL": company.url,
    }
    (folder.parent / "dagster").mkdir(exist_ok=True)
    bin_folder = Path(sys.executable).parent
    done = subprocess.run(
        [str(bin_folder / command[0]), *command[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_of(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if "__pycache__" not in p.parts}


def test_definitions_merge_into_a_host_and_both_run(company: Company, tmp_path: Path, installed: Path) -> None:
    company.do(
        "insert into customer_rows (source, source_customer_id, name) values (%s, %s, %s)", "robaws", "1", "Noord BV"
    )
    host = tmp_path / "host"
    host.mkdir()
    (host / "theirs.py").write_text(THEIRS)
    before = files_of(host)
    run(["dagster", "job", "execute", "-f", "theirs.py", "-j", "customers_again"], host, company, installed)
    run(["dagster", "asset", "materialize", "-f", "theirs.py", "--select", "theirs"], host, company, installed)
    assert company.value("select count(*) from customers") == 1
    assert files_of(host) == before
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        done = {
            key.to_user_string() for key in instance.all_asset_keys() if instance.get_latest_materialization_event(key)
        }
    assert {"crm/eu/customers", "crm/eu/payment_reminders", "theirs"} <= done
    assert "customers" not in done
    assert "crm/eu/raw_robaws_client_pages" not in done


def test_a_component_is_found_scaffolded_and_loaded(company: Company, tmp_path: Path, installed: Path) -> None:
    host = tmp_path / "host"
    package = host / "src/host"
    (package / "defs").mkdir(parents=True)
    (host / "pyproject.toml").write_text(PROJECT)
    (package / "__init__.py").touch()
    (package / "definitions.py").write_text(AUTOLOADED)
    assert "customer_assets" in run(["dg", "list", "registry-modules"], host, company, installed)
    run(["dg", "scaffold", "defs", "customer_assets.CustomerSync", "customers"], host, company, installed)
    made = package / "defs/customers/defs.yaml"
    assert "customer_assets.CustomerSync" in made.read_text()
    made.write_text(COMPONENT)
    listed = run(["dg", "list", "defs", "--json"], host, company, installed)
    found = json.loads(listed[listed.index("{") :])
    keys = {asset["asset_key"] for asset in found["assets"]}
    assert {"crm/customers", "crm/customers_cache", "crm/raw_zoho_contact_pages"} <= keys
    assert "crm/sumit_push" not in keys
    assert not found["schedules"]
    assert "sumit_bidirectional" not in {job["name"] for job in found["jobs"]}
