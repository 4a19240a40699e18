"""`doctor --production`, and what is deleted where it has a limit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from customer_assets import settings as settings_module
from customer_assets.pipeline.prune import prune
from customer_assets.runtime import production
from customer_assets.store import audit, batches, marks
from customer_assets.store.reads.metrics import BACKED_UP, DAEMON_SEEN
from customer_assets_tests.conftest import Company
from customer_assets_tests.web.conftest import stack_of

pytestmark = pytest.mark.slow


def test_what_production_lacks_is_said_with_its_mend(
    company: Company, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings_module, "project_root", lambda: tmp_path)
    monkeypatch.setattr(production, "project_root", lambda: tmp_path)
    (tmp_path / ".env").write_text("ROBAWS_API_SECRET=x\n")
    (tmp_path / ".env").chmod(0o644)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    lacking = {what: said for what, ok, said in production.examine(stack_of(company)) if not ok}
    for what, mend in {
        "database server": "DATABASE_URL",
        "privileges": "db roles",
        "migrations": "DATABASE_MIGRATE=check",
        "daemon": "customer-assets daemon",
        "backup": "customer-assets backup",
        "DAGSTER_HOME": "set it",
        "console": "PUBLIC_URL",
        "alerts": "ALERT_URL",
        ".env": "chmod 600",
        "secrets": "ROBAWS_API_SECRET; use NAME_FILE",
    }.items():
        assert mend in lacking[what]
    assert "clock" not in lacking
    assert "encryption" not in lacking  # a socket of this machine

    (tmp_path / ".env").chmod(0o600)
    for mark in (DAEMON_SEEN, BACKED_UP):
        marks.keep_now(company.connection, mark)
    monkeypatch.setenv("PUBLIC_URL", "https://customers.example")
    monkeypatch.setenv("DATABASE_MIGRATE", "check")
    monkeypatch.setenv("HEARTBEAT_URL", "https://beat.example")
    monkeypatch.setenv("DAGSTER_HOME", "/var/lib/dagster")
    well = {what for what, ok, _ in production.examine(stack_of(company)) if ok}
    assert well >= {".env", "daemon", "backup", "console", "migrations", "alerts", "DAGSTER_HOME"}


def test_what_has_a_limit_goes_in_batches_and_the_rest_stays(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ROWS", 7)
    company.pull("robaws")
    company.do("update ops.raw_pages set first_seen_at = now() - interval '1 year'")
    for _ in range(40):
        audit.record(company.connection, who="x", action="y", target="z")
    changes = company.value("select count(*) from customer_changes")
    for table, column in (("customer_changes", "changed_at"), ("ops.audit_log", "at")):
        company.do(f"update {table} set {column} = now() - interval '100 days' where id % 2 = 0")
    kept = prune(company.context)
    assert (kept.changes, kept.audit_entries) == (0, 0)  # without a limit: for ever
    limited = company.settings.model_copy(update={"changes_keep_days": 90, "audit_keep_days": 90})
    pruned = prune(replace(company.context, settings=limited))
    assert pruned.audit_entries == 20
    assert company.value("select count(*) from ops.audit_log") == 20
    assert pruned.changes == changes - company.value("select count(*) from customer_changes")
