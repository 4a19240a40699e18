"""Countries in any spelling: `België`, `BELGIUM`, `BE`, `BEL`, `ישראל` -> ISO 3166 alpha-2."""

from __future__ import annotations

import gettext
import re
from functools import cache, lru_cache

from anyascii import anyascii

from customer_assets.domain.wordlists import entries

# The languages that our systems' users write in, besides English.
_LANGUAGES = ("nl", "fr", "de", "he", "ar", "hi", "es", "it")
# Names that no ISO list has.
_ALIASES = {
    "uk": "GB",
    "england": "GB",
    "greatbritain": "GB",
    "scotland": "GB",
    "holland": "NL",
    "thenetherlands": "NL",
    "uae": "AE",
    "emirates": "AE",
    "unitedarabemirates": "AE",
    "verenigdearabischeemiraten": "AE",
    "dubai": "AE",
    "bharat": "IN",
    "usa": "US",
    "deutschland": "DE",
    "russia": "RU",
    "turkey": "TR",
    "southkorea": "KR",
}


_OF_TWO = ("congo",)  # countries


@lru_cache(maxsize=4096)
def country_code(name: str | None) -> str | None:
    """Alpha-2 code of a country's name or code in any of our languages, None when it is none."""
    if not name:
        return None
    return _names().get(_fold(name)) or _names().get(name.strip().casefold())


@lru_cache(maxsize=65536)
def country_of_mail(mail: str) -> str | None:
    """Alpha-2 code of the country whose national domain the (first) address has, None where it tells none.

    A mail service that everybody uses tells none: a Belgian may have his mailbox at yahoo.fr.
    """
    found = re.match(r"[^@\s]+@([^@\s;,<>]+\.([a-z]{2}))(?![^\s;,>])", mail.strip().casefold())
    if found is None:
        return None
    if found[2] in entries("open_domains") or found[1] in entries("free_mail"):
        return None
    return "GB" if found[2] == "uk" else country_code(found[2])


def _fold(name: str) -> str:
    return "".join(c for c in anyascii(name).casefold() if c.isalnum())


@cache
def _names() -> dict[str, str]:
    import pycountry

    names = dict(_ALIASES)
    translations = []
    for language in _LANGUAGES:
        try:
            translations.append(gettext.translation("iso3166-1", pycountry.LOCALES_DIR, [language]))
        except FileNotFoundError:
            continue
    for country in pycountry.countries:
        code = country.alpha_2
        english = [getattr(country, key, None) for key in ("name", "common_name", "official_name")]
        spelled = [t.gettext(name) for name in english if name for t in translations]
        for name in (code, country.alpha_3, *english, *spelled):
            if name:
                names.setdefault(_fold(name), code)
                names.setdefault(name.casefold(), code)
    for name in _OF_TWO:
        names.pop(name, None)
    return names
