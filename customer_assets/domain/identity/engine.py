"""Where the work of a resolution is done: a pure function over parts of it, in this process, in several, or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

Part = TypeVar("Part")
Found = TypeVar("Found")


class Engine(Protocol):
    """Does a pure function over parts of some work, and gives what came of each, in the order of the parts."""

    def __call__(self, do: Callable[[Part], Found], parts: Sequence[Part]) -> Iterable[Found]: ...


def in_process(do: Callable[[Part], Found], parts: Sequence[Part]) -> Iterable[Found]:
    """One part after the other."""
    return map(do, parts)


IN_PROCESS: Engine = in_process
