"""What the cells of a column mean: numbers and dates by one reading for the whole column, and cells that say nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from customer_assets.domain.wordlists import entries
from customer_assets.errors import ConfigurationError, RecordError

T = TypeVar("T")

_LONGEST_BLANK = 8  # characters; a test holds the list to it
_SHEET_ERROR = re.compile(
    r"#(N/?A|N/B|NV|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|WERT!|BEZUG!|VALEUR!|WAARDE!|VERW!)", re.IGNORECASE
)
_GUARDED = re.compile(r'="(.*)"', re.DOTALL)
_WHOLE_FLOAT = re.compile(r"(\d+)\.0")  # 12.000 has thousands
_SCIENTIFIC = re.compile(r"[+-]?(\d+[.,]\d+[eE][+-]?\d+|\d+[eE]\+\d+)")  # 1e5 may be an id
_CODES = "EUR|USD|GBP|ILS|NIS|CHF|INR|AED|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|CAD|AUD|JPY|CNY|TRY|ZAR|MAD"
_CURRENCY = re.compile(rf"^(?:[€$£₪₹]|{_CODES})\s*(?=[\d.,(+\u2212-])|\s*(?:[€$£₪₹]|{_CODES})$|,--?$", re.IGNORECASE)
_GROUPED = re.compile(r"\d{1,3}(?:([ \u00a0\u202f\u2009'\u2019])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")
_GROUP_SIGNS = dict.fromkeys(map(ord, " \u00a0\u202f\u2009'\u2019"))
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?")
_ISO = re.compile(r"(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})(?:(?:T|,? +)(.*))?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
# a year of two digits between dashes may stand first: 23-01-15
_DAY_OR_MONTH_FIRST = re.compile(r"(\d{1,2})(?:-(\d{1,2})-(\d{4})|[/. ](\d{1,2})[/. ](\d{4}|\d{2}))(?:(?:T|,? +)(.*))?")
_TIME = re.compile(
    r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,]\d+)?)?\s*([AP]\.?M\.?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?", re.IGNORECASE
)
_SERIAL = re.compile(r"(\d{5})(?:[.,]\d+)?")
_SERIAL_DAYS = range(14_610, 73_051)  # 1940 to 2100
_EXCEL_EPOCH = date(1899, 12, 30)
_NO_DAY = re.compile(r"0{8}|0{1,2}[-/.]0{1,2}[-/.]0{2,4}.*|0000-00-00.*|1900-0?1-0?0.*|0?0[-/.]0?1[-/.]1900.*")
_REAL_YEARS = range(1901, 2200)  # what is outside stands for no date


def cell_text(cell: str) -> str | None:
    """A cell as text: trimmed, without the guards that keep spreadsheets from reading it; None where it says nothing."""
    text = cell.replace("\x00", "").strip()
    if not text:
        return None
    first = text[0]
    if first == "=" and (guarded := _GUARDED.fullmatch(text)):
        text = guarded.group(1).replace('""', '"').strip()
    elif first == "'" and len(text) > 1 and (text[1].isdigit() or text[1] in "+=-@("):
        text = text[1:].strip()
    elif first == "#" and _SHEET_ERROR.fullmatch(text):
        return None
    return None if not text or (len(text) <= _LONGEST_BLANK and text.casefold() in _blanks()) else text


@cache
def _blanks() -> frozenset[str]:
    return frozenset(entries("blanks"))


def identifier(text: str) -> str:
    """An id, phone or VAT id that a spreadsheet may have taken for a number: `1003.0` is 1003.

    Raises:
        ValueError: it was shortened to `3.24E+10`: what it was is lost.
    """
    if _SCIENTIFIC.fullmatch(text):
        raise ValueError("was shortened to a power of ten")
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole.group(1) if whole else text


@dataclass(frozen=True)
class Reading(Generic[T]):
    """How a column is read.

    Attributes:
        name: for people; blank where every reading comes to the same.
        read: text -> value; raises RecordError for what is none, gives None for a value that stands for none.
    """

    name: str
    read: Callable[[str], T | None]


# --- numbers ----------------------------------------------------------------------------------------------------------


def decimal_signs(text: str) -> set[str]:
    """The decimal signs that a number can have been written with; empty: it is no number."""
    bare = _bare(text)
    if not re.fullmatch(r"\d+(?:[.,]\d+)*|[.,]\d+", bare):
        return set()
    found = [c for c in bare if c in ".,"]
    if not found:
        return {".", ","}
    if "," not in bare and "," in text and _INDIAN.fullmatch(text.strip()):
        return {"."}
    last, groups = found[-1], re.split(r"[.,]", bare)
    if len(set(found)) == 2:
        grouped = all(len(group) == 3 for group in groups[1:-1]) and 1 <= len(groups[0]) <= 3
        return {last} if found.count(last) == 1 and grouped else set()
    other = "," if last == "." else "."
    grouped = all(len(group) == 3 for group in groups[1:]) and 1 <= len(groups[0]) <= 3 and groups[0] != "0"
    if len(found) > 1:
        return {other} if grouped else set()
    return {last, other} if grouped else {last}


def number_reading(
    columns: dict[str, Sequence[tuple[int, str]]], *, decimal: str | None
) -> dict[str, Reading[Decimal]]:
    """How the numbers of each column are read.

    Args:
        columns: name -> (line, text) of its cells that say something.
        decimal: `.` or `,` where it was said.

    Raises:
        ConfigurationError: a column is written in two ways, or fits two and nothing in the file tells which.
    """
    if decimal is None:
        signs = _settled({n: _signs_of(n, cells) for n, cells in columns.items()}, "--decimal . or --decimal ,")
    else:
        signs = dict.fromkeys(columns, decimal)
    return {
        name: Reading(f"decimal sign {sign}" if sign else "", _number_reader(name, sign or "."))
        for name, sign in signs.items()
    }


def _settled(told: Mapping[str, tuple[set[str], tuple[int, str] | None]], options: str) -> dict[str, str | None]:
    """The one way in which each column is read; None where all come to the same.

    Args:
        told: column -> the ways that all of its cells allow, and a cell that each of them reads differently.
        options: what decides where no column of the file does.
    """
    certain = {next(iter(ways)) for ways, _ in told.values() if len(ways) == 1}
    settled: dict[str, str | None] = {}
    for name, (ways, doubtful) in told.items():
        if len(ways) == 1:
            settled[name] = next(iter(ways))
        elif doubtful is None:
            settled[name] = None
        elif len(certain) == 1:
            settled[name] = next(iter(certain))
        else:
            line, text = doubtful
            raise ConfigurationError(
                f"column {name}, line {line}: {text!r} can be read in two ways, and nothing in the file tells which; say "
                f"{options}"
            )
    return settled


def _signs_of(name: str, cells: Sequence[tuple[int, str]]) -> tuple[set[str], tuple[int, str] | None]:
    """The decimal signs that all numbers of a column agree on, and one that would be read differently."""
    signs, doubtful = {".", ","}, None
    first: dict[str, tuple[int, str]] = {}
    for line, text in cells:
        possible = decimal_signs(text)
        if not possible:
            continue
        if len(possible) == 1:
            first.setdefault(next(iter(possible)), (line, text))
        elif doubtful is None and any(c in ".," for c in text):
            doubtful = (line, text)
        signs &= possible
    if len(first) == 2:
        (one, a), (other, b) = first["."], first[","]
        raise ConfigurationError(
            f"column {name} is written in two ways: line {one} {a!r}, line {other} {b!r}; say --decimal, and the others "
            "are set aside"
        )
    return signs, doubtful


def _bare(text: str) -> str:
    """A number without currency, sign and signs of thousands that are no points or commas; as it is where it is none."""
    bare = _without_currency(text)
    if bare.startswith("(") and bare.endswith(")"):
        bare = bare[1:-1]
    bare = _without_currency(bare.strip("+-\u2212"))
    if _GROUPED.fullmatch(bare):
        bare = bare.translate(_GROUP_SIGNS)
    return bare.replace(",", "") if _INDIAN.fullmatch(bare) else bare


def _without_currency(text: str) -> str:
    return _CURRENCY.sub("", _CURRENCY.sub("", text.strip())).strip()


def _number_reader(name: str, sign: str) -> Callable[[str], Decimal | None]:
    def read(text: str) -> Decimal | None:
        if sign not in decimal_signs(text):
            raise RecordError(f"{name}: not an amount")
        bare = _bare(text)
        grouped = bare.replace("," if sign == "." else ".", "").replace(sign, ".")
        shown = _without_currency(text)
        negative = shown.startswith(("-", "\u2212", "(")) or shown.endswith("-")
        return Decimal(f"-{grouped}" if negative else grouped)

    return read


# --- dates ------------------------------------------------------------------------------------------------------------


def date_reading(
    columns: dict[str, Sequence[tuple[int, str]]], *, order: str | None, zone: ZoneInfo
) -> dict[str, Reading[date]]:
    """How the dates of each column are read; timestamps with a zone become dates in `zone`.

    Args:
        columns: name -> (line, text) of its cells that say something.
        order: `dmy` or `mdy` where it was said.
        zone: of the business.

    Raises:
        ConfigurationError: as `number_reading`.
    """
    if order is None:
        told = {name: _orders_of(name, cells) for name, cells in columns.items()}
        orders = _settled(told, "--date-order dmy or --date-order mdy")
    else:
        orders = dict.fromkeys(columns, order)
    return {name: Reading(found or "", _date_reader(name, found or "dmy", zone)) for name, found in orders.items()}


def _orders_of(name: str, cells: Iterable[tuple[int, str]]) -> tuple[set[str], tuple[int, str] | None]:
    orders, doubtful = {"dmy", "mdy"}, None
    first: dict[str, tuple[int, str]] = {}
    for line, text in cells:
        match = None if _NO_DAY.fullmatch(text) else _DAY_OR_MONTH_FIRST.fullmatch(text)
        if match is None or int(match.group(3) or match.group(5)) in (1, 1753, 1900, 9999):
            continue
        one, other = int(match.group(1)), int(match.group(2) or match.group(4))
        if one > 12 >= other:
            orders &= {"dmy"}
            first.setdefault("dmy", (line, text))
        elif other > 12 >= one:
            orders &= {"mdy"}
            first.setdefault("mdy", (line, text))
        elif one != other and doubtful is None:
            doubtful = (line, text)
    if len(first) == 2:
        (one_line, a), (other_line, b) = first["dmy"], first["mdy"]
        raise ConfigurationError(
            f"column {name} has day first in line {one_line} ({a}) and month first in line {other_line} ({b}); say "
            "--date-order, and the others are set aside"
        )
    return orders, doubtful


def _date_reader(name: str, order: str, zone: ZoneInfo) -> Callable[[str], date | None]:
    def read(text: str) -> date | None:
        if _NO_DAY.fullmatch(text):
            return None
        try:
            found = _date_of(text, order, zone)
        except (ValueError, OverflowError):
            raise RecordError(f"{name}: not a date") from None
        return found if found.year in _REAL_YEARS else None

    return read


def _date_of(text: str, order: str, zone: ZoneInfo) -> date:
    if match := _ISO.fullmatch(text):
        year, month, day = (int(part) for part in match.groups()[:3])
        return _in_zone(date(year, month, day), match.group(4), zone)
    if match := _COMPACT.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
        return date(year, month, day)
    if match := _DAY_OR_MONTH_FIRST.fullmatch(text):
        one, other = int(match.group(1)), int(match.group(2) or match.group(4))
        written = match.group(3) or match.group(5)
        year = int(written) if len(written) == 4 else int(written) + (2000 if int(written) < 70 else 1900)
        month, day = (other, one) if order == "dmy" else (one, other)
        return _in_zone(date(year, month, day), match.group(6), zone)
    if (match := _SERIAL.fullmatch(text)) and int(match.group(1)) in _SERIAL_DAYS:
        return _EXCEL_EPOCH + timedelta(days=int(match.group(1)))
    raise ValueError(text)


def _in_zone(day: date, time: str | None, zone: ZoneInfo) -> date:
    """The day, in `zone` where its time says another."""
    if not time:
        return day
    match = _TIME.fullmatch(time.strip())
    if match is None:
        raise ValueError(time)
    hour, minute, second, half, offset = match.groups()
    if offset is None or day.year not in _REAL_YEARS:
        return day
    hours = int(hour) % 12 + (12 if half[0] in "pP" else 0) if half else int(hour)
    written = "+00:00" if offset[0] not in "+-" else f"{offset[:3]}:{offset[-2:]}"
    moment = datetime.fromisoformat(f"{day.isoformat()}T{hours:02d}:{minute}:{second or '00'}{written}")
    return moment.astimezone(zone).date()
