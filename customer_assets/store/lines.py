"""Rows as lines of PostgreSQL's COPY in text format, by a function that is written out once per list of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

import msgspec

from customer_assets.domain.cache.compiled import function
from customer_assets.store.database import Connection

Line = Callable[[Any], str]

# what goes into a line, by kind of column; JSON keeps its own escapes, so only its backslashes are doubled
_PARTS = {
    "text": "v",
    "boolean": "'t' if v else 'f'",
    "json": "as_json(v)",
    "hash": "'\\\\\\\\x' + bytes(v).hex()",
    "date": "v.isoformat()",
    "time": "v.isoformat()",
    "money": "str(v)",
    "number": "str(v)",
}


def line_of(columns: Sequence[str], kinds: Mapping[str, str]) -> Line:
    """A function of a row that gives its line, ended.

    Args:
        columns: in the order of the COPY.
        kinds: kind of each: text, boolean, json, hash, date, time, money or number.
    """
    return _compiled(tuple((column, kinds[column]) for column in columns))


@cache
def _compiled(columns: tuple[tuple[str | int, str], ...]) -> Line:
    parts = ", ".join(f"'\\\\N' if (v := r[{column!r}]) is None else {_PARTS[kind]}" for column, kind in columns)
    texts = [(number, column) for number, (column, kind) in enumerate(columns) if kind == "text"]
    looked_at = "".join(f"{{r[{column!r}]}}" for _, column in texts)
    code = [
        "def line(r):",
        f" parts = ({parts},)",
        f" t = f{looked_at!r}",
        " if '\\\\' in t or '\\n' in t or '\\t' in t or '\\r' in t:",
        "  parts = escaped(r, parts)",
        " return '\\t'.join(parts) + '\\n'",
    ]

    def escaped(row: Any, parts: tuple[str, ...]) -> list[str]:
        made = list(parts)
        for number, column in texts:
            if row[column] is not None:
                made[number] = _escaped(row[column])
        return made

    line: Line = function("line", code, {"escaped": escaped, "as_json": _as_json})
    return line


LINES_AT_ONCE = 5_000


def copy_rows(connection: Connection, into: str, kinds: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table.

    Args:
        connection: database.
        into: the table.
        kinds: its columns, in the order in which rows have them, with their kinds (`line_of`).
        rows: values.
    """
    line = _compiled(tuple(enumerate(kinds.values())))
    with connection.cursor().copy(f"copy {into} ({', '.join(kinds)}) from stdin") as copy:
        left = iter(rows)
        while some := list(islice(left, LINES_AT_ONCE)):
            copy.write("".join(map(line, some)))


_encoder = msgspec.json.Encoder()


def _as_json(value: Any) -> str:
    if not value and isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    return _encoder.encode(value).decode().replace("\\", "\\\\")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
