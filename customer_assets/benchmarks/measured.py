"""A command run by a small process of its own, so that its peak memory is its own: a child begins with its parent's.

Usage: python -m customer_assets.benchmarks.measured COMMAND... ; what it used is the last line of stderr.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from customer_assets.settings import project_root


@dataclass(frozen=True)
class Used:
    """What a command used: CPU and wall seconds, bytes at its peak, and what it printed."""

    cpu: float
    wall: float
    memory: int
    output: str


def run_measured(command: Sequence[object], environment: Mapping[str, str] | None = None) -> Used:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; the message has the end of its stderr.
    """
    through = [sys.executable, "-m", "customer_assets.benchmarks.measured", *map(str, command)]
    started = time.monotonic()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        status = subprocess.call(  # noqa: S603 (our own commands)
            through,
            stdout=output,
            stderr=errors,
            env=os.environ | dict(environment or {}),
            cwd=project_root(),
        )
        wall = time.monotonic() - started
        output.seek(0)
        errors.seek(0)
        said = errors.read().decode()
        if status != 0:
            raise RuntimeError(f"{command}: status {status}: {said[-2000:]}")
        used = json.loads(said.strip().splitlines()[-1])
        return Used(used["cpu"], wall, used["memory"], output.read().decode())


def main(command: list[str]) -> int:
    """Run the command, say what it used, and end with its status."""
    process = subprocess.Popen(command)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    used = {"cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024}
    sys.stderr.write(f"\n{json.dumps(used)}\n")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
