"""The Python interface: in a script, inside a running event loop, and in a real kernel."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import nbclient
import nbformat
import pandas as pd
import pyarrow as pa
import pytest

import customer_assets as ca
from customer_assets.errors import ConfigurationError
from customer_assets.sandbox.server import environment
from customer_assets_tests.conftest import Company


@pytest.fixture
def settings(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    found = environment(company.base) | {
        "DATABASE_URL": company.url,
        "CUSTOMER_ASSETS_HOME": str(tmp_path),
        "ROBAWS_REQUESTS_PER_SECOND": "5000",
        "ROBAWS_BURST": "5000",
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def test_frames_and_a_sync_from_a_script(company: Company, settings: dict[str, str]) -> None:
    with ca.open() as assets:
        before = datetime.now(UTC)
        assert len(assets.customers_cache()) == 0
        assert assets.customers_cache().columns[0] == "id"
        (result,) = assets.sync("robaws")
        assert (result.status, result.counts.created) == ("ok", 250)
        rows = assets.customers_cache()
        assert isinstance(rows, pd.DataFrame)
        assert len(rows) == 250
        assert str(rows["source_modified_at"].dtype).endswith("UTC]")
        company.world.robaws["1003"]["name"] = "Aeon Renamed"
        company.world.robaws["1003"].pop("updatedAt", None)
        assets.sync("robaws", full=True)
        changes = assets.changes(since=before)
        assert list(changes[changes.field == "name"].new_value) == ["Aeon Renamed"]
        assert len(assets.changes("2099-01-01")) == 0
        assert len(assets.as_of(datetime.now(UTC))) == 0  # nothing is resolved yet
        assert len(assets.invoices()) == 0
        assert assets.explain("robaws:1003", "robaws:1004").same is False
    arrow = ca.open(frames="arrow").customers_cache()
    assert isinstance(arrow, pa.Table)
    assert arrow.schema.field("created_at").type == pa.timestamp("us", tz="UTC")
    assert arrow.schema.field("whatsapp_client").type == pa.bool_()
    company.do("insert into invoice_rows (source, source_invoice_id, total, balance) values ('zoho', '1', 12.5, 0)")
    total = ca.open(frames="arrow").invoices().column("total")
    assert (total.type, total.to_pylist()) == (pa.decimal128(38, 2), [Decimal("12.50")])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda assets: assets.sync("sap"), "sap: there are robaws"),
        (lambda assets: assets.sync("robaws", account="nobody"), "no account nobody is configured"),
        (lambda assets: assets.changes("yesterday"), "yesterday: no time"),
        (lambda _: ca.open(frames="polars"), "pandas or arrow"),
    ],
)
def test_what_cannot_be_is_said(settings: dict[str, str], call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ConfigurationError, match=message):
        call(ca.open())


def test_it_works_inside_a_running_event_loop(company: Company, settings: dict[str, str]) -> None:
    async def work() -> str:
        return ca.open().sync("zoho")[0].status

    assert asyncio.run(work()) == "ok"
    assert company.value("select count(*) from sync_runs where status = 'running'") == 0


@pytest.mark.slow
def test_a_notebook_in_a_real_kernel(company: Company, settings: dict[str, str]) -> None:
    cells = [
        "import customer_assets as ca\nassets = ca.open()\nassets.sync('sumit')[0].counts.created",
        "frame = assets.customers_cache()\nlen(frame)",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])  # type: ignore[no-untyped-call]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
        nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute(env=os.environ | settings)
    shown = [cell["outputs"][0]["data"]["text/plain"] for cell in book["cells"]]
    assert shown == ["40", "40"]
