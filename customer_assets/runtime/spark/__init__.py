"""The resolution of customers as a job that is submitted to Spark: its driver is a process of its own, not Dagster's step."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.identity.resolve import Resolved
from customer_assets.settings import Settings
from customer_assets.store.identity.golden import GoldenCounts

DATABASE = "CUSTOMER_ASSETS_SPARK_DATABASE"  # not DATABASE_URL, which may stand in a file beside it
SETTINGS = ("identity_engine", "identity_accept", "identity_review", "spark_master")  # that the job works by
JOB = Path(__file__).with_name("resolve_customers.py")  # alone in its folder but for this: Python looks there first


def submitted(url: str, settings: Settings) -> tuple[list[str], dict[str, str]]:
    """The command that submits the job, and the environment it needs besides this process's own.

    Args:
        url: the database.
        settings: whose `SPARK_MASTER` it goes to; the driver runs here (client mode), where the database is reached.

    Raises:
        ConfigurationError: PySpark is not installed.
    """
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise ConfigurationError("the engine spark needs the extra: pip install customer-assets[spark]")
    home = Path(os.environ.get("SPARK_HOME") or Path(found.origin).parent)
    command = [
        str(home / "bin" / "spark-submit"),
        "--master",
        settings.spark_master,
        "--deploy-mode",
        "client",
        str(JOB),
    ]
    own_python = {name: os.environ.get(name, sys.executable) for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON")}
    return command, {"SPARK_HOME": str(home), DATABASE: url, **own_python}


def asked(settings: Settings, *, full: bool) -> dict[str, Any]:
    """What the job is told besides: as JSON."""
    return {"full": full, "settings": {name: getattr(settings, name) for name in SETTINGS}}


def resolved_of(messages: Sequence[Mapping[str, Any]]) -> Resolved:
    """What the job said that it did, as `resolve_customers` says it.

    Raises:
        RuntimeError: it said nothing: its log has why.
    """
    if len(messages) != 1:
        raise RuntimeError("the job on Spark ended without saying what it did; its log stands in this run")
    return Resolved(**{**messages[0], "counts": GoldenCounts(**messages[0]["counts"])})
