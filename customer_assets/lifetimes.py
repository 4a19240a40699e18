"""Processes that end with the one that started them, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with(parent: int, by: signal.Signals = signal.SIGTERM) -> None:
    """Have Linux end this process when the parent is gone, killed perhaps: else it would hold open what it was born with.

    Args:
        parent: its process number; where it is gone already, this process ends at once.
        by: the signal that ends this process.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:
            os.kill(os.getpid(), by)
