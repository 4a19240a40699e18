"""`backup`, `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from customer_assets.cli.output import JsonOption, finish, print_json, say


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is empty, or not there.")],
    as_json: JsonOption = False,
) -> None:
    """Write both databases, each as of one moment, with a manifest of versions, checksums and row counts."""
    from customer_assets.runtime.backup import backup as write
    from customer_assets.runtime.runtime import open_runtime

    manifest = write(open_runtime(schema="leave"), folder)
    for name, saved in manifest["databases"].items():
        say(
            f"{name}: {saved['bytes'] / 1e6:.1f} MB, {sum(saved['rows'].values()):,} rows in {len(saved['rows'])} tables"
        )
    if as_json:
        print_json({"status": "ok", "folder": str(folder), **manifest})


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `backup` wrote.")],
    verify: Annotated[bool, typer.Option("--verify", help="Check afterwards that everything adds up.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a backup into empty databases; its row counts are compared with the manifest."""
    from customer_assets.runtime.backup import restore as bring_back
    from customer_assets.runtime.runtime import open_runtime
    from customer_assets.store.database import connect
    from customer_assets.store.reads import integrity

    runtime = open_runtime(schema="leave")
    manifest = bring_back(runtime, folder)
    say(f"restored what was backed up at {manifest['taken_at'][:16]} UTC by version {manifest['version']}")
    violations = []
    if verify:
        with connect(runtime.url) as connection:
            violations = integrity.violations(connection)
        for violation in violations:
            say(f"VIOLATED {violation.rule}: {violation.count}, such as {', '.join(violation.examples)}")
        say(f"{len(integrity.RULES)} rules checked, {len(violations)} violated")
    if as_json:
        print_json({"status": "ok" if not violations else "violated", "violations": [v.rule for v in violations]})
    if violations:
        finish(1)
