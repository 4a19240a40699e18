"""What records are found by, as numbers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from customer_assets.domain.identity.evidence import Profile, Record, profile_of
from customer_assets.domain.identity.key_hashes import Kind, keys_of, kind_of, name_hash, searches, word_key

LATIN = {"name": "Mizrahi Bouw", "address": "Herzlstraat 12", "postcode": "6100001", "city": "Tel Aviv"}
HEBREW = {"name": "מזרחי בנייה", "address": "הרצל 12", "postcode": "6100001", "city": "Tel Aviv"}


def said(**values: str) -> Profile:
    phones, mails = ([text] if (text := values.pop(name, None)) is not None else [] for name in ("phone", "mail"))
    return profile_of(Record(("0 row", "robaws", "1"), phones=phones, mails=mails, **values))


def found(one: Profile, other: Profile) -> set[Kind]:
    """By what kinds of keys one finds the other."""
    wanted = {key for key, _ in searches(keys_of("default", one))}
    return {kind_of(key) for key in wanted.intersection(keys_of("default", other))}


def test_records_find_each_other_by_what_they_share() -> None:
    one = said(name="Noord BV", phone="+32 3 555 01 02", mail="info@noord.be")
    other = said(name="Zuid NV", phone="03 555 01 02", mail="INFO@noord.be")
    assert found(one, other) == {Kind.VALUE}
    assert not found(one, said(name="Zuid NV", phone="03 555 01 03"))
    assert found(one, said(name="Noord NV")) == {Kind.NAME}


def test_an_address_is_found_by_those_of_the_other_script_alone() -> None:
    latin, hebrew = said(**LATIN), said(**HEBREW)
    assert found(latin, hebrew) == {Kind.FOREIGN}
    assert Kind.LATIN in found(hebrew, latin)
    assert found(latin, said(**{**LATIN, "name": "Peeters", "address": "Dizengoffstraat 12"})) == set()


def test_words_and_beginnings_find_nobody() -> None:
    one, other = said(name="Bakkerij Janssens Antwerpen"), said(name="Bakkerij Janssens Gent")
    assert found(one, other) == set()
    assert word_key("default", "janssens") in keys_of("default", one)
    (beginning,) = {begins for _, begins in searches(keys_of("default", one))}
    assert beginning is not None
    assert kind_of(beginning) is Kind.BEGINNING


def test_keys_of_accounts_never_meet() -> None:
    one = said(name="Noord BV", phone="+32 3 555 01 02")
    assert set(keys_of("one", one)).isdisjoint(keys_of("other", one))


@pytest.mark.parametrize("text", ["Noord BV", "מזרחי", "a\ud800b"])
def test_keys_are_the_same_in_every_process_and_fit_into_a_bigint(text: str) -> None:
    one = said(name=text)
    keys = keys_of("default", one)
    assert name_hash("default", one) in keys
    assert all(-(2**63) <= key < 2**63 for key in keys)
    code = (
        "from customer_assets.domain.identity.key_hashes import keys_of\n"
        "from customer_assets.domain.identity.evidence import Record, profile_of\n"
        f"print(keys_of('default', profile_of(Record(('0 row', 'robaws', '1'), name={text!a}))))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == f"{keys}\n"
    )
