"""What is laid over source records (role overrides, local edits), and the links that follow from a load."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

from psycopg.types.json import Jsonb

from customer_assets.domain.cache.columns import CUSTOMER_COLUMNS
from customer_assets.domain.cache.mapping import content_hash
from customer_assets.domain.cache.overlay import Overlays, source_values
from customer_assets.domain.cache.row import Batch, changes_of, is_sealed
from customer_assets.domain.cache.tables import CUSTOMERS
from customer_assets.domain.phone import Regions
from customer_assets.store.cache.upsert import edited_value, with_edits_of, write_changes, write_updates
from customer_assets.store.database import Connection, scalar


def link_invoices(connection: Connection, *, account: str, source: str) -> int:
    """Give every invoice the cache row of its customer, or none where that is not cached (yet, or any more)."""
    done = connection.execute(
        """
        update invoice_rows i
        set customer_id = wanted.customer_id,
            updated_at = now()
        from (
            select o.id, c.id as customer_id
            from invoice_rows o
            left join customer_rows c
                on c.account = o.account
                and c.source = o.source
                and c.source_customer_id = o.source_customer_id
            where o.account = %(account)s
                and o.source = %(source)s
                and o.customer_id is distinct from c.id
        ) wanted
        where i.id = wanted.id
        """,
        {"account": account, "source": source},
    )
    return done.rowcount


def link_all_invoices(connection: Connection) -> None:
    """The same for every account and source that has invoices."""
    for row in connection.execute("select distinct account, source from invoice_rows").fetchall():
        link_invoices(connection, account=row["account"], source=row["source"])


def load_overlays(connection: Connection, *, account: str, source: str, regions: Regions) -> Overlays:
    """Role overrides and open local edits of one account and source."""
    roles = connection.execute("select name_contains, role from ops.role_overrides order by name_contains").fetchall()
    edits: dict[int, dict[str, Any]] = {}
    for row in connection.execute(
        """
        select e.row_id, e.field, e.value
        from ops.field_edits e
        join customer_rows r on r.id = e.row_id
        where e.released_at is null
            and r.account = %(account)s
            and r.source = %(source)s
        """,
        {"account": account, "source": source},
    ):
        edits.setdefault(row["row_id"], {})[row["field"]] = edited_value(row["field"], row["value"])
    return Overlays({row["name_contains"].casefold(): row["role"] for row in roles}, edits, regions)


def extra_field_names(connection: Connection, *, account: str, source: str) -> dict[str, str]:
    """Extra field id -> name, as far as records told."""
    rows = connection.execute(
        "select field_id, name from ops.extra_field_names where account = %s and source = %s",
        [account, source],
    )
    return {row["field_id"]: row["name"] for row in rows}


def learn_extra_fields(connection: Connection, names: Mapping[str, str], *, account: str, source: str) -> None:
    """Keep ids and names of extra fields that records told."""
    connection.execute(
        """
        insert into ops.extra_field_names (account, source, field_id, name)
        select %(account)s, %(source)s, n.field_id, n.name
        from unnest(%(ids)s::text[], %(names)s::text[]) as n (field_id, name)
        on conflict (account, source, field_id) do update
        set name = excluded.name,
            learned_at = now()
        where extra_field_names.name <> excluded.name
        """,
        {"account": account, "source": source, "ids": list(names), "names": list(names.values())},
    )


def reapply_role_overrides(connection: Connection, batch: Batch) -> int:
    """Bring rows in line with the list of role overrides. Returns how many rows changed.

    All rows are looked at where the list changed; else those that are covered, and show what the list does not say.
    """
    whose = {
        "account": batch.account,
        "source": batch.source,
        "list": repr(sorted(batch.overlays.role_overrides.items())),
    }
    shown = connection.execute(
        """
        select
        from ops.derivations
        where account = %(account)s
            and source = %(source)s
            and role_overrides = %(list)s
        """,
        whose,
    )
    rows = connection.execute(
        """
        select r.*
        from customer_rows r
        where r.account = %(account)s
            and r.source = %(source)s
            and case
                when r.covered ? 'role' then not %(is_same)s
                    or not exists (
                        select
                        from ops.role_overrides o
                        where position(lower(o.name_contains) in lower(r.name)) > 0
                            and r.role = o.role
                    )
                else not %(is_same)s
                    and exists (
                        select
                        from ops.role_overrides o
                        where position(lower(o.name_contains) in lower(r.name)) > 0
                            and r.role is distinct from o.role
                    )
            end
        order by r.source_customer_id
        for update of r
        """,
        whose | {"is_same": bool(shown.rowcount)},
    ).fetchall()
    connection.execute(
        "update ops.derivations set role_overrides = %(list)s where account = %(account)s and source = %(source)s",
        whose,
    )
    return _shown_anew(connection, batch, rows)


def show_anew(connection: Connection, batch: Batch, row_ids: Sequence[int]) -> int:
    """Bring rows in line with the edits that hold now. Returns how many rows changed."""
    rows = connection.execute(
        "select * from customer_rows where id = any(%s) order by source_customer_id for update",
        [list(row_ids)],
    ).fetchall()
    return _shown_anew(connection, batch, rows)


def blank_unmapped(connection: Connection, batch: Batch, mapped: Collection[str]) -> int:
    """Columns that no mapping of a source fills hold nothing, whatever somebody wrote there; returns how many rows did."""
    unmapped = [column for column in CUSTOMER_COLUMNS if not column.derived and column.name not in mapped]
    if not unmapped:
        return 0
    rows = connection.execute(
        f"""
        select *
        from customer_rows
        where account = %(account)s
            and source = %(source)s
            and ({" or ".join(f"{c.name} is distinct from %({c.name})s" for c in unmapped)})
        order by source_customer_id
        for update
        """,
        {
            "account": batch.account,
            "source": batch.source,
            **{c.name: Jsonb(c.blank) if c.kind == "json" else c.blank for c in unmapped},
        },
    ).fetchall()
    blanks = {column.name: column.blank for column in unmapped}
    return _shown_anew(connection, batch, rows, dict.fromkeys((row["source_customer_id"] for row in rows), blanks))


def reset_cells(connection: Connection, batch: Batch, cells: Mapping[str, Mapping[str, Any]]) -> int:
    """Give source columns of some rows, by their source's id, these values; returns how many rows had others."""
    rows = connection.execute(
        """
        select *
        from customer_rows
        where account = %s
            and source = %s
            and source_customer_id = any(%s)
        order by source_customer_id
        for update
        """,
        [batch.account, batch.source, list(cells)],
    ).fetchall()
    return _shown_anew(connection, batch, rows, cells)


