"""What a system is: one declaration, from which everything else that knows systems is derived.

Here belongs what differs between systems and is neither their client nor their mapping. Settings and credentials, the
choices of the command line, raw assets and their lineage, `doctor`, the console's filters, notes and sync buttons, and
the rank among golden records are read from these declarations; `registry.py` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol

import msgspec

from customer_assets.domain.cache.mapping import RecordMapping
from customer_assets.settings import SystemSettings
from customer_assets.sources.kit.client import Source, TokenStore
from customer_assets.sources.kit.pages import Envelope, Page

Entity = Literal["customers", "invoices"]


@dataclass(frozen=True, slots=True)
class ScanPolicy:
    """How a stream is scanned under the settings of an account.

    Attributes:
        asks_for_changes: changes since the watermark are asked for, where there is one; else always everything.
        full_scan_every: everything is asked for at least this often: only that finds what is gone.
        overlap: how far a pull of changes reaches back before the watermark.
        detail_budget: how many records one run may ask for by id because they are new or changed.
    """

    asks_for_changes: bool = False
    full_scan_every: timedelta = timedelta(days=7)
    overlap: timedelta = timedelta(seconds=300)
    detail_budget: int = 0


@dataclass(frozen=True)
class Stream:
    """One list of one system.

    Attributes:
        name: its name in the raw tables.
        entity: what its records are.
        asset, description: the Dagster asset of its raw pages.
        open: body of a list page -> its records.
        mapping: settings -> how a record becomes a row.
        policy: settings -> how it is scanned.
        detail: name of the stream of single records, None where there is none.
        open_detail: body of a single record -> it.
        wants_details: every new or changed record is asked for by id, too.
        refers_to: key that names the customer, for invoices.
        resumable: a cut scan can go on where it stopped.
        is_counted: the system says how many records there are.
        tolerates_duplicates: a record seen twice does not make a scan doubtful.
    """

    name: str
    entity: Entity
    asset: str
    description: str
    open: Callable[[bytes], Envelope]
    mapping: Callable[[Any], RecordMapping]
    policy: Callable[[Any], ScanPolicy] = lambda _settings: ScanPolicy()
    detail: str | None = None
    open_detail: Callable[[bytes], Envelope] | None = None
    wants_details: bool = False
    refers_to: str | None = None
    resumable: bool = True
    is_counted: bool = False
    tolerates_duplicates: bool = True


class PushSettings(Protocol):
    """The settings that a system which takes pushes has; docs/settings.md says what they mean."""

    @property
    def conflict_policy(self) -> Literal["newest", "local", "remote", "review"]: ...
    @property
    def update_mode(self) -> Literal["full", "partial"]: ...
    @property
    def read_before_push(self) -> Literal["on", "off"]: ...
    @property
    def cleared_value(self) -> Literal["empty", "null"]: ...
    @property
    def push_sources(self) -> list[str]: ...
    @property
    def nightly(self) -> Literal["off", "on"]: ...


class Writer(Source, Protocol):
    """A client that writes customers; each call is made at most once, unless it surely did nothing."""

    async def create(self, values: Mapping[str, Any], *, external_id: str) -> str:
        """Create a customer, or find the one that was created with this external id; returns its id there.

        Raises:
            RefusedError: understood and refused.
            UnknownOutcomeError: it may be there or not; `search` first.
        """

    async def update(self, source_id: str, values: Mapping[str, Any]) -> None:
        """Update a customer by its id; raises like `create`."""

    async def search(self, name: str, value: str) -> list[Page]:
        """Customers that have this value, each as `fetch` gives it; the caller compares what it got."""


@dataclass(frozen=True)
class Pushes:
    """How customers are written to a system.

    Attributes:
        client: settings -> a client that writes.
        keys: settings -> the columns that it takes, with the key of each in its write call.
        as_customer: (row of any system, settings) -> what it would be there, by column.
        searched_by: settings -> column -> the property by which a customer is searched.
        insert_defaults: what a new row here gets for columns that the system does not tell.
    """

    client: Callable[[Any], Writer]
    keys: Callable[[Any], Mapping[str, str]]
    as_customer: Callable[[Mapping[str, Any], Any], dict[str, Any]]
    searched_by: Callable[[Any], Mapping[str, str]]
    insert_defaults: Mapping[str, Any] = field(default_factory=dict)


class WebhookEndpoint(msgspec.Struct):
    """A registered webhook endpoint; only the answer to its registration has the secret."""

    id: str
    url: str = ""
    events: list[str] = []
    secret: str | None = None


class Registrar(Source, Protocol):
    """A client that registers webhook endpoints."""

    async def endpoints(self) -> list[WebhookEndpoint] | None:
        """The endpoints there are; None where the system does not list them."""

    async def create_endpoint(self, url: str, events: Sequence[str]) -> WebhookEndpoint:
        """Register one. Its secret is in this answer and nowhere else."""

    async def delete_endpoint(self, endpoint_id: str) -> bool:
        """Delete one; False where the system does not allow it."""


class WebhookSettings(Protocol):
    """The settings that a system which delivers webhooks has."""

    @property
    def webhook_tolerance_seconds(self) -> int: ...
    @property
    def webhook_refusals_per_minute(self) -> int: ...


@dataclass(frozen=True)
class Webhooks:
    """How a system tells of changes by itself.

    Attributes:
        client: settings -> a client that registers endpoints.
        mapping: (settings, names of extra fields by id that pages taught) -> how a delivered record becomes a row.
        secrets: settings -> the signing secrets that they give.
    """

    client: Callable[[Any], Registrar]
    mapping: Callable[[Any, Mapping[str, str]], RecordMapping]
    secrets: Callable[[Any], list[str]]


@dataclass(frozen=True)
class System:
    """One system.

    Attributes:
        name: in tables, commands and settings (`ROBAWS_...`).
        label: as people write it.
        settings: the class of its settings.
        credentials: those of its settings without which it is not configured.
        streams: its lists, customers first.
        client: (settings, token store, page size or None) -> a client.
        largest_page: records a page at most.
        rank: whose row stands for a customer that several have; the smallest first.
        owner_note: what somebody is told who edits one of its customers here.
        pushes: how customers are written to it; None: it is read alone.
        webhooks: how it tells of changes; None: it does not.
        unproven_countries: what it gives as country where nobody said one, as alpha-2 codes.
    """

    name: str
    label: str
    settings: type[SystemSettings]
    credentials: tuple[str, ...]
    streams: tuple[Stream, ...]
    client: Callable[[Any, TokenStore, int | None], Source]
    largest_page: int
    rank: int
    owner_note: str
    pushes: Pushes | None = None
    webhooks: Webhooks | None = None
    unproven_countries: frozenset[str] = frozenset()

    def stream(self, entity: Entity) -> Stream:
        """The stream of an entity."""
        return next(stream for stream in self.streams if stream.entity == entity)

    @property
    def credential_names(self) -> str:
        """Its credentials as settings, for messages: `ROBAWS_API_KEY and ROBAWS_API_SECRET`."""
        names = [f"{self.name}_{credential}".upper() for credential in self.credentials]
        return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
