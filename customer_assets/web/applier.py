"""Applying deliveries as they land: a thread of the web process, with the function that the sensor's run uses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import psycopg

from customer_assets.config import Account
from customer_assets.errors import CustomerAssetsError
from customer_assets.pipeline.apply import AppliedDeliveries, apply_waiting
from customer_assets.pipeline.context import Context
from customer_assets.store.database import Connection, connect, hold_presence
from customer_assets.store.deliveries import APPLIER

POLL_SECONDS = 1.0  # failed ones whose time has come, and those that others put back
QUIET_SECONDS = 1.0  # a batch is reported when nothing followed for so long,
LONGEST_BATCH_SECONDS = 10.0  # or when it goes on for so long

log = logging.getLogger(__name__)


class Applier:
    """Applies what waits whenever it is woken, and tells `report` of each batch."""

    def __init__(
        self, context: Context, accounts: Sequence[Account], report: Callable[[AppliedDeliveries], None]
    ) -> None:
        self._context, self._accounts, self._report = context, accounts, report
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="apply deliveries", daemon=True)
        self._batch = AppliedDeliveries()
        self._batch_from = self._batch_until = 0.0

    def start(self) -> None:
        """Begin; what waited before is applied at once."""
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """Something landed."""
        self._wake.set()

    def stop(self) -> None:
        """End after the set at hand, and report it."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        connection: Connection | None = None
        while not self._stopping:
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            try:
                if connection is None:
                    connection = connect(self._context.url, name="customer_assets apply webhooks", timeout=2)
                    hold_presence(connection, APPLIER)
                self._note(apply_waiting(connection, self._context, self._accounts))
            except (psycopg.Error, CustomerAssetsError) as error:
                log.warning("deliveries wait: %s", str(error).splitlines()[0] if str(error) else error)
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(POLL_SECONDS)
            self._report_batch()
        self._report_batch(now=True)
        if connection is not None:
            connection.close()

    def _note(self, applied: AppliedDeliveries) -> None:
        if applied.total:
            now = time.monotonic()
            self._batch_from = self._batch_from or now
            self._batch_until = now
            self._batch.add(applied)

    def _report_batch(self, *, now: bool = False) -> None:
        if not self._batch.total:
            return
        clock = time.monotonic()
        if (
            now
            or clock - self._batch_until >= QUIET_SECONDS
            or clock - self._batch_from >= LONGEST_BATCH_SECONDS
        ):
            self._report(self._batch)
            self._batch, self._batch_from = AppliedDeliveries(), 0.0
