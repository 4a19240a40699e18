"""In which of the old one-byte encodings a text is written: the one under which its words are words.

Nearly every byte is some character in each of them, so that a wrong one raises no error: it makes `Spó³ka` of Spółka, and
`îùä ëäï` of a Hebrew name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Western, Central European, what DOS wrote in the west; the first that reads best
_LATIN = ("cp1252", "cp1250", "iso8859_2", "cp850")
_HEBREW = {"cp1255": frozenset(range(0xE0, 0xFB)), "cp862": frozenset(range(0x80, 0x9B))}
_OTHER_SCRIPTS = "cp1251 (Cyrillic), cp1253 (Greek), cp1256 (Arabic)"
_SAMPLE = 4_000_000  # bytes that are looked at
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_BESIDE = "\u2019\u2018\u00b4\u0060\u00b7\u00ad\u2013\u2014\u00a0\u2026\u201c\u201d\u201e\u00ab\u00bb"  # between two words, or of one
_MOST_BROKEN = 0.1  # of the words with special letters


def one_byte_encoding(data: bytes) -> str:
    """The encoding of a text that is not UTF-8, Windows-1252 where nothing speaks for another.

    Args:
        data: the text.

    Raises:
        ValueError: none fits, or it is in a script that several write; says what decides.
    """
    words = [word for word in _WORD.findall(data[:_SAMPLE]) if not word.isascii()]
    if not words:
        return _LATIN[0]
    if sum(map(_is_utf8, words)) * 2 > len(words):
        raise ValueError("and most of the rest is: mend what stands there, or name another one with --encoding")
    if script := _script_of(words):
        return script
    broken = {name: _broken(words, name) for name in _LATIN}
    best = min(broken, key=broken.__getitem__)
    if broken[best] > _MOST_BROKEN * len(words):
        raise ValueError("and no other encoding makes words of all: name it with --encoding, or mend what stands there")
    return best


def _is_utf8(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True


def _script_of(words: list[bytes]) -> str | None:
    """The encoding of a text whose words have no Latin letters beside the special ones; None: they have."""
    whole = [word for word in words if len(word) > 2 and all(byte > 0x7F for byte in word)]
    long = sum(len(word) > 2 for word in words)
    if not whole or len(whole) * 2 < long:
        return None
    for name, letters in _HEBREW.items():
        if sum(letters.issuperset(word) for word in whole) >= (1 - _MOST_BROKEN) * len(whole):
            return name
    raise ValueError(f"and its script is written in several encodings: name it with --encoding {_OTHER_SCRIPTS}")


def _broken(words: list[bytes], encoding: str) -> int:
    """How many words would have signs, or nothing, in their midst."""
    return sum(any(_is_sign(character) for character in _inner(word, encoding)) for word in words)


def _inner(word: bytes, encoding: str) -> Iterator[str]:
    """The special characters of a word that stand between others."""
    text = word.decode(encoding, "replace")
    return (character for character in text[1:-1] if character > "\x7f")


def _is_sign(character: str) -> bool:
    return not character.isalpha() and character not in _BESIDE
