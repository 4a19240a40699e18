"""Behind a real PgBouncer: a pool by transaction is refused, one by session works."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from customer_assets.errors import BusyError, ConfigurationError
from customer_assets.store import database
from customer_assets.store.embedded import SERVER_USER
from customer_assets_tests.conftest import Company

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="pgbouncer is not installed"),
]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def pooled(company: Company, server: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of the company's database behind a pooler of the mode that is asked for."""
    port = free_port()
    config = tmp_path / "pgbouncer.ini"
    config.write_text(
        "[databases]\n"
        f"* = host={server.socket_dir} user=postgres\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {request.param}\n"
    )
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith("/tmp/"):  # noqa: S108 (pytest's own folders, which the pooler's user must reach)
            folder.chmod(0o755)
    config.chmod(0o644)
    user = ["-u", SERVER_USER] if os.geteuid() == 0 else []
    process = subprocess.Popen(["pgbouncer", *user, str(config)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        name = database.scalar(company.connection, "select current_database()")
        yield f"postgresql://postgres@127.0.0.1:{port}/{name}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("pooled", ["transaction"], indirect=True)
def test_a_pool_by_transaction_is_refused_with_what_mends_it(pooled: str) -> None:
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="keeps no lock: give DATABASE_URL"):
            database.connect(pooled)


@pytest.mark.parametrize("pooled", ["session"], indirect=True)
def test_a_pool_by_session_keeps_locks_and_settings(company: Company, pooled: str) -> None:
    with database.connect(pooled) as connection:
        assert database.scalar(connection, "select current_setting('timezone')") == "UTC"
    with (
        database.system_lock(pooled, account="a", system="robaws", what="sync"),
        pytest.raises(BusyError),
        database.system_lock(pooled, account="a", system="robaws", what="sync"),
    ):
        pass
    through = Company(company.world, company.base, pooled)
    assert through.pull("robaws").status == "ok"
    through.connection.close()
