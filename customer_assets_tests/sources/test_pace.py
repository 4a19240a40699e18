"""How fast calls go: never faster than a system counts, also where others called it a moment ago."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from customer_assets.pipeline.sync.pull import pull_one
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.sources.kit.pace import Pacer, Resting, Window
from customer_assets_tests.conftest import Company

RATE, BURST = 40.0, 4
SPAN = BURST / RATE


def turns(pacer: Pacer, number: int) -> list[float]:
    """When some calls were let go."""

    async def go() -> list[float]:
        found = []
        for _ in range(number):
            await pacer.turn()
            found.append(time.monotonic())
        return found

    return asyncio.run(go())


def test_a_bucket_lets_a_burst_go_and_then_a_steady_stream() -> None:
    found = turns(Pacer(RATE, BURST), 8)
    assert found[-1] - found[0] >= (8 - BURST - 1) / RATE


def test_a_window_never_lets_more_go_than_are_counted_together() -> None:
    found = turns(Window(RATE, BURST), 10)
    assert all(later - earlier >= SPAN - 0.001 for earlier, later in zip(found, found[BURST:], strict=False))
    slow = Window(RATE, BURST)
    slow.slow_down(50)
    assert all(later - earlier >= 1 / 50 - 0.001 for earlier, later in pairwise(turns(slow, 3)))


@pytest.mark.parametrize("kind", [Pacer, Window])
def test_what_others_spent_counts(kind: type[Pacer]) -> None:
    pacer, began = kind(RATE, BURST), time.monotonic()
    pacer.note_spent(20, seconds_ago=0)
    assert turns(pacer, 1)[0] - began >= (SPAN if kind is Window else 1 / RATE) - 0.002
    rested, began = kind(RATE, BURST), time.monotonic()
    rested.note_spent(20, seconds_ago=10)
    assert turns(rested, BURST)[-1] - began < SPAN


def test_after_a_stretch_of_calls_there_is_a_rest_whoever_made_them() -> None:
    found = turns(Resting(1000, 1, stretch=3, rest=0.1), 7)
    rests = [later - earlier >= 0.069 for earlier, later in pairwise(found)]
    assert rests == [False, False, True, False, False, True]
    pacer = Resting(1000, 1, stretch=3, rest=0.1)
    pacer.note_spent(2, seconds_ago=0)
    assert pacer.wait() < 0.05
    found = turns(pacer, 2)
    assert found[1] - found[0] >= 0.069
    assert Resting(1000, 1, stretch=3, rest=0.1).wait() == 0
    for spent, is_due in ((3, True), (4, False), (6, True)):  # who made four rested after the third
        pacer = Resting(1000, 1, stretch=3, rest=0.1)
        pacer.note_spent(spent, seconds_ago=0)
        assert (pacer.wait() > 0.05) is is_due


def test_what_the_system_says_is_left_is_believed() -> None:
    pacer, began = Window(RATE, BURST), time.monotonic()
    pacer.correct(1)
    assert turns(pacer, 2)[-1] - began >= SPAN - 0.002


def test_a_sync_right_after_another_one_goes_on_at_the_pace_where_that_left_off(company: Company) -> None:
    """What a run spent, the next one knows from the table of runs."""
    quick = {"requests_per_second": 50, "burst": 10}
    company.pull("robaws", options=PullOptions(full=True, page_size=20), **quick)
    began = time.monotonic()
    company.pull("robaws", options=PullOptions(full=True, page_size=20), **quick)
    pages = 250 // 20
    assert time.monotonic() - began >= (pages - 2) / 50  # not a burst once more


@pytest.mark.slow
def test_a_first_call_that_has_to_wait_says_so(company: Company) -> None:
    paced = {"calls_per_minute": 8.0, "burst": 1}
    first = next(iter(company.world.zoho_contacts))
    said = [pull_one(company.context, company.account("zoho", **paced), first).message for _ in range(2)]
    assert "waited" not in said[0]
    assert "the first call waited" in said[1]
