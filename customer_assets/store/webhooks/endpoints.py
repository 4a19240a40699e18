"""Webhook endpoints that we registered: ids, addresses, secrets, and how their deliveries fare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_assets.store.batches import delete_in_batches
from customer_assets.store.database import Connection

RETIRED_HOURS = 24  # the sender may still repeat deliveries that it signed with a secret that was replaced


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One registered endpoint; `secret` is shown in no message."""

    id: str
    account: str
    source: str
    url: str
    events: list[str]
    secret: str
    registered_at: datetime
    verified_at: datetime | None
    retired_at: datetime | None


def live_secrets(connection: Connection, *, source: str) -> list[tuple[str, str]]:
    """(account, secret) of every endpoint in use, and of those retired within the last day."""
    rows = connection.execute(
        """
        select account, secret
        from ops.webhook_endpoints
        where source = %(source)s
            and (retired_at is null or retired_at > now() - make_interval(hours => %(hours)s))
        order by registered_at desc
        """,
        {"source": source, "hours": RETIRED_HOURS},
    )
    return [(row["account"], row["secret"]) for row in rows]


def known_endpoints(connection: Connection, *, account: str, source: str, url: str | None = None) -> list[Endpoint]:
    """Endpoints in use, newest first, all or those that deliver to one address."""
    rows = connection.execute(
        """
        select id, account, source, url, events, secret, registered_at, verified_at, retired_at
        from ops.webhook_endpoints
        where account = %(account)s
            and source = %(source)s
            and (url = %(url)s or %(url)s::text is null)
            and retired_at is null
        order by registered_at desc
        """,
        {"account": account, "source": source, "url": url},
    )
    return [Endpoint(**row) for row in rows]


def store_endpoint(
    connection: Connection,
    *,
    account: str,
    source: str,
    endpoint_id: str,
    url: str,
    events: Sequence[str],
    secret: str,
) -> None:
    """Keep a new endpoint with its secret."""
    connection.execute(
        """
        insert into ops.webhook_endpoints (account, source, id, url, events, secret)
        values (%(account)s, %(source)s, %(id)s, %(url)s, %(events)s, %(secret)s)
        on conflict (account, source, id) do update
        set url = excluded.url,
            events = excluded.events,
            secret = excluded.secret,
            retired_at = null
        """,
        {
            "account": account,
            "source": source,
            "id": endpoint_id,
            "url": url,
            "events": list(events),
            "secret": secret,
        },
    )


def forget_endpoints(connection: Connection, *, account: str, source: str, ids: Sequence[str]) -> int:
    """Endpoints that were deleted on purpose: their secrets hold no more. Returns how many were known."""
    return connection.execute(
        "delete from ops.webhook_endpoints where account = %s and source = %s and id = any(%s)",
        [account, source, list(ids)],
    ).rowcount


def retire_endpoints(connection: Connection, *, account: str, source: str, ids: Sequence[str]) -> int:
    """Note that endpoints were replaced; their secrets hold for a day. Returns how many."""
    return connection.execute(
        """
        update ops.webhook_endpoints
        set retired_at = now()
        where account = %(account)s
            and source = %(source)s
            and id = any(%(ids)s)
            and retired_at is null
        """,
        {"account": account, "source": source, "ids": list(ids)},
    ).rowcount


def mark_verified(connection: Connection, *, account: str, source: str, endpoint_id: str) -> None:
    """Note that a delivery signed with this endpoint's secret arrived."""
    connection.execute(
        "update ops.webhook_endpoints set verified_at = now() where account = %s and source = %s and id = %s",
        [account, source, endpoint_id],
    )


def delivery_health(connection: Connection) -> dict[str, Any]:
    """How deliveries fare: last received and applied, what waits or is parked, refusals of the last hour by reason."""
    row = connection.execute(
        """
        select
            (select max(received_at) from ops.webhook_deliveries) as last_received_at,
            (
                select max(finished_at)
                from (
                    select finished_at
                    from ops.webhook_deliveries
                    where status = 'applied'
                    order by received_at desc
                    limit 1000
                ) newest
            ) as last_applied_at,
            count(*) filter (where status = 'waiting' or next_attempt_at is not null) as waiting,
            count(*) filter (where status = 'failed' and next_attempt_at is null) as parked,
            extract(epoch from now() - min(received_at) filter (where status = 'waiting'))::float
                as oldest_waiting_seconds
        from ops.webhook_deliveries
        where status in ('waiting', 'failed')
        """
    ).fetchone()
    refusals = connection.execute(
        """
        select reason, count(*) as number
        from ops.webhook_refusals
        where refused_at > now() - interval '1 hour'
        group by reason
        order by reason
        """
    ).fetchall()
    return {**(row or {}), "refusals_last_hour": {r["reason"]: r["number"] for r in refusals}}


def prune_refusals(connection: Connection, *, keep_days: float) -> int:
    """Delete refusals older than that. Returns how many."""
    condition = "d.refused_at < now() - make_interval(secs => %(seconds)s)"
    return delete_in_batches(connection, "ops.webhook_refusals", condition, {"seconds": keep_days * 86400})


def silent_accounts(connection: Connection, with_secrets: Sequence[str], *, source: str) -> list[str]:
    """Accounts with an endpoint of over a day, whose syncs found changes within a day, while no delivery came.

    An account whose secret stands in the settings (`with_secrets`) has had its endpoint since its first sync. Then the endpoint is suspended, its address wrong, or something in between refuses.
    """
    rows = connection.execute(
        """
        select distinct e.account
        from (
            select account, registered_at
            from ops.webhook_endpoints
            where source = %(source)s
                and retired_at is null
            union all
            select account, min(started_at)
            from sync_runs
            where source = %(source)s
                and account = any(%(with_secrets)s)
            group by account
        ) e
        where e.registered_at < now() - interval '1 day'
            and exists (
                select
                from sync_runs r
                where r.account = e.account
                    and r.source = %(source)s
                    and r.started_at > now() - interval '1 day'
                    and r.created + r.updated > 0
            )
            and not exists (
                select
                from ops.webhook_deliveries d
                where d.account = e.account
                    and d.source = %(source)s
                    and d.event like 'client.%%'
                    and d.received_at > now() - interval '1 day'
            )
        order by e.account
        """,
        {"source": source, "with_secrets": list(with_secrets)},
    )
    return [row["account"] for row in rows]


def all_endpoints(connection: Connection) -> list[dict[str, Any]]:
    """Endpoints in use, without their secrets."""
    return connection.execute(
        """
        select id, account, source, url, events, registered_at, verified_at
        from ops.webhook_endpoints
        where retired_at is null
        order by account, registered_at
        """
    ).fetchall()


def health_line(health: dict[str, Any]) -> str:
    """`delivery_health` as a line for people."""

    def shown(instant: datetime | None) -> str:
        return f"{instant:%Y-%m-%d %H:%M:%S} UTC" if instant else "never"

    refusals = ", ".join(f"{number} {reason}" for reason, number in health["refusals_last_hour"].items())
    return (
        f"last delivery {shown(health['last_received_at'])}, last applied {shown(health['last_applied_at'])}; "
        f"{health['waiting']} wait, {health['parked']} are parked; refused in the last hour: {refusals or 'none'}"
    )
