"""Joining records: by weighed evidence, never across two VAT ids, whatever the order; explained, and taken back."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_assets.domain.identity.contact_details import (
    mail_keys,
    parse_address,
    phone_keys,
    same_phone,
    same_street,
    vat_key,
)
from customer_assets.domain.identity.evidence import Profile, Record, profile_of
from customer_assets.domain.identity.names import Agreement, Name, agreement, parse_name
from customer_assets.domain.identity.resolution import Decisions, resolve

VAT, OTHER_VAT = "BE0476267228", "BE0403170701"
ADDRESS = "Havenstraat 12, 2030 Antwerpen"


def record(key: str, name: str | None = None, **known: Any) -> Profile:
    for plural, single in (("phones", "phone"), ("mails", "mail")):
        if single in known:
            known[plural] = [known.pop(single)]
    return profile_of(Record((key,), name=name, **known))


@pytest.mark.parametrize(
    ("shared", "rule"),
    [
        ({"source": ("zoho", "1")}, "equal"),
        ({"vat": VAT}, "vat_id"),
        ({"mail": "jan@noord.be", "name": "Noord BV"}, "name_same+mail"),
        ({"phone": "03 555 01 02", "name": "Noord BV"}, "name_same+phone"),
        ({"name": "Noord BV", "address": ADDRESS}, "name_same+address"),
    ],
)
def test_each_kind_of_evidence_joins_and_is_named(shared: dict[str, Any], rule: str) -> None:
    one, other = {"country": "BE"}, {"country": "BE", "city": "Gent"}
    if rule == "equal":
        one = other = {}
    clusters = resolve([record("a", **shared, **one), record("b", **shared, **other), record("c", "Zuid")])
    assert clusters.of["b",] == ("a",)
    assert clusters.of["c",] == ("c",)
    assert clusters.rule["a",].rule == rule
    assert ("c",) not in clusters.rule


@pytest.mark.parametrize(
    "shared",
    [{"mail": "info@noord.be"}, {"phone": "035550102"}, {"name": "Jan Peeters"}, {"address": ADDRESS}],
)
def test_a_mail_a_phone_a_name_or_a_place_alone_joins_nobody(shared: dict[str, Any]) -> None:
    one, other = {"country": "BE"}, {"country": "NL"}
    assert len(resolve([record("a", **shared, **one), record("b", **shared, **other)]).members) == 2


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("Veromiton Construction", 'veromiton בניה בע"מ', Agreement.SAME),
        ("Goossens, Sofie", "Mevr. Sofie Goossens", Agreement.SAME),
        ("B.V. Noord Bouwwerken", "Noord Bouww.", Agreement.SAME),
        ("Hydrotolun NV", "Hydrotolux bv", Agreement.ALIKE),
        ("Alon Barak", "אלון ברק", Agreement.ALIKE),
        ("Mohammed Al Mansoori", "محمد المنصوري", Agreement.ALIKE),
        ("SaeedA l Eisai", "Saeed Al Eisai", Agreement.ALIKE),
        ("Noord Logistics - t.a.v. boekhouding", "Noord Logistiek", Agreement.SAME),
        ("Sigmadamar", "Sigmadamar Transport", Agreement.PART),
        ("Sigmadamar Holding BV", "Sigmadamar BV", Agreement.FAMILY),
        ("Sigmadamar Real Estate", "Sigmadamar Catering", Agreement.FAMILY),
        ("Jan Peeters", "Els Peeters", Agreement.FAMILY),
        ("Sigmadamar Chemicals", "Sigmadamar Logistics", Agreement.FAMILY),  # one trade is in no list
        ("Sigmadamar Enrgy", "Sigmadamar Energy", Agreement.ALIKE),
        ("Noord BV", "Zuid BV", Agreement.OTHER),
        ('Noord Energy בע"מ', "Amit Levi", Agreement.OTHER),  # a Hebrew legal form makes no Hebrew name
    ],
)
def test_how_far_names_agree(one: str, other: str, how: Agreement) -> None:
    first, second = parse_name(one), parse_name(other)
    assert first is not None
    assert second is not None
    assert agreement(first, second) is how
    assert agreement(second, first) is how


@pytest.mark.parametrize("name", ["n/a", "-", "Onbekend", "cash customer", "", None, "???"])
def test_placeholder_names_are_none(name: str | None) -> None:
    assert parse_name(name) is None


@pytest.mark.parametrize("mail", ["test@firm.be", "noreply@firm.be", "n/a", "x@example.com", "none@none.com", None, ""])
def test_placeholder_mails_are_no_evidence(mail: str | None) -> None:
    assert mail_keys(mail) == ()


def test_a_short_domain_is_no_placeholder() -> None:
    assert mail_keys("info@x.com") == ("info@x.com",)
    assert mail_keys("info@test.be") == ()


def test_mails_phones_and_vat_ids_in_any_spelling() -> None:
    assert mail_keys("mailto:Jan+invoices@Gmial.com; b@noord.be") == ("jan@gmail.com", "b@noord.be")
    spellings = ["+32 3 555 01 02", "03/555.01.02", "0032-3-5550102", "Tel. 03 555 01 02", "+32 (0)3 5550102"]
    numbers = [number for s in spellings for number in phone_keys(s)]
    assert len(numbers) == len(spellings)
    assert all(same_phone(one, other) for one in numbers for other in numbers)
    assert phone_keys("+32 (0)3 5550102") == ("+3235550102",)
    assert not same_phone(*phone_keys("+32 3 555 01 02 / +31 3 555 01 02"))
    assert len(phone_keys("+3235550102 / +32 470 55 01 02")) == 2
    assert phone_keys("0000000000") == phone_keys("12") == phone_keys("1234567") == ()
    assert vat_key("BTW BE 0476.267.228", None) == vat_key("0476267228", "BE") == ("BE:476267228", None)
    assert vat_key("BE0476267229", "BE") == (None, "0476267229")
    assert vat_key("BE0000000000", "BE") == (None, None)


def test_addresses_in_any_spelling() -> None:
    one, other = (
        parse_address("Dorpsstraat 212 bus 7, 3000 Louvain"),
        parse_address("Dorpsstr. 212/7, 3000 Leuven, BE"),
    )
    assert one is not None
    assert other is not None
    assert same_street(one, other)
    away = parse_address("Dorpsstraat 213, 3000 Leuven")
    assert away is not None
    assert not same_street(one, away)
    assert parse_address("00000 Dubai") == parse_address("", city="Dubai")


def test_two_valid_vat_ids_are_never_joined_not_even_through_a_third() -> None:
    same = {"mail": "info@noord.be", "name": "Noord BV"}
    clusters = resolve([record("a", vat=VAT, **same), record("b", vat=OTHER_VAT, **same), record("c", **same)])
    assert clusters.of["a",] != clusters.of["b",]


def test_sister_companies_spouses_and_accountants_stay_apart_and_are_asked_about() -> None:
    office = {"phone": "035550102", "mail": "info@peeters.be", "address": ADDRESS}
    sisters = resolve([record("a", "Peeters Bouw BV", **office), record("b", "Peeters Holding BV", **office)])
    assert len(sisters.members) == 2
    assert [(r.one, r.other) for r in sisters.reviews] == [(("a",), ("b",))]
    clients = [
        record(f"{n}", name, mail="kantoor@fisc.be", phone="035550102")
        for n, name in enumerate(["Noord", "Zuid", "Oost", "West"])
    ]
    assert len(resolve(clients).members) == 4


def test_a_name_alone_joins_the_only_customer_of_that_name_and_none_of_several() -> None:
    bare = [record("x", "Jan Wittebrood"), record("y", "WITTEBROOD, JAN")]
    one = record("a", "Jan Wittebrood", phone="035550102")
    other = record("b", "Jan Wittebrood", phone="039990102")
    assert resolve([*bare]).of["y",] == ("x",)
    assert len(resolve([*bare, one]).members) == 1
    assert resolve([*bare, one]).rule["y",].rule == "equal"
    alone = resolve([*bare, one, other])
    assert len(alone.members) == 4
    assert ("y",) not in alone.rule
    nothing_tells_apart = record("c", "Jan Wittebrood", mail="jan@noord.be")
    assert len(resolve([*bare, one, nothing_tells_apart]).members) == 1


def test_a_name_that_many_words_share_is_no_reason_by_itself() -> None:
    others = [
        record(f"{n}", f"{first} {last}", phone=f"03555{n}12{n}")
        for n, (first, last) in enumerate(
            [("Jan", name) for name in ("Maes", "Claes", "Smets", "Wouters", "Baert")]
            + [(name, "Peeters") for name in ("Els", "Luc", "Sofie", "Marie", "Piet")]
        )
    ]
    clusters = resolve([*others, record("a", "Jan Peeters", phone="039990102"), record("b", "Jan Peeters")])
    assert clusters.of["a",] != clusters.of["b",]
    assert [(r.one, r.other) for r in clusters.reviews] == [(("a",), ("b",))]


def test_a_walk_in_record_joins_nobody() -> None:
    names = ["Jan Peeters", "Noord BV", "Els Maes", "Zuid NV"]
    walk_in = [record(f"{n}", name, source=("zoho", "Z1")) for n, name in enumerate(names)]
    assert len(resolve(walk_in).members) == 4
    renamed = [record(f"{n}", name, source=("zoho", "Z1")) for n, name in enumerate(names[:2])]
    assert len(resolve(renamed).members) == 1


def test_what_people_decided_is_replayed() -> None:
    same = {"mail": "info@noord.be", "name": "Noord BV"}
    records = [record("a", **same), record("b", **same, address=ADDRESS), record("c", "Zuid")]
    apart = resolve(records, decisions=Decisions(different=frozenset({(("a",), ("b",))})))
    assert apart.of["a",] != apart.of["b",]
    assert apart.reviews == []
    joined = resolve(records, decisions=Decisions(same=frozenset({(("a",), ("c",))})))
    assert joined.of["c",] == ("a",)
    assert next(edge.evidence.rule for edge in joined.path(("c",), ("b",))) == "operator"


def test_equal_records_told_apart_are_apart() -> None:
    records = [record(k, "Noord BV", phone="035550102") for k in "abc"]
    apart = resolve(records, decisions=Decisions(different=frozenset({(("a",), ("b",))})))
    assert apart.of["a",] != apart.of["b",]


def test_an_invoice_born_customer_stays_with_the_invoice_it_is_named_after() -> None:
    row = Profile(("0 row", "invoice", "OLD-1"), named_after="OLD-1")
    invoice = profile_of(Record(("1 invoice", "OLD-1"), name="Noord", vat=VAT, names_customer="OLD-1"))
    clusters = resolve([row, invoice, record("x", vat=VAT)])
    assert len(clusters.members) == 1
    assert clusters.rule["1 invoice", "OLD-1"].rule == "vat_id"
    assert resolve([row, invoice]).rule["1 invoice", "OLD-1"].rule == "new_customer"


def test_every_member_is_reached_by_accepted_evidence() -> None:
    records = [
        record("a", "Noord BV", phone="035550102"),
        record("b", "Noord", phone="035550102", vat=VAT),
        record("c", "Iets anders", vat=VAT),
        record("d", "Noord BV", phone="035550102"),
    ]
    clusters = resolve(records)
    assert set(clusters.of.values()) == {("a",)}
    assert [edge.evidence.rule for edge in clusters.path(("a",), ("c",))] == ["name_same+phone", "vat_id"]
    assert clusters.path(("a",), ("d",))[0].evidence.rule == "equal"


known = st.fixed_dictionaries(
    {},
    optional={
        "vat": st.sampled_from([VAT, OTHER_VAT]),
        "name": st.sampled_from(["Noord BV", "Noord Bouw", "Zuid NV"]),
        "mail": st.sampled_from(["a@noord.be", "b@zuid.be"]),
        "phone": st.sampled_from(["035550102", "035550103"]),
        "address": st.sampled_from([ADDRESS, "Markt 1, 9000 Gent"]),
        "source": st.sampled_from([("zoho", "1"), ("robaws", "2")]),
    },
)


@given(st.lists(known, max_size=12), st.randoms())
def test_the_result_does_not_depend_on_the_order(records: list[dict[str, Any]], random: Any) -> None:
    profiles = [record(f"{number:02d}", **values) for number, values in enumerate(records)]
    shuffled = list(profiles)
    random.shuffle(shuffled)
    assert resolve(profiles) == resolve(shuffled)


@given(st.lists(known, max_size=12))
def test_no_cluster_holds_two_vat_ids(records: list[dict[str, Any]]) -> None:
    profiles = {(f"{n:02d}",): record(f"{n:02d}", **values) for n, values in enumerate(records)}
    for members in resolve(profiles.values()).members.values():
        assert len({profiles[key].vat for key in members} - {None}) <= 1


def test_greece_and_northern_ireland_have_two_prefixes_each() -> None:
    assert vat_key("EL123456783", None) == vat_key("GR123456783", None) == vat_key("123456783", "GR")
    assert vat_key("XI980780684", None) == vat_key("GB980780684", None)


def test_names_out_of_web_pages_are_the_names_they_were() -> None:
    assert parse_name("Maes &amp; Dochters BV") == parse_name("Maes & Dochters BV")
    assert parse_name("De Kaai&#039;s Hoek") == parse_name("De Kaai's Hoek")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lot Invest 4 BV", "Lot Invest 5 BV"),
        ("Immo Dok II NV", "Immo Dok III NV"),
        ("Kliniek 11", "Kliniek 12"),
        ("Hulpzone 7412", "Hulpzone 7413"),
        ("Studio21", "Studio22"),
        ("Bakkerij 1998", "Bakkerij 1989"),
    ],
)
def test_a_number_in_a_name_is_never_a_typo(one: str, other: str) -> None:
    known = {"phone": "+3235550701", "mail": "info@lotinvest.example", "address": ADDRESS}
    assert len(resolve([record("a", one, **known), record("b", other, **known)]).members) == 2


def test_a_number_that_one_name_has_and_the_other_has_not_keeps_nobody_apart() -> None:
    known = {"phone": "+3235550701", "mail": "info@dokwerken.example", "address": ADDRESS}
    assert len(resolve([record("a", "Noordkaap 04 BV", **known), record("b", "Noordkaap 4", **known)]).members) == 1
    assert len(resolve([record("a", "Noordkaap 1998 BV", **known), record("b", "Noordkaap", **known)]).members) == 1


def test_a_vat_id_that_carries_many_names_joins_nobody_by_itself() -> None:
    unit = ["Zuidzee Vis BV", "Polder Bouwstoffen BV", "Oost Koeltransport BV", "Kaap Verzekeringen BV"]
    records = [record(str(n), name, vat=VAT, phone=f"+3235550{n}10") for n, name in enumerate(unit)]
    again = record("again", "Zuidzee Vis", vat=VAT, phone="+3235550010")
    clusters = resolve([*records, again])
    assert len(clusters.members) == 4
    assert clusters.of["again",] == clusters.of["0",]
    two = [records[0], record("other", "Zuidzee Visveiling", vat=VAT)]
    assert len(resolve(two).members) == 1


SPELLINGS = [
    "Ratinavia Slagerij BV",
    "Ratinavia 5lagerij 8V",
    "Ratinavia Slagerij",
    "RATINAVIA SLAGER1J BV",
    "Tom Dubois",  # the butcher himself
    "Slagerij Noordeind",  # as it was called before
]


def test_a_vat_id_under_many_spellings_is_one_customers_all_the_same() -> None:
    at = {"vat": VAT, "address": ADDRESS}
    clusters = resolve([record(str(number), name, **at) for number, name in enumerate(SPELLINGS)])
    assert len(clusters.members) == 1
    # without anything else, but most of the rows say one name
    rows = [record(f"r{n}", "Ratinavia Slagerij BV", vat=VAT) for n in range(8)]
    others = [
        record("x", "Tom Dubois", vat=VAT),
        record("y", "Slagerij Noordeind", vat=VAT),
        record("z", "Aeon NV", vat=VAT),
    ]
    assert len(resolve([*rows, *others]).members) == 1


CALL = {"phone": "03 555 01 02", "mail": "ann@wexford.example"}


@pytest.mark.parametrize("also", [{}, CALL, {"address": ADDRESS}])
@pytest.mark.parametrize(
    ("one", "other"), [("Wexford BV", "Wexford NV"), ("Wexford Ltd", "Wexford GmbH"), ("Wexford", "Wexford NV")]
)
def test_two_legal_forms_are_one_company_only_where_a_person_says_so(
    one: str, other: str, also: dict[str, Any]
) -> None:
    rows = [record("a", one, **also), record("b", other, **also), record("c", "Zuid", mail="x@zuid.example")]
    found = resolve(rows)
    is_one = one == "Wexford"  # it says none
    assert (found.of["b",] == ("a",)) == is_one
    assert [(r.one, r.other) for r in found.reviews] == ([] if is_one else [(("a",), ("b",))])
    assert any(part == "form_differs" for r in found.reviews for part, _ in r.evidence.parts) != is_one
    assert resolve(rows, decisions=Decisions(same=[(("a",), ("b",))])).of["b",] == ("a",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Wexford BVBA", "Wexford SRL"),
        ("Wexford NV", "S.A. Wexford"),
        ("Wexford Ltd", "Wexford Private Limited"),
        ("Wexford GmbH", "Wexford GmbH & Co KG"),
        ("Wexford Sp. z o.o.", "Wexford BV"),  # a form that tells nobody apart
    ],
)
def test_forms_that_are_one_in_two_languages_or_under_two_laws_join(one: str, other: str) -> None:
    assert len(resolve([record("a", one, **CALL), record("b", other, **CALL)]).members) == 1


def test_an_id_in_common_is_stronger_than_the_legal_form() -> None:
    changed = [
        record("a", "Wexford BV", vat=VAT),
        record("b", "Wexford NV", vat=VAT),
        record("c", "Wexford NV", **CALL),
    ]
    found = resolve(changed)
    assert found.of["b",] == ("a",)
    assert found.of["c",] == ("a",)  # a company that was changed has both


def test_companies_of_a_fiscal_unit_are_apart_though_they_share_a_switchboard() -> None:
    names = ["Verbeke Holding NV", "Verbeke Bouw NV", "Zeekant Vis BV", "Polder Transport BV"]
    unit = [record(str(n), name, vat=VAT, phone="03 555 01 02") for n, name in enumerate(names)]
    assert len(resolve(unit).members) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jerun Van den Bruck", "Jeroen Van den Broeck"),
        ("Sofie Klaus", "Sophie Claus"),
        ("Ducourt & Fils", "Ducourt et Zonen"),
        ("Gebr. Vandereynde", "Gebroeders Vandereynde"),
        ("Grnbauer lnternational GmbH", "Gmbauer International Gesellschaft mbH"),
        ("S1agerij 6roenen 8V", "Slagerij Groenen BV"),
        ("Établissements Vasseur Plombe", "Établissements Vasseur Plomberie SA"),
        ("BrinkmÃ¼ller MÃ¶bel", "Brinkmüller Meubelen"),
        ("Kumudex Elektro - filiaal Leuven", "Kumudex Elektro"),
        ("Midley Electrical zie nieuwe fiche", "Midley Electrical"),
        ("Bob Verstraete", "Robert Verstraete"),
        ("Piet de Wit", "Pieter de Wit"),
        ("Yaakov Rabinovich", "יעקב רבינוביץ"),
        ("Jacob Weiss", "Kobi Weiss"),
        ("Abdullah Al Harbi", "عبد الله الحربي"),
        ("Abdelrahman Saidi", "Abd el-Rahman Saidi"),
        ("Abderrahman Saidi", "عبد الرحمن سعيدي"),
        ("Mohammed bin Rashid", "محمد بن راشد"),
        ("Ibn Sina Medical Co", "شركة ابن سينا الطبية"),
        ("Al Noor General Trading LLC", "شركة النور للتجارة العامة"),
    ],
)
def test_names_as_they_are_heard_scanned_cut_off_and_marked(one: str, other: str) -> None:
    here, there = parse_name(one), parse_name(other)
    assert here is not None
    assert there is not None
    assert (agreement(here, there) or 0) >= Agreement.ALIKE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Studio 100", "Studio 101"),
        ("Koen Maes", "Kian Maes"),
        ("Club 68 NV", "Club 86 NV"),
        ("Jan Peeters", "Johan Peeters"),  # brothers, as likely as not
        ("Robert Verstraete", "Bart Verstraete"),
        ("Abdullah Saidi", "Abderrahman Saidi"),
        ("شركة البناء الحديث", "شركة ابن الحديث"),  # construction is no "son of"
    ],
)
def test_what_is_neither_heard_nor_scanned_alike_stays_apart(one: str, other: str) -> None:
    here, there = parse_name(one), parse_name(other)
    assert here is not None
    assert there is not None
    assert (agreement(here, there) or 0) < Agreement.ALIKE


@pytest.mark.parametrize(
    ("written", "street", "number", "postcode", "city"),
    [
        ("Suite 2, 69 Victoria Avenue, Leeds LS8 6ZR", "victoria", "69", "LS86ZR", "leeds"),
        (
            "Office 2181, Al Saqr Building, Corniche Road, P.O. Box 70811, Al Ain",
            "alsaqrbuilding",
            "2181",  # a marketplace leaves the box out
            "",
            "alain",
        ),
        ("132 allée des Écoles, bât 5, 33000 Bordeaux", "alleedesecoles", "132", "33000", "bordeaux"),
        ("al. Lipowa 162, 40-665 Katowice", "allipowa", "162", "40-665", "katowice"),
        ("Havenstraat 12/3, 2030 Antwerpen", "haven", "12", "2030", "antwerpen"),
        ("H0fstraat 45, 9O00 Gent", "hof", "45", "9000", "gent"),
        ("Molenlaan 81, 10I7 YB Amsterdam", "molen", "81", "1017YB", "amsterdam"),
        ("12 Park Road, SO15 2GB Southampton", "park", "12", "SO152GB", "southampton"),
        ("Shop 1636, Al Baraka Centre, RAK", "albarakacentre", "1636", "", "rasalkhaimah"),
    ],
)
def test_addresses_with_suites_boxes_and_foreign_postcodes(
    written: str, street: str, number: str, postcode: str, city: str
) -> None:
    found = parse_address(written)
    assert found is not None
    assert (found.street, found.number, found.postcode, found.city) == (street, number, postcode, city)


def test_a_house_with_a_slip_in_its_postcode_or_town_is_the_same_house() -> None:
    def is_one(one: str, other: str) -> bool:
        return resolve([record("a", "Jan Peeters", address=one), record("b", "Jan Peeters", address=other)]).of[
            "b",
        ] == ("a",)

    assert is_one("Havenstraat 12, 2030 Antwerpen", "Havenstraat 12, 2300 Antwerpen")
    assert is_one("Havenstraat 12, 2030 Antwerpen", "Havenstr. 12, 2031")
    assert not is_one("Havenstraat 12, 2030 Antwerpen", "Havenstraat 12, 9000 Gent")


def test_a_french_company_number_is_the_end_of_its_vat_id() -> None:
    assert vat_key("FR 83 404 833 048", None) == vat_key("404833048", "FR") == ("FR:404833048", None)
    one, other = record("a", "Aeon", vat="FR83404833048"), record("b", "Aeon Lyon", vat="404 833 048", country="FR")
    assert resolve([one, other]).of["b",] == ("a",)


# --- names by their script, bridges, fragments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("De Groot Group BV", "De Groot Invest BV", Agreement.FAMILY),  # groot is no groothandel here
        ("משה כהן", "Moshe Cohen", Agreement.ALIKE),  # no form of "trading"
        ("עמר סעיד", "Omar Said", Agreement.ALIKE),
        ("Jan Peeters Jr.", "Jan Peeters Sr.", Agreement.FAMILY),
        ("Jan Peeters Jr.", "Jan Peeters junior", Agreement.SAME),
        ("Jan Peeters Jr.", "Jan Peeters", Agreement.PART),
        ("Louis Martin", "Louise Martin", Agreement.FAMILY),
        ("Michel Bernard", "Michelle Bernard", Agreement.FAMILY),
        ("Jan Claes", "Jana Claes", Agreement.FAMILY),
        ("Alpha Bouw Holding BV", "Alpha Bouw Services BV", Agreement.FAMILY),
        ("Residentie Zon", "Residentie Zon II", Agreement.FAMILY),
        ("Pieter Maes", "Piet Maes", Agreement.ALIKE),
        ("יוסי גולדברג", "Yossi Goldberg", Agreement.ALIKE),
    ],
)
def test_words_are_looked_up_in_their_own_script(one: str, other: str, expected: Agreement) -> None:
    here, there = parse_name(one), parse_name(other)
    assert here is not None
    assert there is not None
    assert agreement(here, there) is expected


def test_an_initial_is_no_bridge_between_two_persons() -> None:
    home = {"phone": "035550102", "address": ADDRESS}
    jan, joris, initial = (
        record("a", "Jan Peeters", **home),
        record("b", "Joris Peeters", **home),
        record("c", "J. Peeters", **home),
    )
    assert len(resolve([jan, joris]).members) == 2
    assert len(resolve([jan, initial]).members) == 1
    three = resolve([jan, joris, initial])
    assert three.of["a",] != three.of["b",]


def test_a_name_that_fits_several_is_nobodys() -> None:
    home = {"phone": "035550102", "address": ADDRESS}
    names = ["Jos Peeters", "Jef Peeters", "J. Peeters"]
    found = resolve([record(str(n), name, **home) for n, name in enumerate(names)])
    assert len(found.members) == 3


PLACES = ("Havenstraat 12, 2030 Antwerpen", "Molenweg 8, 9000 Gent", "Kerkstraat 3, 5000 Namen")


def customers_of_a_name(name: str, *rows: int) -> list[Profile]:
    """Customers of one name with so many rows each, told apart by all that they say."""
    return [
        record(
            f"c{number}-{row}",
            name,
            phone=("+32 470 12 34 56", "+32 489 98 71 05", "+32 3 555 60 60")[number],
            mail=f"someone{number}@firma{number}.be",
            address=PLACES[number],
        )
        for number, count in enumerate(rows)
        for row in range(count)
    ]


@pytest.mark.parametrize(
    ("rows", "place", "expected"),
    [
        ((200, 1, 1), {}, 0),  # two hundred rows against two
        ((10, 8, 6), {}, None),  # nobody knows
        ((10, 8, 6), {"postcode": "9000", "city": "Gent"}, 1),  # but the town does
        ((200, 1, 1), {"postcode": "6700", "city": "Aarlen"}, None),  # somebody of another town
    ],
)
def test_a_name_alone_is_of_the_likeliest_of_that_name(
    rows: tuple[int, ...], place: dict[str, str], expected: int | None
) -> None:
    records = [*customers_of_a_name("Zwartkruis Wouterlood", *rows), record("lone", "Zwartkruis Wouterlood", **place)]
    others = [record(f"x{n}", f"Anders{n} Iemand{n}", phone=f"+32 3 555 {n:02d} 01") for n in range(90)]
    clusters = resolve([*records, *others], is_all=True)
    assert clusters.of["lone",] == (("lone",) if expected is None else (f"c{expected}-0",))
    if rows[0] == 200 and not place:
        assert clusters.rule["lone",].rule == "likeliest_of_its_name"
        # of a part of the records no odds can be told
        assert resolve([*records, *others]).of["lone",] == ("lone",)


def test_strangers_of_a_common_name_count() -> None:
    named = customers_of_a_name("Jan Peeters", 100, 1, 1)
    lone = record("lone", "Jan Peeters")
    rare = [record(f"x{n}", f"Anders{n} Iemand{n}", phone=f"+32 3 555 {n:02d} 01") for n in range(90)]
    common = [
        record(f"y{n}", f"{first} {last}", phone=f"+32 3 666 {n:02d} 01")
        for n, (first, last) in enumerate(
            [*(("Jan", f"Naam{n}") for n in range(40)), *((f"Voor{n}", "Peeters") for n in range(40))]
        )
    ]
    assert resolve([*named, lone, *rare], is_all=True).of["lone",] == ("c0-0",)
    assert resolve([*named, lone, *common], is_all=True).of["lone",] == ("lone",)


def test_fragments_of_one_name_join_the_only_customer_that_they_fit() -> None:
    name = "Wittebrood Logistics BV"
    parts = [
        record("a", name, phone="035550102", address="Kaai 1, 2000 Antwerpen"),
        record("b", name, mail="info@wittebrood.be"),
        record("c", name),
        record("d", name, address="2000 Antwerpen"),
    ]
    assert len(resolve(parts).members) == 1
    elsewhere = record("e", name, phone="093310281", address="Dok 7, 9000 Gent")
    found = resolve([*parts, elsewhere])
    assert found.of["e",] != found.of["a",]
    assert found.of["d",] == found.of["a",]
    assert found.of["c",] not in (found.of["a",], found.of["e",])  # it fits both


def test_what_many_share_does_not_speak_against_one_name() -> None:
    syndic = [
        record(f"{n}", f"Residentie {word} VME", phone="035550102")
        for n, word in enumerate(("Albatros", "Zeemeeuw", "Duinen", "Golf"))
    ]
    same = [
        record("a", "Residentie Strand VME", phone="035550102"),
        record("b", "Residentie Strand VME", phone="035550102", address=ADDRESS),
    ]
    other = record("c", "Residentie Strang VME", phone="035550102")
    found = resolve([*syndic, *same, other])
    assert found.of["a",] == found.of["b",] != found.of["c",]


def test_thresholds_hold_for_a_name_with_a_contact_too() -> None:
    one = record("a", "Noord BV", phone="035550102")
    other = record("b", "Noord BV", phone="035550102", mail="info@noord.example")
    assert len(resolve([one, other]).members) == 1
    assert len(resolve([one, other], accept=12, review=12).members) == 2
    assert [r.evidence.weight for r in resolve([one, other], accept=12, review=11).reviews] == [11.0]


def test_a_person_is_asked_about_what_one_row_says_and_not_about_two_customers() -> None:
    shared = {"phone": "035550102", "mail": "info@peeters.example", "address": "Kaai 1, 2000 Antwerpen"}
    jan = [record(f"j{n}", "Jan Peeters", **shared) for n in range(3)]
    els = [record(f"e{n}", "Els Peeters", **shared) for n in range(3)]
    assert len(resolve([*jan, els[0]]).reviews) == 1
    assert not resolve([*jan, *els]).reviews


def test_clusters_are_weighed_by_all_that_they_say() -> None:
    rows = [
        record("a", "Wittebrood Logistics", phone="035550102"),
        record("b", "Wittebrood Logistics", phone="035550102", mail="jan@wittebrood.example"),
        record("c", "Witebrood Logistcs", mail="jan@wittebrood.example"),
        record("d", "Witebrood Logistcs", mail="jan@wittebrood.example", address="Kaai 1, 2000 Antwerpen"),
    ]
    assert len(resolve(rows).members) == 1


def test_what_was_compared_before_decides_nothing() -> None:
    """`Jan Peeters` and `Peeters Jan` are equal names; a space that slipped is seen in one of them alone."""
    shared = {"phone": "035550102", "mail": "x@gmail.com"}
    rows = [record("p", "Peeters Jan", **shared), record("q", "Janpe Eters", **shared)]
    before = len(resolve(rows).members)
    resolve([record("o", "Jan Peeters", **shared), record("q", "Janpe Eters", **shared)])
    assert len(resolve(rows).members) == before


def test_ids_that_may_be_one_but_for_a_slip_do_not_chain_to_two_customers() -> None:
    first, near, far = "100111122223333", "100111122223355", "100111122225555"
    p, q = "04 555 01 02", "04 777 99 88"
    rows = [
        record("a1", "Alfadun", phone=p, vat=first, country="AE"),
        record("a2", "Alfadun", phone=p, vat=near, country="AE"),
        record("b1", "Betarix", phone=q, vat=near, country="AE"),
        record("b2", "Betarix", phone=q, vat=far, country="AE"),
        record("q1", "Betarix", phone=q, source=("z", "1")),
        record("q2", "Alfadun", phone=p, source=("z", "1")),
    ]
    of = resolve(rows).of
    assert of["a1",] != of["b2",]


@pytest.mark.parametrize("apart_by", ["vat", "decision"])
def test_a_name_alone_is_of_neither_of_two_who_are_told_apart(apart_by: str) -> None:
    vats = (VAT, OTHER_VAT) if apart_by == "vat" else (None, None)
    rows = [
        record("c1", "Sigmadamar NV", vat=vats[0], phone="035550102"),
        record("c2", "Sigmadamar NV", vat=vats[1], mail="info@sigmadamar.example"),
        record("x", "Sigmadamar"),
    ]
    decisions = Decisions(different=frozenset({(("c1",), ("c2",))})) if apart_by == "decision" else None
    assert len(resolve(rows, decisions=decisions).members) == 3


def test_a_decision_about_one_of_several_equal_rows_is_about_that_row() -> None:
    customers = [
        record(f"c{n}", "Zonnadam", phone=phone, address=address, born=born)
        for n, (phone, address, born) in enumerate(
            [
                ("035550102", "Kaai 1, 2000 Antwerpen", "1960-02-03"),
                ("0479112233", "Kerkstraat 22, 9000 Gent", "1971-11-12"),
                ("022334455", "Stationsplein 7, 3000 Leuven", "1988-07-29"),
            ]
        )
    ]
    bare = [record(key, "Zonnadam") for key in "abd"]
    found = resolve([*customers, *bare], decisions=Decisions(same=frozenset({(("a",), ("b",))})))
    assert found.members["a",] == [("a",), ("b",)]
    assert found.members["d",] == [("d",)]
    kept = resolve([*customers, *bare], settled=[[("a",), ("b",)]])
    assert kept.of["a",] == kept.of["b",]


def test_what_is_settled_is_not_compared_again_because_somebody_new_has_the_name() -> None:
    rows = [
        record("s1", "Zonnadam", phone="035550102"),
        record("s2", "Zonnadam", address="9000 Gent"),
        record("u", "Zonnadam", phone="0479112233", address="Kerkstraat 5, 3000 Leuven"),
    ]
    told = Decisions(different=frozenset({(("s1",), ("u",)), (("s2",), ("u",))}))
    found = resolve(rows, settled=[[("s1",)], [("s2",)]], decisions=told)
    assert found.of["s1",] != found.of["s2",]


def test_names_of_nothing_but_a_legal_form_are_not_alike() -> None:
    assert agreement(parsed("BV"), parsed("GmbH")) is Agreement.OTHER
    assert len(resolve([record("a", "BV", mail="k@gmail.com"), record("b", "GmbH", mail="k@gmail.com")]).members) == 2


def test_which_key_a_record_has_decides_nothing() -> None:
    said: list[dict[str, Any]] = [
        {"name": "Alfadun", "vat": VAT, "phone": "035550102"},
        {"name": "Alfadun BV", "vat": VAT, "phone": "035550102"},
        {"name": None, "vat": VAT, "phone": "035550102"},
        {"name": "Betarix BV", "vat": VAT, "phone": "035550102"},
        {"name": "Gammalon BV", "vat": VAT, "phone": "047911223"},
    ]
    expected = expected_parts(said)
    for keys in permutations("abcde"):
        clusters = resolve([record(key, **one) for key, one in zip(keys, said, strict=True)])
        number = {(key,): at for at, key in enumerate(keys)}
        parts = sorted(sorted(number[k] for k in members) for members in clusters.members.values())
        assert parts == expected


def expected_parts(said: list[dict[str, Any]]) -> list[list[int]]:
    clusters = resolve([record(f"{at}", **one) for at, one in enumerate(said)])
    return sorted(sorted(int(key[0]) for key in members) for members in clusters.members.values())


def parsed(name: str) -> Name:
    found = parse_name(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Komutex Sanitair BV (Hendrik)", "Komutex Sanitair BV", Agreement.ALIKE),
        ("Komutex Sanitair BV (Hendrik)", "Komutex Sanitair BV (An)", Agreement.FAMILY),
        ("Komutex Sanitair BV (Gent)", "Komutex Sanitair BV", Agreement.PART),  # a branch
        ("Sharma Technical Svcs", "Sharma Technical Services", Agreement.ALIKE),
        ("Fitovia Trspts", "Fitovia Transports", Agreement.ALIKE),
        ("Fitovia Trs", "Fitovia Construction", Agreement.FAMILY),
        ("شركة النور للتجارة العامة", "Al Noor Trading LLC", Agreement.ALIKE),
        ('נור בית בע"מ (משה)', 'נור בית בע"מ', Agreement.ALIKE),
        ("Bakkerij Maes (Bruxelles)", "Bakkerij Maes Brussel", Agreement.SAME),
        ("Jan Van cle Putte", "Jan Van de Putte", Agreement.ALIKE),
        ("Colruyt (Dilbeek)", "Colruyt", Agreement.PART),  # no company by its name: a person, or a shop
        ("Jan Peeters (Jr)", "Jan Peeters", Agreement.PART),
        ("Bakkerij (Jan) Maes", "Bakkerij Maes", Agreement.PART),
        ("Bakkerij Maes (2)", "Bakkerij Maes", Agreement.ALIKE),  # as without the brackets
        ("BMT Noord", "Noord Bouwmaterialen", Agreement.FAMILY),
        ("Noord CNS", "Noord Constructions", Agreement.FAMILY),
        ("Gene Peeters", "Algemene Peeters", Agreement.FAMILY),
        ("Bakker Jan", "Bakker", Agreement.PART),
        ("Mark Jr", "Mark", Agreement.OTHER),
    ],
)
def test_what_stands_around_a_name(one: str, other: str, expected: Agreement) -> None:
    here, there = parse_name(one), parse_name(other)
    assert here is not None
    assert there is not None
    assert agreement(here, there) is expected
    assert agreement(there, here) is expected


def test_a_name_behind_which_somebody_wrote_that_it_is_given_up_is_that_name() -> None:
    for text in ("Janssens BV - NIET GEBRUIKEN", "Janssens BV do not use", "Janssens (dubbel)"):
        assert parse_name(text) == parse_name("Janssens")


def test_contacts_are_known_by_what_they_are_not_by_their_column() -> None:
    one = record("a", "Noord BV", phone="jan@noord.be", mail="+32 3 555 01 02")
    assert (one.traits.mails, one.traits.phones) == (("jan@noord.be",), ("+3235550102",))
    assert record("b", "Noord BV", mail="info(at)noord.be").traits.mails == ("info@noord.be",)
    assert record("c", "Noord BV", phone="0355501O2").traits.phones == record("d", phone="03 555 01 02").traits.phones


FATHER = {"phone": "0478 55 01 02", "mail": "jan.peeters@skynet.be", "address": ADDRESS}
SON = {"phone": "0479 66 03 04", "mail": "peetersjan@telenet.be", "address": ADDRESS}


def test_a_father_and_a_son_of_one_name_at_one_address_are_a_question() -> None:
    """Rows that say a part each do not bring them together either; a company has several phones and mailboxes."""
    parts = [record("f1", "Jan Peeters", phone=FATHER["phone"], address=ADDRESS)]
    parts += [record("f2", "Jan Peeters", mail=FATHER["mail"], address=ADDRESS)]
    clusters = resolve([*parts, record("s", "Jan Peeters", **SON)])
    assert clusters.of["f1",] == clusters.of["f2",] != clusters.of["s",]
    clusters = resolve([record("f", "Jan Peeters", **FATHER), record("s", "Jan Peeters", **SON)])
    assert [(one.one, one.other) for one in clusters.reviews] == [(("f",), ("s",))]
    clusters = resolve([record("f", "Peeters Bouw BV", **FATHER), record("s", "Peeters Bouw BV", **SON)])
    assert clusters.of["f",] == clusters.of["s",]


def test_a_mailbox_of_a_marketplace_says_nothing_against_another_one() -> None:
    """One that a family shares does: who has another one may be another person."""
    given = ("Piet", "Els", "Bo", "Tom", "Rik", "Gust", "Wim", "Zoë", "Fons")
    for others, is_one in ((given, True), (given[:3], False)):
        rows = [record(name, f"{name} Visser", mail="orders@relay.example") for name in others]
        rows.append(
            record("a", "Jan Maes", mail="jan@ziggo.nl", phone="0478 55 01 02", address="Molenlaan 24, 2300 Turnhout")
        )
        shop = {"mail": "orders@relay.example", "phone": "0479 66 03 04"}
        rows.append(record("b", "Jan Maes", **shop, address="Molenlaan 24, 2300 Turnhout"))
        of = resolve(rows).of
        assert (of["a",] == of["b",]) == is_one


@pytest.mark.parametrize("everybodys", [{"mail": "orders@plein-relay.example"}, {"phone": "03 555 01 02"}])
def test_what_very_many_share_makes_nobody_of_two_persons_of_one_name(everybodys: dict[str, Any]) -> None:
    """A marketplace's mailbox, the phone that clerks type where they know none: two Jan Maes in two towns are two."""
    given = ("Jan", "Piet", "Els", "Luc")
    families = ("Maes", "Claes", "Wouters", "Jacobs", "Mertens")
    places = [("9000", "Gent"), ("8000", "Brugge")]
    people = [
        record(f"{name}{town}", name, **everybodys, address=f"Kerkstraat {number + 1}, {code} {town}")
        for number, name in enumerate(f"{one} {other}" for one in given for other in families)
        for code, town in places
    ]
    assert len(resolve(people).members) == len(people)
    # of three who share it, it is theirs
    few = [one for one in people if one.key[0].startswith(("Jan Maes", "Els Claes"))]
    assert len(resolve(few).members) == 2


