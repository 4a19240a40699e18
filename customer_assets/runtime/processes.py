"""Processes that we start: whether their ports are free, and how they end."""

from __future__ import annotations

import signal
import socket
import subprocess

import psutil

from customer_assets.errors import ConfigurationError


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


def require_free(host: str, port: int, *, setting: str) -> None:
    """See that nobody listens on a port.

    Raises:
        ConfigurationError: somebody does; the message names what chooses another port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"{host}:{port} cannot be listened on ({error.strerror}): {setting} chooses another"
            ) from None
