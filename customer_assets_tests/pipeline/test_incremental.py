"""A resolution of what changed alone comes to what a full one would: after every kind of change, one after another."""

from __future__ import annotations

import threading
from random import Random

import pytest
from stdnum.be import vat as be_vat

from customer_assets.pipeline.identity.affected import find_affected
from customer_assets.pipeline.identity.decide import decide_pair, outcome_of_merging, take_back
from customer_assets.pipeline.identity.resolve import (
    _engine,
    _resolve_affected,
    disagreeing_rows,
    resolve_customers,
    resolve_within,
)
from customer_assets.store.database import connect
from customer_assets.store.identity import index as identity_index
from customer_assets_tests.conftest import Company
from customer_assets_tests.pipeline.test_identity import add, customer_of

pytestmark = pytest.mark.slow
TRADES = ("Bouw", "Transport", "Holding", "Catering")


def vat_of(number: int) -> str:
    base = f"0{4_000_000 + number * 7}"
    found = f"BE{base}{97 - int(base) % 97:02d}"
    assert be_vat.is_valid(found)
    return found


def fill(company: Company, customers: int, random: Random) -> list[int]:
    """Rows of that many customers in one to three systems, some with a shared switchboard, some with sisters."""
    rows: list[int] = []
    for number in range(customers):
        family = f"{''.join(random.choices('abdegiklmnoprstuv', k=8))}"
        name = f"{family.capitalize()} {random.choice(TRADES)} BV"
        known = {
            "name": name,
            "vat_number": vat_of(number),
            "primary_phone": "+3235550100" if number % 20 == 0 else f"+32355{number:05d}",
            "general_email": f"info@{family}.be",
            "street": f"{family}straat {1 + number}",
            "zipcode": f"{2000 + number % 50}",
        }
        for source in random.sample(("robaws", "zoho", "sumit"), random.choice((1, 2, 2, 3))):
            said = {k: v for k, v in known.items() if k == "name" or random.random() < 0.7}
            rows.append(add(company, source, f"{number}", **said))
    return rows


@pytest.mark.slow
def test_what_changed_alone_is_resolved_as_everything_would_be(company: Company) -> None:
    random = Random(3)  # noqa: S311
    rows = fill(company, 150, random)
    first = resolve_customers(company.context)
    assert first.compared == first.rows == len(rows)
    assert resolve_customers(company.context).compared == 0
    looked_at = 0
    for step in range(40):
        one, other = random.sample(rows, 2)
        match step % 8:
            case 0 | 1 | 2:
                column = random.choice(("name", "primary_phone", "general_email", "street"))
                taken = company.value(f"select {column} from customer_rows where id = %s", other)
                if taken is not None:
                    company.do(f"update customer_rows set {column} = %s where id = %s", taken, one)
            case 3:
                company.do("update customer_rows set vat_number = null where id = %s", one)
            case 4:
                company.do("update customer_rows set name = name || ' Holding' where id = %s", one)
            case 5:
                rows.append(add(company, "invoice", f"NEW-{step}", primary_phone="+3235550100", name=f"Nieuw{step} NV"))
            case 6:
                decide_pair(
                    company.context,
                    f"{one}",
                    f"{other}",
                    decision=random.choice(("same", "different")),
                    by="test",
                )
            case _:
                gone = rows.pop(rows.index(one))
                company.do("delete from customer_rows where id = %s", gone)
        result = resolve_customers(company.context)
        looked_at += result.compared
        assert disagreeing_rows(company.context) == (0, len(rows)), f"after step {step}"
        assert company.value("select count(*) from customers") == result.customers
        assert company.value("select count(distinct golden_id) from customer_rows") == result.customers
    assert looked_at < 40 * len(rows) / 8


def test_a_decision_and_its_reversal_are_taken_up(company: Company) -> None:
    fill(company, 40, Random(5))  # noqa: S311
    one, other = add(company, "robaws", "a", name="Noord BV"), add(company, "zoho", "b", name="Zuid NV")
    resolve_customers(company.context)
    for decision in ("same", "different"):
        decide_pair(company.context, f"{one}", f"{other}", decision=decision, by="test")
        result = resolve_customers(company.context)
        assert 0 < result.compared < result.rows / 2
        assert (customer_of(company, one) == customer_of(company, other)) == (decision == "same")


def test_a_full_resolution_changes_no_id(company: Company) -> None:
    fill(company, 60, Random(7))  # noqa: S311
    resolve_customers(company.context)
    before = company.rows("select id, golden_id from customer_rows order by id")
    assert resolve_customers(company.context, full=True).compared == len(before)
    assert company.rows("select id, golden_id from customer_rows order by id") == before


def test_what_is_shared_by_two_vat_ids_since_a_change_is_nobodys_primary_one(company: Company) -> None:
    fill(company, 60, Random(9))  # noqa: S311
    one = add(company, "robaws", "a", name="Noord BV", vat_number=vat_of(900), general_email="kantoor@fisc.be")
    resolve_customers(company.context)
    email = "select email from customers where id = %s"
    assert company.value(email, customer_of(company, one)) == "kantoor@fisc.be"
    add(company, "zoho", "b", name="Zuid NV", vat_number=vat_of(901), general_email="kantoor@fisc.be")
    result = resolve_customers(company.context)
    assert result.compared < result.rows / 2
    assert company.value(email, customer_of(company, one)) is None


