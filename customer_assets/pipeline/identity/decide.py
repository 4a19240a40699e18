"""What people decide of pairs: kept, and replayed by every later resolution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from customer_assets.errors import NotFoundError, NotInStateError, RecordError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.explain import find_pair
from customer_assets.pipeline.identity.profiles import (
    ref_of,
)
from customer_assets.pipeline.identity.resolve import in_this_process, resolve_within, unresolved_rows
from customer_assets.store import audit
from customer_assets.store.database import Connection, connect
from customer_assets.store.identity import index, reviews
from customer_assets.store.reads import golden_pages

MOST_TO_PART = 20  # records that one is told apart from
MOST_UNRESOLVED = 2_000  # rows, for an outcome that is shown while somebody waits


def decide_pair(
    context: Context, one: str, other: str, *, decision: str, by: str, account: str | None = None
) -> tuple[str, str]:
    """Keep that two records are the same customer, or are not; every later resolution replays it.

    Raises:
        NotFoundError: there is no such record.
        RecordError: the two are one record, of different accounts, or of several and none was named.
    """
    with connect(context.url, name="customer_assets review") as connection, connection.transaction():
        return _decide(connection, one, other, decision=decision, by=by, account=account)


@dataclass(frozen=True)
class Outcome:
    """What would come of a decision.

    Attributes:
        before, after: the customers that the records are of, now and then, as `golden_pages.in_short` tells them.
        is_wished: whether all records are of one customer then, or the one that is none of them stands apart.
    """

    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    is_wished: bool


def outcome_of_merging(context: Context, one: int, other: int) -> Outcome:
    """What saying that two cache rows are one customer would come to, with all that follows from it; nothing is kept.

    Raises:
        NotFoundError, RecordError: as `decide_pair`; or so much is unresolved that nobody would wait for the answer.
    """
    with _tried(context) as connection:
        rows = _together_with(connection, one) | _together_with(connection, other)
        before = golden_pages.in_short(connection, rows)
        is_one = _merge(connection, context, one, other, by="nobody")
        after = golden_pages.in_short(connection, rows)
    return Outcome(before, after, is_one)


def merge(context: Context, one: int, other: int, *, by: str) -> None:
    """Say that two cache rows are one customer, and resolve.

    Raises:
        NotFoundError: as `decide_pair`.
        RecordError: as `decide_pair`; or they, or others of their customers, would be two all the same: nothing is kept.
    """
    with connect(context.url, name="customer_assets review") as connection, connection.transaction():
        if not _merge(connection, context, one, other, by=by):
            raise RecordError(
                "Nothing was kept: they would stay two customers all the same, by an earlier answer or a number that two "
                "customers cannot share. Correct that first"
            )


def _merge(connection: Connection, context: Context, one: int, other: int, *, by: str) -> bool:
    """Whether all rows of both are of one customer now."""
    rows = _together_with(connection, one) | _together_with(connection, other)
    _decide(connection, str(one), str(other), decision="same", by=by)
    resolve_within(connection, in_this_process(context))
    return len(set(golden_pages.customers_of(connection, rows).values())) == 1


def outcome_of_parting(context: Context, row: int) -> Outcome:
    """What saying that a cache row is another customer than the others of its own would come to; nothing is kept.

    Raises:
        NotFoundError, RecordError: as `outcome_of_merging`.
    """
    with _tried(context) as connection:
        rows = _together_with(connection, row)
        before = golden_pages.in_short(connection, rows)
        is_apart = _part(connection, context, row, by="nobody")
        after = golden_pages.in_short(connection, rows)
    return Outcome(before, after, is_apart)


def part(context: Context, row: int, *, by: str) -> bool:
    """Say that a cache row is another customer than the others of its own, of as many as it takes; whether it is now.

    Raises:
        NotFoundError, RecordError: as `decide_pair`.
    """
    with connect(context.url, name="customer_assets review") as connection, connection.transaction():
        return _part(connection, context, row, by=by)


@contextmanager
def _tried(context: Context) -> Iterator[Connection]:
    with (
        connect(context.url, name="customer_assets review") as connection,
        connection.transaction(force_rollback=True),
    ):
        if unresolved_rows(connection, context) > MOST_UNRESOLVED:
            raise RecordError("Too much changed since customers were resolved last: sync first, then look again")
        yield connection


def _together_with(connection: Connection, row: int) -> set[int]:
    """The rows of a row's customer."""
    (customer,) = golden_pages.customers_of(connection, (row,)).values() or (0,)
    return golden_pages.rows_of(connection, customer) | {row}


def _part(connection: Connection, context: Context, row: int, *, by: str) -> bool:
    asked: set[int] = set()
    while with_it := sorted(_together_with(connection, row) - {row} - asked):
        if len(asked) >= MOST_TO_PART:
            return False
        asked.add(with_it[0])
        _decide(connection, str(row), str(with_it[0]), decision="different", by=by)
        resolve_within(connection, in_this_process(context))
    return _together_with(connection, row) == {row}


def _decide(
    connection: Connection, one: str, other: str, *, decision: str, by: str, account: str | None = None
) -> tuple[str, str]:
    (account, first), (other_account, second) = find_pair(connection, one, other, account)
    if first == second or account != other_account:
        raise RecordError(f"{one} and {other}: name two records of one account")
    pair = ref_of(first), ref_of(second)
    reviews.decide(connection, account=account, one_ref=pair[0], other_ref=pair[1], decision=decision, by=by)
    audit.record(connection, who=by, action=f"identity: {decision}", target=f"{pair[0]} and {pair[1]}")
    return pair


def take_back(context: Context, review_id: int, *, by: str) -> tuple[str, str]:
    """Take an answer back: the next resolution decides by what the records say.

    Raises:
        NotFoundError: there is no such answer.
    """
    with connect(context.url, name="customer_assets review") as connection, connection.transaction():
        index.wait_for_turn(connection)  # one that runs has read the answer, and would take it for given
        pair = reviews.take_back(connection, review_id, by=by)
        if pair is None:
            raise NotFoundError(f"there is no such answer as {review_id} (no such answer any more)")
        audit.record(connection, who=by, action="identity: taken back", target=f"{pair[0]} and {pair[1]}")
    return pair


def decide_review(
    context: Context, review_id: int, *, decision: str, by: str, is_open: bool = False
) -> tuple[str, str]:
    """The same for a pair that was asked about.

    Args:
        context: database and settings.
        review_id: which pair.
        decision: same or different.
        by: who says so.
        is_open: who decides believes that nobody did yet.

    Raises:
        NotFoundError: there is no such review.
        NotInStateError: somebody decided it otherwise meanwhile.
    """
    with connect(context.url, name="customer_assets review") as connection, connection.transaction():
        found = reviews.review(connection, review_id)
        if found is None:
            raise NotFoundError(f"no review {review_id}: `customer-assets review list`")
        if is_open and found["decision"] not in (None, decision):
            said = "one customer" if found["decision"] == "same" else "two customers"
            raise NotInStateError(f"{found['decided_by']} was faster, and said that they are {said}")
        pair = found["one_ref"], found["other_ref"]
        reviews.decide(
            connection, account=found["account"], one_ref=pair[0], other_ref=pair[1], decision=decision, by=by
        )
        audit.record(connection, who=by, action=f"identity: {decision}", target=f"{pair[0]} and {pair[1]}")
    return pair
