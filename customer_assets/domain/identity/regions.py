"""Regions: what nothing ties to each other, not even loosely, is resolved apart, in any process and in any order.

A region is all nodes that a certain id, a phone, a mailbox, a domain, or a name at an address connects, over any number of
steps. An address alone, or a name alone, would connect nearly everything: what only these tie is compared afterwards, as
clusters (`namesakes`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from customer_assets.domain.identity.blocking import BlockingKey, blocking_keys, contact_keys
from customer_assets.domain.identity.certain import KEY, SOURCE_ID, VAT_ID, certain_groups
from customer_assets.domain.identity.contact_details import phone_tail, same_phone, same_street
from customer_assets.domain.identity.disjoint_sets import DisjointSets
from customer_assets.domain.identity.evidence import (
    MOST_FOR_SAME,
    MOST_SHARING,
    WEIGHTS,
    Evidence,
    Key,
    Profile,
    Traits,
)
from customer_assets.domain.identity.joining import Joining, Thresholds, Weighed, pairs_of, weigh_pairs
from customer_assets.domain.identity.names import Name
from customer_assets.domain.identity.nodes import Nodes
from customer_assets.domain.identity.pooled import Pooled
from customer_assets.domain.identity.shared import Shared, counted, name_groups
from customer_assets.domain.identity.union_find import UnionFind

OPERATOR = Evidence("operator", 100.0)
NEW_CUSTOMER = Evidence("new_customer", 0.0)  # the weakest: said only where nothing else ties a record

MOST_PERSONS = 4  # of one name at one address
MOST_TRIED = 50  # customers of one id, or of one name with one contact, that a record may be of
MOST_WITNESSES = 50  # nodes of a cluster that are looked at

Crowded = Mapping[tuple[str, str, str], int]
Edges = list[tuple[int, int, Evidence]]  # two nodes, and what says that they are one
Link = tuple[Evidence | None, Sequence[int]]  # nodes that are one, and why; None: it is known already


@dataclass(frozen=True)
class Decisions:
    """What people decided of pairs of records; replayed by every resolution.

    Attributes:
        same, different: pairs of record keys, the smaller one first.
    """

    same: frozenset[tuple[Key, Key]] = frozenset()
    different: frozenset[tuple[Key, Key]] = frozenset()


@dataclass(slots=True)
class Region:
    """Nodes that are tied to each other, and to no others. Its links and pairs count its nodes from 0.

    Attributes:
        numbers: of its nodes, over everything.
        said: what they say, each with the number of its rows.
        links: what makes them one customer for certain, in the order in which it counts.
        apart: pairs that somebody told apart.
        settled: nodes of customers that are known already.
    """

    numbers: list[int]
    said: list[tuple[Profile, int]]
    links: list[Link] = field(default_factory=list)
    apart: list[tuple[int, int]] = field(default_factory=list)
    settled: frozenset[int] = frozenset()

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing new in it."""
        return len(self.settled) == len(self.numbers)


@dataclass(frozen=True, slots=True)
class Joined:
    """What became of a region. Nodes are counted over everything.

    Attributes:
        clusters: nodes of each customer.
        edges: the evidence that was accepted.
        doubtful: pairs for a person to decide.
    """

    clusters: list[list[int]]
    edges: Edges
    doubtful: Edges


@dataclass(frozen=True)
class Rules:
    """What regions are joined by: the same for all.

    Attributes:
        thresholds: weights.
        crowded: names behind each address that many share, counted over everything.
    """

    thresholds: Thresholds
    crowded: Crowded


def find_regions(nodes: Nodes, decisions: Decisions, settled: Sequence[Sequence[Key]]) -> list[Region]:
    """The regions of all nodes, by their first ones."""
    number_of = nodes.number_of
    links: list[Link] = [(None, sorted({number_of[key] for key in group})) for group in settled]
    links += [
        (OPERATOR, (number_of[one], number_of[other]))
        for one, other in sorted(decisions.same)
        if one in number_of and other in number_of
    ]
    links += [(NEW_CUSTOMER, (invoice, row)) for row, invoice in nodes.named_after]
    links += certain_groups(nodes)
    apart = [
        (number_of[one], number_of[other])
        for one, other in sorted(decisions.different)
        if one in number_of and other in number_of
    ]
    tied = DisjointSets(len(nodes.profiles))
    for _, group in links:
        for number in group:
            tied.unite(group[0], number)
    for one, other in apart:
        tied.unite(one, other)
    _tie_by_contact(tied, nodes)
    known = {key for group in settled for key in group}
    return _regions(nodes, tied, links, apart, known)


