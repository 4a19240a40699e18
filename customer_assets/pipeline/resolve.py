"""Customers across systems: cache rows of one real customer share one golden record with a stable id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from customer_assets.domain.identity import RANK, Clusters, Profile, resolve
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.profiles import row_key, row_profile
from customer_assets.store import golden
from customer_assets.store.database import connect

# Survivorship: these come together from the first row that has the first of them; every other field on its own.
TOGETHER = (
    ("name", "legal_form", "company_name"),
    ("street", "street2", "city", "state", "zipcode", "country"),
)
ALONE = ("vat_number", "phone", "primary_phone", "email", "billing_email", "website", "role")
FROM = {"email": "general_email"}  # golden field <- column of the cache, where the names differ


@dataclass(frozen=True)
class Resolved:
    """What resolving did."""

    customers: int
    rows: int
    counts: golden.GoldenCounts


def resolve_customers(context: Context) -> Resolved:
    """Resolve all cache rows; ids that exist are kept."""
    with connect(context.url, name="customer_assets customers") as connection:
        rows = golden.rows_to_resolve(connection)
        by_key = {(row["account"], *row_key(row)): row for row in rows}
        parts = [
            [by_key[account, *key] for key in keys]
            for account, clusters in _clusters(rows).items()
            for keys in clusters.members.values()
        ]
        ids = _stable_ids(parts)
        fresh = iter(golden.new_ids(connection, ids.count(None)))
        records, assignments = [], []
        for part, kept in zip(parts, ids, strict=True):
            customer_id = kept if kept is not None else next(fresh)
            records.append(golden_record(customer_id, part))
            assignments += [(row["id"], customer_id) for row in part]
        counts = golden.store(connection, records, assignments)
    return Resolved(len(records), len(rows), counts)


def _clusters(rows: Iterable[dict[str, Any]]) -> dict[str, Clusters]:
    profiles: dict[str, list[Profile]] = {}
    for row in rows:
        profiles.setdefault(row["account"], []).append(row_profile(row))
    return {account: resolve(found) for account, found in sorted(profiles.items())}


def _stable_ids(parts: Sequence[Sequence[dict[str, Any]]]) -> list[int | None]:
    """The id each cluster keeps: where one was split, the part with most of its rows; where several met, the smallest."""
    holders: dict[int, list[tuple[int, int]]] = {}
    for number, part in enumerate(parts):
        for customer_id, count in Counter(
            row["customer_id"] for row in part if row["customer_id"] is not None
        ).items():
            holders.setdefault(customer_id, []).append((-count, number))
    kept: list[int | None] = [None] * len(parts)
    for customer_id in sorted(holders):
        _, number = min(holders[customer_id])
        if kept[number] is None:
            kept[number] = customer_id
    return kept


def golden_record(customer_id: int, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The surviving fields of one customer's rows, and which row each is from.

    Live rows come before deleted ones, then systems by rank, then the oldest row.
    """
    ordered = sorted(rows, key=lambda row: (row["deleted_at"] is not None, RANK[row["source"]], row["id"]))
    record: dict[str, Any] = {
        "id": customer_id,
        "account": ordered[0]["account"],
        "is_active": any(row["is_active"] for row in rows),
        "row_count": len(rows),
    }
    provenance: dict[str, int] = {}
    for fields in (*TOGETHER, *((field,) for field in ALONE)):
        leading = FROM.get(fields[0], fields[0])
        chosen = next((row for row in ordered if row[leading]), ordered[0])
        for field in fields:
            record[field] = chosen[FROM.get(field, field)]
            if record[field] is not None:
                provenance[field] = chosen["id"]
    return record | {"provenance": provenance}
