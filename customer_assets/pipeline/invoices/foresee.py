"""Whose old invoices would be, as far as each by itself says: to show before an import, without resolving everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from customer_assets.domain.identity.certain import SOURCE_ID, VAT_ID
from customer_assets.domain.identity.evidence import Evidence, Profile
from customer_assets.domain.identity.joining import LARGEST_BLOCK
from customer_assets.domain.identity.key_hashes import keys_of, searches
from customer_assets.domain.identity.pooled import Pooled
from customer_assets.domain.identity.weighing import weigh
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.profiles import invoice_profile, row_profile
from customer_assets.store.database import Connection, connect
from customer_assets.store.identity import golden, index
from customer_assets.store.invoices import legacy


@dataclass(frozen=True, slots=True)
class Likely:
    """The customer that an invoice is probably of.

    Attributes:
        id, name: of the customer.
        evidence: why.
    """

    id: int
    name: str
    evidence: Evidence


def likely_customers(
    context: Context, invoices: Sequence[Mapping[str, Any]], account: str = "default"
) -> list[Likely | None]:
    """The likeliest customer of each of a few invoices, by what these say; None: nobody who is known.

    A migration looks at all invoices together and may find more; it finds no less of what has an id in common.

    Args:
        context: database and settings.
        invoices: as they were understood; columns that a file lacks may be left out.
        account: in which customers are looked for.
    """
    with connect(context.url, name="customer_assets import") as connection:
        return [
            _likely(connection, invoice_profile({name: i.get(name) for name in legacy.COLUMNS}), account, context)
            for i in invoices
        ]


def _likely(connection: Connection, invoice: Profile, account: str, context: Context) -> Likely | None:
    ids, _ = index.found_by(connection, searches(keys_of(account, invoice)), at_most=LARGEST_BLOCK)
    if invoice.source is not None:
        own = golden.find_rows(connection, ":".join(invoice.source))
        ids |= {row["id"] for row in own if row["account"] == account}
    records: dict[int, list[tuple[dict[str, Any], Profile]]] = defaultdict(list)
    for row in golden.rows_to_resolve(connection, index.with_their_customers(connection, ids), account=account):
        if row["golden_id"] is not None:
            records[row["golden_id"]].append((row, row_profile(row)))
    said = Pooled.of([(invoice, 1)])
    found = [
        Likely(customer, group[0][0]["name"], evidence)
        for customer, group in sorted(records.items())
        if (evidence := _evidence(invoice, said, [profile for _, profile in group])).weight
        >= context.settings.identity_accept
    ]
    return max(found, key=lambda one: one.evidence.weight, default=None)


def _evidence(invoice: Profile, said: Pooled, profiles: Sequence[Profile]) -> Evidence:
    if invoice.source is not None and any(one.source == invoice.source for one in profiles):
        return SOURCE_ID
    vats = {one.vat.partition(":")[2] for one in profiles if one.vat}
    if invoice.vat is not None and invoice.vat.partition(":")[2] in vats:
        return VAT_ID
    if invoice.vat is not None and vats:
        return Evidence("another_vat_id", 0.0)
    return weigh(said, Pooled.of([(one, 1) for one in profiles]))
