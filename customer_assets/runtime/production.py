"""Is this installation fit for production? One line a thing, each with its mend."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from customer_assets.runtime.runtime import Runtime
from customer_assets.settings import known_environment, project_root
from customer_assets.store import fitness, run_locks
from customer_assets.store.database import connect

DAY = 86_400
CLOCK_SECONDS = 5.0


def examine(runtime: Runtime) -> Iterator[tuple[str, bool, str]]:
    """What is looked at: (what, whether it is well, what was found and how to mend it)."""
    with connect(runtime.url, name="customer_assets doctor") as connection:
        found = fitness.examine(connection, now=time.time())
        lost = run_locks.lost_runs(connection)
    yield from _database(runtime, found)
    yield from _processes(found, lost)
    yield from _settings(runtime)


def _database(runtime: Runtime, found: fitness.Fitness) -> Iterator[tuple[str, bool, str]]:
    settings = runtime.configuration.settings
    yield (
        "database server",
        settings.database_url is not None,
        "one of your own" if settings.database_url else "the embedded one is for a laptop: set DATABASE_URL",
    )
    secure = found.is_encrypted or found.is_local
    yield (
        "encryption",
        secure,
        "TLS, or this machine" if secure else "in clear: add sslmode=verify-full to DATABASE_URL",
    )
    least = not found.is_owner and not found.is_superuser
    yield (
        "privileges",
        least,
        "reads and writes rows, owns nothing"
        if least
        else f"the role is {'a superuser' if found.is_superuser else 'the owner of the tables'}: `db roles` makes one that is not",
    )
    checks = settings.database_migrate == "check"
    yield (
        "migrations",
        checks,
        "by `db upgrade` alone" if checks else "whatever starts migrates: set DATABASE_MIGRATE=check",
    )
    close = abs(found.clock_seconds) < CLOCK_SECONDS
    yield (
        "clock",
        close,
        "agrees with the server's"
        if close
        else f"{found.clock_seconds:+.0f} s off the server's: run a time service on both",
    )
    room = found.most_connections - found.connections
    yield (
        "connections",
        room > 20,
        f"{found.connections} of {found.most_connections}" + ("" if room > 20 else ": raise max_connections"),
    )
    yield (
        "durability",
        found.fsync,
        "fsync is on" if found.fsync else "fsync is off: a crash of the server loses the database",
    )


def _processes(found: fitness.Fitness, lost: list[str]) -> Iterator[tuple[str, bool, str]]:
    seen = found.daemon_seconds
    alive = seen is not None and seen < 180
    yield "daemon", alive, "at work" if alive else "not seen for three minutes: start `customer-assets daemon`"
    yield "runs", not lost, "none is lost" if not lost else f"{len(lost)} are lost: `customer-assets runs reap`"
    age = found.backup_seconds
    fresh = age is not None and age < 26 * 3600
    said = "never" if age is None else f"{age / 3600:.0f} hours ago"
    yield "backup", fresh, f"the last one {said}" + ("" if fresh else ": `customer-assets backup DIR` every night")
    home = os.environ.get("DAGSTER_HOME")
    yield "DAGSTER_HOME", bool(home), home or "unset: set it, so that every process reads the same dagster.yaml"


def _settings(runtime: Runtime) -> Iterator[tuple[str, bool, str]]:
    settings = runtime.configuration.settings
    yield (
        "console",
        settings.is_behind_tls,
        f"at {settings.public_url}"
        if settings.is_behind_tls
        else "set PUBLIC_URL=https://..., behind a proxy with TLS",
    )
    told = settings.is_mailing or settings.alert_url is not None or settings.heartbeat_url is not None
    yield (
        "alerts",
        told,
        "somebody is told" if told else "nobody is told: set ALERT_URL, ALERT_MAIL, HEARTBEAT_URL, or scrape /metrics",
    )
    dotenv = project_root() / ".env"
    private = not dotenv.exists() or not _others_may_read(dotenv)
    yield ".env", private, "is private, or not there" if private else "others may read it: chmod 600 .env"
    clear = sorted(_secrets_in_clear())
    yield (
        "secrets",
        not clear,
        "in files"
        if not clear
        else f"in the environment, which child processes inherit: {', '.join(clear)}; use NAME_FILE",
    )


def _others_may_read(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _secrets_in_clear() -> Iterator[str]:
    for name, value in known_environment().items():
        if value and name.endswith(("_API_KEY", "_API_SECRET", "_CLIENT_SECRET", "_REFRESH_TOKEN", "_WEBHOOK_SECRET")):
            yield name
