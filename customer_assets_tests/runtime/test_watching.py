"""What is said to whoever watches: logs, and a heartbeat."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from customer_assets.defs.sensors import reap_sensor
from customer_assets.runtime.logs import JsonLines, set_up_logging
from customer_assets.runtime.runtime import Runtime
from customer_assets.settings import Settings
from customer_assets.store import marks
from customer_assets.store.reads.metrics import DAEMON_SEEN
from customer_assets_tests.conftest import Company
from customer_assets_tests.web.conftest import stack_of


@pytest.fixture
def listening() -> Iterator[tuple[str, list[str]]]:
    """An address, and the paths that were asked for there."""
    asked: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Noting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/beat", asked
    server.shutdown()
    server.server_close()


def test_the_daemon_says_that_it_is_at_work(
    company: Company, listening: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = listening
    for url in (address, "http://127.0.0.1:9/nobody"):  # that nobody listens stops nothing
        monkeypatch.setenv("HEARTBEAT_URL", url)
        runtime: Runtime = stack_of(company)
        with dg.DagsterInstance.ephemeral() as instance:
            reap_sensor(dg.build_sensor_context(instance=instance, resources={"runtime": runtime}))
    assert asked == ["/beat"]
    assert marks.find(company.connection, DAEMON_SEEN) is not None


def test_logs_are_one_object_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    before = logging.root.handlers[:], logging.root.level
    try:
        set_up_logging(Settings())
        logging.getLogger("x").info("not said")
        try:
            raise ValueError("it broke\nin two lines")  # noqa: TRY301
        except ValueError:
            logging.getLogger("x").exception("déjà %s", "vu")
    finally:
        logging.root.handlers[:], logging.root.level = before
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["level"], said["logger"], said["event"]) == ("error", "x", "déjà vu")
    assert "it broke" in said["traceback"]
    assert JsonLines().format(logging.makeLogRecord({"msg": "x"})).startswith('{"time": "20')
