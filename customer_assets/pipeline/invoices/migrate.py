"""Migration: customers deduplicated out of old invoices, and the invoices relinked to them.

Resolution always looks at all invoices and all cache rows; the months only choose whose rows and links are written. So
neither the order of backfills nor their repetition changes what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from customer_assets.domain.cache import tables
from customer_assets.domain.cache.derived import rules_of
from customer_assets.domain.cache.mapping import MappedRecord
from customer_assets.domain.cache.row import Batch, Counts, Sighting
from customer_assets.domain.clock import now_utc
from customer_assets.domain.identity.certain import SOURCE_ID
from customer_assets.domain.identity.engine import Engine
from customer_assets.domain.identity.evidence import Key, engine_version
from customer_assets.domain.identity.resolution import NEW_CUSTOMER, resolve
from customer_assets.domain.identity.taking import profiles_of
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.bulk import bulk
from customer_assets.pipeline.identity.engines import engines_of
from customer_assets.pipeline.identity.profiles import INVOICE as INVOICE_KEY
from customer_assets.pipeline.identity.profiles import (
    invoice_key,
    invoice_record,
    migrating_profile,
    row_key,
)
from customer_assets.pipeline.identity.resolve import as_review, decisions_of
from customer_assets.settings import Settings
from customer_assets.sources.registry import INVOICE, rank_of
from customer_assets.store import marks
from customer_assets.store.cache import overlays, upsert
from customer_assets.store.database import Connection, connect
from customer_assets.store.identity import reviews
from customer_assets.store.invoices import legacy
from customer_assets.store.invoices import links as invoice_links

MIGRATED = "migrated"  # the mark of what the last whole migration worked from


@dataclass
class Migration:
    """What a migration did (or, as a dry run, would do).

    Attributes:
        months: whose rows and links were written.
        invoices: old invoices of these months.
        customers: counts of invoice-born customers.
        links_changed: links written.
        linked: invoices of these months with a customer, by rule.
        unlinked: those without, by reason.
    """

    months: list[str]
    invoices: int = 0
    customers: Counts = field(default_factory=Counts)
    links_changed: int = 0
    linked: dict[str, int] = field(default_factory=dict)
    unlinked: dict[str, int] = field(default_factory=dict)


def migration_inputs(context: Context) -> str:
    """A fingerprint of all that a migration works from: as long as it is the same, another one finds nothing to do."""
    settings = context.settings
    with connect(context.url, name="customer_assets migrate-invoices") as connection:
        stored = legacy.fingerprint(connection)
    return f"{engine_version()} {settings.identity_accept} {settings.identity_review} {stored}"


def last_inputs(context: Context) -> str | None:
    """The fingerprint of the last whole migration."""
    with connect(context.url, name="customer_assets migrate-invoices") as connection:
        return marks.find(connection, MIGRATED)


def keep_inputs(context: Context, inputs: str) -> None:
    """Note that a whole migration of these inputs ended well. Take them before it: what changes meanwhile is not in it."""
    with connect(context.url, name="customer_assets migrate-invoices") as connection:
        marks.keep(connection, MIGRATED, inputs)


def migrate(context: Context, months: Sequence[str] | None = None, *, dry_run: bool = False) -> Migration:
    """Both steps: customers, then links; of all months, or only of those named."""
    with (
        connect(context.url, name="customer_assets migrate-invoices") as connection,
        connection.transaction(force_rollback=dry_run),
    ):
        result = migrate_customers(context, connection, months)
        relinked = relink_invoices(context, connection, months)
        result.links_changed, result.linked, result.unlinked = (
            relinked.links_changed,
            relinked.linked,
            relinked.unlinked,
        )
    return result


def migrate_customers(context: Context, connection: Connection, months: Sequence[str] | None) -> Migration:
    """Write the customers that only old invoices know, for clusters with an invoice of the chosen months."""
    result = Migration([])
    for plan in _plans(connection, context.settings):
        born: dict[str, MappedRecord] = {}
        for invoice in _chosen(plan, months, result):
            cluster = plan.cluster(invoice)
            is_of_invoices = cluster.row is None or cluster.row["source"] == INVOICE
            if is_of_invoices and cluster.name is not None and cluster.has_evidence:
                born.setdefault(cluster.origin, cluster.record())  # one that is there may say what invoices said before
        if born:
            regions = context.regions(plan.account, INVOICE)
            overlay = overlays.load_overlays(connection, account=plan.account, source=INVOICE, regions=regions)
            batch = Batch.of_migration(plan.account, INVOICE, overlay)
            overlays.derive_anew(connection, batch, rules_of(overlay.regions))
            sightings = [Sighting(record, now_utc()) for record in born.values()]
            result.customers.add(upsert.apply_batch(connection, tables.CUSTOMERS, batch, sightings).counts)
    return result


def relink_invoices(context: Context, connection: Connection, months: Sequence[str] | None) -> Migration:
    """Write the links of the chosen months' invoices, and fill empty links of the invoice cache."""
    result = Migration([])
    for plan in _plans(connection, context.settings):
        links = [plan.link(invoice) for invoice in _chosen(plan, months, result)]
        # pairs of cache rows are the resolution of customers' to ask about
        doubtful = [r for r in plan.clusters.reviews if INVOICE_KEY in (r.one[0], r.other[0])]
        reviews.store_reviews(connection, [as_review(r) for r in doubtful], account=plan.account, scope="invoices")
        result.links_changed += invoice_links.write_links(connection, links)
        for link in links:
            tally = result.linked if link.rule else result.unlinked
            name = link.rule or link.unlinked_reason or ""
            tally[name] = tally.get(name, 0) + 1
    overlays.link_all_invoices(connection)
    return result


