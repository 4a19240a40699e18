"""Alerts reach a web address and a mailbox, over a real mail server; where one of the two fails, the other is told all the same."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import dagster as dg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from customer_assets.accounts import Configuration, load_configuration
from customer_assets.defs.assets.night import nightly_report
from customer_assets.errors import ConfigurationError
from customer_assets.runtime.alerts import send_alert
from customer_assets.runtime.runtime import Runtime
from customer_assets.settings import Settings
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.slow


class Kept(Message):
    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


@pytest.fixture
def mailbox() -> Iterator[tuple[str, list[Any]]]:
    """Address of a mail server, and what it got."""
    handler = Kept()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(handler, hostname="127.0.0.1", port=port)
    server.start()
    yield f"smtp://127.0.0.1:{port}", handler.mails
    server.stop()


@pytest.fixture
def posted() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A web address, and what was posted there."""
    found: list[dict[str, Any]] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/alerts", found
    server.shutdown()
    server.server_close()


def settings_with(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_configuration().settings


def test_what_is_posted_is_mailed_as_well(
    mailbox: tuple[str, list[Any]], posted: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    who = {"ALERT_MAIL": "anna@office.example, piet@office.example", "MAIL_FROM": "sync@office.example"}
    settings = settings_with(monkeypatch, ALERT_URL=posted[0], SMTP_URL=mailbox[0], **who)
    alert = {"job": "customer_sync", "error": "zoho: geweigerd \u2013 nee", "systems": {"zoho/default": "geweigerd"}}
    assert send_alert(settings, "customer_sync\r\nfailed", alert) == ["posted", "mailed"]
    assert posted[1] == [alert]
    (mail,) = mailbox[1]
    assert (mail["From"], mail["To"]) == ("sync@office.example", "anna@office.example, piet@office.example")
    assert mail["Subject"] == "customer_sync failed"
    text = mail.get_payload(decode=True).decode()
    for line in ("job: customer_sync", "error: zoho: geweigerd \u2013 nee", 'systems: {"zoho/default": "geweigerd"}'):
        assert line in text


@pytest.mark.parametrize("broken", ["ALERT_URL", "SMTP_URL"])
def test_where_one_way_is_broken_the_other_tells_and_the_setting_is_named(
    mailbox: tuple[str, list[Any]],
    posted: tuple[str, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    ways = {"ALERT_URL": posted[0], "SMTP_URL": mailbox[0]}
    ways[broken] = ways[broken].partition("127")[0] + "127.0.0.1:9"
    settings = settings_with(monkeypatch, ALERT_MAIL="anna@office.example", **ways)
    with pytest.raises(OSError, match=f"^{broken}: .*refused"):
        send_alert(settings, "x", {"a": 1})
    assert len(posted[1]) + len(mailbox[1]) == 1


def test_a_password_is_never_sent_in_the_clear(mailbox: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    address = mailbox[0].replace("//", "//anna:secret%40word@")
    settings = settings_with(monkeypatch, ALERT_MAIL="anna@office.example", SMTP_URL=address)
    with pytest.raises(OSError, match="offers no TLS") as raised:
        send_alert(settings, "x", {"a": 1})
    assert "secret" not in str(raised.value)
    assert not mailbox[1]


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"SMTP_URL": "smtp://mail.example"}, "belong together"),
        ({"ALERT_MAIL": "anna@office.example"}, "belong together"),
        ({"ALERT_MAIL": "a@b.example", "SMTP_URL": "mail.example:25"}, "smtp://"),
        ({"ALERT_MAIL": "a@b.example", "SMTP_URL": "smtp://mail.example:many"}, "smtp://"),
    ],
)
def test_half_a_mail_server_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        settings_with(monkeypatch, **environment)


def test_the_report_of_the_night_is_mailed(
    company: Company, mailbox: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    company.pull("robaws")
    settings = settings_with(monkeypatch, SMTP_URL=mailbox[0], ALERT_MAIL="anna@office.example")
    stack = Runtime(Configuration(settings, (company.account("robaws"),)), company.url, company.url)
    assert dg.materialize([nightly_report], resources={"runtime": stack}).success
    (mail,) = mailbox[1]
    assert " ".join(mail["Subject"].split()).startswith("Last night: customers: ")
    assert "| robaws | default | ok |" in mail.get_payload(decode=True).decode()
