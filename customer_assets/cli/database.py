"""The database: schema, address, shell, read-only roles."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from customer_assets.cli.output import (
    JsonOption,
    opened_runtime,
    print_json,
    say,
)
from customer_assets.errors import ConfigurationError

app = typer.Typer(help="The database: schema, address, shell, read-only roles.", no_args_is_help=True)


@app.command("upgrade")
def db_upgrade(as_json: JsonOption = False) -> None:
    """Bring the schema to this version."""
    from customer_assets.store.database import redacted

    runtime = opened_runtime()
    say(f"{redacted(runtime.url)} is at the newest schema")
    if as_json:
        print_json({"status": "ok"})


@app.command("url")
def db_url(as_json: JsonOption = False) -> None:
    """Print the database's URL."""
    runtime = opened_runtime()
    if as_json:
        print_json({"url": runtime.url})
    else:
        sys.stdout.write(f"{runtime.url}\n")


@app.command("psql")
def db_psql() -> None:
    """A shell on the database."""
    from customer_assets.store.embedded import binary

    url = opened_runtime().url
    os.execv(binary("psql"), ["psql", url])  # noqa: S606 (becomes psql)


@app.command("grant-analyst")
def db_grant_analyst(
    role: Annotated[str, typer.Argument(help="Role to create, or to grant reading to.")],
    as_json: JsonOption = False,
) -> None:
    """A role that may read the public tables and views, and nothing else."""
    from customer_assets.store.database import connect, grant_reading

    with connect(opened_runtime().url) as connection:
        created = grant_reading(connection, role)
    say(f"role {role} {'was created and ' if created else ''}may read schema public")
    if as_json:
        print_json({"role": role, "created": created})


@app.command("stop")
def db_stop(as_json: JsonOption = False) -> None:
    """Stop the embedded server."""
    from customer_assets.accounts import load_configuration
    from customer_assets.store.embedded import stop_server

    settings = load_configuration().settings
    if settings.database_url is not None:
        raise ConfigurationError("DATABASE_URL is set: that server is not ours to stop")
    stopped = stop_server(settings.home_path)
    say("stopped" if stopped else "it was not running")
    if as_json:
        print_json({"stopped": stopped})
