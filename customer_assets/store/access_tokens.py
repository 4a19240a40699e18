"""Named tokens of the JSON API: shown once, kept as hashes, with a role and an end."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from customer_assets.errors import ConfigurationError
from customer_assets.store.database import Connection

ROLES = ("viewer", "editor")


def add(connection: Connection, name: str, *, role: str, days: int | None, owner: str | None = None) -> str:
    """Make a token; it is in this answer and nowhere else.

    Raises:
        ConfigurationError: the name is taken or blank, or the role unknown.
    """
    name = name.strip()
    if not name or role not in ROLES:
        raise ConfigurationError(f"token add: a name, and a role of {', '.join(ROLES)}")
    token = f"ca_{secrets.token_urlsafe(32)}"
    added = connection.execute(
        """
        insert into ops.access_tokens (name, token_hash, role, owner, expires_at)
        values (%(name)s, %(hash)s, %(role)s, %(owner)s, now() + make_interval(days => %(days)s))
        on conflict do nothing
        """,
        {"name": name, "hash": _digest(token), "role": role, "owner": owner, "days": days},
    ).rowcount
    if not added:
        raise ConfigurationError(f"token {name} exists already; revoke it first")
    return token


def listed(connection: Connection) -> list[dict[str, Any]]:
    """All tokens, without their hashes."""
    return connection.execute(
        "select name, role, owner, created_at, expires_at, last_used_at from ops.access_tokens order by name"
    ).fetchall()


def revoke(connection: Connection, name: str) -> None:
    """End a token at once.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if not connection.execute("delete from ops.access_tokens where name = %s", [name.strip()]).rowcount:
        raise ConfigurationError(f"no token {name}")


def role_of(connection: Connection, token: str) -> str | None:
    """The role of a token that holds; None for any other text. Its use is noted once an hour.

    A user's token may no more than the user, as that is now.
    """
    row = connection.execute(
        """
        select t.name, case when u.role = 'viewer' then u.role else t.role end as role,
            t.last_used_at is null or t.last_used_at < now() - interval '1 hour' as is_news
        from ops.access_tokens t
        left join ops.users u on u.name = t.owner
        where t.token_hash = %s
            and (t.expires_at is null or t.expires_at > now())
            and (t.owner is null or (u.name is not null and u.disabled_at is null))
        """,
        [_digest(token)],
    ).fetchone()
    if row is None:
        return None
    if row["is_news"]:
        connection.execute("update ops.access_tokens set last_used_at = now() where name = %s", [row["name"]])
    return str(row["role"])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