def _regions(
    nodes: Nodes,
    tied: DisjointSets,
    links: Iterable[Link],
    apart: Iterable[tuple[int, int]],
    known: set[Key],
) -> list[Region]:
    regions: dict[int, Region] = {}
    place = [0] * len(nodes.profiles)  # of each node, within its region
    for number, records in enumerate(nodes.records):
        region = regions.setdefault(tied.root(number), Region([], []))
        place[number] = len(region.numbers)
        region.numbers.append(number)
        region.said.append((nodes.profiles[number], len(records)))
    for evidence, group in links:
        if len(group) > 1:
            regions[tied.root(group[0])].links.append((evidence, tuple(place[number] for number in group)))
    for one, other in apart:
        regions[tied.root(one)].apart.append((place[one], place[other]))
    if known:
        for region in regions.values():
            region.settled = frozenset(
                at for at, number in enumerate(region.numbers) if known.issuperset(nodes.records[number])
            )
    return list(regions.values())


def _tie_by_contact(tied: DisjointSets, nodes: Nodes) -> None:
    phones: dict[str, int] = {}
    mails: dict[str, int] = {}
    domains: dict[str, int] = {}
    named_addresses: dict[tuple[str, tuple[str, str, str]], int] = {}
    for number, node in enumerate(nodes.profiles):
        traits = node.traits
        firsts = {phones.setdefault(phone_tail(phone), number) for phone in traits.phones}
        if traits.mails:
            firsts |= {mails.setdefault(mail, number) for mail in traits.mails}
            firsts |= {domains.setdefault(domain, number) for domain in traits.domains}
        if traits.name is not None and traits.address is not None and (place := traits.address.key) is not None:
            firsts.add(named_addresses.setdefault((traits.name.key, place), number))
        for first in firsts:
            if first != number:
                tied.unite(first, number)


def crowded_addresses(nodes: Nodes) -> Crowded:
    """How many names stand behind each address, over everything, for those that several have."""
    names: dict[tuple[str, str, str], set[Name]] = defaultdict(set)
    for node in nodes.profiles:
        traits = node.traits
        if traits.address is not None and traits.name is not None and (key := traits.address.key) is not None:
            names[key].add(traits.name)
    # many spellings may be few names
    return {key: count for key, count in counted(names).items() if count > MOST_SHARING}


def join_regions(regions: Sequence[Region], rules: Rules) -> list[Joined]:
    """Find the customers of each region: a pure function of it, the unit of work of every engine."""
    return [_join_region(region, rules) for region in regions]


def _join_region(region: Region, rules: Rules) -> Joined:
    numbers = region.numbers
    if len(numbers) == 1:
        return Joined([numbers], [], [])
    clusters, edges = _joined_nodes(region, rules)
    doubtful: Edges = []
    if len(clusters) > 1 and not region.is_settled:
        clusters, more, doubtful = _joined_clusters(region, clusters, rules)
        edges += more
    return Joined(
        [[numbers[at] for at in cluster] for cluster in clusters],
        [(numbers[one], numbers[other], evidence) for one, other, evidence in edges],
        [(numbers[one], numbers[other], evidence) for one, other, evidence in doubtful],
    )


