"""Who is who: records of customers are joined by declared rules, never across two different valid VAT ids.

The result depends on the set of records alone, not on their order: rules are tried in their order, keys and records in
theirs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

Key = tuple[str, ...]
RANK = {"robaws": 0, "zoho": 1, "sumit": 2, "invoice": 3}  # whose row stands for a customer that several have

_POSTCODE = re.compile(r"\b(\d{4}\s?[A-Z]{2}|\d{4,7})\b")
_PLACEHOLDER_MAIL = re.compile(r"(test|none|no-?reply|n/?a|unknown|x+)@|@(example|test)\.com$")


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one record's customer, normalized; None where nothing is.

    Attributes:
        key: natural key of the record; orders the work and names it in results.
        source: (system, source id) that it belongs to.
        born_of: source_invoice_id that an invoice-born customer is named after; the invoice itself carries it too.
        vat: VAT id whose check digits hold.
        name, email, phone, postcode: as `domain.names`, `domain.phone` and this module normalize them.
    """

    key: Key
    source: tuple[str, str] | None = None
    born_of: str | None = None
    vat: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    postcode: str | None = None


@dataclass(frozen=True)
class Rule:
    """One reason to join: records with the same key belong together.

    Attributes:
        name: stands with each link that it made.
        score: how sure it is, 0 to 1.
        key: the profile's key under this rule, None where it says nothing.
    """

    name: str
    score: float
    key: Callable[[Profile], Key | None]


def _both(*parts: str | None) -> Key | None:
    return tuple(part for part in parts if part is not None) if all(parts) else None


NEW_CUSTOMER = Rule("new_customer", 1.0, lambda p: _both(p.born_of))
SOURCE_ID = Rule("source_id", 1.0, lambda p: p.source)
# The order is that of explanations, too: an invoice is "new_customer" only when nothing else ties it to another record.
RULES: tuple[Rule, ...] = (
    SOURCE_ID,
    Rule("vat_id", 0.99, lambda p: _both(p.vat)),
    Rule("email_name", 0.95, lambda p: _both(p.email, p.name)),
    Rule("phone_name", 0.93, lambda p: _both(p.phone, p.name)),
    Rule("name_postcode", 0.9, lambda p: _both(p.name, p.postcode)),
    NEW_CUSTOMER,
)


@dataclass
class Clusters:
    """The result: which records belong together, and by which rule each was joined.

    Attributes:
        members: cluster's smallest key -> keys of its members, sorted.
        of: record -> its cluster's smallest key.
        rule: record -> the strongest rule that ties it to another member; absent for a record alone.
    """

    members: dict[Key, list[Key]] = field(default_factory=dict)
    of: dict[Key, Key] = field(default_factory=dict)
    rule: dict[Key, Rule] = field(default_factory=dict)


def resolve(profiles: Iterable[Profile], rules: Sequence[Rule] = RULES) -> Clusters:
    """Join profiles by the rules, in their order.

    Two clusters with different valid VAT ids are never joined, whatever else they share.
    """
    ordered = sorted(profiles, key=lambda profile: profile.key)
    union = _Union(ordered)
    groups: list[tuple[Rule, list[Key]]] = []
    for rule in rules:
        by_key: dict[Key, list[Key]] = defaultdict(list)
        for profile in ordered:
            if (value := rule.key(profile)) is not None:
                by_key[value].append(profile.key)
        for value in sorted(by_key):
            group = by_key[value]
            if len(group) > 1:
                groups.append((rule, group))
                for other in group[1:]:
                    union.join(group[0], other)
    return _explained(ordered, union, groups)


def _explained(
    ordered: Sequence[Profile], union: _Union, groups: Iterable[tuple[Rule, list[Key]]]
) -> Clusters:
    clusters = Clusters()
    for profile in ordered:
        root = union.root(profile.key)
        clusters.of[profile.key] = root
        clusters.members.setdefault(root, []).append(profile.key)
    for rule, group in groups:
        together: dict[Key, list[Key]] = defaultdict(list)
        for key in group:
            together[clusters.of[key]].append(key)
        for keys in together.values():
            if len(keys) > 1:
                for key in keys:
                    clusters.rule.setdefault(key, rule)
    return clusters


class _Union:
    """Union-find that refuses to bring two VAT ids together; the smallest key is the root."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self.parent: dict[Key, Key] = {}
        self.vat: dict[Key, str | None] = {}
        for profile in profiles:
            self.parent[profile.key] = profile.key
            self.vat[profile.key] = profile.vat

    def root(self, key: Key) -> Key:
        while self.parent[key] != key:
            self.parent[key] = self.parent[self.parent[key]]
            key = self.parent[key]
        return key

    def join(self, one: Key, other: Key) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        if low == high:
            return
        vats = {vat for vat in (self.vat[low], self.vat[high]) if vat is not None}
        if len(vats) > 1:
            return
        self.parent[high] = low
        self.vat[low] = next(iter(vats), None)


def email_key(email: str | None) -> str | None:
    """An address for comparison: the first of several, lower case; placeholders are no evidence."""
    if not email:
        return None
    first = re.split(r"[;,\s]+", email.strip())[0].casefold()
    return None if "@" not in first or _PLACEHOLDER_MAIL.search(first) else first


def postcode_key(address: str | None, zipcode: str | None = None) -> str | None:
    """The postcode of an address: its own column, else the last thing in the text that looks like one."""
    text = zipcode or address
    if not text:
        return None
    found = _POSTCODE.findall(text.upper())
    compact = found[-1].replace(" ", "") if found else None
    return None if compact is None or not compact.strip("0") else compact
