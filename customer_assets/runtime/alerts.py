"""Telling people who look at no console: one JSON object to the operator's own address, and a mail."""

import json
import logging
import smtplib
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit

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


def send_alert(settings: Settings, subject: str, alert: Mapping[str, Any]) -> list[str]:
    """Post to ALERT_URL and mail to ALERT_MAIL, where they are set; returns how it was told: `posted`, `mailed`.

    Args:
        settings: where to.
        subject: of the mail.
        alert: what is posted as JSON. The mail has its `report`, or else a line for each of it.

    Raises:
        OSError: one of the two failed, after both were tried; the message names the setting.
    """
    ways: list[tuple[str, str, Callable[[], None]]] = []
    if settings.alert_url is not None:
        ways.append(("posted", "ALERT_URL", partial(_post, settings.alert_url.get_secret_value(), alert)))
    if settings.smtp_url is not None:
        ways.append(
            ("mailed", "SMTP_URL", partial(_mail, settings, settings.smtp_url.get_secret_value(), subject, alert))
        )
    told: list[str] = []
    failures: list[str] = []
    for how, setting, send in ways:
        try:
            send()
            told.append(how)
        except (OSError, HTTPException, smtplib.SMTPException, ValueError) as error:
            failures.append(f"{setting}: {type(error).__name__}: {error}")
    if failures:
        raise OSError("; ".join(failures))
    return told


def _post(address: str, alert: Mapping[str, Any]) -> None:
    if not address.startswith(("http://", "https://")):
        raise ValueError("is no web address")
    request = urllib.request.Request(  # noqa: S310 (the operator's own address)
        address, data=json.dumps(alert).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        pass


def _mail(settings: Settings, address: str, subject: str, alert: Mapping[str, Any]) -> None:
    """Hand a mail to a server: `smtps` speaks TLS at once, `smtp` as soon as the server can."""
    server = urlsplit(address)
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())
    message["From"] = settings.mail_from
    message["To"] = ", ".join(settings.alert_addresses)
    message.set_content(_as_text(alert))
    is_tls = server.scheme == "smtps"
    context = ssl.create_default_context()
    host, port = server.hostname or "", server.port or (465 if is_tls else 587 if server.username else 25)
    with (
        smtplib.SMTP_SSL(host, port, timeout=20, context=context)
        if is_tls
        else smtplib.SMTP(host, port, timeout=20) as smtp
    ):
        if not is_tls:
            smtp.ehlo()
            if smtp.has_extn("starttls"):
                smtp.starttls(context=context)
            elif server.username:
                raise ValueError(f"{host} offers no TLS, and the password is not sent without")
        if server.username:
            smtp.login(unquote(server.username), unquote(server.password or ""))
        smtp.send_message(message)


def _as_text(alert: Mapping[str, Any]) -> str:
    if "report" in alert:
        return str(alert["report"])
    return "\n".join(
        f"{name}: {json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value}"
        for name, value in alert.items()
    )
