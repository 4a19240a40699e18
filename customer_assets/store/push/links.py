"""Links between cache rows and SUMIT customers: what was last agreed, what differs, what waits for a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from customer_assets.domain.cache.overlay import source_values
from customer_assets.domain.cache.tables import CUSTOMERS
from customer_assets.store.database import Connection, scalar


@dataclass(frozen=True, slots=True)
class Edit:
    """An open local edit of one field."""

    id: int
    value: Any
    by: str
    at: datetime


@dataclass
class SumitLink:
    """One link with all that a merge looks at.

    Attributes:
        id: None: the row of source sumit has no link yet.
        row: that row; None until SUMIT gave an id.
        remote: its source values: what SUMIT was last seen with.
        origin: the row of another system that it was pushed from.
        edits: open edits of the row, by field.
        open_conflicts: field -> (local value, remote value).
    """

    id: int | None
    account: str
    remote_id: str | None
    state: str
    base: dict[str, Any]
    origin_values: dict[str, Any]
    row: dict[str, Any] | None
    origin: dict[str, Any] | None
    last_error: str | None = None
    edits: dict[str, Edit] = field(default_factory=dict)
    open_conflicts: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def live_origin(self) -> dict[str, Any] | None:
        """The row of another system that it was pushed from, as long as that is there."""
        return self.origin if self.origin is not None and self.origin["deleted_at"] is None else None

    @property
    def remote(self) -> dict[str, Any]:
        """SUMIT's values as last seen."""
        return source_values(self.row, CUSTOMERS.source_columns) if self.row is not None else {}

    @property
    def shown_id(self) -> int:
        """The cache row that a user knows it by: the origin, else SUMIT's own row."""
        row = self.origin or self.row
        return int(row["id"]) if row is not None else 0


@dataclass
class Agreed:
    """What both sides agree on of some fields of a link, anew.

    Attributes:
        base: field -> value.
        origin_values: field -> value of the origin that this took into account.
        forgotten: fields of which it took none into account: what the origin has is a change.
    """

    base: dict[str, Any] = field(default_factory=dict)
    origin_values: dict[str, Any] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)

    def send_again(self, name: str, origin_value: Any) -> None:
        """What the origin has is to be sent, though it did not change since: one that it cleared is a change as it stands."""
        if origin_value is not None:
            self.forgotten.append(name)


def load_links(connection: Connection, *, account: str, row_ids: Sequence[int] | None = None) -> list[SumitLink]:
    """Links of an account, and its SUMIT rows that have none yet.

    Args:
        connection: database.
        account: whose.
        row_ids: only those whose own row or origin is one of these; None: all.
    """
    rows = connection.execute(
        """
        select
            l.id, l.remote_id, l.state, l.base, l.origin_values, l.last_error,
            to_jsonb(r) as row, r.source_modified_at, to_jsonb(o) as origin, o.updated_at as origin_updated_at,
            (
                select jsonb_object_agg(e.field, jsonb_build_array(e.id, e.value, e.edited_by, e.edited_at))
                from ops.field_edits e
                where e.row_id = r.id
                    and e.released_at is null
            ) as edits,
            (
                select jsonb_object_agg(c.field, jsonb_build_array(c.local_value, c.remote_value))
                from ops.sumit_conflicts c
                where c.link_id = l.id
                    and c.status = 'open'
            ) as conflicts
        from ops.sumit_links l
        full join (
            select *
            from customer_rows
            where account = %(account)s
                and source = 'sumit'
        ) r on r.id = l.row_id
        left join customer_rows o on o.id = l.origin_id
        where coalesce(l.account, r.account) = %(account)s
            and (%(ids)s::bigint[] is null or r.id = any(%(ids)s) or o.id = any(%(ids)s))
        order by l.id, r.id
        """,
        {"account": account, "ids": None if row_ids is None else list(row_ids)},
    )
    return [_link(account, row) for row in rows]


def _link(account: str, row: Mapping[str, Any]) -> SumitLink:
    own, origin = row["row"], row["origin"]
    if own is not None:
        own["source_modified_at"] = row["source_modified_at"]
    if origin is not None:
        origin["updated_at"] = row["origin_updated_at"]
    edits = {
        name: Edit(edit_id, value, by, datetime.fromisoformat(at))
        for name, (edit_id, value, by, at) in (row["edits"] or {}).items()
    }
    conflicts = {name: (local, remote) for name, (local, remote) in (row["conflicts"] or {}).items()}
    return SumitLink(
        row["id"],
        account,
        row["remote_id"],
        row["state"] or "linked",
        row["base"] or {},
        row["origin_values"] or {},
        own,
        origin,
        row["last_error"],
        edits,
        conflicts,
    )


def create_links(connection: Connection, links: Sequence[SumitLink]) -> None:
    """Store links of SUMIT rows that had none, with what was pulled as their base."""
    connection.cursor().executemany(
        """
        insert into ops.sumit_links (account, row_id, remote_id, base, base_hash, last_pulled_at)
        values (%(account)s, %(row_id)s, %(remote_id)s, %(base)s, decode(md5(%(base)s::text), 'hex'), now())
        on conflict (row_id) do nothing
        """,
        [
            {"account": k.account, "row_id": k.row["id"], "remote_id": k.remote_id, "base": Jsonb(k.base)}
            for k in links
            if k.row is not None
        ],
    )


def want_link(connection: Connection, *, account: str, origin_id: int) -> int:
    """The link of a row of another system that is to be in SUMIT; made where there is none."""
    connection.execute(
        """
        insert into ops.sumit_links (account, origin_id, state)
        values (%s, %s, 'wanted')
        on conflict (origin_id) do nothing
        """,
        [account, origin_id],
    )
    return int(scalar(connection, "select id from ops.sumit_links where origin_id = %s", [origin_id]))


