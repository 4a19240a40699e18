"""Ending what we started."""

from __future__ import annotations

import signal
import subprocess

import psutil


def end_family(child: subprocess.Popen[bytes]) -> None:
    """End a child and what it started: politely, then not."""
    try:
        family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    if child.poll() is None:
        child.send_signal(signal.SIGINT)  # a shell may have had it ignored: hence the second look
    _, alive = psutil.wait_procs(family, timeout=15)
    for process in alive:
        process.kill()
