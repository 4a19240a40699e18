"""Text of any script as plain words: folded to lower-case ASCII, by the script that each was written in."""

from __future__ import annotations

import re

from anyascii import anyascii

_WORD = re.compile(r"[a-z0-9]+")
_INITIALS = re.compile(r"\b((?:[a-z]\.\s?){1,5}[a-z]?)(?=\W|$)")
_BAAM = re.compile(r"[בע]{1,2}\W{0,2}[עבמ]{0,1}\W{0,2}מ(?!\w)")
# Arabic al-, and lil- (for the), written together with their word
_ARTICLE = re.compile(r"\b(?:\u0627\u0644|\u0644\u0644)(?=\w{3})")
# "son of", which is no word of construction; `Abd al-`, with what follows one given name however it is written
_SON = re.compile(r"(?<!\w)\u0627?\u0628\u0646(?!\w)")
_SERVANT = re.compile(r"(?<!\w)(\u0639\u0628\u062f|\u05e2\u05d1\u05d3)[\s-]*(?:\u0627\u0644|\u05d0\u05dc[\s-]*)(?=\w)")
_LATIN_SERVANT = re.compile(r"\babd(?:[\s-]*[aeuo]l[\s-]*(?=\w)|[eu]([rnszdt])(?=\1))")
_MARKS = str.maketrans("", "", "'`\u2018\u2019\"")
_MARK = re.compile("['`\u2018\u2019\"]")
_LATIN = re.compile(r"^[\x00-\u024f\u2000-\u206f]*$")
_RUNS = re.compile(r"[\x00-\u024f\u2000-\u206f]+|[^\x00-\u024f\u2000-\u206f]+")
SCANNED = str.maketrans("013568", "olesgb")  # digits that a scanner reads for letters
_SCANNED_WORD = re.compile(
    r"(?=(?:[^0-9]*[0-9]){1,2}[^0-9]*$)(?=(?:[^a-z]*[a-z]){4})(?:[a-z]*[013568](?=[a-z])){1,2}[a-z]+"
)
OTHER_SCRIPT = "\x01"  # before a word of another script than Latin: lists know words by their script


def unmangled(text: str) -> str:
    """A text whose UTF-8 somebody read as Windows-1252 (`BrinkmÃ¼ller`), as it was."""
    if "\u00c3" not in text and "\u00c2" not in text:
        return text
    try:
        return text.encode("cp1252").decode()
    except UnicodeError:
        return text


def is_latin(text: str) -> bool:
    """Whether a text is written in Latin script alone."""
    return text.isascii() or _LATIN.match(text) is not None


def fold(text: str) -> str:
    """Lower-case ASCII; abbreviations with dots become one word (`B.V.` -> `bv`)."""
    if not text.isascii():
        text = anyascii(_plain(text).replace("\u0629", "\u0647"))
    folded = text.casefold()
    if "abd" in folded:
        folded = _LATIN_SERVANT.sub("abd", folded)
    if _MARK.search(folded) is not None:
        folded = folded.translate(_MARKS)
    if "." not in folded:
        return folded
    return _INITIALS.sub(lambda match: match.group(1).replace(".", "").replace(" ", "") + " ", folded)


def _plain(text: str) -> str:
    """Hebrew and Arabic without what is written together with a word and is none of it."""
    if is_latin(text):
        return text
    return _ARTICLE.sub("", _SERVANT.sub(r"\1", _SON.sub("bin", _BAAM.sub(" ltd ", text))))


def marked_words(text: str) -> list[str]:
    """Folded words; those of another script are marked, so that a list is asked for them in that script alone."""
    if text.isascii():
        return _WORD.findall(_of_one_word(fold(text)))
    text = _plain(text).translate(_MARKS)
    words: list[str] = []
    for run in _RUNS.findall(text):
        found = _WORD.findall(_of_one_word(fold(run)))
        words += found if is_latin(run) else [OTHER_SCRIPT + word for word in found]
    return words


def _of_one_word(folded: str) -> str:
    """Trades of two words as one."""
    return folded.replace("real estate", "estate").replace("general trading", "trading")


def as_scanned(word: str) -> str:
    """A folded word as it was before a scanner read digits for some of its letters."""
    return word.translate(SCANNED) if _SCANNED_WORD.fullmatch(word) else word
