"""Commands about the console's users."""

from __future__ import annotations

import getpass
import sys
from enum import StrEnum
from typing import Annotated

import typer

from customer_assets.cli.output import JsonOption, opened_runtime, print_json, say, show_table

app = typer.Typer(help="Users of the console.", no_args_is_help=True)


class Role(StrEnum):
    """What a user may do."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    role: Annotated[Role, typer.Option(help="viewer looks, editor edits and syncs, admin does all.")] = Role.VIEWER,
    as_json: JsonOption = False,
) -> None:
    """Add a user; the password is read from the terminal, or from stdin."""
    from customer_assets.store import audit, users
    from customer_assets.store.database import connect

    with connect(opened_runtime().url) as connection:
        users.add_user(connection, name, _password(), role=role.value)
        audit.record(connection, who=getpass.getuser(), action="user add", target=name, details={"role": role.value})
    say(f"added {name} ({role.value})")
    if as_json:
        print_json({"name": name, "role": role.value})


@app.command("list")
def list_users(as_json: JsonOption = False) -> None:
    """All users."""
    from customer_assets.store import users
    from customer_assets.store.database import connect

    with connect(opened_runtime().url) as connection:
        found = users.list_users(connection)
    rows = [[u["name"], u["role"], str(u["created_at"])[:16], str(u["last_login_at"] or "never")[:16]] for u in found]
    show_table("", ["name", "role", "since", "last login"], rows, to_stderr=as_json)
    if as_json:
        print_json({"users": found})


@app.command()
def passwd(name: Annotated[str, typer.Argument(help="The user's name.")], as_json: JsonOption = False) -> None:
    """Give a user a new password; all logins of that user end."""
    from customer_assets.store import audit, users
    from customer_assets.store.database import connect

    with connect(opened_runtime().url) as connection:
        users.set_password(connection, name, _password())
        audit.record(connection, who=getpass.getuser(), action="user passwd", target=name)
    say(f"{name} has a new password")
    if as_json:
        print_json({"name": name})


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
