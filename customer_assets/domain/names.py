"""Names for comparison: scripts folded, punctuation and legal forms gone, words in one order."""

from __future__ import annotations

import re
from functools import lru_cache

from anyascii import anyascii

# Legal forms of the countries that our customers are of, folded as `fold` does.
LEGAL_FORMS = frozenset(
    [
        "bv",
        "bvba",
        "nv",
        "sa",
        "srl",
        "sprl",
        "cv",
        "cvba",
        "vof",
        "commv",
        "comm",
        "gcv",
        "ebvba",
        "vzw",
        "asbl",
        "sarl",
        "sas",
        "sasu",
        "eurl",
        "snc",
        "sci",
        "gmbh",
        "ag",
        "kg",
        "ohg",
        "ug",
        "ev",
        "mbh",
        "ltd",
        "limited",
        "llc",
        "llp",
        "lp",
        "plc",
        "inc",
        "corp",
        "co",
        "pvt",
        "private",
        "fze",
        "fzco",
        "fzc",
        "pjsc",
        "baam",
        "bam",
    ]
)
_WORD = re.compile(r"[a-z0-9]+")
_INITIALS = re.compile(r"\b((?:[a-z]\.\s?){1,5}[a-z]?)(?=\W|$)")
_BAAM = re.compile(r"בע\W{0,2}מ")


def fold(text: str) -> str:
    """Lower-case ASCII; abbreviations with dots become one word (`B.V.` -> `bv`)."""
    ascii_text = anyascii(_BAAM.sub(" ltd ", text)).casefold()
    return _INITIALS.sub(lambda match: match.group(1).replace(".", "").replace(" ", "") + " ", ascii_text)


@lru_cache(maxsize=131072)
def name_key(name: str | None) -> str | None:
    """What two spellings of one name have in common: its words without legal forms, sorted. None for a blank.

    A name of nothing but legal forms keeps them, so that it does not match everything.
    """
    if not name:
        return None
    words = _WORD.findall(fold(name))
    core = [word for word in words if word not in LEGAL_FORMS] or words
    return " ".join(sorted(core)) or None
