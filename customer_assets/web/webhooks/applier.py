"""Applying deliveries as they land: a thread of the web process, with the function that the sensor's run uses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import psycopg

from customer_assets.accounts import Account
from customer_assets.errors import CustomerAssetsError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.webhooks.apply import AppliedDeliveries, apply_waiting
from customer_assets.store.database import Connection, connect, hold_presence
from customer_assets.store.webhooks.deliveries import APPLIER
from customer_assets.web.metrics import APPLIED

POLL_SECONDS = 1.0  # failed ones whose time has come, and those that others put back
QUIET_SECONDS = 1.0  # a batch is reported when nothing followed for so long,
STOP_SECONDS = 4.0  # what is not applied by then waits in the table for the next start
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
        self._thread.join(timeout=STOP_SECONDS)

    @property
    def is_alive(self) -> bool:
        """Whether deliveries are applied as they land."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping:
            try:
                with connect(self._context.url, name="customer_assets apply webhooks", timeout=2) as connection:
                    hold_presence(connection, APPLIER)
                    self._apply_until_stopped(connection)
            except (psycopg.Error, CustomerAssetsError) as error:
                log.warning("deliveries wait: %s", str(error).splitlines()[0] if str(error) else error)
            except Exception:
                log.exception("deliveries wait")  # whatever it was: this thread must go on
            if not self._stopping:
                time.sleep(POLL_SECONDS)

    def _apply_until_stopped(self, connection: Connection) -> None:
        while not self._stopping:
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            applied = AppliedDeliveries()
            try:
                apply_waiting(connection, self._context, self._accounts, applied)
            finally:
                if applied.total:
                    APPLIED.inc(applied.total)
                    self._batch_until = time.monotonic()
                    self._batch_from = self._batch_from or self._batch_until
                    self._batch.add(applied)
            self._report_batch()
        self._report_batch(now=True)

    def _report_batch(self, *, now: bool = False) -> None:
        if not self._batch.total:
            return
        clock = time.monotonic()
        if now or clock - self._batch_until >= QUIET_SECONDS or clock - self._batch_from >= LONGEST_BATCH_SECONDS:
            batch, self._batch, self._batch_from = self._batch, AppliedDeliveries(), 0.0
            self._report(batch)
