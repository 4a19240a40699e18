"""What people decide of pairs: kept, and replayed by every later resolution."""

from __future__ import annotations

from customer_assets.errors import NotFoundError, RecordError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.explain import find_pair
from customer_assets.pipeline.identity.profiles import (
    ref_of,
)
from customer_assets.store import audit
from customer_assets.store.database import connect
from customer_assets.store.identity import reviews


def decide_pair(context: Context, one: str, other: str, *, decision: str, by: str) -> tuple[str, str]:
    """Keep that two records are the same customer, or are not; every later resolution replays it.

    Raises:
        NotFoundError: there is no such record.
        RecordError: the two are one record, or of different accounts.
    """
    with connect(context.url, name="customer_assets review") as connection, connection.transaction():
        (account, first), (other_account, second) = find_pair(connection, one, other)
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
