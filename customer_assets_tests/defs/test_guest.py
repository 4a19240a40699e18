"""`build_defs`: what a host merges into its own definitions."""

from __future__ import annotations

from collections import defaultdict
from graphlib import TopologicalSorter

import dagster as dg
import pytest

import customer_assets as ca
from customer_assets.accounts import Account, Configuration, build_settings
from customer_assets.definitions import own_defs
from customer_assets.errors import ConfigurationError
from customer_assets.runtime.dagster_runs import prune_dagster_runs
from customer_assets.runtime.runtime import Runtime
from customer_assets.settings import Settings
from customer_assets.sources.registry import SYSTEMS


@dg.asset
def theirs() -> int:
    """Somebody else's."""
    return 1


def hosted(**options: object) -> dg.RepositoryDefinition:
    mine = dg.Definitions(assets=[theirs], jobs=[dg.define_asset_job("nightly", selection="theirs")])
    return dg.Definitions.merge(ca.build_defs(**options), mine).get_repository_def()  # type: ignore[arg-type]


def test_our_jobs_select_our_assets_alone_and_theirs_are_untouched() -> None:
    repository = hosted(key_prefix="crm", group_prefix="crm")
    for job in repository.get_all_jobs():
        selected = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
        if job.name not in ("nightly", "__ASSET_JOB"):
            assert all(key.startswith("crm/") for key in selected), job.name
    graph = repository.asset_graph
    assert graph.get(dg.AssetKey("theirs")).group_name == "default"
    assert {graph.get(key).group_name for key in graph.get_all_asset_keys()} == {
        "default",
        "crm_customers",
        "crm_invoices",
        *(f"crm_{system}" for system in SYSTEMS),
    }
    assert dg.AssetKey(["crm", "customers_cache"]) in graph.get(dg.AssetKey(["crm", "customers"])).parent_keys


def test_a_guest_brings_all_that_is_ours() -> None:
    """What is added to `defs/` is in the folder's definitions by itself; here it is named."""
    own, guest = own_defs().get_repository_def(), ca.build_defs().get_repository_def()
    assert guest.asset_graph.get_all_asset_keys() == own.asset_graph.get_all_asset_keys()
    assert guest.asset_graph.asset_check_keys == own.asset_graph.asset_check_keys
    assert {one.name for one in guest.get_all_jobs()} == {one.name for one in own.get_all_jobs()}
    assert {one.name for one in guest.sensor_defs} == {one.name for one in own.sensor_defs}
    assert {one.name for one in guest.schedule_defs} == {one.name for one in own.schedule_defs}


def test_groups_follow_one_another() -> None:
    """The lineage with its groups folded has no way back: who reads it sees where data comes from."""
    graph = own_defs().get_repository_def().asset_graph
    before: dict[str, set[str]] = defaultdict(set)
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        before[node.group_name] |= {graph.get(parent).group_name for parent in node.parent_keys} - {node.group_name}
    assert list(TopologicalSorter(before).static_order())[-2:] == ["customers", "invoices"]


def test_every_asset_runs_in_a_job() -> None:
    repository = own_defs().get_repository_def()
    in_jobs = {
        key
        for job in repository.get_all_jobs()
        if job.name != "__ASSET_JOB"
        for key in job.asset_layer.selected_asset_keys
    }
    assert in_jobs == repository.asset_graph.materializable_asset_keys


def test_without_push_nothing_writes_to_a_system() -> None:
    repository = hosted(include_push=False)
    assert dg.AssetKey("sumit_push") not in repository.asset_graph.get_all_asset_keys()
    assert not repository.has_job("sumit_bidirectional")
    assert "daily_sumit_bidirectional" not in {schedule.name for schedule in repository.schedule_defs}
    assert {"daily_customer_sync", "weekly_prune"} <= {schedule.name for schedule in repository.schedule_defs}


def test_without_schedules_there_are_none() -> None:
    assert not hosted(schedules=False).schedule_defs


def test_a_guest_has_the_accounts_that_it_was_given() -> None:
    system = next(iter(SYSTEMS.values()))
    both = tuple(Account(name, system.name, build_settings(system.name)) for name in ("north", "south"))
    runtime = Runtime(Configuration(Settings(), both), "postgresql:///a", "postgresql:///b")
    assert [a.account for a in runtime.as_guest(["crm"], ["south"]).configuration.accounts] == ["south"]
    with pytest.raises(ConfigurationError, match="no account west"):
        runtime.as_guest([], ["west"])


def test_a_guest_deletes_its_own_old_runs_alone() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for job in ("customer_sync", "nightly"):
            instance.add_run(dg.DagsterRun(job_name=job, status=dg.DagsterRunStatus.SUCCESS))
        assert prune_dagster_runs(instance, keep_days=-1, jobs=["customer_sync"]) == 1
        assert [run.job_name for run in instance.get_runs()] == ["nightly"]
