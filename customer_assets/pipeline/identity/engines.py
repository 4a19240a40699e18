"""Engines of the identity resolution: this process, several of this machine, or a Spark cluster. The result is the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import count, repeat
from multiprocessing import get_context
from typing import Any, TypeVar

from customer_assets.domain.identity.engine import IN_PROCESS, Engine
from customer_assets.errors import ConfigurationError

Part = TypeVar("Part")
Found = TypeVar("Found")
WORTH_A_POOL = 20_000  # records, from which several processes end sooner than one

_work: dict[int, tuple[Callable[[Any], Any], Sequence[Any]]] = {}  # what forked processes find in their memory
_tickets = count()


def pool(processes: int) -> Engine:
    """Processes of this machine, forked when there is work: they see it without a copy, and give back what they found."""

    def engine(do: Callable[[Part], Found], parts: Sequence[Part]) -> Iterable[Found]:
        if len(parts) < 2:
            return map(do, parts)
        return _forked(do, parts, min(processes, len(parts)))

    return engine


def _forked(do: Callable[[Part], Found], parts: Sequence[Part], processes: int) -> Iterator[Found]:
    ticket = next(_tickets)
    _work[ticket] = do, parts
    try:
        with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as executor:
            yield from executor.map(_do, repeat(ticket), range(len(parts)))
    except BrokenProcessPool:
        raise ConfigurationError(
            "a process of the identity engine was ended from outside, for want of memory perhaps; "
            "IDENTITY_ENGINE=process needs less of it"
        ) from None
    finally:
        del _work[ticket]


def _do(ticket: int, number: int) -> Any:
    do, parts = _work[ticket]
    return do(parts[number])


def engine_named(name: str, *, records: int) -> Engine:
    """The engine of a setting.

    Args:
        name: process, pool, spark, or auto: several processes where there are so many records that it is worth it.
        records: how many there are.

    Raises:
        ConfigurationError: the engine is not there.
    """
    processes = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if name == "process" or processes < 2 or (name == "auto" and records < WORTH_A_POOL):
        return IN_PROCESS
    return pool(processes)
