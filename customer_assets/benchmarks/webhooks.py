"""What the receiver takes: deliveries a second, latency, a burst, and the time until they are visible.

The server under test is `customer-assets serve` in one process; the load comes from this module run as another one. Beside
it, in the same run: a Starlette route that does nothing (what HTTP alone allows) and pgbench (what commits allow).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from customer_assets.benchmarks.serving import served
from customer_assets.runtime.processes import end_family
from customer_assets.settings import project_root
from customer_assets.store import database, embedded, upgrade
from customer_assets.web.webhooks.receiver import PATH

SECRET = "bench-secret"  # noqa: S105 (of a server that lives for the bench alone)
CONNECTIONS = 16
BURST = 4017
INSERT = """
insert into ceiling (id, body) values (gen_random_uuid()::text, repeat('x', 600));
"""


@dataclass(frozen=True)
class Load:
    """What a load generator saw: answers by status, seconds in all, latencies in milliseconds."""

    statuses: dict[str, int]
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(self.statuses.values()) / self.seconds


def bench_webhooks(server: embedded.EmbeddedServer) -> list[tuple[str, str, str, str, str]]:
    """All measurements: (scenario, measure, ours, beside it, ratio), as text."""
    database.ensure_database(server.url("postgres"), "webhooks")
    url = server.url("webhooks")
    upgrade.upgrade(url)
    with served(_BARE) as address:
        bare = _load(address, "/", 20_000)
    commits = _pgbench(server)
    rows = [
        ("webhooks", "bare Starlette, answers/s", f"{bare.rate:,.0f}", "", ""),
        ("webhooks", "pgbench, commits/s at 16 clients", f"{commits:,.0f}", "", ""),
    ]
    settings = {"DATABASE_URL": url, "ROBAWS_WEBHOOK_SECRET": SECRET, "REPORT_TO_DAGSTER": "off"}
    with served([sys.executable, "-m", "customer_assets", "serve", "--port"], settings) as address:
        _load(address, PATH, 500)
        ignored = _load(address, PATH, 20_000, event="offer.updated")
        rows.append(_row("landed alone (nothing to apply)", ignored))
        for name, count, pause in (
            ("applied beside, full load", 20_000, 0.0),
            ("applied beside, some 300/s", 1_500, 0.05),
            (f"burst of {BURST:,}", BURST, 0.0),
        ):
            started = time.time()
            load = _load(address, PATH, count, pause=pause)
            rows.append(_row(name, load))
            rows.append(("webhooks", f"{name}, s until all were answered", f"{load.seconds:.2f}", "", ""))
            rows += _visible(url, name, since=started)
    rows.append(("webhooks", "by the sensor alone, s until applied", f"{_by_sensor(url):.1f}", "goal 15", ""))
    return rows


def _by_sensor(url: str) -> float:
    """Seconds until a delivery is applied where only Dagster runs, its daemon being warm."""
    settings = {"DATABASE_URL": url, "REPORT_TO_DAGSTER": "off", "DAGSTER_HOME": str(project_root())}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    dagster = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "dagster", "dev", "--port", port, "--workspace", "workspace.yaml"],
        env=os.environ | settings,
        cwd=project_root(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        seconds = [_until_applied(url, f"sensor-{number}") for number in range(4)]
    finally:
        end_family(dagster)
    return max(seconds[1:])  # the first one waited for Dagster to come up


def _until_applied(url: str, delivery_id: str) -> float:
    body = json.dumps({"id": delivery_id, "event": "client.updated", "data": {"id": delivery_id, "name": "Sensor"}})
    with database.connect(url) as connection:
        connection.execute(
            "insert into ops.webhook_deliveries (id, event, body, signed_at) values (%s, 'client.updated', %s, now())",
            [delivery_id, body.encode()],
        )
        started = time.monotonic()
        waiting = "select 1 from ops.webhook_deliveries where id = %s and status = 'waiting'"
        while database.scalar(connection, waiting, [delivery_id]):
            if time.monotonic() - started > 120:
                raise RuntimeError("the sensor did not start a run within two minutes")
            time.sleep(0.1)
        return time.monotonic() - started


def _row(name: str, load: Load) -> tuple[str, str, str, str, str]:
    bad = {status: number for status, number in load.statuses.items() if status != "202"}
    answered = f"{load.rate:,.0f}/s, p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms"
    return "webhooks", name, answered, f"not 202: {bad or 0}", ""


def _visible(url: str, name: str, *, since: float) -> list[tuple[str, str, str, str, str]]:
    """Seconds from commit to the end of the application, of those received since then, once all are settled."""
    with database.connect(url) as connection:
        while database.scalar(connection, "select count(*) from ops.webhook_deliveries where status = 'waiting'"):
            time.sleep(0.1)
        row = connection.execute(
            """
            select count(*) as number, count(*) filter (where status not in ('applied', 'stale')) as other,
                max(attempts) as attempts,
                percentile_cont(0.95) within group (order by extract(epoch from finished_at - received_at)) as p95
            from ops.webhook_deliveries
            where event = 'client.updated'
                and received_at >= to_timestamp(%s)
            """,
            [since],
        ).fetchone()
    found = row or {}
    return [
        ("webhooks", f"{name}, landed to visible, p95 s", f"{found['p95']:.2f}", "goal 1", ""),
        (
            "webhooks",
            f"{name}, applied / lost / twice",
            f"{found['number']} / {found['other']} / {found['attempts'] - 1}",
            "",
            "",
        ),
    ]


def _pgbench(server: embedded.EmbeddedServer) -> float:
    url = server.url("webhooks")
    with database.connect(url) as connection:
        connection.execute("create table if not exists ceiling (id text primary key, body text)")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(INSERT)
        script.flush()
        done = subprocess.run(  # noqa: S603
            [embedded.binary("pgbench"), "-n", "-c", "16", "-j", "2", "-T", "5", "-f", script.name, url],
            capture_output=True,
            text=True,
            check=True,
        )
    return float(next(line for line in done.stdout.splitlines() if line.startswith("tps")).split()[2])


_BARE = [sys.executable, "-m", "customer_assets.benchmarks.webhooks", "bare"]


def _load(address: str, path: str, count: int, *, event: str = "client.updated", pause: float = 0) -> Load:
    done = subprocess.run(  # noqa: S603
        [
            sys.executable,
            "-m",
            "customer_assets.benchmarks.webhooks",
            "load",
            address,
            path,
            str(count),
            event,
            str(pause),
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=project_root(),
    )
    return Load(**json.loads(done.stdout))


# --- the other processes ----------------------------------------------------------------------------------------------


def _bare(port: int) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def take(request: Request) -> Response:
        await request.body()
        return Response(status_code=202)

    app = Starlette(routes=[Route("/", take, methods=["POST"]), Route("/healthz", lambda _: Response())])
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


class _Sender(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, requests: Iterator[bytes], seen: dict[str, Any], pause: float) -> None:
        self._requests, self._seen, self._pause = requests, seen, pause
        self._buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self.done.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if len(body) < int(length or b"0"):
            return
        self._buffer = b""
        self._seen["latencies"].append(time.perf_counter() - self._sent_at)
        status = head[9:12].decode()
        self._seen["statuses"][status] = self._seen["statuses"].get(status, 0) + 1
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._next)
        else:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        if not self.done.done():
            self._seen["statuses"]["lost"] = self._seen["statuses"].get("lost", 0) + 1
            self.done.set_result(None)


def _requests(path: str, count: int, event: str) -> list[bytes]:
    """Signed deliveries about as long as real ones, one customer in four of them new each time."""
    made = []
    run = os.urandom(4).hex()
    for number in range(count):
        client = {
            "id": str(1000 + number % BURST),
            "name": f"Voorbeeld {number} BV",
            "email": f"info{number}@voorbeeld.example",
            "tel": "+32 3 555 01 02",
            "vatIdNumber": "BE0123456749",
            "updatedAt": f"2031-01-01T00:00:00.{number % 1000:03d}Z",
            "address": {
                "addressLine1": "Havenstraat 12",
                "postalCode": "2030",
                "city": "Antwerpen",
                "country": "België",
            },
            "extraFields": {"Role": {"type": "SELECT", "group": None, "stringValue": "FORWARDER"}},
        }
        body = json.dumps({"id": f"{run}-{number}", "event": event, "data": client}).encode()
        t = str(int(time.time()))
        mac = hmac.new(SECRET.encode(), f"{t}.".encode() + body, hashlib.sha256).hexdigest()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Robaws-Signature: t={t},v1={mac}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


async def _send(address: str, path: str, count: int, event: str, pause: float) -> dict[str, Any]:
    host, port = address.split(":")
    requests = iter(_requests(path, count, event))
    seen: dict[str, Any] = {"latencies": [], "statuses": {}}
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    senders = [
        (await loop.create_connection(lambda: _Sender(requests, seen, pause), host, int(port)))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(sender.done for sender in senders))
    latencies = sorted(seen["latencies"])
    return {
        "statuses": seen["statuses"],
        "seconds": time.perf_counter() - started,
        "p50": latencies[len(latencies) // 2] * 1000,
        "p99": latencies[len(latencies) * 99 // 100] * 1000,
    }


def main(arguments: list[str]) -> None:
    """`bare PORT`, or `load ADDRESS PATH COUNT EVENT PAUSE`."""
    if arguments[0] == "bare":
        _bare(int(arguments[1]))
        return
    import uvloop

    address, path, count, event, pause = arguments[1:]
    seen = uvloop.run(_send(address, path, int(count), event, float(pause)))
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1:])