def test_a_street_that_every_town_has_is_no_address_in_common() -> None:
    """Postcodes a digit apart are a slip in one town, and two towns where two are named."""
    at = "Kerkstraat 1, {} {}".format
    rows = [record("a", "Jan Maes", address=at(9000, "Gent")), record("b", "Jan Maes", address=at(8000, "Brugge"))]
    rows += [record("c", "Jan Maes", address=at(9900, "Gent"))]
    of = resolve(rows).of
    assert of["a",] == of["c",] != of["b",]


def test_a_customers_own_phone_is_its_own_however_many_ways_its_name_is_spelled() -> None:
    written = (
        "Deltafield Construction",
        "Deltaficld Constr.",
        "Andrea Deltafield Construction",
        "Deltafield",
        "5 Deltafield",
    )
    clerks = ("Chiara", "Elena", "Maria", "Bruno", "Dario", "Fabio", "Gino")
    names = [*written, *(f"{clerk} Deltafield Construction" for clerk in clerks)]
    rows = [record(f"{name}{n}", name, phone="055 274 9514", city=f"Town {n}") for name in names for n in range(2)]
    of = resolve(rows).of
    assert all(of[f"{name}0",] == of[f"{name}1",] for name in names)


def test_an_owner_is_a_person_though_a_company_has_his_name_too() -> None:
    """What tells two persons of one name apart is not forgotten because one of them has a shop, or is misspelt as a trade."""
    owner = {"phone": "014 67 71 12", "mail": "veerle@perolis.be", "address": "Schoolstraat 6, 2300 Turnhout"}
    other = {"phone": "0474 73 12 56", "mail": "v.damme@proximus.be", "address": "Kasteellaan 32, 2300 Turnhout"}
    shop = record("shop", "Perolis Sanitair BV", **owner)
    clusters = resolve([shop, record("owner", "Veerle Van Damme", **owner), record("x", "Veerle Van Damme", **other)])
    assert clusters.of["x",] != clusters.of["owner",]
    misspelt = [record("m", "Caterine Granpré", **owner), record("c", "Catherine Granpré", **owner)]
    clusters = resolve([*misspelt, record("x", "Catherine Granpré", **other)])
    assert clusters.of["x",] != clusters.of["c",]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("7, avenue Louise, 1050 Ixelles", "Avenue Louise 7, 1050 Ixelles"),
        ("Molenweg, 31 b, 9000 Gent", "Molenweg 31b, 9000 Gent"),
        ("Flat 4, 12, Boulevard Anspach, 1000 Bruxelles", "Bd Anspach 12, 1000 Bruxelles"),
        ("St-Pietersplein 3, 9000 Gent", "Sint Pietersplein 3, 9000 Gent"),
        ("Burg. De Vosstraat 8, 2000 Antwerpen", "Burgemeester De Vosstraat 8, 2000 Antwerpen"),
        ("Chée de Mons 20, 7000 Mons", "Chaussée de Mons 20, 7000 Mons"),
    ],
)
def test_one_house_however_its_street_is_written(one: str, other: str) -> None:
    here, there = parse_address(one), parse_address(other)
    assert here is not None
    assert there is not None
    assert same_street(here, there)


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("A.M.J. Visser", "Anna Visser", Agreement.PART),
        ("A.M.J. Visser", "A. Visser", Agreement.PART),
        ("A.M. Visser", "A.J. Visser", Agreement.FAMILY),
        ("J.P. Lemmens", "J.M. Lemmens", Agreement.FAMILY),
        ("F.C. Lommel", "FC Lommel", Agreement.ALIKE),
        ("vd Heuvel Piet", "Piet van den Heuvel", Agreement.ALIKE),
        ("Piet Heuvel", "Piet van der Heuvel", Agreement.ALIKE),
        ("An van Dam", "Els van Dijk", Agreement.OTHER),
        ("Pro Sport BV", "Pro Sport Holding BV", Agreement.FAMILY),
        ("Kim Aerts", "Tim Aerts", Agreement.FAMILY),
        ("Jan Aerts", "An Aerts", Agreement.FAMILY),
        ("Jan Aerts", "Jna Aerts", Agreement.ALIKE),
        ("Jan Aerts", "Jn Aerts", Agreement.ALIKE),
        ("Antonio Rossi", "Antonia Rossi", Agreement.FAMILY),
    ],
)
def test_initials_particles_and_short_words_of_names(one: str, other: str, how: Agreement) -> None:
    test_how_far_names_agree(one, other, how)


