"""Labelled invoices from another error model than `labelled_invoices.py`: errors come from how a row was taken, not field by field.

Usage: labelled_invoices_other.py CUSTOMERS INVOICES SEED FOLDER

Writes FOLDER/invoices.csv (the same columns), FOLDER/truth.csv (a row's customer; blank for strangers at a till; in `traps` what
its customer is, how the row was taken, and "bare" where it has only a name, or a name and a town) and FOLDER/twins.csv (pairs of
customers that nothing in the file tells apart). `customer-assets bench --identity-sample FOLDER` scores it.

How rows come about. Each customer has a life (renamed, moved, another phone, another legal form, a branch that is closed, a
marriage, a VAT id given only later) and comes in by some of the ways in `WAYS`: an office, a clerk who abbreviates, a scanner, a
person at the phone, a spreadsheet, a migrated system, a web form, a marketplace, an accountant, a till. Most ways keep a card of
the customer: its errors are made once and copied to many rows, and it may be out of date. The first row of a life's chapter says
more than others, as the first one of a customer does who has events or a namesake: labels are what the rows can tell.

Who is one customer:
- A sole trader and the business (one VAT id) are one customer under two names: `trader`.
- An owner who buys privately (no VAT id, home address, the company's mailbox or phone) is another customer than the company: `owner`.
- A branch with its company's VAT id is that company: `branch`. A franchisee has a VAT id of its own and is another: `franchise`.
- Sister companies, spouses, siblings, father and son (one name, one address, own mails), namesakes: each is one.
- A row under the till's walk-in id belongs to nobody, unless it gives a known customer's phone or mail.
"""

from __future__ import annotations

import csv
import re
import sys
import unicodedata
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import combinations
from pathlib import Path
from random import Random
from typing import NamedTuple

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
BEGIN, END = date(2016, 1, 4).toordinal(), date(2025, 11, 28).toordinal()
LARGEST = 0.04  # share of all rows that the largest customer has
SLOPE = 1.12  # of the power law of rows
WALK_IN = 0.012
TWINS = 0.0012  # of the groups of customers that are drawn
RELAYS = ("orders@marketplace-relay.com", "noreply@buyer.shopmall.example", "relay@handelsplaats.example")


class Word(NamedTuple):
    """A word of a name: its Latin spellings, the usual one first, and that in the script of the country."""

    latin: tuple[str, ...]
    native: str = ""


def _words(text: str) -> tuple[Word, ...]:
    """Read "Levi,Levy:native; Katz:native" or "Jan Piet" (underscores are spaces)."""
    if ";" not in text:
        return tuple(Word((one.replace("_", " "),)) for one in text.split())
    pairs = (one.strip().partition(":") for one in text.split(";") if one.strip())
    return tuple(Word(tuple(s.strip() for s in latin.split(",")), native) for latin, _, native in pairs)


def _pairs(text: str, between: str = " ") -> tuple[tuple[str, str], ...]:
    """Read "old>new old>new"."""
    return tuple((old, new) for old, _, new in (one.partition(">") for one in text.split(between)))


# Names. The front of each list is common, the rest is not; `TAILS` make the long tail.
GIVEN = {
    "nl": _words(
        "Jan Jozef Marc Luc Peter Kris Dirk Koen Bart Tom Wim Johan Geert Stefan Pieter Thomas Wouter Jeroen Sven Filip Willem "
        "Hendrik Gerrit Cornelis Maria An Els Sofie Katrien Lies Hilde Griet Ingrid Veerle Ilse Tine Sara Anke Femke Marieke "
        "Saskia Joke Anneleen Liesbeth"
    ),
    "fr": _words(
        "Jean Michel Pierre Philippe Alain Nicolas Christophe Laurent Olivier François Éric Benoît Stéphane Frédéric Thierry "
        "Julien Vincent Jérôme Guillaume Rémi Marie Nathalie Isabelle Sylvie Catherine Sophie Céline Hélène Aurélie Émilie "
        "Chloé Camille Mélanie Véronique Brigitte Jean-Marc Marie-Claire Noémie"
    ),
    "de": _words(
        "Hans Peter Michael Thomas Andreas Stefan Jürgen Klaus Günther Wolfgang Markus Matthias Jörg Dieter Uwe Karl-Heinz "
        "Florian Lukas Björn Götz Sabine Petra Monika Ursula Karin Heike Birgit Anja Katrin Jutta Käthe Ulrike Annette Silke"
    ),
    "en": _words(
        "John David Paul James Robert William Andrew Stephen Richard Graham Ian Alan Keith Neil Simon Gareth Alistair Nigel "
        "Susan Margaret Elizabeth Karen Helen Alison Fiona Gillian Claire Joanne Emma Rebecca Philippa Deborah"
    ),
    "pl": _words(
        "Jan Piotr Krzysztof Andrzej Tomasz Paweł Michał Marcin Grzegorz Łukasz Zbigniew Stanisław Wojciech Jarosław Anna Maria "
        "Katarzyna Małgorzata Agnieszka Barbara Ewa Krystyna Elżbieta Zofia Joanna Grażyna"
    ),
    "es": _words(
        "José Antonio Manuel Francisco Juan Javier Carlos Miguel Ángel Fernando Jesús Andrés Álvaro Íñigo Rubén María Carmen "
        "Ana Isabel Dolores Pilar Lucía Cristina Rocío Mónica Begoña Nuria"
    ),
    "it": _words(
        "Giuseppe Giovanni Antonio Mario Luigi Francesco Andrea Marco Alessandro Stefano Roberto Niccolò Matteo Lorenzo Maria "
        "Anna Giulia Francesca Chiara Paola Elena Lucia Giovanna Simona Ilaria Nicolò"
    ),
    "in": _words(
        "Rajesh Suresh Amit Sanjay Vijay Anil Sunil Ramesh Manoj Deepak Ashok Rakesh Vikram Arjun Kiran Prakash Mahesh Naveen "
        "Priya Sunita Anita Kavita Pooja Neha Lakshmi Meena Rekha Shanti Divya Asha"
    ),
    "he": _words(
        "Moshe,Moishe:משה; Yossi,Yosi:יוסי; David,Dovid:דוד; Avraham,Abraham:אברהם; Yitzhak,Itzhak,Yitzchak:יצחק; "
        "Yaakov,Yakov,Yaacov:יעקב; Shlomo:שלמה; Haim,Chaim:חיים; Eli,Ely:אלי; Yosef,Yossef:יוסף; Uri,Oury:אורי; Amir:אמיר; "
        "Itay,Itai:איתי; Noam:נועם; Omer:עומר; Gil:גיל; Ronen:רונן; Asaf,Assaf:אסף; Boaz:בועז; Doron:דורון; "
        "Eitan,Eytan:איתן; Guy:גיא; Ilan:אילן; Lior:ליאור; Meir:מאיר; Nadav:נדב; Nir:ניר; Ofer:עופר; Oren:אורן; Shai,Shay:שי; "
        "Tomer:תומר; Yair:יאיר; Yoav:יואב; Zvi,Tzvi,Tsvi:צבי; Zeev,Ze'ev:זאב; Menachem,Menahem:מנחם; "
        "Mordechai,Mordehai:מרדכי; Pinchas,Pinhas:פנחס; Baruch,Barukh:ברוך; Sarah,Sara:שרה; Rivka,Rivkah:רבקה; "
        "Rachel,Rahel:רחל; Leah,Lea:לאה; Miriam:מרים; Esther,Ester:אסתר; Hannah,Chana,Hanna:חנה; Ruth,Rut:רות; Tamar:תמר; "
        "Noa:נועה; Maya:מאיה; Michal:מיכל; Yael:יעל; Shira:שירה; Dana:דנה; Orly,Orli:אורלי; Galit:גלית; Ronit:רונית; "
        "Sigal:סיגל; Ayelet:איילת; Efrat:אפרת; Hila:הילה; Keren:קרן; Liat:ליאת; Merav:מירב; Naama:נעמה; Orit:אורית; "
        "Smadar:סמדר; Tova,Tovah:טובה; Vered:ורד; Zehava:זהבה; Shoshana:שושנה; Nurit:נורית"
    ),
    "ar": _words(
        "Mohammed,Mohamed,Muhammad:محمد; Ahmed,Ahmad:أحمد; Ali:علي; Hassan,Hasan:حسن; Hussein,Husain,Hussain:حسين; "
        "Omar,Umar:عمر; Khalid,Khaled:خالد; Saeed,Said:سعيد; Abdullah,Abdulla:عبدالله; Ibrahim,Ebrahim:إبراهيم; "
        "Yousef,Yusuf,Youssef:يوسف; Mustafa,Moustafa:مصطفى; Mahmoud,Mahmood:محمود; Tariq,Tarek:طارق; Faisal,Faysal:فيصل; "
        "Sultan:سلطان; Rashid,Rashed:راشد; Salem,Salim:سالم; Hamdan:حمدان; Majid,Majed:ماجد; Nasser,Naser:ناصر; "
        "Jamal,Gamal:جمال; Karim,Kareem:كريم; Bilal:بلال; Adel,Adil:عادل; Nabil,Nabeel:نبيل; Samir,Sameer:سمير; "
        "Walid,Waleed:وليد; Ziad,Ziyad:زياد; Fatima,Fatma:فاطمة; Aisha,Aysha:عائشة; Mariam,Maryam:مريم; Khadija:خديجة; "
        "Layla,Leila:ليلى; Noura,Nora:نورة; Huda:هدى; Salma:سلمى; Amina:أمينة; Zainab,Zeinab:زينب; Hind:هند; Reem:ريم; "
        "Rania:رانيا; Yasmin,Yasmine:ياسمين; Dalal:دلال; Maha:مها; Latifa:لطيفة"
    ),
}
SURNAMES = {
    "nl": _words(
        "Peeters Janssens Maes Jacobs Mertens Willems Claes Goossens Wouters De_Smet Hermans Dubois Aerts De_Clercq Michiels "
        "Van_Damme Desmet Pauwels Hendrickx Cools Verhoeven De_Backer Vermeulen Segers Bogaerts Lemmens Verstraete Claeys "
        "Devos Smets Thijs Wuyts Leysen Daems Boons Geerts Baert Lauwers Ceulemans Nuyts Coppens Verbeke Callens Timmermans "
        "de_Jong Jansen de_Vries Bakker Visser Smit Mulder de_Groot Bos Vos Hendriks Dekker Brouwer Dijkstra Kuipers Schouten "
        "Huisman Postma Kok Prins"
    ),
    "fr": _words(
        "Martin Bernard Dubois Thomas Robert Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garcia Lambert Fontaine "
        "Rousseau Dupont Chevalier François Mercier Guérin Boyer Garnier Denis Lemaire Dumont Noël Gérard Poirier Renard "
        "Collard Delvaux Lejeune Evrard Gillet Renier Hardy Delcourt Bélanger Lacroix Leclercq Rolland Vasseur Besson Charpentier"
    ),
    "de": _words(
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf "
        "Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Werner Krause Lehmann Köhler Kaiser Fuchs "
        "Scholz Möller Weiß Jung Hahn Schubert Vogel Keller Günther Frank Böhm Seidel Ziegler Kuhn Jäger"
    ),
    "en": _words(
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White Roberts Green Hall "
        "Wood Jackson Clarke Patel Hughes Edwards Turner Hill Cooper Ward Morris Moore Harrison Baker Allen Price Murphy Bennett "
        "Cook Shaw Griffiths Kelly O'Brien MacDonald"
    ),
    "pl": _words(
        "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski "
        "Jankowski Mazur Kwiatkowski Krawczyk Piotrowski Grabowski Zając Pawłowski Michalski Król Wieczorek Jabłoński Wróbel "
        "Majewski Olszewski Stępień Malinowski Jaworski Adamczyk Dudek Górski Sikora Walczak Baran"
    ),
    "es": _words(
        "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz Moreno Muñoz "
        "Álvarez Romero Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil Ramírez Serrano Blanco Molina Suárez Ortega "
        "Delgado Castro Ortiz Rubio Sanz Núñez Iglesias Medina Garrido Cortés Castillo Lozano Guerrero Cano"
    ),
    "it": _words(
        "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De_Luca Mancini Costa Giordano "
        "Rizzo Lombardi Moretti Barbieri Fontana Santoro Mariani Rinaldi Caruso Ferrara Galli Martini Leone Longo Gentile "
        "Martinelli Vitale Lombardo Serra Coppola De_Santis D'Angelo Marchetti Parisi Villa"
    ),
    "in": _words(
        "Sharma Patel Singh Kumar Gupta Shah Mehta Jain Agarwal Reddy Nair Iyer Rao Verma Mishra Joshi Desai Kulkarni Chopra "
        "Malhotra Banerjee Mukherjee Chatterjee Pillai Menon Naidu Bhat Kapoor Saxena Trivedi Chauhan Yadav Thakur Bose Ghosh "
        "Deshpande Patil Shetty Hegde Krishnan"
    ),
    "he": _words(
        "Cohen,Kohen:כהן; Levi,Levy:לוי; Mizrahi,Mizrachi:מזרחי; Peretz,Perets:פרץ; Biton,Bitton:ביטון; Dahan:דהן; "
        "Friedman,Fridman:פרידמן; Malka:מלכה; Azoulay,Azulay:אזולאי; Katz,Kats:כץ; Amar:עמר; Ohayon:אוחיון; "
        "Hadad,Haddad:חדד; Gabay,Gabbay:גבאי; Ben David,Ben-David:בן דוד; Edri,Adri:אדרי; Levin:לוין; Klein,Klain:קליין; "
        "Chen,Hen:חן; Shapira,Shapiro:שפירא; Hazan,Chazan:חזן; Ashkenazi:אשכנזי; Ohana:אוחנה; Segal:סגל; Golan:גולן; "
        "Sasson,Sason:ששון; Weiss,Vais:וייס; Schwartz,Shwartz:שוורץ; Rosen,Rozen:רוזן; Elbaz:אלבז; Suissa,Swissa:סויסה; "
        "Yaakobi,Yaacobi:יעקובי; Nahmias,Nachmias:נחמיאס; Toledano:טולדנו; Harari:הררי; Barak:ברק; Shani:שני; "
        "Ben Ami,Ben-Ami:בן עמי; Ben Shushan,Ben-Shushan:בן שושן; Abutbul,Aboutboul:אבוטבול; Vaknin,Waknin:וקנין; "
        "Sabag,Sabbag:סבג; Yifrach,Ifrach:יפרח; Zohar:זוהר; Ezra:עזרא; Navon:נבון; Peled:פלד; Regev:רגב; Sela:סלע; "
        "Tzur,Zur:צור; Yarden:ירדן; Zamir:זמיר; Halevi,Halevy:הלוי; Kaplan:קפלן; Lipman,Lippman:ליפמן; "
        "Berkovich,Berkowitz:ברקוביץ'; Davidovich,Davidowitz:דוידוביץ'; Moskovich,Moskowitz:מוסקוביץ'"
    ),
    "ar": _words(
        "Al Mansouri,Al Mansoori,Almansoori:المنصوري; Al Hashimi,Al Hashemi:الهاشمي; Al Nuaimi,Al Noaimi:النعيمي; "
        "Al Mazrouei,Al Mazroui:المزروعي; Al Suwaidi,Al Suwaydi:السويدي; Al Ketbi,Al Kitbi:الكتبي; Al Zaabi:الزعابي; "
        "Al Shamsi:الشامسي; Al Marri:المري; Al Qasimi,Al Qassimi:القاسمي; Al Falasi:الفلاسي; Al Muhairi,Al Mheiri:المهيري; "
        "Al Hammadi:الحمادي; Al Ali:العلي; Al Balushi,Al Bloushi:البلوشي; Khoury,Khouri:خوري; Haddad:حداد; Saleh,Salih:صالح; "
        "Mansour,Mansoor:منصور; Darwish:درويش; Farah:فرح; Khalil:خليل; Najjar,Najar:نجار; Qasim,Kassem:قاسم; "
        "Shaheen,Shahin:شاهين; Sabbagh:صباغ; Sayegh:صايغ; Zaki:زكي; Aziz:عزيز; Bakri:بكري; Hijazi:حجازي; Masri:مصري; "
        "Shami:شامي; Tamimi:تميمي; Younis,Younes:يونس; Al Otaibi:العتيبي; Al Harbi:الحربي; Al Ghamdi:الغامدي; "
        "Al Dosari,Al Dossary:الدوسري; Al Amiri,Al Ameri:العامري; Al Jaberi,Al Jabri:الجابري; Al Dhaheri,Al Dhahiri:الظاهري; "
        "Al Remeithi,Al Rumaithi:الرميثي"
    ),
}
TAILS = {
    "nl": (
        _words("Van_ Van_de_ Van_den_ Van_der_ Vander De_ Ver Op_de_"),
        _words(
            "Berghe Broeck Velde Bossche Driessche Brande Meulen Eynde Hoeck Steen Walle Poel Kerkhove Abeele Putte Weghe Heyden Laan Linden Horst"
        ),
    ),
    "fr": (
        _words("Le Du De_la_ Bel Mont Char Gran Vill Beau Cour Blan Roch Pel Mar Dess Font"),
        _words("champ val bois pont mont court pré lier neau dier tier ville font clair"),
    ),
    "de": (
        _words(
            "Acker Wiesen Stein Holz Brink Kirch Ober Nieder Linden Buch Eich Rosen Hoch Wald Mühl Berg Sommer Grün Kalten Wein"
        ),
        _words("mann berger meier müller huber bach feld hoff bauer thal brunner dörfer"),
    ),
    "en": (
        _words("Ash Brad Hart Thorn Wood Stan Whit Lang Hol Win Ather Black Ever Fair Green Kirk Mid Pem Raven Stock"),
        _words("ton ley field well worth ford bury brook croft by ham ridge"),
    ),
    "pl": (
        _words("Kow Wisn Bor Jan Mal Zaw Koz Brzez Sobol Rog Czar Gaw Kub Mich Os Pog Rad Sad Tar Wit"),
        _words("alski iński owicz czyk ewski iak ecki arek orski ulski"),
    ),
    "it": (
        _words("Bon Cast Fior Mont Pell Rav Sant Tor Val Zan Bell Cor Gall Mar Pag Salv Tomm Vern"),
        _words("elli ini etti oni aldi ucci asso egrini anese accio"),
    ),
    "he": (
        _words(
            "Gold:גולד; Rosen,Rozen:רוזנ; Zilber,Silber:זילבר; Fein,Fain:פיינ; Grin,Green:גרינ; Stern,Shtern:שטרנ; Lieber,Liber:ליבר; "
            "Wasser,Vaser:וסר; Kirsch,Kirsh:קירש; Eisen,Aizen:אייזנ; Licht,Likht:ליכט; Blumen:בלומנ; Perl:פרל; Hirsch,Hirsh:הירש; "
            "Roth,Rot:רוט; Rubin:רובינ; Teitel,Teytel:טייטל; Mandel:מנדל"
        ),
        _words(
            "berg:ברג; man:מן; stein,shtein:שטיין; feld:פלד; baum,boim:בוים; blum:בלום; zweig,tsvaig:צווייג; thal,tal:טל"
        ),
    ),
}

