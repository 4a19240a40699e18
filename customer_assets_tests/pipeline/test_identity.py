"""Real customers in the database: stable ids, aliases, decisions, reviews, explanations; and anybody's file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from customer_assets.errors import ConfigurationError, NotFoundError, RecordError
from customer_assets.pipeline.files import open_sheet
from customer_assets.pipeline.identity.decide import decide_pair, decide_review
from customer_assets.pipeline.identity.dedupe import (
    Deduped,
    Options,
    check_targets,
    dedupe,
    explain_rows,
    read_profiles,
    write_customers,
    write_reviews,
)
from customer_assets.pipeline.identity.explain import explain
from customer_assets.pipeline.identity.resolve import disagreeing_rows, resolve_customers, stable_ids
from customer_assets.pipeline.invoices.import_invoices import import_invoices
from customer_assets.pipeline.invoices.migrate import migrate
from customer_assets.store.identity import reviews
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.slow
VAT = "BE0476267228"


def add(company: Company, source: str, source_id: str, **fields: Any) -> int:
    columns = {
        "source": source,
        "source_customer_id": source_id,
        "name": "Noord BV",
        "country": "BE",
        **fields,
    }
    names = ", ".join(columns)
    placeholders = ", ".join(["%s"] * len(columns))
    found: int = company.value(
        f"insert into customer_rows ({names}) values ({placeholders}) returning id", *columns.values()
    )
    return found


def customer_of(company: Company, row: int) -> int:
    found: int = company.value("select golden_id from customer_rows where id = %s", row)
    return found


def test_rows_of_one_customer_share_one_id_and_a_second_run_writes_nothing(company: Company) -> None:
    one = add(company, "robaws", "1", vat_number=VAT, phone="03 555 01 02", primary_phone="+3235550102")
    other = add(company, "zoho", "9", name="Noord", general_email="jan@noord.be", vat_number=VAT)
    apart = add(company, "sumit", "7", name="Zuid")
    result = resolve_customers(company.context)
    assert (result.customers, result.rows) == (2, 3)
    assert customer_of(company, one) == customer_of(company, other) != customer_of(company, apart)
    golden = company.rows("select * from customers where id = %s", customer_of(company, one))[0]
    assert (golden["name"], golden["email"], golden["row_count"]) == ("Noord BV", "jan@noord.be", 2)
    assert golden["provenance"]["email"] == other
    contacts = company.rows(
        "select kind, value from customer_contacts where golden_id = %s order by 1, 2", golden["id"]
    )
    assert ("email", "jan@noord.be") in [(c["kind"], c["value"]) for c in contacts]
    tables = ("customers", "customer_rows", "customer_contacts", "match_reviews", "ops.identity_edges")
    before = [company.value(f"select coalesce(sum(xmin::text::bigint), 0) from {t}") for t in tables]
    resolve_customers(company.context)
    assert [company.value(f"select coalesce(sum(xmin::text::bigint), 0) from {t}") for t in tables] == before


def test_a_merged_id_becomes_an_alias_and_a_split_keeps_the_larger_part(company: Company) -> None:
    rows = [add(company, "robaws", f"{n}", name=f"Customer {'ABC'[n]}") for n in range(3)]
    resolve_customers(company.context)
    ids = [customer_of(company, row) for row in rows]
    for other in ("robaws:1", "robaws:2"):
        decide_pair(company.context, "robaws:0", other, decision="same", by="test")
    resolve_customers(company.context)
    assert {customer_of(company, row) for row in rows} == {ids[0]}
    aliases = {a["old_id"]: a["golden_id"] for a in company.rows("select * from customer_aliases")}
    assert aliases == {ids[1]: ids[0], ids[2]: ids[0]}
    decide_pair(company.context, "robaws:0", "robaws:2", decision="different", by="test")
    resolve_customers(company.context)
    assert customer_of(company, rows[0]) == customer_of(company, rows[1]) == ids[0]
    assert customer_of(company, rows[2]) != ids[0]
    assert company.value("select count(*) from ops.audit_log where action like 'identity:%%'") == 3


def test_what_is_in_doubt_is_asked_and_the_answer_replayed(company: Company) -> None:
    office = {
        "phone": "03 555 01 02",
        "general_email": "info@noord.be",
        "street": "Havenstraat 12",
        "zipcode": "2030",
    }
    one = add(company, "robaws", "1", name="Noord Bouw BV", **office)
    other = add(company, "zoho", "2", name="Noord Holding BV", **office)
    assert resolve_customers(company.context).reviews == 1
    [review] = reviews.list_reviews(company.connection)
    assert (review["one_row_id"], review["other_row_id"]) == (one, other)
    assert dict(review["reasons"])["name_family"] < 0
    decide_review(company.context, review["id"], decision="same", by="test")
    assert resolve_customers(company.context).reviews == 0
    assert customer_of(company, one) == customer_of(company, other)
    found = explain(company.context, str(one), "zoho:2")
    assert (found.same, [step["rule"] for step in found.path]) == (True, ["operator"])
    with pytest.raises(NotFoundError):
        decide_review(company.context, 999, decision="same", by="test")
    with pytest.raises(NotFoundError, match="write a customers_cache id"):
        explain(company.context, "1", "nobody")


def test_two_vat_ids_are_said_to_be_the_reason(company: Company) -> None:
    add(company, "robaws", "1", vat_number=VAT)
    add(company, "zoho", "2", vat_number="BE0403170701")
    found = explain(company.context, "robaws:1", "zoho:2")
    assert (found.same, found.veto) == (False, "two different valid VAT ids")


def test_a_phone_of_two_vat_ids_is_nobodys_primary_one(company: Company) -> None:
    phone = {"phone": "03 555 01 02", "primary_phone": "+3235550102"}
    add(company, "robaws", "1", vat_number=VAT, **phone)
    add(company, "robaws", "2", name="Zuid", vat_number="BE0403170701", **phone)
    resolve_customers(company.context)
    assert company.value("select count(*) from customers where primary_phone is not null") == 0
    assert company.value("select count(*) from customer_contacts where is_shared") >= 2


@pytest.mark.parametrize("text", ["gsm: +32478550102", "+32478550102 (thuis)"])
def test_a_shared_number_does_not_survive_in_a_column_of_mailboxes_either(company: Company, text: str) -> None:
    """What a record is compared by leaves out a number among remarks there; what survives does not."""
    phone = {"phone": "+32478550102", "primary_phone": "+32478550102"}
    add(company, "robaws", "1", vat_number=VAT, **phone)
    add(company, "robaws", "2", name="Zuid", vat_number="BE0403170701", **phone)
    add(company, "robaws", "3", name="Oost", general_email=text)
    add(company, "robaws", "4", name="West", general_email="info@west.example")
    resolve_customers(company.context)
    found = company.rows("select name, email from customers order by name")
    assert [row["email"] for row in found if row["name"] in ("Oost", "West")] == [None, "info@west.example"]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def deduped(file: Path, out: Path, **options: Any) -> Deduped:
    found = dedupe(file, Options(**options))
    write_customers(found, out)
    return found


def test_one_vat_id_with_its_country_and_without_shares_nothing_with_itself(company: Company) -> None:
    """A country that nobody knows does not make two customers of one, whose phone would then be nobody's."""
    trn = "100635343642017"
    one = add(
        company, "robaws", "1", name="Aeon Steel FZE", vat_number=trn, country="Emirates", primary_phone="+97143778453"
    )
    add(company, "zoho", "2", name="Aeon Steel FZE", vat_number=trn, country="AE", primary_phone="+97143778453")
    resolve_customers(company.context)
    golden = customer_of(company, one)
    assert company.value("select primary_phone from customers where id = %s", golden) == "+97143778453"


