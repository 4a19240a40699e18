"""The outbox of reports to Dagster: work that no run did is noted here, and told by whoever has Dagster loaded anyway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from customer_assets.store.database import Connection


@dataclass(frozen=True)
class Report:
    """One batch of work.

    Attributes:
        description: what was done.
        metadata: asset -> what Dagster is told of it.
    """

    description: str
    metadata: Mapping[str, Mapping[str, Any]]


def add(connection: Connection, report: Report) -> None:
    """Note a report; it is told later."""
    connection.execute(
        "insert into ops.dagster_reports (description, metadata) values (%s, %s)",
        [report.description, Jsonb(report.metadata)],
    )


def take(connection: Connection, *, most: int = 100) -> Iterator[Report]:
    """Reports in the order they came, each gone once the caller went on to the next: one that fails is told again.

    Several processes may do so at once; each takes what nobody else holds.
    """
    for _ in range(most):
        with connection.transaction():
            row = connection.execute(
                """
                delete from ops.dagster_reports
                where id = (
                    select id
                    from ops.dagster_reports
                    order by id
                    limit 1
                    for update skip locked
                )
                returning description, metadata
                """
            ).fetchone()
            if row is None:
                return
            yield Report(row["description"], row["metadata"])
