"""Backing up and restoring: both databases, each as of one moment, with a manifest that says what is in them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

from customer_assets.domain.clock import now_utc
from customer_assets.errors import ConfigurationError, DatabaseError
from customer_assets.runtime.runtime import Runtime
from customer_assets.store import counting, database, marks, upgrade
from customer_assets.store.embedded import binary
from customer_assets.store.reads.metrics import BACKED_UP

MANIFEST = "manifest.json"


def backup(runtime: Runtime, folder: Path) -> dict[str, Any]:
    """Write both databases into a folder that is empty or not there.

    Returns:
        The manifest: versions, the moment, and of each database its file, size, checksum and row counts.

    Raises:
        ConfigurationError: the folder has something in it.
        DatabaseError: a database could not be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty: a backup takes a folder of its own")
    folder.chmod(0o700)
    databases: dict[str, Any] = {}
    for name, url in _databases(runtime).items():
        path = folder / f"{name}.dump"
        # the counts are of the very moment that is dumped
        with (
            database.connect(url, name="customer_assets backup") as connection,
            counting.one_moment(connection) as snapshot,
        ):
            rows = counting.rows_by_table(connection)
            server = connection.info.server_version // 10000
            _run(
                "pg_dump",
                url,
                f"--snapshot={snapshot}",
                "--format=custom",
                "--no-owner",
                "--no-privileges",
                f"--file={path}",
            )
        databases[name] = {
            "file": path.name,
            "bytes": path.stat().st_size,
            "sha256": _sha256(path),
            "server": server,
            "rows": rows,
        }
    manifest = {"version": version("customer-assets"), "taken_at": now_utc().isoformat(), "databases": databases}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    # a role that only reads cannot note it; then the manifest alone tells
    with (
        suppress(psycopg.errors.InsufficientPrivilege),
        database.connect(runtime.url, name="customer_assets backup") as connection,
    ):
        marks.keep_now(connection, BACKED_UP)
    return manifest


def restore(runtime: Runtime, folder: Path) -> dict[str, Any]:
    """Bring a backup into databases that are empty, and compare what is in them with the manifest.

    Raises:
        ConfigurationError: there is no backup, a file of it is damaged, or a database is not empty.
        DatabaseError: a database could not be written, or holds other rows than were backed up.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        databases: Mapping[str, Any] = manifest["databases"]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"{folder} has no backup that can be read: {error}") from None
    targets = _databases(runtime) | {"customers": runtime.owner_url}  # whoever brings tables back owns them
    for name, saved in databases.items():
        path = folder / saved["file"]
        if not path.exists() or _sha256(path) != saved["sha256"]:
            raise ConfigurationError(f"{path} is missing or damaged: its checksum is not the manifest's")
        with database.connect(targets[name], name="customer_assets restore") as connection:
            if counting.rows_by_table(connection):
                raise ConfigurationError(
                    f"{database.redacted(targets[name])} is not empty: a backup is restored into an empty database"
                )
    for name, saved in databases.items():
        _run(
            "pg_restore",
            targets[name],
            "--no-owner",
            "--no-privileges",
            "--single-transaction",
            str(folder / saved["file"]),
        )
        with database.connect(targets[name], name="customer_assets restore") as connection:
            found = counting.rows_by_table(connection)
        if found != saved["rows"]:
            other = sorted(table for table in saved["rows"] if found.get(table) != saved["rows"][table])
            raise DatabaseError(f"{name}: other rows than were backed up in {', '.join(other)}")
    upgrade.upgrade(runtime.owner_url)
    return manifest


def _databases(runtime: Runtime) -> dict[str, str]:
    return {
        "customers": runtime.url,
        "dagster": runtime.dagster_url,
    }


def _run(program: str, url: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; the password is in its environment, not on its command line."""
    url, password = database.without_password(url)
    environment = dict(os.environ) | ({"PGPASSWORD": password} if password else {})
    done = subprocess.run(  # noqa: S603
        [binary(program), f"--dbname={url}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise DatabaseError(f"{program}: {said[-1] if said else f'status {done.returncode}'}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
