"""Delimited text, strictly: which encoding and separator, which line is which row, and which line is none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from customer_assets.domain.files.encodings import one_byte_encoding
from customer_assets.errors import ConfigurationError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"))
_MARKS_16 = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_NAMED = re.compile(r"\s*sep=(.)[^\S\t]*(?:\r\n|\r|\n)", re.IGNORECASE)
_SAMPLE = 64 * 1024
_CHARACTERS = 4_000_000  # of one cell: anything longer is a quote that swallowed the file


class Line(NamedTuple):
    """One row of a file.

    Attributes:
        number: of its first line in the file, from 1.
        cells: as many as the header has; empty where `problem` says why it is none.
        problem: why it cannot be read.
        received: the cells as they stand in the file.
    """

    number: int
    cells: list[str]
    problem: str | None = None
    received: tuple[str, ...] = ()


@dataclass(frozen=True)
class Delimited:
    """A delimited file that was understood.

    Attributes:
        header: the headings, trimmed.
        encoding, separator: what it is written in.
        text: its text, without mark and `sep=` line.
        first_line: number of the text's first line.
        widths: fields that a row may have; those beyond the header's are blank.
    """

    header: list[str]
    encoding: str
    separator: str
    text: str
    first_line: int
    widths: frozenset[int]

    def lines(self) -> Iterator[Line]:
        """The rows, in order; blank lines are none.

        Raises:
            ConfigurationError: a quote that does not close, or closes in the middle of a cell; names its line.
        """
        width, is_header = len(self.header), True
        for number, cells in _split(self.text, self.separator, self.first_line):
            if not (cells and cells[0].strip()) and not any(cell.strip() for cell in cells):
                continue
            if is_header:
                is_header = False
            elif len(cells) == width:
                yield Line(number, cells, None, tuple(cells))
            elif len(cells) in self.widths and not any(cell.strip() for cell in cells[width:]):
                yield Line(number, cells[:width], None, tuple(cells[:width]))
            else:
                yield Line(
                    number, [], f"line {number}: {len(cells)} fields where the heading has {width}", tuple(cells)
                )

    @property
    def has_closing_separator(self) -> bool:
        """Every row ends with a separator that the header has not."""
        return len(self.header) + 1 in self.widths


def delimited(data: bytes, *, encoding: str | None = None, separator: str | None = None) -> Delimited:
    """Understand a delimited file.

    Args:
        data: the file.
        encoding: a codec's name; None: by its mark, else UTF-8 where all of it is, else by `one_byte_encoding`.
        separator: one character; None: by a `sep=` line, else the one that splits header and rows alike.

    Raises:
        ConfigurationError: it is empty or no text, or two separators split it equally well; the message says what decides.
    """
    text, encoding = _decoded(data, encoding)
    first_line = 1
    if named := _NAMED.match(text):
        separator, text, first_line = separator or named.group(1), text[named.end() :], 2
    if not text.strip():
        raise ConfigurationError("cannot be read: it is empty")
    separator = separator or _separator(text)
    if len(separator) != 1:
        raise ConfigurationError(f"--separator {separator}: one character, or \\t")
    header, widths = _shape(text, separator, first_line)
    return Delimited(header, encoding, separator, text, first_line, widths)


def _decoded(data: bytes, encoding: str | None) -> tuple[str, str]:
    found = encoding or next((name for mark, name in (*_MARKS, *_MARKS_16) if data.startswith(mark)), None)
    if found is None and b"\0" in data[:_SAMPLE]:
        even, odd = data[0:_SAMPLE:2].count(0), data[1:_SAMPLE:2].count(0)
        if max(even, odd) > len(data[:_SAMPLE]) / 5:  # fewer are strays
            found = "utf-16-le" if odd > even else "utf-16-be"
    try:
        if found is not None:
            return data.decode(found).lstrip("\ufeff"), found
        try:
            return data.decode("utf-8"), "utf-8"
        except UnicodeDecodeError as error:
            return _decoded(data, _one_byte(data, error.start))
    except LookupError:
        raise ConfigurationError(f"--encoding {encoding}: there is no such encoding") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"cannot be read: byte {error.start} is not {found}; name the encoding with --encoding"
        ) from None


def _one_byte(data: bytes, at: int) -> str:
    """The encoding of what is not UTF-8 at some byte."""
    try:
        return one_byte_encoding(data)
    except ValueError as error:
        raise ConfigurationError(f"cannot be read: byte {at} is not UTF-8, {error}") from None


def _separator(text: str) -> str:
    """The separator that splits the header, and most rows into as many fields."""
    scores: dict[str, tuple[float, int]] = {}
    for candidate in SEPARATORS:
        try:
            widths = [len(cells) for _, cells in _split(text[:_SAMPLE], candidate, 1) if any(c.strip() for c in cells)]
        except ConfigurationError:
            widths = [len(line.split(candidate)) for line in text[:_SAMPLE].splitlines() if line.strip()]
        if not widths or widths[0] < 2:
            continue
        rows = widths[1:-1] or widths[1:] or widths
        alike = sum(width in (widths[0], widths[0] + 1) for width in rows) / len(rows)
        scores[candidate] = (alike, widths[0])
    if not scores:
        return ","
    best = max(scores, key=lambda candidate: scores[candidate])
    rivals = [SEPARATORS[c] for c in scores if scores[c] == scores[best]]
    if len(rivals) > 1:
        raise ConfigurationError(f"{' and '.join(rivals)} split the file equally well; say which with --separator")
    return best


def _shape(text: str, separator: str, first_line: int) -> tuple[list[str], frozenset[int]]:
    """The headings, and how many fields a row may have: blank headings at the end count no more than blank fields do."""
    rows = (cells for _, cells in _split(text, separator, first_line) if any(cell.strip() for cell in cells))
    header = [cell.strip() for cell in next(rows)]
    widths = {len(header)}
    while len(header) > 1 and not header[-1]:
        header.pop()
    width = len(header)
    widths.add(width)
    if len(widths) == 1:
        ends = [len(cells) == width + 1 and not cells[width].strip() for cells in islice(rows, 1)]
        if ends == [True] and all(len(cells) == width + 1 and not cells[width].strip() for cells in rows):
            widths = {width + 1}
    return header, frozenset(widths)


def _split(text: str, separator: str, first_line: int) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, cells) of each row.

    A quote inside an unquoted cell is a character like any other. One that opens a cell must close it: where it closes
    elsewhere, or took whole rows into one cell, everything after it would be shifted.
    """
    csv.field_size_limit(_CHARACTERS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    number, width, lines_before = first_line, 0, 0
    try:
        for cells in reader:
            lines, width = reader.line_num, width or len(cells)
            if lines > lines_before + 1 and width > 2 and _takes_in_rows(cells, separator, width):
                raise ConfigurationError(f"line {number}: a quote that opens in this row takes in the rows after it")
            yield number, cells
            number, lines_before = first_line + lines, lines
    except csv.Error:
        raise ConfigurationError(f"line {number}: a quote that opens in this row does not close rightly") from None


def _takes_in_rows(cells: Sequence[str], separator: str, width: int) -> bool:
    """Whether a cell that goes over several lines holds what looks like rows."""
    inner = (part for cell in cells if "\n" in cell or "\r" in cell for part in cell.splitlines()[1:])
    return any(_holds_a_row(part, separator, width) for part in inner)


def _holds_a_row(part: str, separator: str, width: int) -> bool:
    return part.count(separator) >= width - 1 or (width > 4 and part.count(separator) >= width // 2 + 1)
