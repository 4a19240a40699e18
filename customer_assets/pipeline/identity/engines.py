"""Engines of the identity resolution: this process, several of this machine, or a Spark cluster. The result is the same."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from customer_assets.domain.identity.engine import IN_PROCESS, Engine
from customer_assets.errors import ConfigurationError
from customer_assets.lifetimes import end_with
from customer_assets.settings import Settings

Part = TypeVar("Part")
Found = TypeVar("Found")
AHEAD = 2  # parts that another process has, so that it does not wait while we do one
WORTH_A_POOL = 50_000  # records, from which several processes end sooner than one

QUIET = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}

_work: dict[int, tuple[Callable[[Any], Any], Sequence[Any]]] = {}  # what forked processes find in their memory
_tickets = count()


def pool(processes: int) -> Engine:
    """This process and others, forked when there is work: they see it without a copy, and give back what they found."""

    def engine(do: Callable[[Part], Found], parts: Sequence[Part]) -> Iterable[Found]:
        if len(parts) < 2 or processes < 2:
            return map(do, parts)
        return _forked(do, parts, min(processes, len(parts)))

    return engine


def _forked(do: Callable[[Part], Found], parts: Sequence[Part], processes: int) -> Iterator[Found]:
    ticket = next(_tickets)
    _work[ticket] = do, parts
    try:
        # without us they would hold our connection to the database, and what is locked there
        ours = os.getpid(), signal.SIGKILL
        with ProcessPoolExecutor(processes - 1, get_context("fork"), initializer=end_with, initargs=ours) as executor:
            theirs: dict[int, Future[Found]] = {}
            mine: dict[int, Found] = {}  # from the end: what we do ourselves is neither copied nor sent
            waiting = deque(range(len(parts)))
            while waiting:
                busy = sum(not found.done() for found in theirs.values())
                for _ in range(min(len(waiting), AHEAD * (processes - 1) - busy)):
                    number = waiting.popleft()
                    theirs[number] = executor.submit(_do, ticket, number)
                if waiting:
                    number = waiting.pop()
                    mine[number] = do(parts[number])
            for number in range(len(parts)):
                yield mine.pop(number) if number in mine else theirs.pop(number).result()
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


@contextmanager
def spark(master: str) -> Iterator[Engine]:
    """A Spark cluster, for as long as it is needed. Its Python has this package installed; what is given to it is pickled.

    Args:
        master: as Spark writes it: `spark://host:7077`, `yarn`, `k8s://...`, `local[*]`, `local-cluster[2,1,1024]`.

    Raises:
        ConfigurationError: PySpark or Java is not installed, or the cluster is not reached.
    """
    session = _spark_session(master)

    def engine(do: Callable[[Part], Found], parts: Sequence[Part]) -> Iterable[Found]:
        if len(parts) < 2:
            return map(do, parts)
        found: list[Found] = session.sparkContext.parallelize(parts, len(parts)).map(do).collect()
        return found

    try:
        yield engine
    finally:
        session.stop()


def _spark_session(master: str) -> Any:
    try:
        import pyspark
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise ConfigurationError("the engine spark needs the extra: pip install customer-assets[spark]") from None
    # a cluster that this process starts itself runs what this process runs
    os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("customer_assets").master(master)
    for name, value in QUIET.items():
        builder = builder.config(name, value)
    if master.startswith("local-cluster"):
        builder = builder.config("spark.executorEnv.PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    try:
        return builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise ConfigurationError(
            f"the engine spark does not start on {master} (SPARK_MASTER): {type(error).__name__}; "
            "it needs Java 17, and a master that is reached from here"
        ) from None


@contextmanager
def engines_of(settings: Settings) -> Iterator[Callable[[int], Engine]]:
    """What gives the engine that is set for so many records; of several accounts, each may have another.

    Raises:
        ConfigurationError: the engine is not there.
    """
    name = settings.identity_engine
    processes = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if name == "spark":
        with spark(settings.spark_master) as cluster:
            yield lambda _records: cluster
    elif name == "process" or processes < 2:
        yield lambda _records: IN_PROCESS
    else:
        several = pool(processes)
        yield lambda records: several if name == "pool" or records >= WORTH_A_POOL else IN_PROCESS
