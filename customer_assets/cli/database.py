"""The database: schema, address, shell, read-only roles."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Annotated

import typer

from customer_assets.cli.output import (
    JsonOption,
    finish,
    opened_runtime,
    print_json,
    say,
)
from customer_assets.errors import ConfigurationError

app = typer.Typer(help="The database: schema, address, shell, read-only roles.", no_args_is_help=True)


@app.command("upgrade")
def db_upgrade(as_json: JsonOption = False) -> None:
    """Bring the schema to this version, as MIGRATION_DATABASE_URL where that is set."""
    from customer_assets.runtime.runtime import open_runtime
    from customer_assets.store import upgrade
    from customer_assets.store.database import redacted

    runtime = open_runtime(schema="upgrade")
    found = upgrade.state(runtime.url)
    say(
        f"{redacted(runtime.url)} is at schema {found.revision}"
        + ("" if found.is_newest else f", made by a newer version; this one knows {found.known} and works with it")
    )
    if as_json:
        print_json({"status": "ok", "revision": found.revision})


@app.command("status")
def db_status(as_json: JsonOption = False) -> None:
    """The schema that is there, the one that this version knows, and whether they get on; exit status 4 if not."""
    from customer_assets.errors import DatabaseError
    from customer_assets.runtime.runtime import open_runtime
    from customer_assets.store import upgrade
    from customer_assets.store.database import redacted

    runtime = open_runtime(schema="leave")
    found = upgrade.state(runtime.url)
    say(
        f"{redacted(runtime.url)}: schema {found.revision or 'not there yet'}; this version knows {found.known} and needs "
        f"{upgrade.OLDEST_SCHEMA}: {found.fault or 'they get on'}"
    )
    if as_json:
        print_json(
            {
                "ok": found.fault is None,
                "revision": found.revision,
                "known": found.known,
                "needed": upgrade.OLDEST_SCHEMA,
                "fault": found.fault,
            }
        )
    if found.fault is not None:
        finish(DatabaseError.exit_code)


@app.command("roles")
def db_roles(
    owner: Annotated[str, typer.Option(help="Owns the schema and brings it up to date.")] = "customer_assets_owner",
    runtime: Annotated[str, typer.Option(help="What every process connects as.")] = "customer_assets",
    analyst: Annotated[str, typer.Option(help="Reads schema public.")] = "customer_assets_analyst",
    monitor: Annotated[str, typer.Option(help="Reads how fresh the data is.")] = "customer_assets_monitor",
    backup: Annotated[str, typer.Option(help="Reads everything.")] = "customer_assets_backup",
    database: Annotated[str, typer.Option(help="Our database.")] = "customers",
    dagster: Annotated[str, typer.Option(help="Dagster's own database.")] = "dagster",
) -> None:
    """Print the script for psql that makes roles and databases, with no more privileges than each needs."""
    from customer_assets.store.roles import Roles, role_script

    sys.stdout.write(role_script(Roles(owner, runtime, analyst, monitor, backup, database, dagster)))


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
    from customer_assets.store.database import without_password
    from customer_assets.store.embedded import binary

    url, password = without_password(opened_runtime().url)
    if password:
        os.environ["PGPASSWORD"] = password  # a command line is seen by everybody on the machine
    # the server's own one, where there is one: it speaks TLS
    program = shutil.which("psql") or binary("psql")
    os.execv(program, ["psql", url])  # noqa: S606 (becomes psql)


@app.command("grant-analyst")
def db_grant_analyst(
    role: Annotated[str, typer.Argument(help="Role to create, or to grant reading to.")],
    as_json: JsonOption = False,
) -> None:
    """A role that may read the public tables and views, and nothing else."""
    from customer_assets.store.database import connect
    from customer_assets.store.roles import grant_reading

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
