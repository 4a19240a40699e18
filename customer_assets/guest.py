"""Our definitions in somebody else's Dagster: `customer_assets.build_defs()`."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

import dagster as dg

from customer_assets.defs import assets
from customer_assets.defs import checks as checks_module
from customer_assets.defs.jobs import OP_JOBS, PUSH, asset_jobs
from customer_assets.defs.resources import RuntimeResource
from customer_assets.defs.schedules import build_schedules
from customer_assets.defs.sensors import reap_sensor, report_sensor, run_failure_alerts, webhook_sensor


def build_defs(
    *,
    key_prefix: str | Sequence[str] = (),
    group_prefix: str = "",
    accounts: Sequence[str] = (),
    schedules: bool = True,
    include_push: bool = True,
) -> dg.Definitions:
    """Our definitions, for merging into those of somebody else's code location. Their jobs select our assets alone.

    Touches neither network nor database; reads the settings that schedules and months are made of. There is no executor among them:
    the host's is used.

    Args:
        key_prefix: before the key of every asset.
        group_prefix: before the name of every group, joined by an underscore.
        accounts: only these, as accounts.toml names them; none: all.
        schedules: whether the timetable is there.
        include_push: whether there is an asset, and a job, that writes to a customer's system.
    """
    prefix = [key_prefix] if isinstance(key_prefix, str) else list(key_prefix)
    found = dg.load_assets_from_package_module(assets, include_specs=True)
    loaded = [one for one in found if isinstance(one, dg.AssetsDefinition | dg.AssetSpec)]
    checks = dg.load_asset_checks_from_modules([*_modules(assets), checks_module])
    jobs = [*asset_jobs(prefix, include_push=include_push), *OP_JOBS]
    kept = [one for one in loaded if include_push or dg.AssetKey(PUSH) not in _keys(one)]
    renamed = {key: dg.AssetKey([*prefix, *key.path]) for one in kept for key in _keys(one)}
    return dg.Definitions(
        assets=[_placed(one, renamed, group_prefix) for one in kept],
        asset_checks=[
            check.with_attributes(asset_key_replacements=renamed)
            for check in checks
            if include_push or all(key.asset_key != dg.AssetKey(PUSH) for key in check.check_keys)
        ],
        jobs=jobs,
        schedules=build_schedules(jobs) if schedules else [],
        sensors=[webhook_sensor, report_sensor, reap_sensor, run_failure_alerts],
        resources={"runtime": RuntimeResource(is_guest=True, key_prefix=prefix, accounts=list(accounts))},
    )


def _modules(package: ModuleType) -> list[ModuleType]:
    return [import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)]


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
