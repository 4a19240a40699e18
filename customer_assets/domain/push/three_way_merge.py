"""The three-way merge of one field: what was last agreed, what stands here, what stands there. Pure.

Source: docs/systems/sumit.md#comparison.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from customer_assets.domain.identity.names import parse_name
from customer_assets.domain.phone import possible_e164

Policy = Literal["newest", "local", "remote", "review"]


class Outcome(StrEnum):
    """What is to be done with a field."""

    SETTLED = "settled"  # both sides say the same, or nobody changed anything
    PULL = "pull"  # the remote value holds here, too
    PUSH = "push"  # the local value is to be sent
    CONFLICT = "conflict"  # somebody has to decide


@dataclass(frozen=True, slots=True)
class MergeDecision:
    """The outcome for a field, and whether both sides had changed it."""

    outcome: Outcome
    both_changed: bool = False


def merge(
    base: Any,
    local: Any,
    remote: Any,
    *,
    field: str,
    policy: Policy,
    local_at: datetime | None,
    remote_at: datetime | None,
    from_origin: bool = False,
    is_edited: bool = False,
) -> MergeDecision:
    """Compare a field with what was last agreed.

    Args:
        base: value last agreed; None: none.
        local: value that is meant to hold here.
        remote: value that the other system was last seen with.
        field: name of the column; phones and e-mail addresses are compared by what they mean.
        policy: who wins where both changed and differ. `newest`: the later of the two times; unknown loses.
        local_at: when the local value was written.
        remote_at: when a scan first saw the remote value (SUMIT tells no better time).
        from_origin: the local value is that of a row of another system: a difference to it is nobody's to decide, under
            any policy but `local`.
        is_edited: somebody wrote the local value by hand: its spelling counts, and that it is what was agreed is no accident.
    """
    corrects_spelling = is_edited and local != remote and same(field, base, remote)
    if same(field, local, remote) and not corrects_spelling:
        return MergeDecision(Outcome.SETTLED)
    if same(field, base, remote):
        return MergeDecision(Outcome.PUSH)
    if from_origin and alike(field, local, remote):
        return MergeDecision(Outcome.SETTLED)  # each system writes it in its own way: nothing for anybody to decide
    if policy == "local" and (from_origin or is_edited or not same(field, base, local)):
        return MergeDecision(Outcome.PUSH, both_changed=True)
    if from_origin:
        return MergeDecision(Outcome.CONFLICT, both_changed=True)
    if same(field, base, local) and not is_edited:
        return MergeDecision(Outcome.PULL)
    if policy == "review":
        return MergeDecision(Outcome.CONFLICT, both_changed=True)
    if policy == "newest" and local_at is not None and (remote_at is None or local_at > remote_at):
        return MergeDecision(Outcome.PUSH, both_changed=True)
    return MergeDecision(Outcome.PULL, both_changed=True)


def same(field: str, one: Any, other: Any) -> bool:
    """Whether two values mean the same: blanks are one, spaces around and within do not count, phones by their number."""
    return bool(_comparable(field, one) == _comparable(field, other))


NAMES = ("name", "company_name")
_SHORTEST_CUT = 20  # characters of a field that is too short
_PHONE_ALONE = re.compile(r"[\d\s()+./\u2010-\u2015-]*")
WORDED = (
    *NAMES,
    "street",
    "street2",
    "city",
    "state",
    "country",
    "address",
)  # of words, whose punctuation says nothing


def alike(field: str, one: Any, other: Any) -> bool:
    """Whether two values are spellings of one: case, accents, punctuation, a legal form or a country that one leaves out.

    Words and groups of digits stay as they are and where they are: `Kaai 1/12` is not `Kaai 11/2`. A long one that the other
    begins with was cut off by a field that is too short.
    """
    if not isinstance(one, str) or not isinstance(other, str) or not one.strip() or not other.strip():
        return False
    if field == "phone":
        return _same_phone(one, other)
    if field == "vat_number":
        short, long = sorted(("".join(c for c in text if c.isalnum()).casefold() for text in (one, other)), key=len)
        return bool(short) and (short == long or (long[:2].isalpha() and long[2:] == short and not short[:1].isalpha()))
    if field not in WORDED:
        return False
    first, second = _words(one), _words(other)
    if not first or not second:
        return False
    if first == second or _is_cut_off(one, other):
        return True
    if field not in NAMES:
        return False
    # a legal form that only one of them writes
    short_words, long_words = sorted((first, second), key=len)
    name = parse_name(other if long_words is second else one)
    return name is not None and [word for word in long_words if word not in name.forms] == short_words


def _is_cut_off(one: str, other: str) -> bool:
    short, long = sorted((" ".join(text.split()) for text in (one, other)), key=len)
    return len(short) >= _SHORTEST_CUT and long.startswith(short)


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in folded if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", re.sub(r"(?<=\b[a-z])\.(?=[a-z]\b)", "", bare))  # `s.r.l.` is one word


def _same_phone(one: str, other: str) -> bool:
    """The same number, of which one has no country before it; what else is said besides is the same."""
    if _words_of_phone(one) != _words_of_phone(other):
        return False
    whole = [_with_country(text) for text in (one, other)]
    if all(whole):
        return whole[0] == whole[1]
    known = whole[0] or whole[1]
    if known is None:
        return _digits(one) == _digits(other) != ""
    local = _digits(other if whole[0] else one).lstrip("0")
    import phonenumbers

    national = str(phonenumbers.parse(known).national_number)
    return bool(local) and local == national


def _with_country(text: str) -> str | None:
    """E.164 of a number that says its country; None for one that does not, or is none."""
    import phonenumbers  # a third of a second, for who merges alone

    bare = "".join(c for c in text if c.isdigit() or c == "+")
    bare = f"+{bare[2:]}" if bare.startswith("00") else bare
    try:
        parsed = phonenumbers.parse(bare) if bare.startswith("+") else None
    except phonenumbers.NumberParseException:
        return None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _words_of_phone(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.casefold())


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _only_number(text: str) -> str | None:
    """E.164 of a text that is one number and nothing besides, an extension or a second number."""
    number = possible_e164(text, "IL")
    if number is None or not _PHONE_ALONE.fullmatch(text):
        return None
    import phonenumbers  # loaded by now

    parsed = phonenumbers.parse(number)
    country, national = str(parsed.country_code), phonenumbers.national_significant_number(parsed)
    digits = _digits(text)
    before = digits[: -len(national)]
    is_all = digits.endswith(national) and before in (
        "",
        "0",
        *(f"{a}{country}{b}" for a in ("", "00") for b in ("", "0")),
    )
    return number if is_all else None


def _comparable(field: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    if not text:
        return None
    if field == "phone":
        return _only_number(text) or "".join(c for c in text if c.isalnum()).casefold()
    return text.casefold() if field == "general_email" else text
