"""Runs of Dagster, for whoever operates it."""

from __future__ import annotations

import typer

from customer_assets.cli.output import JsonOption, opened_runtime, print_json, say

app = typer.Typer(help="Runs of Dagster.", no_args_is_help=True)


@app.command()
def reap(as_json: JsonOption = False) -> None:
    """Close runs that were lost: their process was killed, or its host vanished. A sensor does so every minute."""
    from customer_assets.runtime.dagster_reports import dagster_instance
    from customer_assets.runtime.dagster_runs import reap_runs

    runtime = opened_runtime()
    with dagster_instance() as instance:
        closed = reap_runs(instance, runtime.url)
    say(f"{len(closed)} lost runs closed" + "".join(f"\n{run_id}" for run_id in closed))
    if as_json:
        print_json({"closed": closed})


@app.command("list")
def list_runs(as_json: JsonOption = False) -> None:
    """Runs that say that they live."""
    from customer_assets.store.database import connect
    from customer_assets.store.run_locks import living_runs

    with connect(opened_runtime().url) as connection:
        found = living_runs(connection)
    if not found:
        say("no run lives")
    for row in found:
        say(f"{row['run_id']} since {row['since']:%Y-%m-%d %H:%M:%S} UTC: {'lost' if row['is_lost'] else 'lives'}")
    if as_json:
        print_json({"runs": found})