def test_a_namesake_among_common_names_is_not_joined_because_its_surroundings_are_few(
    company: Company,
) -> None:
    firsts = (
        "Jan",
        "Els",
        "Luc",
        "Sofie",
        "Marie",
        "Piet",
        "Anouk",
        "Daan",
        "Fleur",
        "Kees",
        "Hugo",
        "Claire",
    )
    lasts = (
        "Peeters",
        "Maes",
        "Claes",
        "Smets",
        "Wouters",
        "Baert",
        "Visser",
        "Bakker",
        "Jansen",
        "Moreau",
        "Weber",
    )
    for number, (first, last) in enumerate((f, s) for f in firsts for s in lasts):
        add(company, "robaws", f"{number}", name=f"{first} {last}", primary_phone=f"+32470{number:06d}")
    resolve_customers(company.context)
    add(company, "zoho", "new", name="Jan Peeters")
    result = resolve_customers(company.context)
    assert (result.compared < result.rows / 2, result.customers, result.reviews) == (True, result.rows, 1)
    assert disagreeing_rows(company.context)[0] == 0


def test_what_very_many_share_is_known_to_be_shared(company: Company) -> None:
    """An accountant's phone, and a chain with a branch in every town."""
    random = Random(11)  # noqa: S311
    fill(company, 300, random)
    phone = {"primary_phone": "+3235551234", "phone": "+3235551234"}
    for number in range(90):
        name = f"{''.join(random.choices('abdegiklmnoprstuv', k=7)).capitalize()} Antwerpen NV"
        add(company, "robaws", f"a{number}", name=name, vat_number=vat_of(2000 + number), **phone)
        add(company, "robaws", f"b{number}", name="Carrefour Market NV", zipcode=f"{4000 + number}")
    add(company, "robaws", "v", name="Vandamme Antwerpen NV", **phone)
    resolve_customers(company.context)
    add(company, "zoho", "v", name="Vandamme Antwerpn NV", **phone)
    add(company, "zoho", "b", name="Carrefour Market NV", zipcode="4003")
    new = add(company, "zoho", "n", name="Nieuw BV", vat_number=vat_of(3000), **phone)
    result = resolve_customers(company.context)
    assert result.compared < result.rows / 2
    assert disagreeing_rows(company.context)[0] == 0
    assert company.value("select phone from customers where id = %s", customer_of(company, new)) is None
    assert company.value("select bool_and(is_shared) from customer_contacts where value = '+3235551234'")


def test_a_row_that_a_sync_changes_during_the_resolution_is_looked_at_again(company: Company) -> None:
    fill(company, 60, Random(13))  # noqa: S311
    resolve_customers(company.context)
    add(company, "robaws", "x", name="Noord BV", vat_number=vat_of(900))
    one = add(company, "zoho", "y", name="Noord", vat_number=vat_of(900))
    engine = _engine(company.context)
    with connect(company.url) as connection, connection.transaction():
        changes = identity_index.changes(connection, engine=engine)
        region = find_affected(connection, changes, engine=engine, full=False)
        company.do("update customer_rows set primary_phone = '+3235550100' where id = %s", one)
        _resolve_affected(connection, company.context, region, engine, changes.total)
        again = identity_index.changes(connection, engine=engine)
    assert one in again.rows


def test_what_a_long_transaction_changes_is_found_by_the_resolution_after_it(company: Company) -> None:
    fill(company, 40, Random(17))  # noqa: S311
    resolve_customers(company.context)
    one = add(company, "robaws", "x", name="Noord BV")
    resolve_customers(company.context)
    with connect(company.url) as other:
        with other.transaction():  # its rows are older than the next resolution, and seen by the one after it alone
            other.execute("update customer_rows set vat_number = %s where id = %s", [vat_of(901), one])
            add(company, "zoho", "y", name="Noord", vat_number=vat_of(901))
            assert resolve_customers(company.context).compared < 20
        company.do(
            "update customer_rows set general_email = 'info@zuid.example' where source = 'zoho' and id > %s", one
        )
    assert 0 < resolve_customers(company.context).compared < 20
    assert customer_of(company, one) == company.value(
        "select golden_id from customer_rows where source_customer_id = 'y'"
    )
    assert resolve_customers(company.context).compared == 0


_OWN = "pg_current_xact_id()::text"


