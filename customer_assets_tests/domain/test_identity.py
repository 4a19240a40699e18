"""Joining records: by declared rules, never across two VAT ids, whatever the order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_assets.domain.identity import Profile, email_key, postcode_key, resolve


def profile(key: str, **known: object) -> Profile:
    return Profile((key,), **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shared", "rule"),
    [
        ({"source": ("zoho", "1")}, "source_id"),
        ({"vat": "BE0476267228"}, "vat_id"),
        ({"email": "a@b.be", "name": "noord"}, "email_name"),
        ({"phone": "+3235550102", "name": "noord"}, "phone_name"),
        ({"name": "noord", "postcode": "2000"}, "name_postcode"),
    ],
)
def test_each_rule_joins_and_is_named(shared: dict[str, object], rule: str) -> None:
    clusters = resolve([profile("a", **shared), profile("b", **shared), profile("c")])
    assert clusters.of["b",] == ("a",)
    assert clusters.of["c",] == ("c",)
    assert clusters.rule["a",].name == rule
    assert ("c",) not in clusters.rule


@pytest.mark.parametrize(
    "shared", [{"email": "a@b.be"}, {"phone": "+3235550102"}, {"name": "noord"}, {"postcode": "2000"}]
)
def test_a_mail_a_phone_a_name_or_a_place_alone_joins_nobody(shared: dict[str, object]) -> None:
    assert len(resolve([profile("a", **shared), profile("b", **shared)]).members) == 2


def test_two_valid_vat_ids_are_never_joined_not_even_through_a_third() -> None:
    same = {"email": "a@b.be", "name": "noord"}
    clusters = resolve(
        [profile("a", vat="BE1", **same), profile("b", vat="BE2", **same), profile("c", **same)]
    )
    assert clusters.of["a",] != clusters.of["b",]


def test_an_invoice_born_customer_stays_with_the_invoice_it_is_named_after() -> None:
    clusters = resolve(
        [
            profile("row", born_of="OLD-1"),
            profile("invoice", born_of="OLD-1", vat="BE1"),
            profile("x", vat="BE1"),
        ]
    )
    assert set(clusters.of.values()) == {("invoice",)}
    assert clusters.rule["invoice",].name == "vat_id"
    assert clusters.rule["x",].name == "vat_id"
    alone = resolve([profile("row", born_of="OLD-1"), profile("invoice", born_of="OLD-1")])
    assert alone.rule["invoice",].name == "new_customer"


known = st.fixed_dictionaries(
    {},
    optional={
        "vat": st.sampled_from(["V1", "V2"]),
        "name": st.sampled_from(["n1", "n2"]),
        "email": st.sampled_from(["e1", "e2"]),
        "phone": st.sampled_from(["p1", "p2"]),
        "postcode": st.sampled_from(["2000", "3000"]),
    },
)


@given(st.lists(known, max_size=12), st.randoms())
def test_the_result_does_not_depend_on_the_order(records: list[dict[str, str]], random: object) -> None:
    profiles = [profile(f"{number:02d}", **record) for number, record in enumerate(records)]
    shuffled = list(profiles)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolve(profiles) == resolve(shuffled)


@given(st.lists(known, max_size=12))
def test_no_cluster_holds_two_vat_ids(records: list[dict[str, str]]) -> None:
    profiles = {(f"{n:02d}",): profile(f"{n:02d}", **record) for n, record in enumerate(records)}
    for members in resolve(profiles.values()).members.values():
        assert len({profiles[key].vat for key in members} - {None}) <= 1


@pytest.mark.parametrize("mail", ["test@firm.be", "noreply@firm.be", "n/a", "x@example.com", None, ""])
def test_placeholder_mails_are_no_evidence(mail: str | None) -> None:
    assert email_key(mail) is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("Kade 12, 3011 CH Rotterdam", "3011CH"),
        ("Havenstraat 12, 2030 Antwerpen", "2030"),
        ("00000 Dubai", None),
        (None, None),
    ],
)
def test_postcodes_of_free_text(address: str | None, expected: str | None) -> None:
    assert postcode_key(address) == expected
