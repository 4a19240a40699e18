"""Who is who: records of customers are joined by weighed evidence, never across two different valid VAT ids.

In stages: equal records are one profile; valid VAT ids and source ids join at once; what shares a phone, a mailbox, an
address, a domain or a name is compared pair by pair, and the weights of what agrees and what does not are added up. Pairs
above the upper threshold join, best first, under vetoes; those between the thresholds are for a person to decide. The result
depends on the set of records alone, not on their order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from customer_assets.domain.contacts import (
    Address,
    is_role,
    mail_domain,
    mail_keys,
    parse_address,
    phone_keys,
    same_street,
    vat_key,
)
from customer_assets.domain.country import country_code
from customer_assets.domain.names import Agreement, Name, agreement, parse_name

Key = tuple[str, ...]
RANK = {"robaws": 0, "zoho": 1, "sumit": 2, "invoice": 3}  # whose row stands for a customer that several have

ACCEPT = 9.0  # weight from which a pair is joined
REVIEW = 6.5  # weight from which a person is asked
LARGEST_BLOCK = 60  # profiles that share a value; more of them share it by accident
MOST_NAMES = 3  # of one source id: more of them, and it is a record for walk-in customers

# Weights of evidence: about the logarithm (base 2) of how much likelier it is among records of one customer.
WEIGHTS = {
    "name_same": 6.0, "name_alike": 5.0, "name_part": 3.0, "name_family": -4.0, "name_other": -6.0,
    "phone": 5.0, "mail": 6.0, "mail_of_office": 5.0, "domain": 3.0, "address": 4.5, "postcode": 1.0,
    "postcode_of_street": 3.0, "phone_near": 3.0,
    "phone_shared": 1.5, "mail_shared": 1.0, "domain_shared": 0.5, "address_shared": 2.0,
    "phone_differs": -0.5, "mail_differs": -0.5, "address_differs": -1.0, "country_differs": -3.0,
    "vat_misspelt": 5.0, "only_of_its_name": 3.0, "only_person_of_its_name": 1.5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one record's customer, normalized; blanks where nothing is.

    Attributes:
        key: natural key of the record; orders the work and names it in results.
        source: (system, source id) that it belongs to.
        born_of: source_invoice_id that an invoice-born customer is named after; the invoice itself carries it too.
        vat: VAT id whose check digits hold; vat_typo: what was written where they do not.
        name, phones, mails, address, country: as `domain.names` and `domain.contacts` take them apart.
    """

    key: Key
    source: tuple[str, str] | None = None
    born_of: str | None = None
    vat: str | None = None
    vat_typo: str | None = None
    name: Name | None = None
    phones: tuple[str, ...] = ()
    mails: tuple[str, ...] = ()
    address: Address | None = None
    country: str | None = None

    @property
    def born_of_row(self) -> bool:
        """Whether it is an invoice-born row: it says nothing of its own and goes where its invoice goes."""
        return self.born_of is not None and self.key[0] == "0 row"

    @property
    def says(self) -> tuple[object, ...]:
        """All but the record's own key: equal ones are one customer as far as anybody can tell."""
        return (
            self.source,
            self.vat,
            self.vat_typo,
            self.name,
            self.phones,
            self.mails,
            self.address,
            self.country,
        )

    @property
    def has_evidence(self) -> bool:
        """Whether it says more than a name."""
        place = self.address is not None and bool(self.address.key or self.address.postcode)
        return bool(self.source or self.vat or self.phones or self.mails or place)


def profile(
    key: Key, *, name: str | None = None, vat: str | None = None, phones: Sequence[str | None] = (),
    mails: Sequence[str | None] = (), address: str | None = None, postcode: str | None = None, city: str | None = None,
    country: str | None = None, source: tuple[str, str] | None = None, born_of: str | None = None,
) -> Profile:  # fmt: skip
    """A profile of values as people wrote them."""
    code = country_code(country)
    found_mails = tuple(dict.fromkeys(m for text in mails for m in mail_keys(text)))
    valid, typo = vat_key(vat, code or _country_of(found_mails))
    return Profile(
        key, source, born_of, valid, typo, parse_name(name),
        tuple(dict.fromkeys(p for text in phones for p in phone_keys(text))), found_mails,
        parse_address(address, postcode, city), code,
    )  # fmt: skip