def forget_times(connection: Connection, batch: Batch, ids: Sequence[str]) -> None:
    """Rows that somebody changed by hand, by their source's id, give way to all that landed, a page older than they are, too."""
    connection.execute(
        """
        update customer_rows
        set source_modified_at = '1970-01-01 00:00:00+00',
            source_time_given = false
        where account = %s
            and source = %s
            and source_customer_id = any(%s)
        """,
        [batch.account, batch.source, list(ids)],
    )


def derive_anew(connection: Connection, batch: Batch, rules: str) -> int:
    """Bring the rows of an account and source in line with the rules that columns are derived by; returns how many changed.

    Costs one query where they were derived by these rules.
    """
    whose = {"account": batch.account, "source": batch.source, "rules": rules}
    known = scalar(
        connection, "select rules from ops.derivations where account = %(account)s and source = %(source)s", whose
    )
    if known == rules:
        return 0
    changed, after = 0, ""
    while True:
        with connection.transaction():
            rows = connection.execute(
                """
                select *
                from customer_rows
                where account = %(account)s
                    and source = %(source)s
                    and source_customer_id > %(after)s
                order by source_customer_id
                limit 1000
                for update
                """,
                {**whose, "after": after},
            ).fetchall()
            changed += _shown_anew(connection, batch, rows)
        if not rows:
            break
        after = rows[-1]["source_customer_id"]
    connection.execute(
        """
        insert into ops.derivations (account, source, rules)
        values (%(account)s, %(source)s, %(rules)s)
        on conflict (account, source) do update
        set rules = excluded.rules
        """,
        whose,
    )
    return changed


def _shown_anew(
    connection: Connection,
    batch: Batch,
    rows: Sequence[dict[str, Any]],
    anew: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> int:
    """Work out rows once more, and write those that changed; of some, by their source's id, columns have other values now."""
    updates: list[dict[str, Any]] = []
    changes: list[tuple[Any, ...]] = []
    if rows:
        batch = with_edits_of(connection, batch, [row["id"] for row in rows])
    for row in rows:
        cells = anew.get(row["source_customer_id"], {})
        source = {**source_values(row, CUSTOMERS.source_columns), **cells}
        shown, covered = CUSTOMERS.visible(source, batch.overlays, row["id"], row["deleted_at"] is not None)
        if covered != row["covered"] or any(row[column] != value for column, value in shown.items()):
            # a row that nothing that landed could set right keeps the hash that says so
            is_right = cells and is_sealed(CUSTOMERS, row)
            digest = content_hash(source, CUSTOMERS.blanks) if is_right else row["content_hash"]
            update = {**row, **shown, "covered": covered, "content_hash": digest, "updated_at": None}
            updates.append(update)
            changes.extend(changes_of(CUSTOMERS, batch, row["source_customer_id"], row, update))
    write_updates(connection, CUSTOMERS, updates)
    if changes:
        write_changes(connection, batch.account, changes)
    return len(updates)


# --- local edits ------------------------------------------------------------------------------------------------------


def store_edit(connection: Connection, row_id: int, field: str, value: Any, base_value: Any, *, by: str) -> None:
    """Keep an edit as a fact: what, over what, by whom, when. Any earlier one of the field must be closed."""
    connection.execute(
        "insert into ops.field_edits (row_id, field, value, base_value, edited_by) values (%s, %s, %s, %s, %s)",
        [row_id, field, Jsonb(value), Jsonb(base_value), by],
    )


def close_edit(connection: Connection, row_id: int, field: str) -> bool:
    """The open edit of a field does not hold any more; returns whether there was one."""
    return bool(
        connection.execute(
            "update ops.field_edits set released_at = now() where row_id = %s and field = %s and released_at is null",
            [row_id, field],
        ).rowcount
    )


def open_edits(connection: Connection, row_id: int) -> list[dict[str, Any]]:
    """Edits that hold, of one row."""
    return connection.execute(
        """
        select field, value, base_value, edited_by, edited_at
        from ops.field_edits
        where row_id = %s
            and released_at is null
        order by field
        """,
        [row_id],
    ).fetchall()


def as_json(value: Any) -> Any:
    """A column's value as an edit holds it."""
    return value.isoformat() if isinstance(value, date) else value
