"""The lists of words beside this module (`data/*.txt`): one entry a line, `#` comments."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def entries(name: str) -> tuple[str, ...]:
    """The entries of `data/<name>.txt`, in their order."""
    text = (files("customer_assets.domain") / "data" / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def all_entries() -> dict[str, tuple[str, ...]]:
    """Every list by its name."""
    lists = sorted((files("customer_assets.domain") / "data").iterdir(), key=lambda file: file.name)
    return {file.name: entries(file.name.removesuffix(".txt")) for file in lists if file.name.endswith(".txt")}
