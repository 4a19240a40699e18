"""Commands about who is who: explain, review, dedupe."""

from __future__ import annotations

import getpass
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from customer_assets.cli.output import (
    SHOWN_PROBLEMS,
    AccountOption,
    JsonOption,
    column_map,
    finish,
    keep_to_the_end,
    opened_runtime,
    print_json,
    say,
    show_table,
)
from customer_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from customer_assets.pipeline.identity.dedupe import Deduped
    from customer_assets.settings import Settings

app = typer.Typer(help="Pairs of records that may be one customer.", no_args_is_help=True)


class Decision(StrEnum):
    """What somebody says of a pair."""

    SAME = "same"
    DIFFERENT = "different"


class EngineName(StrEnum):
    """Where customers are resolved."""

    AUTO = "auto"
    PROCESS = "process"
    POOL = "pool"
    SPARK = "spark"


EngineOption = Annotated[
    EngineName | None,
    typer.Option(
        help="Where the work is done (IDENTITY_ENGINE): this process, several, or Spark. The result is the same."
    ),
]


def _with_engine(settings: Settings, engine: EngineName | None) -> Settings:
    return settings if engine is None else settings.model_copy(update={"identity_engine": engine.value})


def explain(
    one: Annotated[
        str,
        typer.Argument(metavar="A", help="A customers_cache id, system:id, or legacy:invoice-id; invoice:ID alone."),
    ],
    other: Annotated[str | None, typer.Argument(metavar="B", help="The other record.")] = None,
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why two records are, or are not, the same customer; of `invoice:ID`, why it is reminded of, or is not."""
    if one.startswith("invoice:") and other is None:
        _explain_invoice(one.removeprefix("invoice:"), as_json=as_json)
        return
    if other is None:
        raise ConfigurationError(f"explain {one}: name the other record, too")
    from customer_assets.pipeline.identity.explain import explain as explain_records

    found = explain_records(opened_runtime().context(), one, other, account)
    say(f"{found.one} and {found.other} are {'the same customer' if found.same else 'not the same customer'}")
    rows: list[list[Any]] = [
        [step["from"], step["to"], step["rule"], f"{step['weight']:.1f}", _parts(step["parts"])] for step in found.path
    ]
    if rows:
        show_table(
            "The accepted evidence between them",
            ["from", "to", "rule", "weight", "parts"],
            rows,
            to_stderr=as_json,
        )
    say(f"directly: weight {found.direct.get('weight', 0)} ({_parts(found.direct.get('parts', []))})")
    if found.veto:
        say(f"kept apart: {found.veto}")
    if as_json:
        print_json(vars(found))


def resolve(
    plan: Annotated[
        bool, typer.Option("--plan", help="Say how many rows would change customer, and change nothing.")
    ] = False,
    full: Annotated[bool, typer.Option(help="Resolve everything, not only what changed.")] = False,
    engine: EngineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the customers among all records; with --plan, what a new engine, other weights or word lists would change."""
    from customer_assets.pipeline.identity.resolve import disagreeing_rows, resolve_customers

    context = opened_runtime().context()
    context = replace(context, settings=_with_engine(context.settings, engine))
    if plan:
        changing, rows = disagreeing_rows(context)
        say(f"{changing} of {rows} rows would be of another customer, or of one with other rows; nothing was changed")
        found: dict[str, Any] = {"plan": True, "rows": rows, "would_change": changing}
    else:
        done = resolve_customers(context, full=full)
        say(
            f"{done.rows} rows, {done.customers} customers; {done.compared} rows looked at, {done.reviews} pairs in doubt"
        )
        found = {"plan": False, **asdict(done)}
    if as_json:
        print_json(found)


def _explain_invoice(name: str, *, as_json: bool) -> None:
    from customer_assets.pipeline.invoices.remind import explain_invoice

    found = explain_invoice(opened_runtime().context(), name)
    for row in found:
        reason = row["reason"] or "not looked at yet"
        if reason == "planned" and not any(r["status"] == "pending" for r in row["reminders"] or []):
            reason = "nothing more to send: its reminders were sent, missed, or their dates had passed"
        say(f"{row['source']}:{row['source_invoice_id']} (account {row['account']}): {reason}")
        said = [[r["id"], r["on"], r["type"], r["status"], r["why"] or ""] for r in row["reminders"] or []]
        if said:
            show_table("Its reminders", ["id", "on", "type", "status", "why"], said, to_stderr=as_json)
    if as_json:
        print_json({"invoices": found})


@app.command("list")
def list_reviews(
    decided: Annotated[bool, typer.Option(help="Those that were decided.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the surest first.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Pairs that wait for a decision."""
    from customer_assets.store.database import connect
    from customer_assets.store.identity import reviews

    with connect(opened_runtime().url) as connection:
        found = reviews.list_reviews(connection, status="decided" if decided else "open", limit=limit)
    rows: list[list[Any]] = [
        [
            str(r["id"]),
            r["one_ref"],
            r["one_name"],
            r["other_ref"],
            r["other_name"],
            r["weight"],
            r["decision"] or _parts(r["reasons"]),
        ]
        for r in found
    ]
    columns = ["id", "one", "name", "other", "name", "weight", "decision" if decided else "reasons"]
    show_table("", columns, rows, to_stderr=as_json)
    if as_json:
        print_json({"reviews": found})


@app.command()
def decide(
    which: Annotated[list[str], typer.Argument(metavar="ID | A B", help="A review's id, or two records.")],
    decision: Annotated[Decision, typer.Option("--as", help="What they are.")],
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that two records are the same customer, or are not; every later resolution replays it."""
    from customer_assets.pipeline.identity.decide import decide_pair, decide_review

    context, by = opened_runtime().context(), getpass.getuser()
    if len(which) == 2:
        pair = decide_pair(context, which[0], which[1], decision=decision.value, by=by, account=account)
    elif len(which) == 1 and which[0].isdigit():
        pair = decide_review(context, int(which[0]), decision=decision.value, by=by)
    else:
        raise ConfigurationError("review decide: give the id of a review, or two records")
    say(f"{pair[0]} and {pair[1]}: {decision.value}; the next resolution follows")
    if as_json:
        print_json({"one": pair[0], "other": pair[1], "decision": decision.value})


def dedupe(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file: CSV in any dialect, XLSX, Parquet.")],
    out: Annotated[
        Path, typer.Option(help="File to write (.csv, .xlsx, .parquet): id, customer_key, rule, score of each row.")
    ],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="old=new: a column of the file and what it is here.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="A column with an id of the customer of any kind (licence, IBAN): equal ones are one customer."
        ),
    ] = None,
    review: Annotated[
        Path | None, typer.Option(help="File to write: pairs in doubt, with a column for the answer.")
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="Such a file, answered: decision is same or different; blank where not.")
    ] = None,
    explain_pair: Annotated[
        tuple[str, str] | None, typer.Option("--explain", metavar="ID ID", help="Two rows: why they are one customer.")
    ] = None,
    table: Annotated[str | None, typer.Option(help="The sheet of a workbook, where it has several.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a text file; worked out where not said.")] = None,
    separator: Annotated[str | None, typer.Option(help="Of a text file: one character, or \\t.")] = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the customers in any file, without the database."""
    from customer_assets.accounts import load_configuration
    from customer_assets.pipeline.identity import dedupe as deduping

    deduping.check_targets(path, out, review, decisions)
    settings = _with_engine(load_configuration().settings, engine)
    written = {"table": table, "encoding": encoding, "separator": separator}
    options = deduping.Options(column_map(mapping), tuple(key or ()), settings, decisions, written)
    done = deduping.dedupe(path, options, progress=say)
    keep_to_the_end(done)
    deduping.write_customers(done, out)
    if review is not None:
        deduping.write_reviews(done, review)
    _tell(done, out, explain_pair, as_json=as_json)
    if not done.ids or done.problems:
        finish(1)


def _tell(done: Deduped, out: Path, explain_pair: tuple[str, str] | None, *, as_json: bool) -> None:
    """What was found, and of two rows why."""
    from customer_assets.pipeline.identity import dedupe as deduping

    rows, customers, reviews = len(done.ids), len(done.clusters.members), len(done.clusters.reviews)
    say(f"{rows} rows, {customers} customers, {reviews} pairs in doubt, {done.seconds:.1f} s: {out}")
    steps = deduping.explain_rows(done, *explain_pair) if explain_pair else []
    if explain_pair:
        same = len(set(_customers_of(done, explain_pair))) == 1
        say(f"{explain_pair[0]} and {explain_pair[1]} are {'the same customer' if same else 'not the same customer'}")
        told = [[a, b, e.rule, f"{e.weight:.1f}", _parts(list(e.parts))] for a, b, e in steps]
        show_table("", ["from", "to", "rule", "weight", "parts"], told, to_stderr=as_json)
    for problem in done.problems[:SHOWN_PROBLEMS]:
        say(f"left out: {problem}")
    if len(done.problems) > SHOWN_PROBLEMS:
        say(f"{len(done.problems)} lines were left out in all")
    if as_json:
        counts = {"rows": rows, "customers": customers, "reviews": reviews}
        path_between = [{"from": a, "to": b, "rule": e.rule, "weight": e.weight} for a, b, e in steps]
        explained = {"explained": path_between} if explain_pair else {}
        read = {"columns": {ours: list(theirs) for ours, theirs in done.columns.items()}, "ignored": list(done.ignored)}
        print_json({**counts, "rejected": len(done.problems), **read, "out": str(out), **explained})


def _customers_of(done: Deduped, pair: tuple[str, str]) -> list[str]:
    of = dict(zip(done.ids, done.customer_keys(), strict=True))
    return [of[name] for name in pair]


def _parts(parts: list[Any]) -> str:
    return ", ".join(f"{name} {weight:+g}" for name, weight in parts)
