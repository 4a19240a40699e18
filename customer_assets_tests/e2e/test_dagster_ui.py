"""Dagster's own UI in a real browser, over `customer-assets dev`: the lineage, an asset, a backfill over months, a failed run.

Needs Chromium (`apt-get install chromium`, or CHROMIUM=/path/to/it). Screenshots are kept in the folder BROWSER_ARTIFACTS,
where it is set.
"""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from customer_assets_tests.e2e.test_main_job import Home, _ask, _free_port
from customer_assets_tests.web.test_browser import CHROMIUM

pytestmark = [
    pytest.mark.ci,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium, or set CHROMIUM=/path/to/it"),
    pytest.mark.filterwarnings("ignore"),  # playwright's loop, closed while its pipes are open
]
LONGEST = 60_000  # ms: the first page of Dagster's UI is megabytes of scripts
LAUNCH = """
    mutation ($job: String!) {
      launchRun(executionParams: {
        selector: {repositoryLocationName: "customer_assets", repositoryName: "__repository__", jobName: $job}, mode: "default"
      }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
    }
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Home, str]]:
    """A home whose first run is done and whose UI is served, and the address of that."""
    home = Home()
    dev = None
    try:
        home.json("run")
        home.settings |= {"DAGSTER_PORT": str(_free_port()), "WEB_PORT": str(_free_port())}
        dev = home.start("dev")
        address = f"http://127.0.0.1:{home.settings['DAGSTER_PORT']}"
        deadline = time.monotonic() + 120
        while True:
            try:
                if _ask(f"{address}/graphql", "{ repositoriesOrError { __typename } }"):
                    break
            except OSError:
                assert dev.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.5)
        yield home, address
    finally:
        if dev is not None:
            dev.send_signal(signal.SIGINT)
            dev.communicate(timeout=90)
        home.close()


@pytest.fixture(scope="module")
def page(served: tuple[Home, str]) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(LONGEST)
        yield page
        browser.close()


def keep(page: Any, name: str) -> None:
    if folder := os.environ.get("BROWSER_ARTIFACTS"):
        page.screenshot(path=str(Path(folder) / f"dagster_{name}.png"))


def ended(address: str, run_id: str) -> str:
    deadline = time.monotonic() + 180
    while True:
        status = str(_ask(f"{address}/graphql", STATUS, id=run_id)["runOrError"]["status"])
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            return status
        assert time.monotonic() < deadline
        time.sleep(1)


def test_the_lineage_shows_groups_in_their_order(served: tuple[Home, str], page: Any) -> None:
    page.goto(f"{served[1]}/asset-groups")
    for group in ("robaws", "zoho", "sumit", "customers", "invoices"):
        page.get_by_text(group, exact=True).first.wait_for()
    page.wait_for_timeout(3000)  # it is laid out
    keep(page, "lineage")
    x = {
        g: page.locator("svg").get_by_text(g, exact=True).first.bounding_box()["x"]
        for g in ("customers", "invoices", "sumit")
    }
    assert x["sumit"] < x["customers"] < x["invoices"]


def test_an_asset_says_what_it_is_and_what_it_last_did(served: tuple[Home, str], page: Any) -> None:
    page.goto(f"{served[1]}/assets/customers_cache")
    for said in ("Customers of all systems, normalized", "Row count", "the VAT id in one spelling"):
        page.get_by_text(said).first.wait_for()
    keep(page, "asset")
    page.goto(f"{served[1]}/assets/nightly_report?view=events")
    page.get_by_text("quota left").first.wait_for()
    keep(page, "report")


def test_a_backfill_over_some_months_asks_for_no_new_ones_and_ends_well(served: tuple[Home, str], page: Any) -> None:
    address = served[1]
    page.goto(f"{address}/assets/migrated_customers?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog").first
    dialog.get_by_text("Partition selection").wait_for()
    assert dialog.get_by_text("Add a partition").count() == 0
    dialog.get_by_text("Select a partition").click()
    page.get_by_placeholder("Filter partitions").fill("2023-")
    page.get_by_text("Select all (12)").click()
    page.keyboard.press("Escape")
    dialog.get_by_text("12 partitions").first.wait_for()
    keep(page, "backfill")
    dialog.get_by_role("button", name="Launch backfill").click()
    done = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { status numPartitions } } } }"
    deadline = time.monotonic() + 120
    while True:
        found = _ask(f"{address}/graphql", done)["partitionBackfillsOrError"]["results"]
        if found and found[0]["status"] in ("COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED"):
            break
        assert time.monotonic() < deadline, found
        time.sleep(1)
    assert found == [{"status": "COMPLETED_SUCCESS", "numPartitions": 12}]


def test_a_failed_run_says_which_system_and_why(served: tuple[Home, str], page: Any) -> None:
    home, address = served
    sandbox = json.loads((home.path / "sandbox.json").read_text())["base"]
    faults = {"faults": [{"system": "robaws", "kind": "401", "times": 50}]}
    urllib.request.urlopen(
        urllib.request.Request(f"{sandbox}/control", data=json.dumps(faults).encode(), method="POST"), timeout=10
    ).close()
    launched = _ask(f"{address}/graphql", LAUNCH, job="customer_sync")["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]
    assert ended(address, run_id) == "FAILURE"
    page.goto(f"{address}/runs/{run_id}")
    page.get_by_text("sync_outcome").first.click()
    page.get_by_text("robaws/default: ").first.wait_for()
    keep(page, "failed_run")
    assert page.get_by_text("credentials refused").count() > 0
