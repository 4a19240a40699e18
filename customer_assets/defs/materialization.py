"""What a step reports: counts and a table become one `MaterializeResult`; owners, retries and freshness of all assets.

Counts, calls, bytes, duration, row count, table name, column schema; no personal data, and no event per record.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from customer_assets.errors import CustomerAssetsError
from customer_assets.store.database import connect
from customer_assets.store.reads.integrity import count_rows

OWNERS = ["team:data"]
SCHEDULE = "dagster/schedule_name"  # Dagster's tag of runs that a schedule began
PERSONAL = {"personal_data": "yes"}  # who may see it, and for how long, is somebody's duty to say
# A night and a half: one missed nightly sync is seen the next afternoon.
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))
# For what passes by itself: a database that restarts, a lock that took too long. HTTP is retried in the client.
RETRY = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)
# For raw pages, which go on from what landed: a database that is away for five minutes costs time alone.
PATIENT = dg.RetryPolicy(max_retries=6, delay=5, backoff=dg.Backoff.EXPONENTIAL)
# Columns of base tables that their views do not show.
INTERNAL = {"covered", "record_hash", "last_seen_at", "source_time_given"}


if TYPE_CHECKING:
    Materialization = dg.MaterializeResult[None]
else:  # Dagster looks at the annotation of a step, and does not know the generic form where there are checks
    Materialization = dg.MaterializeResult


def sourced(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The same asset, whose page in Dagster's UI links to the function that does it, where it is installed."""
    return dg.with_source_code_references([asset])[0]  # type: ignore[return-value]


@dataclass(frozen=True)
class Materializing:
    """A table that a step fills; made when the step begins, since it times it.

    Attributes:
        url: database.
        table: base table, `schema.name` outside public.
        where: only rows with these values count.
    """

    url: str
    table: str
    where: Mapping[str, str] | None = None
    started: float = field(default_factory=time.monotonic)

    def result(
        self,
        counts: Mapping[str, int],
        *,
        checks: Sequence[dg.AssetCheckResult] = (),
        lineage: dg.TableColumnLineage | None = None,
        **metadata: Any,
    ) -> Materialization:
        """What the step says: its counts, the table as it is now, the seconds it took, and what else it knows."""
        return dg.MaterializeResult(
            metadata={
                **table_metadata(self.url, self.table, where=self.where),
                **counts_metadata(counts),
                **metadata,
                **({"dagster/column_lineage": lineage} if lineage is not None else {}),
                "seconds": round(time.monotonic() - self.started, 3),
            },
            check_results=list(checks),
        )


@contextmanager
def permanent_errors_are_final() -> Iterator[None]:
    """What repeating cannot help (a wrong setting, a file that cannot be read) fails the step at once."""
    try:
        yield
    except CustomerAssetsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def table_metadata(url: str, table: str, *, where: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Row count, name and columns of a table, from the same source as the DDL.

    Args:
        url: database.
        table: base table, `schema.name` outside public.
        where: only rows with these values count.
    """
    from sqlalchemy.dialects import postgresql

    from customer_assets.store.schema import metadata
    from customer_assets.store.schema.views import view_of

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    described, view = metadata.tables[table], view_of(table)
    with connect(url) as connection:
        rows = count_rows(connection, table, where)
    columns = [
        dg.TableColumn(
            column.name,
            column.type.compile(dialect=dialect).lower(),
            description=column.comment,
            constraints=dg.TableColumnConstraints(
                nullable=bool(column.nullable),
                unique=bool(column.primary_key) and len(described.primary_key) == 1,
            ),
        )
        for column in described.columns
        if view is None or column.name not in INTERNAL
    ]
    if view is not None:
        columns += [dg.TableColumn(name, kind, description=view.own[name]) for name, kind in view.types.items()]
    return {
        "calls": 0,
        "bytes": 0,
        "dagster/row_count": rows,
        "dagster/table_name": view.name if view is not None else table,
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }


def counts_metadata(counts: Mapping[str, int]) -> dict[str, Any]:
    """Counts as metadata entries."""
    return {name: dg.MetadataValue.int(int(value)) for name, value in counts.items()}
