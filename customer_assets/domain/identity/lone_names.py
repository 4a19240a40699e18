"""Whose a cluster is that shares a name with customers, and at most a place: a matter of odds.

A row that says "Jan Peeters" and nothing else is of the Jan Peeters who has five hundred rows rather than of one who has
three, or of a stranger. A customer of the name counts by its rows, and by how likely what the cluster says besides is for
that customer, against anybody; strangers of the name count by how common its words are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from math import factorial, log2, prod

from customer_assets.domain.identity.contact_details import phone_tail
from customer_assets.domain.identity.evidence import ACCEPT, Evidence, Profile
from customer_assets.domain.identity.joining import Weighed
from customer_assets.domain.identity.names import Name
from customer_assets.domain.identity.pooled import Pooled
from customer_assets.domain.identity.shared import words_of

SURE = 0.95  # odds from which such a cluster is joined
FEWEST_STRANGERS = 0.02  # of any name, however rare its words are here
MOST_FOR_A_VALUE, LEAST_FOR_A_VALUE = 50.0, 0.02  # what one value that agrees, or does not, may weigh
MOST_CUSTOMERS = 200  # of one name that are weighed against each other
_PLACE = ("postcode", "city")  # two ways to say one thing: they count once
_FIELDS = ("phone", "mail", "street", "country", "source", "vat", "born", "key", *_PLACE)


@dataclass
class Said:
    """What the rows of a cluster say besides its name.

    Attributes:
        rows: how many there are.
        values: by field: value -> rows that say it.
    """

    rows: int = 0
    values: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in _FIELDS})

    @classmethod
    def of(cls, profiles: Iterable[tuple[Profile, int]]) -> Said:
        """Add up what some profiles say, each with the number of its rows."""
        said = cls()
        for profile, rows in profiles:
            if profile.named_after is not None:
                continue
            said.rows += rows
            for name, values in _values(profile):
                for value in values:
                    said.values[name][value] += rows
        return said


@dataclass(frozen=True)
class Everybody:
    """What everybody says, for comparison.

    Attributes:
        words: in the names of how many customers each word is, trades too.
        lengths: how many of their names have so many words.
        customers: how many there are.
        places: postcode or city -> share of the rows that say it.
        mean_rows: rows of a customer.
    """

    words: Mapping[str, int]
    lengths: Mapping[int, int]
    customers: int
    places: Mapping[str, float]
    mean_rows: float

    @classmethod
    def of(cls, pooled: Iterable[Pooled], profiles: Iterable[tuple[Profile, int]]) -> Everybody:
        """Count over all clusters; those that say nothing but a name are nobody's yet."""
        words: Counter[str] = Counter()
        lengths: Counter[int] = Counter()
        customers = customers_rows = 0
        for one in pooled:
            if one.says_something:
                customers += 1
                customers_rows += one.rows
                words.update({word for name in one.names for word in words_of(name)})
                if one.known_as is not None:
                    lengths[len(words_of(one.known_as))] += 1
        places: Counter[str] = Counter()
        total = 0
        for profile, rows in profiles:
            total += rows
            address = profile.traits.address
            if address is not None:
                for place in (address.postcode, address.city):
                    if place:
                        places[place] += rows
        shares = {place: n / total for place, n in places.items()}
        return cls(words, lengths, customers or 1, shares, customers_rows / (customers or 1))

    def strangers(self, name: Name) -> float:
        """How many customers of a name one would expect besides those that are known, by its words and their number.

        Of the names of as many words, those that have each of them in some place: few names are one family name and no more.
        """
        words = words_of(name)
        total = self.words_in_all or 1
        shares = (self.words.get(word, 0) / total for word in words)
        return max(FEWEST_STRANGERS, self.lengths.get(len(words), 0) * factorial(len(words)) * prod(shares))

    @cached_property
    def words_in_all(self) -> int:
        """How many words all names have together."""
        return sum(self.words.values())


