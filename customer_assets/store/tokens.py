"""Access tokens: one a grant for all processes and all accounts that share it, locked while it is renewed.

A system gives so many tokens per grant and ten minutes, whatever accounts they are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from customer_assets.store.database import Connection, connect


class _Slot:
    def __init__(self, connection: Connection, account: str, system: str, fingerprint: str) -> None:
        self._connection, self._account, self._system = connection, account, system
        self._fingerprint = fingerprint
        row = connection.execute(
            """
            select access_token, expires_at
            from ops.api_tokens
            where source = %s
                and fingerprint = %s
            order by expires_at desc
            limit 1
            """,
            [system, fingerprint],
        ).fetchone()
        self.token: str | None = row["access_token"] if row else None
        self.expires_at: datetime | None = row["expires_at"] if row else None

    def save(self, token: str, expires_at: datetime) -> None:
        """Replace the token; other processes find it when the lock is released."""
        self.token, self.expires_at = token, expires_at
        self._connection.execute(
            """
            insert into ops.api_tokens (account, source, access_token, fingerprint, expires_at)
            values (%(account)s, %(source)s, %(token)s, %(fingerprint)s, %(expires_at)s)
            on conflict (account, source) do update
            set access_token = excluded.access_token,
                fingerprint = excluded.fingerprint,
                expires_at = excluded.expires_at,
                refreshed_at = now()
            """,
            {
                "account": self._account,
                "source": self._system,
                "token": token,
                "fingerprint": self._fingerprint,
                "expires_at": expires_at,
            },
        )


class StoredTokens:
    """The token store of one account of one system.

    Works on a connection of its own: a token that was paid for is kept even when the work around it is undone.
    """

    def __init__(self, url: str, account: str, system: str) -> None:
        self._url, self._account, self._system = url, account, system

    @contextmanager
    def locked(self, fingerprint: str) -> Iterator[_Slot]:
        """Hold the token's lock. The fingerprint tells a changed grant, whose old token is worth nothing."""
        with (
            connect(self._url, name=f"customer_assets {self._system} token") as connection,
            connection.transaction(),
        ):
            connection.execute(
                "select pg_advisory_xact_lock(hashtextextended(%s, 0))",
                [f"{self._system} token/{fingerprint}"],
            )
            yield _Slot(connection, self._account, self._system, fingerprint)
