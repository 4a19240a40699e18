"""Webhook endpoints: registered once, verified by a delivery of our own, replaced with both secrets alive, deleted."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from customer_assets.accounts import Account
from customer_assets.domain.clock import now_utc
from customer_assets.domain.webhooks.signature import HEADER, sign
from customer_assets.errors import ConfigurationError, PermanentError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.waiting import runner
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import WebhookEndpoint, Webhooks
from customer_assets.store.database import Connection, connect, system_lock
from customer_assets.store.webhooks import deliveries, endpoints

VERIFYING_EVENT = "customer_assets.verify"
VERIFY_TRIES = 4  # a second apart: the receiver learns of a new secret within one


@dataclass(frozen=True)
class Registration:
    """What became of a registration.

    Attributes:
        outcome: registered, already, adopted (its secret is in the settings), or rotated.
        endpoint_id, url, events: the endpoint that is in use now.
        removed: ids of endpoints of the same address that were deleted.
        verified: our own signed delivery arrived; False: it was refused; None: that cannot be told from here.
        message: what to do, if anything.
    """

    outcome: str
    endpoint_id: str
    url: str
    events: list[str]
    removed: list[str]
    verified: bool | None
    message: str


def register_webhook(
    context: Context, account: Account, *, url: str, events: Sequence[str], rotate: bool = False
) -> Registration:
    """Have one endpoint deliver to this address, with a secret that we hold.

    What is registered is looked at first. An endpoint whose secret nobody holds is of no use and is replaced.

    Args:
        context: where the secret is kept.
        account: whose tenant.
        url: where deliveries are to go.
        events: which ones.
        rotate: replace the endpoint by a new one; what the old secret signed is taken for a day more.

    Raises:
        ConfigurationError: the address is none.
        PermanentError: endpoints of this address must be deleted by hand first.
        SourceError: the system could not do it.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"--url {url}: write https://host/api/webhooks/{account.system}/customers")
    if not events:
        raise ConfigurationError("--events: name at least one, such as client.created,client.updated")
    with (
        system_lock(context.url, account=account.account, system=f"{account.system} webhooks", what="register"),
        connect(context.url, name="customer_assets register webhook") as connection,
    ):
        outcome, endpoint, removed = runner()(_register(connection, account, url, events, rotate=rotate))
        verified: bool | None = None
        message = "whether its secret is ROBAWS_WEBHOOK_SECRET, its first delivery will show"
        if endpoint.secret is not None:
            verified, message = runner()(_verify(connection, url, endpoint.secret))
        if verified:
            endpoints.mark_verified(connection, account=account.account, source=account.system, endpoint_id=endpoint.id)
    return Registration(outcome, endpoint.id, url, list(endpoint.events), removed, verified, message)


