"""Telling people who look at no console: one JSON object to the operator's own address."""

import json
import logging
import urllib.request
from http.client import HTTPException
from typing import Any

from customer_assets.settings import Settings

log = logging.getLogger(__name__)


def call_heartbeat(settings: Settings) -> None:
    """Say at HEARTBEAT_URL, where one is set, that the daemon is at work; that nobody listens there is logged."""
    if settings.heartbeat_url is not None:
        try:
            with urllib.request.urlopen(settings.heartbeat_url.get_secret_value(), timeout=5):  # noqa: S310
                pass
        except (OSError, HTTPException, ValueError) as error:
            log.warning("HEARTBEAT_URL does not answer: %s", type(error).__name__)


def post_alert(settings: Settings, alert: dict[str, Any]) -> bool:
    """Post to ALERT_URL; returns False where none is set.

    Raises:
        OSError: it cannot be posted.
    """
    if settings.alert_url is None:
        return False
    address = settings.alert_url.get_secret_value()
    if not address.startswith(("http://", "https://")):
        raise OSError("ALERT_URL is no web address")
    request = urllib.request.Request(  # noqa: S310 (the operator's own address)
        address, data=json.dumps(alert).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            return True
    except (HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from None
