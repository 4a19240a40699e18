"""The pipeline's own benchmark: what a sync costs, beside dlt over the same API and the same server.

Costs are CPU seconds of the client's process and of PostgreSQL, WAL bytes, rows written, calls and peak memory: unlike
wall time they hold on a noisy machine. Each scenario is the real command in a process of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from customer_assets.benchmarks.console import bench_console
from customer_assets.benchmarks.identity import bench_identity
from customer_assets.benchmarks.measured import run_measured
from customer_assets.benchmarks.webhooks import bench_webhooks
from customer_assets.settings import project_root
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import database, embedded

CHANGED_SHARE = 0.01
PARTS = ("loads", "paced", "latency", "webhooks", "console", "identity")
LATENCY_MS = 200
PEERS = {
    "dlt": ("dlt_peer.py", "rows"),
    "dlt with Arrow": ("dlt_peer.py", "arrow"),
    "dlt that keeps pages and indexes": ("dlt_peer.py", "kept"),
    "a plain script": ("plain_peer.py",),
}
# another extra field for the role: every record is read again, and says the same
OTHER_MAPPING = {
    "ROBAWS_EXTRA_FIELDS": json.dumps(
        SYSTEMS["robaws"].settings.model_fields["extra_fields"].default | {"role": ["Role", "Rol"]}
    )
}


@dataclass(frozen=True)
class Cost:
    """What one process did to itself and to the server."""

    client_cpu: float
    server_cpu: float
    wall: float
    wal: int
    memory: int
    output: str

    @property
    def cpu(self) -> float:
        """CPU seconds in all."""
        return self.client_cpu + self.server_cpu


class _Bench:
    def __init__(self, home: Path, records: int) -> None:
        self.home, self.records = home, records
        self.server = embedded.start_server(home)
        self.sandbox, self.lines = _start_sandbox(records, "--unlimited")
        for name in ("ours", "peer"):
            database.ensure_database(self.server.url("postgres"), name)

    def close(self) -> None:
        self.sandbox.terminate()
        self.sandbox.wait()
        embedded.stop_server(self.home)
        shutil.rmtree(self.home, ignore_errors=True)

    def ours(
        self, *arguments: str, lines: Mapping[str, str] | None = None, more: Mapping[str, str] | None = None
    ) -> Cost:
        """One `customer-assets` command, with settings of its own if `more` has some."""
        own = {k: v for k, v in (lines or self.lines).items() if k.startswith("ROBAWS_")}
        environment = own | {
            "DATABASE_URL": self.server.url("ours"),
            "ROBAWS_REQUESTS_PER_SECOND": "100000",
            "ROBAWS_BURST": "100000",
            **(more or {}),
        }
        if lines is not None:  # the documented limits hold: our own pace, too
            del environment["ROBAWS_REQUESTS_PER_SECOND"], environment["ROBAWS_BURST"]
        return self._measured([sys.executable, "-m", "customer_assets", *arguments], environment)

    def peers(self, names: Iterable[str]) -> dict[str, Cost]:
        """The same with each of these peers, where their environment is installed."""
        python = project_root() / ".venv-bench/bin/python"
        if not python.exists():
            return {}
        # dlt wants a password and a host; libpq takes the socket's folder for the host, and peer asks no password
        url = f"postgresql://postgres:none@{str(self.server.socket_dir).replace('/', '%2F')}/peer"
        source = [self.lines[f"ROBAWS_{name}"] for name in ("BASE_URL", "API_KEY", "API_SECRET")]
        costs: dict[str, Cost] = {}
        for name in names:
            script, *kind = PEERS[name]
            folder = [str(self.home / f"dlt_{kind[0]}")] if kind else []
            command = [str(python), str(project_root() / "bench" / script), *kind, *source, url, *folder]
            costs[name] = self._measured(command, {})
        return costs

    def resolve(self) -> Cost:
        """The customers of what is loaded."""
        command = [sys.executable, "-m", "customer_assets.benchmarks.resolving"]
        return self._measured(command, {"DATABASE_URL": self.server.url("ours")})

    def change(self, count: int) -> None:
        """Change that many clients at the source."""
        clients = {str(1000 + n * (self.records // count)): _changed(n) for n in range(count)}
        _control(self.lines, {"clients": clients})

    def _measured(self, command: list[str], environment: Mapping[str, str]) -> Cost:
        with database.connect(self.server.url("postgres")) as connection:
            wal = database.scalar(connection, "select pg_current_wal_insert_lsn()")
            before, started = self._server_cpu(), time.monotonic()
            used = run_measured(command, environment)
            wall = time.monotonic() - started
            time.sleep(0.5)  # backends that just ended are counted when the postmaster has seen it
            written = database.scalar(connection, "select pg_current_wal_insert_lsn() - %s::pg_lsn", [wal])
            server = self._server_cpu() - before
        return Cost(used.cpu, server, wall, int(written), used.memory, used.output)

    def _server_cpu(self) -> float:
        """CPU seconds of the postmaster, its living children and those that ended."""
        pid = int((self.server.data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        postmaster = psutil.Process(pid)
        total = sum(postmaster.cpu_times()[:4])
        for child in postmaster.children():
            try:
                total += sum(child.cpu_times()[:2])
            except psutil.NoSuchProcess:
                continue
        return float(total)


def _control(lines: Mapping[str, str], wish: Mapping[str, Any] | None = None) -> Any:
    """What the sandbox says of itself, after it did what it was told."""
    address = lines["ROBAWS_BASE_URL"].removesuffix("/robaws") + "/control"
    body = None if wish is None else json.dumps(wish).encode()
    with urllib.request.urlopen(urllib.request.Request(address, data=body)) as answer:  # noqa: S310 (our own loopback address)
        return json.load(answer)


def _changed(number: int) -> dict[str, str]:
    return {"email": f"changed{number}@bench.example", "updatedAt": "2033-01-01T00:00:00.000Z"}


def _start_sandbox(records: int, *options: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    command = [
        sys.executable,
        "-m",
        "customer_assets",
        "sandbox",
        "--port",
        "0",
        "--clients",
        str(records),
        *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    lines: dict[str, str] = {}
    while process.stdout is not None and "SUMIT_SECONDS_BETWEEN_CALLS" not in lines:
        name, separator, value = process.stdout.readline().strip().partition("=")
        if not separator:
            raise RuntimeError("the sandbox did not start")
        lines[name] = value
    return process, lines


Row = tuple[str, str, str, str, str]


def run_bench(
    records: int, only: Sequence[str], sample: Path | None = None, *, say: Callable[[str], None]
) -> list[Row]:
    """Run the scenarios.

    Args:
        records: Robaws clients to load, and old invoices to resolve.
        only: parts to run, of `PARTS`; none: all.
        sample: folder with labelled invoices of the user's own.
        say: told what is being measured.

    Returns:
        (scenario, measure, ours, the peer's, ratio), as text.
    """
    home = Path(tempfile.mkdtemp(prefix="customer_assets_bench_"))
    home.chmod(0o755)
    bench = _Bench(home, records)
    rows: list[Row] = []
    try:
        bench.ours("db", "upgrade")
        for part in only or PARTS:
            say(part)
            if part == "loads":
                rows += _loads(bench, say)
            elif part == "paced":
                rows += _paced(bench, say)
            elif part == "latency":
                rows += _far_away(say)
            elif part == "webhooks":
                rows += bench_webhooks(bench.server)
            elif part == "console":
                for customers in (4017, records * 10):
                    rows += bench_console(bench.server, customers)
            else:
                rows += bench_identity(records, sample, say=say)
        rows.append(("start-up", "s to load the definitions", f"{_import_seconds():.2f}", "", ""))
    finally:
        bench.close()
    return rows


def _loads(bench: _Bench, say: Callable[[str], None]) -> list[Row]:
    """The same clients for the first time, again, with 1 % changed, and under another mapping."""
    rows: list[Row] = []
    for scenario in ("first load", "unchanged", "1 % changed"):
        if scenario.startswith("1"):
            bench.change(int(bench.records * CHANGED_SHARE))
        say(f"{scenario}, {bench.records:,} records: ours")
        ours = bench.ours("sync", "robaws", "--full", "--json")
        say(f"{scenario}: peers")
        rows += _compared(scenario, ours, bench.peers(PEERS))
        rows += _resolved(scenario, bench)
    again = bench.ours("sync", "robaws", "--full", "--json", more=OTHER_MAPPING)
    return rows + _compared("another mapping", again, {})


def _resolved(scenario: str, bench: _Bench) -> list[Row]:
    """The golden records after the same change: what the nightly `customers` step does."""
    cost = bench.resolve()
    found = json.loads(cost.output)
    return [
        (scenario, "s to resolve customers", f"{cost.wall:.1f}", "", ""),
        (scenario, "rows compared, customers", f"{found['compared']:,}, {found['customers']:,}", "", ""),
        (scenario, "peak memory of it MB", f"{cost.memory / 1e6:.0f}", "", ""),
    ]


def _compared(scenario: str, ours: Cost, peers: Mapping[str, Cost]) -> list[Row]:
    counts: dict[str, Any] = json.loads(ours.output.strip().splitlines()[-1])["systems"]["robaws"]

    def rows(measure: str, of: Callable[[Cost], float], form: str) -> list[Row]:
        mine = of(ours)
        found: list[Row] = [(scenario, measure, format(mine, form), "", "")] if not peers else []
        for name, cost in peers.items():
            ratio = f"{of(cost) / mine:.1f}" if mine else ""
            found.append((scenario, f"{measure}, {name}", format(mine, form), format(of(cost), form), ratio))
        return found

    return [
        *rows("CPU s", lambda cost: cost.cpu, ".2f"),
        *rows("CPU s of the client", lambda cost: cost.client_cpu, ".2f"),
        *rows("wall s", lambda cost: cost.wall, ".1f"),
        *rows("WAL MB", lambda cost: cost.wal / 1e6, ".2f"),
        *rows("peak memory MB", lambda cost: cost.memory / 1e6, ".0f"),
        (scenario, "rows created / updated", f"{counts['created']} / {counts['updated']}", "", ""),
        (scenario, "calls", str(counts["calls"]), "", ""),
    ]


def _paced(bench: _Bench, say: Callable[[str], None]) -> list[Row]:
    """4,017 clients under the documented 15 requests a second."""
    say("4,017 records under 15 requests/s")
    sandbox, lines = _start_sandbox(4017)
    try:
        bench.ours("sync", "robaws", "--from-raw", lines=lines)
        with database.connect(bench.server.url("ours")) as connection:
            connection.execute("truncate customer_rows, ops.raw_scans, ops.raw_pages, sync_metadata cascade")
            bench.ours("sync", "robaws", "--full", "--json", lines=lines)
            seconds = float(
                database.scalar(
                    connection,
                    "select extract(epoch from finished_at - started_at) from ops.raw_scans order by id desc limit 1",
                )
            )
        refused = _control(lines)["calls"].get("robaws 429", 0)
    finally:
        sandbox.terminate()
        sandbox.wait()
    floor = (41 - 19) / 14.5
    return [
        (
            "paced, 4,017",
            "s to land 41 pages",
            f"{seconds:.2f}",
            f"floor {floor:.2f}",
            f"{seconds / floor:.2f}",
        ),
        ("paced, 4,017", "answers 429", str(refused), "", ""),
    ]


def _far_away(say: Callable[[str], None]) -> list[Row]:
    """4,017 clients of a system that takes its time for each call, without limits: what is asked for side by side shows."""
    say(f"4,017 records, {LATENCY_MS} ms a call")
    home = Path(tempfile.mkdtemp(prefix="customer_assets_bench_"))
    home.chmod(0o755)
    bench = _Bench(home, 4017)
    try:
        bench.ours("db", "upgrade")
        _control(bench.lines, {"switches": {"latency_ms": LATENCY_MS}})
        ours = bench.ours("sync", "robaws", "--full", "--json")
        return _compared(f"{LATENCY_MS} ms a call, 4,017", ours, bench.peers(("dlt", "a plain script")))
    finally:
        bench.close()


def _import_seconds() -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import customer_assets.definitions"], check=True, cwd=project_root())
    return time.monotonic() - started
