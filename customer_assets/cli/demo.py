"""`customer-assets demo`: an eventful day on made-up data, told step by step, with the commands that anybody can give."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from customer_assets.cli.output import JsonOption, print_json, say
from customer_assets.errors import ConfigurationError

MOVED, TWIN, OTHER_TWIN, CALLED = "1003", "1011", "1012", "1005"  # clients of Robaws that something happens to
PUSHED = "910004"  # a customer of SUMIT
VAT = "BE 0999.999.823"  # of nobody: no number so high is given out
SERVED_WITHIN = 30  # seconds in which the web app answers


@dataclass(frozen=True)
class Stage:
    """Where the demonstration takes place: a home folder of its own, with its own database and sandbox.

    Attributes:
        home: the folder.
        environment: of the commands.
        control: address of the sandbox's `/control`.
    """

    home: Path
    environment: Mapping[str, str]
    control: str

    def run(self, *arguments: str, may_fail: bool = False) -> dict[str, Any]:
        """One command, as a user would give it; its result.

        Raises:
            ConfigurationError: it failed, and that is no part of the story.
        """
        say(f"$ customer-assets {' '.join(arguments)}")
        done = subprocess.run(  # noqa: S603 (our own commands)
            [sys.executable, "-m", "customer_assets", *arguments, "--json"],
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        lines = done.stdout.strip().splitlines()
        if done.returncode and not may_fail:
            raise ConfigurationError(f"demo: customer-assets {arguments[0]} ended with {done.returncode}")
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return found

    def happens(self, wish: Mapping[str, Any], path: str = "") -> None:
        """Something at a system, by the sandbox's control."""
        _http().post(f"{self.control}{path}", json=wish, timeout=30).raise_for_status()


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the folder with the database, to look around in it afterwards.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """An eventful day on made-up data: a customer moves, two merge, a webhook is forged, a system dies, a push conflicts."""
    started = time.monotonic()
    with _stage(keep=keep) as stage:
        done = {
            "loaded": _load(stage),
            "moved": _move(stage),
            "merged": _merge(stage),
            "forged": _forge(stage),
            "died": _die(stage),
            "conflicted": _conflict(stage),
        }
    _chapter(f"Done in {time.monotonic() - started:.0f} s", "Each command above works the same on your own systems.")
    if as_json:
        print_json(done)


def _chapter(title: str, told: str) -> None:
    say(f"\n=== {title} ===\n{told}")


def _where(look: str) -> None:
    say(f"    look: {look}")


def _load(stage: Stage) -> int:
    _chapter("Night", "Three systems are pulled, and the same company in several of them becomes one customer.")
    stage.run("sync", "all")
    customers = int(stage.run("resolve")["customers"])
    _where("table customers; the console's first page")
    return customers


def _move(stage: Stage) -> int:
    _chapter("A customer moves", f"Robaws has another address for client {MOVED}. The next sync takes it over.")
    moved = {"addressLine1": "Kaai 1", "postalCode": "2000", "city": "Antwerpen", "country": "BE"}
    stage.happens({"clients": {MOVED: {"address": moved, "updatedAt": _now()}}})
    counts = stage.run("sync", "robaws")["systems"]["robaws"]
    say(f"    {counts['updated']} row changed in {counts['calls']} calls")
    stage.run("why", f"robaws:{MOVED}.street")
    _where("table customer_changes: field, before, after, origin, run; the console's Changes")
    return int(counts["updated"])


def _merge(stage: Stage) -> dict[str, Any]:
    _chapter("Two are one", f"Clients {TWIN} and {OTHER_TWIN} turn out to have one VAT id: two records, one customer.")
    twin = {"vatIdNumber": VAT, "updatedAt": _now()}
    names = {TWIN: "Noordzee Logistics BV", OTHER_TWIN: "NOORDZEE LOGISTICS"}
    stage.happens({"clients": {client: twin | {"name": name, "email": None} for client, name in names.items()}})
    stage.run("sync", "robaws")
    stage.run("resolve")
    one, other = f"robaws:{TWIN}", f"robaws:{OTHER_TWIN}"
    merged = stage.run("explain", one, other)
    say("    and somebody who knows better says that they are not; every later resolution follows:")
    stage.run("review", "decide", one, other, "--as", "different")
    stage.run("resolve")
    parted = stage.run("explain", one, other)
    _where("tables match_reviews, customer_aliases; docs/identity.md")
    return {"together": merged.get("same"), "after_the_decision": parted.get("same")}


