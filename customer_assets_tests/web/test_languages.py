"""The console's languages: catalogues that are whole, pages that are read from their side, numbers as they are written there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from customer_assets.domain.cache.columns import sections
from customer_assets.web.console import languages
from customer_assets.web.console.jobs import kinds
from customer_assets.web.console.languages import LANGUAGE, LANGUAGES, catalogue, money, number, say
from customer_assets.web.console.listings import CUSTOMERS, GOLDEN, LIST_PAGES
from customer_assets.web.console.screen import SCREENS
from customer_assets.web.console.tables import DETAIL_TABLES, GOLDEN_FIELDS, GOLDEN_TABLES, heading
from customer_assets_tests.web.conftest import Visitor, Web

pytestmark = pytest.mark.slow
OTHERS = [code for code in LANGUAGES if code != "en"]
TEMPLATES = sorted((Path(languages.__file__).parent / "templates").glob("*.html"))
# names of systems and of things that are called so in every language
NAMES = {"robaws", "zoho", "sumit"}


def said_in_templates() -> set[str]:
    """Texts that templates ask for."""
    found: set[str] = set()
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        found |= {one or other for one, other in re.findall(r"""_\("([^"]*)"\)|_\('([^']*)'\)""", text)}
        for chosen in re.findall(r"""_\(('[^)]*? if [^)]*?'[^)]*)\)""", text):
            found |= set(re.findall(r"'([^']+)'", chosen))
    return found


def declared() -> set[str]:
    """Texts of declared lists, screens and tables."""
    found = {group for group, _ in SCREENS} | {label for _, members in SCREENS for _, label, _, _ in members}
    for listed in LIST_PAGES:
        found |= {listed.title} | {column.label for column in listed.columns} | {label for _, label in listed.actions}
        for wanted in listed.filters:
            found |= {wanted["label"]} | {str(label) for _, label in wanted["choices"] or ()}
    for columns in (GOLDEN, CUSTOMERS):
        found |= {column.label for column in columns}
    for title, _, columns in (*DETAIL_TABLES, *GOLDEN_TABLES):
        found |= {title} | {column.label for column in columns}
    for section, names in sections().items():
        found |= {section} | {heading(name) for name in names}
    return found | {name.replace("_", " ").capitalize() for name in GOLDEN_FIELDS}


def _constants(node: ast.expr | None) -> set[str]:
    """The texts that an expression is, whole: of both sides of a choice, of the elements of a list."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp():
            return _constants(node.body) | _constants(node.orelse)
        case ast.List():
            return {text for element in node.elts for text in _constants(element)}
    return set()


def said_in_code() -> set[str]:
    """Texts that handlers answer with, and titles and warnings of what can be started."""
    found: set[str] = set()
    for path in sorted(Path(languages.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                said = node.args[2:3] if name == "_go" else node.args[:1] if name == "PlainTextResponse" else []
                said += [word.value for word in node.keywords if word.arg in ("failed", "go", "lines")]
                found |= {text for one in said for text in _constants(one)}
    return found | {text for kind in kinds().values() for text in (kind.title, kind.warning)}


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_is_whole(language: str) -> None:
    wanted = {text for text in said_in_templates() | declared() | said_in_code() if text} - NAMES
    assert sorted(wanted - set(catalogue(language))) == []
    assert (len(said_in_templates()) > 150, len(said_in_code()) > 40) == (True, True)


def test_no_words_of_a_page_are_left_out_of_the_catalogues() -> None:
    for path in TEMPLATES:
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        left = [t.strip() for t in re.sub(r"<[^>]*>", "\n", text).splitlines() if re.search(r"[A-Za-z]{3}", t)]
        assert set(left) <= {"customer_assets", "Ctrl"}, path.name


@pytest.mark.parametrize(
    ("asked", "language", "direction", "word"),
    [
        ("nl-BE,nl;q=0.9,en;q=0.8", "nl", "ltr", "Klanten"),
        ("fr", "fr", "ltr", "Clients"),
        ("he-IL", "he", "rtl", "לקוחות"),
        ("de,pt;q=0.5", "en", "ltr", "Customers"),
        ("", "en", "ltr", "Customers"),
        ("*, ;;q", "en", "ltr", "Customers"),
    ],
)
def test_a_page_is_in_the_language_of_the_browser(
    visitors: dict[str, Visitor], asked: str, language: str, direction: str, word: str
) -> None:
    text = visitors["viewer"].client.get("/golden", headers={"Accept-Language": asked}).text
    assert f'<html lang="{language}" dir="{direction}">' in text
    assert f"<h1>{word}</h1>" in text


def test_a_language_that_was_chosen_stays(site: Web, visitors: dict[str, Visitor]) -> None:
    viewer = visitors["viewer"]
    there = viewer.client.get("/language?to=fr", headers={"referer": f"{site.address}/invoices?due=overdue"})
    assert there.headers["location"] == "/invoices?due=overdue"
    text = viewer.get("/invoices?due=overdue").text
    assert '<html lang="fr"' in text
    assert "Échéance: en retard" in text
    elsewhere = viewer.client.get("/language?to=xx", headers={"referer": "https://evil.example//evil.example/x"})
    assert elsewhere.headers["location"] == "/"
    assert '<html lang="fr"' in viewer.get("/golden").text


def test_numbers_are_written_as_the_language_writes_them() -> None:
    for language, whole, amount in (("en", "1,234,567", "1,234.50"), ("nl", "1.234.567", "1.234,50")):
        token = LANGUAGE.set(language)
        assert (number(1234567), money(1234.5)) == (whole, amount)
        LANGUAGE.reset(token)
    assert say(None) is None
    assert say("no such text") == "no such text"