# Companies: trades in the language of the country, what stands around a family's name, legal forms as they are written.
TRADES = {
    "nl": _words(
        "Transport Bouw Dakwerken Schrijnwerkerij Tuinaanleg Bakkerij Slagerij Garage Drukkerij Elektro Verwarming Vastgoed "
        "Verzekeringen Consulting Groothandel Metaalbouw Schilderwerken Apotheek Kapsalon Logistics Technics Interieur "
        "Sanitair Grondwerken Catering International"
    ),
    "fr": _words(
        "Boulangerie Menuiserie Plomberie Toitures Garage Imprimerie Électricité Chauffage Immobilier Assurances Conseil "
        "Transports Peinture Pharmacie Coiffure Traiteur Jardins Maçonnerie Métallerie Négoce International Services"
    ),
    "de": _words(
        "Bau Dachdeckerei Tischlerei Metallbau Druckerei Elektrotechnik Heizung Immobilien Versicherungen Beratung Spedition "
        "Malerbetrieb Apotheke Bäckerei Metzgerei Autohaus Gartenbau Maschinenbau Logistik Handel Getränke International"
    ),
    "en": _words(
        "Construction Plumbing Roofing Motors Printing Electrical Heating Properties Insurance Consulting Transport Decorating "
        "Pharmacy Catering Landscapes Engineering Trading Logistics Services Joinery International Manufacturing"
    ),
    "pl": _words(
        "Transport Budownictwo Dachy Stolarka Piekarnia Drukarnia Elektro Nieruchomości Ubezpieczenia Doradztwo Hurtownia "
        "Apteka Ogrody Logistyka Meble Serwis Handel International"
    ),
    "es": _words(
        "Construcciones Fontanería Talleres Panadería Imprenta Electricidad Inmobiliaria Seguros Consultores Transportes "
        "Pinturas Farmacia Jardinería Carpintería Suministros Logística Servicios International"
    ),
    "it": _words(
        "Costruzioni Idraulica Officina Panificio Tipografia Elettrica Immobiliare Assicurazioni Consulenza Trasporti Farmacia "
        "Giardini Falegnameria Forniture Logistica Servizi Ceramiche International"
    ),
    "in": _words(
        "Traders Enterprises Industries Exports Textiles Engineering Constructions Pharma Logistics Consultancy Electricals "
        "Printers Caterers Motors Steel Chemicals Jewellers International"
    ),
    "he": _words(
        "Construction:בנייה; Garage:מוסך; Trading:מסחר; Electric:חשמל; Insurance:ביטוח; Consulting:ייעוץ; Transport:הובלות; "
        "Properties:נכסים; Bakery:מאפייה; Printing:דפוס; Technologies:טכנולוגיות; Diamonds:יהלומים; Catering:קייטרינג; "
        "Marketing:שיווק; Engineering:הנדסה; Furniture:רהיטים; Logistics:לוגיסטיקה; Textiles:טקסטיל"
    ),
    "ar": _words(
        "General Trading:للتجارة العامة; Contracting:للمقاولات; Transport:للنقل; Real Estate:للعقارات; Electronics:للإلكترونيات; "
        "Foodstuff:للمواد الغذائية; Building Materials:لمواد البناء; Auto Spare Parts:لقطع غيار السيارات; Jewellery:للمجوهرات; "
        "Engineering Consultants:للاستشارات الهندسية; Cleaning Services:لخدمات التنظيف; Textiles:للمنسوجات; "
        "Technical Services:للخدمات الفنية; Furniture:للأثاث; Shipping:للشحن; International:الدولية"
    ),
}
FAMILY = {  # {} is the surname
    "nl": ("Gebroeders {}", "{} en Zonen", "Firma {}", "{} & Co", "{} Group"),
    "fr": ("Établissements {}", "Société {}", "{} et Fils", "{} Frères", "Maison {}", "Groupe {}"),
    "de": ("Gebrüder {}", "{} und Söhne", "{} & Partner", "{} Gruppe"),
    "en": ("{} Brothers", "{} and Sons", "{} & Company", "{} Associates", "{} Group"),
    "pl": ("Zakład {}", "{} i Synowie", "Grupa {}"),
    "es": ("Hermanos {}", "{} e Hijos", "Hijos de {}", "Grupo {}"),
    "it": ("Fratelli {}", "{} e Figli", "Ditta {}", "Gruppo {}"),
    "in": ("{} Brothers", "{} and Sons", "{} & Company", "Shree {}"),
}
BRANDS = {
    "": _words(
        "Blue North Silver Prime Royal Delta Alpha Smart Euro Inter Trans Omni Uni Neo Nova Terra Aqua Luna Vita Solar Metro Pro Max Flex"
    ),
    "he": _words(
        "Or:אור; Keshet:קשת; Galil:גליל; Carmel:כרמל; Negev:נגב; Sharon:שרון; Ofek:אופק; Alon:אלון; Yam:ים; Shemesh:שמש; "
        "Nesher:נשר; Arava:ערבה; Dekel:דקל; Hadar:הדר; Tavor:תבור; Gilboa:גלבוע; Pisga:פסגה; Maayan:מעיין"
    ),
    "ar": _words(
        "Al Noor,Al Nour:النور; Al Salam:السلام; Al Fajr:الفجر; Al Amal:الأمل; Al Bahr:البحر; Al Reem:الريم; "
        "Al Jazeera,Al Jazira:الجزيرة; Al Baraka,Al Barakah:البركة; Al Safa:الصفا; Al Madina,Al Madinah:المدينة; "
        "Al Waha:الواحة; Al Majd:المجد; Al Rayan,Al Rayyan:الريان; Al Saqr:الصقر; Al Nahda:النهضة; Al Manara:المنارة"
    ),
}
SECOND = _words("tech line stone wave gate bridge point works link field star logic form plan trade build care")
SYLLABLES = [c + v for c in "bdfgklmnprstz" for v in "aeiou"]
ENDINGS = ["x", "n", "r", "s", "l", "nt", "rn", "ct", "lis", "ra", "nor", "tis", "dex", "via", "lor", "mar", "tex"]
HEBREW = dict(zip("bdfgklmnprstzaiouechxv", "בדפגקלמנפרסטזאיווהכחקב", strict=True)) | {"e": "", "x": "קס", "c": "ק"}
ARABIC = dict(zip("bdfgklmnprstzaiouechxv", "بدفجكلمنبرستزايوويكهكف", strict=True)) | {"x": "كس"}
FINAL = str.maketrans("כמנפצ", "ךםןףץ")
FORMS: dict[str, dict[str, tuple[str, ...]]] = {
    "BEnl": {"BV": ("BV", "B.V.", "bv"), "BVBA": ("BVBA", "bvba", "B.V.B.A."), "NV": ("NV", "N.V."), "VOF": ("VOF",)},
    "BEfr": {"SRL": ("SRL", "S.R.L.", "srl"), "SPRL": ("SPRL", "sprl"), "SA": ("SA", "S.A.")},
    "NL": {"BV": ("B.V.", "BV", "b.v."), "VOF": ("V.O.F.", "VOF"), "NV": ("N.V.", "NV")},
    "FR": {"SARL": ("SARL", "S.A.R.L.", "sarl"), "SAS": ("SAS", "S.A.S."), "EURL": ("EURL",), "SA": ("SA", "S.A.")},
    "DE": {
        "GmbH": ("GmbH", "G.m.b.H.", "Gesellschaft mbH", "gmbh"),
        "KG": ("GmbH & Co. KG", "GmbH & Co KG", "GmbH u. Co. KG"),
        "UG": ("UG (haftungsbeschränkt)", "UG"),
        "AG": ("AG",),
        "eK": ("e.K.", "e. K."),
    },
    "IL": {"Ltd": ("Ltd", "Ltd.", "Limited")},
    "AE": {
        "LLC": ("LLC", "L.L.C.", "L.L.C"),
        "FZE": ("FZE",),
        "FZLLC": ("FZ-LLC", "FZ LLC"),
        "Est": ("Est.", "Establishment"),
    },
    "IN": {"Pvt": ("Pvt. Ltd.", "Pvt Ltd", "Private Limited", "(P) Ltd"), "LLP": ("LLP",)},
    "GB": {"Ltd": ("Ltd", "Limited", "Ltd."), "PLC": ("PLC", "plc"), "LLP": ("LLP",)},
    "PL": {"Zoo": ("Sp. z o.o.", "sp. z o. o.", "Spółka z o.o.", "SP ZOO"), "SA": ("S.A.",)},
    "ES": {"SL": ("S.L.", "SL", "S.L.U."), "SA": ("S.A.", "SA")},
    "IT": {"Srl": ("S.r.l.", "SRL", "Srl"), "Spa": ("S.p.A.", "SPA"), "Snc": ("S.n.c.", "SNC")},
}
NATIVE_FORMS = {
    "Ltd": ('בע"מ', "בע״מ", 'בע"מ'),
    "LLC": ("ذ.م.م", "ذ م م"),
    "FZLLC": ("م.م.ح",),
    "FZE": ("م.م.ح",),
    "Est": ("مؤسسة",),
}
BECOMES = {
    "BVBA": "BV",
    "SPRL": "SRL",
    "UG": "GmbH",
    "EURL": "SARL",
    "SARL": "SAS",
    "SL": "SA",
    "Srl": "Spa",
    "Ltd": "PLC",
    "Est": "LLC",
}


