"""Servers and benchmarks: `serve`, `sandbox`, `bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from customer_assets.cli.output import (
    JsonOption,
    opened_runtime,
    print_json,
    say,
    show_table,
)

DRAIN_SECONDS = 3  # for requests under way; with what follows it stays below the ten seconds that containers are given


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
) -> None:
    """The web app alone: console, webhook receiver, JSON API, health."""
    import uvicorn

    from customer_assets.runtime.logs import set_up_logging
    from customer_assets.runtime.processes import require_free
    from customer_assets.web.app import build_app

    require_free(host, port, setting="--port")
    runtime = opened_runtime()
    set_up_logging(runtime.configuration.settings)
    uvicorn.run(
        build_app(runtime),
        host=host,
        port=port,
        log_config=None,  # as all of this process logs
        access_log=False,
        forwarded_allow_ips=runtime.configuration.settings.trusted_proxies,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def web(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",  # noqa: S104 (behind a proxy, in a network of its own)
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
) -> None:
    """`serve` for a container: it listens on every address of its network."""
    serve(host, port)


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any.")] = 8900,
    seed: Annotated[int, typer.Option(help="Same seed, same data.")] = 1,
    clients: Annotated[int, typer.Option(min=0, help="Robaws clients.")] = 4017,
    unlimited: Annotated[bool, typer.Option(help="Enforce no limits at all, for benchmarks.")] = False,
    documented_limits: Annotated[bool, typer.Option(help="Enforce Zoho's documented pace, too.")] = False,
    keep_state: Annotated[bool, typer.Option(help="Keep writes and the address in CUSTOMER_ASSETS_HOME.")] = False,
    idle: Annotated[float | None, typer.Option(help="End after so many seconds without a call.")] = None,
) -> None:
    """The emulated systems alone; prints their addresses as environment lines."""
    from customer_assets.accounts import load_configuration
    from customer_assets.sandbox.server import serve as serve_sandbox
    from customer_assets.sandbox.world import Limits, Sizes, World

    home = load_configuration().settings.home_path if keep_state else None
    journal = home / "sandbox" / "journal.jsonl" if home else None
    if journal is not None:
        journal.parent.mkdir(parents=True, exist_ok=True)
    limits = Limits() if documented_limits else Limits(zoho_per_minute=100_000)
    if unlimited:
        limits.robaws_per_second = limits.robaws_burst = limits.robaws_per_day = 10**9
    sizes = Sizes(robaws_clients=clients)
    serve_sandbox(
        World(seed=seed, sizes=sizes, limits=limits, journal=journal),
        host=host,
        port=port,
        home=home,
        idle_seconds=idle,
    )


def bench(
    records: Annotated[int, typer.Option(help="Records to load.")] = 100_000,
    identity_sample: Annotated[
        Path | None, typer.Option(help="Folder with labelled invoices.csv and truth.csv of your own.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this part: loads, paced, latency, webhooks, console, identity; repeatable."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The pipeline's own benchmark: CPU, WAL, calls, memory and quality, beside peers in the same run."""
    from customer_assets.benchmarks.syncs import PARTS, run_bench

    if unknown := set(only or ()) - set(PARTS):
        raise typer.BadParameter(f"no part {', '.join(sorted(unknown))}; one of {', '.join(PARTS)}")
    rows = run_bench(records, only or (), identity_sample, say=say)
    show_table("", ["scenario", "measure", "ours", "peer", "ratio"], [list(row) for row in rows], to_stderr=as_json)
    if as_json:
        print_json({"rows": [list(row) for row in rows]})
