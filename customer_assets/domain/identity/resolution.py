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
from functools import cache
from itertools import combinations, pairwise, product

from customer_assets.domain.identity.blocking import ANY_SCRIPT, BlockingKey, blocking_keys, contact_keys
from customer_assets.domain.identity.evidence import (
    ACCEPT,
    MOST_NAMES,
    REVIEW,
    Evidence,
    Key,
    Profile,
    Shared,
    Traits,
    differ,
    is_misspelt,
    is_vague,
    may_be_one,
    name_groups,
    weigh,
    weigh_profiles,
)
from customer_assets.domain.identity.lone_names import MOST_CUSTOMERS, Everybody, Said, whose
from customer_assets.domain.identity.names import Name
from customer_assets.domain.identity.ties import tied_parts
from customer_assets.domain.identity.union_find import UnionFind

MOST_OF_A_NAME = 11  # clusters that are compared; an incremental resolution sees twelve customers of a name for certain
MOST_OF_A_VAT_ID = 2 / 3  # share of its rows: of one customer, what else stands under the id is a way to write it
LARGEST_BLOCK = 60  # of what shares a value; more of them share it by accident

NEW_CUSTOMER = Evidence("new_customer", 0.0)  # the weakest: said only where nothing else ties a record
SOURCE_ID = Evidence("source_id", 99.0)
VAT_ID = Evidence("vat_id", 98.0)
KEY = Evidence("key", 97.0)
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
    settled: Sequence[Sequence[Key]] = (),
    is_all: bool = False,
) -> Clusters:
    """Join records.

    Args:
        profiles: one per record.
        accept: weight from which a pair is joined.
        review: weight from which a person is asked.
        decisions: what people said of pairs.
        settled: clusters that are known already: their records stay together, and are not compared with each other again.
        is_all: nobody else has records: what nothing but a name ties may go to the likeliest of that name.
    """
    resolution = _Resolution(profiles, accept, review, decisions or Decisions(), settled)
    return resolution.run(is_all=is_all)


Weighed = tuple[Evidence, int, int]  # of two nodes, by number
Held = Sequence[dict[int, int]]  # by number of traits: root of each cluster that has them -> its first node that does


def _are_of_two(held: Held, one: int, other: int) -> bool:
    return len(held[one]) > 1 or len(held[other]) > 1 or held[one].keys() != held[other].keys()


def _best_first(found: Weighed) -> tuple[float, int, int]:
    evidence, one, other = found
    return -evidence.weight, one, other


