"""One customer's way: how many functions of ours lie between the pull and the API's call, and between it and the row."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import customer_assets
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.sources.kit.http import Http
from customer_assets.store.cache import upsert
from customer_assets_tests.conftest import Company

PACKAGE = Path(customer_assets.__file__).parent


def frames() -> list[str]:
    """Functions of ours on the stack, outermost first, the probe's own caller last."""
    found: list[str] = []
    frame = sys._getframe(2)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if PACKAGE in path.parents:
            found.append(f"{path.relative_to(PACKAGE).as_posix()}: {frame.f_code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]
    return found[::-1]


def probe(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, walks: list[list[str]]) -> None:
    """Note the stack at each call; the call itself goes on as ever."""
    real: Callable[..., Any] = getattr(owner, name)

    def noting(*args: Any, **how: Any) -> Any:
        walks.append([*frames(), f"{name}"])
        return real(*args, **how)

    monkeypatch.setattr(owner, name, noting)


@pytest.mark.parametrize("system", ["robaws", "zoho", "sumit"])
def test_a_page_walks_through_few_functions(
    company: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], system: str
) -> None:
    calls: list[list[str]] = []
    copies: list[list[str]] = []
    probe(monkeypatch, Http, "call", calls)
    probe(monkeypatch, upsert, "_copy", copies)
    company.pull(system, options=PullOptions(limit=20))
    for what, walks in (("call", calls), ("row", copies)):
        deepest = max((walk for walk in walks if not any("tokens.py" in step for step in walk)), key=len)
        with capsys.disabled():
            sys.stdout.write(f"\n{system}, to the {what}: {len(deepest)} frames: {' > '.join(deepest)}\n")
        assert len(deepest) <= 8
