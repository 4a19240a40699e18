"""One message for the next page, signed with the secret of the session: it comes from us, is seen once, and has a colour."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass

FLASH = "customer_assets_said"
LONGEST = 600  # characters that travel in a cookie: with 4 bytes each still less than the 4096 that browsers keep


@dataclass(frozen=True, slots=True)
class Said:
    """What a page says once, and whether it is bad news."""

    text: str
    bad: bool


def flashing(text: str, secret: str, *, bad: bool) -> str:
    """The value of the cookie."""
    body = base64.urlsafe_b64encode(json.dumps([text[:LONGEST], bad], ensure_ascii=False).encode()).decode()
    return f"{body}.{_signature(body, secret)}"


def flashed(value: str | None, secret: str) -> Said | None:
    """The message of a cookie; None where there is none, or it is not of this session."""
    body, _, signature = (value or "").partition(".")
    if not body or not hmac.compare_digest(signature.encode(), _signature(body, secret).encode()):
        return None
    text, bad = json.loads(base64.urlsafe_b64decode(body))
    return Said(str(text), bool(bad))


def _signature(body: str, secret: str) -> str:
    return hmac.new(secret.encode(), body.encode(), "sha256").hexdigest()
