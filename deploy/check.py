"""Check the files of deploy/ with the tools that know them: the compose file, the Dockerfile, the charts, units and alerts.

Run in an environment of its own (deploy/check-requirements.lock); `.ci/run` does. A program that is not there is named, and
its check left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

DEPLOY = Path(__file__).parent
CHART = DEPLOY / "helm/customer-assets"
KUBERNETES = "1.31"
VALUES: tuple[dict[str, Any], ...] = (
    {},
    {"monitoring": {"enabled": True}, "backup": {"enabled": True}, "settings": {"LOG_LEVEL": "info"}},
)
NONSENSE: tuple[dict[str, Any], ...] = (
    {"replicas": 2},
    {"web": {"replicas": 0}},
    {"image": {"tag": "latest"}},
    {"settings": {"log level": "info"}},
    {"backup": {"schedule": 5}},
)
OTHERS = {"ServiceMonitor", "PrometheusRule"}  # of the Prometheus operator, which Kubernetes itself does not know
faults: list[str] = []


def run(*command: object, what: str) -> None:
    """Run a checker; what it says against something is kept."""
    program = shutil.which(str(command[0]), path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin:/bin")
    if program is None:
        print(f"{what}: left out, since {command[0]} is not there")
        return
    done = subprocess.run([program, *map(str, command[1:])], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    print(f"{what}: {'good' if done.returncode == 0 else said}")
    if done.returncode:
        faults.append(what)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Values with others over them, as Helm does it."""
    found = dict(base)
    for key, value in over.items():
        found[key] = merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
    return found


def manifests(chart: Chart, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the chart makes of values."""
    for text in chart.render(values=values).values():
        yield from filter(None, yaml.safe_load_all(text))


def check_chart() -> None:
    """It renders, every manifest is one of Kubernetes, and nonsense is refused."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    with Chart.load(str(CHART)) as chart:
        for values in VALUES:
            found = list(manifests(chart, merged(defaults, values)))
            with tempfile.TemporaryDirectory() as folder:
                plain = [one for one in found if one["kind"] not in OTHERS]
                path = Path(folder) / "manifests.yaml"
                path.write_text(yaml.safe_dump_all(plain))
                run("kubernetes-validate", "--strict", "-k", KUBERNETES, path, what=f"{len(found)} manifests")
            for one in found:
                pod = one.get("spec", {}).get("template", {}).get("spec")
                if pod and not all(c["securityContext"]["readOnlyRootFilesystem"] for c in pod["containers"]):
                    faults.append(f"{one['kind']}: a root file system that is written to")
        for values in NONSENSE:
            try:
                chart.validate_schema(values=merged(defaults, values))
            except Exception as error:  # noqa: BLE001 (each of its errors is a refusal)
                print(f"chart: {values} is refused: {type(error).__name__}")
            else:
                faults.append(f"the chart takes {values}")


def check_units() -> None:
    """Units, with a program that is there in place of ours."""
    with tempfile.TemporaryDirectory() as folder:
        for unit in sorted((DEPLOY / "systemd").glob("*.service")):
            text = unit.read_text().replace("/opt/customer_assets/bin/customer-assets", sys.executable)
            (Path(folder) / unit.name).write_text(text)
        for unit in sorted(Path(folder).iterdir()):
            run("systemd-analyze", "verify", unit, what=unit.name)


if __name__ == "__main__":
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml", what="compose.yaml")
    run("hadolint", DEPLOY / "Dockerfile", what="Dockerfile")
    run("promtool", "check", "rules", DEPLOY / "monitoring/rules.yaml", what="rules.yaml")
    run("promtool", "test", "rules", DEPLOY / "monitoring/rules_test.yaml", what="rules_test.yaml")
    check_units()
    check_chart()
    for fault in faults:
        print(f"FAULT {fault}")
    sys.exit(1 if faults else 0)