@pytest.mark.parametrize(
    ("own", "oldest", "engine"),
    [
        ("'7'", _OWN, "substring(value from ' \\S+ (.*)')"),  # of another server: restored from a backup
        (_OWN, "'99999999999'", "substring(value from ' \\S+ (.*)')"),
        (_OWN, _OWN, "'another engine'"),
    ],
)
def test_numbers_of_transactions_that_mean_nothing_here_are_not_believed(
    company: Company, own: str, oldest: str, engine: str
) -> None:
    fill(company, 20, Random(19))  # noqa: S311
    resolve_customers(company.context)
    one = company.value("select min(id) from customer_rows")
    company.do("update customer_rows set general_email = 'other@noord.example' where id = %s", one)
    company.do(
        f"update ops.database_marks set value = concat_ws(' ', {own}, {oldest}, {engine}) where mark = 'identity resolved'"
    )
    assert resolve_customers(company.context).compared > 0
    assert resolve_customers(company.context).compared == 0


def test_a_decision_is_taken_up_after_a_restored_backup(company: Company) -> None:
    one, other = add(company, "robaws", "a", name="Noord BV"), add(company, "zoho", "b", name="Zuid NV")
    resolve_customers(company.context)
    decide_pair(company.context, f"{one}", f"{other}", decision="same", by="test")
    company.do(
        "update ops.database_marks set value = '7 ' || value where mark = 'identity resolved'"
    )  # as a copy has it
    resolve_customers(company.context)
    assert customer_of(company, one) == customer_of(company, other)


def test_an_answer_that_is_taken_back_waits_for_the_resolution_that_read_it(company: Company) -> None:
    one, other = add(company, "robaws", "a", name="Noord BV"), add(company, "zoho", "b", name="Zuid NV")
    decide_pair(company.context, f"{one}", f"{other}", decision="same", by="test")
    review = company.value("select id from match_reviews")
    with connect(company.url) as connection:
        with connection.transaction():
            resolve_within(connection, company.context)
            taking = threading.Thread(target=take_back, args=(company.context, review), kwargs={"by": "test"})
            taking.start()
            taking.join(0.5)
            assert taking.is_alive()
        taking.join()
    resolve_customers(company.context)
    assert customer_of(company, one) != customer_of(company, other)


def test_what_would_come_of_a_record_that_is_nobodys_yet(company: Company) -> None:
    one = add(company, "robaws", "a", name="Noord BV")
    resolve_customers(company.context)
    other = add(company, "zoho", "b", name="Zuid NV")
    outcome = outcome_of_merging(company.context, one, other)
    assert outcome.is_wished
    assert len(outcome.after) == 1


def test_a_change_concerns_those_who_have_what_changed_and_no_neighbours_of_theirs(company: Company) -> None:
    """Forty customers in one building, each with neighbours by phone: a mailbox that changes is nobody else's matter."""
    random = Random(23)  # noqa: S311
    for number in range(40):
        name = f"{''.join(random.choices('abdegiklmnoprstuv', k=8)).capitalize()} BV"
        place = {"street": "Kerkstraat 1", "zipcode": "2000", "primary_phone": f"+3235550{number // 4:03d}"}
        add(company, "robaws", f"house {number}", name=name, general_email=f"info@firm{number}.be", **place)
    fill(company, 100, random)
    resolve_customers(company.context)
    one = company.value("select id from customer_rows where source_customer_id = 'house 7'")
    for column, value, most in (("general_email", "jan@other.be", 1), ("primary_phone", "+3235559999", 4)):
        company.do(f"update customer_rows set {column} = %s where id = %s", value, one)
        assert resolve_customers(company.context).compared <= most
    company.do(
        "update customer_rows set name = 'Firm Nine BV' where id = %s", one
    )  # who shares what is counted by names
    assert resolve_customers(company.context).compared >= 40
    assert disagreeing_rows(company.context)[0] == 0


def test_one_who_is_known_by_what_changed_is_joined(company: Company) -> None:
    fill(company, 60, Random(29))  # noqa: S311
    one = add(company, "robaws", "x", name="Vermeulen Dakwerken BV", general_email="jan@vermeulen.be")
    two = add(company, "zoho", "x", name="Vermeulen", general_email="an@elders.be")
    resolve_customers(company.context)
    before = customer_of(company, one) == customer_of(company, two)
    company.do("update customer_rows set general_email = 'jan@vermeulen.be' where id = %s", two)
    resolve_customers(company.context)
    assert (before, customer_of(company, one) == customer_of(company, two)) == (False, True)
    assert disagreeing_rows(company.context)[0] == 0


def test_a_crowded_house_is_crowded_for_who_leaves_its_place_out(company: Company) -> None:
    """Its keys are not those of the others there, who show by theirs that it is nobody's own."""
    fill(company, 60, Random(31))  # noqa: S311
    place = {"street": "Molenweg 7", "zipcode": "2000"}
    for number, name in enumerate(("Zilverberg", "Komutex", "Brinkman", "Claes", "Noordster")):
        add(company, "robaws", f"house {number}", name=name, **place)
    one = add(company, "robaws", "x", name="Maes", **place)
    resolve_customers(company.context)
    other = add(company, "zoho", "x", name="Maes Jr", street="Molenweg 7", primary_phone="+3235557009")
    assert resolve_customers(company.context).compared < 10
    assert customer_of(company, one) != customer_of(company, other)
    assert disagreeing_rows(company.context)[0] == 0
