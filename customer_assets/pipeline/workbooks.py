"""What a workbook shows that its values do not tell: leading zeros of numbers, and formulas that nobody has worked out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO
from xml.etree import ElementTree as ET  # its expat (2.4.1 and later) bounds how far entities grow
from zipfile import BadZipFile, ZipFile

_PADDED = re.compile(r"(0{2,})(?:;.*)?(?:\\?[ @])*")  # 00000: so many digits at least
_CELL = re.compile(r"([A-Z]+)(\d+)")
_BLOCK = 1 << 20  # bytes
_RELATED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass
class Shown:
    """What a sheet shows.

    Attributes:
        digits: (row, column), both from 0 -> how many digits the number there is shown with, at least.
        unworked: cells with a formula that has no value, as `B7`.
    """

    digits: dict[tuple[int, int], int] = field(default_factory=dict)
    unworked: list[str] = field(default_factory=list)


def shown_in(path: Path, sheet: str) -> Shown:
    """What a sheet of an XLSX or XLSM file shows; nothing of a file that is not written as these are."""
    try:
        with ZipFile(path) as archive:
            part = _part_of(archive, sheet)
            padded = _padded_styles(archive)
            return _read(archive, part, padded) if part and (padded or _has_formulas(archive, part)) else Shown()
    except (BadZipFile, KeyError, ET.ParseError):
        return Shown()


def _part_of(archive: ZipFile, sheet: str) -> str | None:
    """The name of the file within the workbook that holds a sheet."""
    book = _tree(archive, "xl/workbook.xml")
    related = next((s.get(_RELATED) for s in book.iterfind(".//{*}sheet") if s.get("name") == sheet), None)
    targets = {r.get("Id"): r.get("Target", "") for r in _tree(archive, "xl/_rels/workbook.xml.rels")}
    return str(PurePosixPath("/xl") / targets[related]).lstrip("/") if related in targets else None


def _padded_styles(archive: ZipFile) -> dict[str, int]:
    """Numbers of the styles that show leading zeros -> with how many digits."""
    if "xl/styles.xml" not in archive.namelist():
        return {}
    styles = _tree(archive, "xl/styles.xml")
    formats = {f.get("numFmtId"): f.get("formatCode", "") for f in styles.iterfind("{*}numFmts/{*}numFmt")}
    return {
        str(number): len(match.group(1))
        for number, style in enumerate(styles.iterfind("{*}cellXfs/{*}xf"))
        if (match := _PADDED.fullmatch(formats.get(style.get("numFmtId"), "")))
    }


def _has_formulas(archive: ZipFile, part: str) -> bool:
    tail = b""
    with archive.open(part) as file:
        while block := file.read(_BLOCK):
            if b"<f>" in (seen := tail + block) or b"<f " in seen:
                return True
            tail = block[-2:]
    return False


def _read(archive: ZipFile, part: str, padded: Mapping[str, int]) -> Shown:
    shown = Shown()
    with archive.open(part) as file:
        for cell in _cells(file):
            reference, value = cell.get("r", ""), cell.find("{*}v")
            if (digits := padded.get(cell.get("s", ""))) and (place := _place(reference)):
                shown.digits[place] = digits
            if cell.find("{*}f") is not None and (value is None or not (value.text or cell.get("t") == "str")):
                shown.unworked.append(reference)
    return shown


def _cells(file: IO[bytes]) -> Iterator[ET.Element]:
    for _, element in ET.iterparse(file):  # noqa: S314 (expat, see the import)
        name = element.tag.rpartition("}")[2]
        if name == "c":
            yield element
        elif name == "row":
            element.clear()


def _place(reference: str) -> tuple[int, int] | None:
    if not (match := _CELL.fullmatch(reference)):
        return None
    column = 0
    for letter in match.group(1):
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match.group(2)) - 1, column - 1


def _tree(archive: ZipFile, part: str) -> ET.Element:
    return ET.fromstring(archive.read(part))  # noqa: S314 (expat, see the import)
