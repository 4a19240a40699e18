"""How records become rows, straight from the field tables of docs/systems/."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_assets.domain.cache.mapping import MappedRecord, Mapper, content_hash, decode_record
from customer_assets.domain.cache.tables import CUSTOMERS
from customer_assets.errors import RecordError
from customer_assets.sources.robaws.mapping import ROBAWS_CLIENT
from customer_assets.sources.sumit.mapping import sumit_mapping
from customer_assets.sources.zoho.mapping import ZOHO_CONTACT, ZOHO_INVOICE

ROBAWS = ROBAWS_CLIENT.with_extra_fields({"role": ["Role"], "whatsapp_client": ["WhatsApp client"]}, {})


def robaws(mapping: Any = ROBAWS, **fields: Any) -> MappedRecord:
    mapper = Mapper(mapping)
    return mapper.map(mapper.reads({"id": "1", "name": "Noord BV", **fields})[1])


def extra(**fields: str) -> dict[str, Any]:
    return {"extraFields": {name: {"type": "SELECT", "stringValue": value} for name, value in fields.items()}}


def test_a_value_that_no_index_takes_rejects_its_record() -> None:
    with pytest.raises(RecordError, match="mobile is longer than 600"):
        robaws(gsm="0" * 601)


def test_real_path_wins_over_seed_path_and_the_conflict_is_counted() -> None:
    mapped = robaws(vatIdNumber="BE0123456749", vat="BE0999999922")
    assert mapped.values["vat_number"] == "BE0123456749"
    assert mapped.conflicts == 1


def test_seed_path_serves_where_the_real_one_is_blank() -> None:
    mapped = robaws(gsm="  ", mobile="0470", vat="BE1", role="POV", whatsappClient=True)
    assert (mapped.values["mobile"], mapped.values["vat_number"]) == ("0470", "BE1")
    assert (mapped.values["role"], mapped.values["whatsapp_client"]) == ("POV", True)
    assert mapped.conflicts == 0


@pytest.mark.parametrize("name", ["Role", "ROLE", "role", "r_o-l e"])
def test_extra_field_names_are_folded(name: str) -> None:
    assert robaws(**extra(**{name: "BROKER"})).values["role"] == "BROKER"


def test_a_field_that_merely_contains_role_is_not_the_role() -> None:
    assert robaws(**extra(**{"Controle datum": "2024-05-01"})).values["role"] is None


def test_extra_field_ids_without_a_name_leave_the_role_alone() -> None:
    by_id = extra(**{"37de8552-0000-4000-8000-0000000000aa": "BROKER"})
    assert "role" not in robaws(**by_id).values
    named = ROBAWS.with_extra_fields({"role": ["Role"]}, {"37de8552-0000-4000-8000-0000000000aa": "Role"})
    assert robaws(named, **by_id).values["role"] == "BROKER"


@pytest.mark.parametrize("address", [None, {}, [], "Havenstraat 1"])
def test_no_address_in_any_spelling_clears_it(address: Any) -> None:
    assert robaws(address=address).values["city"] is None


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (True, True),
        (False, False),
        ("false", False),
        ("FALSE", False),
        ("yes", True),
        (0, False),
        (1, True),
        (None, True),
    ],
)
def test_booleans_are_parsed_not_cast(given_value: Any, expected: bool) -> None:
    assert robaws(active=given_value).values["is_active"] is expected


def test_a_boolean_that_is_none_takes_the_default_with_a_warning() -> None:
    mapped = robaws(active="perhaps")
    assert mapped.values["is_active"] is True
    assert mapped.warnings == ["is_active: not a boolean"]


@pytest.mark.parametrize("value", ["2026-10-17", "2026-10-17T23:30:00+0200", "2026-10-17T23:30:00Z"])
def test_a_date_never_shifts(value: str) -> None:
    assert robaws(followUpDate=value).values["follow_up_date"] == date(2026, 10, 17)


def test_an_unreadable_date_is_dropped_with_a_warning() -> None:
    mapped = robaws(followUpDate="soon")
    assert (mapped.values["follow_up_date"], len(mapped.warnings)) == (None, 1)


def test_associations_give_their_label() -> None:
    mapped = robaws(legalForm={"id": 3, "label": "BV"}, glAccount=700, assignee={"id": "12", "name": "Els"})
    assert (mapped.values["legal_form"], mapped.values["gl_account"], mapped.values["assignee"]) == (
        "BV",
        "700",
        "Els",
    )


def test_an_assignee_that_is_only_an_id_keeps_the_stored_one() -> None:
    assert "assignee" not in robaws(assignee={"id": "12"}).values
    assert "assignee" not in robaws(assignee="12").values


def test_a_missing_name_is_a_default_on_insert_only() -> None:
    mapped = Mapper(ROBAWS).map({"id": 7, "name": " "})
    assert mapped.source_id == "7"
    assert "name" not in mapped.values
    assert mapped.insert_values["name"] == "Unknown Customer"


@pytest.mark.parametrize("record", [{"name": "x"}, {"id": "", "name": "x"}, {"id": None}])
def test_a_record_without_id_is_rejected(record: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match="no id"):
        Mapper(ROBAWS).map(record)


def test_a_value_that_no_column_can_hold_rejects_the_record() -> None:
    with pytest.raises(RecordError, match="website: expected text"):
        robaws(website=["a", "b"])


def test_unknown_keys_are_kept() -> None:
    assert robaws(language="nl").metadata == {"language": "nl"}


def test_absent_means_null_in_a_scan_and_not_said_in_a_delivery() -> None:
    assert robaws().values["website"] is None
    assert "website" not in robaws(ROBAWS.reading_absent_as("keep")).values
    assert robaws(ROBAWS.reading_absent_as("keep"), website=None).values["website"] is None


def test_times_with_any_offset_are_compared_as_instants() -> None:
    mapped = Mapper(ZOHO_CONTACT).map(
        {"contact_id": 460000000026049, "contact_name": "x", "last_modified_time": "2026-10-07T18:24:51+0530"}
    )
    assert mapped.source_id == "460000000026049"
    assert mapped.modified_at == datetime(2026, 10, 7, 12, 54, 51, tzinfo=UTC)


def test_zoho_blanks_are_null_and_absent_keys_are_kept() -> None:
    mapped = Mapper(ZOHO_CONTACT).map(
        {"contact_id": "1", "contact_name": "N", "company_name": "", "status": "inactive"}
    )
    assert mapped.values["company_name"] is None
    assert mapped.values["is_active"] is False
    assert "contact_persons" not in mapped.values
    assert "street" not in mapped.values


def test_zoho_vendors_are_skipped() -> None:
    assert Mapper(ZOHO_CONTACT).reads({"contact_type": "vendor"})[0] == "a vendor, no customer"


def test_the_primary_person_may_be_named_by_id_alone() -> None:
    record = {
        "contact_id": "1",
        "contact_name": "N",
        "primary_contact_id": "9",
        "contact_persons": [{"contact_person_id": "8"}, {"contact_person_id": "9"}],
    }
    _, prepared = Mapper(ZOHO_CONTACT).reads(record)
    assert [p.get("is_primary_contact") for p in prepared["contact_persons"]] == [None, True]


@pytest.mark.parametrize(
    ("total", "expected"), [(10000.0, "10000.00"), ("40.6", "40.60"), (0.1 + 0.2, "0.30"), (7, "7.00")]
)
def test_amounts_keep_their_cents(total: Any, expected: str) -> None:
    raw = json.dumps({"invoice_id": "1", "total": total}).encode()
    mapped = Mapper(ZOHO_INVOICE).map(decode_record(raw, exact_numbers=True))
    assert mapped.values["total"] == Decimal(expected)


@pytest.mark.parametrize("total", ["many", "NaN", "Infinity", 1e300, {"a": 1}])
def test_an_amount_that_is_none_rejects_the_invoice(total: Any) -> None:
    with pytest.raises(RecordError, match="total"):
        Mapper(ZOHO_INVOICE).map({"invoice_id": "1", "total": total})


@pytest.mark.parametrize("nested", [False, True])
def test_sumit_entities_are_lists_flat_or_nested(nested: bool) -> None:
    values = {"Customers_FullName": ['אורלי בע"מ'], "Customers_Phone": ["050-0000000"], "Customers_City": []}
    entity = {"ID": 2**31 + 5, "Folder": "5500", **({"Properties": values} if nested else values)}
    mapper = Mapper(sumit_mapping(dialect="real", absent="keep", builtin_names=["SUMIT"]))
    mapped = mapper.map(mapper.reads(entity)[1])
    assert (mapped.source_id, mapped.values["name"], mapped.values["phone"]) == (
        str(2**31 + 5),
        'אורלי בע"מ',
        "050-0000000",
    )
    assert "city" not in mapped.values  # an empty field cannot be told from an absent one: the stored value is kept
    assert mapped.insert_values["country"] == "IL"


def test_sumit_rows_without_a_name_are_rejected_and_built_in_ones_skipped() -> None:
    mapper = Mapper(sumit_mapping(dialect="seed", absent="keep", builtin_names=["SUMIT"]))
    with pytest.raises(RecordError, match="no name"):
        mapper.map({"CustomerID": "CRM-001"})
    assert mapper.reads({"CustomerID": "1", "Name": "SUMIT"})[0] == "built-in record"


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"x"', b'{"a": "\xff"}', b'{"a": "\\ud800"}'])
def test_what_is_no_json_object_rejects_itself(raw: bytes) -> None:
    with pytest.raises(RecordError):
        decode_record(raw)


def test_the_character_that_postgresql_cannot_hold_is_taken_out() -> None:
    assert decode_record(rb'{"a": "x\u0000y", "b": "\\u0000"}') == {"a": "xy", "b": "\\u0000"}


texts = st.one_of(st.none(), st.text(max_size=5))


@given(st.dictionaries(st.sampled_from(["name", "phone", "city", "street"]), texts))
def test_the_hash_does_not_depend_on_the_order_of_columns(values: dict[str, Any]) -> None:
    turned = dict(reversed(list(values.items())))
    assert content_hash(values, CUSTOMERS.blanks) == content_hash(turned, CUSTOMERS.blanks)


@given(st.lists(texts, min_size=2, max_size=2), st.lists(texts, min_size=2, max_size=2))
def test_different_values_hash_differently(one: list[Any], other: list[Any]) -> None:
    columns = ("city", "street")
    a = content_hash(dict(zip(columns, one, strict=True)), {})
    b = content_hash(dict(zip(columns, other, strict=True)), {})
    assert (a == b) == (one == other)


def test_blanks_do_not_count_in_the_hash() -> None:
    said = {"name": "x", "is_active": True, "contact_persons": [], "website": None}
    assert content_hash(said, CUSTOMERS.blanks) == content_hash({"name": "x"}, CUSTOMERS.blanks)


@pytest.mark.parametrize(("value", "kind"), [(False, "a boolean"), ([], "an empty list"), ({}, "an empty object")])
def test_what_says_nothing_blanks_its_column_and_is_said(value: object, kind: str) -> None:
    mapped = Mapper(ROBAWS_CLIENT).map({"id": "1", "name": "A", "tel": value})
    assert (mapped.values["phone"], mapped.warnings) == (None, [f"phone: {kind} where text belongs"])


def test_persons_that_are_none_are_an_empty_list() -> None:
    for value in (False, {}):
        mapped = Mapper(ZOHO_CONTACT).map({"contact_id": "1", "contact_name": "A", "contact_persons": value})
        assert mapped.values["contact_persons"] == []
        assert len(mapped.warnings) == 1
