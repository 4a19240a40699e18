"""Commands about webhooks: registration, deliveries, endpoints."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from customer_assets.cli.output import (
    AccountOption,
    JsonOption,
    account_of,
    finish,
    opened_runtime,
    print_json,
    say,
    show_table,
)
from customer_assets.errors import ConfigurationError
from customer_assets.sources.registry import with_webhooks

app = typer.Typer(help="Webhook deliveries and endpoints.", no_args_is_help=True)
STATUSES = ("waiting", "applied", "ignored", "stale", "failed")


def register_webhook(
    url: Annotated[str, typer.Option(help="Where Robaws is to deliver: https://host/api/webhooks/robaws/customers")],
    events: Annotated[str, typer.Option(help="Events, comma-separated.")] = "client.created,client.updated",
    rotate: Annotated[
        bool, typer.Option(help="Replace the endpoint and its secret; the old one is taken for a day more.")
    ] = False,
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register the webhook endpoint at Robaws, once, and see whether a delivery arrives."""
    from customer_assets.pipeline.webhooks import register

    runtime = opened_runtime()
    wanted = [event.strip() for event in events.split(",") if event.strip()]
    done = register.register_webhook(
        runtime.context(),
        account_of(runtime, with_webhooks()[0].name, account),
        url=url,
        events=wanted,
        rotate=rotate,
    )
    say(f"{done.outcome}: endpoint {done.endpoint_id} delivers {', '.join(done.events)} to {done.url}")
    for removed in done.removed:
        say(f"endpoint {removed} of the same address was deleted")
    say("a delivery of our own arrived" if done.verified else done.message)
    if as_json:
        print_json({"status": "ok" if done.verified is not False else "failed", **vars(done)})
    if done.verified is False:
        finish(1)


@app.command("list")
def list_deliveries(
    status: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(STATUSES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """The newest deliveries, the endpoints, and how deliveries fare."""
    from customer_assets.store.database import connect
    from customer_assets.store.webhooks import deliveries, endpoints

    if status is not None and status not in STATUSES:
        raise ConfigurationError(f"--status {status}: there are {', '.join(STATUSES)}")
    with connect(opened_runtime().url) as connection:
        found = deliveries.newest(connection, status=status, limit=limit)
        known = endpoints.all_endpoints(connection)
        health = endpoints.delivery_health(connection)
    columns = ["id", "event", "status", "customer", "received", "attempts", "ms", "error"]
    rows: list[list[Any]] = [
        [
            d["id"],
            d["event"],
            d["status"],
            d["source_customer_id"],
            f"{d['received_at']:%Y-%m-%d %H:%M:%S}",
            d["attempts"],
            d["duration_ms"],
            d["error"],
        ]
        for d in found
    ]
    show_table("", columns, rows, to_stderr=as_json)
    for endpoint in known:
        say(f"endpoint {endpoint['id']} ({endpoint['account']}): {', '.join(endpoint['events'])} to {endpoint['url']}")
    say(endpoints.health_line(health))
    if as_json:
        print_json({"deliveries": found, "endpoints": known, "health": health})


@app.command()
def replay(
    delivery_id: Annotated[list[str], typer.Argument(metavar="ID", help="Ids of deliveries.")],
    as_json: JsonOption = False,
) -> None:
    """Apply deliveries once more, whatever became of them."""
    _apply_again(delivery_id, as_json=as_json)


@app.command("retry-failed")
def retry_failed(as_json: JsonOption = False) -> None:
    """Apply all failed deliveries once more, parked ones too."""
    _apply_again(None, as_json=as_json)


def _apply_again(ids: list[str] | None, *, as_json: bool) -> None:
    from customer_assets.pipeline.webhooks.apply import apply_deliveries
    from customer_assets.store.database import connect
    from customer_assets.store.webhooks import deliveries

    runtime = opened_runtime()
    with connect(runtime.url) as connection:
        missing = [] if ids is None else [i for i in ids if not deliveries.is_stored(connection, i)]
        if missing:
            raise ConfigurationError(f"no such delivery: {', '.join(missing)}")
        put_back = deliveries.put_back(connection, ids=ids)
    applied = apply_deliveries(runtime.context(), runtime.receiving)
    say(f"{put_back} put back; " + (", ".join(f"{n} {s}" for s, n in applied.statuses.items()) or "nothing waited"))
    runtime.tell_dagster(applied.by_asset(), "customer-assets webhooks")
    if as_json:
        print_json(
            {"put_back": put_back, "statuses": applied.statuses, "created": applied.created, "updated": applied.updated}
        )
    if applied.statuses.get("failed"):
        finish(1)


@app.command()
def delete(
    endpoint_id: Annotated[
        str | None, typer.Argument(metavar="[ENDPOINT]", help="Default: all that were registered here.")
    ] = None,
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete webhook endpoints at Robaws."""
    from customer_assets.pipeline.webhooks.register import delete_endpoints

    runtime = opened_runtime()
    deleted = delete_endpoints(runtime.context(), account_of(runtime, with_webhooks()[0].name, account), endpoint_id)
    say(f"deleted: {', '.join(deleted) or 'none was registered here'}")
    if as_json:
        print_json({"deleted": deleted})
