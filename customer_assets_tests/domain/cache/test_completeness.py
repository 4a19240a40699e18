"""Complete or said: properties of the rule by which a scan may say that a record is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_assets.domain.cache.completeness import (
    Seen,
    changes_since,
    miscounted,
    shrunk,
    to_confirm,
    too_many,
)

COUNTS = st.integers(min_value=0, max_value=2_000_000)
SHARES = st.floats(min_value=0, max_value=1)
INSTANTS = st.integers(0, 300_000_000).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(distinct=COUNTS, unreadable=st.integers(0, 50), total=COUNTS, twice=st.integers(0, 50))
def test_a_counted_scan_is_complete_exactly_when_its_records_are_the_total(
    distinct: int, unreadable: int, total: int, twice: int
) -> None:
    seen = Seen(distinct, distinct + twice, unreadable, frozenset({total}))
    doubt = miscounted(seen, is_counted=True, tolerates_duplicates=True)
    assert (doubt is None) == (distinct + unreadable == total)


@given(distinct=COUNTS, totals=st.sets(COUNTS, min_size=2, max_size=4))
def test_a_total_that_moves_is_never_complete(distinct: int, totals: set[int]) -> None:
    seen = Seen(distinct, distinct, totals=frozenset(totals))
    assert miscounted(seen, is_counted=True, tolerates_duplicates=True) is not None


@given(distinct=COUNTS, twice=st.integers(0, 50), tolerates=st.booleans())
def test_without_a_total_only_records_that_came_twice_raise_doubt(distinct: int, twice: int, tolerates: bool) -> None:
    doubt = miscounted(Seen(distinct, distinct + twice), is_counted=False, tolerates_duplicates=tolerates)
    assert (doubt is None) == (tolerates or twice == 0)


@given(before=COUNTS, share=SHARES, distinct=COUNTS)
def test_a_larger_scan_is_never_more_doubtful_than_a_smaller_one(before: int, share: float, distinct: int) -> None:
    if shrunk(distinct, before=before, share=share) is None:
        assert shrunk(distinct + 1, before=before, share=share) is None
    assert shrunk(before, before=before, share=share) is None
    assert shrunk(distinct, before=None, share=share) is None


@given(before=st.integers(1, 100_000))
def test_by_a_tenth_and_no_more_a_scan_may_shrink_but_by_one_always(before: int) -> None:
    allowed = max(1, before // 10)
    assert shrunk(before - allowed, before=before, share=0.10) is None
    assert shrunk(before - allowed - 1, before=before, share=0.10) is not None
    assert not too_many(allowed, live=before, share=0.10)
    assert too_many(allowed + 1, live=before, share=0.10)


@pytest.mark.parametrize(
    ("live", "share", "most"), [(100, 0.29, 29), (10, 0.3, 3), (7, 1.0, 7), (25, 0.1, 2), (3, 0.0, 0)]
)
def test_a_share_is_counted_as_it_is_written(live: int, share: float, most: int) -> None:
    assert not too_many(most, live=live, share=share)
    assert too_many(most + 1, live=live, share=share)


@given(missing=st.lists(st.text(min_size=1), max_size=80), live=COUNTS, share=SHARES, most=st.integers(0, 60))
def test_either_few_enough_are_asked_for_or_nobody(missing: list[str], live: int, share: float, most: int) -> None:
    asked = to_confirm(missing, live=live, share=share, most=most)
    assert asked == missing[: len(asked)]
    assert len(asked) <= most
    assert (not asked) or not too_many(len(missing), live=live, share=share)


@given(watermark=INSTANTS, last=INSTANTS, now=INSTANTS, days=st.floats(0, 30))
def test_changes_suffice_only_for_so_long_and_only_from_where_all_is_known(
    watermark: datetime, last: datetime, now: datetime, days: float
) -> None:
    every = timedelta(days=days)
    since = changes_since(watermark=watermark, last_full_at=last, full_scan_every=every, now=now)
    assert (since is None) == (now - last > every)
    assert since is None or watermark - timedelta(seconds=1) < since <= watermark
    assert changes_since(watermark=None, last_full_at=last, full_scan_every=every, now=now) is None
    assert changes_since(watermark=watermark, last_full_at=None, full_scan_every=every, now=now) is None