def _plans(connection: Connection, settings: Settings) -> Iterator[MigrationPlan]:
    """One account after another: the same id in two of them is two customers, and memory is that of the largest."""
    with engines_of(settings) as engine_for:
        for account in legacy.accounts(connection):
            with bulk():
                plan = MigrationPlan(connection, settings, account, engine_for)
            yield plan


def _chosen(plan: MigrationPlan, months: Sequence[str] | None, result: Migration) -> list[dict[str, Any]]:
    """The plan's invoices of some months, counted into the result."""
    chosen = plan.chosen(months)
    result.months = sorted({*result.months, *(invoice["month"] for invoice in chosen)})
    result.invoices += len(chosen)
    return chosen


@dataclass
class MigratedCluster:
    """One customer as the resolution sees it.

    Attributes:
        row: its cache row by rank, None when only old invoices know it.
        invoices: its old invoices, newest first.
        origin: smallest source_invoice_id; names an invoice-born customer for ever.
        has_evidence: some invoice carries more than a name; a name alone identifies nobody.
    """

    row: dict[str, Any] | None
    invoices: list[dict[str, Any]]
    origin: str
    has_evidence: bool = False

    @property
    def name(self) -> str | None:
        return self._newest("customer_name")

    def _newest(self, column: str) -> str | None:
        return next((invoice[column] for invoice in self.invoices if invoice[column]), None)

    def record(self) -> MappedRecord:
        """The invoice-born customer: per field the newest value that an invoice gives."""
        values = {
            "name": self.name,
            "phone": self._newest("customer_phone"),
            "general_email": self._newest("customer_email"),
            "vat_number": self._newest("customer_vat_number"),
            "street": self._newest("customer_address"),
            "country": self._newest("customer_country"),
        }
        return MappedRecord(self.origin, None, values, {}, {})


