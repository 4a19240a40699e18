"""What Dagster keeps of work that no run did: it has no setting by which that ends, so that it is ended here.

Dagster's own database (`runtime.dagster_url`), not ours. Of each asset and partition the newest event of a kind stays, by which
it is known to be there and fresh; those of runs go with their runs.
"""

from __future__ import annotations

from customer_assets.store.batches import delete_in_batches
from customer_assets.store.database import Connection, scalar


def prune_runless(connection: Connection, *, keep_days: float) -> int:
    """Delete events of no run that are older than that; returns how many.

    Args:
        connection: to Dagster's database; one that has no such tables is left alone.
        keep_days: age.
    """
    if not scalar(connection, "select to_regclass('event_logs') is not null"):
        return 0
    gone = delete_in_batches(
        connection,
        "event_logs",
        """
        d.run_id = ''
            and d.timestamp < (now() at time zone 'UTC') - make_interval(secs => %(seconds)s)
            and exists (
                select
                from event_logs n
                where n.asset_key = d.asset_key
                    and n.dagster_event_type = d.dagster_event_type
                    and n.partition is not distinct from d.partition
                    and n.id > d.id
            )
        """,
        {"seconds": keep_days * 86_400},
    )
    if gone:
        delete_in_batches(
            connection,
            "asset_event_tags",
            "d.event_id is not null and not exists (select from event_logs e where e.id = d.event_id)",
            {},
        )
    return gone
