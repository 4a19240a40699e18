"""Old invoices whose true customers are known: what `make bench` scores the identity engine on.

Usage: labelled_invoices.py CUSTOMERS INVOICES SEED OUT.csv TRUTH.csv

Beside plain companies and persons there are the cases that go wrong: sister companies under one roof, owners and spouses who
share a mailbox, accountants who lend theirs to many, switchboards, namesakes, firms that were renamed or have moved, and ids
for walk-in customers (their rows have no true customer).
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from customer_assets.sandbox.companies import (
    LANDS,
    Company,
    company,
    person,
    spelled_country,
    spelled_phone,
    spelled_vat,
)

TRADES = (
    "Transport",
    "Holding",
    "Logistics",
    "Engineering",
    "Catering",
    "Consulting",
    "Vastgoed",
    "Construction",
)
ABBREVIATED = {"straat": "str.", "laan": "ln", "Avenue": "Av.", "Street": "St", "Road": "Rd"}
COLUMNS = (
    "invoice_id",
    "source_system",
    "source_customer_id",
    "invoice_date",
    "customer_name",
    "customer_phone",
    "customer_email",
    "customer_vat",
    "customer_address",
    "customer_country",
)


@dataclass(frozen=True)
class Customer:
    """A true customer; a private person has no legal form and no VAT id."""

    number: int
    base: Company
    name: str
    form: str
    mail: str
    phone: str
    vat: str
    old_name: str = ""  # before it was renamed
    old_street: str = ""  # before it moved


def customers(count: int, seed: int) -> list[Customer]:
    """That many, relatives beside each other."""
    random = Random(f"customers/{seed}")
    made: list[Customer] = []
    accountant = switchboard = ""
    while len(made) < count:
        number = len(made)
        base = _with_postcode(company(1_000_000 + number, seed=seed), random)
        if random.random() < 0.3:
            made += _household(number, base, random)
            continue
        if number % 40 < 2 or not accountant:
            accountant, switchboard = f"kantoor@{base.domain}", base.phone
        one = Customer(number, base, base.core, base.form, f"info@{base.domain}", base.phone, base.vat)
        match random.random():
            case draw if draw < 0.05:
                one = replace(one, mail=accountant)
            case draw if draw < 0.08:
                one = replace(one, phone=switchboard)
            case draw if draw < 0.12:
                one = replace(one, old_name=company(9_000_000 + number, seed=seed).core)
            case draw if draw < 0.18:
                one = replace(one, old_street=f"{random.choice(LANDS[base.land].streets)} {random.randint(1, 240)}")
        made.append(one)
        if random.random() < 0.12:
            made.append(_sister(one, len(made), seed, random))
        if random.random() < 0.04:
            made.append(_owner(one, len(made), random))
    return made[:count]


def _with_postcode(base: Company, random: Random) -> Company:
    """A postcode of its own where one names a street; in the other countries it names a town."""
    if base.land != "NL":
        return base
    return replace(base, zipcode=f"{base.zipcode[:4]} {''.join(random.choices('ABCDEGHJKLMNPRSTVWXZ', k=2))}")


def _household(number: int, base: Company, random: Random) -> list[Customer]:
    """A private person, sometimes with a spouse of the same roof, phone and mailbox."""
    first, last = person(base.land, random)
    if random.random() < 0.7:  # the land's few last names make namesakes; most people have one of their own
        last = f"{last[:3]}{base.core.split(maxsplit=1)[0][-5:]}"
    mail = f"{first}.{last}{random.randint(1, 999)}@gmail.com".lower()
    one = Customer(number, base, f"{first} {last}", "", mail, base.mobile, "")
    if random.random() > 0.08:
        return [one]
    second = next(f for f in LANDS[base.land].first_names if f != first)
    return [one, replace(one, number=number + 1, name=f"{second} {last}")]


def _sister(one: Customer, number: int, seed: int, random: Random) -> Customer:
    """A company of the same family: own VAT id, other trade, often the same roof, phone and mailbox."""
    other = company(5_000_000 + number, seed=seed)
    family, _, trade = one.name.partition(" ")
    name = f"{family} {random.choice([t for t in TRADES if t != trade])}"
    base = replace(other, land=one.base.land, street=one.base.street, city=one.base.city, zipcode=one.base.zipcode)
    vat = other.vat if other.land == one.base.land else ""
    shares = random.random() < 0.5
    return Customer(
        number,
        base,
        name,
        one.form,
        one.mail if shares else f"info@{other.domain}",
        one.phone if shares else base.phone,
        vat,
    )


def _owner(one: Customer, number: int, random: Random) -> Customer:
    """A company's owner as a private customer, with the company's mailbox."""
    return replace(
        one,
        number=number,
        name=" ".join(person(one.base.land, random)),
        form="",
        old_name="",
        old_street="",
        vat="",
        phone=one.base.mobile,
    )


def invoice(number: int, customer: Customer, share: float, random: Random) -> dict[str, str]:
    """One invoice as somebody typed it.

    Args:
        number: of the invoice.
        customer: whose it is.
        share: how far through the years, 0 to 1: renamed and moved customers change half way.
        random: source of all deviations.
    """
    base = customer.base
    name = customer.old_name if customer.old_name and share < 0.5 else customer.name
    street = customer.old_street if customer.old_street and share < 0.5 else base.street
    system = random.choice(("robaws", "zoho", "sumit"))
    return {
        "invoice_id": f"INV{number:07d}",
        "source_system": system,
        "source_customer_id": f"{system[0].upper()}{customer.number:06d}" if random.random() < 0.4 else "",
        "invoice_date": f"{2019 + int(share * 6)}-{1 + number % 12:02d}-{1 + number % 28:02d}",
        "customer_name": _name(name, customer, random),
        "customer_phone": _phone(customer, random),
        "customer_email": _mail(customer.mail, random),
        "customer_vat": _vat(customer.vat, random),
        "customer_address": _address(street, base, random),
        "customer_country": spelled_country(base.land, random) if random.random() < 0.6 else "",
    }


def _name(name: str, customer: Customer, random: Random) -> str:
    words = name.split()
    if random.random() < 0.06:
        place = random.randrange(len(words))
        words[place] = _slip(words[place], random)
    if customer.form:
        forms = next(f for f in LANDS[customer.base.land].forms if f[0] == customer.form)
        name = " ".join([*words, *([random.choice(forms)] if random.random() < 0.7 else [])])
        if random.random() < 0.04:
            name += random.choice((" - (oud)", " c/o boekhouding", " t.a.v. facturatie"))
    else:
        name = " ".join(words) if random.random() < 0.85 else f"{words[-1]}, {' '.join(words[:-1])}"
    return random.choice((name, name, name, name.upper(), f" {name}", name.replace(" ", "  ", 1)))


def _phone(customer: Customer, random: Random) -> str:
    draw = random.random()
    if draw < 0.3:
        return random.choice(("", "", "", "0000000000", "n/a"))
    return spelled_phone(customer.base.mobile if draw > 0.9 else customer.phone, customer.base.land, random)


def _mail(mail: str, random: Random) -> str:
    if random.random() < 0.4:
        return random.choice(("", "", "", "test@test.com", "geen"))
    if random.random() < 0.03:
        mail = f"{_slip(mail.partition('@')[0], random)}@{mail.partition('@')[2]}"
    return random.choice((mail, mail, mail.upper(), f"mailto:{mail}", f" {mail}"))


def _vat(vat: str, random: Random) -> str:
    if not vat or random.random() < 0.5:
        return random.choice(("", "", "", "BE0000000000"))
    return _slip(vat, random) if random.random() < 0.03 else spelled_vat(vat, random)


def _address(street: str, base: Company, random: Random) -> str:
    if random.random() < 0.3:
        return random.choice(("", f"{base.zipcode} {base.city}"))
    for word, short in ABBREVIATED.items():
        if random.random() < 0.3:
            street = street.replace(word, short)
    if random.random() < 0.05:
        street = _slip(street, random)
    return f"{street}, {base.zipcode} {base.city}"


def _slip(text: str, random: Random) -> str:
    """One letter lost, doubled, or swapped with the next."""
    if len(text) < 4:
        return text
    at = random.randrange(1, len(text) - 1)
    return random.choice(
        (
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        )
    )


def main(count: int, invoices: int, seed: int, out: Path, truth: Path) -> None:
    """Write both files."""
    random = Random(f"invoices/{seed}")
    known = customers(count, seed)
    with (
        out.open("w", newline="", encoding="utf-8") as file,
        truth.open("w", newline="", encoding="utf-8") as labels,
    ):
        writer, true = csv.DictWriter(file, COLUMNS), csv.writer(labels)
        writer.writeheader()
        true.writerow(["invoice_id", "customer_id", "traps"])
        for number in range(invoices):
            customer = known[number] if number < count else known[int(count * random.random() ** 2)]
            row = invoice(number, customer, number / invoices, random)
            walks_in = random.random() < 0.01
            if walks_in:
                first, last = person(customer.base.land, random)
                row |= {
                    "source_customer_id": f"{row['source_system']}-cash",
                    "customer_name": f"{first} {last}",
                }
                row |= dict.fromkeys(("customer_phone", "customer_email", "customer_vat", "customer_address"), "")
            writer.writerow(row)
            true.writerow([row["invoice_id"], "" if walks_in else f"T{customer.number:06d}", ""])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
