"""The state of the made-up world: records, limits, faults, webhooks. One object; the emulators are views on it."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from customer_assets.sandbox import records
from customer_assets.sandbox.records import Record

ROBAWS_KEY, ROBAWS_SECRET = "sandbox-key", "sandbox-secret"
ZOHO_CLIENT, ZOHO_SECRET, ZOHO_REFRESH, ZOHO_ORGANIZATION = (
    "sandbox-client",
    "sandbox-secret",
    "sandbox-refresh",
    "700100",
)
SUMIT_COMPANY, SUMIT_KEY = 700001, "sandbox-key"


@dataclass
class Sizes:
    """How much there is."""

    robaws_clients: int = 4017
    zoho_contacts: int = 1200
    zoho_vendors: int = 20
    zoho_invoices: int = 5000
    sumit_customers: int = 300
    legacy_invoices: int = 20_000


@dataclass
class Limits:
    """What the systems enforce. `zoho_per_minute` is raised where its documented 100 would only cost waiting."""

    robaws_per_second: float = 15.0
    robaws_burst: int = 20
    robaws_per_day: int = 10_000
    zoho_per_minute: int = 100
    zoho_per_day: int = 10_000
    zoho_concurrent: int = 10
    zoho_tokens_per_ten_minutes: int = 10
    sumit_quick_calls: int = 120
    sumit_clears_after_seconds: float = 60.0


@dataclass
class Switches:
    """Behaviour that docs/systems/ marks as assumed, or that differs between tenants."""

    latency_ms: int = 0  # each call waits so long before anything else
    robaws_shape: str = "real"  # real | seed | mixed
    robaws_total_as_text: bool = False
    robaws_ids_as_numbers: bool = False
    robaws_largest_page: int = 100
    robaws_refuses_sort: bool = False
    robaws_updated_from: str = "ignored"  # honoured | ignored | 400
    zoho_filters_contacts: bool = True
    zoho_context: str = "object"  # object | list | missing
    zoho_token_error: str = ""  # invalid_code | invalid_client | Access Denied
    zoho_hides_scope: bool = False  # every call answers 401/57
    sumit_dialect: str = "both"  # real | seed | both
    sumit_status: Any = 0
    sumit_nested: bool = False  # values inside Properties
    sumit_two_folders: bool = False
    sumit_tells_next: bool = True  # HasNextPage is in the answer
    sumit_keeps_omitted: bool = True  # an update leaves what it does not name; else it is wiped
    sumit_keeps_external_ids: bool = True
    sumit_respells: bool = False  # phones are stored in another spelling
    sumit_orders_by_id: bool = True  # else ordering by it is a business error


@dataclass
class Fault:
    """One misbehaviour, for the next `times` matching requests after `after` good ones.

    `kind`: late (the request is carried out, the answer lost), 429, 500, 503, html, cut, reset, slow, 401, 403, blocked (temp-blocked), empty403, redirect, quota, or
    zoho:CODE for an error body with that code.
    """

    system: str
    kind: str
    times: int = 1
    after: int = 0
    match: str = ""


class Bucket:
    """A token bucket on the wall clock."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.level, self.at = burst, time.monotonic()

    def take(self) -> bool:
        """Take one; False when there is none."""
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


@dataclass
class World:
    """Everything the emulators know.

    Attributes:
        seed: same seed, same records.
        journal: file that keeps what clients wrote, so that it outlives the process; None: memory alone.
    """

    seed: int = 1
    sizes: Sizes = field(default_factory=Sizes)
    limits: Limits = field(default_factory=Limits)
    switches: Switches = field(default_factory=Switches)
    journal: Path | None = None

    def __post_init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.faults: list[Fault] = []
        self.before_page: list[Callable[[str, int], None]] = []  # told before a list page is cut out: tests move rows
        self.last_call = time.monotonic()
        n, seed = self.sizes, self.seed
        self.robaws: dict[str, Record] = {
            record["id"]: record for record in (records.robaws_client(i, seed=seed) for i in range(n.robaws_clients))
        }
        contacts = [records.zoho_contact(i, seed=seed) for i in range(n.zoho_contacts)]
        contacts += [
            records.zoho_contact(n.zoho_contacts + i, seed=seed, is_vendor=True) for i in range(n.zoho_vendors)
        ]
        self.zoho_contacts: dict[str, Record] = {record["contact_id"]: record for record in contacts}
        self.zoho_hidden: dict[str, Record] = self._hidden_contacts()
        self.zoho_invoices: dict[str, Record] = {
            record["invoice_id"]: record
            for record in (
                records.zoho_invoice(i, contacts=max(1, n.zoho_contacts), seed=seed) for i in range(n.zoho_invoices)
            )
        }
        self.sumit: dict[int, Record] = {
            record["ID"]: record for record in (records.sumit_customer(i, seed=seed) for i in range(n.sumit_customers))
        }
        self.robaws_bucket = Bucket(self.limits.robaws_per_second, self.limits.robaws_burst)
        self.robaws_left = {"normal": self.limits.robaws_per_day, "replica": self.limits.robaws_per_day}
        self.robaws_refusals = 0
        self.webhooks: dict[str, Record] = {}
        self.zoho_tokens: deque[tuple[str, float]] = deque(maxlen=10)
        self.zoho_tokens_given: deque[float] = deque()
        self.zoho_minute: deque[float] = deque()
        self.zoho_left = self.limits.zoho_per_day
        self.zoho_in_flight = 0
        self.sumit_quick: deque[float] = deque()
        self.sumit_bad_keys = 0
        self._replay()

    def _hidden_contacts(self) -> dict[str, Record]:
        """A merged contact: no list shows it, but its id is still read; its neighbour's id is gone."""
        if not self.sizes.zoho_contacts:
            return {}
        hidden = records.zoho_contact(self.sizes.zoho_contacts + 500, seed=self.seed)
        hidden["contact_id"] = str(records.ZOHO_FIRST_ID - 500)
        return {hidden["contact_id"]: hidden}

    # --- faults -------------------------------------------------------------------------------------------------------

    def fault_for(self, system: str, path: str) -> str | None:
        """The kind of the fault that this request meets, None for a good one."""
        for fault in self.faults:
            if fault.system == system and fault.match in path:
                if fault.after > 0:
                    fault.after -= 1
                    return None
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault.kind
        return None

    def showing(self, stream: str, page: int) -> None:
        """Tell the tests that a page is about to be cut out."""
        for hook in self.before_page:
            hook(stream, page)

    # --- writes that stick --------------------------------------------------------------------------------------------

    def write_sumit(self, record: Record) -> None:
        """Store a SUMIT customer, and note it in the journal."""
        self.sumit[record["ID"]] = record
        if self.journal is not None:
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"sumit": record}) + "\n")

    def _replay(self) -> None:
        if self.journal is None or not self.journal.exists():
            return
        for line in self.journal.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)["sumit"]
            except (json.JSONDecodeError, KeyError):
                continue  # a line cut by a kill
            self.sumit[record["ID"]] = record

    # --- legacy invoices ----------------------------------------------------------------------------------------------

    def legacy_rows(self) -> list[Record]:
        """The old invoices that a company would hand over as a file."""
        n = self.sizes
        return [
            records.legacy_invoice(
                i,
                robaws_clients=n.robaws_clients,
                zoho_contacts=n.zoho_contacts,
                sumit_customers=n.sumit_customers,
                seed=self.seed,
            )
            for i in range(n.legacy_invoices)
        ]
