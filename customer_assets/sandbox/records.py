"""What the made-up companies look like in each system: records as docs/systems/ describes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from customer_assets.sandbox.companies import (
    Company,
    company,
    person,
    spelled_country,
    spelled_name,
    spelled_phone,
    spelled_vat,
)

Record = dict[str, Any]

ROLES = (
    "POV",
    "RORO",
    "FORWARDER",
    "CONSIGNEE",
    "CAR DEALER",
    "LUXURY CAR DEALER",
    "BROKER",
    "TRANSPORT COMPANY",
    "SHIPPING LINE",
    "BLACKLISTED",
)
EPOCH = datetime(2021, 1, 4, 8, 0, tzinfo=UTC)
LATEST = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # nothing was changed later
ZOHO_ONLY = 5_000_000  # numbers of companies that Robaws does not know
SUMIT_ONLY = 6_000_000
ZOHO_FIRST_ID = 460_000_000_026_000
INVOICE_FIRST_ID = 982_000_000_567_000
SUMIT_FIRST_ID = 910_001


def robaws_client(number: int, *, seed: int) -> Record:
    """A client in the real record shape."""
    random = Random(f"robaws/{seed}/{number}")
    subject = company(number, seed=seed)
    modified = EPOCH + timedelta(minutes=random.randint(0, 2_500_000), milliseconds=random.randint(0, 999))
    extra: Record = {"Controle datum": {"type": "DATE", "group": None, "dateValue": "2024-05-01"}}
    if number == 0 or random.random() < 0.66:
        extra["Role"] = {"type": "SELECT", "group": None, "stringValue": random.choice(ROLES)}
    if random.random() < 0.3:
        extra["WhatsApp client"] = {"type": "CHECKBOX", "group": None, "booleanValue": True}
    record: Record = {
        "id": str(1000 + number),
        "name": spelled_name(subject, random, sloppy=0.2) if number else subject.name,
        "email": _some(random, 0.85, f"info@{subject.domain}"),
        "tel": _some(random, 0.8, spelled_phone(subject.phone, subject.land, random)),
        "gsm": _some(random, 0.35, spelled_phone(subject.mobile, subject.land, random)),
        "invoiceEmail": _some(random, 0.5, f"facturen@{subject.domain};boekhouding@{subject.domain}"),
        "vatIdNumber": _some(random, 0.75, spelled_vat(subject.vat, random)),
        "website": _some(random, 0.5, f"https://www.{subject.domain}"),
        "language": {"BE": "nl", "NL": "nl", "FR": "fr", "DE": "de"}.get(subject.land, "en"),
        "currency": "EUR",
        "status": random.choice(("Actief", "Actief", "Prospect", "Slapend")),
        "clientSince": f"{(EPOCH + timedelta(days=number % 1500)).date()}",
        "address": _address(subject, random),
        "extraFields": extra,
        "active": random.random() > 0.04,
        "createdAt": _iso(EPOCH + timedelta(hours=number)),
        "updatedAt": _iso(max(modified, EPOCH + timedelta(hours=number))),
    }
    if number % 97 == 13:
        del record["extraFields"]
    if number % 211 == 7:
        record["assignee"] = {"id": "12", "name": "Els Peeters"}
    return record


def _address(subject: Company, random: Random) -> Any:
    chance = random.random()
    if chance < 0.03:
        return random.choice((None, {}, []))
    return {
        "addressLine1": subject.street,
        "addressLine2": _some(random, 0.1, f"bus {random.randint(1, 30)}"),
        "postalCode": subject.zipcode,
        "city": subject.city,
        "country": spelled_country(subject.land, random),
        "latitude": round(random.uniform(10, 55), 4),
        "longitude": round(random.uniform(2, 78), 4),
    }


def zoho_company(number: int, *, seed: int) -> Company:
    """The company behind a Zoho contact: three in four are in Robaws too."""
    return company(number * 4 if number % 4 else ZOHO_ONLY + number, seed=seed)


def zoho_contact(number: int, *, seed: int, is_vendor: bool = False) -> Record:
    """A contact with all that its detail shows; the list shows less of it."""
    random = Random(f"zoho/{seed}/{number}")
    subject = zoho_company(number, seed=seed)
    modified = EPOCH + timedelta(minutes=random.randint(0, 2_500_000))
    contact_id = str(ZOHO_FIRST_ID + number * 7)
    persons = [_person(subject, random, contact_id, n) for n in range(random.choices((0, 1, 2, 4), (1, 6, 2, 1))[0])]
    if persons and random.random() > 0.05:
        persons[0]["is_primary_contact"] = True
    primary = next((p for p in persons if p["is_primary_contact"]), None)
    shown = primary or {"first_name": "", "last_name": "", "email": "", "phone": "", "mobile": ""}
    return {
        "contact_id": contact_id,
        "contact_name": spelled_name(subject, random, sloppy=0.5).strip(),
        "company_name": subject.name,
        "contact_type": "vendor" if is_vendor else "customer",
        "status": "inactive" if number % 25 == 24 else "active",
        "payment_terms": random.choice((15, 30, 60, -2)),
        "currency_code": "EUR",
        "outstanding_receivable_amount": round(random.uniform(0, 9000), 2),
        **{key: shown[key] for key in ("first_name", "last_name", "email", "phone", "mobile")},
        "created_time": _zoho_time(EPOCH + timedelta(hours=number), random),
        "last_modified_time": _zoho_time(max(modified, EPOCH + timedelta(hours=number)), random),
        "primary_contact_id": primary["contact_person_id"] if primary else "",
        "vat_reg_no": subject.vat if random.random() < 0.6 else "",
        "billing_address": {
            "address_id": f"{contact_id}9",
            "address": subject.street,
            "street2": "",
            "city": subject.city,
            "zip": subject.zipcode,
            "country": spelled_country(subject.land, random),
        },
        "contact_persons": persons,
    }


def _person(subject: Company, random: Random, contact_id: str, number: int) -> Record:
    first, last = person(subject.land, random)
    mobile = subject.mobile if number == 0 else subject.mobile[:-2] + f"{random.randint(10, 99)}"
    return {
        "contact_person_id": f"{contact_id}{number + 1}",
        "first_name": first,
        "last_name": last,
        "email": f"info@{subject.domain}" if number == 0 else f"{first.lower()}@{subject.domain}",
        "phone": spelled_phone(subject.phone, subject.land, random) if random.random() < 0.7 else "",
        "mobile": spelled_phone(mobile, subject.land, random) if random.random() < 0.5 else "",
        "is_primary_contact": False,
    }


def zoho_invoice(number: int, *, contacts: int, seed: int) -> Record:
    """An invoice of one of the contacts; a few name a contact that no list shows."""
    random = Random(f"zoho-invoice/{seed}/{number}")
    contact_id = str(ZOHO_FIRST_ID + random.randrange(contacts) * 7)
    if number % 500 == 499:
        contact_id = str(ZOHO_FIRST_ID - 1 - number % 1000)
    issued = date(2024, 1, 2) + timedelta(days=number * 1050 // 5000 % 1050)
    total = round(random.uniform(40, 12_000), 2)
    status = random.choices(("paid", "overdue", "sent", "partially_paid", "void", "draft"), (55, 15, 15, 8, 4, 3))[0]
    balance = {"paid": 0.0, "void": 0.0, "partially_paid": round(total * 0.4, 2)}.get(status, total)
    modified = datetime(issued.year, issued.month, issued.day, 9, tzinfo=UTC) + timedelta(hours=random.randint(0, 900))
    modified = min(modified, LATEST)
    return {
        "invoice_id": str(INVOICE_FIRST_ID + number),
        "customer_id": contact_id,
        "customer_name": "",
        "invoice_number": f"INV-{number:05d}",
        "status": status,
        "date": f"{issued}",
        "due_date": f"{issued + timedelta(days=30)}",
        "currency_code": random.choices(("EUR", "USD", "ILS"), (85, 10, 5))[0],
        "total": total if number % 9 else f"{total:.2f}",
        "balance": balance,
        "last_payment_date": "",
        "created_time": _zoho_time(modified, random),
        "last_modified_time": _zoho_time(modified, random),
    }


def sumit_company(number: int, *, seed: int) -> Company:
    """The company behind a SUMIT customer: two in three are in Robaws too."""
    return company(number * 11 + 3 if number % 3 else SUMIT_ONLY + number, seed=seed)


def sumit_customer(number: int, *, seed: int) -> Record:
    """A customer in neutral names; the dialects spell it their own way."""
    random = Random(f"sumit/{seed}/{number}")
    subject = sumit_company(number, seed=seed)
    return {
        "ID": SUMIT_FIRST_ID + number if number % 50 != 49 else 2**31 + number,
        "Name": spelled_name(subject, random, sloppy=0.4).strip(),
        "EmailAddress": _some(random, 0.8, f"info@{subject.domain}"),
        "Phone": _some(random, 0.8, spelled_phone(subject.phone, subject.land, random)),
        "CompanyNumber": _some(random, 0.6, subject.vat),
        "Address": _some(random, 0.7, subject.street),
        "City": _some(random, 0.8, subject.city),
        "ZipCode": _some(random, 0.6, subject.zipcode),
        "CompanyName": subject.name,
        "State": None,
        "Country": spelled_country(subject.land, random),
        "CustomField_Segment": random.choice(("A", "B", "C")),
    }


LEGACY_COLUMNS = (
    "source_invoice_id",
    "source_system",
    "source_customer_id",
    "customer_name",
    "customer_phone",
    "customer_email",
    "customer_vat_number",
    "customer_address",
    "customer_country",
    "invoice_number",
    "invoice_date",
    "due_date",
    "total",
    "balance",
    "currency_code",
    "status",
)


def legacy_invoice(number: int, *, robaws_clients: int, zoho_contacts: int, sumit_customers: int, seed: int) -> Record:
    """An old invoice that carries its customer's fields, as somebody typed them then."""
    random = Random(f"legacy/{seed}/{number}")
    system = random.choices(("robaws", "zoho", "sumit", None), (50, 20, 8, 22))[0]
    source_id: str | None
    match system:
        case "robaws":
            which = int(robaws_clients * random.random() ** 2)
            subject, source_id = company(which, seed=seed), str(1000 + which)
        case "zoho":
            which = int(zoho_contacts * random.random() ** 2)
            subject, source_id = zoho_company(which, seed=seed), str(ZOHO_FIRST_ID + which * 7)
        case "sumit":
            which = int(sumit_customers * random.random() ** 2)
            subject = sumit_company(which, seed=seed)
            source_id = str(SUMIT_FIRST_ID + which if which % 50 != 49 else 2**31 + which)
        case _:
            subject, source_id = company(8_000_000 + int(900 * random.random() ** 2), seed=seed), None
    keeps_id = source_id is not None and random.random() < 0.7
    issued = date(2019, 1, 2) + timedelta(days=number * 2190 // 20000 % 2190)
    total = round(random.uniform(20, 9000), 2)
    status = random.choices(("paid", "overdue", "void"), (90, 7, 3))[0]
    blank = random.random() < 0.004  # nothing is known of the customer
    return {
        "source_invoice_id": f"OLD-{number:06d}",
        "source_system": system,
        "source_customer_id": source_id if keeps_id and not blank else None,
        "customer_name": None if blank else spelled_name(subject, random, sloppy=0.5),
        "customer_phone": None if blank else _some(random, 0.7, spelled_phone(subject.phone, subject.land, random)),
        "customer_email": None if blank else _some(random, 0.7, f"info@{subject.domain}"),
        "customer_vat_number": None if blank else _some(random, 0.55, spelled_vat(subject.vat, random)),
        "customer_address": None if blank else f"{subject.street}, {subject.zipcode} {subject.city}",
        "customer_country": None if blank else spelled_country(subject.land, random),
        "invoice_number": f"F{issued.year}-{number:06d}",
        "invoice_date": None if number % 800 == 799 else f"{issued}",
        "due_date": f"{issued + timedelta(days=30)}",
        "total": f"{total:.2f}",
        "balance": "0.00" if status != "overdue" else f"{total:.2f}",
        "currency_code": random.choices(("EUR", "USD"), (92, 8))[0],
        "status": status,
    }


def _some(random: Random, share: float, value: str) -> str | None:
    return value if random.random() < share else None


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _zoho_time(moment: datetime, random: Random) -> str:
    """Some rows carry another offset than others: organizations moved, and clocks change."""
    hours = random.choice((1, 2, 2, 5.5))
    local = moment + timedelta(hours=hours)
    sign = f"+{int(hours):02d}{30 if hours % 1 else 0:02d}"
    return local.strftime("%Y-%m-%dT%H:%M:%S") + sign
