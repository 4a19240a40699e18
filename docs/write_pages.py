"""Writes what the pages of docs/ say of settings, tables and commands from the code; `make docs` runs it.

Between two marks a page is written here; what stands before and after is written by hand.
"""

from __future__ import annotations

import json
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import typer.main
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

from customer_assets.cli.app import app
from customer_assets.settings import Settings, SystemSettings
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store.schema import metadata

DOCS = Path(__file__).parent
BEGIN, END = "<!-- from here written by `make docs` -->", "<!-- to here written by `make docs` -->"


def settings_page() -> Iterator[str]:
    """The settings of no single system, then of each."""
    yield from _settings("General", Settings, "")
    for name, system in SYSTEMS.items():
        yield from _settings(system.label, system.settings, f"{name.upper()}_")


def _settings(title: str, cls: type[SystemSettings], prefix: str) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield "| setting | default | meaning |"
    yield "|---|---|---|"
    for name, info in cls.model_fields.items():
        described = info.description or ""
        described += "" if described.endswith(".") else "."
        if choices := _choices(info.annotation):
            described += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
        yield f"| `{info.alias or f'{prefix}{name.upper()}'}` | {_default(info)} | {described} |"
    yield ""


def _choices(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) if typing.get_origin(annotation) is Literal else ()


def _default(info: FieldInfo) -> str:
    default = info.default
    if default is None or default is PydanticUndefined:
        return ""
    shown = json.dumps(default, ensure_ascii=False) if isinstance(default, bool | list | dict) else str(default)
    return f"`{shown}`"


def tables_page() -> Iterator[str]:
    """Every table with its columns."""
    for name, table in sorted(metadata.tables.items()):
        yield f"## `{name}`"
        yield ""
        yield table.comment or ""
        yield ""
        yield "| column | type | |"
        yield "|---|---|---|"
        for column in table.columns:
            yield f"| `{column.name}` | {_type(column)} | {'; '.join(_about(column))} |"
        yield ""


def _type(column: Column[Any]) -> str:
    named = column.type.compile(dialect=postgresql.dialect()).lower()
    return named.replace("timestamp with time zone", "timestamptz")


def _about(column: Column[Any]) -> Iterator[str]:
    if column.primary_key:
        yield "key"
    for key in column.foreign_keys:
        yield f"-> `{key.target_fullname}`"
    if column.comment:
        yield column.comment


def commands_page() -> Iterator[str]:
    """Every command with its arguments and options."""
    yield from _commands(typer.main.get_command(app), ("customer-assets",))


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    if hasattr(command, "commands"):
        for name, inner in sorted(command.commands.items()):
            yield from _commands(inner, (*path, name))
        return
    yield f"## `{' '.join(path)}`"
    yield ""
    yield from (command.help or "").strip().splitlines()
    yield ""
    parameters = [p for p in command.params if "--help" not in p.opts]
    if parameters:
        yield "| | default | |"
        yield "|---|---|---|"
        for parameter in parameters:
            yield f"| {_names(parameter)} | {_given(parameter)} | {getattr(parameter, 'help', '') or ''} |"
        yield ""


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name).upper()}`"
    takes = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    return f"`{parameter.opts[0]}{takes}`" + (", repeatable" if parameter.multiple else "")


def _given(parameter: Any) -> str:
    default = parameter.default
    if default in (None, False, ()) or parameter.param_type_name == "argument":
        return ""
    return f"`{default}`"


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "settings.md": settings_page,
    "tables.md": tables_page,
    "commands.md": commands_page,
}


def written(name: str) -> str:
    """A page as it should be."""
    text = (DOCS / name).read_text(encoding="utf-8")
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{name}: no marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n" + "\n".join(PAGES[name]()) + f"\n{END}{after}"


if __name__ == "__main__":
    for page in PAGES:
        (DOCS / page).write_text(written(page), encoding="utf-8")
        sys.stdout.write(f"docs/{page}\n")
