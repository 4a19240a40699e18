"""Starting a job in a running Dagster, over its GraphQL, so that the run is seen there with its log.

Spoken over plain HTTP: Dagster's own client would bring all of Dagster into the process that also receives deliveries.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import httpx

from customer_assets.errors import TransientError

LAUNCH = """
mutation Launch($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
STATUS = "query Status($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }"
ENDED = {"SUCCESS": "", "FAILURE": "failed in Dagster; ", "CANCELED": "cancelled in Dagster; "}
log = logging.getLogger(__name__)


class Dagster:
    """One Dagster web server.

    Args:
        address: where it answers, e.g. http://127.0.0.1:3000.
        public_address: where people reach it; None: the same.
        location: name of our code location there.
    """

    def __init__(self, address: str, *, public_address: str | None = None, location: str = "customer_assets") -> None:
        self.address = address.rstrip("/")
        self._public_address = (public_address or address).rstrip("/")
        self._location = location

    def launch(self, job: str, *, assets: Sequence[str] = (), by: str) -> str | None:
        """Start a job and return the run's id; None where no Dagster answers, or it refuses.

        Args:
            job: its name.
            assets: only these of its assets; all for none.
            by: who asked for it; a tag of the run.

        Raises:
            TransientError: it was asked, and did not answer.
        """
        selector: dict[str, Any] = {
            "repositoryLocationName": self._location,
            "repositoryName": "__repository__",
            "jobName": job,
        }
        if assets:
            selector["assetSelection"] = [{"path": [name]} for name in assets]
        parameters = {
            "selector": selector,
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": "customer_assets/started_by", "value": by}]},
        }
        try:
            answer = self._ask(LAUNCH, {"parameters": parameters})["launchRun"]
        except (httpx.ConnectError, httpx.ConnectTimeout, ValueError):
            return None  # nobody there, or somebody who is no Dagster
        except httpx.HTTPStatusError as error:
            if error.response.is_client_error:
                return None  # the same
            raise TransientError(
                f"Dagster at {self.address} failed while it was asked to run: look there ({error})"
            ) from None
        except (httpx.HTTPError, LookupError, TypeError) as error:
            # it may have begun: to do the same here would do it twice
            raise TransientError(
                f"Dagster at {self.address} did not say whether the run began: look there ({error!r})"
            ) from None
        if answer["__typename"] != "LaunchRunSuccess":
            log.warning("Dagster does not run %s, so it is done here: %s", job, answer)
            return None
        run_id: str = answer["run"]["runId"]
        return run_id

    def ended(self, run_id: str) -> str | None:
        """How a run ended, as the beginning of a sentence (blank for well); None while it has not.

        Raises:
            TransientError: Dagster does not answer.
        """
        try:
            found = self._ask(STATUS, {"id": run_id})["runOrError"]
            if found["__typename"] == "RunNotFoundError":
                return "deleted in Dagster; "
            return ENDED.get(found.get("status", ""))
        except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise TransientError(f"Dagster at {self.address} does not answer: {error}") from None

    def page_of(self, run_id: str) -> str:
        """Where Dagster shows a run."""
        return f"{self._public_address}/runs/{run_id}"

    def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.address}/graphql",
            json={"query": query, "variables": variables},
            timeout=httpx.Timeout(20, connect=1),
        )
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data
