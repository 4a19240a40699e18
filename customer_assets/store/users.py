"""The console's users and their logins. Passwords are argon2 hashes; of a session only the hash of its cookie is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from psycopg.errors import UniqueViolation

from customer_assets.errors import ConfigurationError
from customer_assets.store import second_factor
from customer_assets.store.database import Connection, scalar

ROLES = ("viewer", "editor", "admin")
SHORTEST_PASSWORD = 10


@dataclass(frozen=True, slots=True)
class Session:
    """A logged-in user.

    Attributes:
        user, role: who, and what they may do.
        csrf: what every form must bring along.
    """

    user: str
    role: str
    csrf: str

    def may(self, role: str) -> bool:
        """Whether this user's role is at least that one."""
        return ROLES.index(self.role) >= ROLES.index(role)


def add_user(connection: Connection, name: str, password: str, *, role: str) -> None:
    """Add a user.

    Raises:
        ConfigurationError: the name is taken or blank, the role unknown, the password too short.
    """
    name = name.strip().lower()
    if not name or role not in ROLES:
        raise ConfigurationError(f"user add: a name, and a role of {', '.join(ROLES)}")
    added = connection.execute(
        "insert into ops.users (name, password_hash, role) values (%s, %s, %s) on conflict do nothing",
        [name, _hashed(password), role],
    ).rowcount
    if not added:
        raise ConfigurationError(f"user {name} exists already; `user passwd {name}` gives a new password")


def set_password(connection: Connection, name: str, password: str) -> None:
    """Give a new password, and end all logins of that user.

    Raises:
        ConfigurationError: there is no such user, or the password is too short.
    """
    name = name.strip().lower()
    with connection.transaction():
        done = connection.execute(
            "update ops.users set password_hash = %s where name = %s", [_hashed(password), name]
        ).rowcount
        connection.execute("delete from ops.sessions where user_name = %s", [name])
    if not done:
        raise ConfigurationError(f"no user {name}")


def set_role(connection: Connection, name: str, role: str) -> None:
    """Give a user another role; the console follows at once.

    Raises:
        ConfigurationError: there is no such user, the role is unknown, or nobody would be an administrator any more.
    """
    name = name.strip().lower()
    if role not in ROLES:
        raise ConfigurationError(f"user role: one of {', '.join(ROLES)}")
    with connection.transaction():
        if role != "admin":
            _keep_an_admin(connection, besides=name)
        done = connection.execute("update ops.users set role = %s where name = %s", [role, name]).rowcount
    if not done:
        raise ConfigurationError(f"no user {name}")


def disable(connection: Connection, name: str, *, is_disabled: bool) -> None:
    """Keep a user out, or let it in again; all its logins end.

    Raises:
        ConfigurationError: there is no such user, or nobody would be an administrator any more.
    """
    name = name.strip().lower()
    with connection.transaction():
        if is_disabled:
            _keep_an_admin(connection, besides=name)
        done = connection.execute(
            "update ops.users set disabled_at = case when %s then now() end where name = %s", [is_disabled, name]
        ).rowcount
        connection.execute("delete from ops.sessions where user_name = %s", [name])
    if not done:
        raise ConfigurationError(f"no user {name}")


def remove_user(connection: Connection, name: str) -> None:
    """Remove a user; what it did stays in the audit log.

    Raises:
        ConfigurationError: there is no such user, or nobody would be an administrator any more.
    """
    name = name.strip().lower()
    with connection.transaction():
        _keep_an_admin(connection, besides=name)
        connection.execute("delete from ops.sessions where user_name = %s", [name])
        connection.execute("delete from ops.access_tokens where owner = %s", [name])
        if not connection.execute("delete from ops.users where name = %s", [name]).rowcount:
            raise ConfigurationError(f"no user {name}")


def _keep_an_admin(connection: Connection, *, besides: str) -> None:
    query = "select exists (select from ops.users where role = 'admin' and disabled_at is null and name <> %s)"
    is_admin = "select exists (select from ops.users where role = 'admin' and disabled_at is null and name = %s)"
    if scalar(connection, is_admin, [besides]) and not scalar(connection, query, [besides]):
        raise ConfigurationError(f"{besides} is the only administrator: make somebody else one first")


def list_users(connection: Connection) -> list[dict[str, Any]]:
    """Users without their hashes."""
    return connection.execute(
        """
        select name, role, created_at, last_login_at, disabled_at,
            totp_secret is not null as has_second_factor, provider_subject is not null as is_vouched_for
        from ops.users
        order by name
        """
    ).fetchall()


