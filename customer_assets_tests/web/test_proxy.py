"""Behind a proxy: host names, cookies, probes, addresses of callers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from customer_assets.settings import Settings, build
from customer_assets.store import database, users
from customer_assets.web.app import build_app
from customer_assets_tests.conftest import Company, Serving
from customer_assets_tests.e2e.test_pooler import free_port
from customer_assets_tests.web.conftest import stack_of, until

pytestmark = pytest.mark.slow
PUBLIC = "https://customers.example"
PASSWORD = "correct horse battery"


@pytest.fixture
def proxied(company: Company) -> Iterator[str]:
    """The web app as a proxy reaches it, by plain HTTP."""
    users.add_user(company.connection, "boss", PASSWORD, role="admin")
    runtime = stack_of(company)
    own = runtime.configuration.settings.model_copy(update={"public_url": PUBLIC})
    runtime = replace(runtime, configuration=replace(runtime.configuration, settings=own))
    with Serving(build_app(runtime), lifespan="on") as address:
        yield address


def test_the_public_name_is_answered_to_and_cookies_stay_on_tls(proxied: str) -> None:
    form = {"name": "boss", "password": PASSWORD}
    headers = {"Host": "customers.example", "Origin": PUBLIC}
    answer = httpx.post(f"{proxied}/login", data=form, headers=headers)
    assert answer.status_code == 303
    assert "secure" in answer.headers["set-cookie"].lower()
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    # a proxy that rewrites the host name, too
    assert httpx.post(f"{proxied}/login", data=form, headers={"Origin": PUBLIC}).status_code == 303
    other = httpx.post(f"{proxied}/login", data=form, headers={"Origin": "https://evil.example"})
    assert other.status_code == 403
    assert httpx.get(f"{proxied}/login", headers={"Host": "evil.example"}).status_code == 400


def test_probes_answer_to_any_name_and_say_nothing(proxied: str) -> None:
    for path in ("/livez", "/readyz"):
        answer = httpx.get(f"{proxied}{path}", headers={"Host": "10.1.2.3:8080"})
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert httpx.get(f"{proxied}/metrics", headers={"Host": "10.1.2.3:8080"}).status_code == 400
    scraped = {"Host": "10.1.2.3:8080", "Authorization": "Bearer wrong"}
    assert httpx.get(f"{proxied}/metrics", headers=scraped).status_code == 401


def test_strangers_learn_of_no_account(proxied: str) -> None:
    answer = httpx.get(f"{proxied}/healthz", headers={"Host": "customers.example"})
    assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PUBLIC_URL", "customers.example", "no address such as"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy", "proxy"),
        ("DAGSTER_PUBLIC_URL", "ftp://x", "no address such as"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(Exception, match=f"{name}.*{said}"):
        build(Settings, {name: value})


@pytest.mark.slow
def test_the_word_of_trusted_proxies_is_taken_and_a_drain_is_quick(company: Company, tmp_path: Path) -> None:
    users.add_user(company.connection, "boss", PASSWORD, role="admin")
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": company.url,
        "CUSTOMER_ASSETS_HOME": str(tmp_path),
        "CONSOLE_HOSTS": '["127.0.0.1"]',
        "CUSTOMER_ASSETS_SANDBOX": "false",
        "REPORT_TO_DAGSTER": "off",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "customer_assets", "serve", "--port", str(port)],
        env=environment,
        stderr=subprocess.PIPE,
    )
    address = f"http://127.0.0.1:{port}"
    answers: list[Any] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                answers.append(httpx.get(f"{address}/login", timeout=10).status_code)
            except httpx.HTTPError as error:
                answers.append(error)

    loads = [threading.Thread(target=load) for _ in range(4)]
    try:
        until(lambda: _answers(address), seconds=30)
        forwarded = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        wrong = {"name": "boss", "password": "wrong"}
        assert httpx.post(f"{address}/login", data=wrong, headers=forwarded, timeout=30).status_code == 401
        noted = database.scalar(
            company.connection, "select details ->> 'from' from ops.audit_log where action = 'failed to log in'"
        )
        assert noted == "203.0.113.9"
        right = httpx.post(
            f"{address}/login", data={"name": "boss", "password": PASSWORD}, headers=forwarded, timeout=30
        )
        assert "secure" in right.headers["set-cookie"].lower()
        for thread in loads:
            thread.start()
        time.sleep(0.5)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) in (0, -signal.SIGTERM)
        assert time.monotonic() - asked < 8
    finally:
        stop.set()
        for thread in loads:
            if thread.ident:
                thread.join()
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
    assert set(filter(lambda one: isinstance(one, int), answers)) == {200}


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/livez", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
