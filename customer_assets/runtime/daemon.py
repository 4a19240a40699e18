"""Dagster's daemon, one at a time; and whether the processes of a deployment work."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial

import psycopg

from customer_assets.errors import CustomerAssetsError
from customer_assets.lifetimes import end_with
from customer_assets.store import marks
from customer_assets.store.database import Connection, connect, ping, take_lock
from customer_assets.store.reads.metrics import DAEMON_SEEN

LOCK = int.from_bytes(hashlib.blake2b(b"the daemon", digest_size=8).digest(), signed=True)
LOOK_SECONDS = 2.0
SILENT_SECONDS = 180  # the daemon says each minute that it is there
PORTS = {"web": 8080, "code": 4000}


def watch_daemon(url: str, workspace: str, *, say: Callable[[str], None]) -> int:
    """Run the daemon for as long as no other does; returns its exit status.

    Two daemons would each start the same runs. Whoever comes second waits, and takes over within seconds of the first's end,
    also where its machine is gone: the lock ends with the connection that holds it.

    Args:
        url: our database.
        workspace: path of workspace.yaml.
        say: told what is waited for.
    """
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: stopped.append(got))
    with connect(url, name="customer_assets daemon") as connection:
        is_said = False
        while not take_lock(connection, LOCK):
            if not is_said:
                say("another daemon is at work: this one waits until it ends")
                is_said = True
            if stopped:
                return 0
            time.sleep(LOOK_SECONDS)
        command = [sys.executable, "-m", "dagster._daemon", "run", "--workspace", workspace]
        with_me = partial(end_with, os.getpid())  # the lock is gone then, too
        process = subprocess.Popen(command, start_new_session=True, preexec_fn=with_me)  # noqa: S603, PLW1509
        try:
            return _watched(process, connection, stopped, say)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _watched(
    process: subprocess.Popen[bytes], connection: Connection, stopped: list[int], say: Callable[[str], None]
) -> int:
    while (status := process.poll()) is None:
        if stopped:
            process.send_signal(signal.SIGTERM)
            try:
                return process.wait(timeout=20) and 0
            except subprocess.TimeoutExpired:
                return 0
        try:
            ping(connection)
        except psycopg.OperationalError:
            say("the connection that says that this daemon is the one is gone: it ends, to be started again")
            process.terminate()
            process.wait(timeout=20)
            return 1
        time.sleep(LOOK_SECONDS)
    return status


def fault_of_process(process: str, port: int | None) -> str | None:
    """Why a process of this machine does not work; None where it does.

    Args:
        process: web, daemon or code.
        port: where it listens; None: the usual one.
    """
    port = port or PORTS.get(process, 0)
    if process == "web":
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=3):
                return None
        except (urllib.error.URLError, OSError) as error:
            return f"port {port} does not answer well: {error}"
    if process == "code":
        command = [sys.executable, "-m", "dagster", "api", "grpc-health-check", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, check=False, env=os.environ)  # noqa: S603
        return None if done.returncode == 0 else f"port {port} does not answer"
    from customer_assets.runtime.runtime import open_runtime

    try:
        with connect(open_runtime(schema="leave").url, name="customer_assets healthcheck") as connection:
            silent = marks.seconds_since(connection, DAEMON_SEEN)
    except (CustomerAssetsError, psycopg.Error) as error:
        return str(error)
    return None if silent is not None and silent < SILENT_SECONDS else "it was not seen for three minutes"
