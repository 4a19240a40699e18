"""The console's languages: catalogues in `locales/`, numbers as each language writes them, and from which side it is read.

What has no translation is shown in English: names of systems, what customers and systems wrote, messages with numbers in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from babel import negotiate_locale
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from starlette.requests import Request

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "nl": "Nederlands", "fr": "Français", "he": "עברית"}
RIGHT_TO_LEFT = frozenset(("he",))
COOKIE = "customer_assets_language"
LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)  # of the page that is made


def language_of(request: Request) -> str:
    """The language that somebody chose, else the first of the browser's that there is, else English."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    asked = [part.split(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")]
    return negotiate_locale([part for part in asked if part], list(LANGUAGES), sep="-") or ENGLISH


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """English -> this language."""
    if language == ENGLISH:
        return {}
    with (Path(__file__).parent / "locales" / f"{language}.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file, locale=language) if m.id and m.string}


def say(text: Any) -> Any:
    """A text in the language of the page; as it is where it has no translation, or is no text."""
    return catalogue(LANGUAGE.get()).get(text, text) if isinstance(text, str) else text


def number(value: int | float | Decimal) -> str:
    """A number with the separators of the language."""
    return format_decimal(value, locale=LANGUAGE.get())


def money(value: int | float | Decimal) -> str:
    """An amount, with two digits after the point."""
    return format_decimal(value, format="#,##0.00", locale=LANGUAGE.get())