class _Resolution:
    """One resolution: nodes are profiles that say the same, with all the records behind them.

    Traits are compared once, however many nodes have them: most nodes of a customer differ in their source alone.
    """

    def __init__(
        self,
        profiles: Iterable[Profile],
        accept: float,
        review: float,
        decisions: Decisions,
        settled: Sequence[Sequence[Key]],
    ) -> None:
        self.accept, self.review = accept, review
        ordered = sorted(profiles, key=lambda p: p.key)
        self.records: list[list[Key]] = []
        self.nodes: list[Profile] = []
        self.traits: list[Traits] = []
        self.nodes_of: list[list[int]] = []  # by number of traits
        numbers: dict[object, int] = {}
        traits_numbers: dict[Traits, int] = {}
        self.number_of: dict[Key, int] = {}
        apart = {key for pair in decisions.different for key in pair}
        for one in ordered:
            # what says nothing, or of which somebody said that it is not another, stands alone
            alone = one.traits.name is None and not one.has_evidence
            is_node = alone or one.key in apart or one.named_after is not None
            says: object = (one.key,) if is_node else (one.source, one.vat, one.traits)
            number = numbers.setdefault(says, len(self.nodes))
            if number == len(self.nodes):
                self.nodes.append(one)
                self.records.append([])
                traits_number = traits_numbers.setdefault(one.traits, len(self.traits))
                if traits_number == len(self.traits):
                    self.traits.append(one.traits)
                    self.nodes_of.append([])
                self.nodes_of[traits_number].append(number)
            self.records[number].append(one.key)
            self.number_of[one.key] = number
        self.naming = {p.names_customer: self.number_of[p.key] for p in ordered if p.names_customer}
        self.named = [(p.named_after, self.number_of[p.key]) for p in ordered if p.named_after]
        self.union = UnionFind(self.nodes)
        self.edges: list[Edge] = []
        self.decisions = decisions
        known = {key for group in settled for key in group}
        self.settled = {n for n, records in enumerate(self.records) if known.issuperset(records)}
        for first, *others in settled:
            for key in others:
                self.union.join(self.number_of[first], self.number_of[key], forced=True)

    def run(self, *, is_all: bool) -> Clusters:
        self._replay_decisions()
        for named_after, row in self.named:
            if named_after in self.naming:
                self._join(row, self.naming[named_after], NEW_CUSTOMER)
        for certain, groups in ((SOURCE_ID, self._by_source()), (VAT_ID, self._by_vat()), (KEY, self._by_key())):
            for group in groups:
                for part in self._of_one_customer(group, certain):
                    self._join_group(part, certain)
        self.shared = Shared.of([node.traits for node in self.nodes], self._known_as())
        self._join_all(self._weighed(self._guarded_pairs))
        self.shared = Shared.of([node.traits for node in self.nodes], self._known_as())
        weighed = self._weighed(self._pairs)
        self._join_all(weighed)
        alone = self._only_of_their_names()
        self._join_all(alone)
        if is_all:
            self._join_likeliest(placed=True)  # those that say a town make it plain whose the others are
            self._join_likeliest(placed=False)
        doubtful = [found for found in (*weighed, *alone) if self.review <= found[0].weight < self.accept]
        return self._clusters(sorted(doubtful, key=_best_first))

    def _known_as(self) -> list[Name | None]:
        """The name of each node's cluster: the one that most of its rows say."""
        rows: dict[int, Counter[Name]] = defaultdict(Counter)
        for number, node in enumerate(self.nodes):
            if node.traits.name is not None:
                rows[self.union.root(number)][node.traits.name] += len(self.records[number])
        names = {root: min(found, key=lambda name: (-found[name], name.key)) for root, found in rows.items()}
        return [names.get(self.union.root(number)) for number in range(len(self.nodes))]

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

    def _join_all(self, found: Sequence[Weighed]) -> None:
        """Join what is accepted: names that say the same first, then those that say less than the other."""
        vague: list[Weighed] = []
        for evidence, one, other in found:
            if evidence.weight < self.accept:
                continue
            if is_vague(evidence, self.nodes[one].traits.name, self.nodes[other].traits.name):
                vague.append((evidence, one, other))
            else:
                self._join(one, other, evidence)
        partners: dict[int, set[int]] = defaultdict(set)
        for _, one, other in vague:
            partners[self.union.root(one)].add(self.union.root(other))
            partners[self.union.root(other)].add(self.union.root(one))
        contradicted = {root: self._contradict_among(found) for root, found in partners.items()}
        for evidence, one, other in vague:
            # "J. Peeters" at the address of Jan and of Joris is neither's, until a person says so
            is_open = contradicted.get(self.union.root(one)) or contradicted.get(self.union.root(other))
            if not is_open and not self.union.contradict(one, other):
                self._join(one, other, evidence)

    def _contradict_among(self, groups: set[int]) -> bool:
        """Whether two of some groups have names that are two customers'."""
        some = sorted(groups)[:MOST_OF_A_NAME]
        return any(self.union.contradict(one, other) for one, other in combinations(some, 2))

    def _only_of_their_names(self) -> list[Weighed]:
        """Clusters of one name that nothing but their place, or nothing at all, ties together, and nothing tells apart."""
        members: dict[int, list[Traits]] = defaultdict(list)
        summed = cache(lambda root: _summed(members[root]))  # of many names asked for once
        by_name: dict[str, dict[int, int]] = defaultdict(dict)
        for number, node in enumerate(self.nodes):
            root, name = self.union.root(number), node.traits.name
            members[root].append(node.traits)
            if name is not None and len(name.joined) >= 6:
                by_name[name.key].setdefault(root, number)
        unsettled = {self.union.root(n) for n in range(len(self.nodes)) if n not in self.settled}

        def weighed(one: int, other: int) -> Weighed:
            roots = self.union.root(one), self.union.root(other)
            name, other_name = self.nodes[one].traits.name, self.nodes[other].traits.name
            is_company = any(t.name and (t.name.forms or t.name.trades) for r in roots for t in members[r])
            here, there = replace(summed(roots[0]), name=name), replace(summed(roots[1]), name=other_name)
            if not is_company:
                is_told_apart = any(part.endswith("_differs") for part, _ in weigh(here, there).parts)
                is_namesake = is_told_apart or name is None or not self.shared.is_rare(name)
            extra = "only_of_its_name" if is_company or not is_namesake else "only_person_of_its_name"
            return weigh(here, there, self.shared, extra), one, other

        found: list[Weighed] = []
        for name_key in sorted(by_name):
            clusters = by_name[name_key]
            if not 2 <= len(clusters) <= MOST_OF_A_NAME or unsettled.isdisjoint(clusters):
                continue
            if len(clusters) == 2:
                one, other = (clusters[root] for root in sorted(clusters))
                found.append(weighed(one, other))
                continue
            by_size = sorted(clusters, key=lambda root: (-len(members[root]), root))
            found += self._fragments([clusters[root] for root in by_size], weighed)
        return found

    def _fragments(self, clusters: Sequence[int], weighed: Callable[[int, int], Weighed]) -> list[Weighed]:
        """Of many clusters of one name, the largest first, those that can be of one customer alone, with that one."""
        customers: list[int] = []  # each told apart from all the others
        others: list[tuple[int, list[Weighed]]] = []
        for number in clusters:
            fitting = [w for c in customers if (w := weighed(c, number))[0].weight >= self.accept]
            if fitting:
                others.append((number, fitting))
            else:
                customers.append(number)
        found: list[Weighed] = []
        for number, fitting in others:
            if len(fitting) == 1 and sum(weighed(c, number)[0].weight >= self.accept for c in customers) == 1:
                found += fitting
        return found

    def _join_likeliest(self, *, placed: bool) -> None:
        """Clusters that nothing but a name, or a place, ties to one of several customers: to the likeliest, if it is that."""
        said: dict[int, Said] = defaultdict(Said)
        by_name: dict[str, dict[int, int]] = defaultdict(dict)
        for number, node in enumerate(self.nodes):
            root, name = self.union.root(number), node.traits.name
            if node.named_after is None:
                said[root].add(node, len(self.records[number]))
            if name is not None:
                by_name[name.key].setdefault(root, number)
        everybody = Everybody.of(said.values())
        found: list[Weighed] = []
        for key in sorted(by_name):
            clusters = by_name[key]
            customers = sorted((r for r in clusters if said[r].says_something), key=lambda r: (-said[r].rows, r))
            for root in clusters if customers else ():
                larger = (
                    [r for r in customers[:MOST_CUSTOMERS] if r != root] if said[root].is_lone(placed=placed) else []
                )
                name = self.nodes[clusters[root]].traits.name
                if larger and name and (likeliest := whose(name, said[root], [said[r] for r in larger], everybody)):
                    found.append((likeliest[1], clusters[larger[likeliest[0]]], clusters[root]))
        for evidence, one, other in found:
            self._join(one, other, evidence)

    def _join(self, one: int, other: int, evidence: Evidence, *, forced: bool = False) -> bool:
        joined = self.union.join(one, other, forced=forced)
        if joined:
            self.edges.append(Edge(self.records[one][0], self.records[other][0], evidence))
        return joined

    def _by_source(self) -> Iterator[list[int]]:
        """Nodes of one source id."""
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, node in enumerate(self.nodes):
            if node.source is not None:
                groups[node.source].append(number)
        for source in sorted(groups):
            yield groups[source]

    def _by_vat(self) -> Iterator[list[int]]:
        """Nodes of one VAT id."""
        groups: dict[str, list[int]] = defaultdict(list)
        for number, node in enumerate(self.nodes):
            if node.vat is not None:
                groups[node.vat.partition(":")[2]].append(number)
        for vat in sorted(groups):
            yield groups[vat]

    def _by_key(self) -> Iterator[list[int]]:
        """Nodes of one other id."""
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, node in enumerate(self.nodes):
            for key in node.traits.keys:
                groups[key].append(number)
        for key in sorted(groups):
            yield groups[key]

    def _of_one_customer(self, numbers: Sequence[int], certain: Evidence) -> Sequence[Sequence[int]]:
        """Those of one certain id that it makes one customer: all, unless it carries many names.

        Then it is a record for walk-in customers, a fiscal unit's VAT id, or the seller's own, typed in everywhere: only who
        shares a name or a contact besides is one. Or it is one customer's in many spellings, whose part is most of it.
        """
        names = {name for number in numbers if (name := self.nodes[number].traits.name)}
        if len(name_groups(names)) < MOST_NAMES:
            return [numbers]
        parts = tied_parts([self.nodes[number].traits for number in numbers])
        found = [[numbers[at] for at in part] for part in parts]
        rows = [sum(len(self.records[number]) for number in part) for part in found]
        if certain is VAT_ID and max(rows) >= MOST_OF_A_VAT_ID * sum(rows):
            return [numbers]
        return found

    def _weighed(self, pairs_of: Callable[[Held], Iterable[tuple[int, int]]]) -> list[Weighed]:
        """Pairs of nodes of two clusters, for pairs of traits, best first; where that is enough for a person."""
        held = [self._first_of_each_cluster(nodes) for nodes in self.nodes_of]
        found: list[Weighed] = []
        for one, other in set(pairs_of(held)):
            found += self._weighed_pairs(one, other, held[one], held[other])
        return sorted(found, key=_best_first)

    def _guarded_pairs(self, held: Held) -> Iterator[tuple[int, int]]:
        """Traits of one name that share a phone, a mailbox or an address, each with the next one only.

        They are nearly always one customer, so that few pairs are left for the comparison of each with each.
        """
        groups: dict[BlockingKey, list[int]] = defaultdict(list)
        for number, traits in enumerate(self.traits):
            if traits.name is not None:
                for key in contact_keys(traits):
                    groups[traits.name.key, *key].append(number)
        for group in groups.values():
            yield from ((number, number) for number in group if len(held[number]) > 1)
            yield from (pair for pair in pairwise(group) if _are_of_two(held, *pair))

    def _pairs(self, held: Held) -> Iterator[tuple[int, int]]:
        """Traits that share a block and are not of one cluster already."""
        for group in self._blocks():
            of: dict[int, list[int]] = defaultdict(list)  # by their cluster; those of several by themselves
            for number in group:
                of[next(iter(held[number])) if len(held[number]) == 1 else ~number].append(number)
            yield from ((number, number) for number in group if len(held[number]) > 1)
            for here, there in combinations(of.values(), 2):
                yield from ((min(pair), max(pair)) for pair in product(here, there))

    def _weighed_pairs(self, one: int, other: int, here: dict[int, int], there: dict[int, int]) -> Iterator[Weighed]:
        """Pairs of clusters that have these traits, by the evidence of the traits."""
        if not may_be_one(self.traits[one], self.traits[other]):
            return
        evidence = weigh(self.traits[one], self.traits[other], self.shared)
        has_typo = bool(self.traits[one].vat_typo or self.traits[other].vat_typo)
        if evidence.weight < self.review and not has_typo:
            return
        for (root, first), (other_root, second) in product(here.items(), there.items()):
            if root == other_root or (one == other and root > other_root):
                continue
            a, b = self.nodes[first], self.nodes[second]
            if {first, second} <= self.settled or (a.vat and b.vat and differ(a.vat, b.vat)):
                continue
            found = weigh_profiles(a, b, self.shared) if has_typo and is_misspelt(a, b) else evidence
            if found.weight >= self.review:
                yield found, min(first, second), max(first, second)

    def _first_of_each_cluster(self, numbers: Sequence[int]) -> dict[int, int]:
        """Root -> the first node of its cluster; rather one that is not settled, and one with a VAT id."""
        firsts: dict[int, int] = {}
        for number in sorted(numbers, key=lambda n: (n in self.settled, not self.nodes[n].vat, n)):
            firsts.setdefault(self.union.root(number), number)
        return firsts

    def _blocks(self) -> Iterator[list[int]]:
        """Numbers of traits that share a phone, a mailbox, a domain, an address, or a name."""
        blocks: dict[BlockingKey, list[int]] = defaultdict(list)
        for number, traits in enumerate(self.traits):
            for key in blocking_keys(traits):
                blocks[key].append(number)
        for block in sorted(blocks):
            group = blocks[block]
            if block[:2] == ("address", ANY_SCRIPT) and not any(
                (address := self.traits[number].address) is not None and address.is_foreign for number in group
            ):
                continue  # found by their streets
            if len(group) <= LARGEST_BLOCK:
                yield group
            else:  # shared by many: only those whose names begin alike
                parts: dict[str, list[int]] = defaultdict(list)
                for number in group:
                    name = self.traits[number].name
                    parts[name.core[0][:4] if name is not None else ""].append(number)
                for part in sorted(parts):
                    if part and len(parts[part]) <= LARGEST_BLOCK:
                        yield parts[part]

    def _namesakes(self) -> set[int]:
        """Nodes that say a name and nothing else, where several customers have that name: each record stands alone."""
        having: dict[str, set[int]] = defaultdict(set)
        bare: list[int] = []
        for number, node in enumerate(self.nodes):
            if node.traits.name is not None:
                having[node.traits.name.key].add(self.union.root(number))
                if len(self.records[number]) > 1 and not node.has_evidence and not self.union.is_joined(number):
                    bare.append(number)
        return {n for n in bare if (name := self.nodes[n].traits.name) and len(having[name.key]) > 2}

    def _clusters(self, doubtful: Sequence[Weighed]) -> Clusters:
        clusters = Clusters(edges=self.edges)
        smallest: dict[int, Key] = {}
        namesakes = self._namesakes()
        for number, records in enumerate(self.records):
            root = self.union.root(number)
            smallest[root] = min(smallest.get(root, records[0]), records[0])
            if number not in namesakes:
                self.edges.extend(Edge(records[0], record, EQUAL) for record in records[1:])
        for number, records in enumerate(self.records):
            first = smallest[self.union.root(number)]
            for record in records:
                customer = record if number in namesakes else first
                clusters.members.setdefault(customer, []).append(record)
                clusters.of[record] = customer
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


def _summed(members: Sequence[Traits]) -> Traits:
    """All that a cluster says, without a name."""
    return Traits(
        phones=tuple(sorted({phone for m in members for phone in m.phones})[:50]),
        mails=tuple(sorted({mail for m in members for mail in m.mails})[:50]),
        address=next(
            (m.address for m in members if m.address is not None and m.address.key),
            next((m.address for m in members if m.address is not None), None),
        ),
        country=next((m.country for m in members if m.country), None),
        born=next((m.born for m in members if m.born), None),
        keys=tuple(dict(key for m in members for key in m.keys).items()),
    )
