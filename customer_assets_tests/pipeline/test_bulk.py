"""What a resolution keeps in memory, and gives back."""

from __future__ import annotations

import gc

from customer_assets.domain.identity.names import parse_name
from customer_assets.pipeline.identity.bulk import bulk


def test_names_are_forgotten_at_the_end_of_the_last_that_is_under_way() -> None:
    with bulk():
        first = parse_name("Bakkerij Janssens")
        with bulk():
            assert parse_name("Bakkerij Janssens") is first
        assert parse_name("Bakkerij Janssens") is first  # another thread's end takes nothing from this one
    assert parse_name("Bakkerij Janssens") is not first


def test_numbers_are_not_used_again() -> None:
    with bulk():
        before = parse_name("Bakkerij Janssens")
    after = parse_name("Slagerij Peeters")
    assert before is not None
    assert after is not None
    assert before.number != after.number


def test_the_collector_is_as_it_was() -> None:
    assert gc.isenabled()
    outer, inner = bulk(), bulk()
    outer.__enter__()
    inner.__enter__()
    assert not gc.isenabled()
    outer.__exit__(None, None, None)
    assert not gc.isenabled()
    inner.__exit__(None, None, None)
    assert gc.isenabled()