def test_a_relayed_mailbox_speaks_neither_of_its_domain_nor_against_another() -> None:
    rows = [
        record(key, "Jan Maes", mail=f"{key}8x1@marketplace.amazon.de", address=f"{street} 5, {place}")
        for key, street, place in (("g", "Veldstraat", "9000 Gent"), ("b", "Kerkstraat", "8000 Brugge"))
    ]
    own = record(
        "own", "Jan Maes", mail="jan.maes@telenet.be", phone="0478 55 01 02", address="Veldstraat 5, 9000 Gent"
    )
    shop = record(
        "shop", "Jan Maes", mail="q7@members.ebay.be", phone="09 555 01 03", address="Veldstraat 5, 9000 Gent"
    )
    of = resolve([*rows, own, shop]).of
    assert of["g",] == of["own",] == of["shop",] != of["b",]


def test_two_birth_dates_are_two_persons_until_somebody_says_otherwise() -> None:
    shared = {"phone": "03 555 01 02", "mail": "thuis@aerts.example", "address": ADDRESS}
    for other, is_one in (("1963-03-12", True), ("1963-03-13", True), ("1991-11-25", False)):
        rows = [record("a", "Jan Aerts", **shared, born="1963-03-12"), record("b", "Jan Aerts", **shared, born=other)]
        clusters = resolve(rows)
        assert (clusters.of["a",] == clusters.of["b",]) == is_one
        assert len(clusters.reviews) == (not is_one)


