"""Where the work of a resolution is done: a pure function over parts of it, in this process, in several, or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

Part = TypeVar("Part")
Found = TypeVar("Found")
Item = TypeVar("Item")


class Engine(Protocol):
    """Does a pure function over parts of some work, and gives what came of each, in the order of the parts."""

    def __call__(self, do: Callable[[Part], Found], parts: Sequence[Part]) -> Iterable[Found]: ...


def in_process(do: Callable[[Part], Found], parts: Sequence[Part]) -> Iterable[Found]:
    """One part after the other."""
    return map(do, parts)


IN_PROCESS: Engine = in_process

PARTS = 16  # of the work of one stage, at least: so that parts that take long do not hold up the others
LEAST_OF_A_PART = 500  # regions, or pairs


def parts_of(items: Sequence[Item]) -> list[Sequence[Item]]:
    """Some work in parts that are worth being done by themselves."""
    size = max(LEAST_OF_A_PART, -(-len(items) // PARTS))
    return [items[at : at + size] for at in range(0, len(items), size)]