def test_anybodys_file(tmp_path: Path) -> None:
    rows = [
        {"nr": "a", "Name": "Noord BV", "phone": "03 555 01 02", "vat": ""},
        {"nr": "b", "Name": "B.V. Noord", "phone": "+32 3 555 01 02", "vat": VAT},
        {"nr": "c", "Name": "Zuid", "phone": "", "vat": ""},
    ]
    file, out = write(tmp_path / "in.csv", rows), tmp_path / "out.csv"
    done = deduped(file, out, mapping={"nr": "id"})
    assert (len(done.ids), len(done.clusters.members)) == (3, 2)
    with out.open(encoding="utf-8") as result:
        found = {row["id"]: row for row in csv.DictReader(result)}
    assert found["a"]["customer_key"] == found["b"]["customer_key"] == "a"
    assert (found["c"]["customer_key"], found["c"]["rule"]) == ("c", "alone")
    assert found["b"]["rule"] == "name_same+phone"
    deduped(write(tmp_path / "shuffled.csv", rows[::-1]), tmp_path / "again.csv", mapping={"nr": "id"})
    assert sorted((tmp_path / "again.csv").read_text().splitlines()) == sorted(out.read_text().splitlines())


def test_a_name_and_a_street_that_are_spread_over_columns_are_joined(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(
        "rec_id,given_name,surname,street,house_number,zip,nick,kin\n"
        "1,Sofie,Goossens,Dorpsstraat,12,3000,,\n"
        "2,Sofie,Goossens,Dorpsstr.,12,3000,,\n"
        "3,Sofie,Goossens,Dorpsstraat,99,9000,Fie,Maes\n"
    )
    deduped(tmp_path / "people.csv", tmp_path / "out.csv")
    found = [row["customer_key"] for row in csv.DictReader((tmp_path / "out.csv").read_text().splitlines())]
    assert found == ["1", "1", "3"]
    _, profiles, _ = read_profiles(tmp_path / "people.csv", {"nick": "name", "kin": "name"})
    assert [p.traits.name.key if p.traits.name else None for p in profiles] == [None, None, "fie maes"]


def test_a_file_is_read_as_other_programs_write_it_and_says_which_lines_are_no_rows(tmp_path: Path) -> None:
    text = (
        "id;naam;phone;source;customer_id;name\r\n"
        "1;;4.7812E+10;exact;NULL;Bäckerei Groß\r\n"
        "2;;4.7812E+10;exact;0;Garage Noord\r\n"
        "3;;;exact;12.0;Slagerij Maes\r\n"
        "4;;;exact;12;Maes, slagerij\r\n"
        "5;too;many;fields;here;and;there\r\n"
    )
    (tmp_path / "people.csv").write_bytes(text.encode("cp1252"))
    done = deduped(tmp_path / "people.csv", tmp_path / "out.csv")
    assert (len(done.ids), len(done.clusters.members), done.problems) == (
        4,
        3,
        ["line 6: 7 fields where the heading has 6"],
    )
    _, profiles, _ = read_profiles(tmp_path / "people.csv")
    assert [p.traits.phones for p in profiles] == [()] * 4
    assert [p.source for p in profiles] == [None, None, ("exact", "12"), ("exact", "12")]


@pytest.mark.parametrize(
    ("rows", "mapping", "message"),
    [
        ([{"x": "1"}], {}, "no column is the id"),
        ([{"id": "1", "x": "2"}], {}, "nothing to compare"),
        ([{"id": "1", "name": "2"}], {"nope": "name"}, "the file has id, name"),
        ([{"id": "1", "name": "2"}], {"name": "nope"}, "there are id"),
    ],
)
def test_a_file_that_will_not_do(
    tmp_path: Path, rows: list[dict[str, str]], mapping: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        dedupe(write(tmp_path / "in.csv", rows), Options(mapping))


PEOPLE = [
    {"id": "1", "name": "Sofie Goossens", "born": "1980-03-04", "licence": "AB-12 345", "city": "Gent"},
    {"id": "2", "name": "Goosens, Sofie", "born": "04/03/1980", "licence": "", "city": ""},
    {"id": "3", "name": "Marie Maes", "born": "19800304", "licence": "ab12345", "city": ""},  # she married
    {"id": "4", "name": "Sofie Goossens", "born": "1981-07-09", "licence": "", "city": "Gent"},
    {"id": "5", "name": "Jan Wit", "born": "", "licence": "000000", "city": ""},
    {"id": "6", "name": "Piet Zwart", "born": "", "licence": "000000", "city": ""},
]


def test_a_date_of_birth_and_ids_of_any_kind_tell_persons(tmp_path: Path) -> None:
    file = write(tmp_path / "people.csv", PEOPLE)
    assert dedupe(file, Options(keys=("licence",))).customer_keys() == ["1", "1", "1", "4", "5", "6"]
    assert dedupe(file).customer_keys() == ["1", "1", "3", "4", "5", "6"]
    with pytest.raises(ConfigurationError, match="--key passport: the file has id, name"):
        dedupe(file, Options(keys=("passport",)))


@pytest.mark.parametrize("third", ["a#1", "a#0", "a##1"])
def test_rows_of_one_id_get_keys_that_no_other_row_has(tmp_path: Path, third: str) -> None:
    names = {"Alpha Metaal": "a", "Beta Bloemen": "a", "Gamma Transport": third}
    file = write(tmp_path / "in.csv", [{"id": of, "name": name, "phone": ""} for name, of in names.items()])
    assert len(set(dedupe(file).customer_keys())) == 3


def test_a_key_that_many_names_have_is_nobodys_unless_they_are_born_on_one_day(tmp_path: Path) -> None:
    names = ["Sofie Goossens", "Marie Maes", "Jan Wit", "Piet Zwart"]
    rows = [{"id": str(n), "name": name, "licence": "AB12345", "born": ""} for n, name in enumerate(names)]
    file = write(tmp_path / "people.csv", rows)
    assert len(set(dedupe(file, Options(keys=("licence",))).customer_keys())) == 4
    file = write(tmp_path / "people.csv", [row | {"born": "1980-03-04"} for row in rows])
    assert len(set(dedupe(file, Options(keys=("licence",))).customer_keys())) == 1


def test_pairs_in_doubt_are_written_answered_and_read_back(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "name": "Maes", "phone": "+32 3 555 01 02", "email": ""},
        {"id": "b", "name": "Maes Koen", "phone": "+32 3 555 01 02", "email": ""},
        {"id": "c", "name": "Zuid BV", "phone": "", "email": ""},
    ]
    file = write(tmp_path / "in.csv", rows)
    found = dedupe(file)
    for name in ("review.csv", "review.xlsx", "review.parquet"):
        write_reviews(found, tmp_path / name)
        sheet = open_sheet(str(tmp_path / name))
        lines = [dict(zip(sheet.header, line.cells, strict=True)) for line in sheet.lines()]
        assert [(line["one"], line["other"], line["decision"]) for line in lines] == [("a", "b", "")]
        assert lines[0]["other_says"] == "Maes Koen | +32 3 555 01 02"
    answers = (tmp_path / "review.csv").read_text()
    for answer, expected in (("same", ["a", "a", "c"]), ("different", ["a", "b", "c"])):
        (tmp_path / "answered.csv").write_text(answers.replace("a,b,,", f"a,b,{answer},"))
        again = dedupe(file, Options(decisions=tmp_path / "answered.csv"))
        assert again.customer_keys() == expected
        assert again.clusters.reviews == []
    assert [step[2].rule for step in explain_rows(dedupe(file, Options(decisions=tmp_path / "review.csv")), "a", "b")]
    for wrong, message in (
        ("a,b,maybe,", "the answer is same or different"),
        ("a,x,same,", "no row has the id x"),
        ("a,b,same,,,,\nb,a,Different,", "line 3: b and a were answered otherwise before"),
    ):
        (tmp_path / "answered.csv").write_text(answers.replace("a,b,,", wrong))
        with pytest.raises(ConfigurationError, match=message):
            dedupe(file, Options(decisions=tmp_path / "answered.csv"))
    (tmp_path / "answered.csv").write_text("one,other\na,b\n")
    with pytest.raises(ConfigurationError, match="no column decision"):
        dedupe(file, Options(decisions=tmp_path / "answered.csv"))


def test_what_somebody_typed_is_no_formula_in_a_workbook(tmp_path: Path) -> None:
    rows = [{"id": "=1+1", "name": "=HYPERLINK(1)"}, {"id": "b", "name": "http://noord.be"}]
    write_customers(dedupe(write(tmp_path / "in.csv", rows)), tmp_path / "out.xlsx")
    import zipfile

    with zipfile.ZipFile(tmp_path / "out.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "=1+1" in sheet


# --- found by a review -----------------------------------------------------------------------------------------------


def test_a_column_is_read_as_what_it_was_said_to_be_alone(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,klantnaam,phone,mobile,note\n1,Noord BV,03 555 01 02,L1,x\n")
    assert dict(dedupe(path).columns) == {"id": ["id"], "name": ["klantnaam"], "phone": ["phone", "mobile"]}
    found = dedupe(path, Options(keys=("mobile",)))
    assert (found.columns["phone"], list(found.ignored)) == (["phone"], ["note"])


def test_no_file_that_is_read_or_holds_answers_is_written_over(tmp_path: Path) -> None:
    path, out, review = (tmp_path / name for name in ("people.csv", "out.csv", "review.csv"))
    path.write_text("id,name\n1,Noord BV\n")
    review.touch()
    check_targets(path, out, review, None)
    with pytest.raises(ConfigurationError, match="is read here and would be written over"):
        check_targets(path, path, None, None)
    with pytest.raises(ConfigurationError, match="would be written twice"):
        check_targets(path, out, out, None)
    review.write_text("one,other,decision\n1,2,same\n")
    with pytest.raises(ConfigurationError, match="holds answers"):
        check_targets(path, out, review, None)
    with pytest.raises(ConfigurationError, match="is read here"):
        check_targets(path, out, review, review)


def test_a_pair_that_two_accounts_have_is_asked_whose(company: Company) -> None:
    for account in ("north", "south"):
        for number in "12":
            mailbox = f"c{number}@{account}.example"
            add(
                company,
                "robaws",
                number,
                account=account,
                name=f"Customer {number} of {account}",
                general_email=mailbox,
            )
    resolve_customers(company.context)
    with pytest.raises(RecordError, match="are in accounts north, south: name one with --account"):
        decide_pair(company.context, "robaws:1", "robaws:2", decision="same", by="test")
    with pytest.raises(RecordError, match="name one with --account"):
        explain(company.context, "robaws:1", "robaws:2")
    with pytest.raises(NotFoundError, match="no record robaws:1 in account west"):
        decide_pair(company.context, "robaws:1", "robaws:2", decision="same", by="test", account="west")
    decide_pair(company.context, "robaws:1", "robaws:2", decision="same", by="test", account="south")
    assert company.value("select string_agg(account, ',') from match_reviews where decision = 'same'") == "south"
    resolve_customers(company.context)
    assert explain(company.context, "robaws:1", "robaws:2", "south").same
    assert not explain(company.context, "robaws:1", "robaws:2", "north").same
    assert company.rows("select account from customer_aliases") == [{"account": "south"}]
    assert company.rows("select account, count(*)::int as n from customer_contacts group by 1 order by 1") == [
        {"account": "north", "n": 2},
        {"account": "south", "n": 2},
    ]


def test_an_answer_that_another_one_kept_from_holding_holds_when_that_is_mended(company: Company) -> None:
    names = ("Noord Bouw BV", "Zuid Handel BV", "Oost Transport BV")
    rows = [add(company, "robaws", str(number), name=name) for number, name in enumerate(names)]
    for number in range(10, 30):  # of a few everything is looked at
        add(company, "robaws", str(number), name=f"{'abcdefghijklmnopqrst'[number - 10] * 5} BV")
    pairs = [("robaws:0", "robaws:1"), ("robaws:1", "robaws:2"), ("robaws:0", "robaws:2")]
    for (one, other), decision in zip(pairs, ("same", "same", "different"), strict=True):
        decide_pair(company.context, one, other, decision=decision, by="test")
        resolve_customers(company.context)
    resolve_customers(company.context)  # it has seen all of them
    decide_pair(company.context, *pairs[0], decision="different", by="test")
    resolve_customers(company.context)
    of = [customer_of(company, row) for row in rows]
    assert of[0] != of[1] == of[2]
    assert disagreeing_rows(company.context)[0] == 0


def test_aliases_follow_a_chain_of_merges_and_are_given_back(company: Company) -> None:
    rows = [add(company, "robaws", f"{n}", name=f"Customer {'ABC'[n]}") for n in range(3)]
    resolve_customers(company.context)
    ids = [customer_of(company, row) for row in rows]
    for pair in (("robaws:1", "robaws:2"), ("robaws:0", "robaws:1")):
        decide_pair(company.context, *pair, decision="same", by="test")
        resolve_customers(company.context)
    aliases = {a["old_id"]: a["golden_id"] for a in company.rows("select * from customer_aliases")}
    assert aliases == {ids[1]: ids[0], ids[2]: ids[0]}
    decide_pair(company.context, "robaws:1", "robaws:2", decision="different", by="test")
    resolve_customers(company.context)
    assert [customer_of(company, row) for row in rows] == [ids[0], ids[0], ids[2]]
    assert company.value("select count(*) from customer_aliases where old_id = %s", ids[2]) == 0


def test_telling_two_apart_leaves_third_parties_together(company: Company) -> None:
    rows = [add(company, "robaws", f"{n}", name="Noord BV", vat_number=VAT) for n in range(3)]
    for other in ("robaws:1", "robaws:2"):
        decide_pair(company.context, "robaws:0", other, decision="different", by="test")
    resolve_customers(company.context)
    ids = [customer_of(company, row) for row in rows]
    assert ids[0] != ids[1] == ids[2]


def test_the_same_number_of_two_countries_is_two_vat_ids(company: Company) -> None:
    one = add(company, "robaws", "1", name="Schmidt GmbH", vat_number="DE512345752", country="DE")
    other = add(company, "sumit", "2", name="Cohen Ltd", vat_number="512345752", country="IL")
    resolve_customers(company.context)
    assert customer_of(company, one) != customer_of(company, other)


def test_a_new_row_with_a_known_vat_id_and_nothing_else_in_common_is_found(company: Company) -> None:
    one = add(company, "robaws", "1", name="Noord BV", vat_number=VAT, country="BE")
    for number in range(40):
        add(company, "robaws", f"x{number}", name=f"Other {number} NV", phone=f"+32 3 555 {number:02d} 77")
    resolve_customers(company.context)
    other = add(company, "zoho", "2", name="Iets Anders", vat_number=VAT, country="BE")
    assert resolve_customers(company.context).compared == 2
    assert customer_of(company, one) == customer_of(company, other)


def test_an_odd_file_names_no_customer_twice(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "name": "Noord BV"},
        {"id": "1", "name": "Zuid Transport"},
        {"id": "2", "name": "Zuid Transport"},
    ]
    done = deduped(write(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as result:
        keys = [row["customer_key"] for row in csv.DictReader(result)]
    assert len(set(keys)) == len(done.clusters.members) == 2
    assert keys[1] == keys[2]
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        dedupe(tmp_path / "bad.parquet")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        deduped(tmp_path / "in.csv", tmp_path / "nowhere/out.csv")


def test_numbers_with_gaps_are_read_as_people_write_them(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "id": [1.0, 2.0, None],
            "name": ["A", "B", "C"],
            "vat": [476267228.0, 476267228.0, None],
            "country": ["BE"] * 3,
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    assert len(deduped(tmp_path / "in.parquet", tmp_path / "out.csv").clusters.members) == 2
    assert (tmp_path / "out.csv").read_text().splitlines()[1].split(",")[:3] == ["1", "1", "vat_id"]


def test_an_invoice_told_apart_from_its_own_customer_is_not_linked_to_it(company: Company, tmp_path: Path) -> None:
    add(company, "robaws", "1", name="Noord BV", general_email="jan@noord.be")
    rows = [
        {
            "source_invoice_id": "A1",
            "source_system": "robaws",
            "source_customer_id": "1",
            "customer_name": "Noord BV",
            "customer_email": "jan@noord.be",
            "total": "1",
            "currency_code": "EUR",
        }
    ]
    import_invoices(company.context, str(write(tmp_path / "old.csv", rows)))
    migrate(company.context)
    assert company.value("select match_rule from legacy_invoices") == "source_id"
    decide_pair(company.context, "legacy:A1", "robaws:1", decision="different", by="test")
    migrate(company.context)
    assert (
        company.value("select c.source from legacy_invoices l join customer_rows c on c.id = l.customer_id")
        == "invoice"
    )


def test_a_customer_keeps_its_number_through_a_merge_and_back() -> None:
    def part(*rows: tuple[int, int]) -> list[dict[str, int]]:
        return [{"id": row, "golden_id": golden} for row, golden in rows]

    # record 1 went over from 653 to 700, and comes back: 700 is still who had that number
    kept, merged, given_back = stable_ids([part((1, 700), (2, 653), (3, 653)), part((4, 700))], {})
    assert (kept, merged, given_back) == ([653, 700], {}, [])
    # most of 700 is at 653 now: there it goes on
    kept, merged, _ = stable_ids([part((1, 700), (5, 700), (2, 653)), part((4, 700))], {})
    assert kept == [653, None]
    assert merged == {700: (653, [1, 5])}
