"""The processes of deploy/compose.yaml, started with its own commands and settings, on a server with the roles of roles.sql."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from customer_assets.sandbox.server import environment
from customer_assets.store import database
from customer_assets.store.roles import Roles, role_script
from customer_assets_tests.e2e.test_pooler import free_port
from customer_assets_tests.e2e.test_roles import server_of_its_own
from customer_assets_tests.web.conftest import until

pytestmark = pytest.mark.ci
DEPLOY = Path(__file__).parent.parent.parent / "deploy"
NAMES = Roles()


class Composition:
    """The services of the compose file as plain processes of this machine: other ports, and folders in place of volumes."""

    def __init__(self, folder: Path, port: int, base: str) -> None:
        self.services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
        self.ports = {name: free_port() for name in ("web", "code", "dagster-web")}
        self.folder, self.started = folder, dict[str, subprocess.Popen[bytes]]()
        self.home = folder / "dagster"
        self.home.mkdir()
        workspace = (DEPLOY / "workspace.yaml").read_text(encoding="utf-8")
        workspace = workspace.replace("host: code", "host: 127.0.0.1").replace("4000", str(self.ports["code"]))
        (self.home / "workspace.yaml").write_text(workspace, encoding="utf-8")
        config = (DEPLOY / "dagster.yaml").read_text(encoding="utf-8").replace("/tmp/dagster", f"{folder}/logs")  # noqa: S108
        (self.home / "dagster.yaml").write_text(config, encoding="utf-8")
        sandbox = environment(base)
        urls = {
            "database_url": (NAMES.runtime, NAMES.database),
            "dagster_database_url": (NAMES.runtime, NAMES.dagster),
            "migration_database_url": (NAMES.owner, NAMES.database),
        }
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        for name in self.secret_names:
            if name in urls:
                role, of = urls[name]
                value = f"postgresql://{role}@127.0.0.1:{port}/{of}"
            else:
                value = sandbox[name.upper()]
            (self.secrets / name).write_text(value + "\n", encoding="utf-8")
        self.given = {name: value for name, value in sandbox.items() if name.lower() not in self.secret_names}
        self.url = f"postgresql://{NAMES.runtime}@127.0.0.1:{port}/{NAMES.database}"

    @property
    def secret_names(self) -> set[str]:
        """Secrets that our services are given."""
        return {name for service in self.services.values() for name in service.get("secrets", ())} - {
            "postgres_password"
        }

    def environment(self, name: str) -> dict[str, str]:
        """What the compose file and the image set, with this machine's names in it."""
        service = self.services[name]
        found = {k: str(v) for k, v in service["environment"].items()}
        for key, value in list(found.items()):
            if value.startswith("/run/secrets/"):
                assert Path(value).name in service["secrets"], f"{name} is not given {value}"
                found[key] = str(self.secrets / Path(value).name)
            elif value.startswith("${"):
                found[key] = value.partition(":-")[2].rstrip("}") if ":-" in value else ""
            elif "dagster-web:3000" in value:
                found[key] = f"http://127.0.0.1:{self.ports['dagster-web']}"
            elif "PUBLIC_HOST" in value:
                found[key] = "https://customers.example"
        found = {k: v for k, v in found.items() if v and k not in self.given}
        image = {"DATABASE_MIGRATE": "check", "LOG_FORMAT": "json", "DAGSTER_HOME": str(self.home)}
        own = {"CUSTOMER_ASSETS_HOME": str(self.folder / "home"), "SYNC_TIMEZONE": "UTC"}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), **image, **own, **self.given, **found}

    def command(self, name: str) -> list[str]:
        """Its command, on a port that is free."""
        command = [str(part) for part in self.services[name]["command"]]
        if "--port" in command:
            command[command.index("--port") + 1] = str(self.ports[name])
        return ["customer-assets", *("127.0.0.1" if part == "0.0.0.0" else part for part in command)]  # noqa: S104

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start it, as a shell starts what it puts into the background: with SIGINT ignored."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.started[name] = subprocess.Popen(
                self.command(name),
                env=self.environment(name),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # noqa: PLW1509
            )
        return self.started[name]

    def is_healthy(self, name: str) -> bool:
        """What the compose file asks it."""
        _, *command = self.services[name]["healthcheck"]["test"]
        port = ["--port", str(self.ports[name])] if name in self.ports else []
        done = subprocess.run(
            [*command, *port], env=self.environment(name), cwd=self.folder, capture_output=True, check=False
        )
        return done.returncode == 0

    def stop(self) -> None:
        """End what runs."""
        for process in self.started.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def composition(base: str, tmp_path: Path) -> Iterator[Composition]:
    """Our services, none of them started."""
    with server_of_its_own(role_script(NAMES)) as port:
        found = Composition(tmp_path, port, base)
        yield found
        found.stop()