def ensure_admin(connection: Connection, password: str | None) -> str | None:
    """Where there is no user yet, make `admin`; returns the password if it had to be made up."""
    if scalar(connection, "select exists (select from ops.users)"):
        return None
    made_up = None if password else secrets.token_urlsafe(12)
    try:
        add_user(connection, "admin", password or made_up or "", role="admin")
    except ConfigurationError:
        if scalar(connection, "select exists (select from ops.users)"):
            return None  # another process was faster
        raise
    return made_up


def exists(connection: Connection, name: str) -> bool:
    """Whether there is such a user."""
    return connection.execute("select from ops.users where name = %s", [name]).fetchone() is not None


def knows_password(connection: Connection, name: str, password: str) -> bool:
    """Whether this is the password of a user who may log in; it takes as long where there is no such user."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    row = connection.execute(
        "select password_hash from ops.users where name = %s and disabled_at is null", [name.strip().lower()]
    ).fetchone()
    try:
        has_one = row is not None and row["password_hash"] != _UNUSABLE
        PasswordHasher().verify(row["password_hash"] if row and has_one else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return has_one


def log_in(
    connection: Connection, name: str, password: str, *, hours: float, code: str = ""
) -> tuple[str, Session] | None:
    """A new session: (cookie, session); None where name, password, or the code of an authenticator is wrong."""
    name = name.strip().lower()
    if not knows_password(connection, name, password) or not second_factor.passes(connection, name, code):
        return None
    return _begin(connection, name, hours=hours)


def log_in_vouched(connection: Connection, *, subject: str, name: str, role: str, hours: float) -> tuple[str, Session]:
    """A new session of somebody whom an identity provider vouches for; the first one adds the user.

    Args:
        connection: database.
        subject: issuer and subject: who it is, whatever the name.
        name: what they are called here, the first time.
        role: what they may do as of now.
        hours: a login lasts.

    Raises:
        ConfigurationError: the name is another's, or the user is kept out.
    """
    name = name.strip().lower()
    try:
        with connection.transaction():
            row = connection.execute(
                """
                insert into ops.users (name, password_hash, role, provider_subject)
                values (%s, %s, %s, %s)
                on conflict (provider_subject) do update
                set role = excluded.role
                returning name, disabled_at
                """,
                [name, _UNUSABLE, role, subject],
            ).fetchone()
            if row is None or row["disabled_at"] is not None:
                raise ConfigurationError(f"{name} is kept out of here")
            return _begin(connection, row["name"], hours=hours)
    except UniqueViolation:
        raise ConfigurationError(
            f"{name} is the name of another user here: an administrator has to remove that one first"
        ) from None


def _begin(connection: Connection, name: str, *, hours: float) -> tuple[str, Session]:
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    with connection.transaction():
        connection.execute("delete from ops.sessions where expires_at < now()")
        connection.execute(
            """
            insert into ops.sessions (token_hash, user_name, csrf, expires_at)
            values (%s, %s, %s, now() + make_interval(secs => %s))
            """,
            [_digest(token), name, csrf, hours * 3600],
        )
        role = scalar(connection, "update ops.users set last_login_at = now() where name = %s returning role", [name])
    return token, Session(name, str(role), csrf)


def session_of(connection: Connection, token: str) -> Session | None:
    """The session of a cookie, None where it ended."""
    row = connection.execute(
        """
        select u.name, u.role, s.csrf
        from ops.sessions s
        join ops.users u on u.name = s.user_name
        where s.token_hash = %s
            and s.expires_at > now()
            and u.disabled_at is null
        """,
        [_digest(token)],
    ).fetchone()
    return Session(row["name"], row["role"], row["csrf"]) if row else None


def log_out(connection: Connection, token: str) -> None:
    """End a session."""
    connection.execute("delete from ops.sessions where token_hash = %s", [_digest(token)])


def _hashed(password: str) -> str:
    from argon2 import PasswordHasher

    if len(password) < SHORTEST_PASSWORD:
        raise ConfigurationError(f"a password has at least {SHORTEST_PASSWORD} characters")
    return PasswordHasher().hash(password)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


_UNUSABLE = "!"  # the hash of no password
# Of a password that nobody knows, so that an unknown name takes as long as a wrong password.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$j13vyeUpq1eaRQED9GAQsw$PvWnOc/pKNy3cf54hOSciJE/bRjVzj9H8q/Ge8W4krI"
