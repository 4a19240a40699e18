"""Running a coroutine to its end from plain code, also where an event loop runs already, as in a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Runner(Protocol):
    """Takes a coroutine, and returns or raises what it does."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T: ...


def runner() -> Runner:
    """`asyncio.run`, or where this thread has a running loop the same in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run
    return _in_a_thread


def _in_a_thread(work: Coroutine[Any, Any, T], /) -> T:
    with ThreadPoolExecutor(max_workers=1) as beside:
        return beside.submit(asyncio.run, work).result()
