"""What an office user waits for: whole requests to the console, at few and at many customers."""

from __future__ import annotations

import hashlib
import sys
import time
from typing import Any

import httpx

from customer_assets.benchmarks.serving import served
from customer_assets.store import database, embedded, upgrade
from customer_assets.store.reads import search

PASSWORD = "a password of the bench"  # noqa: S105 (of a server that lives for the bench alone)
REPEATS = 20
FILL = """
insert into customer_rows
    (source, source_customer_id, name, vat_number, general_email, primary_phone, city, country, role, is_active)
select
    (array['robaws', 'zoho', 'sumit'])[1 + n %% 3], n::text,
    (array['Noord', 'Zuid', 'Oost', 'West', 'Haven'])[1 + n %% 5] || ' ' || (array['Logistics', 'Bouw', 'Trading'])[1 + n %% 3]
        || ' ' || md5(n::text),
    'BE' || n, 'info@' || md5(n::text) || '.example', '+32' || (30000000 + n), (array['Antwerpen', 'Gent', 'Brugge'])[1 + n %% 3],
    'BE', (array['POV', 'RORO', 'FORWARDER', null])[1 + n / 20 %% 4], n %% 20 <> 0
from generate_series(1, %s) n
"""
Row = tuple[str, str, str, str, str]


def bench_console(server: embedded.EmbeddedServer, customers: int) -> list[Row]:
    """Server time of each screen: (scenario, measure, "p50, p95", goal, "").

    Args:
        server: where a database of so many made-up customers is filled.
        customers: how many.
    """
    name = f"console_{customers}"
    database.ensure_database(server.url("postgres"), name)
    url = server.url(name)
    upgrade.upgrade(url)
    with database.connect(url) as connection:
        connection.execute(FILL, [customers])
        search.ensure_search_index(connection)
        connection.execute("vacuum analyze customer_rows")
        row_id = database.scalar(connection, "select max(id) from customer_rows")
    rare = hashlib.md5(b"777", usedforsecurity=False).hexdigest()[:12]
    screens = {
        "list": "/customers",
        "search, rare": f"/customers?q={rare}",
        "search, common": "/customers?q=noord",
        "search, none": "/customers?q=zzzqqq",
        "filter, role and activity": "/customers?role=RORO&active=no",
        "filter, nobody matches": "/customers?role=POV&country=NL",
        "page 80": "/customers?page=79",
        "newest change": "/customers?sort=newest",
        "detail": f"/customers/{row_id}",
        "select of the intake": "/customers/search?q=noo",
    }
    settings = {"DATABASE_URL": url, "REPORT_TO_DAGSTER": "off", "CONSOLE_ADMIN_PASSWORD": PASSWORD}
    goal = "goal p95 50 ms" if customers < 100_000 else "goal p95 300 ms"
    scenario = f"console, {customers:,}"
    rows: list[Row] = []
    command = [sys.executable, "-m", "customer_assets", "serve", "--port"]
    with (
        served(command, settings) as address,
        httpx.Client(base_url=f"http://{address}", timeout=60) as client,
    ):
        client.post("/login", data={"name": "admin", "password": PASSWORD})
        first = client.get("/customers").raise_for_status()
        rows.append((scenario, "first page, bytes", f"{len(first.content):,}", "", ""))
        for measure, path in screens.items():
            p50, p95 = _timed(client, path)
            rows.append((scenario, measure, f"p50 {p50:.0f} ms, p95 {p95:.0f} ms", goal, ""))
    return rows


def _timed(client: httpx.Client, path: str) -> tuple[float, float]:
    """Milliseconds (p50, p95) until the whole answer is there."""
    taken: list[float] = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        answer: Any = client.get(path)
        taken.append((time.perf_counter() - started) * 1000)
        answer.raise_for_status()
    taken.sort()
    return taken[REPEATS // 2], taken[REPEATS * 95 // 100]
