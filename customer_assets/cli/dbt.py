"""`dbt-sources`: what analysts read, as dbt sources."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def dbt_sources(
    name: Annotated[str, typer.Option(help="Name of the source.")] = "customer_assets",
    freshness_hours: Annotated[int, typer.Option(min=1, help="From when on the data is stale.")] = 36,
) -> None:
    """Write sources.yml: tables and views of schema public with descriptions, tests of keys, and freshness."""
    import yaml

    from customer_assets.cli.output import opened_runtime
    from customer_assets.store.database import connect
    from customer_assets.store.reads.described import dbt_sources as described

    with connect(opened_runtime().url) as connection:
        found = described(connection, name=name, freshness_hours=freshness_hours)
    sys.stdout.write(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100))
