"""Commands about webhooks out: who is told of changed customers."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from customer_assets.cli.output import JsonOption, opened_runtime, print_json, say, show_table

app = typer.Typer(help="Other systems that are told of changed customers (webhooks out).", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="Its name.")]


@app.command()
def add(
    name: NameArgument,
    url: Annotated[str, typer.Argument(help="Where messages are posted.")],
    event: Annotated[
        list[str] | None,
        typer.Option(help="customer.created, .updated, .merged or .deleted; repeatable. Default: all."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell another system of changed customers: the web app posts signed messages there (Standard Webhooks)."""
    from customer_assets.store import audit
    from customer_assets.store.database import connect
    from customer_assets.store.webhooks import outgoing
    from customer_assets.web.webhooks.sender import new_secret, usable_address

    secret, address = new_secret(), usable_address(url)
    with connect(opened_runtime().url) as connection, connection.transaction():
        outgoing.subscribe(
            connection, name=name, url=address, secret=secret, events=event or outgoing.EVENTS, by=getpass.getuser()
        )
        audit.record(connection, who=getpass.getuser(), action="subscription add", target=name)
    say(f"{name} is told; the secret of its signatures is not shown again:")
    if as_json:
        print_json({"name": name, "url": address, "secret": secret})
    else:
        typer.echo(secret)


@app.command("list")
def list_subscriptions(as_json: JsonOption = False) -> None:
    """All of them, with what waits and what failed."""
    from customer_assets.store.database import connect
    from customer_assets.store.webhooks import outgoing

    with connect(opened_runtime().url) as connection:
        found = outgoing.subscriptions(connection)
    rows = [
        [s["name"], s["url"], "off" if s["disabled_at"] else "on", str(s["waiting"]), str(s["failed"])] for s in found
    ]
    show_table("", ["name", "address", "is", "waiting", "failed"], rows, to_stderr=as_json)
    if as_json:
        print_json({"subscriptions": found})


@app.command()
def remove(name: NameArgument, as_json: JsonOption = False) -> None:
    """Tell it no more, and forget what it was told."""
    from customer_assets.store import audit
    from customer_assets.store.database import connect
    from customer_assets.store.webhooks import outgoing

    with connect(opened_runtime().url) as connection, connection.transaction():
        outgoing.unsubscribe(connection, name)
        audit.record(connection, who=getpass.getuser(), action="subscription remove", target=name)
    say(f"removed {name}")
    if as_json:
        print_json({"name": name})


@app.command()
def retry(as_json: JsonOption = False) -> None:
    """Send all messages that failed once more."""
    from customer_assets.store import audit
    from customer_assets.store.database import connect
    from customer_assets.store.webhooks import outgoing

    with connect(opened_runtime().url) as connection, connection.transaction():
        number = outgoing.send_again(connection, None)
        audit.record(connection, who=getpass.getuser(), action="subscription again", target="all that failed")
    say(f"{number} messages are sent once more")
    if as_json:
        print_json({"messages": number})