def likeliest(
    pooled: Sequence[Pooled],
    said_by: Callable[[int], Iterable[tuple[Profile, int]]],
    everybody: Everybody,
    *,
    placed: bool,
) -> Iterator[Weighed]:
    """Clusters that say a name, and nothing else but a town or not even that, with the customer whose they likely are.

    Args:
        pooled: all clusters, by number.
        said_by: what the records of a cluster say, each profile with the number of its rows.
        everybody: what everybody says.
        placed: those that say a town; else those that do not.
    """
    lone = [number for number, one in enumerate(pooled) if one.is_lone and one.says_something == placed]
    wanted = {key for number in lone for key in pooled[number].name_keys}
    customers: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(pooled):
        if one.says_something:
            for key in one.name_keys & wanted:
                customers[key].append(number)
    for of_name in customers.values():
        of_name.sort(key=lambda n: (-pooled[n].rows, n))
    said = cache(lambda number: Said.of(said_by(number)))
    for number in lone:
        for name in pooled[number].names:
            largest = [other for other in customers[name.key][: MOST_CUSTOMERS + 1] if other != number][:MOST_CUSTOMERS]
            if largest and (found := whose(name, said(number), [said(other) for other in largest], everybody)):
                yield Weighed(found[1], largest[found[0]], number)
                break


def whose(name: Name, lone: Said, customers: Sequence[Said], everybody: Everybody) -> tuple[int, Evidence] | None:
    """Which customer of its name a cluster is of, and why; None where that is not sure.

    Args:
        name: the name.
        lone: the cluster.
        customers: the other clusters of the name.
        everybody: what everybody says.
    """
    weights = [one.rows * _likelihood(lone, one, everybody) for one in customers]
    strangers = everybody.strangers(name) * everybody.mean_rows
    best = max(range(len(weights)), key=weights.__getitem__)
    others = sum(weights) - weights[best] + strangers
    odds = weights[best] / others
    if odds < SURE / (1 - SURE):
        return None
    parts = (
        ("rows_of_that_customer", round(log2(max(weights[best], 1.0)), 2)),
        ("rows_of_others_of_that_name", round(-log2(max(others, 0.01)), 2)),
    )
    return best, Evidence("likeliest_of_its_name", ACCEPT, parts)


def _likelihood(lone: Said, customer: Said, everybody: Everybody) -> float:
    """How much likelier it is that this customer's row says what the cluster says than that a stranger's does."""
    of = {name: _of_field(name, lone.values[name], customer.values[name], everybody) for name in _FIELDS}
    places = [of.pop(name) for name in _PLACE]
    return prod(of.values()) * (max(places) if min(places) >= 1 else min(places) * max(1.0, *places))


def _of_field(name: str, said: Counter[str], known: Counter[str], everybody: Everybody) -> float:
    if not said or not known:
        return 1.0
    total = known.total()
    common = [value for value in said if value in known]
    if common:
        if name not in _PLACE:
            return MOST_FOR_A_VALUE if name != "country" else 1.0
        return min(
            MOST_FOR_A_VALUE,
            max(1.0, *(known[value] / total / max(everybody.places.get(value, 0.0), 0.0005) for value in common)),
        )
    # a customer whose many rows all say the same seldom says something else; one that said many things may
    return max(LEAST_FOR_A_VALUE, (len(known) + 1) / (total + len(known) + 1))


def _values(profile: Profile) -> Iterable[tuple[str, tuple[str, ...]]]:
    traits = profile.traits
    place = traits.address
    return (
        ("phone", tuple({phone_tail(phone) for phone in traits.phones})),
        ("mail", traits.mails),
        ("street", (f"{place.street} {place.number}",) if place and place.street else ()),
        ("vat", (profile.vat,) if profile.vat else ()),
        ("born", (traits.born,) if traits.born else ()),
        ("key", tuple(" ".join(key) for key in traits.keys)),
        ("postcode", (place.postcode,) if place and place.postcode else ()),
        ("city", (place.city,) if place and place.city else ()),
        ("country", (traits.country,) if traits.country else ()),
        ("source", (" ".join(profile.source),) if profile.source else ()),
    )
