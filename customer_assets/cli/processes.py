"""The processes of a deployment: each becomes, or watches over, the right program with the right signals."""

from __future__ import annotations

import os
import signal
import sys
from enum import StrEnum
from typing import Annotated

import typer

from customer_assets.cli.output import finish, opened_runtime, say

PortOption = Annotated[int, typer.Option(help="Port to listen on.")]
HostOption = Annotated[str, typer.Option(help="Address to listen on.")]


def code_server(host: HostOption = "127.0.0.1", port: PortOption = 4000) -> None:
    """Our code location over gRPC, for Dagster's web server and daemon. Told to end, it lets runs end first."""
    from customer_assets.settings import Settings, build

    location = build(Settings, {}).dagster_location
    _workspace()  # so that DAGSTER_HOME is the one of every process
    # `dagster api grpc` drains; `dagster code-server start` gives up after half a minute, and its runs are lost
    listening = ["--host", host, "--port", str(port)]
    definitions = ["--module-name", "customer_assets.definitions", "--location-name", location]
    _become(["dagster", "api", "grpc", *definitions, *listening, "--use-python-environment-entry-point"])


def dagster_web(
    host: HostOption = "127.0.0.1",
    port: PortOption = 3000,
    read_only: Annotated[bool, typer.Option(help="Show everything, let nothing be started.")] = False,
) -> None:
    """Dagster's UI, of the code locations in DAGSTER_HOME's workspace.yaml. It knows no login: keep it behind one."""
    command = ["dagster-webserver", "--host", host, "--port", str(port), "--workspace", _workspace()]
    _become([*command, *(["--read-only"] if read_only else [])])


def daemon() -> None:
    """Dagster's daemon: schedules, sensors, the queue of runs. A second one waits until the first is gone."""
    from customer_assets.runtime.daemon import watch_daemon

    finish(watch_daemon(opened_runtime().url, _workspace(), say=say))


class Process(StrEnum):
    """What can be asked whether it works."""

    web = "web"
    daemon = "daemon"
    code = "code"


def healthcheck(
    process: Annotated[Process, typer.Argument(help="Which of this machine's processes.")],
    port: Annotated[int | None, typer.Option(help="Its port; unset: the usual one.")] = None,
) -> None:
    """Exit status 0 where a process works, else 1: for container engines and probes, which then need no other program."""
    from customer_assets.runtime.daemon import fault_of_process

    fault = fault_of_process(str(process), port)
    if fault is not None:
        say(f"{process}: {fault}")
        finish(1)


def _become(command: list[str]) -> None:
    # a shell starts what it puts into the background with SIGINT ignored, and Dagster maps SIGTERM to it
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-m", *_as_module(command)])  # noqa: S606 (becomes it)


def _as_module(command: list[str]) -> list[str]:
    program, *rest = command
    return [{"dagster": "dagster", "dagster-webserver": "dagster_webserver"}[program], *rest]


def _workspace() -> str:
    from customer_assets.runtime.dagster_home import dagster_home, workspace_of
    from customer_assets.settings import Settings, build

    home = dagster_home(build(Settings, {}).home_path)
    os.environ["DAGSTER_HOME"] = str(home)
    return str(workspace_of(home))
