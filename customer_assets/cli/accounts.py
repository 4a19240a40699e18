"""Commands about the configured accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from customer_assets.cli.output import JsonOption, finish, opened_runtime, print_json, say, show_table
from customer_assets.domain.clock import now_utc
from customer_assets.errors import ConfigurationError

app = typer.Typer(help="The configured accounts and how fresh they are.", no_args_is_help=True)
STALE_HOURS = 26.0


@app.command("list")
def list_accounts(as_json: JsonOption = False) -> None:
    """Each account of each system: last good sync, how the last one ended, quota left."""
    found = _accounts(None, STALE_HOURS)
    _show(found, as_json=as_json)
    if as_json:
        print_json({"accounts": found})


@app.command()
def check(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[ACCOUNT]", help="An account, a system, or system/account; all, where not said."),
    ] = None,
    stale_hours: Annotated[float, typer.Option(min=0, help="Older than this is stale.")] = STALE_HOURS,
    as_json: JsonOption = False,
) -> None:
    """The same, with exit status 1 if one is stale, was never synced, or failed last."""
    found = _accounts(name, stale_hours)
    _show(found, as_json=as_json)
    bad = [a for a in found if not a["ok"]]
    for account in bad:
        say(f"{account['system']}/{account['account']}: {account['why']}")
    if as_json:
        print_json({"ok": not bad, "accounts": found})
    if bad:
        finish(1)


def _accounts(name: str | None, stale_hours: float) -> list[dict[str, Any]]:
    from customer_assets.store.database import connect
    from customer_assets.store.reads.accounts import account_states

    runtime = opened_runtime()
    configured = [
        (a.system, a.account)
        for a in runtime.working.accounts
        if name in (None, a.account, a.system, f"{a.system}/{a.account}")
    ]
    if name is not None and not configured:
        raise ConfigurationError(f"no account {name} is configured")
    with connect(runtime.url) as connection:
        states = account_states(connection)
    before = now_utc() - timedelta(hours=stale_hours)
    found = []
    for system, account in configured:
        state = states.get((system, account), {})
        last, status = state.get("last_synced_at"), state.get("status")
        why = (
            "never synced"
            if last is None
            else f"stale: last good sync at {last:%Y-%m-%d %H:%M} UTC"
            if last < before
            else f"the last sync failed: {state.get('error') or 'no reason given'}"
            if status == "failed"
            else None
        )
        found.append(
            {
                "system": system,
                "account": account,
                "ok": why is None,
                "why": why,
                "last_synced_at": last,
                "status": status,
                "rows": state.get("rows"),
                "quota_left": state.get("quota_left"),
            }
        )
    return found


def _show(found: list[dict[str, Any]], *, as_json: bool) -> None:
    rows = [
        [
            a["system"],
            a["account"],
            str(a["last_synced_at"] or "never")[:16],
            a["status"] or "",
            "" if a["rows"] is None else f"{a['rows']:,}",
            "" if a["quota_left"] is None else f"{a['quota_left']:,}",
        ]
        for a in found
    ]
    columns = ["system", "account", "last good sync", "last one", "rows", "quota left"]
    show_table("", columns, rows, to_stderr=as_json)
