"""What goes into a line of COPY comes out of the table as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_assets.store.database import Connection
from customer_assets.store.lines import line_of

KINDS = {
    "a_text": "text",
    "a_flag": "boolean",
    "a_json": "json",
    "a_hash": "hash",
    "a_date": "date",
    "a_time": "time",
    "a_money": "money",
    "a_number": "number",
}
TYPES = {
    "text": "text",
    "boolean": "boolean",
    "json": "jsonb",
    "hash": "bytea",
    "date": "date",
    "time": "timestamptz",
    "money": "numeric",
    "number": "bigint",
}
texts = st.one_of(
    st.sampled_from(["\\N", "\\.", "\\", "a\tb", "a\r\nb", "\\\\n", '"quoted"', "🏭", "\x7f", "\u2028", "\v\f\b", " "]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": texts,
    "boolean": st.booleans(),
    "json": st.recursive(
        st.one_of(st.none(), texts, st.booleans(), st.integers(-9, 9)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    ).filter(lambda value: value is not None),
    "hash": st.binary(),
    "date": st.dates(date(1000, 1, 1)),
    "time": st.datetimes(datetime(1000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (strategies take bounds without a zone)
    "money": st.decimals(-(10**9), 10**9, places=2),
    "number": st.integers(-(2**63), 2**63 - 1),
}
rows = st.lists(
    st.fixed_dictionaries({c: st.none() | VALUES[kind] for c, kind in KINDS.items()}), min_size=1, max_size=8
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=rows)
def test_a_row_comes_back_as_it_went_in(connection: Connection, rows: list[dict[str, Any]]) -> None:
    columns = ", ".join(f"{column} {TYPES[kind]}" for column, kind in KINDS.items())
    connection.execute(f"create temporary table if not exists held (at int generated always as identity, {columns})")
    connection.execute("truncate held")
    with connection.cursor().copy(f"copy held ({', '.join(KINDS)}) from stdin") as copy:
        copy.write("".join(map(line_of(tuple(KINDS), KINDS), rows)))
    found = connection.execute(f"select {', '.join(KINDS)} from held order by at").fetchall()
    assert [dict(row) for row in found] == rows
    assert all(isinstance(row["a_money"], Decimal | None) for row in found)
