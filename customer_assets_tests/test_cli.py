"""The command line as scripts use it: JSON, exit statuses, messages that name the setting."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from customer_assets.cli.app import main
from customer_assets.sandbox.server import environment
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store.database import scalar
from customer_assets_tests.conftest import Company, Serving


@dataclass
class Done:
    """A finished command."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout.strip().splitlines()[-1])
        return found


Command = Callable[..., Done]


@pytest.fixture
def settings_of(company: Company, tmp_path: Path) -> dict[str, str]:
    """Settings that point at the test's database and sandbox."""
    return environment(company.base) | {
        "DATABASE_URL": company.url,
        "CUSTOMER_ASSETS_HOME": str(tmp_path),
        "ROBAWS_RETRY_SECONDS": "0",
        "ROBAWS_REQUESTS_PER_SECOND": "5000",
        "ROBAWS_BURST": "5000",
        "ZOHO_RETRY_SECONDS": "0",
        "REPORT_TO_DAGSTER": "off",
    }


@pytest.fixture
def command(settings_of: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs `customer-assets` as its entry point does; keyword arguments are settings."""

    def run(*arguments: str, **settings: str) -> Done:
        with monkeypatch.context() as patched:
            for name, value in (settings_of | settings).items():
                patched.setenv(name, value)
            patched.setattr(sys, "argv", ["customer-assets", *arguments])
            capfd.readouterr()
            try:
                main()
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 0
            said = capfd.readouterr()
        return Done(status, said.out, said.err)

    return run


NO_SYSTEMS = {f"{system}_{name}".upper(): "" for system in SYSTEMS for name in SYSTEMS[system].credentials}


def test_sync_all_as_json(command: Command) -> None:
    done = command("sync", "all", "--json")
    assert done.status == 0, done.stderr
    assert done.json["status"] == "ok"
    robaws = done.json["systems"]["robaws"]
    expected = {
        "synced": 250,
        "created": 250,
        "updated": 0,
        "unchanged": 0,
        "rejected": 0,
        "errors": 0,
        "calls": 3,
        "pages": 3,
    }
    assert expected.items() <= robaws.items()
    assert {"deactivated", "stale", "skipped", "duplicate", "message"} <= robaws.keys()
    assert done.json["systems"]["sumit"]["skipped"] == 2
    assert done.stdout.count("\n") == 1  # everything else goes to stderr
    assert "Created" in done.stderr


@pytest.mark.slow
def test_one_system_failing_leaves_the_others_synced(command: Command, company: Company) -> None:
    company.fault("zoho", "500", times=999)
    done = command("sync", "all", "--json")
    assert (done.status, done.json["status"]) == (3, "partial")
    assert done.json["systems"]["zoho"]["errors"] == 1
    assert company.value("select count(distinct source) from customers_cache") == 2


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "said"),
    [
        (("sync", "robaws"), {"ROBAWS_API_SECRET": "hunter2"}, 3, "ROBAWS_API_SECRET"),
        (
            ("sync", "robaws"),
            {"ROBAWS_BASE_URL": "http://127.0.0.1:9"},
            3,
            "cannot reach 127.0.0.1:9 (ROBAWS_BASE_URL)",
        ),
        (("sync", "robaws"), {"ROBAWS_BASE_URL": "nonsense"}, 2, "has no scheme"),
        (("sync", "robaws", "--batch-size", "500"), {}, 2, "takes 1 to 100"),
        (("sync", "sap"), {}, 2, "sap"),
        (("sync", "all", "--account", "west"), {}, 2, "no such account"),
        (("sync", "robaws", "--from-raw", "--limit", "3"), {}, 2, "--limit"),
        (("sync-customer", "robaws", "424242"), {}, 1, "does not exist"),
        (("sync", "robaws"), {"ROBAWS_API_SECRET": ""}, 2, "configured by half"),
        (("sync", "robaws"), NO_SYSTEMS, 0, "not configured"),
        (("run",), NO_SYSTEMS, 2, "--sandbox"),
        (("dev",), NO_SYSTEMS, 2, "--sandbox"),
        (("db", "url"), {"DATABASE_URL": "mysql://x"}, 2, "DATABASE_URL"),
        (("db", "url"), {"DATABASE_URL": "postgresql://u:p%ss-hunter2@127.0.0.1:9/x"}, 2, "percent-encoded"),
        (("db", "url"), {"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:9/x"}, 4, "DATABASE_URL"),
        (("import-invoices", "nope.csv"), {}, 2, "no such file"),
        (("migrate-invoices", "--month", "2024-13"), {}, 2, "YYYY-MM"),
    ],
)
def test_exit_statuses_and_messages(
    command: Command, arguments: tuple[str, ...], settings: dict[str, str], status: int, said: str
) -> None:
    done = command(*arguments, **settings)
    assert (done.status, said in done.stderr + done.stdout) == (status, True), done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_an_error_is_json_too(command: Command) -> None:
    done = command("sync", "robaws", "--json", ROBAWS_API_SECRET="")
    assert (done.status, done.json["status"]) == (2, "failed")
    assert "ROBAWS_API_SECRET" in done.json["error"]


@pytest.mark.parametrize(
    "arguments", [("sync", "foo"), ("sync", "robaws", "--limit", "0"), ("backup", "/dev/null"), ("backup", "/proc/x/y")]
)
def test_wrong_use_and_files_that_cannot_be_written_are_json_too(command: Command, arguments: tuple[str, ...]) -> None:
    done = command(*arguments, "--json")
    assert (done.status, done.json["status"]) == (2, "failed")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("serve", "--port", "{}"), ("dev",)])
def test_a_port_that_is_taken_is_said_before_anything_starts(command: Command, arguments: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = command(*(one.format(port) for one in arguments), WEB_PORT=port, DAGSTER_PORT=port)
    assert done.status == 2
    assert f"127.0.0.1:{port} cannot be listened on" in done.stderr


def test_row_errors_end_in_1(command: Command, company: Company) -> None:
    company.world.robaws["1003"]["website"] = [1]
    done = command("sync", "robaws", "--json")
    assert (done.status, done.json["status"], done.json["systems"]["robaws"]["rejected"]) == (1, "partial", 1)


@pytest.mark.slow
def test_options_have_their_effect(command: Command, company: Company) -> None:
    assert command("sync", "robaws", "--dry-run", "--json").json["systems"]["robaws"]["created"] == 250
    assert company.value("select count(*) from customers_cache") == 0
    assert (
        command("sync", "robaws", "--limit", "7", "--batch-size", "5", "--json").json["systems"]["robaws"]["created"]
        == 7
    )
    assert command("sync", "robaws", "--delay", "20", "--json").json["systems"]["robaws"]["unchanged"] == 7
    calls = company.world.calls["robaws"]
    assert command("sync", "robaws", "--from-raw", "--json").json["systems"]["robaws"]["unchanged"] == 250
    assert company.world.calls["robaws"] == calls
    assert command("sync-customer", "robaws", "1003", "--json").json["systems"]["robaws"]["unchanged"] == 1
    command("sync", "zoho", "--json")
    command("sync", "zoho", "--full", "--json")
    assert company.value("select count(*) from ops.raw_scans where stream = 'contacts' and kind = 'full'") == 2


def test_the_state_of_an_account_is_that_of_its_lists(command: Command, company: Company) -> None:
    assert command("accounts", "check", "robaws", "--json").json["accounts"][0]["why"] == "never synced"
    command("sync", "robaws", "--json")
    done = command("accounts", "check", "robaws", "--json")
    assert (done.status, done.json["ok"]) == (0, True)
    assert command("sync-customer", "robaws", "424242").status == 1  # there is none: that says nothing of the account
    done = command("accounts", "check", "robaws", "--json")
    assert (done.status, done.json["ok"], done.json["accounts"][0]["status"]) == (0, True, "ok")
    company.fault("robaws", "500", times=999)
    command("sync", "robaws")
    done = command("accounts", "check", "robaws", "--json")
    assert done.status == 1
    assert done.json["accounts"][0]["why"].startswith("the last sync failed: ")


def test_a_delay_lies_between_calls(command: Command, company: Company) -> None:
    command("sync", "robaws", "--batch-size", "50", "--delay", "80", "--json")
    took = company.value("select extract(epoch from finished_at - started_at)::float from sync_runs")
    assert company.value("select count(*) from ops.raw_scan_pages") == 5
    assert took >= 4 * 0.08


@pytest.mark.slow
def test_old_invoices_from_import_to_verify(command: Command, company: Company, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text(
        "nr,customer_name,customer_email,invoice_date,total\n1,Noord BV,a@noord.be,2024-01-05,10\n2,Noord bv,a@noord.be,,x\n"
    )
    done = command("import-invoices", str(path), "--map", "nr=source_invoice_id", "--json")
    assert (done.status, done.json["created"], done.json["rejected"]) == (1, 1, 1)
    assert command("migrate-invoices", "--dry-run", "--json").json["customers"]["created"] == 1
    assert company.value("select count(*) from customers_cache") == 0
    assert command("migrate-invoices", "--month", "2024-01", "--json").json["links_changed"] == 1
    assert command("verify", "--json").json["ok"] is True
    company.connection.execute("update legacy_invoices set customer_id = null")
    broken = command("verify", "--json")
    assert (broken.status, broken.json["ok"]) == (1, False)
    assert broken.json["violations"][0]["rule"] == "legacy_invoice_unaccounted"


def test_doctor_names_the_mend(command: Command) -> None:
    done = command("doctor", "--json", ZOHO_REFRESH_TOKEN="wrong")
    findings = {f["what"]: f for f in done.json["findings"]}
    assert done.status == 3
    assert [findings[name]["ok"] for name in ("database", "robaws", "zoho", "sumit")] == [
        True,
        True,
        False,
        True,
    ]
    assert "ZOHO_REFRESH_TOKEN" in findings["zoho"]["message"]
    assert "calls left today" in findings["robaws"]["message"]


def test_the_database_commands(command: Command, company: Company) -> None:
    assert command("db", "upgrade", "--json").json["status"] == "ok"
    assert command("db", "status", "--json").json["ok"] is True
    assert command("db", "url").stdout.strip() == company.url
    assert command("db", "grant-analyst", "cli_analyst", "--json").json["created"] is True
    company.connection.execute("drop owned by cli_analyst")
    company.connection.execute("drop role cli_analyst")
    assert command("db", "stop").status == 2
    assert command("prune", "--json").json["raw_pages"] == 0


@pytest.mark.slow
def test_made_up_data_never_meets_real_data(command: Command, company: Company) -> None:
    command("sync", "robaws")
    done = command("run", "--sandbox", **NO_SYSTEMS)
    assert done.status == 2
    assert "is not empty" in done.stderr
    company.connection.execute("update ops.database_marks set value = 'sandbox'")
    done = command("sync", "robaws")
    assert done.status == 2
    assert "made-up" in done.stderr


@pytest.mark.slow
def test_the_web_app_answers(company: Company) -> None:
    from customer_assets.accounts import Configuration
    from customer_assets.runtime.runtime import Runtime
    from customer_assets.web.app import build_app

    company.pull("zoho")
    runtime = Runtime(Configuration(company.settings, ()), company.url, company.url)
    with Serving(build_app(runtime)) as address, httpx.Client(base_url=address) as client:
        first = client.get("/api/customers?limit=100").json()
        second = client.get(f"/api/customers?limit=500&after={first['next']}").json()
        assert (len(first["items"]), len(second["items"]), second["next"]) == (100, 131, None)
        assert client.get(f"/api/customers/{first['items'][0]['id']}").json()["name"] == first["items"][0]["name"]
        assert client.get("/api/customers/999999999").status_code == 404
        assert client.get("/api/invoices?status=paid&limit=1").json()["items"][0]["status"] == "paid"
        assert client.get("/api/reminders").json() == {
            "items": [],
            "next": None,
            "items_are": "payment reminders, one per invoice and date",
        }
        assert [client.get(f"/api/customers?{q}").status_code for q in ("limit=x", "nope=1", "id=x")] == [
            400,
            400,
            400,
        ]
        assert client.get("/healthz").json()["status"] == "ok"
    assert scalar(company.connection, "select 1") == 1


def test_a_sync_in_the_shell_is_noted_for_dagster_which_nobody_loads_for_it(
    settings_of: dict[str, str], company: Company
) -> None:
    loaded = "import sys; from customer_assets.cli.app import app; app(standalone_mode=False); print('dagster' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded, "sync", "sumit"],
        env=os.environ | settings_of | {"REPORT_TO_DAGSTER": "on"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"
    (report,) = company.rows("select description, metadata from ops.dagster_reports")
    assert report["description"] == "customer-assets sync"
    assert report["metadata"]["customers_cache"]["created"] == 40


def test_editing_pushing_and_both_ways(command: Command, company: Company) -> None:
    assert command("sync", "sumit", "--json").status == 0
    customer = company.value("select id from customers_cache where source = 'sumit' order by id limit 1")
    edited = command("edit", str(customer), "city=Haifa", "--json")
    assert (edited.status, edited.json["changed"]["city"][1]) == (0, "Haifa")
    assert command("edit", str(customer), "citty=Haifa").status == 2
    assert command("edit", "999999", "city=Haifa").status == 1
    assert command("edit", str(customer), "city=Gent", "--seen", "city=Luik").status == 1
    assert command("push", "sumit").status == 2
    planned = command("push", "sumit", "--id", str(customer), "--dry-run", "--json")
    [row] = planned.json["details"]["push"]["rows"]
    assert (row["id"], row["outcome"], row["fields"]["city"][1]) == (customer, "planned", "Haifa")
    pushed = command("push", "sumit", "--all-changed", "--json")
    assert (pushed.status, pushed.json["success"], pushed.json["message"]) == (0, True, "Pushed 1 customer")
    done = command("bidirectional", "sumit", "--json")
    assert done.status == 0
    assert done.json["details"]["push"]["pushed"] == 0
    assert done.json["details"]["pull"]["unchanged"] > 0
    assert command("sumit", "conflicts", "list", "--json").json == {"conflicts": []}
    assert command("sumit", "conflicts", "resolve", "1", "--use", "local").status == 1
    refused = command("bidirectional", "sumit", "--json", SUMIT_API_KEY="wrong")
    assert (refused.status, refused.json["success"]) == (3, False)


def test_webhook_commands(command: Command, company: Company) -> None:
    body = b'{"id":"d1","event":"client.updated","data":{"id":"77","name":"Via Webhook"}}'
    company.connection.execute(
        "insert into ops.webhook_deliveries (id, event, body, signed_at, status) values ('d1', 'client.updated', %s, now(), 'failed')",
        [body],
    )
    assert [d["id"] for d in command("webhooks", "list", "--status", "failed", "--json").json["deliveries"]] == ["d1"]
    assert command("webhooks", "list", "--status", "odd").status == 2
    assert command("webhooks", "retry-failed", "--json").json["statuses"] == {"applied": 1}
    assert command("webhooks", "replay", "d1", "--json").json["put_back"] == 1
    assert command("webhooks", "replay", "nothing").status == 2
    registered = command("register-webhook", "--url", "http://127.0.0.1:9/x", "--json")
    assert (registered.status, registered.json["outcome"], registered.json["verified"]) == (
        0,
        "registered",
        None,
    )
    assert command("webhooks", "delete", "--json").json["deleted"] == [registered.json["endpoint_id"]]


def test_user_commands(command: Command, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    for given, status in (("a long password", 0), ("short", 2), ("a long password", 2)):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{given}\n"))
        assert command("user", "add", "Els" if given != "short" else "Jan", "--role", "editor").status == status
    assert [(u["name"], u["role"]) for u in command("user", "list", "--json").json["users"]] == [("els", "editor")]
    monkeypatch.setattr("sys.stdin", io.StringIO("another password\n"))
    assert command("user", "passwd", "els").status == 0
    assert company.value("select count(*) from ops.audit_log where action like 'user %%'") == 2


def test_identity_commands(command: Command, company: Company, tmp_path: Path) -> None:
    for source_id, name in (("1", "Noord BV"), ("2", "Zuid BV")):
        company.connection.execute(
            "insert into customer_rows (source, source_customer_id, name) values ('robaws', %s, %s)",
            [source_id, name],
        )
    assert command("explain", "robaws:1", "robaws:2", "--json").json["same"] is False
    assert command("explain", "robaws:1", "nobody").status == 1
    assert command("review", "decide", "robaws:1", "robaws:2", "--as", "same", "--json").json["decision"] == "same"
    assert command("explain", "robaws:1", "robaws:2", "--json").json["path"][0]["rule"] == "operator"
    assert command("review", "decide", "999", "--as", "same").status == 1
    assert command("review", "decide", "one", "--as", "same").status == 2
    assert command("review", "list", "--json").json == {"reviews": []}
    file = tmp_path / "in.csv"
    file.write_text("id,name,phone\na,Noord BV,035550102\nb,B.V. Noord,+3235550102\n")
    done = command("dedupe", str(file), "--out", str(tmp_path / "out.csv"), "--json")
    assert (done.status, done.json["customers"]) == (0, 1)
    told = command("dedupe", str(file), "--out", str(tmp_path / "out.xlsx"), "--explain", "a", "b", "--json").json
    assert told["explained"][0]["rule"] == "name_same+phone"
    assert command("dedupe", str(file), "--out", str(tmp_path / "out.doc")).status == 2
    assert command("dedupe", str(file), "--out", str(tmp_path / "out.csv"), "--explain", "a", "x").status == 2
    assert command("dedupe", str(tmp_path / "none.csv"), "--out", str(tmp_path / "out.csv")).status == 2
