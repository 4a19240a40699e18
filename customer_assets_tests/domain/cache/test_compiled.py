"""The compiled loop over a mapping's fields does what the plain loop, written here, does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_assets.accounts import build_settings
from customer_assets.domain.cache.mapping import Mapper, Record, RecordMapping
from customer_assets.errors import RecordError
from customer_assets.sources.registry import SYSTEMS

ABSENT: Any = object()
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**12),
    st.sampled_from(
        ["", "  ", "Aeon BV", " trimmed ", "yes", "BE0203201340", "2026-02-30", "2026-11-25", "€ 12,50", "a@b.example"]
    ),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["name", "label", "email"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def plain_loop(mapping: RecordMapping, record: Record) -> tuple[dict[str, Any], dict[str, Any], list[str], int]:
    """Values, values of a new row, warnings and conflicts by the rules alone, for a mapping without extra fields."""
    values: dict[str, Any] = {}
    insert_values: dict[str, Any] = {}
    warnings: list[str] = []
    conflicts = 0
    for spec in mapping.fields:
        given_values = []
        for path in spec.paths:
            value: Any = record
            for depth, key in enumerate(path.split(".")):
                if depth and not (isinstance(value, dict) and value):
                    value = None  # what holds it is there and says nothing
                    break
                value = value.get(key, ABSENT)
                if value is ABSENT:
                    break
            if value is not ABSENT:
                given_values.append(value)
        said = [v for v in given_values if v is not None and v != ""]
        converted = [c for c in (spec.convert(v, spec.column, warnings) for v in said) if c is not None]
        conflicts += sum(c != converted[0] for c in converted)
        if converted:
            values[spec.column] = converted[0]
        elif spec.required:
            raise RecordError(f"no {spec.column}")
        elif spec.insert_default is not None:
            insert_values[spec.column] = spec.insert_default
        elif spec.hold or (not given_values and mapping.absent == "keep"):
            if spec.default is not None:
                insert_values[spec.column] = spec.default
        else:
            values[spec.column] = spec.default
    return values, insert_values, warnings, conflicts


def mappings() -> list[Any]:
    return [
        pytest.param(stream.mapping(build_settings(name)), absent, id=f"{name} {stream.entity} {absent}")
        for name, system in SYSTEMS.items()
        for stream in system.streams
        for absent in ("null", "keep")
    ]


@pytest.mark.parametrize(("declared", "absent"), mappings())
@given(data=st.data())
def test_the_compiled_loop_is_the_plain_loop(declared: RecordMapping, absent: str, data: st.DataObject) -> None:
    mapping = declared.reading_absent_as(absent)
    record: Record = {}
    for path in data.draw(st.sets(st.sampled_from([p for f in mapping.fields for p in f.paths]))):
        *above, key = path.split(".")
        inner = record
        for name in above:
            found = inner.setdefault(name, {})
            inner = found if isinstance(found, dict) else inner
        inner[key] = data.draw(VALUES)
    record[mapping.id_path] = 7
    try:
        expected = plain_loop(mapping, record)
    except RecordError:
        with pytest.raises(RecordError):
            Mapper(mapping).map(record)
        return
    mapped = Mapper(mapping).map(record)
    assert (mapped.values, mapped.insert_values, mapped.warnings, mapped.conflicts) == expected