def _forge(stage: Stage) -> dict[str, Any]:
    _chapter("A webhook is forged", "The receiver takes what Robaws signed, and refuses what somebody else sent.")
    with _served(stage) as address:
        endpoint = f"{address}/api/webhooks/robaws/customers"
        stage.run("register-webhook", "--url", endpoint)
        forged = (
            _http()
            .post(
                endpoint,
                content=json.dumps({"id": "evil", "event": "client.updated", "data": {"id": CALLED, "name": "Gone"}}),
                headers={"Robaws-Signature": f"t={int(time.time())},v1={'0' * 64}", "Content-Type": "application/json"},
                timeout=10,
            )
            .status_code
        )
        say(f"    the forged one was answered with {forged}")
        stage.happens({"clients": {CALLED: {"website": "https://new.example", "updatedAt": _now()}}})
        stage.happens({"client_id": CALLED, "event": "client.updated"}, "/deliver")
        say("    and a real one for the same client was sent; a second later:")
        time.sleep(2)
        stage.run("why", f"robaws:{CALLED}.website")
        refused = stage.run("webhooks", "list")["health"]
    _where("tables ops.webhook_refusals and ops.webhook_deliveries; the console's Webhooks")
    return {"forged": forged, "health": refused}


def _die(stage: Stage) -> dict[str, Any]:
    _chapter("A system dies", "Zoho answers nothing but errors. Its part of the night fails, by name; nothing is lost.")
    stage.happens({"faults": [{"system": "zoho", "kind": "503", "times": 1000}]})
    failed = stage.run("sync", "all", may_fail=True)["systems"]
    for name, counts in failed.items():
        say(f"    {name}: {counts['message'] or 'ok'}")
    say("    ... and comes back:")
    stage.happens({"clear_faults": True})
    well = stage.run("sync", "zoho")["systems"]["zoho"]
    _where("tables sync_runs and sync_metadata; in Dagster the run is red, and its failure names the system")
    return {"errors": failed["zoho"]["errors"], "afterwards": well["errors"]}


def _conflict(stage: Stage) -> dict[str, int]:
    _chapter(
        "A push conflicts",
        "Here and at SUMIT somebody gives one customer another phone. Neither is lost: a person decides.",
    )
    row = stage.run("why", f"sumit:{PUSHED}.phone")["records"][0]["id"]
    stage.run("edit", str(row), "phone=+32 3 555 01 02")
    stage.happens({"customers": {PUSHED: {"Phone": "+32 3 555 99 99"}}})
    stage.run("bidirectional", "sumit", may_fail=True)
    waiting = stage.run("sumit", "conflicts", "list")["conflicts"]
    say("    somebody asks the customer, and decides; the next sync carries it out:")
    for conflict in waiting:
        stage.run("sumit", "conflicts", "resolve", str(conflict["id"]), "--use", "local")
    pushed = stage.run("bidirectional", "sumit")["details"]["push"]["pushed"]
    _where("table ops.sumit_conflicts, of who decided what; the console's Conflicts")
    return {"waited": len(waiting), "pushed": pushed}


@contextmanager
def _stage(*, keep: bool) -> Iterator[Stage]:
    """A home folder of its own, with nothing of the user's in it."""
    from customer_assets.runtime.sandbox import ensure_sandbox, running_sandbox
    from customer_assets.store import embedded

    home = Path(tempfile.mkdtemp(prefix="customer_assets_demo_"))
    home.chmod(0o755)  # the database's own user reads its data below it
    ours = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DAGSTER_DATABASE_URL")}
    environment = ours | {
        "CUSTOMER_ASSETS_HOME": str(home),
        "CUSTOMER_ASSETS_SANDBOX": "1",
        "REPORT_TO_DAGSTER": "off",
        "SUMIT_CONFLICT_POLICY": "review",  # by itself the newest would win
    }
    try:
        ensure_sandbox(home)
        state = running_sandbox(home)
        if state is None:
            raise ConfigurationError(f"demo: the sandbox did not stay up; see {home / 'sandbox.log'}")
        yield Stage(home, environment, f"{state['base']}/control")
    finally:
        if keep:
            say(f"\nLook around: CUSTOMER_ASSETS_HOME={home} CUSTOMER_ASSETS_SANDBOX=1 customer-assets serve")
        else:
            if (state := running_sandbox(home)) is not None:
                os.kill(state["pid"], signal.SIGTERM)
            embedded.stop_server(home)
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _served(stage: Stage) -> Iterator[str]:
    """The web app, which receives deliveries; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    say(f"$ customer-assets serve --port {port} &")
    command = [sys.executable, "-m", "customer_assets", "serve", "--port", str(port)]
    process = subprocess.Popen(  # noqa: S603 (our own command)
        command, env=dict(stage.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(SERVED_WITHIN * 5):
            if _answers(address):
                break
            time.sleep(0.2)
        else:
            raise ConfigurationError(f"demo: the web app did not answer on {address} within {SERVED_WITHIN} s")
        yield address
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    try:
        return bool(_http().get(f"{address}/healthz", timeout=2).is_success)
    except _http().HTTPError:
        return False


def _http() -> Any:
    import httpx

    return httpx


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
