"""What the console keeps for its users: views of lists, notes of customers, which forms were sent, their sessions."""

from __future__ import annotations

from typing import Any

from customer_assets.store.database import Connection

FORMS_KEPT = "2 days"  # longer than any login


def first_sending(connection: Connection, key: str) -> bool:
    """Note that a form is sent; returns False where it was before, as after a second click."""
    connection.execute("delete from ops.sent_forms where sent_at < now() - %s::interval", [FORMS_KEPT])
    return (
        connection.execute("insert into ops.sent_forms (key) values (%s) on conflict do nothing", [key]).rowcount == 1
    )


def release_form(connection: Connection, key: str) -> None:
    """What a form asked for was not done: it may be sent again."""
    connection.execute("delete from ops.sent_forms where key = %s", [key])


def views(connection: Connection, user: str, path: str) -> list[dict[str, Any]]:
    """Views of a list that a user sees: own ones, and those that others share."""
    return connection.execute(
        """
        select id, name, query, owner, is_shared
        from ops.console_views
        where list = %s
            and (owner = %s or is_shared)
        order by owner <> %s, lower(name)
        """,
        [path, user, user],
    ).fetchall()


def keep_view(connection: Connection, *, user: str, path: str, name: str, query: str, is_shared: bool) -> None:
    """Keep a view under this name, in place of the one that had it."""
    connection.execute(
        """
        insert into ops.console_views (owner, list, name, query, is_shared)
        values (%(user)s, %(path)s, %(name)s, %(query)s, %(is_shared)s)
        on conflict (owner, list, name) do update
        set query = excluded.query,
            is_shared = excluded.is_shared
        """,
        {"user": user, "path": path, "name": name, "query": query, "is_shared": is_shared},
    )


def forget_view(connection: Connection, view_id: int, *, user: str) -> bool:
    """Forget a view of one's own; returns whether it was one."""
    return (
        connection.execute("delete from ops.console_views where id = %s and owner = %s", [view_id, user]).rowcount == 1
    )


def notes(connection: Connection, golden_id: int) -> list[dict[str, Any]]:
    """What was noted of a customer, also under ids that were merged into it; the newest first."""
    return connection.execute(
        """
        select n.id, n.body, n.written_by, n.written_at
        from ops.notes n
        where n.golden_id = %(id)s
            or n.golden_id in (select a.old_id from customer_aliases a where a.golden_id = %(id)s)
        order by n.id desc
        limit 100
        """,
        {"id": golden_id},
    ).fetchall()


def add_note(connection: Connection, golden_id: int, body: str, *, by: str) -> None:
    """Note something of a customer."""
    connection.execute("insert into ops.notes (golden_id, body, written_by) values (%s, %s, %s)", [golden_id, body, by])


def sessions(connection: Connection, user: str) -> list[dict[str, Any]]:
    """Logins of a user that hold, the newest first; each by the beginning of its hash."""
    return connection.execute(
        """
        select left(encode(token_hash, 'hex'), 16) as id, csrf, created_at, expires_at
        from ops.sessions
        where user_name = %s
            and expires_at > now()
        order by created_at desc
        """,
        [user],
    ).fetchall()


def end_session(connection: Connection, user: str, session_id: str) -> bool:
    """End one of a user's logins; returns whether there was one."""
    return (
        connection.execute(
            "delete from ops.sessions where user_name = %s and left(encode(token_hash, 'hex'), 16) = %s",
            [user, session_id],
        ).rowcount
        == 1
    )
