"""Intakes: new work for a customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_assets.store.database import Connection

# The chosen row, and the record of the same customer in the system whose ids intakes carry: another one's id is nobody's there.
_CHOSEN = """
    select coalesce(c.account, 'default') as account, s.source_customer_id, c.id, c.role
    from (select 1) one
    left join customer_rows c on c.id = %(customer_id)s
    left join lateral (
        select r.source_customer_id
        from customer_rows r
        where r.source = %(system)s
            and r.account = c.account
            and r.deleted_at is null
            and (r.id = c.id or r.golden_id = c.golden_id)
        order by r.id <> c.id, r.id
        limit 1
    ) s on true
"""


def add_intake(connection: Connection, values: Mapping[str, Any], *, system: str, by: str) -> int:
    """Store an intake; its role comes from the chosen row, its id from the customer's record in the system that takes it."""
    row = connection.execute(
        f"""
        insert into intakes
            (account, robaws_client_id, customer_id, role, customer_name, contact_email, contact_phone, note, created_by)
        select c.account, c.source_customer_id, c.id, c.role, %(customer_name)s, %(contact_email)s,
            %(contact_phone)s, %(note)s, %(by)s
        from ({_CHOSEN}) c
        returning id
        """,
        {**values, "system": system, "by": by},
    ).fetchone()
    return int(row["id"]) if row else 0


def find_intake(connection: Connection, intake_id: int) -> dict[str, Any] | None:
    """An intake, with the name of its customer as `search`; None where there is none."""
    return connection.execute(
        """
        select n.id, n.customer_id, c.name as search, n.customer_name, n.contact_email, n.contact_phone, n.note
        from intakes n
        left join customer_rows c on c.id = n.customer_id
        where n.id = %s
        """,
        [intake_id],
    ).fetchone()


def correct_intake(connection: Connection, intake_id: int, values: Mapping[str, Any], *, system: str) -> None:
    """Write an intake anew. Role and id stay those of when it was taken in, unless it is of another customer now."""
    connection.execute(
        f"""
        update intakes n
        set customer_name = %(customer_name)s,
            contact_email = %(contact_email)s,
            contact_phone = %(contact_phone)s,
            note = %(note)s,
            (account, robaws_client_id, customer_id, role) = (
                select k.account, k.source_customer_id, k.id, k.role
                from (
                    select n.account, n.robaws_client_id as source_customer_id, n.customer_id as id, n.role
                    where n.customer_id is not distinct from %(customer_id)s
                    union all
                    select c.account, c.source_customer_id, c.id, c.role
                    from ({_CHOSEN}) c
                    where n.customer_id is distinct from %(customer_id)s
                ) k
            )
        where n.id = %(intake)s
        """,
        {**values, "system": system, "intake": intake_id},
    )


def remove_intake(connection: Connection, intake_id: int) -> None:
    """Delete an intake."""
    connection.execute("delete from intakes where id = %s", [intake_id])