def _joined_nodes(region: Region, rules: Rules) -> tuple[list[list[int]], Edges]:
    """Nodes that are one for certain, or have a name and a contact in common."""
    said = [profile for profile, _ in region.said]
    union = UnionFind(
        [frozenset((one.vat,)) if one.vat else frozenset() for one in said],
        [one.traits.name.kinds if one.traits.name is not None else frozenset() for one in said],
        settled=region.settled,
    )
    edges: Edges = []
    for one, other in region.apart:
        union.forbid(one, other)

    def join(one: int, other: int, evidence: Evidence | None) -> bool:
        is_said = evidence is None or evidence == OPERATOR
        if not union.join(one, other, forced=is_said, by_id=evidence in (SOURCE_ID, VAT_ID, KEY)):
            return False
        if evidence is not None:
            edges.append((one, other, evidence))
        return True

    def join_group(group: Iterable[int], evidence: Evidence | None, *, is_weighed: bool = False) -> None:
        """Join all of a group that may; one that may not join some of it may join the others."""
        firsts: list[int] = []
        of_vat: dict[str | None, int] = {}
        for number in group:
            vat = said[number].vat
            for first in (*([of_vat[vat]] if vat in of_vat else ()), *firsts[:MOST_TRIED]):
                is_one = union.root(first) == union.root(number)
                if is_one or (not (is_weighed and union.are_settled(first, number)) and join(first, number, evidence)):
                    break
            else:
                firsts.append(number)
            if vat is not None:
                of_vat.setdefault(vat, number)

    for evidence, group in region.links:
        join_group(group, evidence)
    stars = () if region.is_settled else _stars([one.traits for one in said], rules.crowded)
    for evidence, star in (found for found in stars if found[0].weight >= rules.thresholds.accept):
        join_group(star, evidence, is_weighed=True)
    return union.groups(), edges


def _stars(said: Sequence[Traits], crowded: Crowded) -> Iterator[tuple[Evidence, list[int]]]:
    """Nodes of one name that share a phone, a mailbox or an address: nearly always one customer, so that few are left.

    What very many names share, a marketplace's mailbox, says nothing of two of them that are alike: they are compared later.
    """
    everybodys = _everybodys(said, crowded) if len(said) > MOST_FOR_SAME else ()
    stars: dict[tuple[str, str, BlockingKey], list[list[int]]] = {}
    for number, traits in enumerate(said):
        if traits.name is None:
            continue
        for kind, value in _contacts(traits, crowded):
            if (kind, value) in everybodys:
                continue
            groups = stars.setdefault((kind, traits.name.key, value), [])
            for group in groups[:MOST_TRIED]:
                if _is_one_contact(kind, said[group[0]], traits):
                    group.append(number)
                    break
            else:
                groups.append([number])
    for (kind, _, _), groups in sorted(stars.items(), key=lambda star: (-_BY_CONTACT[star[0][0]].weight, star[1])):
        for group in groups:
            for part in _persons(group, said) if kind == "address" else (group,):
                if len(part) > 1:
                    yield _BY_CONTACT[kind], part


def _everybodys(said: Sequence[Traits], crowded: Crowded) -> set[tuple[str, BlockingKey]]:
    """Contacts that more names share than somebody's own has: they tie nobody by a name alone."""
    names: dict[tuple[str, BlockingKey], set[Name]] = defaultdict(set)
    for traits in said:
        if traits.name is not None:
            for contact in _contacts(traits, crowded):
                names[contact].add(traits.name)
    # many spellings may be few names
    several = (contact for contact, found in names.items() if len(found) > MOST_FOR_SAME)
    return {contact for contact in several if len(name_groups(names[contact])) > MOST_FOR_SAME}


def _contacts(traits: Traits, crowded: Crowded) -> Iterator[tuple[str, BlockingKey]]:
    for tail in {phone_tail(phone) for phone in traits.phones}:
        yield "phone", (tail,)
    for mail in traits.mails:
        yield "mail", (mail,)
    place = traits.address.key if traits.address is not None else None
    if place is not None and crowded.get(place, 0) <= MOST_FOR_SAME:
        yield "address", place


def _is_one_contact(kind: str, one: Traits, other: Traits) -> bool:
    """Whether a contact that two of one name are found by is the same, and nothing speaks against them."""
    if one.country and other.country and one.country != other.country:
        return False
    if one.born and other.born and one.born != other.born:
        return False
    if one.keys and other.keys and any(dict(other.keys).get(key, value) != value for key, value in one.keys):
        return False
    if kind == "phone":
        return any(same_phone(a, b) for a in one.phones for b in other.phones)
    return kind == "mail" or bool(one.address and other.address and same_street(one.address, other.address))