@pytest.mark.parametrize(("one", "other"), [("L1", "L2"), ("7", "8"), ("AB1", "CD2")])
def test_a_short_id_is_an_id(one: str, other: str) -> None:
    rows = [record("a", "Jan Aerts", keys={"licence": one}), record("b", "J. Aerts", keys={"licence": one})]
    clusters = resolve([*rows, record("c", "Jan Aerts", keys={"licence": other}), record("d", keys={"licence": "000"})])
    assert clusters.of["a",] == clusters.of["b",] != clusters.of["c",]


def test_who_may_be_of_several_is_asked_of_the_likeliest_one() -> None:
    shared = {"phone": "03 555 01 02", "mail": "info@antwerpen.example", "address": ADDRESS}
    names = {"city": "Stad Antwerpen", "green": "Stad Antwerpen Groendienst", "youth": "Stad Antwerpen Jeugddienst"}
    clusters = resolve([record(key, name, **shared) for key, name in names.items()])
    assert len(clusters.members) == 3
    assert any(("city",) in (one.one, one.other) for one in clusters.reviews)


def test_a_spelling_that_disagrees_with_another_one_keeps_no_one_out() -> None:
    """One wrong spelling in a customer is no second customer; two persons behind an initial are."""
    shared = {"phone": "0478 55 01 02", "address": ADDRESS}
    whole = [
        record(f"w{n}", name, **shared) for n, name in enumerate(("Tariq Hamdan Mansour", "Tarrek Hamdan Almansoor"))
    ]
    clusters = resolve([*whole, record("x", "Tariq Mansour", **shared)])
    assert clusters.of["x",] == clusters.of["w0",]


