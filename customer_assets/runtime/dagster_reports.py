"""Telling Dagster of work that no run did: syncs from the shell, imports, deliveries applied as they landed.

Such work is noted in an outbox (`store/outbox.py`), which costs one row; whoever has Dagster loaded tells it: a sensor,
every few seconds while a daemon runs, else the next `customer-assets run`. Nobody loads Dagster for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

from customer_assets.accounts import load_configuration
from customer_assets.runtime.dagster_home import dagster_home
from customer_assets.store import outbox
from customer_assets.store.database import connect

if TYPE_CHECKING:
    import dagster as dg

MONTHS = "invoice_months"
LONGEST_GAP = 120  # months without invoices that a timeline shows; what lies further apart is a mistyped date


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
            if report.months:
                add_months(instance, list(report.months))
            for asset, metadata in report.metadata.items():
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(
                        [*key_prefix, asset], description=report.description, metadata=dict(metadata)
                    )
                )
            sent += 1
    return sent


def add_months(instance: dg.DagsterInstance, months: list[str]) -> list[str]:
    """Add partition keys that are not there yet, and the months between; returns all of them, in the order of time.

    A range of partitions is what stands between two keys, and Dagster keeps keys in the order in which they were added: where
    older months come later, those after them are added anew. What was materialized is kept by key, and so stays.
    """
    known = list(instance.get_dynamic_partitions(MONTHS))
    wanted = sorted({*known, *months, *_between(sorted({*known, *months}))})
    kept = next(
        (n for n, (is_there, key) in enumerate(zip(known, wanted, strict=False)) if is_there != key), len(known)
    )
    for key in known[kept:]:
        instance.delete_dynamic_partition(MONTHS, key)
    if wanted[kept:]:
        instance.add_dynamic_partitions(MONTHS, wanted[kept:])
    return list(instance.get_dynamic_partitions(MONTHS))


def _between(keys: list[str]) -> list[str]:
    """The months between those of some partition keys: a range may begin and end where nobody bought anything."""
    numbers = [int(key[:4]) * 12 + int(key[5:]) - 1 for key in keys if key[:4].isdigit()]
    return [
        f"{number // 12:04d}-{number % 12 + 1:02d}"
        for first, second in pairwise(numbers)
        if second - first <= LONGEST_GAP
        for number in range(first + 1, second)
    ]
