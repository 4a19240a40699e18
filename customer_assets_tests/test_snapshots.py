"""What users, scripts and dashboards rely on by name: every Dagster definition, and every command with its options.

A change here is a change for somebody else. Where it is meant: `UPDATE_SNAPSHOTS=1 make test`, and look at the diff.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from customer_assets.cli.app import app

ROOT = Path(__file__).parent.parent
SNAPSHOTS = Path(__file__).parent / "snapshots"


def compare(name: str, text: str) -> None:
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_definitions_are_those_that_dashboards_know() -> None:
    listed = subprocess.run(
        [Path(sys.executable).with_name("dg"), "list", "defs", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    found = json.loads(listed.stdout)
    del found["resources"]  # named after our classes, which nobody else knows
    for asset in found["assets"]:  # where the UI finds the code of each
        path, _, line = asset.pop("source", "").partition(":")
        if asset["is_executable"]:
            assert (ROOT / path).read_text(encoding="utf-8").splitlines()[int(line) - 1].strip().startswith("@"), asset
    compare("definitions.json", json.dumps(in_order(found), indent=1, ensure_ascii=False) + "\n")


def in_order(value: Any) -> Any:
    """The same listing, whatever order Dagster's sets gave it."""
    if isinstance(value, dict):
        return {name: in_order(part) for name, part in sorted(value.items())}
    return sorted((in_order(part) for part in value), key=json.dumps) if isinstance(value, list) else value


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in sorted(getattr(group, "commands", {}).items()):
        yield from commands(command, (*path, name))


def test_commands_take_what_scripts_give_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "dumb")
    texts = []
    for path in commands(typer.main.get_command(app)):
        shown = CliRunner().invoke(app, [*path, "--help"])
        assert shown.exit_code == 0, path
        texts.append(shown.output)
    lines = (line.rstrip() for line in "\n".join(texts).splitlines())
    compare("help.txt", "\n".join(lines) + "\n")