def _persons(group: list[int], said: Sequence[Traits]) -> list[list[int]]:
    """Nodes of one name at one address, as many parts as there may be persons; who has very many contacts is one."""
    parts: list[list[int]] = []
    for number in group:
        for part in parts:
            if not any(_may_be_two_persons(said[at], said[number]) for at in part[:MOST_TRIED]):
                part.append(number)
                break
        else:
            parts.append([number])
            if len(parts) > MOST_PERSONS:
                return [group]
    return parts


def _may_be_two_persons(one: Traits, other: Traits) -> bool:
    """Whether two persons of one name at one address have another phone or mailbox each: their clusters are compared."""
    if any(traits.name and traits.name.is_company for traits in (one, other)):
        return False
    if one.mails and other.mails and set(one.mails).isdisjoint(other.mails):
        return True
    return bool(one.phones and other.phones) and not any(same_phone(a, b) for a in one.phones for b in other.phones)


_BY_CONTACT = {
    kind: Evidence(
        f"name_same+{kind}",
        WEIGHTS["name_same"] + WEIGHTS[kind],
        (("name_same", WEIGHTS["name_same"]), (kind, WEIGHTS[kind])),
    )
    for kind in ("phone", "mail", "address")
}


def _joined_clusters(region: Region, groups: list[list[int]], rules: Rules) -> tuple[list[list[int]], Edges, Edges]:
    """Clusters that share a contact, compared by all that they say; those that are one, why, and what is in doubt."""
    pooled = [Pooled.of([region.said[at] for at in group]) for group in groups]
    blocks: dict[BlockingKey, list[int]] = defaultdict(list)
    for number, one in enumerate(pooled):
        for key in contact_keys(one.phones, one.mails, one.domains):
            blocks[key].append(number)
    settled = (
        [number for number, group in enumerate(groups) if region.settled.issuperset(group)] if region.settled else []
    )
    joining = Joining(pooled, rules.thresholds, settled)
    cluster = {at: number for number, group in enumerate(groups) for at in group}
    for here, there in region.apart:
        joining.union.forbid(cluster[here], cluster[there])
    shared = Shared.of(pooled, rules.crowded) if len(groups) > MOST_SHARING else Shared(addresses=rules.crowded)
    weighed = list(
        weigh_pairs(pooled, joining.open_pairs(pairs_of(pooled, blocks, joining.settled)), shared, rules.thresholds)
    )
    joining.join_all(weighed)

    profiles = [profile for profile, _ in region.said]

    def seen(found: Iterable[Weighed]) -> Edges:
        return [(*witnesses(profiles, groups[w.one], groups[w.other]), w.evidence) for w in found]

    clusters = [sorted(at for number in numbers for at in groups[number]) for numbers in joining.union.groups()]
    return clusters, seen(joining.joined), seen(joining.doubtful(weighed))


def witnesses(profiles: Sequence[Profile], here: Sequence[int], there: Sequence[int]) -> tuple[int, int]:
    """The two nodes of two clusters, by number, that have most in common: to show people what was weighed."""
    if len(here) == len(there) == 1:
        return here[0], there[0]
    ours, theirs = (
        [(number, _found_by(profiles[number].traits)) for number in numbers[:MOST_WITNESSES]]
        for numbers in (here, there)
    )
    _, one, other = max((len(mine & its), -one, -other) for one, mine in ours for other, its in theirs)
    return -one, -other


def _found_by(traits: Traits) -> frozenset[BlockingKey]:
    # equal names may have other remarks, which are not looked for
    return _keys_of(traits, traits.name.remark if traits.name is not None else None)


@lru_cache(maxsize=8192)
def _keys_of(traits: Traits, _remark: frozenset[str] | None) -> frozenset[BlockingKey]:
    return frozenset(blocking_keys(traits))
