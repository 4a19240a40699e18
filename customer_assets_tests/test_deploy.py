"""What is shipped to run it: named once, said where it is to be said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from customer_assets.cli.app import COMMANDS
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store.reads.metrics import MEASURED
from customer_assets.web import metrics

ROOT = Path(__file__).parent.parent
RULES = yaml.safe_load((ROOT / "deploy/monitoring/rules.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))
OURS = {name: s for name, s in COMPOSE["services"].items() if name not in ("db", "proxy")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_of_numbers_that_there_are_and_has_a_section(rule: dict[str, str]) -> None:
    known = {name for measured in MEASURED for name in measured.numbers}
    known |= {"deliveries_received_total", "deliveries_refused_total", "deliveries_applied_total"}
    known |= {"http_request_seconds_bucket", "build_info"}
    named = set(re.findall(rf"{metrics.PREFIX}(\w+)", rule["expr"]))
    assert named <= known
    assert f"### {rule['alert']}\n" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert rule["annotations"]["runbook"].endswith(f"#{rule['alert'].lower()}")  # type: ignore[index]


def test_the_dashboard_shows_numbers_that_there_are() -> None:
    known = {name for measured in MEASURED for name in measured.numbers}
    text = (ROOT / "deploy/monitoring/dashboard.json").read_text(encoding="utf-8")
    for name in re.findall(rf"{metrics.PREFIX}(\w+)", text):
        assert name in known or name.startswith(("deliveries_", "http_request_seconds")), name


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_hardened_and_starts_what_there_is(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["user"] == "10001:10001"
    assert "ports" not in service
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ()))
    assert service["command"][0] in {*COMMANDS, "db"}


def test_every_credential_has_its_secret() -> None:
    for system in SYSTEMS.values():
        for credential in system.credentials:
            name = f"{system.name}_{credential}".upper()
            settings = OURS["code"]["environment"]
            assert name in settings or f"{name}_FILE" in settings
