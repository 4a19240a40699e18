"""What becomes of a row: newest wins whatever the order, absent keeps, the same again is nothing. No database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from customer_assets.domain.cache.mapping import MappedRecord, content_hash
from customer_assets.domain.cache.overlay import Overlays
from customer_assets.domain.cache.row import (
    Batch,
    Sighting,
    changes_of,
    differs,
    merged_row,
    new_row,
    newest_of_each,
)
from customer_assets.domain.cache.tables import CUSTOMERS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCH = Batch("default", "robaws", Overlays())
COLUMNS = ("name", "phone", "city", "is_active", "contact_persons")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["Aeon", "Boreas"]),
    "phone": st.sampled_from([None, "02 555 01", "02 555 02"]),
    "city": st.sampled_from([None, "Gent", "Luik"]),
    "is_active": st.booleans(),
    "contact_persons": st.sampled_from([[], [{"email": "a@b.example"}]]),
}


@st.composite
def sightings(draw: st.DrawFn, *, whole: bool = False) -> Sighting:
    """A version of one record: with its source's time or without, speaking of all columns or of some."""
    said = COLUMNS if whole else draw(st.sets(st.sampled_from(COLUMNS)).map(sorted))
    minutes = draw(st.integers(0, 5))
    given_time = NOON + timedelta(minutes=minutes) if whole or draw(st.booleans()) else None
    seen_at = NOON + timedelta(hours=1, minutes=draw(st.integers(0, 5)))
    values = {column: draw(VALUES[column]) for column in said}
    return Sighting(MappedRecord("1", given_time, values, {}, {}), seen_at)


def apply(row: dict[str, Any] | None, sighting: Sighting) -> tuple[str, dict[str, Any]]:
    """One step, as a load makes it."""
    digest = content_hash(sighting.record.values, CUSTOMERS.blanks)
    if row is None:
        return "created", new_row(CUSTOMERS, BATCH, sighting, digest) | {"id": 1, "updated_at": NOON}
    if not differs(row, sighting.record, digest):
        return "unchanged", row
    outcome, merged = merged_row(CUSTOMERS, BATCH, sighting, row)
    return outcome, row if merged is None else {"updated_at": NOON, **merged}


def source_values(row: dict[str, Any]) -> dict[str, Any]:
    return {column: row[column] for column in COLUMNS}


@given(st.lists(sightings(whole=True), min_size=2, max_size=4, unique_by=lambda s: s.record.modified_at))
def test_the_newest_version_by_source_time_wins_in_any_order_of_arrival(versions: list[Sighting]) -> None:
    newest = max(versions, key=lambda s: s.record.modified_at or NOON)
    for order in permutations(versions):
        row: dict[str, Any] | None = None
        for sighting in order:
            _, row = apply(row, sighting)
        assert row is not None
        assert source_values(row) == newest.record.values
        assert row["source_modified_at"] == newest.record.modified_at


@given(st.lists(sightings(), min_size=1, max_size=5))
def test_the_same_again_is_unchanged(versions: list[Sighting]) -> None:
    row: dict[str, Any] | None = None
    for sighting in versions:
        _, row = apply(row, sighting)
    outcome, again = apply(row, versions[-1])
    assert outcome in ("unchanged", "stale")
    assert row is not None
    assert source_values(again) == source_values(row)


@given(sightings(whole=True), sightings())
def test_what_a_record_does_not_speak_of_is_kept(first: Sighting, second: Sighting) -> None:
    _, before = apply(None, first)
    outcome, after = apply(before, second)
    if outcome == "updated":
        for column in COLUMNS:
            if column not in second.record.values:
                assert after[column] == before[column]


@given(sightings(whole=True), sightings(whole=True))
def test_a_change_is_logged_exactly_for_each_column_that_differs(first: Sighting, second: Sighting) -> None:
    _, before = apply(None, first)
    outcome, after = apply(before, second)
    if outcome != "updated":
        assert source_values(after) == source_values(before)
        return
    logged = {change[1] for change in changes_of(CUSTOMERS, BATCH, "1", before, after)}
    differing = {c for c in (*CUSTOMERS.source_columns, "primary_phone") if before[c] != after[c]}
    assert logged == differing
    assert differing


@given(sightings(whole=True), sightings(whole=True))
def test_a_row_that_is_gone_comes_back_only_by_a_later_sight(first: Sighting, second: Sighting) -> None:
    _, row = apply(None, first)
    gone = row | {"deleted_at": NOON + timedelta(hours=1, minutes=2), "is_active": False}
    outcome, after = apply(gone, second)
    if second.seen_at <= gone["deleted_at"]:
        assert (outcome, after["deleted_at"]) == ("stale", gone["deleted_at"])
    elif outcome == "updated":
        assert after["deleted_at"] is None


@given(st.lists(sightings(), min_size=1, max_size=6))
def test_of_a_record_that_comes_several_times_one_is_taken(versions: list[Sighting]) -> None:
    kept, dropped = newest_of_each(BATCH, versions)
    assert len(kept) == 1
    assert len(kept) + dropped == len(versions)
    assert kept[0] in versions
