"""Several accounts at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from customer_assets.accounts import Account
from customer_assets.errors import CredentialsError, TransientError
from customer_assets.pipeline.sync.pull import pull_accounts
from customer_assets.pipeline.sync.run import PullOptions, SyncResult
from customer_assets.pipeline.sync.together import GIVEN_UP_AFTER, together
from customer_assets.sandbox.server import environment
from customer_assets.store import database
from customer_assets.store.cache.indexes import build_postponed_indexes, postpone_indexes
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.slow


def _accounts(company: Company, *names: str, system: str = "robaws", **changes: str) -> list[Account]:
    return [company.account(system, name, **changes) for name in names]


def test_results_come_in_order_and_systems_that_take_pushes_last(company: Company) -> None:
    accounts = [
        *_accounts(company, "a", system="sumit"),
        *_accounts(company, "b", "c"),
        *_accounts(company, "d", system="zoho"),
    ]
    done: list[str] = []
    lock, most, now = threading.Lock(), [0], [0]

    def do(account: Account) -> SyncResult:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1
            done.append(account.account)
        return SyncResult(account.account, account.system)

    results = together(accounts, do, at_once=2, refused=lambda _: None)
    assert [result.account for result in results] == ["a", "b", "c", "d"]
    assert done[-1] == "a"
    assert most == [2]


def test_a_host_that_nobody_reaches_is_given_up_and_others_are_not(company: Company) -> None:
    down = _accounts(company, *"abcdefgh", base_url="http://down.example")
    up = _accounts(company, *"uvwxyz")
    tried: list[str] = []
    refused: list[str] = []

    def do(account: Account) -> SyncResult:
        tried.append(account.account)
        result = SyncResult(account.account, account.system)
        if account in down:
            result.fail(TransientError("cannot reach", system=account.system, host="down.example:80"))
        elif account.account == "u":
            result.fail(CredentialsError("refused", system=account.system))
        return result

    mixed = [account for pair in zip(down, up, strict=False) for account in pair] + down[6:]
    results = together(mixed, do, at_once=1, refused=lambda result: refused.append(result.account))
    assert [name for name in tried if name in "abcdefgh"] == list("abcdefgh")[:GIVEN_UP_AFTER]
    assert [name for name in tried if name in "uvwxyz"] == list("uvwxyz")
    assert refused == list("defgh")
    assert all("could not connect to down.example:80" in r.message for r in results if r.account in refused)


def test_what_is_raised_is_seen_when_the_others_are_done(company: Company) -> None:
    done: list[str] = []

    def do(account: Account) -> SyncResult:
        if account.account == "a":
            raise ValueError("broken")
        time.sleep(0.05)
        done.append(account.account)
        return SyncResult(account.account, account.system)

    with pytest.raises(ValueError, match="broken"):
        together(_accounts(company, "a", "b", "c"), do, at_once=3, refused=lambda _: None)
    assert sorted(done) == ["b", "c"]


def test_accounts_that_share_a_grant_share_its_token(company: Company) -> None:
    for name in ("north", "south"):
        assert company.pull("zoho", name=name).status == "ok"
    assert company.world.calls["zoho token"] == 1


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_accounts_that_are_read(company: Company, tmp_path: Path) -> None:
    lines = environment(company.base) | {
        "DATABASE_URL": company.url,
        "CUSTOMER_ASSETS_HOME": str(tmp_path),
        "ROBAWS_REQUESTS_PER_SECOND": "0.2",
        "ROBAWS_BURST": "1",
        "ZOHO_CALLS_PER_MINUTE": "2",
        "ZOHO_BURST": "1",
    }
    command = [sys.executable, "-m", "customer_assets", "sync", "all"]
    # a shell starts what it puts into the background with SIGINT ignored, and so would be what is started by it
    process = subprocess.Popen(
        command,
        env=os.environ | lines,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    try:
        for _ in range(200):
            if company.value("select count(*) from sync_runs where status = 'running'") >= 2:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        assert process.wait(timeout=20) == 130
        assert time.monotonic() - asked < 5
    finally:
        process.kill()
        process.wait()


def test_first_loads_at_once_drop_the_indexes_once(company: Company) -> None:
    query = "select indexname from pg_indexes where tablename = 'customer_rows' order by 1"
    before = company.rows(query)
    errors: list[BaseException] = []

    def load() -> None:
        try:
            with database.connect(company.url) as connection:
                for _ in range(8):
                    postpone_indexes(connection, "customer_rows")
                    build_postponed_indexes(connection, "customer_rows")
        except BaseException as error:  # noqa: BLE001 (shown by the test)
            errors.append(error)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert company.rows(query) == before


def test_what_nobody_foresaw_is_one_accounts_trouble(company: Company) -> None:
    company.do(
        """
        create function pg_temp_break() returns trigger language plpgsql as $$
        begin
            if new.account = 'b' then raise exception 'broken on purpose'; end if;
            return new;
        end $$;
        create trigger break_b before insert on ops.raw_scans for each row execute function pg_temp_break();
        """
    )
    try:
        context = company.context
        found = pull_accounts(context, _accounts(company, "a", "b", "c"), PullOptions())
    finally:
        company.do("drop trigger break_b on ops.raw_scans; drop function pg_temp_break")
    assert [result.status for result in found] == ["ok", "failed", "ok"]
    assert "broken on purpose" in found[1].message
    assert company.value("select count(*) from sync_runs where status = 'running'") == 0
    assert company.rows("select account from sync_runs where status = 'failed'") == [{"account": "b"}]
    assert company.value("select count(distinct account) from customers_cache") == 2


def test_a_dry_run_notes_no_account_that_was_not_tried(company: Company) -> None:
    down = _accounts(company, *"abcde", base_url="http://127.0.0.1:9", retry_seconds="0")
    found = pull_accounts(company.context, down, PullOptions(), dry_run=True)
    assert [result.status for result in found] == ["failed"] * 5
    assert company.value("select count(*) from sync_runs") == 0


def test_slow_answers_of_some_accounts_are_not_a_host_that_is_down(company: Company) -> None:
    accounts = _accounts(company, *"abcdef")

    def do(account: Account) -> SyncResult:
        result = SyncResult(account.account, account.system)
        if account.account in "abc":  # a read timeout: it was connected to
            result.fail(TransientError("no answer within 30 s", system=account.system))
        return result

    found = together(accounts, do, at_once=1, refused=lambda _: None)
    assert [result.status for result in found] == ["failed"] * 3 + ["ok"] * 3
