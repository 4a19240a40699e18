"""A system is one declaration: a toy registered with one line is synced, examined, materialized, resolved, edited, documented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from customer_assets.accounts import Account, load_configuration
from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.sync.pull import pull, pull_one
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.runtime.sandbox import sandbox_configuration
from customer_assets.sandbox.server import environment
from customer_assets.settings import Settings
from customer_assets.sources import registry
from customer_assets.store import users
from customer_assets_tests.conftest import Company, Serving
from customer_assets_tests.sources import toy
from customer_assets_tests.web.conftest import PASSWORD, Visitor, serving

pytestmark = pytest.mark.slow
TOKEN = "toy-token"
PEOPLE = [
    {"key": f"p{number}", "name": f"Toy Person {number}", "tel": f"+3247012{number:04d}", "town": "Gent"}
    for number in range(120)
]


async def people(request: Request) -> Response:
    if request.headers["authorization"] != f"Bearer {TOKEN}":
        return Response(status_code=401)
    page, size = int(request.query_params["page"]), int(request.query_params["size"])
    return JSONResponse({"people": PEOPLE[page * size : (page + 1) * size], "total": len(PEOPLE)})


async def person(request: Request) -> Response:
    found = [p for p in PEOPLE if p["key"] == request.path_params["key"]]
    return JSONResponse(found[0]) if found else Response(status_code=404)


@pytest.fixture
def address() -> Iterator[str]:
    with Serving(Starlette(routes=[Route("/people", people), Route("/people/{key}", person)])) as address:
        yield address


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, address: str) -> Account:
    monkeypatch.setitem(registry.SYSTEMS, "toy", toy.SYSTEM)
    return Account("default", "toy", toy.ToySettings(base_url=address, token=TOKEN))


class Shell:
    """The command line of a product that knows the toy, as processes of their own."""

    def __init__(self, company: Company, address: str, home: Path) -> None:
        self._environment = os.environ | {
            "DATABASE_URL": company.url,
            "CUSTOMER_ASSETS_HOME": str(home),
            "TOY_BASE_URL": address,
            "TOY_TOKEN": TOKEN,
            "REPORT_TO_DAGSTER": "off",
        }

    def json(self, *arguments: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "customer_assets_tests.sources.toy", *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self._environment, timeout=120)
        assert done.returncode == 0, done.stderr[-3000:]
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found


def test_its_name_is_a_choice_of_every_command_and_its_assets_are_materialized(
    company: Company, address: str, tmp_path: Path
) -> None:
    shell = Shell(company, address, tmp_path)
    synced = shell.json("sync", "toy")
    assert synced["systems"]["toy"] | {"message": ""} == synced["systems"]["toy"]
    assert (synced["status"], synced["systems"]["toy"]["created"]) == ("ok", 120)
    assert shell.json("sync", "toy")["systems"]["toy"]["unchanged"] == 120
    assert shell.json("sync-customer", "toy", "p7")["systems"]["toy"]["unchanged"] == 1
    findings = {found["what"]: found for found in shell.json("doctor")["findings"]}
    assert findings["toy"] == {"what": "toy", "ok": True, "message": "120 people", "exit_code": 0}
    ran = shell.json("run")
    assert ran["assets"]["raw_toy_person_pages"] == 3  # raw pages
    assert ran["assets"]["customers_cache"] == 120
    assert ran["assets"]["customers"] == 120


def test_without_single_records_one_that_is_gone_is_missed_twice_and_none_is_asked_for_alone(
    company: Company, registered: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = replace(toy.SYSTEM.streams[0], detail=None, open_detail=None)
    monkeypatch.setitem(registry.SYSTEMS, "toy", replace(toy.SYSTEM, streams=(stream,)))
    pull(company.context, registered, PullOptions())
    with pytest.raises(ConfigurationError, match="sync all of them"):
        pull_one(company.context, registered, "p7")
    assert company.value("select count(*) from customers_cache where deleted_at is null") == 120
    monkeypatch.setattr(f"{__name__}.PEOPLE", [p for p in PEOPLE if p["key"] != "p7"])
    live = []
    for _ in range(3):
        assert pull(company.context, registered, PullOptions()).status == "ok"
        live.append(company.value("select count(*) from customers_cache where deleted_at is null"))
    assert live == [120, 119, 119]


def test_its_customers_are_resolved_with_those_of_the_other_systems(
    company: Company, registered: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.pull("robaws")
    known = company.rows(
        "select name, primary_phone from customers_cache where primary_phone like '+32%' order by id limit 1"
    )[0]
    monkeypatch.setitem(PEOPLE[0], "name", known["name"])
    monkeypatch.setitem(PEOPLE[0], "tel", known["primary_phone"])
    assert pull(company.context, registered, PullOptions()).status == "ok"
    resolved = resolve_customers(company.context)
    assert resolved.rows == 250 + 120
    joined = company.rows(
        """
        select r.source, c.name
        from customer_rows r
        join customers c on c.id = r.golden_id
        where r.golden_id = (select golden_id from customer_rows where source = 'toy' and source_customer_id = 'p0')
        order by r.source
        """
    )
    assert [row["source"] for row in joined] == ["robaws", "toy"]
    assert {row["name"] for row in joined} == {known["name"]}


def test_it_is_edited_filtered_and_synced_in_the_console(company: Company, registered: Account) -> None:
    pull(company.context, registered, PullOptions())
    users.add_user(company.connection, "editor", PASSWORD, role="editor")
    row_id = company.value("select id from customers_cache where source_customer_id = 'p3'")
    with serving(company) as web:
        visitor = Visitor(web.address)
        visitor.log_in("editor")
        assert "The toy owns these fields." in visitor.get(f"/customers/{row_id}/edit").text
        listed = visitor.get("/customers?source=toy").text
        assert "Pull from Toy" in listed
        assert "Toy Person 3" in listed
        assert "toy" in visitor.get("/runs").text
        assert "Its customers are read from Toy" in visitor.get("/actions/pull-toy").text
        visitor.client.close()


def test_a_fresh_sandbox_works_although_it_does_not_emulate_it(company: Company, registered: Account) -> None:
    made_up = sandbox_configuration(Settings(), environment(company.base))
    assert [account.system for account in made_up.accounts] == ["robaws", "zoho", "sumit"]


def test_half_its_credentials_are_refused_like_those_of_any_other(
    registered: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_configuration().of("toy") == []
    monkeypatch.setenv("TOY_TOKEN", TOKEN)
    assert [account.system for account in load_configuration().accounts] == ["toy"]
