"""Everything in the foreground: what `dev` does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from customer_assets.accounts import Configuration
from customer_assets.errors import ConfigurationError
from customer_assets.runtime.dagster_home import dagster_home, packaged
from customer_assets.runtime.dagster_reports import dagster_instance
from customer_assets.runtime.dagster_runs import reap_runs
from customer_assets.runtime.processes import end_family, require_free
from customer_assets.runtime.runtime import Runtime
from customer_assets.runtime.sandbox import running_sandbox
from customer_assets.settings import Settings, project_root
from customer_assets.store import database, embedded

if TYPE_CHECKING:
    from customer_assets.runtime.runtime import Runtime
from customer_assets.runtime.main_job import Say, require_systems, stop_sandbox


def run_dev(runtime: Runtime, *, say: Say) -> None:
    """Everything, in the foreground, until Ctrl-C or a part ends.

    Raises:
        ConfigurationError: there is nothing to sync, or a part ended by itself.
    """
    require_systems(runtime)
    settings = runtime.configuration.settings
    require_free("127.0.0.1", settings.dagster_port, setting="DAGSTER_PORT")
    require_free("127.0.0.1", settings.web_port, setting="WEB_PORT")
    was_up = running_sandbox(runtime.home) is not None
    working = runtime.working  # starts the sandbox where that is meant
    with dagster_instance() as instance:
        reap_runs(instance, runtime.url)
    children = _start(settings)
    # a shell starts background jobs with SIGINT ignored: both are taken by hand
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    _say_addresses(runtime, working, say)
    ended: subprocess.Popen[bytes] | None = None
    try:
        while ended is None:
            time.sleep(0.5)
            ended = next((child for child in children if child.poll() is not None), None)
    except KeyboardInterrupt:
        say("stopping")
    finally:
        for child in children:
            end_family(child)
        if runtime.configuration.sandbox and not was_up:
            stop_sandbox(runtime)
        _stop_server_if_unused(runtime)
    if ended is not None:
        raise ConfigurationError(f"a part ended by itself with status {ended.returncode}: {ended.args!s}")


def _start(settings: Settings) -> list[subprocess.Popen[bytes]]:
    """Dagster and the web app, each in a group of its own: Ctrl-C reaches us, and we end them in order."""
    port = str(settings.dagster_port)
    dagster = [
        "-m",
        "dagster",
        "dev",
        "--host",
        "127.0.0.1",
        "--port",
        port,
        "--workspace",
        str(packaged("workspace.yaml")),
        "--log-level",
        "warning",  # a sensor that looks every few seconds would fill the terminal
    ]
    web = ["-m", "customer_assets", "serve", "--port", str(settings.web_port)]
    home = dagster_home(settings.home_path)
    environment = {**os.environ, "DAGSTER_HOME": str(home), "DAGSTER_URL": f"http://127.0.0.1:{port}"}
    return [
        subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments], cwd=project_root(), start_new_session=True, env=environment
        )
        for arguments in (dagster, web)
    ]


def _say_addresses(runtime: Runtime, working: Configuration, say: Say) -> None:
    settings = runtime.configuration.settings
    say(f"Dagster UI    http://127.0.0.1:{settings.dagster_port}")
    say(f"console       http://127.0.0.1:{settings.web_port}/")
    say(f"JSON API      http://127.0.0.1:{settings.web_port}/api/customers")
    say(f"health        http://127.0.0.1:{settings.web_port}/healthz")
    say(f"webhooks      http://127.0.0.1:{settings.web_port}/api/webhooks/robaws/customers")
    say(f"database      {database.redacted(runtime.url)} (customer-assets db psql)")
    if working.sandbox:
        state = running_sandbox(runtime.home) or {}
        say(f"sandbox       {state.get('base')} (made-up data: nothing is configured)")
    say("Ctrl-C stops all of it")


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _stop_server_if_unused(runtime: Runtime) -> None:
    """Stop the embedded server unless somebody else is connected to it."""
    if runtime.configuration.settings.database_url is not None or embedded.running_server(runtime.home) is None:
        return
    with database.connect(runtime.url) as connection:
        others = database.other_clients(connection)
    if not others:
        embedded.stop_server(runtime.home)