def _country_of(mails: Sequence[str]) -> str | None:
    """The country of a national domain."""
    for mail in mails:
        suffix = mail.rpartition(".")[2].upper()
        if len(suffix) == 2 and suffix not in ("CO", "IO", "AI", "ME", "TV", "EU"):
            return "GB" if suffix == "UK" else suffix
    return None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two records are one customer, or are not: the rule, its weight, and what weighed."""

    rule: str
    weight: float
    parts: tuple[tuple[str, float], ...] = ()

    @property
    def score(self) -> float:
        """How sure it is, 0 to 1."""
        return {"source_id": 1.0, "vat_id": 0.99, "operator": 1.0, "new_customer": 1.0, "equal": 1.0}.get(
            self.rule, round(1 / (1 + 2 ** -(self.weight - ACCEPT + 4)), 4)
        )


NEW_CUSTOMER = Evidence("new_customer", 0.0)  # the weakest: said only where nothing else ties a record
SOURCE_ID = Evidence("source_id", 99.0)
VAT_ID = Evidence("vat_id", 98.0)
EQUAL = Evidence("equal", 1.0)
OPERATOR = Evidence("operator", 100.0)


@dataclass(frozen=True, slots=True)
class Review:
    """Two records of different clusters that may be one customer."""

    one: Key
    other: Key
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Edge:
    """Accepted evidence between two records."""

    one: Key
    other: Key
    evidence: Evidence


@dataclass
class Clusters:
    """The result: which records belong together, and why.

    Attributes:
        members: cluster's smallest key -> keys of its members, sorted.
        of: record -> its cluster's smallest key.
        edges: the evidence that was accepted; within a cluster it connects all members.
        reviews: pairs for a person to decide, the best one of each pair of clusters.
        rule: record -> the strongest evidence that ties it to another member; absent for a record alone.
    """

    members: dict[Key, list[Key]] = field(default_factory=dict)
    of: dict[Key, Key] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    rule: dict[Key, Evidence] = field(default_factory=dict)

    def path(self, one: Key, other: Key) -> list[Edge]:
        """The accepted evidence that leads from one record to another of its cluster; empty where there is none."""
        if self.of.get(one) != self.of.get(other) or one == other:
            return []
        neighbours: dict[Key, list[Edge]] = defaultdict(list)
        for edge in self.edges:
            neighbours[edge.one].append(edge)
            neighbours[edge.other].append(edge)
        came: dict[Key, Edge | None] = {one: None}
        queue = [one]
        for here in queue:
            if here == other:
                break
            for edge in neighbours[here]:
                there = edge.other if edge.one == here else edge.one
                if there not in came:
                    came[there] = edge
                    queue.append(there)
        path: list[Edge] = []
        at = other
        while (step := came.get(at)) is not None:
            path.append(step)
            at = step.one if step.other == at else step.other
        return path[::-1]


@dataclass(frozen=True)
class Decisions:
    """What people decided of pairs of records; replayed by every resolution.

    Attributes:
        same, different: pairs of record keys, the smaller one first.
    """

    same: frozenset[tuple[Key, Key]] = frozenset()
    different: frozenset[tuple[Key, Key]] = frozenset()


def resolve(
    profiles: Iterable[Profile],
    *,
    accept: float = ACCEPT,
    review: float = REVIEW,
    decisions: Decisions | None = None,
) -> Clusters:
    """Join records.

    Args:
        profiles: one per record.
        accept: weight from which a pair is joined.
        review: weight from which a person is asked.
        decisions: what people said of pairs.
    """
    return _Resolution(profiles, accept, review, decisions or Decisions()).run()


def weigh(one: Profile, other: Profile, shared: Shared | None = None) -> Evidence:
    """The evidence that two records are one customer, by the weights above. VAT and source ids are not looked at."""
    shared = shared or Shared()
    named = agreement(one.name, other.name) if one.name and other.name else None
    parts: list[tuple[str, float]] = []

    def add(name: str) -> None:
        parts.append((name, WEIGHTS[name]))

    if named is not None:
        add(f"name_{named.name.lower()}")
    _weigh_phone(add, one, other, shared)
    common = set(one.mails) & set(other.mails)
    if common:
        mail = min(common)
        add("mail_shared" if shared.mails[mail] > 2 else "mail_of_office" if is_role(mail) else "mail")
    elif one.mails and other.mails:
        domains = {mail_domain(m) for m in one.mails} & {mail_domain(m) for m in other.mails} - {None}
        if domains:
            add("domain_shared" if any(shared.domains[d or ""] > 2 for d in domains) else "domain")
        else:
            add("mail_differs")
    _weigh_address(add, one, other, shared)
    if one.country and other.country and one.country != other.country:
        add("country_differs")
    if _is_misspelt(one, other):
        add("vat_misspelt")
    weight = sum(value for _, value in parts)
    if named in (Agreement.OTHER, Agreement.FAMILY):
        # whatever else they share, an accountant, a spouse or a sister company shares it, too: never without a person
        weight = min(weight, ACCEPT - 0.5)
    elif named is None:
        weight = min(weight, ACCEPT + 1)
    rule = "+".join(name for name, value in parts if value > 0) or "nothing"
    return Evidence(rule, round(weight, 2), tuple(parts))


def _weigh_phone(add: Callable[[str], None], one: Profile, other: Profile, shared: Shared) -> None:
    from rapidfuzz.distance import OSA

    common = set(one.phones) & set(other.phones)
    if common:
        add("phone_shared" if min(shared.phones[phone] for phone in common) > 2 else "phone")
    elif one.phones and other.phones:
        near = any(OSA.distance(a, b) <= 1 for a in one.phones for b in other.phones)
        add("phone_near" if near else "phone_differs")


def _weigh_address(add: Callable[[str], None], one: Profile, other: Profile, shared: Shared) -> None:
    here, there = one.address, other.address
    if here is None or there is None:
        return
    if same_street(here, there):
        crowded = here.key is not None and shared.addresses[here.key] > 2
        add("address_shared" if crowded else "address")
    elif here.postcode and here.postcode == there.postcode:
        # a Dutch or British one is a street, others are a town
        add("postcode" if here.postcode.isdigit() else "postcode_of_street")
    elif here.street and there.street:
        add("address_differs")


def _is_misspelt(one: Profile, other: Profile) -> bool:
    from rapidfuzz.distance import OSA

    for typo, vat in ((one.vat_typo, other.vat or other.vat_typo), (other.vat_typo, one.vat)):
        if typo and vat and OSA.distance(typo, vat.partition(":")[2] or vat) <= 1:
            return True
    return False


@dataclass
class Shared:
    """How many different names stand behind a value: a switchboard, an accountant's mailbox, a business centre."""

    phones: Counter[str] = field(default_factory=Counter)
    mails: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    addresses: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, nodes: Sequence[Profile]) -> Shared:
        """Count distinct groups of names for each value."""
        names: dict[tuple[str, object], set[Name]] = defaultdict(set)
        for node in nodes:
            if node.name is None:
                continue
            for phone in node.phones:
                names["phone", phone].add(node.name)
            for mail in node.mails:
                names["mail", mail].add(node.name)
                if domain := mail_domain(mail):
                    names["domain", domain].add(node.name)
            if node.address is not None and node.address.key is not None:
                names["address", node.address.key].add(node.name)
        shared = cls()
        counters: dict[str, Counter[Any]] = {
            "phone": shared.phones, "mail": shared.mails, "domain": shared.domains, "address": shared.addresses,
        }  # fmt: skip
        for (kind, value), found in names.items():
            counters[kind][value] = len(_name_groups(found))
        return shared


