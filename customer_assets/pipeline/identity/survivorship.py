"""Survivorship: which row each field of a golden record comes from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import combinations
from typing import Any

from customer_assets.domain.cache.columns import surviving_together
from customer_assets.domain.country import country_code
from customer_assets.domain.identity.contact_details import mail_keys, phone_keys, phone_tail, vat_key
from customer_assets.domain.identity.evidence import Profile, differ
from customer_assets.sources.registry import rank_of


def shared_values(parts: Sequence[Sequence[Profile]]) -> set[str]:
    """Phones and e-mail addresses, as they are compared, that customers with different valid VAT ids have.

    Args:
        parts: what the rows of each customer say.
    """
    vats: dict[str, set[str]] = defaultdict(set)
    for part in parts:
        own = {one.vat for one in part if one.vat}
        for one in part if own else ():
            for key in _keys_in(one):
                vats[key] |= own
    several = ((key, found) for key, found in vats.items() if len(found) > 1)
    return {key for key, found in several if any(differ(one, other) for one, other in combinations(found, 2))}


def shared_among(rows: Sequence[Mapping[str, Any]], part: Sequence[Profile], shared: set[str]) -> set[str]:
    """Those of some shared values that a customer's own rows may have: hardly any customer has one.

    Args:
        rows: a customer's rows.
        part: what they say.
        shared: shared values.
    """
    if not shared:
        return shared
    if any((text := row[column]) and "@" not in text for row in rows for column in ("general_email", "billing_email")):
        return shared  # a number among remarks, perhaps, which the profiles leave out
    return {key for one in part for key in _keys_in(one) if key in shared}


def _keys_in(one: Profile) -> Iterator[str]:
    yield from map(phone_tail, one.traits.phones)
    yield from one.traits.mails


def contacts_of(
    golden_id: int, rows: Sequence[Mapping[str, Any]], shared: set[str]
) -> Iterator[tuple[int, str, str, int, bool]]:
    """All phones and e-mail addresses of a customer, each once, with a row that has it."""
    seen: set[tuple[str, str]] = set()
    for row in sorted(rows, key=lambda r: r["id"]):
        for kind, value in _values_of(row):
            if (kind, value) not in seen:
                seen.add((kind, value))
                yield golden_id, kind, value, row["id"], _is_shared(value, shared)


def _values_of(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for column in ("primary_phone", "phone", "mobile"):
        if row[column]:
            yield "phone", row[column]
    for column in ("general_email", "billing_email"):
        for mail in mail_keys(row[column]):
            yield "email", mail


@lru_cache(maxsize=65536)
def _keys_of(value: str) -> tuple[str, ...]:
    """A contact in the spelling that all spellings share."""
    return mail_keys(value) if "@" in value else tuple(map(phone_tail, phone_keys(value)))


def golden_record(golden_id: int, rows: Sequence[dict[str, Any]], shared: set[str]) -> dict[str, Any]:
    """The surviving fields of one customer's rows, and which row each is from.

    Of each field: what somebody edited by hand, then valid values, then by rank of the system, then the newest, then the most
    frequent. Live rows come before deleted ones throughout.
    """
    record: dict[str, Any] = {
        "id": golden_id,
        "account": rows[0]["account"],
        "is_active": any(row["is_active"] for row in rows),
        "row_count": len(rows),
    }
    provenance: dict[str, int] = {}
    for leading, never_shared, together in _together():
        chosen = _survivor(rows, leading, shared if never_shared else _NONE_SHARED)
        for field, column in together:
            value = record[field] = chosen[column] if chosen is not None else None
            if value is not None and chosen is not None:
                provenance[field] = chosen["id"]
    if record["name"] is None:
        record["name"] = rows[0]["name"]
    return record | {"provenance": provenance}


_NONE_SHARED: set[str] = set()
WARNINGS = frozenset({"BLACKLISTED"})


@cache
def _together() -> tuple[tuple[str, bool, tuple[tuple[str, str], ...]], ...]:
    """Columns that come from one row: the leading one, whether it is never a shared value, and (golden field, column) of each."""
    return tuple(
        (group[0].name, group[0].never_shared, tuple((column.golden_name, column.name) for column in group))
        for group in surviving_together()
    )


def _survivor(rows: Sequence[dict[str, Any]], column: str, shared: set[str]) -> dict[str, Any] | None:
    having = [row for row in rows if row[column] and not (shared and _is_shared(row[column], shared))]
    if len(having) < 2:
        return having[0] if having else None
    frequency = Counter(row[column] for row in having)

    def order(row: dict[str, Any]) -> tuple[Any, ...]:
        seen_at = row["source_modified_at"]
        return (
            row["deleted_at"] is not None,
            column not in (row["edited"] or ()),
            not _is_valid(column, row),
            rank_of(row["source"]),
            -(seen_at.timestamp() if seen_at is not None else 0),
            -frequency[row[column]],
            row["id"],
        )

    return min(having, key=order)


def _is_shared(value: str, shared: set[str]) -> bool:
    return bool(shared) and any(key in shared for key in _keys_of(value))


def _is_valid(column: str, row: Mapping[str, Any]) -> bool:
    value = row[column]
    if column == "vat_number":
        return vat_key(value, country_code(row["country"]))[0] is not None
    if column == "primary_phone":
        return str(value).startswith("+")
    if column == "role":
        return str(value).upper() in WARNINGS  # one record that warns is enough, whatever the others say
    return bool(mail_keys(value)) if column.endswith("email") else True
