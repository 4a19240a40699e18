"""The sandbox of a home folder: a process of its own, started when it is not up; it ends when nobody calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from customer_assets.accounts import (
    Account,
    Configuration,
)
from customer_assets.errors import ConfigurationError
from customer_assets.settings import Settings
from customer_assets.sources.registry import SYSTEMS

SANDBOX_FILE = "sandbox.json"


SANDBOX_SECONDS = 30


SANDBOX_IDLE_SECONDS = 1800


def sandbox_configuration(settings: Settings, environment: Mapping[str, str]) -> Configuration:
    """Accounts that speak to the sandbox whose environment lines these are."""
    accounts = []
    for system in SYSTEMS:
        prefix = f"{system.upper()}_"
        values: dict[str, Any] = {
            name.removeprefix(prefix).lower(): value for name, value in environment.items() if name.startswith(prefix)
        }
        if values:  # the sandbox emulates it
            accounts.append(Account("default", system, SYSTEMS[system].settings(**values)))
    legacy = environment.get("LEGACY_INVOICES")
    if legacy and settings.legacy_invoices is None:
        settings = settings.model_copy(update={"legacy_invoices": legacy})
    return Configuration(settings.model_copy(update={"sandbox": True}), tuple(accounts))


def ensure_sandbox(home: Path) -> dict[str, str]:
    """Environment lines of the sandbox of this home folder; starts it when it is not up. It ends when nobody calls.

    Raises:
        ConfigurationError: it does not come up.
    """
    from filelock import FileLock

    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "sandbox.lock", timeout=2 * SANDBOX_SECONDS):
        if (state := running_sandbox(home)) is not None:
            return dict(state["environment"])
        (home / SANDBOX_FILE).unlink(missing_ok=True)
        with (home / "sandbox.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                [
                    sys.executable,
                    "-m",
                    "customer_assets",
                    "sandbox",
                    "--port",
                    "0",
                    "--keep-state",
                    "--idle",
                    str(SANDBOX_IDLE_SECONDS),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "CUSTOMER_ASSETS_HOME": str(home)},
            )
        deadline = time.monotonic() + SANDBOX_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if (state := running_sandbox(home)) is not None:
                return dict(state["environment"])
            time.sleep(0.1)
        raise ConfigurationError(f"the sandbox did not come up; see {home / 'sandbox.log'}")


def running_sandbox(home: Path) -> dict[str, Any] | None:
    """The state of this home folder's sandbox when it answers: pid, base, environment."""
    try:
        state: dict[str, Any] = json.loads((home / SANDBOX_FILE).read_text(encoding="utf-8"))
        with urllib.request.urlopen(f"{state['base']}/control", timeout=2):  # noqa: S310 (our own loopback address)
            return state
    except (OSError, ValueError, KeyError, urllib.error.URLError):
        return None