def _name_groups(names: Iterable[Name]) -> list[Name]:
    """One name of each group of names that agree; a few are enough to know."""
    groups: list[Name] = []
    for name in sorted(names, key=lambda n: n.key):
        if all((agreement(name, other) or 0) < Agreement.PART for other in groups):
            groups.append(name)
            if len(groups) > MOST_NAMES:
                break
    return groups


Weighed = tuple[Evidence, int, int]  # of two nodes, by number


def _best_first(found: Weighed) -> tuple[float, int, int]:
    evidence, one, other = found
    return -evidence.weight, one, other


class _Resolution:
    """One resolution: nodes are profiles that say the same, with all the records behind them."""

    def __init__(
        self, profiles: Iterable[Profile], accept: float, review: float, decisions: Decisions
    ) -> None:
        self.accept, self.review = accept, review
        ordered = sorted(profiles, key=lambda p: p.key)
        self.records: list[list[Key]] = []
        self.nodes: list[Profile] = []
        numbers: dict[object, int] = {}
        self.number_of: dict[Key, int] = {}
        apart = {key for pair in decisions.different for key in pair}
        for one in ordered:
            # what says nothing, or of which somebody said that it is not another, stands alone
            alone = one.name is None and not one.has_evidence
            says: object = (one.key,) if alone or one.key in apart or one.born_of_row else one.says
            number = numbers.setdefault(says, len(self.nodes))
            if number == len(self.nodes):
                self.nodes.append(one)
                self.records.append([])
            self.records[number].append(one.key)
            self.number_of[one.key] = number
        self.born = {
            p.born_of: self.number_of[p.key] for p in ordered if p.born_of is not None and not p.born_of_row
        }
        self.rows_born = [(p.born_of, self.number_of[p.key]) for p in ordered if p.born_of_row]
        self.shared = Shared.of(self.nodes)
        self.union = _Union(self.nodes)
        self.edges: list[Edge] = []
        self.decisions = decisions

    def run(self) -> Clusters:
        self._replay_decisions()
        for born_of, row in self.rows_born:
            if born_of in self.born:
                self._join(row, self.born[born_of], NEW_CUSTOMER)
        for certain, groups in ((SOURCE_ID, self._by_source()), (VAT_ID, self._by_vat())):
            for group in groups:
                self._join_group(group, certain)
        weighed = sorted(self._weighed(), key=_best_first)
        self._join_all(weighed)
        alone = self._only_of_their_names()
        self._join_all(alone)
        doubtful = [found for found in (*weighed, *alone) if self.review <= found[0].weight < self.accept]
        return self._clusters(sorted(doubtful, key=_best_first))

    def _join_group(self, group: Sequence[int], evidence: Evidence) -> None:
        """Join all of a group that may; one that may not join some of it may join the others."""
        firsts: list[int] = []
        for number in group:
            for first in firsts:
                if self.union.root(first) == self.union.root(number) or self._join(first, number, evidence):
                    break
            else:
                firsts.append(number)

    def _replay_decisions(self) -> None:
        number_of = self.number_of
        for one, other in sorted(self.decisions.different):
            if one in number_of and other in number_of:
                self.union.forbid(number_of[one], number_of[other])
        for one, other in sorted(self.decisions.same):
            if one in number_of and other in number_of:
                self._join(number_of[one], number_of[other], OPERATOR, forced=True)

    def _join_all(self, found: Iterable[Weighed]) -> None:
        for evidence, one, other in found:
            if evidence.weight >= self.accept:
                self._join(one, other, evidence)

    def _only_of_their_names(self) -> list[Weighed]:
        """Clusters whose name one single other cluster has, and that nothing else tells apart."""
        members: dict[int, list[Profile]] = defaultdict(list)
        by_name: dict[str, dict[int, int]] = defaultdict(dict)
        for number, node in enumerate(self.nodes):
            members[self.union.root(number)].append(node)
            if node.name is not None and len(node.name.joined) >= 6:
                by_name[node.name.key].setdefault(self.union.root(number), number)
        summed: dict[int, tuple[Profile, bool]] = {}

        def sum_of(root: int) -> tuple[Profile, bool]:
            """All that a cluster says, and whether it is a company; of many names asked for once."""
            if root not in summed:
                is_company = any(n.name and (n.name.forms or n.name.trades) for n in members[root])
                summed[root] = (_summed(members[root]), is_company)
            return summed[root]

        found: list[Weighed] = []
        for name in sorted(by_name):
            if len(by_name[name]) != 2:
                continue
            (root, one), (other_root, other) = sorted(by_name[name].items())
            (here, is_company), (there, is_other_company) = sum_of(root), sum_of(other_root)
            evidence = weigh(
                replace(here, name=self.nodes[one].name),
                replace(there, name=self.nodes[other].name),
                self.shared,
            )
            extra = "only_of_its_name" if is_company or is_other_company else "only_person_of_its_name"
            weight = round(evidence.weight + WEIGHTS[extra], 2)
            parts = (*evidence.parts, (extra, WEIGHTS[extra]))
            found.append((Evidence(f"{evidence.rule}+{extra}", weight, parts), one, other))
        return found

    def _join(self, one: int, other: int, evidence: Evidence, *, forced: bool = False) -> bool:
        joined = self.union.join(one, other, forced=forced)
        if joined:
            self.edges.append(Edge(self.records[one][0], self.records[other][0], evidence))
        return joined

    def _by_source(self) -> Iterator[list[int]]:
        """Nodes of one source id, unless it carries many names: a record for walk-in customers."""
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, node in enumerate(self.nodes):
            if node.source is not None:
                groups[node.source].append(number)
        for source in sorted(groups):
            group = groups[source]
            names = {node.name for number in group if (node := self.nodes[number]).name is not None}
            if len(_name_groups(n for n in names if n is not None)) < MOST_NAMES:
                yield group

    def _by_vat(self) -> Iterator[list[int]]:
        groups: dict[str, list[int]] = defaultdict(list)
        for number, node in enumerate(self.nodes):
            if node.vat is not None:
                groups[node.vat.partition(":")[2]].append(number)
        for vat in sorted(groups):
            yield groups[vat]

    def _weighed(self) -> Iterator[Weighed]:
        """Every pair that shares something, with its weight, where that is enough for a person."""
        seen: set[tuple[int, int]] = set()
        for group in self._blocks():
            for pair in combinations(group, 2):
                if pair in seen:
                    continue
                seen.add(pair)
                one, other = pair
                if self.union.root(one) == self.union.root(other):
                    continue
                a, b = self.nodes[one], self.nodes[other]
                if a.vat and b.vat and differ(a.vat, b.vat):
                    continue
                evidence = weigh(a, b, self.shared)
                if evidence.weight >= self.review:
                    yield evidence, one, other

    def _blocks(self) -> Iterator[list[int]]:
        """Nodes that share a phone, a mailbox, a domain, an address, or a name."""
        blocks: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for number, node in enumerate(self.nodes):
            for phone in node.phones:
                blocks["phone", phone].append(number)
            for mail in node.mails:
                blocks["mail", mail].append(number)
                if domain := mail_domain(mail):
                    blocks["domain", domain].append(number)
            if node.address is not None and node.address.key is not None:
                blocks["address", *node.address.key[1:]].append(number)
            if node.name is not None:
                blocks["name", node.name.key].append(number)
                longest = max(node.name.core, key=len)
                if node.address is not None and node.address.postcode:
                    blocks["word", longest[:5], node.address.postcode].append(number)
        for block in sorted(blocks, key=repr):
            group = blocks[block]
            if len(group) <= LARGEST_BLOCK:
                yield group
            else:  # shared by many: only those whose names begin alike
                parts: dict[str, list[int]] = defaultdict(list)
                for number in group:
                    name = self.nodes[number].name
                    parts[name.core[0][:4] if name is not None else ""].append(number)
                for part in sorted(parts):
                    if part and len(parts[part]) <= LARGEST_BLOCK:
                        yield parts[part]

    def _clusters(self, doubtful: Sequence[Weighed]) -> Clusters:
        clusters = Clusters(edges=self.edges)
        smallest: dict[int, Key] = {}
        for number, records in enumerate(self.records):
            root = self.union.root(number)
            smallest[root] = min(smallest.get(root, records[0]), records[0])
            self.edges.extend(Edge(records[0], record, EQUAL) for record in records[1:])
        for number, records in enumerate(self.records):
            first = smallest[self.union.root(number)]
            clusters.members.setdefault(first, []).extend(records)
            clusters.of.update(dict.fromkeys(records, first))
        for members in clusters.members.values():
            members.sort()
        clusters.members = dict(sorted(clusters.members.items()))
        for edge in self.edges:
            for key in (edge.one, edge.other):
                held = clusters.rule.get(key)
                if held is None or edge.evidence.weight > held.weight:
                    clusters.rule[key] = edge.evidence
        asked: set[tuple[int, int]] = set()
        for evidence, one, other in doubtful:
            low, high = sorted((self.union.root(one), self.union.root(other)))
            if low != high and (low, high) not in asked and self.union.may_join(low, high):
                asked.add((low, high))
                clusters.reviews.append(Review(self.records[one][0], self.records[other][0], evidence))
        return clusters


