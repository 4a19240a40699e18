"""The three-way merge, by cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from customer_assets.domain.push.three_way_merge import Policy, alike, merge, same

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("base", "local", "remote", "outcome"),
    [
        ("a", "a", "a", "settled"),
        ("a", "b", "b", "settled"),
        ("a", "b", "a", "push"),
        ("a", "a", "b", "pull"),
        ("a", None, "a", "push"),
        (None, "", None, "settled"),
        ("a ", "a", " a", "settled"),
    ],
)
@pytest.mark.parametrize("policy", ["newest", "local", "remote", "review"])
def test_what_one_side_changed_needs_no_policy(
    base: Any, local: Any, remote: Any, outcome: str, policy: Policy
) -> None:
    decided = merge(base, local, remote, field="city", policy=policy, local_at=NOON, remote_at=NOON)
    assert (decided.outcome, decided.both_changed) == (outcome, False)


@pytest.mark.parametrize(
    ("policy", "later", "outcome"),
    [
        ("newest", 1, "push"),
        ("newest", 0, "pull"),
        ("newest", -1, "pull"),
        ("local", -1, "push"),
        ("remote", 1, "pull"),
        ("review", 1, "conflict"),
    ],
)
def test_what_both_changed_is_decided_by_policy(policy: Policy, later: int, outcome: str) -> None:
    local_at = NOON + timedelta(minutes=later)
    decided = merge("a", "b", "c", field="city", policy=policy, local_at=local_at, remote_at=NOON)
    assert (decided.outcome, decided.both_changed) == (outcome, True)


@pytest.mark.parametrize("policy", ["newest", "remote", "review"])
def test_a_difference_to_the_origin_is_nobodys_to_decide(policy: Policy) -> None:
    how: Any = {"field": "city", "policy": policy, "local_at": NOON, "remote_at": None, "from_origin": True}
    assert merge("a", "a", "c", **how).outcome == "conflict"
    assert merge("a", "b", "a", **how).outcome == "push"


def test_under_local_the_origin_wins() -> None:
    decided = merge("a", "a", "c", field="city", policy="local", local_at=None, remote_at=NOON, from_origin=True)
    assert decided.outcome == "push"


@pytest.mark.parametrize(
    ("field", "one", "other", "alike"),
    [
        ("phone", "050-123 4567", "+972501234567", True),
        ("phone", "050-1234567", "050-1234568", False),
        ("phone", "call me", "CALL-ME", True),
        ("general_email", "A@b.be", "a@b.be ", True),
        ("name", "Orly Ltd", "orly ltd", False),
        ("name", "Orly  Ltd", "Orly Ltd", True),
    ],
)
def test_rewritten_values_are_no_edits(field: str, one: str, other: str, alike: bool) -> None:
    assert same(field, one, other) is alike


@pytest.mark.parametrize(
    ("field", "one", "other", "is_alike"),
    [
        ("vat_number", "FR8282.841.0449", "FR82828410449", True),
        ("vat_number", "BE0476267228", "0476.267.228", True),
        ("vat_number", "BE0476267228", "0476267229", False),
        ("phone", "038 409 311", "003238409311", True),
        ("phone", "+32 475 11 22 33", "0475/112233", True),
        ("phone", "0475112233", "0475112234", False),
        ("phone", "12", "0012", False),
        ("phone", "+32 2 555 01 02", "+232 25 550102", False),
        ("phone", "0475 11 22 33", "0475/11.22.33", True),
        ("name", "Café Noord, S.R.L.", "cafe noord srl", True),
        ("name", "Café Noord", "CAFE NOORD BV", True),
        ("name", "Delta BV", "Delta NV", False),
        ("name", "Delta Noord", "Noord Delta", False),
        ("street", "Kaai 1/12", "Kaai 11/2", False),
        ("street", "Kaai 1, bus 12", "KAAI 1 BUS 12", True),
        ("zipcode", "1-23", "12-3", False),
        ("general_email", "jan.peeters@telenet.be", "janpeeters@telenet.be", False),
        ("name", "Café Noord", "Café Zuid", False),
        ("name", "Depot 1", "Depot 2", False),
        ("city", "SINT-NIKLAAS", "Sint Niklaas", True),
        ("general_email", "a@b.be", "a@b.com", False),
        ("city", None, None, False),
        ("city", "-", "--", False),
    ],
)
@pytest.mark.parametrize("from_origin", [True, False])
def test_a_spelling_is_no_conflict(field: str, one: Any, other: Any, is_alike: bool, from_origin: bool) -> None:
    assert alike(field, one, other) is alike(field, other, one) is is_alike
    if one == other:
        return
    how: Any = {"field": field, "policy": "review", "local_at": NOON, "remote_at": NOON, "from_origin": from_origin}
    # of what a person wrote here the policy decides, spelling or not
    assert merge("before", one, other, **how).outcome == (
        "settled" if same(field, one, other) or (is_alike and from_origin) else "conflict"
    )
    # whoever changes a spelling on one side alone means it
    if not same(field, one, other):
        assert merge(other, one, other, **how).outcome == "push"


@pytest.mark.parametrize(
    ("base", "local", "remote", "outcome"),
    [
        ("Gent ", "Gent", "Gent ", "push"),  # a spelling that somebody corrected
        ("Brugge", "Gent", " Gent", "settled"),  # somebody corrected it there, too
        ("Gent", "Gent", "Gent", "settled"),
        ("Gent", "Gent", "Brugge", "conflict"),  # back to what was agreed, by hand
    ],
)
def test_what_was_edited_by_hand_is_meant_as_it_is_written(base: str, local: str, remote: str, outcome: str) -> None:
    how: Any = {"field": "city", "policy": "review", "local_at": NOON, "remote_at": NOON}
    assert merge(base, local, remote, **how, is_edited=True).outcome == outcome


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("03-555 01 02", "+972 3 5550102", True),
        ("(03) 555.01.02", "00972 3 5550102", True),
        ("+32 (0)3 555 01 02", "0032 3 555 01 02", True),
        ("03-5550102", "03-5550102 ext 4", False),
        ("03-5550102 / 050-1234567", "03-5550102 / 050-7654321", False),
        ("050-1234567 Moshe", "050-1234567 Dana", False),
    ],
)
def test_a_phone_is_its_number_where_it_is_one_number(one: str, other: str, is_same: bool) -> None:
    assert same("phone", one, other) is is_same


def test_what_a_short_field_cut_off_is_alike() -> None:
    assert alike("street", "A very long street name that goes on 12", "A very long street n")
    assert not alike("street", "Kerkstraat 12 bus 3", "Kerkstraat 12")
