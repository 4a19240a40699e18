"""Webhook signatures: `Robaws-Signature: t=<unix seconds>,v1=<hex hmac_sha256(secret, t + "." + raw body)>`.

Source: docs/systems/robaws.md#signature. Everything works on bytes as received: a body that was read and written again
is another body, and a header need not be ASCII.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

HEADER = "Robaws-Signature"
_TIME = re.compile(rb"[0-9]{1,12}")
_DIGEST = re.compile(rb"[0-9a-fA-F]{64}")


class SignatureError(ValueError):
    """The delivery is not to be believed. `reason` is one of missing, malformed, wrong, too_old, in_the_future."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Signature:
    """A parsed header: the signed time as it was written, and every v1 digest."""

    t: bytes
    digests: tuple[bytes, ...]

    @property
    def signed_at(self) -> datetime:
        """The signed time, in UTC."""
        return datetime.fromtimestamp(int(self.t), UTC)


def parse_signature(header: bytes | None) -> Signature:
    """Read the header: elements in any order, unknown ones ignored, several v1 allowed, exactly one t.

    Raises:
        SignatureError: missing or malformed.
    """
    if header is None or not header.strip():
        raise SignatureError("missing")
    times: list[bytes] = []
    digests: list[bytes] = []
    for element in header.split(b","):
        name, _, value = element.strip().partition(b"=")
        if name == b"t":
            times.append(value)
        elif name == b"v1" and _DIGEST.fullmatch(value):
            digests.append(bytes.fromhex(value.decode("ascii")))
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not digests:
        raise SignatureError("malformed")
    return Signature(times[0], tuple(digests))


def verify(
    signature: Signature, body: bytes, secrets: Sequence[bytes], *, now: datetime, tolerance_seconds: float
) -> int:
    """Which of the secrets signed this body, by number.

    All secrets and digests are compared, in constant time each. A wrong signature is said before a wrong time: only what
    is rightly signed can be too old.

    Args:
        signature: the parsed header.
        body: raw bytes as received.
        secrets: every active secret.
        now: our clock, in UTC.
        tolerance_seconds: how far t may be off, both ways.

    Raises:
        SignatureError: wrong, too_old or in_the_future.
    """
    found = -1
    for number, secret in enumerate(secrets):
        expected = hmac.digest(secret, signature.t + b"." + body, hashlib.sha256)
        for digest in signature.digests:
            if hmac.compare_digest(expected, digest):
                found = number
    if found < 0:
        raise SignatureError("wrong")
    age = now.timestamp() - int(signature.t)
    if age >= tolerance_seconds + 1:  # t has whole seconds
        raise SignatureError("too_old")
    if age < -tolerance_seconds:
        raise SignatureError("in_the_future")
    return found


def sign(body: bytes, secret: bytes, *, at: datetime) -> str:
    """The header of a delivery that we send to ourselves, to see whether it arrives."""
    t = str(int(at.timestamp()))
    return f"t={t},v1={hmac.new(secret, t.encode() + b'.' + body, hashlib.sha256).hexdigest()}"