def differ(one: str, other: str) -> bool:
    """Whether two valid VAT ids are those of two customers; where no check digit is known, a slip may be in either."""
    from rapidfuzz.distance import OSA

    if one == other:
        return False
    (here, first), (there, second) = one.split(":"), other.split(":")
    if here and there and here != there:
        return True
    return first != second and not (
        len(first) == len(second) == 15 and first.isdigit() and OSA.distance(first, second) <= 2
    )


def _summed(members: Sequence[Profile]) -> Profile:
    """All that a cluster says."""
    return replace(
        members[0],
        phones=tuple(sorted({phone for m in members for phone in m.phones})[:50]),
        mails=tuple(sorted({mail for m in members for mail in m.mails})[:50]),
        address=next(
            (m.address for m in members if m.address is not None and m.address.key),
            next((m.address for m in members if m.address is not None), None),
        ),
        country=next((m.country for m in members if m.country), None),
    )


class _Union:
    """Union-find that refuses to bring two VAT ids, or what somebody told apart, together."""

    def __init__(self, nodes: Sequence[Profile]) -> None:
        self.parent = list(range(len(nodes)))
        self.vats: list[set[str]] = [{node.vat} if node.vat else set() for node in nodes]
        self.apart: list[set[int]] = [set() for _ in nodes]

    def root(self, number: int) -> int:
        while self.parent[number] != number:
            self.parent[number] = self.parent[self.parent[number]]
            number = self.parent[number]
        return number

    def forbid(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            self.apart[one].add(other)
            self.apart[other].add(one)

    def may_join(self, one: int, other: int) -> bool:
        one, other = self.root(one), self.root(other)
        if any(self.root(number) == other for number in self.apart[one]):
            return False
        both = self.vats[one] & self.vats[other]
        return bool(both) or not any(differ(a, b) for a in self.vats[one] for b in self.vats[other])

    def join(self, one: int, other: int, *, forced: bool = False) -> bool:
        """Join two nodes; `forced` (somebody said so) passes over VAT ids. Returns whether they were two and are one."""
        low, high = sorted((self.root(one), self.root(other)))
        if low == high:
            return False
        if any(self.root(number) == high for number in self.apart[low]):
            return False
        if not forced and not self.may_join(low, high):
            return False
        self.parent[high] = low
        self.vats[low] |= self.vats[high]
        self.apart[low] |= self.apart[high]
        for number in self.apart[high]:
            self.apart[self.root(number)].add(low)
        return True
