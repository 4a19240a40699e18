"""Pages of the console's lists, their sums, and what their filters offer: every query is keyed, and bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from psycopg import sql

from customer_assets.store.database import Connection
from customer_assets.store.reads.listings import LISTINGS, Listing
from customer_assets.store.reads.search import piece_of_a_number, prefix_query

PAGE = 50
MOST_PAGES = 1000  # nobody leafs further; a filter gets there sooner
MOST_COUNTED = 10_000  # rows of a list; more are said to be more
# what the filters of the list of customers offer: a country in one spelling, as received where nobody knows it
CHOICES = {
    "role": "role",
    "country": "coalesce(country_code, country)",
    "source": "source",
    "account": "account",
}


def rows_of(
    connection: Connection, name: str, filters: Mapping[str, str], *, page: int, sort: str | None = None
) -> tuple[list[dict[str, Any]], bool]:
    """One page of a list, and whether another follows. Unknown and blank filters are passed over."""
    offset = PAGE * max(0, min(page, MOST_PAGES))
    found = _selected(connection, LISTINGS[name], filters, sort=sort, limit=PAGE + 1, offset=offset)
    return found[:PAGE], len(found) > PAGE


def all_rows_of(
    connection: Connection, name: str, filters: Mapping[str, str], *, sort: str | None = None, most: int
) -> list[dict[str, Any]]:
    """All rows of a list that the filters leave, not more than `most`."""
    return _selected(connection, LISTINGS[name], filters, sort=sort, limit=most, offset=0)


def _selected(
    connection: Connection, listing: Listing, filters: Mapping[str, str], *, sort: str | None, limit: int, offset: int
) -> list[dict[str, Any]]:
    narrowed = _narrowed(listing, filters)
    if narrowed is None:
        return []
    joined, wanted = narrowed
    query = f"{_conditioned(listing, joined)} order by {listing.ordered(sort)} limit %(limit)s offset %(offset)s"
    return connection.execute(
        sql.SQL(query),  # put together from the declarations above alone
        {**wanted, "limit": limit, "offset": offset},
    ).fetchall()


def _conditioned(listing: Listing, joined: str, query: str = "") -> str:
    condition = " and ".join(filter(None, (listing.always, joined)))
    return f"{query or listing.query} {f'where {condition}' if condition else ''}"


def totals_of(connection: Connection, name: str, filters: Mapping[str, str]) -> tuple[int, list[dict[str, Any]]]:
    """How many rows a list has that the filters leave, `MOST_COUNTED` for that many or more; its sums for each currency."""
    listing = LISTINGS[name]
    narrowed = _narrowed(listing, filters)
    if narrowed is None:
        return 0, []
    joined, wanted = narrowed
    selected = _conditioned(listing, joined, listing.counted)
    counted = connection.execute(
        sql.SQL(f"select count(*) as rows from (select from ({selected}) r limit {MOST_COUNTED}) n"), wanted
    ).fetchone()
    sums: list[dict[str, Any]] = []
    if listing.sums:
        added = ", ".join(f"sum({column}) as {column}" for column in listing.sums)
        query = f"select coalesce(currency_code, '') as currency, count(*) as number, {added} from ({selected}) r group by 1 order by 2 desc"
        sums = connection.execute(sql.SQL(query), wanted).fetchall()
    return (counted["rows"] if counted else 0), sums


def matching_customers(connection: Connection, filters: Mapping[str, str], *, most: int) -> list[int]:
    """Ids of the customers that the filters of the list leave, not more than `most`."""
    narrowed = _narrowed(LISTINGS["customers"], filters)
    if narrowed is None:
        return []
    joined, wanted = narrowed
    found = connection.execute(
        sql.SQL(f"select c.id from customer_rows c {f'where {joined}' if joined else ''} order by c.id limit %(most)s"),
        {**wanted, "most": most},
    ).fetchall()
    return [row["id"] for row in found]


def _narrowed(listing: Listing, filters: Mapping[str, str]) -> tuple[str, dict[str, str]] | None:
    """(SQL condition, blank for none; its values), None where a search has no word in it."""
    wanted = {k: v for k, v in filters.items() if k in listing.filters and v}
    typed: dict[str, str] = {}
    if "q" in wanted:
        words = prefix_query(wanted["q"])
        if words is None:
            return None
        said = wanted["q"].strip().lower()
        all_words = " & ".join(f"'{word}':*" for word in re.findall(r"[^\W_]+", said)[:8])
        digits = piece_of_a_number(said)
        # ends of words are in the index from three letters on
        pieces = " & ".join(f"'{word}':*" for word in re.findall(r"[^\W_]{3,}", said)[:8])
        typed = {"q_text": said, "q_words": all_words, "q_pieces": f"'{digits}':*" if digits else pieces}
        wanted["q"] = words
    joined = " and ".join(listing.filters[k] for k in sorted(wanted))
    if "q" in wanted and listing.hits:
        joined = listing.hits.format(joined=joined)
    return joined, wanted | typed


def choices(connection: Connection) -> dict[str, list[str]]:
    """Values that the filters of customers offer."""
    return {
        column: [
            row["value"]
            for row in connection.execute(
                f"""
                select {value} as value
                from customer_rows
                where {value} is not null
                group by {value}
                order by count(*) desc, {value}
                limit 60
                """
            )
        ]
        for column, value in CHOICES.items()
    }
