"""The command line: which commands there are. Each parses, calls one verb, and reports.

With `--json` the last line of stdout is one JSON object, and everything else goes to stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from customer_assets.cli import (
    accounts,
    backup,
    database,
    dbt,
    demo,
    doctor,
    erase,
    identity,
    invoices,
    processes,
    reminders,
    run,
    runs,
    serve,
    subscriptions,
    sumit,
    sync,
    tokens,
    users,
    webhooks,
    why,
)
from customer_assets.cli.output import end_with_what_is_kept, objects_printed, print_json, say
from customer_assets.errors import ConfigurationError, CustomerAssetsError

app = typer.Typer(
    name="customer-assets",
    help="A company's customers, spread over Robaws, Zoho Books and SUMIT, as one trustworthy PostgreSQL copy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
COMMANDS: dict[str, Callable[..., Any]] = {
    "explain": identity.explain,
    "why": why.why,
    "resolve": identity.resolve,
    "dedupe": identity.dedupe,
    "register-webhook": webhooks.register_webhook,
    "push": sumit.push,
    "bidirectional": sumit.bidirectional,
    "edit": sumit.edit,
    "demo": demo.demo,
    "run": run.run,
    "dev": run.dev,
    "sync": sync.sync,
    "sync-customer": sync.sync_customer,
    "import-invoices": invoices.import_invoices,
    "migrate-invoices": invoices.migrate_invoices,
    "dbt-sources": dbt.dbt_sources,
    "backup": backup.backup,
    "restore": backup.restore,
    "verify": doctor.verify,
    "doctor": doctor.doctor,
    "erase": erase.erase,
    "prune": doctor.prune,
    "serve": serve.serve,
    "web": serve.web,
    "code-server": processes.code_server,
    "daemon": processes.daemon,
    "dagster-web": processes.dagster_web,
    "healthcheck": processes.healthcheck,
    "sandbox": serve.sandbox,
    "bench": serve.bench,
}
GROUPS = {
    "db": database.app,
    "webhooks": webhooks.app,
    "sumit": sumit.app,
    "review": identity.app,
    "reminders": reminders.app,
    "raw": why.app,
    "runs": runs.app,
    "accounts": accounts.app,
    "subscription": subscriptions.app,
    "token": tokens.app,
    "user": users.app,
}


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        sys.stdout.write(f"customer-assets {version('customer-assets')}\n")
        raise typer.Exit


@app.callback()
def everywhere(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version, and end.")
    ] = False,
) -> None:
    """A company's customers, spread over Robaws, Zoho Books and SUMIT, as one trustworthy PostgreSQL copy."""


for name, command in COMMANDS.items():
    app.command(name)(command)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)


WRONG_USE = 2  # exit status


def program() -> None:
    """The program `customer-assets`: `main`, and the end of its process."""
    try:
        main()
    except SystemExit as error:
        end_with_what_is_kept(error.code)
        raise


def main() -> None:
    """What the program does: known errors become one line on stderr and an exit status."""
    before = objects_printed()
    try:
        app()
    except SystemExit as error:
        if error.code == WRONG_USE and "--json" in sys.argv and objects_printed() == before:
            print_json({"status": "failed", "error": "wrong use: what is wrong stands on stderr"})
        raise
    except CustomerAssetsError as error:
        _end(error)
    except KeyboardInterrupt:
        sys.stderr.flush()
        # not waiting for accounts that are read in threads: what landed is kept, and locks end with the process
        os._exit(130)
    except Exception as error:
        # imported here: a command that is only asked for help needs no database
        from customer_assets.store.database import fault_of

        fault: CustomerAssetsError | None = fault_of(error)
        if fault is None and isinstance(error, OSError) and error.filename is not None:
            fault = ConfigurationError(f"{error.filename}: {error.strerror}")
        if fault is None:
            raise
        _end(fault)


def _end(error: CustomerAssetsError) -> NoReturn:
    say(f"customer-assets: {error}")
    if "--json" in sys.argv:
        print_json({"status": "failed", "error": str(error), **({"systems": {}} if "sync" in sys.argv else {})})
    sys.exit(error.exit_code)
