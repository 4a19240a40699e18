"""Links of old invoices to their customer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from customer_assets.store.database import Connection


@dataclass(frozen=True, slots=True)
class InvoiceLink:
    """The link of one old invoice, or why it has none."""

    invoice_id: int
    customer_id: int | None
    rule: str | None
    score: float | None
    unlinked_reason: str | None


def write_links(connection: Connection, links: Iterable[InvoiceLink]) -> int:
    """Write links that differ from the stored ones; returns how many."""
    with connection.transaction():
        connection.execute(
            """
            create temporary table if not exists staged_links (
                invoice_id bigint, customer_id bigint, match_rule text, match_score numeric(5, 4), unlinked_reason text
            )
            """
        )
        connection.execute("truncate staged_links")
        with connection.cursor().copy("copy pg_temp.staged_links from stdin") as copy:
            for link in links:
                copy.write_row((link.invoice_id, link.customer_id, link.rule, link.score, link.unlinked_reason))
        connection.execute("analyze pg_temp.staged_links")
        return connection.execute(
            """
            update legacy_invoices l
            set customer_id = s.customer_id,
                golden_id = (select c.golden_id from customer_rows c where c.id = s.customer_id),
                match_rule = s.match_rule,
                match_score = s.match_score,
                unlinked_reason = s.unlinked_reason,
                updated_at = now()
            from pg_temp.staged_links s
            where l.id = s.invoice_id
                and (l.customer_id, l.match_rule, l.match_score, l.unlinked_reason)
                    is distinct from (s.customer_id, s.match_rule, s.match_score, s.unlinked_reason)
            """
        ).rowcount
