"""The code location: `defs` is the only module-scope Definitions, built by `build_defs`."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from customer_assets.assets import ASSETS, EXTERNAL_ASSETS, OUTCOME
from customer_assets.checks import CHECKS
from customer_assets.config import load_configuration
from customer_assets.jobs import ASSET_JOBS, OP_JOBS
from customer_assets.resources import StackResource
from customer_assets.schedules import build_schedules
from customer_assets.sensors import SENSORS

# A night and a half: one missed nightly sync is seen the next afternoon.
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))
ON_DEMAND = {"migrated_customers", "relinked_invoices"}


def build_defs(stack: StackResource | None = None) -> dg.Definitions:
    """All definitions; tests and demonstrations hand in a stack of their own.

    Touches neither network nor database; reads the two settings that schedules are made of.
    """
    configuration = load_configuration()
    return dg.Definitions(
        assets=[*(asset.map_asset_specs(_with_freshness) for asset in ASSETS), *EXTERNAL_ASSETS],
        asset_checks=[*CHECKS, OUTCOME],
        jobs=[*ASSET_JOBS, *OP_JOBS],
        schedules=build_schedules(
            timezone=configuration.settings.timezone, sumit_nightly=configuration.sumit_is_nightly
        ),
        sensors=SENSORS,
        resources={"stack": stack or StackResource()},
        executor=dg.in_process_executor,  # a three-step job takes 4 s in one process, 14 to 18 s in several
    )


def _with_freshness(spec: dg.AssetSpec) -> dg.AssetSpec:
    """One policy for all that the nightly sync refreshes."""
    if spec.key.to_user_string() in ON_DEMAND:
        return spec
    return spec.replace_attributes(freshness_policy=FRESH)


defs = build_defs()
