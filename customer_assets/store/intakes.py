"""Intakes: new work for a customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_assets.store.database import Connection


def add_intake(connection: Connection, values: Mapping[str, Any], *, system: str, by: str) -> int:
    """Store an intake; its role comes from the chosen row, its id from the customer's record in the system that takes it."""
    row = connection.execute(
        """
        insert into intakes
            (account, robaws_client_id, customer_id, customer_name, contact_email, contact_phone, role, note, created_by)
        select coalesce(c.account, 'default'), s.source_customer_id, c.id, %(customer_name)s, %(contact_email)s,
            %(contact_phone)s, c.role, %(note)s, %(by)s
        from (select 1) one
        left join customer_rows c on c.id = %(customer_id)s
        left join lateral (
            -- the row itself, or the record of the same customer there: another system's id is nobody's there
            select r.source_customer_id
            from customer_rows r
            where r.source = %(system)s
                and r.account = c.account
                and r.deleted_at is null
                and (r.id = c.id or r.golden_id = c.golden_id)
            order by r.id <> c.id, r.id
            limit 1
        ) s on true
        returning id
        """,
        {**values, "system": system, "by": by},
    ).fetchone()
    return int(row["id"]) if row else 0
