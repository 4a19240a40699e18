"""Commands that change customers: local edits, pushing to SUMIT, both ways, conflicts."""

from __future__ import annotations

import getpass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from customer_assets.cli.choices import Pushable
from customer_assets.cli.output import (
    AccountOption,
    JsonOption,
    account_of,
    finish,
    opened_runtime,
    pairs_of,
    print_json,
    say,
    show_table,
)
from customer_assets.errors import ConfigurationError, CustomerAssetsError, RecordError

if TYPE_CHECKING:
    from customer_assets.pipeline.push.run import PushResult

app = typer.Typer(help="SUMIT: fields that both sides changed.", no_args_is_help=True)
conflicts_app = typer.Typer(help="Fields that both sides changed.", no_args_is_help=True)
app.add_typer(conflicts_app, name="conflicts")


class Side(StrEnum):
    """Whose value holds."""

    LOCAL = "local"
    REMOTE = "remote"


IdsOption = Annotated[list[int] | None, typer.Option("--id", help="A customer's id in customers_cache; repeatable.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the plan field by field; change nothing.")]


def push(
    system: Annotated[Pushable, typer.Argument(help="Where to.")],
    ids: IdsOption = None,
    all_changed: Annotated[bool, typer.Option("--all-changed", help="Every customer that changed here.")] = False,
    dry_run: DryRunOption = False,
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Push customers to SUMIT: one, several, or all that changed here."""
    from customer_assets.pipeline.push.push import push as push_customers

    if bool(ids) == all_changed:
        raise ConfigurationError("push: name customers with --id, or give --all-changed")
    runtime = opened_runtime()
    result = push_customers(
        runtime.context(),
        account_of(runtime, str(system), account),
        ids=None if all_changed else ids,
        dry_run=dry_run,
    )
    _show_push(result, as_json=as_json)
    say(result.message)
    if not dry_run:
        runtime.tell_dagster({"sumit_push": _counts(result)}, "customer-assets push")
    if as_json:
        print_json(
            {
                "success": result.success,
                "synced": result.pushed,
                "message": result.message,
                "details": {"pull": {}, "push": result.as_dict()},
            }
        )
    _finish_with(result.error, success=result.success)


def bidirectional(
    system: Annotated[Pushable, typer.Argument(help="With whom.")],
    ids: IdsOption = None,
    dry_run: DryRunOption = False,
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pull from SUMIT, then push what changed here."""
    from customer_assets.pipeline.push.bidirectional import bidirectional as both_ways

    runtime = opened_runtime()
    result = both_ways(runtime.context(), account_of(runtime, str(system), account), ids=ids or None, dry_run=dry_run)
    if result.push is not None:
        _show_push(result.push, as_json=as_json)
    say(result.message)
    if not dry_run and result.push is not None:
        counts = result.as_dict()["details"]["pull"]
        runtime.tell_dagster({"customers_cache": counts, "sumit_push": _counts(result.push)}, "customer-assets push")
    if as_json:
        print_json(result.as_dict())
    error = next((p.error for p in result.pulls if p.error), result.push.error if result.push else None)
    _finish_with(error, success=result.success)


def edit(
    customer_id: Annotated[int, typer.Argument(metavar="ID", help="The customer's id in customers_cache.")],
    changes: Annotated[list[str] | None, typer.Argument(metavar="FIELD=VALUE...", help="A blank value clears.")] = None,
    release: Annotated[
        list[str] | None, typer.Option(help="Give up the edit of this field; the source's value holds again.")
    ] = None,
    seen: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=VALUE as you saw it; the edit is refused when it changed since."),
    ] = None,
    seen_at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S.%f%z"],
            help="The row's updated_at as you saw it; a later one refuses the edit.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change a customer here; laid over what its system says, audited, and pushed where it is SUMIT's."""
    from customer_assets.pipeline.edit import edit_customer

    wanted, seen_values = pairs_of(changes, "FIELD=VALUE"), pairs_of(seen, "FIELD=VALUE")
    if not wanted and not release:
        raise ConfigurationError("edit: write FIELD=VALUE, or --release FIELD")
    try:
        done = edit_customer(
            opened_runtime().context(),
            customer_id,
            wanted,
            by=getpass.getuser(),
            seen=seen_values,
            seen_at=seen_at,
            release=release or (),
        )
    except RecordError as error:
        raise ConfigurationError(str(error)) from None
    for name, (old, new) in done.changed.items():
        say(f"{name}: {old!r} -> {new!r}")
    for name in done.released:
        say(f"{name}: the edit was given up")
    if not done.changed and not done.released:
        say("nothing to change")
    if as_json:
        print_json({"id": done.id, "changed": done.changed, "released": done.released})


@conflicts_app.command("list")
def list_conflicts(
    resolved: Annotated[bool, typer.Option(help="Those that were decided.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Conflicts that wait for a decision."""
    from customer_assets.store.database import connect
    from customer_assets.store.push import conflicts

    with connect(opened_runtime().url) as connection:
        found = conflicts.list_conflicts(connection, status="resolved" if resolved else "open")
    columns = [
        "id",
        "customer",
        "name",
        "field",
        "agreed",
        "local",
        "remote",
        *(["resolution"] if resolved else []),
    ]
    rows: list[list[Any]] = [
        [
            str(c["id"]),
            str(c["row_id"]),
            c["name"],
            c["field"],
            c["base_value"],
            c["local_value"],
            c["remote_value"],
            *([f"{c['resolution']} ({c['resolved_by']})"] if resolved else []),
        ]
        for c in found
    ]
    show_table("", columns, rows, to_stderr=as_json)
    if as_json:
        print_json({"conflicts": found})


@conflicts_app.command("resolve")
def resolve_conflict(
    conflict_id: Annotated[int, typer.Argument(metavar="ID", help="The conflict's id.")],
    use: Annotated[Side, typer.Option(help="Whose value holds.")],
    as_json: JsonOption = False,
) -> None:
    """Decide a conflict; the next sync carries it out."""
    from customer_assets.pipeline.push.conflicts import resolve_conflict as resolve

    runtime = opened_runtime()
    done = resolve(
        runtime.context(),
        conflict_id,
        use=use.value,
        by=getpass.getuser(),
        find_account=runtime.account_without_calls,
    )
    say(f"{done['field']}: the {use.value} value holds; the next sync settles it")
    if as_json:
        print_json({"id": conflict_id, "field": done["field"], "resolution": use.value})


def _show_push(result: PushResult, *, as_json: bool) -> None:
    rows: list[list[Any]] = []
    if result.is_dry:
        rows = [
            [str(plan.row_id), plan.name, plan.action, f.field, f.old, f.new, f.why]
            for plan in result.planned
            for f in plan.fields
        ]
        show_table(
            "Plan: nothing was sent",
            ["id", "customer", "action", "field", "in SUMIT", "to be sent", "why"],
            rows,
            to_stderr=as_json,
        )
        return
    rows = [[str(row.id), row.outcome, ", ".join(row.fields), row.reason] for row in result.rows]
    if rows:
        show_table("", ["id", "outcome", "fields", "reason"], rows, to_stderr=as_json)


def _counts(result: PushResult) -> dict[str, Any]:
    return {name: value for name, value in result.as_dict().items() if name != "rows"}


def _finish_with(error: CustomerAssetsError | None, *, success: bool) -> None:
    if error is not None:
        finish(error.exit_code)
    if not success:
        finish(1)
