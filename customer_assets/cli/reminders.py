"""Commands for whoever sends reminders: what is due, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from customer_assets.cli.output import JsonOption, opened_runtime, print_json, say, show_table
from customer_assets.errors import ConfigurationError

app = typer.Typer(help="Payment reminders: what is to be sent, and what was.", no_args_is_help=True)


@app.command()
def due(as_json: JsonOption = False) -> None:
    """Reminders to send now: pending ones whose day has come, of each invoice the latest."""
    from customer_assets.pipeline.invoices.remind import due_reminders

    found = due_reminders(opened_runtime().context())
    columns = (
        "id",
        "scheduled_date",
        "reminder_type",
        "channel",
        "phone",
        "customer_name",
        "invoice_number",
        "balance",
    )
    rows = [[str(row[c] if row[c] is not None else "") for c in columns] for row in found]
    show_table("", [c.replace("_", " ") for c in columns], rows, to_stderr=as_json)
    if as_json:
        print_json({"reminders": found})


@app.command()
def mark(
    reminder: Annotated[int, typer.Argument(metavar="ID", help="The reminder's id, as `reminders due` shows it.")],
    sent: Annotated[bool, typer.Option("--sent", help="It went out.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="It could not be sent.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why it failed.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what became of a reminder; said twice it is noted once. What failed or was missed may still be sent."""
    from customer_assets.pipeline.invoices.remind import mark_reminder

    if sent == failed:
        raise ConfigurationError("reminders mark: say --sent or --failed")
    if sent and reason is not None:
        raise ConfigurationError("reminders mark: --reason says why it failed; it was sent")
    row = mark_reminder(opened_runtime().context(), reminder, is_sent=sent, failure=reason if failed else None)
    say(f"reminder {reminder}: {row['status']}")
    if as_json:
        print_json(row)
