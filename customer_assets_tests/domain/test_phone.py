"""The primary phone rule (docs/systems/zoho.md#primary-phone), one test a step, and E.164."""

from __future__ import annotations

import re
from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_assets.domain.cache.derived import derived_values
from customer_assets.domain.country import country_code
from customer_assets.domain.phone import (
    Regions,
    _plainly_written,
    is_placeholder,
    numbers_in,
    possible_e164,
    primary_email,
    valid_e164,
)


def person(mobile: str = "", phone: str = "", *, primary: bool = False, email: str = "") -> dict[str, Any]:
    return {"mobile": mobile, "phone": phone, "is_primary_contact": primary, "email": email}


def contact(*persons: dict[str, Any], **fields: str) -> dict[str, Any]:
    return {"contact_persons": list(persons), "country": "Netherlands", **fields}


def primary(values: dict[str, Any]) -> str | None:
    return derived_values(values, Regions())["primary_phone"]


A, B, C, D = "+31205550101", "+31655500102", "+31205550103", "+31655500104"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (contact(person(B, A, primary=True), person(D, C), phone=C), B),
        (contact(person("", A, primary=True), person(D, C)), A),
        (contact(person(D, C), person("", A, primary=True)), A),
        (contact(person("", "", primary=True), person("", C), person(D, "")), C),
        (contact(person(), person("  ", "\t"), phone=A, mobile=B), B),
        (contact(phone=A), A),
        (contact(person(D, ""), person(B, "")), D),
        (contact(person()), None),
        (contact(), None),
    ],
)
def test_order_of_numbers(values: dict[str, Any], expected: str | None) -> None:
    assert primary(values) == expected


def test_the_primary_phone_beats_the_second_persons_mobile() -> None:
    values = contact(person("", "+31 20 555 0101", primary=True), person("+31 6 5550 0102", ""))
    assert primary(values) == "+31205550101"


def test_what_cannot_be_parsed_stays_as_received() -> None:
    assert primary({"phone": " ask Jan "}) == "ask Jan"


def test_e_mail_follows_the_same_order() -> None:
    assert primary_email(contact(person(email="b@x"), person(email="a@x", primary=True), general_email="c@x")) == "a@x"
    assert primary_email(contact(person(), general_email="c@x")) == "c@x"


@pytest.mark.parametrize(
    ("number", "region", "expected"),
    [
        ("+32 3 555 01 02", "NL", "+3235550102"),
        ("03 555 01 02", "BE", "+3235550102"),
        ("+32 (0)470 55 01 02", "BE", "+32470550102"),
        ("0032470550102", "BE", "+32470550102"),
        ("050-2345678", "IL", "+972502345678"),
        ("050-0000000", "IL", "+972500000000"),
        ("050-123", "IL", None),
        ("Tel. 093310281 / 0475204156", "BE", "+3293310281"),
        ("0000", "BE", None),
        ("", "BE", None),
    ],
)
def test_e164(number: str, region: str, expected: str | None) -> None:
    assert valid_e164(number, region) == expected


@pytest.mark.parametrize(
    ("values", "told_by", "expected"),
    [
        ({"phone": "03 555 01 02", "country": "België", "vat_number": "NL8929.50.614.B01"}, "country", "+3235550102"),
        ({"phone": "+32 3 555 01 02", "country": "Nederland"}, "number", "+3235550102"),
        ({"phone": "0032 3 555 01 02"}, "number", "+3235550102"),
        ({"phone": "020 555 01 01", "vat_number": "NL 8929.50.614.B01"}, "vat", "+31205550101"),
        ({"phone": "020 555 01 01", "vat_number": "BTW: NL 8929.50.614.B01"}, "vat", "+31205550101"),
        ({"phone": "020 555 01 01", "vat_number": "NL123"}, None, None),
        ({"phone": "020 555 01 01", "mobile": "+31 6 5550 0102"}, "number", "+31205550101"),
        ({"phone": "020 555 01 01", "general_email": "info@noord.nl"}, "mail", "+31205550101"),
        ({"phone": "020 555 01 01", "billing_email": "a@noord.nl, b@x.com"}, "mail", "+31205550101"),
        ({"phone": "020 555 01 01", "general_email": "info@noord.io"}, None, None),
        ({"phone": "020 555 01 01", "general_email": "jan@yahoo.fr"}, None, None),  # everybody's mail service
        ({"phone": "020 555 01 01", "country": "Atlantis"}, None, None),
        ({"phone": "0470 55 01 02", "country": "Nederland"}, None, None),  # of Belgium, and nobody says so
        ({"phone": "03 555 01", "country": "BE"}, None, None),  # too short
        ({"phone": "+32 3 555 01"}, None, None),
        ({"phone": "0000000000", "country": "BE"}, None, None),
    ],
)
def test_the_country_of_a_number_is_evidenced(
    values: dict[str, Any], told_by: str | None, expected: str | None
) -> None:
    derived = derived_values(values, Regions())
    assert (derived["phone_e164"], derived["phone_region_from"]) == (expected, told_by)


