"""How commands speak: lines and tables on stderr or stdout, one JSON object, an exit status; and options that many have."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from customer_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from customer_assets.accounts import Account
    from customer_assets.runtime.runtime import Runtime

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")]
SandboxOption = Annotated[bool, typer.Option("--sandbox", help="Use made-up data, into an empty database only.")]
SHOWN_PROBLEMS = 10  # of a file, before only their number is said
AccountOption = Annotated[str | None, typer.Option("--account", help="Only this account of accounts.toml.")]


def say(line: str) -> None:
    """A line on stderr."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 (talking is what a command line does)


_kept: list[Any] = []


def keep_to_the_end(result: Any) -> None:
    """Keep what is done with and is very many small values: giving them back one by one takes longer than to end without."""
    _kept.append(result)


def end_with_what_is_kept(code: object) -> None:
    """End the process at once where something is kept; what was written is written, and nothing else is to be tidied up."""
    if _kept and (code is None or isinstance(code, int)):
        for stream in filter(None, (sys.stdout, sys.stderr)):  # a closed one is none
            stream.flush()
        os._exit(code or 0)


_printed: list[bool] = []  # one for each object that was printed


def objects_printed() -> int:
    """How many JSON objects this process has printed."""
    return len(_printed)


def print_json(value: Any) -> None:
    """One JSON object as the last line of stdout."""
    _printed.append(True)
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def finish(status: int) -> NoReturn:
    """End the command with this exit status."""
    raise typer.Exit(status)


def show_table(title: str, columns: list[str], rows: list[list[Any]], *, to_stderr: bool) -> None:
    """A table for people; under `--json` on stderr."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*("" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    console = Console(stderr=to_stderr)
    if not console.is_terminal:
        console.width = 140  # a pipe has no width of its own, and 80 would cut the headings
    console.print(table)


def opened_runtime(*, sandbox: bool = False) -> Runtime:
    """The configuration and the database, ready to work with."""
    from customer_assets.runtime.runtime import open_runtime

    return open_runtime(sandbox=sandbox or os.environ.get("CUSTOMER_ASSETS_SANDBOX") in ("1", "true"))


def account_of(runtime: Runtime, system: str, name: str | None) -> Account:
    """The one account of a system that a command works on.

    Raises:
        ConfigurationError: there is none, or there are several and none is named.
    """
    from customer_assets.sources.registry import SYSTEMS

    found = runtime.working.of(system, name)
    if len(found) != 1:
        raise ConfigurationError(
            f"{system} has several accounts: name one with --account"
            if found
            else f"{system} is not configured: set {SYSTEMS[system].credential_names}"
        )
    return found[0]


def pairs_of(given: Sequence[str] | None, what: str) -> dict[str, str]:
    """Options such as `--map old=new` as left -> right.

    Args:
        given: as they were written.
        what: how they are to be written, for the message.

    Raises:
        ConfigurationError: one has no `=`, or nothing before it.
    """
    pairs: dict[str, str] = {}
    for item in given or ():
        left, separator, right = item.partition("=")
        if not separator or not left.strip():
            raise ConfigurationError(f"{item}: write {what}")
        pairs[left.strip()] = right
    return pairs


def column_map(given: Sequence[str] | None) -> dict[str, str]:
    """`--map old=new` as column of the file -> what it is here.

    Raises:
        ConfigurationError: a side is missing.
    """
    pairs = pairs_of(given, "--map old=new")
    for old, new in pairs.items():
        if not new:
            raise ConfigurationError(f"--map {old}=: write old=new")
    return pairs