class Town(NamedTuple):
    """A town: its spellings, patterns of its postcodes, its area code."""

    word: Word
    postcodes: tuple[str, ...]
    area: str


def _towns(text: str) -> tuple[Town, ...]:
    found = []
    for line in text.strip().splitlines():
        names, postcodes, area, *native = line.strip().split("|")
        found.append(
            Town(Word(tuple(names.split(",")), native[0] if native else ""), tuple(postcodes.split(",")), area)
        )
    return tuple(found)


@dataclass(frozen=True)
class Region:
    """A country, or the part of it that speaks one language.

    Attributes:
        key, code: of the region ("BEnl") and its country.
        language: of names and trades; `native` is the script beside Latin ("he", "ar" or none).
        called: how its country is written.
        dial: country code; trunk: what stands before a national number.
        mobiles: patterns of numbers, as those of lines in `towns` (# any digit, % 2 to 8).
        kinds: of streets; stems: what they are called after.
        boxes: how a flat or letter box is written.
        hosts: mail providers; suffix: of domains.
    """

    key: str
    code: str
    language: str
    called: tuple[str, ...]
    dial: str
    trunk: str
    mobiles: tuple[str, ...]
    towns: tuple[Town, ...]
    kinds: tuple[str, ...]
    stems: tuple[Word, ...]
    boxes: tuple[str, ...]
    hosts: tuple[str, ...]
    suffix: str
    weight: float
    native: str = ""


