"""What people decide of pairs: kept, and replayed by every later resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from customer_assets.errors import NotFoundError, RecordError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.explain import find_pair
from customer_assets.pipeline.identity.profiles import (
    ref_of,
)
from customer_assets.pipeline.identity.resolve import resolve_within, unresolved_rows
from customer_assets.store import audit
from customer_assets.store.database import Connection, connect
from customer_assets.store.identity import index, reviews
from customer_assets.store.reads import golden_pages

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
        is_wished: whether the two records are, or are not, of one customer then, as was decided.
    """

    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    is_wished: bool


def outcome_of(context: Context, one: int, other: int, *, decision: str) -> Outcome:
    """What a decision about two cache rows would come to, with all that follows from it; nothing is kept.

    Raises:
        NotFoundError, RecordError: as `decide_pair`; or so much is unresolved that nobody would wait for the answer.
    """
    with (
        connect(context.url, name="customer_assets review") as connection,
        connection.transaction(force_rollback=True),
    ):
        if unresolved_rows(connection, context) > MOST_UNRESOLVED:
            raise RecordError("Too much changed since customers were resolved last: sync first, then look again")
        rows = {
            row
            for now in golden_pages.customers_of(connection, (one, other)).values()
            for row in golden_pages.rows_of(connection, now)
        }
        rows |= {one, other}
        before = golden_pages.in_short(connection, rows)
        _decide(connection, str(one), str(other), decision=decision, by="nobody")
        resolve_within(connection, context)
        then = golden_pages.customers_of(connection, rows)
        after = golden_pages.in_short(connection, rows)
    return Outcome(before, after, (then[one] == then[other]) == (decision == "same"))


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


def decide_review(context: Context, review_id: int, *, decision: str, by: str) -> tuple[str, str]:
    """The same for a pair that was asked about.

    Raises:
        NotFoundError: there is no such review.
    """
    with connect(context.url, name="customer_assets review") as connection, connection.transaction():
        found = reviews.review(connection, review_id)
        if found is None:
            raise NotFoundError(f"no review {review_id}: `customer-assets review list`")
        pair = found["one_ref"], found["other_ref"]
        reviews.decide(
            connection, account=found["account"], one_ref=pair[0], other_ref=pair[1], decision=decision, by=by
        )
        audit.record(connection, who=by, action=f"identity: {decision}", target=f"{pair[0]} and {pair[1]}")
    return pair
