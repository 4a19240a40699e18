"""Dagster's configuration is found without the working directory."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from customer_assets.runtime.dagster_home import dagster_home, packaged
from customer_assets.settings import project_root


def test_a_checkout_uses_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert dagster_home(tmp_path) == project_root()


def test_a_home_that_is_given_is_used_and_gets_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "own"))
    assert dagster_home(tmp_path) == tmp_path / "own"
    written = yaml.safe_load((tmp_path / "own/dagster.yaml").read_text())
    assert written["storage"] == yaml.safe_load(packaged("dagster.yaml").read_text())["storage"]
    assert written["compute_logs"]["config"]["base_dir"] == f"{tmp_path}/own/compute_logs"
    (tmp_path / "own/dagster.yaml").write_text("telemetry: {enabled: false}\n")
    dagster_home(tmp_path)
    assert (tmp_path / "own/dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_without_a_checkout_it_is_in_the_home_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setattr("customer_assets.runtime.dagster_home.project_root", lambda: tmp_path / "elsewhere")
    assert dagster_home(tmp_path / "data") == tmp_path / "data/dagster"
    assert (tmp_path / "data/dagster/dagster.yaml").exists()