def _text(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


DUTCH = _words(
    "Kerk Molen Station Schol Dorp Nieuw Hoog Veld Linden Beuken Berken Kapel Markt Hof Brug Water Kasteel Bos Heide Zand Leie Abdij Eiken Zonne Meer"
)
FRENCH = _words(
    "de_la_République Victor_Hugo du_Moulin de_l'Église Pasteur de_la_Gare des_Lilas du_Château Jean_Jaurès des_Écoles "
    "de_la_Fontaine Saint-Martin du_Commerce de_la_Liberté des_Tilleuls du_Parc Neuve Haute de_Verdun des_Prés Albert_Ier Léopold"
)
REGIONS = (
    Region(
        "BEnl",
        "BE",
        "nl",
        _text("Belgium,BE,België,Belgie,BELGIUM,Belgique"),
        "32",
        "0",
        _text("47# ## ## ##,48# ## ## ##,49# ## ## ##"),
        _towns(
            """Antwerpen,Antwerp,Anvers|2000,2018,2020,2060|3 %## ## ##
            Gent,Ghent,Gand|9000|9 2## ## ##
            Brugge,Bruges|8000|50 %# ## ##
            Leuven,Louvain|3000|16 %# ## ##
            Mechelen,Malines|2800|15 %# ## ##
            Hasselt|3500|11 %# ## ##
            Kortrijk,Courtrai|8500|56 %# ## ##
            Oostende,Ostend|8400|59 %# ## ##
            Aalst|9300|53 %# ## ##
            Sint-Niklaas,St-Niklaas|9100|3 %## ## ##
            Turnhout|2300|14 %# ## ##
            Genk|3600|89 %# ## ##
            Roeselare|8800|51 %# ## ##
            Brussel,Brussels,Bruxelles|1000,1030,1080|2 %## ## ##
            Lier|2500|3 %## ## ##
            Geel|2440|14 %# ## ##
            Dendermonde|9200|52 %# ## ##"""
        ),
        _text("straat,straat,straat,laan,steenweg,dreef,plein,lei"),
        DUTCH,
        _text("bus,bus,b"),
        _text("gmail.com,telenet.be,hotmail.com,skynet.be,outlook.be,proximus.be"),
        "be",
        24,
    ),
    Region(
        "BEfr",
        "BE",
        "fr",
        _text("Belgique,BE,Belgium,BELGIQUE,België"),
        "32",
        "0",
        _text("47# ## ## ##,48# ## ## ##,49# ## ## ##"),
        _towns(
            """Bruxelles,Brussel,Brussels|1000,1050,1180,1190|2 %## ## ##
            Liège,Luik|4000,4020|4 3## ## ##
            Namur,Namen|5000|81 %# ## ##
            Charleroi|6000|71 %# ## ##
            Mons,Bergen|7000|65 %# ## ##
            Tournai,Doornik|7500|69 %# ## ##
            Wavre|1300|10 %# ## ##
            Verviers|4800|87 %# ## ##
            Arlon|6700|63 %# ## ##"""
        ),
        _text("Rue,Rue,Rue,Avenue,Boulevard,Chaussée,Place"),
        FRENCH,
        _text("bte,boîte,bte"),
        _text("gmail.com,skynet.be,hotmail.com,voo.be,outlook.be"),
        "be",
        10,
    ),
    Region(
        "NL",
        "NL",
        "nl",
        _text("Netherlands,NL,Nederland,The Netherlands,NEDERLAND,Holland"),
        "31",
        "0",
        _text("6 1### ####,6 2### ####,6 5### ####"),
        _towns(
            """Amsterdam|101# @@,107# @@|20 %## ####
            Rotterdam|301# @@,303# @@|10 %## ####
            Den Haag,'s-Gravenhage,The Hague|251# @@|70 %## ####
            Utrecht|351# @@|30 %## ####
            Eindhoven|561# @@|40 %## ####
            Tilburg|503# @@|13 %## ####
            Breda|481# @@|76 %## ####
            Groningen|971# @@|50 %## ####
            Maastricht|621# @@|43 %## ####
            Nijmegen|651# @@|24 %## ####
            's-Hertogenbosch,Den Bosch|521# @@|73 %## ####
            Zwolle|801# @@|38 %## ####"""
        ),
        _text("straat,straat,weg,laan,gracht,plein,kade"),
        DUTCH,
        _text("-,-,app."),
        _text("gmail.com,ziggo.nl,kpnmail.nl,hotmail.com,xs4all.nl"),
        "nl",
        12,
    ),
    Region(
        "FR",
        "FR",
        "fr",
        _text("France,FR,FRANCE,Frankrijk"),
        "33",
        "0",
        _text("6 1# ## ## ##,6 7# ## ## ##,7 8# ## ## ##"),
        _towns(
            """Paris|7500#,7501#|1 %# ## ## ##
            Lyon|6900#|4 7# ## ## ##
            Marseille|1300#|4 9# ## ## ##
            Lille,Rijsel|59000,59800|3 2# ## ## ##
            Nice|06000,06100|4 9# ## ## ##
            Bordeaux|33000|5 5# ## ## ##
            Strasbourg|67000|3 8# ## ## ##
            Nantes|44000|2 4# ## ## ##
            Bourg-en-Bresse|01000|4 7# ## ## ##
            Saint-Étienne,St Etienne|42000|4 7# ## ## ##
            Troyes|10000|3 2# ## ## ##"""
        ),
        _text("rue,rue,rue,avenue,boulevard,place,chemin,allée"),
        FRENCH,
        _text("bât,apt,appt"),
        _text("gmail.com,orange.fr,wanadoo.fr,free.fr,laposte.net"),
        "fr",
        10,
    ),
    Region(
        "DE",
        "DE",
        "de",
        _text("Germany,DE,Deutschland,DEUTSCHLAND,Duitsland"),
        "49",
        "0",
        _text("171 %######,160 %######,176 %#######"),
        _towns(
            """Berlin|101##,104##|30 %#######
            München,Munich,Muenchen|803##|89 %#######
            Köln,Cologne,Koeln|506##|221 %######
            Hamburg|203##|40 %#######
            Frankfurt am Main,Frankfurt,Frankfurt a.M.|603##|69 %#######
            Dresden|010##|351 %######
            Leipzig|041##|341 %######
            Düsseldorf,Duesseldorf|402##|211 %######
            Aachen,Aken|520##|241 %#####
            Nürnberg,Nuremberg|904##|911 %######
            Münster|481##|251 %######"""
        ),
        _text("straße,straße,straße,weg,allee,gasse,platz,ring"),
        _words(
            "Haupt Bahnhof Garten Schul Berg Linden Kirch Wald Goethe Schiller Mozart Bismarck Rosen Mühlen Ring Wiesen Park See Blumen Feld Brücken Königs"
        ),
        _text("Whg.,App.,c/o Hinterhaus"),
        _text("gmail.com,gmx.de,web.de,t-online.de,freenet.de"),
        "de",
        10,
    ),
    Region(
        "IL",
        "IL",
        "he",
        _text("Israel,IL,ISRAEL,ישראל"),
        "972",
        "0",
        _text("50 %## ####,52 %## ####,54 %## ####"),
        _towns(
            """Tel Aviv,Tel Aviv-Yafo,Tel-Aviv|61#####,66#####|3 %## ####|תל אביב
            Jerusalem|91#####,95#####|2 %## ####|ירושלים
            Haifa|31#####,34#####|4 %## ####|חיפה
            Ramat Gan|52#####|3 %## ####|רמת גן
            Petah Tikva,Petach Tikva|49#####|3 %## ####|פתח תקווה
            Rishon LeZion,Rishon Lezion,Rishon|75#####|3 %## ####|ראשון לציון
            Ashdod|77#####|8 %## ####|אשדוד
            Netanya|42#####|9 %## ####|נתניה
            Beer Sheva,Be'er Sheva,Beersheba|84#####|8 %## ####|באר שבע
            Herzliya,Herzlia|46#####|9 %## ####|הרצליה
            Bnei Brak,Bene Beraq|51#####|3 %## ####|בני ברק
            Nazareth|16#####|4 %## ####|נצרת"""
        ),
        ("",),
        _words(
            "Herzl:הרצל; Rothschild:רוטשילד; Ben Yehuda:בן יהודה; Dizengoff:דיזנגוף; Weizmann:ויצמן; Jabotinsky:ז'בוטינסקי; "
            "Allenby:אלנבי; Bialik:ביאליק; King George:המלך ג'ורג'; HaAtzmaut:העצמאות; HaNasi:הנשיא; Sokolov:סוקולוב; "
            'Rabbi Akiva:רבי עקיבא; Arlozorov:ארלוזורוב; HaPalmach:הפלמ"ח; Begin:בגין; HaShalom:השלום; Yigal Alon:יגאל אלון; '
            "HaBarzel:הברזל; HaMelacha:המלאכה; Ibn Gabirol:אבן גבירול; HaYarkon:הירקון"
        ),
        _text("apt.,apt,/"),
        _text("gmail.com,walla.co.il,netvision.net.il,hotmail.com,bezeqint.net"),
        "co.il",
        12,
        "he",
    ),
    Region(
        "AE",
        "AE",
        "ar",
        _text("United Arab Emirates,AE,UAE,U.A.E.,الإمارات"),
        "971",
        "0",
        _text("50 %## ####,55 %## ####,56 %## ####,52 %## ####"),
        _towns(
            """Dubai||4 %## ####|دبي
            Abu Dhabi,Abu-Dhabi||2 %## ####|أبو ظبي
            Sharjah||6 5## ####|الشارقة
            Ajman||6 7## ####|عجمان
            Al Ain||3 7## ####|العين
            Ras Al Khaimah,RAK||7 2## ####|رأس الخيمة"""
        ),
        ("",),
        _words(
            "Sheikh Zayed Road:شارع الشيخ زايد; Al Maktoum Road:شارع المكتوم; Al Wahda Street:شارع الوحدة; Corniche Road:شارع الكورنيش; "
            "Al Khaleej Street:شارع الخليج; Airport Road:شارع المطار; Al Quoz Industrial Area 3:القوز الصناعية 3; Deira:ديرة; Karama:الكرامة; "
            "Hamdan Street:شارع حمدان; King Faisal Street:شارع الملك فيصل; Business Bay:الخليج التجاري; Al Barsha 1:البرشاء 1; "
            "Electra Street:شارع إلكترا"
        ),
        _text("Office,Shop,Flat"),
        _text("gmail.com,emirates.net.ae,eim.ae,hotmail.com,yahoo.com"),
        "ae",
        8,
        "ar",
    ),
    Region(
        "IN",
        "IN",
        "in",
        _text("India,IN,INDIA,Bharat"),
        "91",
        "0",
        _text("98### #####,99### #####,97### #####,88### #####"),
        _towns(
            """Mumbai,Bombay|4000##|22 2### ####
            Delhi,New Delhi|1100##|11 2### ####
            Bengaluru,Bangalore|5600##|80 2### ####
            Chennai,Madras|6000##|44 2### ####
            Ahmedabad|3800##|79 2### ####
            Surat|3950##|261 2## ####
            Pune,Poona|4110##|20 2### ####
            Hyderabad|5000##|40 2### ####"""
        ),
        _text("Road,Road,Marg,Nagar,Street"),
        _words(
            "MG Station Nehru Gandhi Tilak SV LBS Park Linking Ring Temple Market Link Residency Brigade Anna Lajpat Subhash Ashram Varachha"
        ),
        _text("Shop No.,Flat,Office"),
        _text("gmail.com,rediffmail.com,yahoo.co.in,hotmail.com"),
        "in",
        4,
    ),
    Region(
        "GB",
        "GB",
        "en",
        _text("United Kingdom,GB,UK,Great Britain,England"),
        "44",
        "0",
        _text("7711 ######,7802 ######,7912 ######"),
        _towns(
            """London|N# #@@,SW# #@@,EC# #@@|20 7%## ####
            Leeds|LS# #@@|113 2## ####
            Manchester|M# #@@|161 %## ####
            Birmingham|B# #@@|121 4## ####
            Bristol|BS# #@@|117 9## ####
            Sheffield|S# #@@|114 2## ####
            Edinburgh|EH# #@@|131 %## ####
            Cardiff|CF# #@@|29 20## ####"""
        ),
        _text("Street,Road,Road,Lane,Avenue,Close"),
        _words(
            "High Station Church London Victoria Park Mill Queens Kings Green Manor Albert York Windsor Grange Springfield Chapel North Alexandra Stanley"
        ),
        _text("Flat,Unit,Suite"),
        _text("gmail.com,btinternet.com,hotmail.co.uk,sky.com,outlook.com"),
        "co.uk",
        5,
    ),
    Region(
        "PL",
        "PL",
        "pl",
        _text("Poland,PL,Polska,POLSKA,Polen"),
        "48",
        "",
        _text("50# ### ###,60# ### ###,69# ### ###"),
        _towns(
            """Warszawa,Warsaw|00-###,02-###|22 %## ## ##
            Kraków,Krakow,Cracow|30-###,31-###|12 %## ## ##
            Łódź,Lodz|90-###|42 %## ## ##
            Wrocław,Wroclaw|50-###|71 %## ## ##
            Poznań,Poznan|60-###|61 %## ## ##
            Gdańsk,Gdansk|80-###|58 %## ## ##
            Katowice|40-###|32 %## ## ##"""
        ),
        _text("ul.,ul.,ul.,al.,os."),
        _words(
            "Mickiewicza Słowackiego Długa Polna Leśna Kościuszki Piłsudskiego Ogrodowa Szkolna Kwiatowa Lipowa Sienkiewicza Krótka Łąkowa Zielona Kolejowa"
        ),
        _text("/,m.,/"),
        _text("gmail.com,wp.pl,onet.pl,interia.pl,o2.pl"),
        "pl",
        3,
    ),
    Region(
        "ES",
        "ES",
        "es",
        _text("Spain,ES,España,ESPANA,Spanje"),
        "34",
        "",
        _text("6## ### ###,65# ### ###"),
        _towns(
            """Madrid|280##|91 %## ## ##
            Barcelona|080##|93 %## ## ##
            Valencia,València|460##|96 3## ## ##
            Sevilla,Seville|410##|95 4## ## ##
            Zaragoza,Saragossa|500##|976 %# ## ##
            Málaga,Malaga|290##|95 2## ## ##
            Oviedo|330##|98 5## ## ##"""
        ),
        _text("Calle,Calle,Calle,Avenida,Plaza,Paseo"),
        _words(
            "Mayor Real de_la_Constitución Cervantes del_Carmen San_Juan de_Goya Nueva del_Sol de_Colón Santa_Ana de_la_Paz Velázquez de_Aragón"
        ),
        _text("piso,pta.,bajo"),
        _text("gmail.com,hotmail.es,telefonica.net,yahoo.es"),
        "es",
        3,
    ),
    Region(
        "IT",
        "IT",
        "it",
        _text("Italy,IT,Italia,ITALIA,Italië"),
        "39",
        "",
        _text("33# ### ####,34# ### ####,32# ### ####"),
        _towns(
            """Milano,Milan|201##|02 %## ####
            Roma,Rome|001##|06 %## ####
            Torino,Turin|101##|011 %## ####
            Napoli,Naples|801##|081 %## ####
            Bologna|401##|051 %## ####
            Firenze,Florence|501##|055 %## ####
            Padova,Padua|351##|049 %## ####"""
        ),
        _text("Via,Via,Via,Viale,Corso,Piazza"),
        _words(
            "Roma Garibaldi Mazzini Dante Verdi Cavour Marconi Matteotti Leopardi dei_Mille XX_Settembre San_Marco della_Repubblica Manzoni Colombo"
        ),
        _text("int.,scala,int."),
        _text("gmail.com,libero.it,virgilio.it,tiscali.it,alice.it"),
        "it",
        3,
    ),
)
NATIVE = {"IL": 0.55, "AE": 0.45}  # share of names in the country's own script; elsewhere that of families who have one
ORIGINS = {
    "AE": (("in", 0.3),),
    "IL": (("ar", 0.12),),
    "BE": (("ar", 0.06), ("he", 0.03)),
    "FR": (("ar", 0.07),),
    "GB": (("in", 0.08),),
}
RELIABLE = 0.95  # of a first row under another name


def folded(text: str) -> str:
    """Lower case without accents and signs."""
    text = text.lower().replace("ß", "ss").replace("ł", "l").replace("ø", "o")
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", plain))


# ---------------------------------------------------------------------------------------------------------- numbers


def _filled(pattern: str, random: Random) -> str:
    return "".join(
        str(random.randrange(10))
        if c == "#"
        else random.choice("2345678")
        if c == "%"
        else random.choice("ABDEFGHJLNPQRSTUWXYZ")
        if c == "@"
        else c
        for c in pattern
    )


def _luhn(text: str, alphabet: str = "0123456789") -> str:
    """Check digit (ISO/IEC 7812-1, also over letters)."""
    size, total = len(alphabet), 0
    for at, sign in enumerate(reversed(text)):
        value = alphabet.index(sign) * (2 - at % 2)
        total += value // size + value % size
    return alphabet[-total % size]


def vat_id(region: Region, random: Random, *, person: bool = False) -> str:
    """A VAT or tax id with right check digits, without the country's letters.

    Args:
        region: whose rules it follows.
        random: source of its digits.
        person: of a private person or sole trader, where those have ids of another form.
    """
    some = "".join(str(random.randrange(10)) for _ in range(12))
    match region.code:
        case "BE":
            base = f"0{random.choice('456789')}{some[:6]}"
            return f"{base}{97 - int(base) % 97:02d}"
        case "NL":
            base = f"{random.choice('12358')}{some[:7]}"
            check = sum(int(d) * w for d, w in zip(base, range(9, 1, -1), strict=True)) % 11
            return f"{base}{check}B01" if check < 10 else vat_id(region, random)
        case "FR":
            base = f"{random.choice('345789')}{some[:7]}"
            base += _luhn(base)
            return f"{(12 + 3 * (int(base) % 97)) % 97:02d}{base}"
        case "DE":
            base, product = f"{random.choice('12389')}{some[:7]}", 10
            for digit in base:
                product = (((product + int(digit)) % 10 or 10) * 2) % 11
            return f"{base}{(11 - product) % 10}"
        case "IL":
            base = f"{random.choice('023')}{some[:7]}" if person else f"51{some[:6]}"
            return base + _luhn_israel(base)
        case "PL":
            base = f"{random.choice('567')}{random.choice('123456789')}{some[:7]}"
            check = sum(int(d) * w for d, w in zip(base, (6, 5, 7, 2, 3, 4, 5, 6, 7), strict=True)) % 11
            return f"{base}{check}" if check < 10 else vat_id(region, random)
        case "ES":
            if person:
                base = f"{random.choice('01234567')}{some[:7]}"
                return base + "TRWAGMYFPDXBNJZSQVHLCKE"[int(base) % 23]
            base = f"{random.choice(('28', '08', '46', '41', '50'))}{some[:5]}"
            return f"{random.choice('BBBA')}{base}{_luhn(base)}"
        case _:
            return _more_vat_ids(region.code, some, random)


def _luhn_israel(base: str) -> str:
    """Israel doubles every second digit from the left: over eight digits that is Luhn's."""
    return _luhn(base)


def _more_vat_ids(code: str, some: str, random: Random) -> str:
    match code:
        case "IT":
            base = f"0{some[:6]}{random.randint(1, 100):03d}"
            return base + _luhn(base)
        case "GB":
            base = f"{random.randint(200, 899)}{some[:4]}"
            return f"{base}{-sum(int(d) * w for d, w in zip(base, range(8, 1, -1), strict=True)) % 97:02d}"
        case "IN":
            letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
            pan = (
                "".join(random.choices(letters, k=3)) + "C" + random.choice(letters) + some[:4] + random.choice(letters)
            )
            base = f"{random.choice(('27', '07', '29', '33', '24', '36'))}{pan}1Z"
            return base + _luhn(base, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        case _:
            return f"100{some[:9]}003"  # United Arab Emirates: no check digit


def spelled_vat(vat: str, region: Region, random: Random) -> str:
    """One of the ways an id is written."""
    code = region.code
    if code in {"IL", "AE", "IN"} or (code == "ES" and random.random() < 0.6):
        return random.choice((vat, vat, vat, f"{vat[:2]}-{vat[2:8]}-{vat[8:]}")) if code == "IL" else vat
    if code == "BE":
        return random.choice(
            (
                f"BE{vat}",
                f"BE {vat[:4]}.{vat[4:7]}.{vat[7:]}",
                f"{vat[:4]}.{vat[4:7]}.{vat[7:]}",
                vat,
                f"BE{vat[1:]}",
                f"BTW BE {vat}",
            )
        )
    if code == "NL":
        return random.choice(
            (f"NL{vat}", f"NL{vat}", f"NL {vat[:4]}.{vat[4:6]}.{vat[6:9]}.{vat[9:]}", vat, f"NL{vat.lower()}")
        )
    if code == "FR":
        return random.choice(
            (f"FR{vat}", f"FR {vat[:2]} {vat[2:5]} {vat[5:8]} {vat[8:]}", f"FR {vat}", vat[2:], f"TVA FR{vat}")
        )
    groups = f"{vat[:3]} {vat[3:7]} {vat[7:]}"
    return random.choice((f"{code}{vat}", f"{code}{vat}", f"{code} {vat}", f"{code} {groups}", vat))


def spelled_phone(national: str, region: Region, random: Random) -> str:
    """One of the ways a number is written; `national` has its groups parted by blanks, without the trunk 0."""
    area, _, rest = national.partition(" ")
    digits, full = national.replace(" ", ""), f"{region.trunk}{national}"
    return random.choice(
        (
            f"+{region.dial} {national}",
            f"+{region.dial}{digits}",
            f"00{region.dial} {national}",
            full,
            full,
            f"{region.trunk}{digits}",
            f"{region.trunk}{area}/{rest.replace(' ', '.')}",
            f"{region.trunk}{area}-{rest.replace(' ', '')}",
            f"({region.trunk}{area}) {rest}",
            f"+{region.dial} ({region.trunk}){national}" if region.trunk else f"+{region.dial} {national}",
        )
    )


# -------------------------------------------------------------------------------------------------------- customers


@dataclass(frozen=True)
class Address:
    """Where a customer is."""

    street: Word
    kind: str
    number: str
    box: str
    postcode: str
    town: Town


@dataclass(frozen=True)
class State:
    """What is true of a customer for a while; `form` is blank for persons, `vat` until it is given."""

    words: tuple[Word, ...]
    form: str
    address: Address
    phone: str
    mobile: str
    mail: str
    vat: str


class Accountant(NamedTuple):
    """Whose phone, mail and address stand on the rows of many."""

    phone: str
    mail: str
    address: Address


class Branch(NamedTuple):
    """A second address of a company, and the day on which it is closed."""

    address: Address
    phone: str
    until: int


@dataclass
class Customer:
    """A true customer.

    Attributes:
        states: what is true from which day on.
        traps: what makes it hard.
        apart: the word of its name that tells it from the others of its group.
        own: what no other customer of its group has: of phone, mobile, mail, vat, address.
        alias: name of the person who trades under the business's name.
        crowded: other customers have its name.
        bare: share of its rows that have only a name, or a name and a town.
        rows, begin, end: how many it has, between which days.
    """

    region: Region
    states: list[tuple[int, State]]
    person: bool
    traps: list[str] = field(default_factory=list)
    apart: Word | None = None
    own: set[str] = field(default_factory=lambda: {"phone", "mobile", "mail", "vat", "address"})
    alias: tuple[Word, ...] = ()
    branch: Branch | None = None
    accountant: Accountant | None = None
    number: int = 0
    crowded: bool = False
    bare: float = 0.0
    rows: int = 1
    begin: int = BEGIN
    end: int = END

    @property
    def key(self) -> str:
        """Its id in truth.csv."""
        return f"T{self.number:06d}"

    @property
    def first(self) -> State:
        """As it was at the beginning."""
        return self.states[0][1]

    def at(self, day: int) -> int:
        """Number of the state of that day."""
        return bisect([since for since, _ in self.states], day) - 1


class Maker:
    """Makes customers; remembers what is taken, so that nobody shares a number or a mailbox by chance."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.taken: set[str] = set()

    def population(self, count: int, rows: int) -> list[Customer]:
        """That many customers with their shares of the rows."""
        made: list[Customer] = []
        draws = (
            (0.33, self.single_person),
            (0.37, self.single_company),
            (0.08, self.trader),
            (0.045, self.household),
            (0.03, self.sisters),
            (0.009, self.franchise),
            (0.02, self.namesakes),
            (0.007, self.tenants),
            (0.025, self.owner),
            (0.008, self.clients),
            (TWINS, self.twins),
        )
        weights = [weight for weight, _ in draws]
        makers = [maker for _, maker in draws]
        while len(made) < count:
            made += self.random.choices(makers, weights)[0]()
        del made[count:]
        for number, customer in enumerate(made):
            customer.number = number
        self._share_rows(made, rows)
        self._live(made)
        _mark_crowded(made)
        return made

    def _share_rows(self, customers: list[Customer], rows: int) -> None:
        """By a power law whose largest has its share: (rank + shift) ** -SLOPE; mostly companies stand in front."""
        low, high = 0.01, 1000.0
        for _ in range(60):
            shift = (low + high) / 2
            weights = [(rank + shift) ** -SLOPE for rank in range(1, len(customers) + 1)]
            if weights[0] / sum(weights) > LARGEST * rows / max(1, rows - len(customers)):
                low = shift
            else:
                high = shift
        later = {
            customer.number: 1.0 if "twin" in customer.traps else 0.02 if customer.person else 0.0
            for customer in customers
        }
        ranked = sorted(customers, key=lambda customer: later[customer.number] + self.random.random())
        drawn = Counter(self.random.choices(range(len(ranked)), weights, k=max(0, rows - len(ranked))))
        for rank, customer in enumerate(ranked):
            customer.rows = 1 + drawn[rank]
            customer.bare = 0.12 if rank < 40 else self.random.choices((0.03, 0.14, 0.5), (0.55, 0.32, 0.13))[0]
            years = min(9.8, 0.3 + self.random.expovariate(0.25) + customer.rows / 40)
            customer.begin = self.random.randint(BEGIN, max(BEGIN, END - int(years * 365)))
            customer.end = min(END, customer.begin + int(years * 365))

    # names

    def _surname(self, language: str) -> Word:
        random, listed = self.random, SURNAMES[language]
        common = listed[int(len(listed) * random.random() ** 1.7)]
        if random.random() < 0.5:
            return common
        if language in TAILS:
            start, end = (random.choice(part) for part in TAILS[language])
            pairs = zip(start.latin, (*end.latin, *end.latin[-1:] * len(start.latin)), strict=False)
            latin = (s + (e if s.endswith(" ") else e.lower()) for s, e in pairs)
            return Word(tuple(latin), start.native + end.native)
        if language == "es":
            return Word((f"{common.latin[0]} {random.choice(listed).latin[0]}",))
        return common

    def person_name(self, region: Region) -> tuple[Word, ...]:
        """Given name and surname, in Arabic and Indian names sometimes the father's between them."""
        random = self.random
        language = region.language
        for other, share in ORIGINS.get(region.code, ()):
            if random.random() < share:
                language = other
        given = GIVEN[language]
        first = given[int(len(given) * random.random() ** 1.3)]
        if language in {"ar", "in"} and random.random() < 0.6:
            father = random.choice([man for man in given[: len(given) // 2] if man != first])
            return (first, father, self._surname(language))
        return (first, self._surname(language))

    def _coined(self, region: Region) -> Word:
        random = self.random
        text = "".join(random.choices(SYLLABLES, k=random.choice((2, 2, 3)))) + random.choice(ENDINGS)
        signs = {"he": HEBREW, "ar": ARABIC}.get(region.native)
        native = "".join(signs[c] for c in text) if signs else ""
        if region.native == "he":
            native = native[:-1] + native[-1].translate(FINAL)
        return Word((text.capitalize(),), native)

    def _stem(self, region: Region) -> tuple[Word, ...]:
        """What a company's name begins with."""
        random = self.random
        if region.native:
            brands = BRANDS[region.native]
            return random.choice(
                (
                    (self._coined(region),),
                    (random.choice(brands), self._coined(region)),
                    (self._surname(region.language),),
                )
            )
        draw = random.random()
        if draw < 0.5:
            return (self._coined(region),)
        if draw < 0.62:
            return (Word((random.choice(BRANDS[""]).latin[0] + random.choice(SECOND).latin[0],)),)
        return (self._surname(region.language),)

    def _company_name(self, region: Region) -> tuple[Word, ...]:
        random = self.random
        trade = random.choice(TRADES[region.language])
        if region.language in FAMILY and random.random() < 0.25:
            surname = self._surname(region.language)
            words = tuple(surname if w == "{}" else Word((w,)) for w in random.choice(FAMILY[region.language]).split())
            return (*words, trade) if random.random() < 0.4 else words
        stem = self._stem(region)
        return (trade, *stem) if not region.native and random.random() < 0.3 else (*stem, trade)

    # everything else that a customer has

    def region(self) -> Region:
        """One of them, the home market more often."""
        return self.random.choices(REGIONS, [r.weight for r in REGIONS])[0]

    def address(self, region: Region, town: Town | None = None) -> Address:
        """Somewhere in the region, or in that town."""
        random = self.random
        town = town or region.towns[int(len(region.towns) * random.random() ** 1.4)]
        number = str(int(1 + 180 * random.random() ** 1.5))
        draw = random.random()
        number += random.choice("abc") if draw < 0.07 else f"-{int(number) + 2}" if draw < 0.12 else ""
        box = str(random.randint(1, 24)) if draw > 0.82 else ""
        postcode = _filled(random.choice(town.postcodes), random)
        if region.code == "AE":
            number = f"{random.choice(BRANDS['ar']).latin[0]} {random.choice(('Tower', 'Building', 'Centre'))}"
            box, postcode = str(random.randint(1, 2400)), str(random.randint(1000, 99999))
        return Address(random.choice(region.stems), random.choice(region.kinds), number, box, postcode, town)

    def _once(self, make: Iterable[str]) -> str:
        found = next(one for one in make if one not in self.taken)
        self.taken.add(found)
        return found

    def phone(self, pattern: str) -> str:
        """A number that nobody has."""
        return self._once(_filled(pattern, self.random) for _ in range(10_000))

    def mail_of_person(self, words: Sequence[Word], region: Region) -> str:
        """A mailbox at a provider."""
        random = self.random
        given, last = (re.sub(r"[^a-z]", "", folded(words[at].latin[0])) for at in (0, -1))
        local = random.choice(
            (f"{given}.{last}", f"{given}{last}", f"{given[0]}.{last}", f"{last}{given[0]}", f"{given}_{last}")
        )
        numbered = (
            f"{local}{n or ''}@{random.choice(region.hosts)}" for n in [0, *(random.randint(1, 99) for _ in range(500))]
        )
        return self._once(numbered)

    def _domain(self, words: Sequence[Word], region: Region) -> str:
        parts = [re.sub(r"[^a-z0-9]", "", folded(w.latin[0])) for w in words]
        base = self.random.choice(
            ("".join(parts[:2]), "-".join(parts), parts[0] if len(parts[0]) > 5 else "".join(parts))
        )[:30]
        endings = (
            f".{region.suffix}",
            ".com",
            ".eu",
            f"-group.{region.suffix}",
            *(f"{n}.{region.suffix}" for n in range(2, 900)),
        )
        return self._once(f"{base}{end}" for end in endings)

    def _mail_of_company(self, words: Sequence[Word], region: Region) -> str:
        local = self.random.choice(
            (
                "info",
                "info",
                "info",
                "office",
                "contact",
                "invoices",
                "administratie" if region.language == "nl" else "admin",
            )
        )
        if self.random.random() < 0.15:
            return self.mail_of_person((words[0], words[-1]), region)
        return f"{local}@{self._domain(words, region)}"

    def new_person(self, region: Region, words: tuple[Word, ...] = (), address: Address | None = None) -> Customer:
        """A private person."""
        words = words or self.person_name(region)
        address = address or self.address(region)
        has_id = region.code in {"ES", "IL"} and self.random.random() < 0.35
        state = State(
            words,
            "",
            address,
            self.phone(address.town.area),
            self.phone(self.random.choice(region.mobiles)),
            self.mail_of_person(words, region),
            self._once(vat_id(region, self.random, person=True) for _ in range(99)) if has_id else "",
        )
        return Customer(region, [(0, state)], person=True)

    def new_company(self, region: Region, words: tuple[Word, ...] = (), address: Address | None = None) -> Customer:
        """A company."""
        words = words or self._company_name(region)
        address = address or self.address(region)
        forms = list(FORMS[region.key])
        state = State(
            words,
            self.random.choice((*forms, *forms[:1] * 2)),
            address,
            self.phone(address.town.area),
            self.phone(self.random.choice(region.mobiles)),
            self._mail_of_company(words, region),
            self._once(vat_id(region, self.random) for _ in range(99)),
        )
        return Customer(region, [(0, state)], person=False)

    # groups

    def single_person(self) -> list[Customer]:
        """Somebody like any other."""
        return [self.new_person(self.region())]

    def single_company(self) -> list[Customer]:
        """A company like any other."""
        return [self.new_company(self.region())]

    def trader(self) -> list[Customer]:
        """A person with a business: one customer, one VAT id, two names."""
        region = self.region()
        person = self.person_name(region)
        trade = self.random.choice(TRADES[region.language])
        business = self.random.choice(((*person[-1:], trade), (trade, *person[-1:]), (self._coined(region), trade)))
        one = self.new_company(region, business)
        vat = self._once(vat_id(region, self.random, person=True) for _ in range(99))
        mail = self.mail_of_person(person, region) if self.random.random() < 0.6 else one.first.mail
        one.states = [(0, replace(one.first, form="", vat=vat, mail=mail))]
        one.alias, one.traps = person, ["trader"]
        return [one]

    def household(self) -> list[Customer]:
        """People of one roof and one line."""
        random, region = self.random, self.region()
        one = self.new_person(region)
        kind = random.choices(("spouses", "siblings", "father and son"), (0.7, 0.2, 0.1))[0]
        words, address = one.first.words, one.first.address
        if kind == "father and son":
            men = GIVEN[self._language(words[0])]
            words = (random.choice(men[: len(men) // 2]), *words[1:])  # they stand first
            one, other = self.new_person(region, words, address), self.new_person(region, words, address)
            senior, junior = {"nl": ("sr.", "jr."), "fr": ("père", "fils"), "de": ("sen.", "jun.")}.get(
                region.language, ("Sr", "Jr")
            )
            one.apart, other.apart = Word((senior,)), Word((junior,))
            one.own = other.own = {"mobile", "mail", "vat"}
        else:
            names = [
                n
                for n in GIVEN[self._language(words[0])]
                if n.latin[0][0] != words[0].latin[0][0] and n.native[:1] != (words[0].native[:1] or "-")
            ]
            given = random.choice(names)
            last = words[-1] if kind == "siblings" or random.random() < 0.75 else self.person_name(region)[-1]
            other = self.new_person(region, (given, last), address)
            one.states = [(0, replace(one.first, words=(words[0], words[-1])))]
            one.apart, other.apart = words[0], given
            one.own, other.own = {"mobile", "vat"}, {"mobile", "vat"}
            if kind == "spouses" and random.random() < 0.45:
                other.states = [(0, replace(other.first, mail=one.first.mail))]
            else:
                one.own, other.own = one.own | {"mail"}, other.own | {"mail"}
        other.states = [(0, replace(other.first, phone=one.first.phone))]
        one.traps, other.traps = [kind], [kind]
        return [one, other]

    def _language(self, given: Word) -> str:
        return next(language for language, names in GIVEN.items() if given in names)

    def sisters(self) -> list[Customer]:
        """Companies of one owner at one address: alike names, own VAT ids, often one line and one mailbox."""
        random, region = self.random, self.region()
        stem, address = self._stem(region), self.address(region)
        second = [*TRADES[region.language]] + ([] if region.native else list(_words("Holding Invest Group Services")))
        trades = random.sample(second, random.choice((2, 2, 3)))
        made = [self.new_company(region, (*stem, trade), address) for trade in trades]
        shares = random.random()
        for one, trade in zip(made, trades, strict=True):
            one.traps, one.apart, one.own = ["sisters"], trade, {"vat", "phone", "mail", "mobile"}
            if shares < 0.6:
                one.states, one.own = [(0, replace(one.first, phone=made[0].first.phone))], one.own - {"phone"}
            if shares < 0.4:
                one.states, one.own = [(0, replace(one.first, mail=made[0].first.mail))], one.own - {"mail"}
        return made

    def franchise(self) -> list[Customer]:
        """One brand in several towns, each with its own VAT id."""
        random, region = self.random, self.region()
        brand = self._stem(region)
        trade = random.choice(TRADES[region.language])
        domain = self._domain(brand, region)
        made = []
        for town in random.sample(region.towns, random.randint(2, min(6, len(region.towns)))):
            called = Word(town.word.latin[:1], town.word.native)
            one = self.new_company(region, (*brand, trade, called), self.address(region, town))
            one.states = [(0, replace(one.first, mail=f"{re.sub('[^a-z]', '', folded(town.word.latin[0]))}@{domain}"))]
            one.traps, one.apart = ["franchise"], called
            made.append(one)
        return made

    def namesakes(self) -> list[Customer]:
        """People, or businesses called after a family, of one name in one town."""
        random, region = self.random, self.region()
        town = random.choice(region.towns)
        if random.random() < 0.75:
            words = self.person_name(region)
            made = [self.new_person(region, words, self.address(region, town)) for _ in range(random.choice((2, 2, 3)))]
        else:
            words = (random.choice(TRADES[region.language]), self._surname(region.language))
            made = [self.new_company(region, words, self.address(region, town)) for _ in range(2)]
        for one in made:
            one.traps = ["namesakes"]
        return made

    def tenants(self) -> list[Customer]:
        """Companies of one office building, most of them behind its switchboard."""
        region = self.region()
        address = self.address(region)
        switchboard = self.phone(address.town.area)
        made = []
        for _ in range(self.random.randint(3, 7)):
            floor = replace(address, box=str(self.random.randint(1, 60)) if self.random.random() < 0.4 else address.box)
            one = self.new_company(region, address=floor)
            one.traps, one.own = ["tenants"], one.own - {"phone", "address"}
            if self.random.random() < 0.65:
                one.states = [(0, replace(one.first, phone=switchboard))]
            made.append(one)
        return made

    def owner(self) -> list[Customer]:
        """A company, and its owner as a private customer: two."""
        random, region = self.random, self.region()
        words = self.person_name(region)
        named = (words[-1], random.choice(TRADES[region.language])) if random.random() < 0.5 else ()
        company, person = self.new_company(region, named), self.new_person(region, words)
        person.own, company.own = {"mobile", "address", "phone", "mail"}, {"vat", "address", "phone", "mail"}
        if random.random() < 0.3:
            person.states = [(0, replace(person.first, address=company.first.address, vat=""))]
            person.own, company.own = person.own - {"address"}, company.own - {"address"}
        if random.random() < 0.6:
            person.states = [(0, replace(person.first, mail=company.first.mail, vat=""))]
            person.own, company.own = person.own - {"mail"}, company.own - {"mail"}
        if random.random() < 0.35:
            person.states = [(0, replace(person.first, phone=company.first.phone, vat=""))]
            person.own, company.own = person.own - {"phone"}, company.own - {"phone"}
        company.states = [(0, replace(company.first, mobile=person.first.mobile))]
        company.traps = person.traps = ["owner"]
        person.apart, company.apart = words[0], company.first.words[-1]
        return [company, person]

    def clients(self) -> list[Customer]:
        """An accountant and the customers whose rows give the accountant's mail and phone."""
        region = self.region()
        office = self.new_company(region)
        office.traps = ["accountant"]
        shared = Accountant(office.first.phone, office.first.mail, office.first.address)
        made = [office]
        for _ in range(self.random.randint(4, 12)):
            one = self.new_company(region) if self.random.random() < 0.6 else self.trader()[0]
            one.accountant, one.traps = shared, [*one.traps, "client"]
            made.append(one)
        return made

    def twins(self) -> list[Customer]:
        """Two of one name, one line and one address: nothing tells them apart."""
        region = self.region()
        one = self.new_person(region)
        state = replace(one.first, mobile=one.first.phone, mail="", vat="")
        one.states = [(0, state)]
        one.traps = ["twin"]
        return [one, Customer(region, [(0, state)], person=True, traps=["twin"])]

    # lives

    def _live(self, customers: list[Customer]) -> None:
        for customer in customers:
            if "twin" in customer.traps or customer.rows < 3:
                continue
            happens = self.random.choices((0, 1, 2), (0.6, 0.3, 0.1) if customer.rows < 12 else (0.35, 0.42, 0.23))[0]
            days = sorted(self.random.randint(customer.begin, customer.end) for _ in range(happens))
            for day in days:
                event, state = self._event(customer)
                if event:
                    customer.states.append((day, state))
                    customer.traps.append(event)
            if not customer.person and not customer.alias and customer.rows > 5 and self.random.random() < 0.1:
                address = self.address(customer.region)
                until = self.random.randint(customer.begin, customer.end)
                customer.branch = Branch(address, self.phone(address.town.area), until)
                customer.traps.append("branch")

    def _event(self, customer: Customer) -> tuple[str, State]:
        random, region, now = self.random, customer.region, customer.states[-1][1]
        grouped = customer.apart is not None or "tenants" in customer.traps
        kinds = (
            ("married", "moved", "phone")
            if customer.person
            else ("renamed", "moved", "new phone", "new form", "late VAT id", "taken over")
        )
        weights = (0.2, 0.4, 0.4) if customer.person else (0.17, 0.26, 0.22, 0.2, 0.12, 0.03)
        kind = random.choices(kinds, weights)[0]
        if kind in customer.traps or (grouped and kind != "new phone"):
            return "", now
        match kind:
            case "married":
                last = self._surname(self._language_of(now.words[-1], region))
                if random.random() < 0.35:
                    joined = Word(
                        (f"{now.words[-1].latin[0]}-{last.latin[0]}",),
                        " ".join(filter(None, (now.words[-1].native, last.native))),
                    )
                    last = joined if bool(last.native) == bool(now.words[-1].native) else last
                return kind, replace(now, words=(*now.words[:-1], last))
            case "moved":
                address = self.address(region)
                return kind, replace(now, address=address, phone=self.phone(address.town.area))
            case "new phone":
                return kind, replace(
                    now,
                    phone=now.phone if grouped else self.phone(now.address.town.area),
                    mobile=self.phone(random.choice(region.mobiles)),
                )
            case "renamed" if not customer.alias:
                words = self._company_name(region)
                return kind, replace(
                    now, words=words, mail=self._mail_of_company(words, region) if random.random() < 0.5 else now.mail
                )
            case "taken over" if not customer.alias and now.vat:
                words, address = self._company_name(region), self.address(region)
                return kind, replace(
                    now,
                    words=words,
                    address=address,
                    phone=self.phone(address.town.area),
                    mail=self._mail_of_company(words, region),
                )
            case "new form" if BECOMES.get(now.form) in FORMS[region.key]:
                return kind, replace(now, form=BECOMES[now.form])
            case "late VAT id" if len(customer.states) == 1:
                customer.states = [(0, replace(now, vat=""))]
                return kind, now
        return "", now

    def _language_of(self, word: Word, region: Region) -> str:
        if not word.native:
            return region.language if not region.native else "in"
        return "he" if "א" <= word.native[0] <= "ת" else "ar"


def _mark_crowded(customers: Sequence[Customer]) -> None:
    """Whose name another customer has, too."""
    having: dict[str, set[int]] = defaultdict(set)
    for customer in customers:
        for name in _names(customer):
            having[name].add(customer.number)
    for customer in customers:
        customer.crowded = any(len(having[name]) > 1 for name in _names(customer))


def _names(customer: Customer) -> Iterator[str]:
    for words in (*(state.words for _, state in customer.states), customer.alias):
        if words:
            yield " ".join(sorted(folded(" ".join(w.latin[0] for w in words)).split()))
            if "franchise" in customer.traps:
                yield folded(" ".join(w.latin[0] for w in words[:-1]))


# ------------------------------------------------------------------------------------------------ what a row says


@dataclass
class Said:
    """What a row or a card says; `line` is which number `phone` is, `lent` are those of others."""

    name: str
    phone: str = ""
    mail: str = ""
    vat: str = ""
    street: str = ""
    place: str = ""
    country: str = ""
    line: str = "phone"
    lent: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Talk:
    """Which customer a row is about, under which of its names, in which script, with the source of all deviations."""

    customer: Customer
    state: State
    words: tuple[Word, ...]
    person: bool
    native: bool
    branch: Branch | None
    random: Random

    @property
    def region(self) -> Region:
        """Where the customer is."""
        return self.customer.region


def plain_name(talk: Talk, *, form: float = 1.0, careful: bool = True, surname_first: float = 0.0) -> str:
    """The name without an error, as it may be written."""
    random, words = talk.random, talk.words
    spelled = [
        w.native if talk.native else w.latin[0] if careful else random.choice((w.latin[0], *w.latin)) for w in words
    ]
    if talk.person:
        apart = talk.customer.apart
        suffix = (
            [apart.latin[0]] if apart and "father and son" in talk.customer.traps and random.random() < 0.35 else []
        )
        if len(spelled) > 2 and random.random() < 0.35:
            spelled = (
                [spelled[0], spelled[-1]]
                if random.random() < 0.6 or talk.native
                else [spelled[0], f"{spelled[1][0]}.", spelled[-1]]
            )
        if random.random() < surname_first:
            return " ".join([f"{spelled[-1]}{random.choice(('', '', ','))}", *spelled[:-1], *suffix])
        return " ".join([*spelled, *suffix])
    name = " ".join(spelled)
    if talk.branch:
        town = talk.branch.address.town.word
        between = {
            "nl": "filiaal",
            "fr": "agence",
            "de": "Filiale",
            "es": "sucursal",
            "it": "filiale",
            "pl": "oddział",
        }.get(talk.region.language, "branch")
        name += f" - {town.native}" if talk.native else f" - {between} {town.latin[0]}"
    if talk.state.form and random.random() < form:
        forms = NATIVE_FORMS[talk.state.form] if talk.native else FORMS[talk.region.key][talk.state.form]
        one = random.choice((forms[0], *forms)) if not careful else forms[0]
        return f"{one} {name}" if talk.region.code == "BE" and random.random() < 0.05 else f"{name} {one}"
    return name


def address_lines(address: Address, talk: Talk) -> tuple[str, str]:
    """Street and place as the country writes them."""
    random, region, number = talk.random, talk.region, address.number
    native = (
        talk.native
        and bool(address.street.native)
        and region.native == ("he" if "א" <= talk.words[0].native[:1] <= "ת" else "ar")
    )
    town = (
        address.town.word.native
        if native
        else random.choice((address.town.word.latin[0],) * 4 + address.town.word.latin)
    )
    street = address.street.native if native else address.street.latin[0]
    fixed = region.code not in {"BE", "NL", "FR", "PL", "IL"}  # there the word says what it is, not how it is spelled
    box = region.boxes[int(address.box or 0) % len(region.boxes)] if fixed else random.choice(region.boxes)
    place = f"{address.postcode} {town}"
    match region.code:
        case "BE" | "NL" | "DE" if region.language != "fr":
            flat = f"{'' if box == '-' else ' '}{box}{'' if box == '-' else ' '}{address.box}" if address.box else ""
            return f"{street}{address.kind} {number}{flat}", place
        case "BE" | "ES" | "IT":
            flat = f", {box} {address.box}" if address.box else ""
            return f"{address.kind} {street} {number}{flat}", place
        case "FR":
            return f"{number.replace('a', ' bis')} {address.kind} {street}" + (
                f", {box} {address.box}" if address.box else ""
            ), place
        case "IL":
            flat = f" דירה {address.box}" if native else f" {box} {address.box}"
            flat = flat if address.box else ""
            shown = f" {address.postcode}" if random.random() < 0.6 else ""
            return (
                f"{street} {number}{flat}" if native or random.random() < 0.4 else f"{number} {street} St{flat}"
            ), f"{town}{shown}"
        case "AE":
            return (
                f"{box} {address.box}, {number}, {street}",
                f"P.O. Box {address.postcode}, {town}" if random.random() < 0.7 else town,
            )
        case "IN":
            flat = f"{box} {address.box}, " if address.box else ""
            return (
                f"{flat}{number} {street} {address.kind}",
                f"{town}{random.choice((' - ', ' ', '-'))}{address.postcode}",
            )
        case "PL":
            return f"{address.kind} {street} {number}" + (f"/{address.box}" if address.box else ""), place
        case _:
            flat = f"{box} {address.box}, " if address.box else ""
            return f"{flat}{number} {street} {address.kind}", f"{town} {address.postcode}"


class Chances(NamedTuple):
    """How often a way of coming in has a field."""

    phone: float
    mail: float
    vat: float
    address: float
    country: float
    number: float


def say(talk: Talk, chances: Chances, *, form: float, careful: bool, surname_first: float) -> Said:
    """Everything right, some of it left out."""
    random, state = talk.random, talk.state
    said = Said(plain_name(talk, form=form, careful=careful, surname_first=surname_first))
    if random.random() < chances.phone:
        said.line = "mobile" if random.random() < (0.7 if talk.person else 0.2) else "phone"
        number = state.mobile if said.line == "mobile" else talk.branch.phone if talk.branch else state.phone
        said.phone = spelled_phone(number, talk.region, random)
    if random.random() < chances.mail:
        said.mail = state.mail
    if state.vat and random.random() < chances.vat:
        said.vat = spelled_vat(state.vat, talk.region, random)
    if random.random() < chances.address:
        address = talk.branch.address if talk.branch else state.address
        said.street, said.place = address_lines(address, talk)
    if random.random() < chances.country:
        said.country = random.choice(talk.region.called[:2] + talk.region.called)
    return said


# ------------------------------------------------------------------------------------- errors, by how a row was taken

SHORT = {
    long: tuple(shorts.split("|"))
    for long, shorts in _pairs(
        "International>Intl|Int'l|Intern.;Brothers>Bros|Bros.;Gebroeders>Gebr.|Gebr;Gebrüder>Gebr.;Société>Sté|Ste;"
        "Établissements>Ets|Éts;Firma>Fa.|Fa;Hermanos>Hnos.|Hnos;Fratelli>F.lli|Flli;Company>Co|Co.;Associates>Assoc.;"
        "Group>Grp;Groupe>Grpe;Construction>Constr.|Const.;Constructions>Constr.;Construcciones>Constr.|Const.;"
        "Costruzioni>Costr.;Manufacturing>Mfg;Engineering>Eng.|Engg;Enterprises>Ent.|Entp.;Industries>Inds.|Ind.;"
        "Transport>Transp.|Trans.;Transports>Transp.|Trspts;Transportes>Transp.|Ttes.;Trasporti>Trasp.;Trading>Trdg|Tr.;"
        "General Trading>Gen. Trdg|Gen. Tr.|G.T.;Contracting>Cont.|Contr.;Consulting>Cons.|Consult.;Services>Svcs|Serv.;"
        "Servicios>Serv.;Technologies>Tech.;Technics>Techn.;Logistics>Log.|Logist.;Properties>Props;Insurance>Ins.;"
        "Verzekeringen>Verz.;Assurances>Assur.;Versicherungen>Vers.;Immobilier>Immo;Immobilien>Immo.;Inmobiliaria>Inm.;"
        "Schilderwerken>Schilderw.;Dakwerken>Dakw.;Grondwerken>Grondw.;Schrijnwerkerij>Schrijnw.;"
        "Elektrotechnik>E-Technik;Électricité>Élec.|Elec;Electricals>Elect.;Electronics>Elec.;Nieruchomości>Nieruch.;"
        "Zakład>Zakł.;Holding>Hold.; and > & | + ; en > & | + ; et > & ; und > & | u. ",
        ";",
    )
}
SHORT_STREETS = _pairs(
    "straat>str. straat>str laan>ln steenweg>stwg Avenue>Av. avenue>av. Boulevard>Bd boulevard>bd Chaussée>Chée "
    "Place>Pl. straße>str. Street>St Road>Rd Lane>Ln Calle>C/ Avenida>Avda. Plaza>Pza. Viale>V.le Piazza>P.zza "
    "Corso>C.so Saint>St"
)
SCANNED = _pairs(
    "rn>m m>rn l>1 i>l o>0 O>0 cl>d d>cl S>5 B>8 e>c h>b ü>ii é>6 ö>o ß>B nn>rm vv>w I>l G>6 ה>ח ד>ר כ>ב ס>ם ז>ו ב>נ "
    "ب>ت ن>ت ح>ج ر>ز ق>ف ش>س"
)
SCANNED_DIGITS = _pairs("0>O 1>l 5>S 8>B 0>o 1>I 6>b")
HEARD = _pairs(
    "ck>k ph>f c>k y>i ie>i z>s dt>t ij>ei ei>ij ou>au oe>u sch>sh au>o eau>o tz>ts th>t v>f w>v gh>g x>ks ss>s ll>l "
    "nn>n tt>t ee>ea ae>a ey>y ai>ay qu>kw ł>l rz>ż ó>u gn>ni zz>z b>v j>y kh>h ch>h oo>u ט>ת ק>כ א>ע ח>כ ב>ו ש>ס "
    "ة>ه أ>ا ى>ي ظ>ض س>ص إ>ا ذ>د"
)
NICKNAMES = dict(
    _pairs(
        "Jozef>Jos Willem>Wim Robert>Bob William>Bill Elizabeth>Liz Giuseppe>Beppe Francisco>Paco José>Pepe Thomas>Tom "
        "Christophe>Chris James>Jim Richard>Dick Margaret>Maggie Katarzyna>Kasia Małgorzata>Gosia Hendrik>Henk "
        "Cornelis>Kees Johan>Jo Liesbeth>Lies Deborah>Debbie Rebecca>Becky Krzysztof>Krzysiek Andrew>Andy Stephen>Steve "
        "Alessandro>Sandro Katrien>Trien Manuel>Manolo"
    )
)
MONTHS = ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec")
NOTES = (
    " t.a.v. boekhouding",
    " c/o facturatie",
    " attn. accounts",
    " (oud)",
    " - NIET GEBRUIKEN",
    " (dubbel)",
    " 2",
    " *",
    " zie nieuwe fiche",
)
TITLES = {
    "nl": "Dhr.",
    "fr": "M.",
    "de": "Herr",
    "en": "Mr",
    "es": "D.",
    "it": "Sig.",
    "pl": "Pan",
    "in": "Shri",
    "he": "Mr",
    "ar": "Mr",
}
WRONG_HOSTS = _pairs("gmail.com>gmial.com gmail.com>gmail.con hotmail>hotmial .com>.co .be>,be @>@@ .>,")


def _fill(
    said: Said, random: Random, chance: float, phones: Sequence[str], mails: Sequence[str], others: Sequence[str]
) -> None:
    """Placeholders where a field is blank."""
    if not said.phone and random.random() < chance:
        said.phone = random.choice(phones)
    if not said.mail and random.random() < chance:
        said.mail = random.choice(mails)
    if not said.vat and random.random() < chance / 2:
        said.vat = random.choice(others)
    if not said.street and not said.place and random.random() < chance / 2:
        said.place = random.choice(others)


def _changed(text: str, pairs: Sequence[tuple[str, str]], random: Random) -> str:
    """One of the replacements that fit, at one place and not at the first letter."""
    fitting = [(old, new) for old, new in pairs if text.find(old, 1) > 0]
    if not fitting:
        return text
    old, new = random.choice(fitting)
    at = random.choice([m.start() for m in re.finditer(re.escape(old), text) if m.start() > 0])
    return text[:at] + new + text[at + len(old) :]


def _swapped(text: str, random: Random) -> str:
    """Two neighbouring digits exchanged."""
    places = [at for at in range(3, len(text) - 1) if text[at : at + 2].isdigit() and text[at] != text[at + 1]]
    if not places:
        return text
    at = random.choice(places)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def by_office(said: Said, talk: Talk) -> None:
    """Typed from a document by somebody careful."""
    if talk.random.random() < 0.2:
        said.name = said.name.upper()


def by_clerk(said: Said, talk: Talk) -> None:
    """Typed in a hurry by somebody who abbreviates, notes things in the name, and types a wrong digit now and then."""
    random = talk.random
    for long, shorts in SHORT.items():
        if long in said.name and random.random() < 0.55:
            said.name = said.name.replace(long, random.choice(shorts))
    if talk.person and not talk.native and talk.customer.apart is None and random.random() < 0.25:
        given, last = talk.words[0].latin[0], talk.words[-1].latin[0]
        said.name = random.choice((f"{given[0]}. {last}", f"{last} {given[0]}.", f"{given[0]} {last}"))
    if talk.person and not talk.native and random.random() < 0.05:
        said.name = f"{TITLES[talk.region.language]} {said.name}"
    if random.random() < 0.05:
        said.name += random.choice(NOTES)
    for long, short in SHORT_STREETS:
        if long in said.street and random.random() < 0.4:
            said.street = said.street.replace(long, short)
    if random.random() < 0.2:
        said.street = ""
    if random.random() < 0.03:
        said.vat = _swapped(said.vat, random)
    if random.random() < 0.02:
        said.phone = _swapped(said.phone, random)
    _fill(said, random, 0.25, ("0000", "?", "-", "geen"), ("geen", "-", "?"), ("?", "-", "onbekend", "idem"))


def by_scanner(said: Said, talk: Talk) -> None:
    """Read from paper by a machine."""
    random = talk.random
    for _ in range(random.choices((0, 1, 2), (0.35, 0.45, 0.2))[0]):
        said.name = _changed(said.name, SCANNED, random)
    if random.random() < 0.12 and len(said.name) > 8:
        at = random.randrange(3, len(said.name) - 3)
        said.name = (
            said.name.replace(" ", "", 1) if random.random() < 0.4 else f"{said.name[:at]} {said.name[at:].lstrip()}"
        )
    if random.random() < 0.25:
        said.street = _changed(said.street, SCANNED, random)
    if random.random() < 0.15:
        said.phone = _changed(said.phone, SCANNED_DIGITS, random)
    if random.random() < 0.12:
        said.vat = _changed(said.vat, SCANNED_DIGITS, random)
    if random.random() < 0.06:
        said.place = _changed(said.place, SCANNED_DIGITS, random)
    if said.mail and random.random() < 0.06:
        said.mail = (
            said.mail.replace("@", "(at)") if random.random() < 0.3 else _changed(said.mail, SCANNED[:8], random)
        )


def by_phone(said: Said, talk: Talk) -> None:
    """Heard at the phone: names as they sound, the short given name, a town in place of an address."""
    random = talk.random
    given = talk.words[0].latin[0]
    if talk.person and talk.customer.apart is None and given in NICKNAMES and random.random() < 0.35:
        said.name = said.name.replace(given, NICKNAMES[given])
    for _ in range(random.choices((0, 1, 2), (0.4, 0.42, 0.18))[0]):
        said.name = _changed(said.name, HEARD, random)
    if random.random() < 0.25:
        said.street = _changed(said.street, HEARD, random)
    if random.random() < 0.5:
        said.street = ""
    if random.random() < 0.03:
        said.phone = _swapped(said.phone, random)
    if random.random() < 0.15:
        said.mail = _changed(said.mail, HEARD[:12], random)


def by_sheet(said: Said, talk: Talk) -> None:
    """Through a spreadsheet, which takes ids for numbers and house numbers for dates."""
    random = talk.random
    digits = re.sub(r"\D", "", said.phone)
    if digits and random.random() < 0.6:
        said.phone = digits.lstrip("0")
        draw = random.random()
        if draw < 0.12 and len(said.phone) > 10:
            said.phone = f"{float(said.phone):.2E}"
        elif draw < 0.3:
            said.phone += ".0"
    elif digits and random.random() < 0.1:
        said.phone = f"'{said.phone}"
    if said.vat and said.vat.replace(".", "").replace(" ", "").isdigit() and random.random() < 0.6:
        said.vat = re.sub(r"\D", "", said.vat).lstrip("0")
        draw = random.random()
        if draw < 0.5 and len(said.vat) > 13:
            said.vat = f"{float(said.vat):.5E}"
        elif draw < 0.2:
            said.vat += ".0"
    if re.match(r"0\d{4}\b", said.place) and random.random() < 0.7:
        said.place = said.place[1:]
    if (found := re.search(r"\b(\d{1,2})-(\d{1,2})\b", said.street)) and int(found[2]) <= 12 and random.random() < 0.7:
        month = MONTHS[int(found[2]) - 1]
        said.street = said.street.replace(found[0], f"{int(found[1]):02d}-{month}")
    if random.random() < 0.08:
        said.name = f"{said.name} "
    _fill(said, random, 0.4, ("#N/A", "NULL", "0", "-"), ("#N/A", "NULL", "0"), ("#N/A", "NULL", "0"))


def by_migration(said: Said, talk: Talk) -> None:
    """Carried over from an old system: capitals without accents, 30 characters, shifted columns."""
    random = talk.random
    draw = random.random()
    if draw < 0.03:
        said.name = said.name.encode("utf-8").decode("latin-1") if not talk.native else said.name
    else:
        german = {"ä": "AE", "ö": "OE", "ü": "UE"} if talk.region.code == "DE" and draw < 0.6 else {}
        said.name, said.street, said.place = (_capitals(text, german) for text in (said.name, said.street, said.place))
    if talk.native and random.random() < 0.02:
        said.name = said.name[::-1]  # Hebrew and Arabic in the order of the screen
    if talk.person and random.random() < 0.04:
        said.name = said.name.replace(",", "").replace(" ", "")
    said.name, said.street = said.name[:30].rstrip(), said.street[:30].rstrip()
    draw = random.random()
    if draw < 0.08:
        said.street, said.place = said.place, said.street  # the town stands in the street's column
    elif draw < 0.12:
        said.street, said.place = said.place.split(" ", 1)[-1], ""
    if random.random() < 0.03:
        said.phone, said.mail = said.mail, said.phone
    _fill(
        said,
        random,
        0.25,
        ("0", "00000000", "000/000000", "ONBEKEND"),
        ("ONBEKEND", "X", "0"),
        ("ONBEKEND", "X", "0", "."),
    )


def _capitals(text: str, german: dict[str, str]) -> str:
    text = "".join(german.get(c, c) for c in text).replace("ł", "l").replace("Ł", "L").replace("ß", "ss")
    plain = unicodedata.normalize("NFD", text)
    if any("֐" <= c <= "ۿ" for c in plain):
        return text
    return "".join(c for c in plain if not unicodedata.combining(c)).upper()


def by_form(said: Said, talk: Talk) -> None:
    """Filled in on a web page by the customer: careless with capitals, right in the mailbox, test words where a field must be filled."""
    random = talk.random
    draw = random.random()
    if draw < 0.3:
        said.name = said.name.lower()
    elif draw < 0.4:
        said.name = said.name.upper()
    if random.random() < 0.3:
        said.name = "".join(
            c for c in unicodedata.normalize("NFD", said.name) if not unicodedata.combining(c) or c > "ͯ"
        )
    if not talk.person and random.random() < 0.06:
        given = random.choice(GIVEN[talk.region.language])
        said.name = f"{said.name} ({given.native if talk.native else given.latin[0]})"
    if said.mail and random.random() < 0.025:
        said.mail = _changed(said.mail, WRONG_HOSTS, random)
    elif said.mail and random.random() < 0.15:
        said.mail = said.mail.capitalize()
    if said.mail == talk.state.mail and "@" in said.mail and random.random() < 0.01:
        said.name = random.choice(("test", "n/a", "xxx", ".", "-"))
    if said.phone and random.random() < 0.06:
        said.phone = random.choice(("0000000000", "1234567890", "0123456789"))
    _fill(
        said,
        random,
        0.5,
        ("0000000000", "n/a", "none", "-", "1234567890"),
        ("info@example.com", "test@test.com", "none@none.com"),
        ("n/a", "-", "none", "test"),
    )


def by_market(said: Said, talk: Talk) -> None:
    """Sold on a marketplace, which hides the buyer's mailbox behind one of its own."""
    said.phone, said.mail, said.lent = "", talk.random.choice(RELAYS), {"mail"}


def by_accountant(said: Said, talk: Talk) -> None:
    """Handed in by the accountant, whose mail and phone stand on it, and sometimes the address."""
    random, shared = talk.random, talk.customer.accountant
    if shared is None:
        return
    said.phone = spelled_phone(shared.phone, talk.region, random) if random.random() < 0.8 else ""
    said.mail = shared.mail if random.random() < 0.8 else ""
    said.lent = {"phone", "mail"}
    if random.random() < 0.2:
        street, said.place = address_lines(shared.address, talk)
        said.street, said.lent = f"c/o {street}", {"phone", "mail", "address"}


class Way(NamedTuple):
    """How a row came in.

    Attributes:
        name, system: of the way, and where its cards are kept.
        chances: of each field; keeps: that a card at hand is used again.
        form, careful, surname_first: how names are written.
        native: factor on the share of the country's own script.
        company, person: how often that kind comes in by it.
        errors: what goes wrong.
    """

    name: str
    system: str
    chances: Chances
    keeps: float
    form: float
    careful: bool
    surname_first: float
    native: float
    company: float
    person: float
    errors: Callable[[Said, Talk], None]


WAYS = (
    Way("office", "books", Chances(0.8, 0.7, 0.8, 0.95, 0.7, 0.65), 0.9, 0.95, True, 0.05, 1.1, 30, 12, by_office),
    Way("clerk", "books", Chances(0.6, 0.4, 0.4, 0.75, 0.3, 0.5), 0.75, 0.55, False, 0.3, 1.2, 18, 14, by_clerk),
    Way("scanner", "scans", Chances(0.6, 0.45, 0.7, 0.9, 0.2, 0), 0, 0.9, True, 0.05, 0.8, 12, 5, by_scanner),
    Way("phone", "desk", Chances(0.92, 0.25, 0.05, 0.4, 0.15, 0.2), 0.35, 0.3, False, 0.1, 1.2, 6, 20, by_phone),
    Way("sheet", "lists", Chances(0.7, 0.6, 0.5, 0.75, 0.5, 0.1), 0.6, 0.7, False, 0.3, 0.8, 12, 8, by_sheet),
    Way(
        "migration", "legacy", Chances(0.6, 0.35, 0.5, 0.85, 0.6, 0.8), 0.93, 0.8, False, 0.6, 0.6, 13, 12, by_migration
    ),
    Way("form", "shop", Chances(0.7, 0.95, 0.25, 0.6, 0.6, 0.3), 0.4, 0.5, False, 0.1, 1.0, 6, 20, by_form),
    Way("market", "market", Chances(0, 0, 0.1, 0.95, 0.9, 0.3), 0.3, 0.6, False, 0.05, 0.1, 4, 9, by_market),
    Way("accountant", "books", Chances(0, 0, 0.85, 0.6, 0.2, 0.4), 0.8, 0.9, True, 0.3, 0.9, 0, 0, by_accountant),
)
CERTAIN = Chances(1, 1, 1, 1, 0.7, 0.4)
STRANGERS = {
    "nl": ("Contant", "Diverse klanten", "Passant", "Kassa klant"),
    "fr": ("Client comptoir", "Divers", "Client de passage"),
    "de": ("Barverkauf", "Laufkunde", "Diverse"),
    "he": ("לקוח מזדמן", "Cash customer"),
    "ar": ("عميل نقدي", "Cash customer"),
}
TILLS = (("till", "CASH"), ("till", "CASH"), ("books", "99999"), ("legacy", "DIV"))


def told(said: Said) -> set[str]:
    """What a row gives beside the name that is no placeholder and not somebody else's."""
    found = set()
    phone, mail = (said.mail, said.phone) if "@" in said.phone else (said.phone, said.mail)  # exchanged columns
    digits = re.sub(r"\D", "", phone.translate(str.maketrans("OolISBb", "0011586")))
    if len(digits.rstrip("0")) >= 7 and "E+" not in phone and digits not in {"1234567890", "0123456789"}:
        found.add(said.line)
    if ("@" in mail or "(at)" in mail) and mail not in {"info@example.com", "test@test.com", "none@none.com"}:
        found.add("mail")
    if sum(c.isdigit() for c in said.vat) >= 7 and "E+" not in said.vat:
        found.add("vat")
    if said.place and re.search(r"\d", said.street) and re.search(r"[^\W\d]{3}", said.street):
        found.add("address")
    return found - {"mobile" if lent == "phone" and said.line == "mobile" else lent for lent in said.lent}


def _shows(name: str, word: Word) -> bool:
    """Whether a name has that word, in one of its spellings."""
    text = folded(name)
    return any(part and folded(part) in text for part in (*word.latin, word.native))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def facts(said: Said, talk: Talk) -> set[tuple[str, str]]:
    """What a row gives without a slip, as it is in truth."""
    state, branch = talk.state, talk.branch
    written = _digits(said.mail if "@" in said.phone else said.phone)
    true = {
        "phone": branch.phone if branch else state.phone,
        "mobile": state.mobile,
        "mail": state.mail,
        "vat": state.vat,
        "address": str(branch.address if branch else state.address),
    }
    right = {
        "phone": _digits(true["phone"])[-7:] in written,
        "mobile": _digits(true["mobile"])[-7:] in written,
        "mail": state.mail.lower() in {said.mail.lower(), said.phone.lower()},
        "vat": _digits(state.vat)[-7:] in _digits(said.vat),
        "address": True,
    }
    return {(kind, true[kind]) for kind in told(said) if right[kind]}


def supported(said: Said, talk: Talk, linked: set[tuple[str, str]]) -> None:
    """See to it that the row can be told to be this customer's.

    By its name where that is its own; else by something of its own that earlier rows tie to it (`linked`).
    """
    customer, state = talk.customer, talk.state
    given = facts(said, talk)
    own = {fact for fact in given if fact[0] in customer.own}
    needs = customer.crowded or talk.words == customer.alias
    if customer.apart and not own:
        if "franchise" in customer.traps or "father and son" in customer.traps:
            needs = True
        elif not _shows(said.name, customer.apart):
            said.name = plain_name(talk, form=0.5)
    if (own & linked if linked else own) if needs else given:
        return
    line = talk.branch.phone if talk.branch else state.phone
    everything = Said("", line, state.mail, state.vat, "Street 1", "Town")
    known = facts(everything, talk) | facts(replace(everything, phone=state.mobile, line="mobile"), talk)
    mends = [fact for fact in sorted(known) if fact[0] in customer.own]
    mends = [fact for fact in mends if fact in linked] or mends
    if not mends:
        return
    if said.lent:  # who lends a mailbox hides the other's
        mends = [fact for fact in mends if fact[0] in {"address", "vat"}] or mends
    match talk.random.choice(mends)[0]:
        case "mail":
            said.mail, said.lent = state.mail, said.lent - {"mail"}
        case "vat":
            said.vat = spelled_vat(state.vat, talk.region, talk.random)
        case "address":
            said.street, said.place = address_lines(talk.branch.address if talk.branch else state.address, talk)
            said.lent = said.lent - {"address"}
        case "mobile":
            said.phone, said.line = spelled_phone(state.mobile, talk.region, talk.random), "mobile"
            said.lent = said.lent - {"phone"}
        case _:
            said.phone, said.line, said.lent = (
                spelled_phone(line, talk.region, talk.random),
                "phone",
                said.lent - {"phone"},
            )


# ---------------------------------------------------------------------------------------------------------- rows


class Row(NamedTuple):
    """A row to be: its day, whose it is, how it was taken."""

    day: int
    customer: Customer | None
    said: Said
    system: str
    card: str
    notes: tuple[str, ...]


class Card(NamedTuple):
    """What a system has on file of a customer."""

    way: Way
    said: Said
    number: str
    state: int
    talk: Talk


class Teller:
    """Takes down the rows of one customer, in the order of their days."""

    def __init__(self, customer: Customer, seed: int, cards: dict[str, int]) -> None:
        self.customer = customer
        self.random = Random(f"rows/{seed}/{customer.number}")
        self.cards = cards  # how many numbers each system has given out
        self.files: dict[str, list[Card]] = defaultdict(list)
        self.known: set[tuple[object, ...]] = set()
        self.linked: set[tuple[str, str]] = set()
        weights = {way: (way.person if customer.person else way.company) * self.random.expovariate(1) for way in WAYS}
        if customer.accountant:
            accountant = next(way for way in WAYS if way.name == "accountant")
            weights[accountant] = 20 * self.random.random()
        most = sorted(weights, key=lambda way: -weights[way])[: 2 + int(customer.rows**0.5)]
        self.weights = {way: weights[way] for way in most if weights[way]}

    def rows(self) -> Iterator[Row]:
        """All of them."""
        customer, random = self.customer, self.random
        till = customer.person and customer.rows > 1 and random.random() < 0.03
        for nth, day in enumerate(sorted(random.randint(customer.begin, customer.end) for _ in range(customer.rows))):
            way = random.choices(list(self.weights), list(self.weights.values()))[0]
            card, first = self._card(way, day)
            said, notes, system, number = replace(card.said), [card.way.name], card.way.system, card.number
            if nth and not first and random.random() < customer.bare:
                said, number = self._bare(said, card.talk), ""
                notes.append("bare")
            elif till and nth and random.random() < 0.4:
                said = Said(said.name, spelled_phone(card.talk.state.mobile, customer.region, random), line="mobile")
                supported(said, card.talk, self.linked)
                system, number = random.choice(TILLS)
                notes = ["till"]
            elif not first:
                self._leave_out(said)
                supported(said, card.talk, self.linked)
            self._link(facts(said, card.talk))
            yield Row(day, customer, said, system, number, tuple(notes))

    def _card(self, way: Way, day: int) -> tuple[Card, bool]:
        """The card at hand or a new one, and whether it is the first under this name: then the office takes it down in full."""
        random, customer = self.random, self.customer
        state = customer.at(day)
        at_hand = self.files[way.name]
        fresh = [
            card for card in at_hand if card.state == state and not (card.talk.branch and day > card.talk.branch.until)
        ]
        if fresh and random.random() < way.keeps:
            return random.choice(fresh[:1] * 3 + fresh), False
        if at_hand and not fresh and random.random() < way.keeps * 0.45:
            return random.choice(at_hand), False  # out of date
        talk = self._talk(way, state, day)
        called = (talk.words, state, talk.native, talk.branch is not None)
        first = called not in self.known
        self.known.add(called)
        sure = 1.0 if customer.crowded else RELIABLE if len(self.known) > 1 or customer.traps else 0.5
        if first and (customer.rows > 1 or customer.crowded) and random.random() < sure:
            way = WAYS[0] if way.name in {"market", "accountant"} else way
            said = say(talk, CERTAIN, form=0.9, careful=True, surname_first=0)
            if talk.person:
                said.phone, said.line = spelled_phone(talk.state.mobile, talk.region, random), "mobile"
        else:
            said = say(talk, way.chances, form=way.form, careful=way.careful, surname_first=way.surname_first)
            way.errors(said, talk)
            supported(said, talk, self.linked)
        number = ""
        if random.random() < way.chances.number:
            self.cards[way.system] += random.randint(1, 3)
            number = str(1000 + self.cards[way.system])
        card = Card(way, said, number, state, talk)
        self.files[way.name].append(card)
        return card, first

    def _link(self, given: set[tuple[str, str]]) -> None:
        """What stands on one row with something that is known to be the customer's is the customer's."""
        if not self.linked or given & self.linked:
            self.linked |= given

    def _talk(self, way: Way, number: int, day: int) -> Talk:
        random, customer = self.random, self.customer
        state = customer.states[number][1]
        alias = bool(customer.alias) and random.random() < 0.35
        words = customer.alias if alias else state.words
        native = all(w.native for w in words) and random.random() < way.native * NATIVE.get(customer.region.code, 0.06)
        branch = customer.branch if customer.branch and day < customer.branch.until and random.random() < 0.4 else None
        return Talk(customer, state, words, customer.person or alias, native, branch, random)

    def _bare(self, said: Said, talk: Talk) -> Said:
        """Only the name, or name and town; not one that could as well be another of its household or group."""
        random, customer = self.random, self.customer
        name = said.name
        if (
            len(name) < 4
            or re.search(r"\b\w\b\.?", folded(name))
            or (customer.apart and not _shows(name, customer.apart))
        ):
            name = plain_name(talk, form=0.4, careful=False, surname_first=0.2)
        elif talk.state.form and random.random() < 0.4:
            name = plain_name(replace(talk, branch=None), form=0.1, careful=False)
        if "franchise" in customer.traps and random.random() < 0.3:
            name = plain_name(replace(talk, words=talk.words[:-1]), form=0.3)
        town = ""
        if random.random() < 0.4:
            town = (talk.branch.address if talk.branch else talk.state.address).town.word.latin[0]
        return Said(name, place=town, country=said.country if random.random() < 0.4 else "")

    def _leave_out(self, said: Said) -> None:
        random = self.random
        if random.random() < 0.15:
            said.mail = ""
        if random.random() < 0.15:
            said.phone = ""
        if random.random() < 0.1:
            said.vat = ""


def strangers(count: int, maker: Maker) -> Iterator[Row]:
    """Rows of a till under its walk-in id: nobody's."""
    random = maker.random
    for _ in range(count):
        region = maker.region()
        name = " ".join(w.latin[0] for w in maker.person_name(region))
        if random.random() < 0.35:
            name = random.choice(STRANGERS.get(region.language, ("Cash customer", "Walk-in customer", "Counter sale")))
        system, number = random.choice(TILLS)
        yield Row(random.randint(BEGIN, END), None, Said(name), system, number, ("till",))


def all_rows(customers: Sequence[Customer], count: int, seed: int, maker: Maker) -> list[Row]:
    """Every row, by day."""
    cards: dict[str, int] = defaultdict(int)
    rows = [row for customer in customers for row in Teller(customer, seed, cards).rows()]
    rows += strangers(count - len(rows), maker)
    rows.sort(key=lambda row: row.day)
    return rows


def twins(customers: Sequence[Customer], rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Pairs of one name of which no two fields differ: those made so, and those that came to be."""
    facts: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        if row.customer:
            mine, given = facts[row.customer.key], told(row.said)
            for kind in given:
                mine["line" if kind in {"phone", "mobile"} else kind].add(_core(row.said, kind))
    alike: dict[str, list[Customer]] = defaultdict(list)
    for customer in customers:
        for name in set(_names(customer)):
            alike[name].append(customer)
    pairs = set()
    for group in alike.values():
        for one, other in combinations(group, 2):
            mine, theirs = facts[one.key], facts[other.key]
            if not any(
                mine[kind] and theirs[kind] and not mine[kind] & theirs[kind]
                for kind in ("line", "mail", "vat", "address")
            ):
                pairs.add((min(one.key, other.key), max(one.key, other.key)))
    yield from sorted(pairs)


def _core(said: Said, kind: str) -> str:
    match kind:
        case "mail":
            return said.mail.lower()
        case "vat":
            return re.sub(r"\D", "", said.vat)[-8:]
        case "address":
            return folded(said.street)
        case _:
            return re.sub(r"\D", "", said.phone)[-7:]


def write(rows: Sequence[Row], pairs: Iterable[tuple[str, str]], folder: Path) -> None:
    """The three files."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "invoices.csv").open("w", newline="", encoding="utf-8") as file,
        (folder / "truth.csv").open("w", newline="", encoding="utf-8") as labels,
        (folder / "twins.csv").open("w", newline="", encoding="utf-8") as same,
    ):
        invoices, truth, twin = csv.writer(file), csv.writer(labels), csv.writer(same)
        invoices.writerow(COLUMNS)
        truth.writerow(["invoice_id", "customer_id", "traps"])
        twin.writerow(["customer_id", "other_id"])
        for number, row in enumerate(rows):
            said = row.said
            address = ", ".join(filter(None, (said.street, said.place)))
            day = date.fromordinal(row.day).isoformat()
            invoices.writerow(
                [
                    f"INV{number:07d}",
                    row.system,
                    row.card,
                    day,
                    said.name,
                    said.phone,
                    said.mail,
                    said.vat,
                    address,
                    said.country,
                ]
            )
            traps = row.customer.traps if row.customer else ["stranger"]
            truth.writerow(
                [f"INV{number:07d}", row.customer.key if row.customer else "", ";".join((*traps, *row.notes))]
            )
        twin.writerows(pairs)


def main(count: int, invoices: int, seed: int, folder: Path) -> None:
    """Make and write them."""
    maker = Maker(Random(f"customers/{seed}"))
    customers = maker.population(count, invoices - round(invoices * WALK_IN))
    rows = all_rows(customers, invoices, seed, maker)
    write(rows, twins(customers, rows), folder)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
