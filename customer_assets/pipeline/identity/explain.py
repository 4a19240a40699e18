"""Why two records are, or are not, one customer; and what people decide of pairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from customer_assets.domain.identity.evidence import Key, Profile, differ
from customer_assets.domain.identity.resolution import Clusters, resolve
from customer_assets.domain.identity.weighing import weigh_profiles
from customer_assets.errors import NotFoundError, RecordError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.bulk import bulk
from customer_assets.pipeline.identity.profiles import (
    INVOICE,
    invoice_profile,
    migrating_profile,
    ref_of,
    row_key,
    row_profile,
)
from customer_assets.pipeline.identity.resolve import decisions_of
from customer_assets.store.database import Connection, connect
from customer_assets.store.identity import golden
from customer_assets.store.invoices import legacy


@dataclass(frozen=True)
class Explanation:
    """Whether two records are one customer, and why.

    Attributes:
        one, other: the records' names.
        same: the resolution joins them.
        path: accepted evidence that leads from one to the other, step by step.
        direct: the evidence between the two alone, with its weights.
        veto: what keeps them apart whatever they share, if anything.
    """

    one: str
    other: str
    same: bool
    path: list[dict[str, Any]] = field(default_factory=list)
    direct: dict[str, Any] = field(default_factory=dict)
    veto: str | None = None


def explain(context: Context, one: str, other: str, account: str | None = None) -> Explanation:
    """Explain two records.

    Args:
        context: database and settings.
        one, other: a cache row by its id or as `system:id`, an old invoice as `legacy:id`.
        account: whose, where several have both.

    Raises:
        NotFoundError: there is no such record.
        RecordError: several accounts have both, and none was named.
    """
    with bulk():
        with connect(context.url, name="customer_assets explain") as connection:
            (account, first), (other_account, second) = find_pair(connection, one, other, account)
            if account != other_account:
                return Explanation(ref_of(first), ref_of(second), False, veto="they are of different accounts")
            with_invoices = INVOICE in (first[0], second[0])
            profiles = {p.key: p for p in _profiles(connection, account, with_invoices=with_invoices)}
            decisions = decisions_of(connection, account)
        settings = context.settings
        clusters = resolve(
            profiles.values(),
            accept=settings.identity_accept,
            review=settings.identity_review,
            decisions=decisions,
            is_all=with_invoices,
        )
        evidence = weigh_profiles(profiles[first], profiles[second], profiles.values())
    return Explanation(
        ref_of(first),
        ref_of(second),
        clusters.of[first] == clusters.of[second],
        _path(clusters, first, second),
        {"rule": evidence.rule, "weight": evidence.weight, "parts": [list(p) for p in evidence.parts]},
        _veto(profiles[first], profiles[second], (min(first, second), max(first, second)) in decisions.different),
    )


Record = tuple[str, Key]  # account and key


def find_pair(connection: Connection, one: str, other: str, account: str | None = None) -> tuple[Record, Record]:
    """Two records by any of their names, of one account where both are in one.

    Raises:
        NotFoundError: there is no such record.
        RecordError: two accounts have both, and none was named.
    """
    found = [
        {of: record for of, record in reversed(find_records(connection, name)) if account in (None, of)}
        for name in (one, other)
    ]
    if missing := [name for name, records in zip((one, other), found, strict=True) if not records]:
        raise NotFoundError(f"no record {missing[0]} in account {account}")
    first, second = found
    both = sorted(first.keys() & second.keys())
    if len(both) > 1:
        raise RecordError(f"{one} and {other} are in accounts {', '.join(both)}: name one with --account")
    ours, theirs = (both[0], both[0]) if both else (min(first), min(second))
    return (ours, first[ours]), (theirs, second[theirs])


def find_records(connection: Connection, name: str) -> list[Record]:
    """Records of this name, in any account.

    Raises:
        NotFoundError: there is none.
    """
    rows = golden.find_rows(connection, name) if not name.startswith("legacy:") else []
    invoices = [] if rows else legacy.find_invoices(connection, name.removeprefix("legacy:"))
    found: list[Record] = [(row["account"], row_key(row)) for row in rows]
    found += [(invoice["account"], (INVOICE, invoice["source_invoice_id"])) for invoice in invoices]
    if not found:
        raise NotFoundError(f"no record {name}: write a customers_cache id, system:id, or legacy:invoice-id")
    return found


def _profiles(connection: Connection, account: str, *, with_invoices: bool) -> list[Profile]:
    of_row = migrating_profile if with_invoices else row_profile
    found = [of_row(row) for row in golden.rows_to_resolve(connection, account=account)]
    if with_invoices:
        found += [invoice_profile(i) for i in legacy.all_invoices(connection, account)]
    return found


def _path(clusters: Clusters, one: Key, other: Key) -> list[dict[str, Any]]:
    return [
        {
            "from": ref_of(edge.one),
            "to": ref_of(edge.other),
            "rule": edge.evidence.rule,
            "weight": edge.evidence.weight,
            "parts": [list(part) for part in edge.evidence.parts],
        }
        for edge in clusters.path(one, other)
    ]


def _veto(one: Profile, other: Profile, told_apart: bool) -> str | None:
    if told_apart:
        return "somebody said that they are not the same"
    if one.vat and other.vat and differ(one.vat, other.vat):
        return "two different valid VAT ids"
    return None
