"""Who is who: records of customers are joined by weighed evidence, never across two different valid VAT ids.

In stages, each over what the one before left:

1. equal records are one node (`nodes`);
2. regions, each by itself: valid VAT ids and source ids join at once, then nodes of one name that share a contact, then
   clusters that share a contact, compared by all that they say (`regions`);
3. clusters of all regions that share a name, an address, or a word in a place (`namesakes`);
4. clusters that say a name and at most a town: to the likeliest customer of that name (`lone_names`).

Weights of what agrees and what does not are added up. Pairs above the upper threshold join, best first, under vetoes; those
between the thresholds are for a person to decide. The result depends on the set of records alone, not on their order, nor on
how the work was spread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from customer_assets.domain.identity.engine import IN_PROCESS, Engine, parts_of
from customer_assets.domain.identity.evidence import ACCEPT, REVIEW, Evidence, Key, Profile
from customer_assets.domain.identity.joining import Joining, Thresholds, Weighed, weigh_pairs
from customer_assets.domain.identity.lone_names import Everybody, likeliest
from customer_assets.domain.identity.namesakes import names_of_several, only_of_their_names, pairs_by_place
from customer_assets.domain.identity.nodes import Nodes
from customer_assets.domain.identity.pooled import Pooled
from customer_assets.domain.identity.regions import (
    NEW_CUSTOMER,
    Decisions,
    Edges,
    Region,
    Rules,
    crowded_addresses,
    find_regions,
    join_regions,
    witnesses,
)
from customer_assets.domain.identity.shared import CountWords, Shared, WordCounts, words_of
from customer_assets.domain.identity.union_find import vats_contradict

__all__ = ["NEW_CUSTOMER", "Clusters", "Decisions", "Edge", "Review", "resolve"]

EQUAL = Evidence("equal", 1.0)


class Review(NamedTuple):
    """Two records of different clusters that may be one customer."""

    one: Key
    other: Key
    evidence: Evidence


class Edge(NamedTuple):
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


def resolve(
    profiles: Iterable[Profile],
    *,
    accept: float = ACCEPT,
    review: float = REVIEW,
    decisions: Decisions | None = None,
    settled: Sequence[Sequence[Key]] = (),
    is_all: bool = False,
    counts: CountWords | None = None,
    engine: Engine = IN_PROCESS,
) -> Clusters:
    """Join records.

    Args:
        profiles: one per record.
        accept: weight from which a pair is joined.
        review: weight from which a person is asked.
        decisions: what people said of pairs.
        settled: clusters that are known already: their records stay together, and are not compared with each other again.
        is_all: nobody else has records: what nothing but a name ties may go to the likeliest of that name.
        counts: how common some words are, where these profiles are not everybody's; None: they are.
        engine: where the work is done; the result is the same.
    """
    decisions = decisions or Decisions()
    decided = frozenset(key for pair in (*decisions.same, *decisions.different) for key in pair)
    nodes = Nodes(profiles, decided, settled)
    rules = Rules(Thresholds(accept, review), crowded_addresses(nodes))
    regions = find_regions(nodes, decisions, settled)
    resolution = _Resolution(nodes, regions, rules, engine, counts)
    resolution.join_by_contact()
    resolution.join_by_place()
    if is_all:
        resolution.join_likeliest()
    return resolution.clusters()


class _Resolution:
    """Clusters of nodes that grow stage by stage.

    Attributes:
        groups: nodes of each cluster, sorted; clusters by their first nodes.
        pooled: what each says.
        edges, doubtful: evidence between nodes that was accepted, or is for a person to decide.
    """

    def __init__(
        self, nodes: Nodes, regions: Sequence[Region], rules: Rules, engine: Engine, counts: CountWords | None
    ) -> None:
        self.counts = counts
        self.nodes, self.regions, self.rules, self.engine = nodes, regions, rules, engine
        self.groups: list[list[int]] = []
        self.pooled: list[Pooled] = []
        self.edges: Edges = []
        self.doubtful: Edges = []
        self.apart = [(region.numbers[one], region.numbers[other]) for region in regions for one, other in region.apart]
        self.settled = {region.numbers[at] for region in regions for at in region.settled}

    def join_by_contact(self) -> None:
        """Find the customers of each region."""
        groups = [region.numbers for region in self.regions if len(region.numbers) == 1]
        several = [region for region in self.regions if len(region.numbers) > 1]
        rules = self.rules
        for part in self.engine(lambda part: join_regions(part, rules), parts_of(several)):
            for joined in part:
                groups += joined.clusters
                self.edges += joined.edges
                self.doubtful += joined.doubtful
        self.groups = sorted(groups)
        self.pooled = [Pooled.of(self._said(number)) for number in range(len(self.groups))]

    def join_by_place(self) -> None:
        """Join clusters that share a name, an address, or a word in a place."""
        joining = self._joining()
        pooled, thresholds = self.pooled, self.rules.thresholds
        shared = Shared.of(pooled)
        pairs = joining.open_pairs(pairs_by_place(pooled, joining.settled))
        weighed = [
            found
            for part in self.engine(lambda part: list(weigh_pairs(pooled, part, shared, thresholds)), parts_of(pairs))
            for found in part
        ]
        joining.join_all(weighed)
        self._take(joining, weighed)
        joining = self._joining()
        weighed = only_of_their_names(self.pooled, joining.union, self._word_counts(), shared, thresholds)
        joining.join_all(weighed)
        self._take(joining, weighed)

    def _word_counts(self) -> WordCounts:
        if self.counts is None:
            return WordCounts.of(self.pooled)
        return self.counts({word for name in names_of_several(self.pooled) for word in words_of(name)})

    def join_likeliest(self) -> None:
        """Join clusters that nothing but a name, or a place, ties to one of several customers."""
        everybody = Everybody.of(self.pooled, self.nodes.said(range(len(self.nodes.profiles))))
        for placed in (True, False):  # those that say a town make it plain whose the others are
            joining = self._joining()
            for found in likeliest(self.pooled, self._said, everybody, placed=placed):
                joining.join(found)
            self._take(joining, ())

    def _said(self, number: int) -> list[tuple[Profile, int]]:
        return self.nodes.said(self.groups[number])

    def _settled_clusters(self) -> set[int]:
        if not self.settled:
            return set()
        return {number for number, group in enumerate(self.groups) if self.settled.issuperset(group)}

    def _joining(self) -> Joining:
        joining = Joining(self.pooled, self.rules.thresholds, self._settled_clusters())
        if self.apart:
            cluster = {number: at for at, group in enumerate(self.groups) for number in group}
            for one, other in self.apart:
                joining.union.forbid(cluster[one], cluster[other])
        return joining

    def _take(self, joining: Joining, weighed: Iterable[Weighed]) -> None:
        """Take over what was joined, and what is in doubt."""
        self.edges += map(self._seen, joining.joined)
        self.doubtful += map(self._seen, joining.doubtful(weighed))
        groups, pooled = [], []
        for numbers in joining.union.groups():
            if len(numbers) == 1:
                groups.append(self.groups[numbers[0]])
                pooled.append(self.pooled[numbers[0]])
            else:
                groups.append(sorted(node for number in numbers for node in self.groups[number]))
                pooled.append(Pooled.of(self.nodes.said(groups[-1])))
        self.groups, self.pooled = groups, pooled

    def _seen(self, found: Weighed) -> tuple[int, int, Evidence]:
        said = self.nodes.profiles
        return (*witnesses(said, self.groups[found.one], self.groups[found.other]), found.evidence)

    def clusters(self) -> Clusters:
        """The result, in records."""
        records = self.nodes.records
        clusters = Clusters(edges=[Edge(records[one][0], records[other][0], e) for one, other, e in self.edges])
        namesakes = self._namesakes()
        members: list[list[Key]] = []
        for group in self.groups:
            if len(group) == 1 and group[0] in namesakes:
                members += ([record] for record in records[group[0]])
                continue
            for number in group:
                clusters.edges += (Edge(records[number][0], record, EQUAL) for record in records[number][1:])
            members.append(sorted(record for number in group for record in records[number]))
        for found in sorted(members):
            clusters.members[found[0]] = found
            for record in found:
                clusters.of[record] = found[0]
        for edge in clusters.edges:
            for key in (edge.one, edge.other):
                held = clusters.rule.get(key)
                if held is None or edge.evidence.weight > held.weight:
                    clusters.rule[key] = edge.evidence
        clusters.reviews = self._reviews()
        return clusters

    def _namesakes(self) -> set[int]:
        """Nodes that say a name and nothing else, where several customers have that name: each record stands alone."""
        having: dict[str, int] = defaultdict(int)
        for one in self.pooled:
            for key in one.name_keys:
                having[key] += 1
        return {
            group[0]
            for group in self.groups
            if len(group) == 1
            and group[0] not in self.settled
            and len(self.nodes.records[group[0]]) > 1
            and (name := self.nodes.profiles[group[0]].traits.name) is not None
            and having[name.key] > 2
            and not self.nodes.profiles[group[0]].has_evidence
        }

    def _reviews(self) -> list[Review]:
        """What is in doubt between customers in the end, the best of each pair, and nothing that a veto decides."""
        cluster = {number: at for at, group in enumerate(self.groups) for number in group}
        apart = {frozenset((cluster[one], cluster[other])) for one, other in self.apart}
        asked: set[frozenset[int]] = set()
        reviews: list[Review] = []
        for one, other, evidence in sorted(self.doubtful, key=lambda d: (-d[2].weight, d[0], d[1])):
            pair = frozenset((cluster[one], cluster[other]))
            if len(pair) == 2 and pair not in asked and pair not in apart and not self._differ(pair):
                asked.add(pair)
                reviews.append(Review(self.nodes.records[one][0], self.nodes.records[other][0], evidence))
        return reviews

    def _differ(self, pair: Collection[int]) -> bool:
        return vats_contradict(*(self.pooled[number].vats for number in pair))
