"""Commands about tokens of the JSON API."""

from __future__ import annotations

import getpass
import sys
from enum import StrEnum
from typing import Annotated

import typer

from customer_assets.cli.output import JsonOption, opened_runtime, print_json, say, show_table

app = typer.Typer(help="Tokens of the JSON API.", no_args_is_help=True)


class TokenRole(StrEnum):
    """What whoever has a token may do."""

    VIEWER = "viewer"
    EDITOR = "editor"


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Who or what has it.")],
    role: Annotated[
        TokenRole, typer.Option(help="viewer reads; editor says what became of reminders, too.")
    ] = TokenRole.VIEWER,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="It ends after so many days; never, where not said.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token: it is shown now and never again."""
    from customer_assets.store import access_tokens, audit
    from customer_assets.store.database import connect

    with connect(opened_runtime().url) as connection, connection.transaction():
        token = access_tokens.add(connection, name, role=role.value, days=days)
        details = {"role": role.value, "days": days}
        audit.record(connection, who=getpass.getuser(), action="token add", target=name, details=details)
    say(f"token {name} ({role.value}); it is not shown again:")
    if as_json:
        print_json({"name": name, "role": role.value, "token": token})
    else:
        sys.stdout.write(f"{token}\n")


@app.command("list")
def list_tokens(as_json: JsonOption = False) -> None:
    """All tokens, without the tokens."""
    from customer_assets.store import access_tokens
    from customer_assets.store.database import connect

    with connect(opened_runtime().url) as connection:
        found = access_tokens.listed(connection)
    rows = [
        [
            t["name"],
            t["role"],
            str(t["created_at"])[:16],
            str(t["expires_at"] or "never")[:16],
            str(t["last_used_at"] or "never")[:16],
        ]
        for t in found
    ]
    show_table("", ["name", "role", "since", "ends", "last used"], rows, to_stderr=as_json)
    if as_json:
        print_json({"tokens": found})


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="Its name.")], as_json: JsonOption = False) -> None:
    """End a token at once."""
    from customer_assets.store import access_tokens, audit
    from customer_assets.store.database import connect

    with connect(opened_runtime().url) as connection, connection.transaction():
        access_tokens.revoke(connection, name)
        audit.record(connection, who=getpass.getuser(), action="token revoke", target=name)
    say(f"revoked {name}")
    if as_json:
        print_json({"name": name})
