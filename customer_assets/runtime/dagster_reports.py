"""Telling Dagster of work that no run did: syncs from the shell, imports, deliveries applied as they landed.

Such work is noted in an outbox (`store/outbox.py`), which costs one row; whoever has Dagster loaded tells it: a sensor,
every few seconds while a daemon runs, else the next `customer-assets run`. Nobody loads Dagster for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from customer_assets.accounts import load_configuration
from customer_assets.runtime.dagster_home import dagster_home
from customer_assets.store import outbox
from customer_assets.store.database import connect

if TYPE_CHECKING:
    import dagster as dg


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The instance of this installation, the one that its daemon and web server use."""
    import dagster as dg

    home = dagster_home(load_configuration().settings.home_path)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def send_reports(instance: dg.DagsterInstance, url: str, key_prefix: Sequence[str] = ()) -> int:
    """Tell Dagster of all that waits in the outbox, of assets with this prefix; returns how many reports that were."""
    import dagster as dg

    sent = 0
    with connect(url, name="customer_assets reports") as connection:
        for report in outbox.take(connection):
            for asset, metadata in report.metadata.items():
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(
                        [*key_prefix, asset], description=report.description, metadata=dict(metadata)
                    )
                )
            sent += 1
    return sent
