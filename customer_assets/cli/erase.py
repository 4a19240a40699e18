"""`customer-assets erase`: a person's right."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from customer_assets.cli.choices import SystemName
from customer_assets.cli.output import AccountOption, JsonOption, account_of, finish, opened_runtime, print_json, say


def erase(
    system: Annotated[SystemName, typer.Argument(help="Whose record.")],
    source_id: Annotated[str, typer.Argument(metavar="ID", help="The customer's id there.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say how much that would be.")] = False,
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a customer's record: rows, changes, raw answers, deliveries; no sync takes it in again. Invoices are kept."""
    from customer_assets.pipeline.erase import erase as erase_record

    runtime = opened_runtime()
    done = erase_record(
        runtime.context_of_accounts(),
        account_of(runtime, system, account),
        source_id,
        by=getpass.getuser(),
        dry_run=not yes,
    )
    what = (
        ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in done.counts.items())
        or "nothing is known of it"
    )
    say(f"{system}:{source_id}: {'erased' if yes else 'would be erased'}: {what}")
    if done.same_customer:
        say(f"the same customer is also {', '.join(done.same_customer)}: erase these, too")
    if done.invoices:
        say(f"{done.invoices} invoices name it, and are kept, as the law on bookkeeping wants")
    say(f"erase it at {system}, too, and in backups when they are restored (docs/operations.md)")
    if as_json:
        print_json(
            {"erased": yes, "counts": done.counts, "same_customer": done.same_customer, "invoices": done.invoices}
        )
    if not yes:
        finish(1)
