"""Events that no run made end, but for the newest of each asset: by it the asset is known to be there and fresh."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from customer_assets.runtime.dagster_runs import prune_runless_events
from customer_assets.store.database import connect, for_sqlalchemy
from customer_assets_tests.conftest import Company

pytestmark = pytest.mark.slow


def test_events_of_no_run_end_but_for_the_newest(company: Company, tmp_path: Path) -> None:
    assert prune_runless_events(company.url, keep_days=1) == 0  # none of Dagster's tables
    with connect(company.url) as admin:
        admin.execute("drop database if exists dagster_events")
        admin.execute("create database dagster_events")
    url = company.url.replace(company.url.partition("?")[0].rpartition("/")[2], "dagster_events")
    storage = {"storage": {"postgres": {"postgres_url": for_sqlalchemy(url, "psycopg2")}}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=storage) as instance:
        for number in range(4):
            instance.report_runless_asset_event(
                dg.AssetMaterialization("one", metadata={"n": number}, tags={"dagster/data_version": f"{number}"})
            )
            instance.report_runless_asset_event(dg.AssetMaterialization("parts", partition="a", metadata={"n": number}))
        instance.report_runless_asset_event(dg.AssetMaterialization("parts", partition="b"))
        assert prune_runless_events(url, keep_days=1) == 0
        with connect(url) as dagster:
            dagster.execute("update event_logs set timestamp = timestamp - interval '2 days'")
            instance.report_runless_asset_event(dg.AssetMaterialization("one", metadata={"n": 9}))
            assert prune_runless_events(url, keep_days=1) == 7
            assert prune_runless_events(url, keep_days=1) == 0
            left = dagster.execute("select asset_key, partition from event_logs order by 1, 2").fetchall()
        assert [(row["asset_key"], row["partition"]) for row in left] == [
            ('["one"]', None),
            ('["parts"]', "a"),
            ('["parts"]', "b"),
        ]
        newest = instance.get_latest_materialization_event(dg.AssetKey("parts"))
        assert newest is not None
        assert instance.get_materialized_partitions(dg.AssetKey("parts")) == {"a", "b"}
        event = instance.get_latest_materialization_event(dg.AssetKey("one"))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["n"].value == 9
    with connect(company.url) as admin:
        admin.execute("drop database dagster_events with (force)")
