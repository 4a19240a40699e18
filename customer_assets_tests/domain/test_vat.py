"""VAT ids in one spelling, and what their check digits say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.be import vat as belgian

from customer_assets.domain.cache.derived import derived_values
from customer_assets.domain.country import country_code
from customer_assets.domain.phone import Regions
from customer_assets.domain.vat import normalized_vat


@pytest.mark.parametrize(
    ("written", "country", "expected"),
    [
        ("BE 0123.456.749", None, ("BE0123456749", "valid")),
        ("BTW-nummer: BE 0123.456.749 RPR Antwerpen", None, ("BE0123456749", "valid")),
        ("123456749", "BE", ("BE0123456749", "valid")),
        ("BE0123.456.749/001", None, ("BE0123456749", "valid")),
        ("BE0123.456.749 / BE0476267228", None, ("BE0123456749", "valid")),
        ("EL 094259216", None, ("GR094259216", "valid")),
        ("GR094259216", None, ("GR094259216", "valid")),
        ("XI980780684", None, ("GB980780684", "valid")),
        ("CHE-100.155.212 MWST", None, ("CHE100155212", "valid")),
        ("CHE100155212", "CH", ("CHE100155212", "valid")),
        ("27 AAPFU 0939 F1ZV", "IN", ("IN27AAPFU0939F1ZV", "valid")),
        ("BE0123456748", None, ("BE0123456748", "invalid")),
        ("0123456749", None, ("0123456749", "unchecked")),  # nobody says of which country
        ("TRN 100123456789012", "AE", ("AE100123456789012", "unchecked")),
        ("VAT No. BE0123456749", None, ("BE0123456749", "valid")),
        ("0000000000", "BE", (None, None)),
        ("in aanvraag", "BE", (None, None)),
        ("n/a", None, (None, None)),
    ],
)
def test_spellings_fold_to_one(written: str, country: str | None, expected: tuple[str | None, str | None]) -> None:
    assert normalized_vat(written, country) == expected


@given(st.integers(0, 1), st.integers(0, 9_999_999), st.integers(0, 99))
def test_belgian_check_digits_are_the_librarys(first: int, rest: int, check: int) -> None:
    number = f"{first}{rest:07d}{check:02d}"
    if len(set(number)) > 1:
        assert (normalized_vat(number, "BE")[1] == "valid") == belgian.is_valid(number)


def test_a_country_that_is_two_is_none() -> None:
    assert country_code("Congo") is None
    assert country_code("CD") == "CD"


def test_a_default_country_decides_no_vat_id() -> None:
    derived = derived_values({"vat_number": "0123456749", "country": "IL"}, Regions(unproven=frozenset({"IL"})))
    assert (derived["vat_normalized"], derived["vat_status"]) == ("0123456749", "unchecked")
