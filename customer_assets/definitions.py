"""The code location: `defs` is the only module-scope Definitions, built by `build_defs` from the folder `defs/`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from customer_assets.defs.jobs import OP_JOBS, PUSH, asset_jobs
from customer_assets.defs.resources import RuntimeResource
from customer_assets.defs.schedules import build_schedules
from customer_assets.runtime.runtime import Runtime


def build_defs(
    *,
    key_prefix: str | Sequence[str] = (),
    group_prefix: str = "",
    accounts: Sequence[str] = (),
    schedules: bool = True,
    include_push: bool = True,
) -> dg.Definitions:
    """Our definitions, for merging into those of somebody else's code location. Their jobs select our assets alone.

    Touches neither network nor database; reads the settings that schedules are made of. There is no executor among them:
    the host's is used.

    Args:
        key_prefix: before the key of every asset.
        group_prefix: before the name of every group, joined by an underscore.
        accounts: only these, as accounts.toml names them; none: all.
        schedules: whether the timetable is there.
        include_push: whether there is an asset, and a job, that writes to a customer's system.
    """
    prefix = [key_prefix] if isinstance(key_prefix, str) else list(key_prefix)
    loaded = _loaded()
    jobs = [*asset_jobs(prefix, include_push=include_push), *OP_JOBS]
    kept = [one for one in _assets(loaded) if include_push or dg.AssetKey(PUSH) not in _keys(one)]
    renamed = {key: dg.AssetKey([*prefix, *key.path]) for one in kept for key in _keys(one)}
    return dg.Definitions(
        assets=[_placed(one, renamed, group_prefix) for one in kept],
        asset_checks=[
            check.with_attributes(asset_key_replacements=renamed)
            for check in loaded.asset_checks or ()
            if include_push or all(key.asset_key != dg.AssetKey(PUSH) for key in check.check_keys)
        ],
        jobs=jobs,
        schedules=build_schedules(jobs) if schedules else [],
        sensors=loaded.sensors,
        resources={"runtime": RuntimeResource(is_guest=True, key_prefix=prefix, accounts=list(accounts))},
    )


def own_defs(runtime: Runtime | None = None) -> dg.Definitions:
    """The definitions of this project's own code location; tests hand in a runtime of their own."""
    return dg.Definitions.merge(
        _loaded(),
        dg.Definitions(
            resources={"runtime": runtime or RuntimeResource()},
            executor=dg.in_process_executor,  # a three-step job takes 4 s in one process, 14 to 18 s in several
        ),
    )


def _loaded() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)


def _assets(loaded: dg.Definitions) -> list[Any]:
    return [one for one in loaded.assets or () if isinstance(one, dg.AssetsDefinition | dg.AssetSpec)]


def _keys(one: dg.AssetsDefinition | dg.AssetSpec) -> list[dg.AssetKey]:
    return [one.key] if isinstance(one, dg.AssetSpec) else list(one.keys)


def _placed(
    one: dg.AssetsDefinition | dg.AssetSpec, renamed: dict[dg.AssetKey, dg.AssetKey], group_prefix: str
) -> dg.AssetsDefinition | dg.AssetSpec:
    """An asset under its new key, in its new group."""

    def grouped(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(group_name=f"{group_prefix}_{spec.group_name}") if group_prefix else spec

    if isinstance(one, dg.AssetSpec):
        return grouped(one).replace_attributes(key=renamed[one.key])
    return one.map_asset_specs(grouped).with_attributes(asset_key_replacements=renamed)


defs = own_defs()
