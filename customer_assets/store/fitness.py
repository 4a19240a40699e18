"""What a database administrator would look at before a system goes into production."""

from __future__ import annotations

from dataclasses import dataclass

from customer_assets.store import marks
from customer_assets.store.database import Connection
from customer_assets.store.reads.metrics import BACKED_UP, DAEMON_SEEN


@dataclass(frozen=True, slots=True)
class Fitness:
    """Facts about the database and what works with it.

    Attributes:
        is_encrypted, is_local: the connection: by TLS; by a socket or loopback.
        is_owner, is_superuser: the role: of our tables; of the server.
        clock_seconds: how far the server's clock is ahead of ours.
        connections, most_connections: open now, and how many there may be.
        daemon_seconds, backup_seconds: since the daemon was seen, since the last good backup; None: never.
        fsync: whether commits reach the disk.
    """

    is_encrypted: bool
    is_local: bool
    is_owner: bool
    is_superuser: bool
    clock_seconds: float
    connections: int
    most_connections: int
    daemon_seconds: float | None
    backup_seconds: float | None
    fsync: bool


def examine(connection: Connection, *, now: float) -> Fitness:
    """Look at all of it.

    Args:
        connection: as every process connects.
        now: our clock, in seconds since 1970.
    """
    row = connection.execute(
        """
        select
            coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as is_encrypted,
            inet_client_addr() is null or inet_client_addr() << '127.0.0.0/8' or inet_client_addr() = '::1' as is_local,
            pg_has_role((select relowner from pg_class where oid = 'customer_rows'::regclass), 'usage') as is_owner,
            (select rolsuper from pg_roles where rolname = current_user) as is_superuser,
            extract(epoch from clock_timestamp())::float - %(now)s as clock_seconds,
            (select sum(numbackends)::int from pg_stat_database) as connections,
            current_setting('max_connections')::int as most_connections,
            current_setting('fsync') = 'on' as fsync
        """,
        {"now": now},
    ).fetchone()
    return Fitness(
        **(row or {}),
        daemon_seconds=marks.seconds_since(connection, DAEMON_SEEN),
        backup_seconds=marks.seconds_since(connection, BACKED_UP),
    )
