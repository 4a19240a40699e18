"""The three-way merge of one field: what was last agreed, what stands here, what stands there. Pure.

Source: docs/systems/sumit.md#comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from customer_assets.domain.identity.names import name_key
from customer_assets.domain.phone import possible_e164

Policy = Literal["newest", "local", "remote", "review"]


class Outcome(StrEnum):
    """What is to be done with a field."""

    SETTLED = "settled"  # both sides say the same, or nobody changed anything
    PULL = "pull"  # the remote value holds here, too
    PUSH = "push"  # the local value is to be sent
    CONFLICT = "conflict"  # somebody has to decide


@dataclass(frozen=True, slots=True)
class MergeDecision:
    """The outcome for a field, and whether both sides had changed it."""

    outcome: Outcome
    both_changed: bool = False


def merge(
    base: Any,
    local: Any,
    remote: Any,
    *,
    field: str,
    policy: Policy,
    local_at: datetime | None,
    remote_at: datetime | None,
    from_origin: bool = False,
) -> MergeDecision:
    """Compare a field with what was last agreed.

    Args:
        base: value last agreed; None: none.
        local: value that is meant to hold here.
        remote: value that the other system was last seen with.
        field: name of the column; phones and e-mail addresses are compared by what they mean.
        policy: who wins where both changed and differ. `newest`: the later of the two times; unknown loses.
        local_at: when the local value was written.
        remote_at: when a scan first saw the remote value (SUMIT tells no better time).
        from_origin: the local value is that of a row of another system: a difference to it is nobody's to decide, under
            any policy but `local`.
    """
    if same(field, local, remote):
        return MergeDecision(Outcome.SETTLED)
    if same(field, base, remote):
        return MergeDecision(Outcome.PUSH)
    if (from_origin or not same(field, base, local)) and alike(field, local, remote):
        return MergeDecision(Outcome.SETTLED)  # each writes it in its own way: nothing for anybody to decide
    if policy == "local" and (from_origin or not same(field, base, local)):
        return MergeDecision(Outcome.PUSH, both_changed=True)
    if from_origin:
        return MergeDecision(Outcome.CONFLICT, both_changed=True)
    if same(field, base, local):
        return MergeDecision(Outcome.PULL)
    if policy == "review":
        return MergeDecision(Outcome.CONFLICT, both_changed=True)
    if policy == "newest" and local_at is not None and (remote_at is None or local_at > remote_at):
        return MergeDecision(Outcome.PUSH, both_changed=True)
    return MergeDecision(Outcome.PULL, both_changed=True)


def same(field: str, one: Any, other: Any) -> bool:
    """Whether two values mean the same: blanks are one, spaces around and within do not count, phones by their number."""
    return bool(_comparable(field, one) == _comparable(field, other))


SHORTEST_NUMBER = 7  # digits that tell a phone, without its country


def alike(field: str, one: Any, other: Any) -> bool:
    """Whether two values are spellings of one: case, punctuation, legal form, a number with or without its country."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    if field in ("name", "company_name"):
        key = name_key(one)
        return key is not None and key == name_key(other)
    first, second = (_bare(field, text) for text in (one, other))
    if not first or not second:
        return False
    short, long = sorted((first, second), key=len)
    if field == "phone":
        return len(short) >= SHORTEST_NUMBER and long.endswith(short) and len(long) - len(short) <= 3
    return first == second or (field == "vat_number" and long[:2].isalpha() and long[2:] == short)


def _bare(field: str, text: str) -> str:
    if field == "phone":
        return "".join(c for c in text if c.isdigit()).lstrip("0")
    return "".join(c for c in text if c.isalnum()).casefold()


def _comparable(field: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    if not text:
        return None
    if field == "phone":
        return possible_e164(text, "IL") or "".join(c for c in text if c.isalnum()).casefold()
    return text.casefold() if field == "general_email" else text
