"""Syncs that run in Dagster: what its answers mean, on a server that answers as Dagster's GraphQL does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from customer_assets.errors import TransientError
from customer_assets.runtime.dagster_client import Dagster
from customer_assets.web.console.jobs import Worker
from customer_assets_tests.conftest import Company, Serving
from customer_assets_tests.web.conftest import stack_of, until

pytestmark = pytest.mark.slow
RUN = "0f6c1b52-0000-4000-8000-000000000001"
STARTED = {"runOrError": {"__typename": "Run", "status": "STARTED"}}


class Answers:
    """What the server answers: to the launch, then to each question for the status (the last one again and again)."""

    def __init__(self) -> None:
        self.launch: dict[str, Any] | None = {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": RUN}}}
        self.statuses: list[dict[str, Any]] = []
        self.launches: list[dict[str, Any]] = []
        self.fails = False

    async def __call__(self, request: Request) -> Response:
        body = await request.json()
        if "launchRun" not in body["query"]:
            return JSONResponse({"data": self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]})
        if self.fails:
            return JSONResponse({}, status_code=500)
        self.launches.append(body["variables"]["parameters"])
        return JSONResponse({"data": self.launch})


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def address(answers: Answers) -> Iterator[str]:
    with Serving(Starlette(routes=[Route("/graphql", answers.__call__, methods=["POST"])])) as found:
        yield found


def sync(company: Company, address: str, kind: str = "pull-sumit") -> str:
    """Start a sync and return what the console says of it at its end."""
    runtime = stack_of(company, dagster_url=address)
    job = Worker(runtime).start(kind, "editor")
    until(lambda: job.outcome is not None, 30)
    return job.outcome or ""


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("SUCCESS", "sumit ok: 3 created"),
        ("FAILURE", "failed in Dagster; sumit ok: 3"),
        ("CANCELED", "cancelled in Dagster; sumit ok: 3"),
    ],
)
def test_how_a_run_ended_is_said(company: Company, answers: Answers, address: str, status: str, said: str) -> None:
    company.do(
        "insert into sync_runs (source, kind, trigger, status, dagster_run_id, created) values ('sumit', 'full', 'dagster', 'ok', %s, 3)",
        RUN,
    )
    busy = {"runOrError": {"__typename": "PythonError"}}  # one hiccup is not the end
    answers.statuses = [STARTED, busy, {"runOrError": {"__typename": "Run", "status": status}}]
    assert sync(company, address).startswith(said)
    chosen = answers.launches[0]["selector"]
    assert (chosen["jobName"], chosen["assetSelection"][0]) == (
        "customer_sync",
        {"path": ["raw_sumit_customer_pages"]},
    )
    assert answers.launches[0]["executionMetadata"]["tags"][0]["value"] == "editor"


def test_a_job_that_dagster_refuses_is_done_here(company: Company, answers: Answers, address: str) -> None:
    answers.launch = {"launchRun": {"__typename": "InvalidSubsetError"}}
    assert sync(company, address) == "no system is configured for it"


def test_an_answer_that_says_nothing_starts_nothing_twice(company: Company, answers: Answers, address: str) -> None:
    answers.launch = None
    assert sync(company, address).startswith("failed: Dagster")
    answers.fails = True  # perhaps after the run began
    with pytest.raises(TransientError, match="failed while it was asked"):
        Dagster(address).launch("customer_sync", by="test")
