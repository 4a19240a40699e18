"""Ids that make one customer of those that share them: of a source system, for VAT, of any other kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from customer_assets.domain.identity.evidence import MOST_NAMES, Evidence
from customer_assets.domain.identity.nodes import Nodes
from customer_assets.domain.identity.shared import name_groups
from customer_assets.domain.identity.ties import tied_parts

MOST_OF_A_VAT_ID = 2 / 3  # share of its rows: of one customer, what else stands under the id is a way to write it

SOURCE_ID = Evidence("source_id", 99.0)
VAT_ID = Evidence("vat_id", 98.0)
KEY = Evidence("key", 97.0)


def certain_groups(nodes: Nodes) -> Iterator[tuple[Evidence, Sequence[int]]]:
    """Nodes of one id each, by number, the surest kind of id first."""
    for certain, groups in ((SOURCE_ID, _by_source(nodes)), (VAT_ID, _by_vat(nodes)), (KEY, _by_key(nodes))):
        for _, group in sorted(groups.items()):
            if len(group) > 1:
                yield from ((certain, part) for part in _of_one_customer(nodes, group, certain) if len(part) > 1)


def _by_source(nodes: Nodes) -> Mapping[tuple[str, ...], list[int]]:
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, node in enumerate(nodes.profiles):
        if node.source is not None:
            groups[node.source].append(number)
    return groups


def _by_vat(nodes: Nodes) -> Mapping[tuple[str, ...], list[int]]:
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, node in enumerate(nodes.profiles):
        if node.vat is not None:
            groups[node.vat.partition(":")[2:]].append(number)
    return groups


def _by_key(nodes: Nodes) -> Mapping[tuple[str, ...], list[int]]:
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, node in enumerate(nodes.profiles):
        for key in node.traits.keys:
            groups[key].append(number)
    return groups


def _of_one_customer(nodes: Nodes, group: Sequence[int], certain: Evidence) -> Sequence[Sequence[int]]:
    """Those of one certain id that it makes one customer: all, unless it carries many names.

    Then it is a record for walk-in customers, a fiscal unit's VAT id, or the seller's own, typed in everywhere: only who
    shares a name or a contact besides is one. Or it is one customer's in many spellings, whose part is most of it.
    """
    names = {name for number in group if (name := nodes.profiles[number].traits.name)}
    if len(names) < MOST_NAMES or len(name_groups(names)) < MOST_NAMES:
        return [group]
    parts = [[group[at] for at in part] for part in tied_parts([nodes.profiles[number].traits for number in group])]
    rows = [nodes.rows(part) for part in parts]
    if certain is VAT_ID and max(rows) >= MOST_OF_A_VAT_ID * sum(rows):
        return [group]
    return parts
