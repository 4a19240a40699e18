"""Webhooks out: who subscribed to changes of customers, what they are to be told, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from customer_assets.errors import ConfigurationError
from customer_assets.store.batches import delete_in_batches
from customer_assets.store.database import Connection, scalar
from customer_assets.store.reads.api import QUERIES

EVENTS = ("customer.created", "customer.updated", "customer.merged", "customer.deleted")
LEASE_SECONDS = 60  # a try takes 15; one whose process died is another's after that


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is to be sent now.

    Attributes:
        id: of the row; message_id: the same at every try, for who gets it.
        tries: this one among them.
    """

    id: int
    message_id: str
    body: str
    tries: int


def subscribe(connection: Connection, *, name: str, url: str, secret: str, events: Sequence[str], by: str) -> int:
    """Add a subscription; returns its id.

    Raises:
        ConfigurationError: the name is blank or taken, or an event unknown.
    """
    name = name.strip()
    if not name:
        raise ConfigurationError("a subscription needs a name")
    if not events or (unknown := [event for event in events if event not in EVENTS]):
        raise ConfigurationError(f"{unknown[0] if events else 'no event'}: there are {', '.join(EVENTS)}")
    row = connection.execute(
        """
        insert into ops.subscriptions (name, url, secret, events, created_by)
        values (%s, %s, %s, %s, %s)
        on conflict (name) do nothing
        returning id
        """,
        [name, url, secret, list(events), by],
    ).fetchone()
    if row is None:
        raise ConfigurationError(f"a subscription {name} exists already; remove it first")
    return int(row["id"])


def subscriptions(connection: Connection) -> list[dict[str, Any]]:
    """All of them without their secrets, each with how many messages wait and failed, and when one was sent last."""
    return connection.execute(
        """
        select
            s.id, s.name, s.url, s.events, s.created_by, s.created_at, s.disabled_at, s.disabled_because,
            count(m.id) filter (where m.status = 'waiting') as waiting,
            count(m.id) filter (where m.status = 'failed') as failed,
            max(m.sent_at) as last_sent_at
        from ops.subscriptions s
        left join ops.outgoing_messages m on m.subscription_id = s.id
        group by s.id
        order by s.name
        """
    ).fetchall()


