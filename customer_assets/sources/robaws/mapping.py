"""How Robaws' records become rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_assets.domain.cache.mapping import Field, RecordMapping
from customer_assets.domain.cache.values import (
    assignee,
    boolean,
    plain_date,
    text_or_label,
)
from customer_assets.sources.robaws.settings import RobawsSettings


def _object(value: Any, column: str, warnings: list[str]) -> dict[str, Any] | None:  # noqa: ARG001
    return value if isinstance(value, dict) and value else None


# The real path first, then the one of older clients (docs/systems/robaws.md#fields).
ROBAWS_CLIENT = RecordMapping(
    id_path="id",
    modified_path="updatedAt",
    fields=(
        Field("name", ("name",), insert_default="Unknown Customer"),
        Field("legal_form", ("legalForm",), text_or_label),
        Field("vat_number", ("vatIdNumber", "vat", "vatNumber")),
        Field("default_vat_tariff", ("defaultVatTariff",), text_or_label),
        Field("phone", ("tel",)),
        Field("mobile", ("gsm", "mobile")),
        Field("website", ("website",)),
        Field("general_email", ("email",)),
        Field("billing_email", ("invoiceEmail",)),
        Field("street", ("address.addressLine1",)),
        Field("street2", ("address.addressLine2",)),
        Field("city", ("address.city",)),
        Field("zipcode", ("address.postalCode",)),
        Field("country", ("address.country",), text_or_label),
        Field("role", ("role",), text_or_label),
        Field("assignee", ("assignee",), assignee, hold=True),
        Field("gl_account", ("glAccount",), text_or_label),
        Field("status", ("status",), text_or_label),
        Field("external_sales_person", ("externalSalesPerson",), text_or_label),
        Field("follow_up_date", ("followUpDate",), plain_date),
        Field("whatsapp_client", ("whatsappClient",), boolean, default=False),
        Field("accessible_via_peppol", ("accessibleViaPeppol",), boolean, default=False),
        Field("is_active", ("active", "isActive", "is_active"), boolean, default=True),
        Field("extra_fields", ("extraFields",), _object, default={}),
    ),
)


def of_pages(settings: RobawsSettings) -> RecordMapping:
    """Records of lists, and single ones asked for by id."""
    named = ROBAWS_CLIENT.with_extra_fields(settings.extra_fields, settings.extra_field_ids)
    return named.reading_absent_as(settings.absent_in_scan)


def of_deliveries(settings: RobawsSettings, learned: Mapping[str, str]) -> RecordMapping:
    """Records of webhook deliveries: they name extra fields by ids, whose names list pages taught or settings give."""
    named = ROBAWS_CLIENT.with_extra_fields(settings.extra_fields, {**learned, **settings.extra_field_ids})
    return named.reading_absent_as(settings.absent_in_webhook)
