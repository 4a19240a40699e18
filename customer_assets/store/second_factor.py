"""Codes of an authenticator (TOTP, RFC 6238), for who set one up: asked for at each login besides the password."""

from __future__ import annotations

import hmac
import time

from customer_assets.errors import ConfigurationError
from customer_assets.store.database import Connection

ISSUER = "customer_assets"  # how the authenticator calls us
STEP_SECONDS = 30
NEAR = (0, -1, 1)  # steps that a clock may be off


def new_secret() -> str:
    """A secret for an authenticator."""
    import pyotp

    return str(pyotp.random_base32())


def address_of(secret: str, name: str) -> str:
    """What an authenticator scans."""
    import pyotp

    return str(pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))


def set_up(connection: Connection, name: str, secret: str, code: str) -> None:
    """Ask for codes from now on; the first one shows that the authenticator has the secret.

    Raises:
        ConfigurationError: the code is wrong.
    """
    if is_set_up(connection, name):
        raise ConfigurationError("an authenticator is set up already: do without that one first")
    try:
        step = _step_of(secret, code)
    except ValueError:  # no secret of ours
        step = None
    if step is None:
        raise ConfigurationError("this code is not of that secret, or too old: scan it again, and take the next code")
    connection.execute("update ops.users set totp_secret = %s, totp_step = %s where name = %s", [secret, step, name])


def remove(connection: Connection, name: str) -> None:
    """Ask for none any more.

    Raises:
        ConfigurationError: there is no such user.
    """
    done = connection.execute(
        "update ops.users set totp_secret = null, totp_step = null where name = %s", [name.strip().lower()]
    )
    if not done.rowcount:
        raise ConfigurationError(f"no user {name}")


def is_set_up(connection: Connection, name: str) -> bool:
    """Whether a user is asked for codes."""
    row = connection.execute("select totp_secret from ops.users where name = %s", [name]).fetchone()
    return row is not None and row["totp_secret"] is not None


def passes(connection: Connection, name: str, code: str) -> bool:
    """Whether no code is needed, or this one is right and was not used before."""
    row = connection.execute("select totp_secret from ops.users where name = %s", [name]).fetchone()
    if row is None or row["totp_secret"] is None:
        return True
    step = _step_of(row["totp_secret"], code)
    if step is None:
        return False
    taken = connection.execute(
        "update ops.users set totp_step = %(step)s where name = %(name)s and coalesce(totp_step, 0) < %(step)s",
        {"step": step, "name": name},
    )
    return taken.rowcount == 1


def _step_of(secret: str, code: str) -> int | None:
    """The step of time whose code this is, near now."""
    import pyotp

    digits = "".join(code.split())
    now = int(time.time()) // STEP_SECONDS
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    for off in NEAR:
        if hmac.compare_digest(totp.generate_otp(now + off).encode(), digits.encode()):
            return now + off
    return None
