"""`/metrics` for Prometheus: what the tables say, and what this process counted itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from customer_assets.store.reads.metrics import Number

PREFIX = "customer_assets_"
COUNTED = CollectorRegistry()  # of this process: each has its own, and Prometheus adds them up
RECEIVED = Counter(f"{PREFIX}deliveries_received", "deliveries taken", registry=COUNTED)
REFUSED = Counter(f"{PREFIX}deliveries_refused", "deliveries refused", ["reason"], registry=COUNTED)
APPLIED = Counter(f"{PREFIX}deliveries_applied", "deliveries applied by this process", registry=COUNTED)
REQUESTS = Histogram(
    f"{PREFIX}http_request_seconds",
    "pages and answers of the API, by the first part of their address",
    ["area", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=COUNTED,
)


class _Told:
    """Numbers that are known already, as a collector."""

    def __init__(self, numbers: Iterable[Number], build: dict[str, str]) -> None:
        self._numbers, self._build = list(numbers), build

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family a number."""
        for number in self._numbers:
            family = GaugeMetricFamily(PREFIX + number.name, number.meaning, labels=number.labels)
            for labels, value in number.readings:
                family.add_metric(labels, value)
            yield family
        built = GaugeMetricFamily(f"{PREFIX}build_info", "version and schema", labels=list(self._build))
        built.add_metric(list(self._build.values()), 1)
        yield built


def exposition(numbers: Iterable[Number], build: dict[str, str]) -> bytes:
    """All of it in Prometheus' text format.

    Args:
        numbers: what the tables say.
        build: version, schema.
    """
    registry = CollectorRegistry()
    registry.register(_Told(numbers, build))
    return generate_latest(registry) + generate_latest(COUNTED)


class Timed:
    """Notes how long each page took to its first byte, and its status."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                # what is not there has any name, and each would be a series of its own
                area = "none" if status in (400, 404) else scope["path"].split("/")[1]
                REQUESTS.labels(area, str(status)).observe(time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, noting)
