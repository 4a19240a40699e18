"""Bringing the schema to this version, beside others that do so, that hold its tables, or that are of another version."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from customer_assets.errors import DatabaseError
from customer_assets.store import database, embedded, marks, upgrade


@pytest.fixture
def fresh(server: embedded.EmbeddedServer) -> Iterator[str]:
    """An empty database."""
    database.ensure_database(server.url("postgres"), "fresh")
    yield server.url("fresh")
    with database.connect(server.url("postgres")) as connection:
        connection.execute("drop database fresh with (force)")


def test_concurrent_upgrades_do_not_race(fresh: str) -> None:
    errors: list[Exception] = []

    def bring_up() -> None:
        try:
            upgrade.upgrade(fresh)
        except Exception as error:  # noqa: BLE001 (whatever it is, the test shows it)
            errors.append(error)

    threads = [threading.Thread(target=bring_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with database.connect(fresh) as connection:
        assert database.scalar(connection, "select count(*) from alembic_version") == 1


def test_no_schema_is_said_with_its_mend(fresh: str) -> None:
    with pytest.raises(DatabaseError, match=r"not there yet.*customer-assets db upgrade"):
        upgrade.check(fresh)
    upgrade.upgrade(fresh)
    upgrade.check(fresh)
    assert upgrade.state(fresh).is_newest


@pytest.mark.parametrize("serves", ["0013", "0014", None, "9998"])
def test_a_newer_schema_is_worked_with_where_it_says_so(fresh: str, serves: str | None) -> None:
    upgrade.upgrade(fresh)
    known = upgrade.state(fresh).known
    with database.connect(fresh) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
        if serves is None:
            connection.execute("delete from ops.database_marks where mark = %s", [upgrade.SERVES])
        else:
            marks.keep(connection, upgrade.SERVES, serves)
    if serves is not None and serves <= known:
        upgrade.check(fresh)
        upgrade.upgrade(fresh)  # leaves it as it is
        assert upgrade.state(fresh).revision == "9999"
    else:
        for look in (upgrade.check, upgrade.upgrade):
            with pytest.raises(DatabaseError, match=f"made by a newer version; this one knows {known}"):
                look(fresh)


def test_an_older_schema_is_worked_with_from_the_one_that_is_needed(fresh: str) -> None:
    upgrade.upgrade(fresh)
    with database.connect(fresh) as connection:
        connection.execute("update alembic_version set version_num = %s", [upgrade.OLDEST_SCHEMA])
        upgrade.check(fresh)
        connection.execute("update alembic_version set version_num = '0001'")
    with pytest.raises(DatabaseError, match=f"0001, and this version needs {upgrade.OLDEST_SCHEMA}"):
        upgrade.check(fresh)


def test_a_migration_gives_way_to_who_holds_a_table(fresh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(upgrade, "LOCK_TRIES", 3)
    naps: list[float] = []
    monkeypatch.setattr(upgrade, "time", SimpleNamespace(sleep=naps.append))  # not that of other threads
    with database.connect(fresh) as holder:
        with holder.transaction(force_rollback=True):
            holder.execute("create table public.alembic_version (version_num varchar(32) primary key)")
            with pytest.raises(DatabaseError, match="a table stayed locked by others"):
                upgrade.upgrade(fresh)
        assert naps == [1, 1]
    upgrade.upgrade(fresh)
    assert upgrade.state(fresh).is_newest


def test_what_was_written_before_the_tables_knew_accounts_gets_its_account(fresh: str) -> None:
    upgrade.upgrade(fresh)
    with database.connect(fresh) as connection:
        for table in ("customer_changes", "customer_contacts", "customer_aliases", "invoice_reminder_state"):
            connection.execute(f"alter table {table} drop column account")
        connection.execute("update alembic_version set version_num = '0020'")
        for number, account in ((1, "default"), (2, "nl")):
            connection.execute(
                """
                with golden as (insert into customers (account, name) values (%(account)s, 'A') returning id),
                    row as (
                        insert into customer_rows (account, source, source_customer_id, name)
                        values (%(account)s, 'robaws', '1', 'A')
                        returning id
                    ),
                    invoice as (
                        insert into invoice_rows (account, source, source_invoice_id) values (%(account)s, 'zoho', '1') returning id
                    ),
                    alias as (insert into customer_aliases (old_id, golden_id) select %(old)s, id from golden),
                    contact as (
                        insert into customer_contacts (golden_id, kind, value, row_id)
                        select golden.id, 'phone', '1', row.id
                        from golden, row
                    ),
                    reason as (insert into invoice_reminder_state (invoice_id, reason) select id, 'paid' from invoice)
                insert into customer_changes (cache_id, field, origin) select id, 'name', 'sync' from row
                """,
                {"account": account, "old": 900 + number},
            )
    upgrade.upgrade(fresh)
    with database.connect(fresh) as connection:
        for table in ("customer_changes", "customer_contacts", "customer_aliases", "invoice_reminder_state"):
            found = connection.execute(f"select account from {table} order by 1").fetchall()
            assert [row["account"] for row in found] == ["default", "nl"], table
