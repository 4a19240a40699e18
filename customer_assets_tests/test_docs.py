"""Documents tell the truth: pages written from the code are as it writes them, links and cited anchors lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from customer_assets.sources import registry
from customer_assets_tests.sources import toy

ROOT = Path(__file__).parent.parent
CITED = re.compile(r"(?<![\w/])((?:docs|\.\./docs)/[\w/.-]+\.md)(?:#([\w-]+))?")
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")


def load_writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_pages", ROOT / "docs/write_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files(*patterns: str) -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).exists()]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as its readers' programs make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ["settings.md", "tables.md", "commands.md"])
def test_a_page_is_as_the_code_writes_it(page: str) -> None:
    assert load_writer().written(page) == (ROOT / "docs" / page).read_text(encoding="utf-8"), "run `make docs`"


def test_the_settings_of_another_system_are_documented_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.SYSTEMS, "toy", toy.SYSTEM)
    page = "\n".join(load_writer().settings_page())
    assert "## Toy" in page
    assert "| `TOY_TOKEN` |  | Token of the toy. |" in page


@pytest.mark.parametrize("path", files("*.py", "*.toml", "*.sql"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_code_cites_is_there(path: Path) -> None:
    for page, anchor in CITED.findall(path.read_text(encoding="utf-8")):
        cited = ROOT / page.removeprefix("../")
        assert cited.exists(), page
        assert not anchor or anchor in anchors(cited), f"{page}#{anchor}"


@pytest.mark.parametrize("path", files("*.md"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_of_a_document_lead_somewhere(path: Path) -> None:
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        linked = (path.parent / target).resolve() if target else path
        assert linked.exists(), target
        assert not anchor or linked.suffix != ".md" or anchor in anchors(linked), f"{target}#{anchor}"


def test_nothing_is_cited_that_is_not_in_the_repository() -> None:
    for path in files("customer_assets", "bench"):
        if path.suffix == ".py":
            assert not re.search(r"\b(fact )?sheet, (section|rule)", path.read_text(encoding="utf-8"), re.IGNORECASE), (
                path
            )