def write_agreed(connection: Connection, link_id: int, agreed: Agreed) -> None:
    """Store what both sides agree on now; what somebody decides of other fields meanwhile stays."""
    if not (agreed.base or agreed.origin_values or agreed.forgotten):
        return
    connection.execute(
        """
        update ops.sumit_links
        set base = base || %(base)s,
            base_hash = decode(md5((base || %(base)s)::text), 'hex'),
            origin_values = (origin_values || %(origin_values)s) - %(forgotten)s::text[],
            last_pulled_at = now()
        where id = %(id)s
        """,
        {
            "id": link_id,
            "base": Jsonb(agreed.base),
            "origin_values": Jsonb(agreed.origin_values),
            "forgotten": agreed.forgotten,
        },
    )


def agree_on_nothing(connection: Connection, link_id: int) -> None:
    """What each side says stands against what the other says."""
    connection.execute(
        """
        update ops.sumit_links
        set base = '{}',
            base_hash = decode(md5('{}'), 'hex'),
            origin_values = '{}'
        where id = %s
        """,
        [link_id],
    )


def mark_attempt(connection: Connection, link_id: int, sent: Mapping[str, Any]) -> None:
    """Note that a creation may happen from now on, and with what values: it is looked up by these."""
    connection.execute(
        """
        update ops.sumit_links
        set state = 'creating',
            last_error = null,
            base = %s,
            attempted_at = case when state in ('creating', 'review') then attempted_at else clock_timestamp() end
        where id = %s
        """,
        [Jsonb(dict(sent)), link_id],
    )


def known_before(connection: Connection, link_id: int, remote_ids: Sequence[str]) -> set[str]:
    """Those of some SUMIT customers that were here before the first attempt to create the link's one."""
    rows = connection.execute(
        """
        select r.source_customer_id
        from ops.sumit_links l
        join customer_rows r on r.account = l.account and r.source = 'sumit'
        where l.id = %s
            and r.source_customer_id = any(%s)
            and r.created_at < l.attempted_at
        """,
        [link_id, list(remote_ids)],
    )
    return {row["source_customer_id"] for row in rows}


def mark_state(connection: Connection, link_id: int, state: str, error: str | None) -> None:
    """Note where a link stands, and why."""
    connection.execute("update ops.sumit_links set state = %s, last_error = %s where id = %s", [state, error, link_id])


def record_push(
    connection: Connection,
    link_id: int,
    *,
    row_id: int,
    remote_id: str,
    base: Mapping[str, Any],
    origin_values: Mapping[str, Any],
) -> None:
    """Note that SUMIT took it: the id, and what is agreed now."""
    connection.execute(
        """
        update ops.sumit_links
        set row_id = %(row_id)s,
            remote_id = %(remote_id)s,
            -- what was decided of other fields while the call was under way stays
            base = base || %(base)s,
            base_hash = decode(md5((base || %(base)s)::text), 'hex'),
            origin_values = origin_values || %(origin_values)s,
            state = 'linked',
            last_error = null,
            last_pushed_at = now()
        where id = %(id)s
        """,
        {
            "id": link_id,
            "row_id": row_id,
            "remote_id": remote_id,
            "base": Jsonb(dict(base)),
            "origin_values": Jsonb(dict(origin_values)),
        },
    )


def join_links(connection: Connection, *, wanted: int, existing: int) -> None:
    """A customer that was to be created is in SUMIT already: the link that knows it takes over the origin."""
    origin = scalar(connection, "delete from ops.sumit_links where id = %s returning origin_id", [wanted])
    connection.execute("update ops.sumit_links set origin_id = %s where id = %s", [origin, existing])


def release_edits(connection: Connection, ids: Sequence[int]) -> list[int]:
    """These edits do not hold any more; returns those that did until now. Lock their rows before."""
    if not ids:
        return []
    rows = connection.execute(
        "update ops.field_edits set released_at = now() where id = any(%s) and released_at is null returning id",
        [list(ids)],
    )
    return [row["id"] for row in rows]


def wanted_rows(connection: Connection, *, account: str, sources: Sequence[str]) -> list[int]:
    """Active rows of systems whose customers all belong in SUMIT, and that are not linked yet."""
    if not sources:
        return []
    rows = connection.execute(
        """
        select r.id
        from customer_rows r
        where r.account = %(account)s
            and r.source = any(%(sources)s)
            and r.source <> 'sumit'
            and r.is_active
            and not exists (select from ops.sumit_links l where l.origin_id = r.id)
        order by r.id
        """,
        {"account": account, "sources": list(sources)},
    )
    return [row["id"] for row in rows]


def twins(connection: Connection, origin_id: int) -> list[dict[str, Any]]:
    """SUMIT rows of the same real customer, as the resolution sees it, with the row that each was pushed from."""
    return connection.execute(
        """
        select s.id, s.source_customer_id, l.origin_id
        from customer_rows o
        join customer_rows s on s.golden_id = o.golden_id
        left join ops.sumit_links l on l.row_id = s.id
        where o.id = %s
            and s.account = o.account
            and s.source = 'sumit'
            and s.deleted_at is null
        order by s.id
        """,
        [origin_id],
    ).fetchall()


def link_of_remote(connection: Connection, *, account: str, remote_id: str) -> int | None:
    """The link of a SUMIT customer."""
    found = scalar(
        connection,
        "select id from ops.sumit_links where account = %s and remote_id = %s",
        [account, remote_id],
    )
    return None if found is None else int(found)


def origin_of(connection: Connection, link_id: int) -> int | None:
    """The row of another system that a link's customer was pushed from."""
    found = scalar(connection, "select origin_id from ops.sumit_links where id = %s", [link_id])
    return None if found is None else int(found)