@pytest.mark.parametrize(
    ("written", "country", "expected"),
    [
        ("IE3803371O", "IE", "IE:3803371O"),
        ("19399546O", "CY", "CY:19399546O"),
        ("29ABCPE0578O1ZB", "IN", "IN:29ABCPE0578O1ZB"),
        ("BE 0476.267.22B", "BE", None),
        ("BE 0476.267.2Z8", "BE", None),
        ("BE 0476.2672Z8", "BE", None),
        ("BE 04762672I8", "BE", None),  # a digit more than a slip of the scanner
        ("BE 0476O67228", "BE", None),
        ("BE O476267228", "BE", None),
        ("BE 0476 267 228", "BE", "BE:476267228"),
    ],
)
def test_an_id_is_read_as_it_is_written_before_a_scanner_is_blamed(
    written: str, country: str, expected: str | None
) -> None:
    assert vat_key(written, country)[0] == expected


def test_a_scanned_id_is_read_where_the_letters_make_none() -> None:
    assert vat_key("BE 04O3170701", "BE") == vat_key(OTHER_VAT, "BE") != (None, None)
    assert vat_key("NL 12730240I2B01", "NL")[0] is None
    assert vat_key("BE 04762672Z8", "BE")[0] is None


def test_a_longer_name_is_not_thrown_away_because_another_one_has_more_initials() -> None:
    one = [record("a", "Jan M Peeters", mail="jp@x.be"), record("b", "Peeters", mail="jp@x.be", address=ADDRESS)]
    clusters = resolve([*one, record("c", "Joris Peeters", address=ADDRESS)])
    assert len({clusters.of["b",], clusters.of["c",]}) == 2 or len({clusters.of["a",], clusters.of["c",]}) == 2


