"""Ten rolling restarts under load: two web processes, a sender that goes to the other one where nobody listens, nothing lost."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from customer_assets.web.webhooks.receiver import PATH
from customer_assets_tests.conftest import Company
from customer_assets_tests.e2e.test_pooler import free_port
from customer_assets_tests.web.conftest import SECRET, until

pytestmark = pytest.mark.ci
RESTARTS, SENDERS = 10, 4
PAUSE = 0.03  # of a sender, between two deliveries


class Replica:
    """One web process, started anew at the same port."""

    def __init__(self, company: Company, home: Path) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **os.environ,
            "DATABASE_URL": company.url,
            "CUSTOMER_ASSETS_HOME": str(home),
            "CUSTOMER_ASSETS_SANDBOX": "false",
            "REPORT_TO_DAGSTER": "off",
            "ROBAWS_BASE_URL": company.base + "/robaws",
            "ROBAWS_API_KEY": "sandbox-key",
            "ROBAWS_API_SECRET": "sandbox-secret",
            "ROBAWS_WEBHOOK_SECRET": SECRET,
        }
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "customer_assets", "serve", "--port", str(self.port)],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> float:
        """End it as an orchestrator does; seconds until it was gone."""
        asked = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=20)
        return time.monotonic() - asked


@pytest.fixture
def replicas(company: Company, tmp_path: Path) -> Iterator[list[Replica]]:
    company.pull("robaws")
    both = [Replica(company, tmp_path) for _ in range(2)]
    for one in both:
        until(one.is_ready, seconds=60)
    yield both
    for one in both:
        one.stop()


class Sender(threading.Thread):
    """Sends one delivery after another, as a proxy does before two processes: where nobody takes it, to the other one."""

    def __init__(self, replicas: list[Replica], stop: threading.Event) -> None:
        super().__init__()
        self._replicas, self._over = replicas, stop
        self.taken: list[str] = []
        self.lost: list[str] = []

    def run(self) -> None:
        with httpx.Client(timeout=10) as client:
            turn = 0
            while not self._over.is_set():
                turn += 1
                delivery = str(uuid.uuid4())
                order = [self._replicas[(turn + n) % 2] for n in range(2)] * 3
                if any(self._is_taken(client, one, delivery) for one in order):
                    self.taken.append(delivery)
                else:
                    self.lost.append(delivery)
                time.sleep(PAUSE)

    @staticmethod
    def _is_taken(client: httpx.Client, replica: Replica, delivery: str) -> bool:
        body = json.dumps(
            {"id": delivery, "event": "client.updated", "data": {"id": "1003", "name": delivery}}
        ).encode()
        at = str(int(time.time()))
        mac = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "Robaws-Signature": f"t={at},v1={mac}"}
        try:
            return client.post(replica.address + PATH, content=body, headers=headers).status_code == 202
        except httpx.HTTPError:
            return False


def test_nothing_is_lost_over_ten_rolling_restarts(company: Company, replicas: list[Replica]) -> None:
    over = threading.Event()
    senders = [Sender(replicas, over) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    seconds = []
    try:
        for number in range(RESTARTS):
            replica = replicas[number % 2]
            seconds.append(replica.stop())
            replica.start()
            until(replica.is_ready, seconds=60)
    finally:
        over.set()
        for sender in senders:
            sender.join()
    taken = {delivery for sender in senders for delivery in sender.taken}
    stored = {row["id"] for row in company.rows("select id from ops.webhook_deliveries")}
    assert [delivery for sender in senders for delivery in sender.lost] == []
    assert taken <= stored
    assert len(taken) > 500
    assert max(seconds) < 8
    waiting = "select count(*) from ops.webhook_deliveries where status in ('waiting', 'failed')"
    until(lambda: company.value(waiting) == 0, seconds=60)
