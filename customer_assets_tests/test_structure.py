"""What holds the project's shape: layers, light imports, documents that tell the truth."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from customer_assets import errors
from customer_assets.cli.app import app
from customer_assets.sources.registry import SYSTEMS

ROOT = Path(__file__).parent.parent
HEAVY = ("pandas", "duckdb", "splink", "phonenumbers", "pycountry", "starlette", "alembic")


def test_loading_the_definitions_loads_nothing_heavy() -> None:
    code = f"import sys, customer_assets.definitions; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loading_the_code_location_writes_nothing_on_the_terminal() -> None:
    code = "from customer_assets.definitions import defs; defs.get_repository_def()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout + done.stderr == ""


def test_imports_run_one_way() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@cache
def parsed(path: Path) -> ast.Module:
    """A module's tree, parsed once."""
    return ast.parse(path.read_text(encoding="utf-8"))


# Where a system may be named, and why. Everywhere else what differs is a declared property of it.
NAMED = {
    "sources/registry.py": "the one list",
    "cli/app.py": "the group of commands `sumit`",
    "cli/demo.py": "tells what happens at the systems of the sandbox, by name",
    "defs/assets/push.py": "the asset `sumit_push`",
    "web/webhooks/receiver.py": "speaks Robaws' signature scheme, at Robaws' address",
    "store/schema/public.py": "a comment of the database",
    "store/schema/ops.py": "defaults of columns that only deliveries of Robaws fill",
    "store/push/links.py": "the tables `ops.sumit_*`",
    "store/push/results.py": "the same",
}


def named_systems(path: Path) -> list[str]:
    """Names of systems in a module: as literals, within SQL, or as imports of their folders."""
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [n for n in SYSTEMS if node.value == n or f"'{n}'" in node.value]
        if isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [n for n in SYSTEMS if any(f"customer_assets.sources.{n}" in module for module in modules)]
    return found


def test_no_system_is_named_outside_its_folder() -> None:
    package = ROOT / "customer_assets"
    of_their_own = [package / "sources" / name for name in SYSTEMS] + [
        package / "sandbox",
        package / "benchmarks",
    ]
    of_their_own.append(package / "store" / "migrations")
    naming = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if not any(folder in path.parents for folder in of_their_own) and named_systems(path)
    }
    assert naming == set(NAMED)


# Columns that no rule of ours speaks of: nothing but their declaration and the mappings that fill them may name them.
PLAIN = {
    "legal_form",
    "status",
    "assignee",
    "external_sales_person",
    "follow_up_date",
    "default_vat_tariff",
    "gl_account",
    "accessible_via_peppol",
    "whatsapp_client",
}
NAMES_OTHER_THINGS = {"status"}  # of runs, deliveries, reminders, too


@pytest.mark.parametrize("column", sorted(PLAIN - NAMES_OTHER_THINGS))
def test_a_column_is_named_once(column: str) -> None:
    package = ROOT / "customer_assets"
    naming = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "migrations" not in path.parts and "sandbox" not in path.parts
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(rf"\b{column}\b", node.value)
    }
    sources = {name for name in naming if re.fullmatch(r"sources/\w+/(mapping|settings)\.py", name)}
    assert naming - sources == {"domain/cache/columns.py"}


NEW_COLUMN = """
from customer_assets.domain.cache import columns
added = columns.Column("loyalty_tier", section="Info", editable=True, survives="alone")
columns.CUSTOMER_COLUMNS += (added,)
columns.COLUMN_OF[added.name] = added
columns.EDITABLE += (added.name,)
columns.SURVIVING += (added,)
columns.RESOLVED += (added.name,)
from customer_assets.domain.cache.edits import parse_edit
from customer_assets.domain.cache.tables import CUSTOMERS
from customer_assets.store.identity import golden
from customer_assets.store.schema import metadata
assert "loyalty_tier" in metadata.tables["customer_rows"].columns
assert "loyalty_tier" in metadata.tables["customers"].columns
assert "loyalty_tier" in CUSTOMERS.source_columns and "loyalty_tier" in CUSTOMERS.columns
assert parse_edit("loyalty_tier", " gold ") == "gold"
assert "loyalty_tier" in columns.sections()["Info"]
assert "loyalty_tier" in golden.COLUMNS and "r.loyalty_tier" in golden.FINGERPRINT
"""


def test_a_column_declared_in_one_line_reaches_the_schema_loads_edits_pages_and_golden_records() -> None:
    done = subprocess.run([sys.executable, "-c", NEW_COLUMN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


STATEMENT = re.compile(
    r"\s*(select\b|insert\s+into\b|update\s+\S+\s+(\w+\s+)?set\b|delete\s+from\b|with\s+\w+\s+as\b|truncate\b|analyze\b"
    r"|create\s+(or|table|temporary|unique|index|database|view|function)\b|alter\s+\w+|copy\s+\S+\s+\(|lock\s+table)",
    re.IGNORECASE,
)


def literals(path: Path) -> Iterator[str]:
    """Every text of a module but its docstrings, whoever it is handed to; what stands between braces is left out."""
    tree = parsed(path)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.value
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)


def test_all_sql_is_in_the_store() -> None:
    package = ROOT / "customer_assets"
    with_sql = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if not {"store", "sandbox", "benchmarks"} & {*path.relative_to(package).parts}
        if any(STATEMENT.match(text) for text in literals(path))
    }
    assert with_sql == set()


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "customer_assets").rglob("*.py")):
        yield path.relative_to(ROOT / "customer_assets").as_posix(), parsed(path)


def test_nothing_of_dagster_is_used_that_is_not_public() -> None:
    private = re.compile(r"dagster(_\w+)?\._")
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert not private.match(node.module or ""), name
            if isinstance(node, ast.Import):
                assert not any(private.match(alias.name) for alias in node.names), name


def test_no_module_changes_warnings_for_others() -> None:
    for name, tree in modules():
        for node in ast.walk(tree):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert called not in ("warnings.filterwarnings", "warnings.simplefilter"), name


def test_no_class_is_over_200_lines_and_no_function_over_60() -> None:
    long = {
        f"{name}: {node.name}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= (200 if isinstance(node, ast.ClassDef) else 60)
    }
    assert not long


def test_the_formatter_is_followed() -> None:
    skipped = {
        name for name in listed("*.py") if re.search(r"# fmt: (skip|off)", (ROOT / name).read_text(encoding="utf-8"))
    }
    assert skipped - {"customer_assets_tests/test_structure.py"} == {"customer_assets/domain/cache/columns.py"}


def listed(pattern: str) -> list[str]:
    """Files of the project."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


def test_the_drawn_tree_of_errors_is_the_real_one() -> None:
    drawn = {}
    above = [""]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"( *[│├└─ ]*)(\w+Error)\b(?: \[(\d)\])?", line):
            depth = (len(found.group(1)) - 4) // 4
            above[depth + 1 :] = [found.group(2)]
            drawn[found.group(2)] = above[depth]
    real = {
        name: cls.__base__.__name__ if cls is not errors.CustomerAssetsError else ""
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, errors.CustomerAssetsError) and cls.__base__
    }
    assert drawn == real


def commands() -> list[str]:
    return names_in(typer.main.get_command(app))


def names_in(group: Any) -> list[str]:
    found = []
    for name, command in group.commands.items():
        found += [f"{name} {sub}" for sub in names_in(command)] if hasattr(command, "commands") else [name]
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"customer-assets {command}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_of_the_readme_exists() -> None:
    known = commands()
    for line in re.findall(r"customer-assets ([a-z][a-z -]*)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert any(line.strip().startswith(command) for command in known) or line.split()[0] == "db", line
