"""Telling Dagster of work that no run did: syncs from the shell, imports, deliveries applied as they landed.

Run as a module it is the reporter: lines of JSON on stdin, one a batch, until there are no more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from customer_assets.settings import project_root

if TYPE_CHECKING:
    import dagster as dg

# set by our own processes for those they start: join this database of Dagster's, and start no server
JOINED_URL = "CUSTOMER_ASSETS_JOINED_DAGSTER_URL"
MOST_FAILURES = 5  # of one batch, some seconds apart


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The instance that dagster.yaml in the project root describes, the one that `dagster dev` uses there."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(project_root())) as instance:
        yield instance


class Reporter:
    """Tells Dagster of work done without a run, through a process of its own: that pays for Dagster's start-up, once.

    Args:
        dagster_url: Dagster's database; the reporter joins it and never starts a server.
    """

    def __init__(self, dagster_url: str) -> None:
        self._url = dagster_url
        self._process: subprocess.Popen[bytes] | None = None

    def report(self, metadata: Mapping[str, Mapping[str, Any]], *, description: str) -> None:
        """Hand in one batch (asset -> metadata) and return at once."""
        line = (json.dumps({"metadata": metadata, "description": description}) + "\n").encode()
        for _ in range(2):  # one that died (its database was restarted) is replaced
            process = self._running()
            try:
                if process.stdin is not None:
                    process.stdin.write(line)
                    process.stdin.flush()
            except BrokenPipeError:
                self._process = None
            else:
                return

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "customer_assets.runtime.dagster_reports"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd=project_root(),
                env={**os.environ, JOINED_URL: self._url},
            )
        return self._process

    def close(self) -> None:
        """No more batches; it tells what it has and ends by itself."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.returncode = self._process.poll() or 0  # nobody waits for it


def _report_lines() -> None:
    """One batch a line; an instance that fails (its database was restarted) is replaced and the batch told again."""
    lines = iter(sys.stdin)
    untold: dict[str, Any] | None = None
    failures = 0
    while failures < MOST_FAILURES:
        try:
            with dagster_instance() as instance:
                while True:
                    if untold is None:
                        line = next(lines, None)
                        if line is None:
                            return
                        untold = json.loads(line)
                    _report(instance, **untold)
                    untold, failures = None, 0
        except Exception:  # noqa: BLE001 (whatever Dagster's storage raises)
            failures += 1
            time.sleep(failures)


def record_import(instance: dg.DagsterInstance, months: list[str], counts: Mapping[str, int]) -> None:
    """Tell Dagster of imported old invoices: partition keys of their months, and one materialization."""
    add_months(instance, months)
    _report(instance, {"legacy_invoices": counts}, "customer-assets import-invoices")


def _report(instance: dg.DagsterInstance, metadata: Mapping[str, Mapping[str, Any]], description: str) -> None:
    import dagster as dg

    for asset, entries in metadata.items():
        instance.report_runless_asset_event(
            dg.AssetMaterialization(asset, description=description, metadata=dict(entries))
        )


def add_months(instance: dg.DagsterInstance, months: list[str]) -> list[str]:
    """Add partition keys that are not there yet; returns all of them in their order."""
    known = set(instance.get_dynamic_partitions("invoice_months"))
    missing = sorted(set(months) - known)
    if missing:
        instance.add_dynamic_partitions("invoice_months", missing)
    return list(instance.get_dynamic_partitions("invoice_months"))


if __name__ == "__main__":
    _report_lines()
