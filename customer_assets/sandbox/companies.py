"""Made-up companies of seven countries, and how different hands spell the same one. Deterministic by seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from stdnum import luhn
from stdnum.iso7064 import mod_11_10


@dataclass(frozen=True)
class Land:
    """What a country's companies look like.

    Attributes:
        spellings: how its name is written, the English one first.
        forms: legal forms; the first spelling of each is the official one.
        cities: (city, postcode).
        dial: country calling code.
        trunk: prefix of national numbers.
        areas, mobiles: beginnings of numbers.
        digits: length of a national number without trunk prefix.
    """

    code: str
    spellings: tuple[str, ...]
    forms: tuple[tuple[str, ...], ...]
    cities: tuple[tuple[str, str], ...]
    streets: tuple[str, ...]
    words: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    dial: str
    trunk: str
    areas: tuple[str, ...]
    mobiles: tuple[str, ...]
    digits: int
    mail: str


LANDS: dict[str, Land] = {
    land.code: land
    for land in (
        Land(
            "BE",
            ("Belgium", "België", "Belgique", "BE", "BELGIUM"),
            (("BV", "B.V.", "bvba", "BVBA"), ("NV", "N.V.", "nv"), ("SRL", "S.R.L.", "sprl"), ("SA", "S.A.")),
            (
                ("Antwerpen", "2000"),
                ("Antwerpen", "2030"),
                ("Gent", "9000"),
                ("Brussel", "1000"),
                ("Liège", "4000"),
                ("Mechelen", "2800"),
                ("Zeebrugge", "8380"),
                ("Hasselt", "3500"),
            ),
            ("Havenstraat", "Noorderlaan", "Kerkstraat", "Stationsstraat", "Rue de la Loi", "Scheldelaan"),
            ("Schelde", "Vlaams", "Kempen", "Haven", "Dok", "Brabo", "Leie", "Zenne"),
            ("Jan", "Els", "Pieter", "Sofie", "Luc", "Marie"),
            ("Peeters", "Janssens", "Maes", "Wouters", "Dubois"),
            "32",
            "0",
            ("33", "92", "25", "42"),
            ("470", "475", "486", "495"),
            8,
            "be",
        ),
        Land(
            "NL",
            ("Netherlands", "Nederland", "The Netherlands", "NL", "Holland"),
            (("B.V.", "BV", "bv"), ("N.V.", "NV"), ("V.O.F.", "VOF")),
            (
                ("Rotterdam", "3011 CH"),
                ("Amsterdam", "1012 AB"),
                ("Zwolle", "8011 PK"),
                ("Breda", "4811 XD"),
                ("Vlissingen", "4381 AA"),
                ("Moerdijk", "4782 PM"),
            ),
            ("Stationsweg", "Kade", "Maasboulevard", "Dorpsstraat", "Europaweg"),
            ("Maas", "Noord", "Rijn", "Delta", "Zeeland", "Polder", "Waal"),
            ("Piet", "Anouk", "Daan", "Fleur", "Kees"),
            ("de Vries", "Jansen", "van Dijk", "Bakker", "Visser"),
            "31",
            "0",
            ("20", "10", "38", "76"),
            ("61", "62", "64"),
            9,
            "nl",
        ),
        Land(
            "FR",
            ("France", "FRANCE", "FR", "Frankrijk"),
            (("SARL", "S.A.R.L."), ("SAS", "S.A.S."), ("SA", "S.A.")),
            (("Paris", "75008"), ("Lille", "59000"), ("Le Havre", "76600"), ("Marseille", "13002"), ("Lyon", "69003")),
            ("Rue du Port", "Avenue de la République", "Quai des Belges", "Boulevard Voltaire"),
            ("Maritime", "Atlantique", "Azur", "Lumière", "Rhône", "Normand"),
            ("Jean", "Claire", "Hugo", "Camille"),
            ("Martin", "Bernard", "Lefèvre", "Moreau"),
            "33",
            "0",
            ("1", "3", "21", "47"),
            ("61", "76"),
            9,
            "fr",
        ),
        Land(
            "DE",
            ("Germany", "Deutschland", "DE", "Duitsland", "Allemagne"),
            (("GmbH", "G.m.b.H.", "gmbh"), ("AG", "A.G."), ("GmbH & Co. KG", "GmbH & Co KG")),
            (
                ("Hamburg", "20457"),
                ("Bremerhaven", "27568"),
                ("Köln", "50667"),
                ("München", "80331"),
                ("Duisburg", "47119"),
            ),
            ("Hafenstraße", "Hauptstrasse", "Am Kai", "Bahnhofstraße", "Speicherweg"),
            ("Hanse", "Nord", "Elbe", "Rhein", "Weser", "Alster"),
            ("Hans", "Anke", "Jürgen", "Lena"),
            ("Müller", "Schmidt", "Weber", "Krüger"),
            "49",
            "0",
            ("40", "471", "221", "89"),
            ("176", "160", "171"),
            10,
            "de",
        ),
        Land(
            "IL",
            ("Israel", "ישראל", "IL", "Israël", "ISRAEL"),
            (("Ltd", "Ltd.", 'בע"מ', "LTD"),),
            (("Haifa", "3100000"), ("Ashdod", "7710001"), ("Tel Aviv", "6100001"), ("Eilat", "8800001")),
            ("Herzl", "HaAtzmaut", "Ben Gurion", "Weizmann"),
            ("Orly", "Galil", "Carmel", "Negev", "Yam", "Tamar"),
            ("Amit", "Noa", "Yossi", "Tal"),
            ("Cohen", "Levi", "Mizrahi", "Peretz"),
            "972",
            "0",
            ("4", "8", "3"),
            ("502", "523", "544"),
            8,
            "co.il",
        ),
        Land(
            "IN",
            ("India", "INDIA", "Bharat", "IN"),
            (("Pvt Ltd", "Private Limited", "Pvt. Ltd."), ("LLP", "L.L.P."), ("Ltd", "Limited")),
            (("Mumbai", "400001"), ("Chennai", "600001"), ("Ahmedabad", "380003"), ("Kolkata", "700001")),
            ("Linking Road", "MG Road", "Station Road", "Marine Drive"),
            ("Ganga", "Malabar", "Deccan", "Shakti", "Surya", "Indus"),
            ("Rahul", "Priya", "Arjun", "Anita"),
            ("Patel", "Mukherjee", "Iyer", "Sharma"),
            "91",
            "0",
            ("222", "443", "79"),
            ("98", "97", "90"),
            10,
            "in",
        ),
        Land(
            "AE",
            ("United Arab Emirates", "UAE", "AE", "Emirates"),
            (("LLC", "L.L.C.", "llc"), ("FZE", "F.Z.E."), ("FZCO",)),
            (("Dubai", "00000"), ("Abu Dhabi", "00000"), ("Sharjah", "00000")),
            ("Sheikh Zayed Road", "Al Wasl Road", "Corniche Road", "Jebel Ali Free Zone"),
            ("Aeon", "Falcon", "Gulf", "Oasis", "Pearl", "Dune"),
            ("Omar", "Fatima", "Khalid", "Aisha"),
            ("Al Mansoori", "Al Hashimi", "Khan", "Haddad"),
            "971",
            "0",
            ("43", "22", "65"),
            ("50", "55", "56"),
            8,
            "ae",
        ),
    )
}
TRADES = (
    "Shipping",
    "Cars",
    "Logistics",
    "Trading",
    "Transport",
    "Motors",
    "Export",
    "Forwarding",
    "Steel",
    "Foods",
    "Interiors",
    "Marine",
    "Automotive",
    "Cargo",
    "Machinery",
    "Textiles",
    "Energy",
    "Chemicals",
)
SYLLABLES = (
    "ar",
    "bel",
    "cor",
    "dan",
    "el",
    "fin",
    "gar",
    "hol",
    "in",
    "jor",
    "kan",
    "lim",
    "mor",
    "nor",
    "ol",
    "pra",
    "quin",
    "ros",
    "sil",
    "tor",
    "ul",
    "ven",
    "wes",
    "zan",
)
SHARES = (("BE", 34), ("NL", 22), ("FR", 10), ("DE", 12), ("IL", 8), ("IN", 7), ("AE", 7))


@dataclass(frozen=True)
class Company:
    """One made-up company, as it would write itself."""

    number: int
    land: str
    core: str
    form: str
    vat: str
    phone: str
    mobile: str
    domain: str
    street: str
    city: str
    zipcode: str

    @property
    def name(self) -> str:
        """Name with legal form."""
        return f"{self.core} {self.form}"


def company(number: int, *, seed: int) -> Company:
    """The company of that number; always the same one for the same seed."""
    if number == 0:
        return replace(_company(0, seed, "AE"), core="Aeon Shipping", form="LLC", domain="aeonshipping.example")
    return _company(number, seed, None)


def _company(number: int, seed: int, code: str | None) -> Company:
    random = Random(f"{seed}/{number}")
    code = code or random.choices([c for c, _ in SHARES], [w for _, w in SHARES])[0]
    land = LANDS[code]
    made_up = "".join(random.choices(SYLLABLES, k=3)).capitalize()
    core = f"{random.choice(land.words)}{made_up.lower()} {random.choice(TRADES)}"
    city, zipcode = random.choice(land.cities)
    domain = f"{core.split(maxsplit=1)[0].lower()}.{land.mail}.example"
    return Company(
        number=number,
        land=code,
        core=core,
        form=random.choice(land.forms)[0],
        vat=_vat(code, random),
        phone=_national(random, land, land.areas),
        mobile=_national(random, land, land.mobiles, extra=1 if code in ("BE", "IL", "AE") else 0),
        domain=domain.encode("ascii", "ignore").decode(),
        street=f"{random.choice(land.streets)} {random.randint(1, 240)}",
        city=city,
        zipcode=zipcode,
    )


def _national(random: Random, land: Land, beginnings: tuple[str, ...], *, extra: int = 0) -> str:
    """A national number without trunk prefix."""
    start = random.choice(beginnings)
    rest = land.digits + extra - len(start)
    return start + "".join(random.choices("0123456789", k=rest - 1)) + random.choice("123456789")


def _vat(code: str, random: Random) -> str:
    """A VAT id whose check digits hold."""
    digits = "".join(random.choices("0123456789", k=8))
    match code:
        case "BE":
            base = f"0{random.randint(4_000_000, 9_999_999)}"
            return f"BE{base}{97 - int(base) % 97:02d}"
        case "NL":
            while True:
                base = "".join(random.choices("123456789", k=8))
                check = sum((9 - i) * int(d) for i, d in enumerate(base)) % 11
                if check < 10:
                    return f"NL{base}{check}B{random.randint(1, 3):02d}"
        case "FR":
            siren = digits + luhn.calc_check_digit(digits)
            return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"
        case "DE":
            base = f"{random.randint(1, 9)}{digits[1:]}"
            return f"DE{base}{mod_11_10.calc_check_digit(base)}"
        case "IL":
            base = f"51{digits[2:]}"
            return base + luhn.calc_check_digit(base)
        case "IN":
            letters = "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=3))
            pan = f"{letters}C{random.choice('ABCDEFGH')}{random.randint(1000, 9999)}{random.choice('ABCDEF')}"
            base = f"{random.choice(['27', '33', '24', '19'])}{pan}1Z"
            return base + luhn.calc_check_digit(base, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        case _:
            return f"100{random.randint(100_000_000_000, 999_999_999_999)}"


# --- spelling ---------------------------------------------------------------------------------------------------------


def spelled_name(subject: Company, random: Random, *, sloppy: float) -> str:
    """The name as some clerk typed it; `sloppy` (0 to 1) is how often it deviates."""
    if random.random() >= sloppy:
        return subject.name
    official = next(forms for forms in LANDS[subject.land].forms if forms[0] == subject.form)
    form = random.choice(official)
    return random.choice(
        (
            f"{subject.core} {form}",
            f"{subject.core.upper()} {form}",
            subject.core,
            f"{subject.core}, {form}",
            f"  {subject.core} {form}",
            f"{subject.core.lower()} {form.lower()}",
        )
    )


def spelled_phone(number: str, code: str, random: Random) -> str:
    """A national number in one of the usual ways."""
    land = LANDS[code]
    grouped = f"{number[:2]} {number[2:5]} {number[5:]}".strip()
    return random.choice(
        (
            f"+{land.dial} {grouped}",
            f"+{land.dial}{number}",
            f"00{land.dial}{number}",
            f"{land.trunk}{number}",
            f"{land.trunk}{grouped}",
            f"+{land.dial} ({land.trunk}){number}",
        )
    )


def spelled_vat(vat: str, random: Random) -> str:
    """A VAT id with or without dots, spaces and prefix."""
    body = vat[2:] if vat[:2].isalpha() else vat
    prefix = vat[:2] if vat[:2].isalpha() else ""
    dotted = f"{body[:4]}.{body[4:7]}.{body[7:]}"
    return random.choice((vat, vat, f"{prefix} {body}".strip(), f"{prefix}{dotted}"))


def spelled_country(code: str, random: Random) -> str:
    """The country in one of its spellings."""
    return random.choice(LANDS[code].spellings)


def person(code: str, random: Random) -> tuple[str, str]:
    """(first name, last name)."""
    land = LANDS[code]
    return random.choice(land.first_names), random.choice(land.last_names)
