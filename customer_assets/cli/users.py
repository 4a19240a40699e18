"""Commands about the console's users."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from customer_assets.cli.output import JsonOption, opened_runtime, print_json, say, show_table

if TYPE_CHECKING:
    from customer_assets.store.database import Connection

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


@app.command("role")
def set_role(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    role: Annotated[Role, typer.Argument(help="viewer looks, editor edits and syncs, admin does all.")],
    as_json: JsonOption = False,
) -> None:
    """Give a user another role."""
    from customer_assets.store import users

    _changed("user role", name, lambda connection: users.set_role(connection, name, role.value), role=role.value)
    say(f"{name} is {role.value}")
    if as_json:
        print_json({"name": name, "role": role.value})


@app.command()
def disable(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let the user in again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Keep a user out; all its logins end."""
    from customer_assets.store import users

    action = "user enable" if undo else "user disable"
    _changed(action, name, lambda connection: users.disable(connection, name, is_disabled=not undo))
    say(f"{name} may {'log in again' if undo else 'not log in any more'}")
    if as_json:
        print_json({"name": name, "disabled": not undo})


@app.command()
def remove(name: Annotated[str, typer.Argument(help="The user's name.")], as_json: JsonOption = False) -> None:
    """Remove a user; what it did stays in the audit log."""
    from customer_assets.store import users

    _changed("user remove", name, lambda connection: users.remove_user(connection, name))
    say(f"removed {name}")
    if as_json:
        print_json({"name": name})


@app.command("forget-authenticator")
def forget_authenticator(
    name: Annotated[str, typer.Argument(help="The user's name.")], as_json: JsonOption = False
) -> None:
    """Ask a user for no code any more, who lost what shows it; the password stays."""
    from customer_assets.store import second_factor

    _changed("user no-code", name, lambda connection: second_factor.remove(connection, name))
    say(f"{name} logs in by password alone")
    if as_json:
        print_json({"name": name})


def _changed(action: str, name: str, change: Callable[[Connection], None], **details: str) -> None:
    """Do something to a user, and note who did it."""
    from customer_assets.store import audit
    from customer_assets.store.database import connect

    with connect(opened_runtime().url) as connection, connection.transaction():
        change(connection)
        audit.record(connection, who=getpass.getuser(), action=action, target=name, details=details)


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
