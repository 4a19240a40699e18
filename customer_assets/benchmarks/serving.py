"""A server under test, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from customer_assets.settings import project_root


@contextmanager
def served(command: list[str], settings: dict[str, str] | None = None) -> Iterator[str]:
    """Start a command that takes a port as its last argument; gives its address (host:port) once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603
        [*command, str(port)], env=os.environ | (settings or {}), cwd=project_root()
    )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2)
                break
            except OSError:
                time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