@pytest.mark.parametrize("rows", [2, 5, 60, 61, 400])
def test_who_has_very_many_mailboxes_at_one_address_is_one(rows: int) -> None:
    known = [record(f"{n}", "Jan Peeters", mail=f"jan{n}@peeters{n}.be", address=ADDRESS) for n in range(rows)]
    assert len(resolve(known).members) == 1


def test_a_cell_that_is_no_contact_is_none_however_long() -> None:
    for text in ("1O" * 20_000 + "x", "a" + " " * 20_000 + "b", "a" + " (" * 20_000 + "b"):
        traits = record("a", "Noord", phone=text, mail=text, vat=text, address=text).traits
        assert (traits.phones, traits.mails) == ((), ())


@pytest.mark.parametrize("text", ["n/a 2023-11-26", "2023-11-26", "01/02/2023", "26.11.2023"])
def test_a_date_in_the_column_of_the_mailbox_is_no_phone(text: str) -> None:
    assert record("a", "Noord", mail=text).traits.phones == ()


@given(
    st.text("abejkmnorst. ()", min_size=1, max_size=24),
    st.text("abejkmnorst. ()", min_size=1, max_size=24),
)
def test_names_agree_whichever_is_asked_about_first(one: str, other: str) -> None:
    here, there = parse_name(f"Bakkerij {one}"), parse_name(f"{other} BV")
    assert here is not None
    assert there is not None
    assert agreement(here, there) == agreement(there, here)
