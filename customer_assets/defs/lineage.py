"""Where each column comes from: raw paths, cache columns, golden columns; read from the declarations, so that it cannot be old."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import dagster as dg

from customer_assets.accounts import Account
from customer_assets.domain.cache.columns import CUSTOMER_COLUMNS
from customer_assets.domain.cache.derived import DERIVED_FROM
from customer_assets.sources.registry import streams_of
from customer_assets.sources.system import Entity

Sources = Mapping[str, Sequence[tuple[str, str]]]  # column -> (asset, column) that it comes from


def cache_lineage(entity: Entity, accounts: Sequence[Account], key_prefix: Sequence[str] = ()) -> dg.TableColumnLineage:
    """Cache columns from the paths of records, as the accounts' settings map them; derived ones through those they are of."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for system, stream in streams_of(entity):
        for account in accounts:
            if account.system != system.name:
                continue
            mapping = stream.mapping(account.settings)
            for field in mapping.fields:
                paths = [*(f"extraFields.{name}" for name in mapping.extra_fields.get(field.column, ())), *field.paths]
                found[field.column] += [(stream.asset, path) for path in paths]
    if entity == "customers":
        for column, beneath in DERIVED_FROM.items():
            found[column] += [source for name in beneath for source in found.get(name, ())]
    return _lineage(found, key_prefix)


def golden_lineage(key_prefix: Sequence[str] = ()) -> dg.TableColumnLineage:
    """Columns of `customers` from the cache columns that survive into them."""
    return _lineage({c.golden_name: [("customers_cache", c.name)] for c in CUSTOMER_COLUMNS if c.survives}, key_prefix)


def _lineage(found: Sources, key_prefix: Sequence[str]) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey([*key_prefix, asset]), column_name=name)
                for asset, name in dict.fromkeys(sources)
            ]
            for column, sources in found.items()
            if sources
        }
    )
