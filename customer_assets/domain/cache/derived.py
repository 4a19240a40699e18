"""Columns that are worked out from others: what a source writes in any spelling, in one.

They are of the row as users see it, edits and overrides included. `RULES` is raised when a rule here or beneath gives
other results than before: every row is then worked out once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_assets.domain.country import country_code
from customer_assets.domain.mail import normalized_mail
from customer_assets.domain.phone import Regions, phones_of
from customer_assets.domain.vat import normalized_vat

RULES = 2
# what each derived column is worked out of, besides what tells the country of a number
_NUMBERS = ("phone", "mobile", "contact_persons")
DERIVED_FROM: Mapping[str, tuple[str, ...]] = {
    "country_code": ("country",),
    "primary_phone": _NUMBERS,
    "phone_e164": ("phone",),
    "mobile_e164": ("mobile",),
    "phone_region_from": _NUMBERS,
    "vat_normalized": ("vat_number",),
    "vat_status": ("vat_number",),
    "email_normalized": ("general_email",),
}
PROVEN = ("valid", "unchecked")  # of a VAT id, to tell its owner's country


def rules_of(regions: Regions) -> str:
    """By what the columns of an account's rows are derived: the same text, the same results."""
    return f"{RULES} {regions.account} {sorted(regions.unproven)}"


def derived_values(values: Mapping[str, Any], regions: Regions) -> dict[str, Any]:
    """The derived columns of a customer's row, by column.

    Args:
        values: its columns as users see them.
        regions: what the account tells of its phone numbers.
    """
    country = values.get("country")
    code = country_code(country) if country else None
    mail, written = values.get("general_email"), values.get("vat_number")
    vat, vat_status = normalized_vat(written, None if code in regions.unproven else code) if written else (None, None)
    prefixed = vat if vat is not None and vat_status in PROVEN and vat[:2].isalpha() else None
    phones = phones_of(values, regions, code, prefixed)
    return {
        "country_code": code,
        "primary_phone": phones.primary,
        "phone_e164": phones.phone,
        "mobile_e164": phones.mobile,
        "phone_region_from": phones.region_from,
        "vat_normalized": vat,
        "vat_status": vat_status,
        "email_normalized": normalized_mail(mail) if mail else None,
    }