def test_a_sibling_tells_the_country_and_the_account_comes_last() -> None:
    values = {"phone": "020 555 01 01", "contact_persons": [{"mobile": "06 5550 0102"}, {"phone": "+31 20 555 01 03"}]}
    derived = derived_values(values, Regions("BE"))
    assert (derived["primary_phone"], derived["phone_region_from"]) == ("+31655500102", "sibling")
    derived = derived_values({"phone": "03 555 01 02"}, Regions("BE"))
    assert (derived["primary_phone"], derived["phone_region_from"]) == ("+3235550102", "account")


def test_a_country_that_the_source_fills_in_by_itself_tells_nothing() -> None:
    values = {"phone": "03 555 01 02", "country": "IL", "general_email": "info@noord.be"}
    derived = derived_values(values, Regions(unproven=frozenset({"IL"})))
    assert (derived["primary_phone"], derived["phone_region_from"]) == ("+3235550102", "mail")
    assert derived["country_code"] == "IL"


@pytest.mark.parametrize("name", ["Israel", "ישראל", "IL", "ISR", "israël", "Israël"])
def test_a_country_in_any_spelling(name: str) -> None:
    assert country_code(name) == "IL"


@given(
    number=st.one_of(
        st.from_regex(r"\A\+(32|31|33|49|44|972|91|971)[0-9 .-]{6,13}\Z"),
        st.from_regex(r"\A0[0-9 .-]{7,13}\Z"),
        st.from_regex(r"\A00(32|972|49)[0-9]{7,11}\Z"),
    ),
    region=st.sampled_from(["BE", "NL", "FR", "DE", "GB", "IL", "IN", "AE", "US"]),
)
@settings(max_examples=1500)
@pytest.mark.slow
def test_plainly_written_numbers_are_read_as_the_parser_reads_them(number: str, region: str) -> None:
    plain = _plainly_written(number, region)
    if plain is None:
        return
    try:
        parsed = phonenumbers.parse(re.sub(r"^00", "+", number), region)
    except phonenumbers.NumberParseException:
        assert plain[0] is None
        return
    if plain[0] is None:
        assert (
            is_placeholder(number)
            or is_placeholder(str(parsed.national_number))
            or not phonenumbers.is_valid_number(parsed)
        )
    else:
        assert phonenumbers.is_valid_number(parsed)
        assert plain[0] == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("0478/12.34.56 (Jan)", ["0478/12.34.56"]),
        ("Empfang 03 555 01 02", ["03 555 01 02"]),
        ("03 555 01 02 vraag naar Els", ["03 555 01 02"]),
        ("02 555 01 02 toestel 45", ["02 555 01 02"]),
        ("02 555 01 02 ext. 7", ["02 555 01 02"]),
        ("02 555 01 02 x12", ["02 555 01 02"]),
        ("0478550102/0479550103", ["0478550102", "0479550103"]),
        ("03/555 01 02 - 0470/55 01 02", ["03/555 01 02", "0470/55 01 02"]),
        ("0470/550102 ou 03/5550102", ["0470/550102", "03/5550102"]),
        ("03 / 555 01 02", ["03 / 555 01 02"]),
        ("+32 (0)3 555 01 02", ["+32 (0)3 555 01 02"]),
        ("0800 FLOWERS", []),
        ("3.24785E+10", []),
        ("0000000000", []),
        ("999999999", []),
        ("123456789", []),
        ("ask Jan", []),
    ],
)
def test_no_number_is_made_of_words_and_none_is_lost_between_two(written: str, numbers: list[str]) -> None:
    assert numbers_in(written) == numbers
    assert (valid_e164(written, "BE") is None) == (not numbers)


def test_a_placeholder_is_passed_over_for_a_number() -> None:
    assert primary({"mobile": "0000000000", "phone": "03 555 01 02", "country": "BE"}) == "+3235550102"
    assert primary({"mobile": "999999999"}) is None


@pytest.mark.parametrize(
    ("mobile", "phone", "expected"),
    [
        ("nvt", "+32 3 555 01 02", "+3235550102"),
        ("n/a", None, None),
        ("geen", "-", None),
        ("ask Jan", "03 555 01 02", "+3235550102"),
        ("ask Jan", "ask Els", "ask Jan"),
        (None, "fax 03 555 01 02", "fax 03 555 01 02"),  # as received, and dialled by nobody
        (None, "03 555 01 02, fax 03 555 01 03", "+3235550102"),
    ],
)
def test_a_number_that_can_be_dialled_comes_before_a_text(
    mobile: str | None, phone: str | None, expected: str | None
) -> None:
    assert primary({"mobile": mobile, "phone": phone, "country": "BE"}) == expected


@given(
    st.sampled_from(["32", "31", "33", "49", "44", "972", "91", "971", "39", "1", "48"]),
    st.text("0123456789", min_size=4, max_size=13),
)
@settings(max_examples=1500)
def test_possible_numbers_are_those_of_the_library(code: str, national: str) -> None:
    written = f"+{code} {national}"
    if not numbers_in(written):
        return  # one digit all along, or counting
    try:
        parsed = phonenumbers.parse(written)
    except phonenumbers.NumberParseException:
        expected = None
    else:
        e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        expected = e164 if phonenumbers.is_possible_number(parsed) else None
    assert possible_e164(written, "ZZ") == expected
