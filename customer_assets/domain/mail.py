"""E-mail addresses: one spelling each; those that were only typed because a form asked are none."""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(
    r"^(test|none|no-?reply|n/?a|unknown|onbekend|geen|x+)@|@(example|test|none|unknown)\.[a-z]+$"
)
_AT = re.compile(r" ?[\[(] ?(?:at|@) ?[\])] ?", re.IGNORECASE)  # against robots: info(at)noord.be
_BETWEEN = re.compile(r"[;,\s]+")
_PLAIN = re.compile(r"[a-z0-9][a-z0-9._+-]*@[a-z0-9][a-z0-9.-]*\.[a-z]{2,}")
_ADDRESS = re.compile(r"[^@]+@[^@]+\.[a-z]{2,}")


def addresses_in(text: str) -> list[str]:
    """The addresses in a text, in lower case, without placeholders."""
    text = _AT.sub("@", text)
    found = (part.strip("<>().").casefold().removeprefix("mailto:") for part in _BETWEEN.split(text.strip()))
    return [mail for mail in found if _ADDRESS.fullmatch(mail) and not _PLACEHOLDER.search(mail)]


def normalized_mail(text: str) -> str | None:
    """The first address of a text, None where there is none."""
    plain = text.casefold()
    if _PLAIN.fullmatch(plain):
        return None if _PLACEHOLDER.search(plain) else plain
    return next(iter(addresses_in(text)), None)
