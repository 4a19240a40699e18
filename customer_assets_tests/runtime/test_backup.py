"""What was backed up comes back, with its ids, and nothing but it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from customer_assets.accounts import load_configuration
from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.sync.run import PullOptions
from customer_assets.runtime.backup import backup, restore
from customer_assets.runtime.runtime import Runtime
from customer_assets.store import database
from customer_assets.store.reads import integrity
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.slow


def runtime_of(server: Any, ours: str, dagsters: str) -> Runtime:
    for name in (ours, dagsters):
        database.ensure_database(server.url("postgres"), name)
    return Runtime(load_configuration(), server.url(ours), server.url(dagsters))


@pytest.fixture
def target(server: Any) -> Any:
    """Empty databases, gone afterwards."""
    yield runtime_of(server, "restored", "restored_dagster")
    with database.connect(server.url("postgres")) as connection:
        for name in ("restored", "restored_dagster", "no_dagster"):
            connection.execute(f"drop database if exists {name} with (force)")


def test_what_was_backed_up_comes_back_and_the_next_sync_changes_nothing(
    company: Company, server: Any, target: Runtime, tmp_path: Path
) -> None:
    company.pull("robaws", options=PullOptions(full=True))
    resolve_customers(company.context)
    filled = Runtime(load_configuration(), company.url, runtime_of(server, "restored", "no_dagster").dagster_url)
    manifest = backup(filled, tmp_path / "backup")
    rows = "select id, golden_id, source_customer_id, content_hash from customers_cache order by id"
    assert manifest["databases"]["customers"]["rows"]["customer_rows"] == len(company.rows(rows))
    restore(target, tmp_path / "backup")
    with database.connect(target.url) as connection:
        assert connection.execute(rows).fetchall() == company.rows(rows)
        assert integrity.violations(connection) == []
    restored = Company(company.world, company.base, target.url)
    counts = restored.pull("robaws", options=PullOptions(full=True)).counts
    restored.connection.close()
    assert (counts.created, counts.updated, counts.unchanged) == (0, 0, len(company.rows(rows)))
    with pytest.raises(ConfigurationError, match="is not empty"):
        restore(target, tmp_path / "backup")
    with pytest.raises(ConfigurationError, match="is not empty"):
        backup(filled, tmp_path / "backup")


def test_a_damaged_backup_is_refused_before_anything_is_written(
    company: Company, server: Any, target: Runtime, tmp_path: Path
) -> None:
    filled = Runtime(load_configuration(), company.url, runtime_of(server, "restored", "no_dagster").dagster_url)
    backup(filled, tmp_path)
    dump = tmp_path / "customers.dump"
    dump.write_bytes(dump.read_bytes()[:-10])
    with pytest.raises(ConfigurationError, match="missing or damaged"):
        restore(target, tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({}))
    with pytest.raises(ConfigurationError, match="no backup that can be read"):
        restore(target, tmp_path)
    with database.connect(target.url) as connection:
        assert database.scalar(connection, "select count(*) from pg_tables where schemaname = 'public'") == 0