def _graphql(address: str, query: str) -> Any:
    return httpx.post(f"{address}/graphql", json={"query": query}, timeout=60).json()["data"]


LAUNCH = """mutation { launchRun(executionParams: {selector: {repositoryLocationName: "customer_assets",
 repositoryName: "__repository__", jobName: "customer_sync"}, runConfigData: {}}) {
 __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


def test_the_services_start_work_drain_and_take_over(composition: Composition) -> None:
    composition.start("migrate")
    assert composition.started["migrate"].wait(timeout=120) == 0
    for name in ("code", "web"):
        composition.start(name)
    until(lambda: composition.is_healthy("code"), seconds=90)
    until(lambda: composition.is_healthy("web"), seconds=60)
    composition.start("daemon")
    composition.start("dagster-web")
    dagster = f"http://127.0.0.1:{composition.ports['dagster-web']}"
    until(lambda: _answers(dagster), seconds=90)
    until(lambda: composition.is_healthy("daemon"), seconds=180)

    first = composition.started.pop("daemon")
    second = composition.start("daemon")  # waits while the first is at work
    time.sleep(6)
    assert second.poll() is None
    assert "another daemon is at work" in (composition.folder / "daemon.log").read_text()

    launched = _graphql(dagster, LAUNCH)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]
    status = f'{{ runOrError(runId: "{run_id}") {{ ... on Run {{ status }} }} }}'
    until(lambda: _graphql(dagster, status)["runOrError"]["status"] == "STARTED", seconds=120)
    os.kill(first.pid, signal.SIGTERM)  # the other takes over; the run goes on
    assert first.wait(timeout=30) == 0
    composition.started["code"].terminate()  # a redeploy: the run ends first
    until(lambda: _graphql(dagster, status)["runOrError"]["status"] == "SUCCESS", seconds=180)
    assert composition.started["code"].wait(timeout=120) == 0
    composition.start("code")
    until(lambda: composition.is_healthy("code"), seconds=90)
    until(lambda: composition.is_healthy("daemon"), seconds=180)
    with database.connect(composition.url) as connection:
        assert database.scalar(connection, "select count(*) from customers_cache") > 200
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create table public.mine ()")
    second.terminate()
    assert second.wait(timeout=30) == 0
    asked = time.monotonic()
    composition.started["web"].terminate()
    composition.started["web"].wait(timeout=20)
    assert time.monotonic() - asked < 8
    line = (composition.folder / "web.log").read_text().splitlines()[0]
    assert line.startswith(("console: log in", '{"time"'))


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/server_info", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bwrap is not installed")
def test_nothing_is_written_outside_tmp(composition: Composition) -> None:
    composition.start("migrate")
    assert composition.started["migrate"].wait(timeout=120) == 0
    environment_of = composition.environment("web") | {"CUSTOMER_ASSETS_HOME": "/tmp/customer_assets"}  # noqa: S108
    bound = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]  # noqa: S108
    # what stands in a folder that is covered, as a clone in /tmp does
    places = (composition.folder, Path(sys.prefix), Path(sys.base_prefix), DEPLOY.parent)
    visible = [part for place in places for part in ("--ro-bind", str(place), str(place))]
    command = ["bwrap", "--unshare-user", "--uid", "10001", *bound, *visible, "customer-assets", "verify"]
    done = subprocess.run(command, env=environment_of, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