async def _register(
    connection: Connection, account: Account, url: str, events: Sequence[str], *, rotate: bool
) -> tuple[str, WebhookEndpoint, list[str]]:
    ours = {"account": account.account, "source": account.system}
    known = {e.id: e for e in endpoints.known_endpoints(connection, **ours, url=url)}
    async with _webhooks(account).client(account.settings) as client:
        listed = await client.endpoints()
        if listed is None:  # this tenant does not list them: what we registered ourselves is all we know
            there = [WebhookEndpoint(e.id, e.url, list(e.events)) for e in known.values()]
        else:
            there = [e for e in listed if e.url == url]
            gone = known.keys() - {e.id for e in there}
            endpoints.retire_endpoints(connection, **ours, ids=sorted(gone))
        good = [e for e in there if e.id in known and set(events) <= set(e.events or known[e.id].events)]
        good.sort(key=lambda e: known[e.id].registered_at, reverse=True)
        if good and not rotate:
            kept, outcome = good[0], "already"
            kept.secret, kept.events = known[kept.id].secret, kept.events or known[kept.id].events
        elif there and not rotate and not known and _webhooks(account).secrets(account.settings):
            if len(there) > 1:
                raise ConfigurationError(
                    f"{len(there)} endpoints deliver to {url} ({', '.join(e.id for e in there)}), and nobody knows whose "
                    "secret ROBAWS_WEBHOOK_SECRET is: delete the others, or unset it to have all of them replaced"
                )
            if not set(events) <= set(there[0].events):
                raise ConfigurationError(
                    f"endpoint {there[0].id} delivers {', '.join(there[0].events) or 'nothing'}; to have it replaced by one "
                    f"that delivers {', '.join(events)}, give --rotate"
                )
            kept, outcome = there[0], "adopted"
        elif len(good) > 1:  # an earlier rotation could not delete the old one: not yet another
            kept, outcome = good[0], "rotated"
            kept.secret, kept.events = known[kept.id].secret, kept.events or known[kept.id].events
        else:
            kept, outcome = await client.create_endpoint(url, events), "rotated" if there else "registered"
            kept.events = kept.events or list(events)
            endpoints.store_endpoint(
                connection, **ours, endpoint_id=kept.id, url=url, events=kept.events, secret=kept.secret or ""
            )
        removed = []
        for other in [e for e in there if e.id != kept.id]:  # two endpoints would deliver everything twice
            if not await client.delete_endpoint(other.id):
                raise PermanentError(
                    f"{account.system}: endpoint {other.id} delivers to {url}, too, and this tenant does not let it be deleted: "
                    f"delete it by hand, and keep {kept.id}",
                    system=account.system,
                )
            removed.append(other.id)
        endpoints.retire_endpoints(connection, **ours, ids=removed)
    return outcome, kept, removed


def delete_endpoints(context: Context, account: Account, endpoint_id: str | None = None) -> list[str]:
    """Delete one endpoint at Robaws, or all that we registered. Returns their ids.

    Raises:
        PermanentError: this tenant does not let endpoints be deleted.
        SourceError: the system could not do it.
    """
    ours = {"account": account.account, "source": account.system}
    with connect(context.url, name="customer_assets delete webhook") as connection:
        known = [e.id for e in endpoints.known_endpoints(connection, **ours)]
        ids = [endpoint_id] if endpoint_id else known

        async def delete() -> None:
            async with _webhooks(account).client(account.settings) as client:
                for one in ids:
                    if not await client.delete_endpoint(one):
                        raise PermanentError(
                            f"{account.system}: this tenant does not let endpoint {one} be deleted",
                            system=account.system,
                        )
                    endpoints.forget_endpoints(connection, **ours, ids=[one])

        runner()(delete())
    return ids


async def _verify(connection: Connection, url: str, secret: str) -> tuple[bool | None, str]:
    """Send ourselves a signed delivery, and look whether it arrived."""
    import httpx

    delivery_id = f"verify-{uuid.uuid4()}"
    body = msgspec.json.encode({"id": delivery_id, "event": VERIFYING_EVENT, "data": {}})
    answer = "no answer"
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
        for attempt in range(VERIFY_TRIES):
            if attempt:
                await asyncio.sleep(1)
            headers = {"Content-Type": "application/json", HEADER: sign(body, secret.encode(), at=now_utc())}
            try:
                response = await client.post(url, content=body, headers=headers)
            except httpx.HTTPError as error:
                return None, (
                    f"{url} cannot be reached from here ({type(error).__name__}): is `customer-assets serve` running, "
                    "and does the address lead to it?"
                )
            if response.is_success:
                if deliveries.is_stored(connection, delivery_id):
                    return True, ""
                return (
                    False,
                    f"{url} answered {response.status_code}, but what it took is not in this database",
                )
            answer = f"{response.status_code}"
    return False, f"{url} refused our own delivery: HTTP {answer}"


def _webhooks(account: Account) -> Webhooks:
    webhooks = SYSTEMS[account.system].webhooks
    if webhooks is None:
        raise ConfigurationError(f"{account.system} has no webhooks")
    return webhooks