class MigrationPlan:
    """All invoices and cache rows of an account, resolved."""

    def __init__(
        self, connection: Connection, settings: Settings, account: str, engine_for: Callable[[int], Engine]
    ) -> None:
        self.account = account
        self.invoices = legacy.all_invoices(connection, account)
        self.rows = legacy.cached_customers(connection, account)
        self.by_source = {(r["source"], r["source_customer_id"]): r for r in self.rows}
        self.decisions = decisions_of(connection, account)
        engine = engine_for(len(self.invoices) + len(self.rows))
        said = profiles_of(self.invoices, invoice_record, engine)
        self.clusters = resolve(
            [*said, *map(migrating_profile, self.rows)],
            accept=settings.identity_accept,
            review=settings.identity_review,
            decisions=self.decisions,
            is_all=True,
            engine=engine,
        )
        self.has_evidence = {i["id"]: one.has_evidence for i, one in zip(self.invoices, said, strict=True)}
        self._gathered = self._gather()

    def chosen(self, months: Sequence[str] | None) -> list[dict[str, Any]]:
        """Invoices of the months, all of them for None."""
        if months is None:
            return self.invoices
        wanted = set(months)
        return [invoice for invoice in self.invoices if invoice["month"] in wanted]

    def cluster(self, invoice: dict[str, Any]) -> MigratedCluster:
        return self._gathered[self.clusters.of[invoice_key(invoice)]]

    def link(self, invoice: dict[str, Any]) -> invoice_links.InvoiceLink:
        """The row of the invoice's own system and source id, else its cluster's row by rank; else why there is none."""
        own = self.by_source.get((invoice["source_system"], invoice["source_customer_id"]))
        if own is not None and (row_key(own), invoice_key(invoice)) not in self.decisions.different:
            return invoice_links.InvoiceLink(invoice["id"], own["id"], SOURCE_ID.rule, SOURCE_ID.score, None)
        cluster = self.cluster(invoice)
        if cluster.row is None:
            return invoice_links.InvoiceLink(invoice["id"], None, None, None, _why_unlinked(invoice, cluster))
        rule = self.clusters.rule.get(invoice_key(invoice), NEW_CUSTOMER)
        return invoice_links.InvoiceLink(invoice["id"], cluster.row["id"], rule.rule, rule.score, None)

    def _gather(self) -> dict[Key, MigratedCluster]:
        gathered: dict[Key, MigratedCluster] = {}
        for invoice in sorted(self.invoices, key=_newest_first):
            at = self.clusters.of[invoice_key(invoice)]
            cluster = gathered.setdefault(at, MigratedCluster(None, [], invoice["source_invoice_id"]))
            cluster.invoices.append(invoice)
            cluster.origin = min(cluster.origin, invoice["source_invoice_id"])
            cluster.has_evidence |= self.has_evidence[invoice["id"]]
        for row in sorted(self.rows, key=lambda r: (r["deleted_at"] is not None, rank_of(r["source"]), r["id"])):
            at = self.clusters.of[row_key(row)]
            if at in gathered and gathered[at].row is None:
                gathered[at].row = row
        for cluster in gathered.values():
            if cluster.row is not None and cluster.row["source"] == INVOICE:
                cluster.origin = cluster.row["source_customer_id"]  # kept for ever
        return gathered


def _why_unlinked(invoice: dict[str, Any], cluster: MigratedCluster) -> str:
    if not invoice["customer_name"]:
        known = (
            "customer_phone",
            "customer_email",
            "customer_vat_number",
            "customer_address",
            "source_customer_id",
        )
        return "no customer name" if any(invoice[column] for column in known) else "no customer data"
    if not cluster.has_evidence:
        return "a name alone identifies nobody"
    return "no customer was made for it yet"


def _newest_first(invoice: dict[str, Any]) -> tuple[int, str]:
    issued: date | None = invoice["invoice_date"]
    return (-issued.toordinal() if issued else 0, invoice["source_invoice_id"])


def known_months(connection: Connection) -> list[str]:
    """Months of the imported invoices, `undated` among them."""
    return legacy.months(connection)