def unsubscribe(connection: Connection, name: str) -> None:
    """Remove a subscription and its messages.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if not connection.execute("delete from ops.subscriptions where name = %s", [name.strip()]).rowcount:
        raise ConfigurationError(f"no subscription {name}")


def switch(connection: Connection, name: str, *, on: bool, because: str | None = None) -> None:
    """Let a subscription rest, or have it told of what happens again.

    Raises:
        ConfigurationError: there is none of that name.
    """
    changed = connection.execute(
        """
        update ops.subscriptions
        set disabled_at = case when %(on)s then null else coalesce(disabled_at, now()) end,
            disabled_because = case when %(on)s then null else %(because)s end
        where name = %(name)s
        """,
        {"name": name.strip(), "on": on, "because": because},
    ).rowcount
    if not changed:
        raise ConfigurationError(f"no subscription {name}")


def note_changes(connection: Connection, removed: Collection[int]) -> int:
    """Note what subscribers are to be told of the customers that this transaction changed; returns how many messages.

    In the transaction that changes them, so that nobody is told of what did not happen, and nothing is left out.

    Args:
        connection: in a transaction, whose `now()` is the time of what it changed.
        removed: customers that it deleted.
    """
    if not scalar(connection, "select exists (select from ops.subscriptions where disabled_at is null)"):
        return 0
    return connection.execute(
        f"""
        with told as (
            select id, 'customer.created' as event, to_jsonb(q) - 'provenance' as data
            from ({QUERIES["golden-customers"]} where c.created_at = now()) q
            union all
            select id, 'customer.updated', to_jsonb(q) - 'provenance'
            from ({QUERIES["golden-customers"]} where c.updated_at = now() and c.created_at <> now()) q
            union all
            select old_id, 'customer.merged', jsonb_build_object('id', old_id, 'merged_into', golden_id)
            from customer_aliases
            where merged_at = now()
            union all
            select r.id, 'customer.deleted', jsonb_build_object('id', r.id)
            from unnest(%(removed)s::bigint[]) as r (id)
            where not exists (select from customer_aliases a where a.old_id = r.id)
        )
        insert into ops.outgoing_messages (subscription_id, customer_id, event, body)
        select s.id, t.id, t.event, jsonb_build_object('type', t.event, 'timestamp', now(), 'data', t.data)::text
        from told t
        join ops.subscriptions s on s.disabled_at is null and t.event = any(s.events)
        order by t.id, s.id
        """,
        {"removed": sorted(removed)},
    ).rowcount


def newest_change(connection: Connection) -> int | None:
    """The newest change of a record, 0 for none; None where nobody wants to know."""
    found = scalar(
        connection,
        """
        select coalesce((select max(id) from customer_changes), 0)
        where exists (select from ops.subscriptions where disabled_at is null)
        """,
    )
    return None if found is None else int(found)


def due_subscriptions(connection: Connection) -> list[dict[str, Any]]:
    """Subscriptions with something to be told now: id, name, url, secret."""
    return connection.execute(
        """
        select s.id, s.name, s.url, s.secret
        from ops.subscriptions s
        where s.disabled_at is null
            and exists (
                select
                from ops.outgoing_messages m
                where m.subscription_id = s.id
                    and m.status = 'waiting'
                    and m.next_try_at <= now()
            )
        order by s.id
        """
    ).fetchall()


def take(connection: Connection, subscription_id: int) -> Message | None:
    """Take the oldest message of a subscription whose time has come; for a while it is nobody else's. None: there is none."""
    row = connection.execute(
        """
        update ops.outgoing_messages m
        set tries = m.tries + 1,
            next_try_at = now() + make_interval(secs => %(lease)s)
        where m.id = (
            select id
            from ops.outgoing_messages
            where subscription_id = %(subscription)s
                and status = 'waiting'
                and next_try_at <= now()
            order by id
            limit 1
            for update skip locked
        )
        returning m.id, m.message_id, m.body, m.tries
        """,
        {"subscription": subscription_id, "lease": LEASE_SECONDS},
    ).fetchone()
    return Message(**row) if row else None


def settle(
    connection: Connection, message: Message, *, answer: int | None, error: str | None, next_seconds: float | None
) -> None:
    """Note what became of a try.

    Args:
        connection: database.
        message: which.
        answer: HTTP status, if there was one.
        error: why it was not taken; None: it was.
        next_seconds: until the next try; None: there is none.
    """
    connection.execute(
        """
        update ops.outgoing_messages
        set status = %(status)s,
            answer = %(answer)s,
            error = %(error)s,
            sent_at = case when %(status)s = 'sent' then now() end,
            next_try_at = now() + make_interval(secs => %(seconds)s)
        where id = %(id)s
            and tries = %(tries)s
            and status = 'waiting' -- else it was sent again meanwhile, or by another
        """,
        {
            "id": message.id,
            "tries": message.tries,
            "status": "sent" if error is None else "failed" if next_seconds is None else "waiting",
            "answer": answer,
            "error": error,
            "seconds": next_seconds or 0,
        },
    )


def send_again(connection: Connection, ids: Collection[int] | None) -> int:
    """Have messages sent once more, whatever became of them; None: all that failed. Returns how many."""
    return connection.execute(
        """
        update ops.outgoing_messages
        set status = 'waiting',
            tries = 0,
            next_try_at = now()
        where (%(ids)s::bigint[] is null and status = 'failed')
            or id = any(%(ids)s)
        """,
        {"ids": None if ids is None else sorted(ids)},
    ).rowcount


def prune(connection: Connection, *, keep_days: float) -> int:
    """Delete messages that are settled that long. Returns how many."""
    return delete_in_batches(
        connection,
        "ops.outgoing_messages",
        "d.status in ('sent', 'failed') and d.created_at < now() - make_interval(secs => %(seconds)s)",
        {"seconds": keep_days * 86400},
    )
