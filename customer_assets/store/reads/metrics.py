"""Numbers for monitoring, each declared with the question that answers it. No personal data, and one row per label set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from customer_assets.store.database import Connection

DAEMON_SEEN, BACKED_UP = "seen the daemon", "backed up"  # marks: when, in seconds since 1970


@dataclass(frozen=True, slots=True)
class Measured:
    """Some numbers that one question answers.

    Attributes:
        numbers: name, as the column that holds it -> what it says.
        labels: columns that tell the rows apart.
        query: what is asked.
    """

    numbers: Mapping[str, str]
    labels: tuple[str, ...]
    query: str


@dataclass(frozen=True, slots=True)
class Number:
    """One number: its name, what it says, and the label values of each of its readings."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    readings: list[tuple[tuple[str, ...], float]]


STREAM = ("account", "system", "entity")
MEASURED = (
    Measured(
        {
            "sync_last_success_timestamp_seconds": "end of the last sync of a stream that went well",
            "sync_last_status": "1: the last sync of a stream went well; 0: it did not",
            "sync_rows": "rows of the last complete scan",
        },
        STREAM,
        """
        select account, source as system, entity,
            extract(epoch from greatest(last_full_at, last_incremental_at)) as sync_last_success_timestamp_seconds,
            (last_status = 'ok')::int as sync_last_status,
            last_full_rows as sync_rows
        from sync_metadata
        """,
    ),
    Measured(
        {
            "scan_complete": "1: the last full scan of a stream was complete; 0: it was not, so nothing was deleted by it"
        },
        STREAM,
        """
        select distinct on (account, source, stream) account, source as system, stream as entity,
            (status = 'complete')::int as scan_complete
        from ops.raw_scans
        where kind = 'full'
            and status <> 'running'
        order by account, source, stream, id desc
        """,
    ),
    Measured(
        {
            "quota_left": "calls left of the day's quota, as the system said last",
            "sync_running_seconds": "how long the sync that runs has been at it; absent where none runs",
        },
        ("account", "system"),
        """
        select distinct on (account, source) account, source as system, quota_left,
            case when status = 'running' then extract(epoch from now() - started_at) end as sync_running_seconds
        from sync_runs
        where started_at > now() - interval '2 days'
            and source <> ''
        order by account, source, id desc
        """,
    ),
    Measured(
        {"rejected_records": "records set aside, which the next sync tries again"},
        STREAM,
        """
        select account, source as system, entity, count(*) as rejected_records
        from ops.rejected_records
        where resolved_at is null
        group by 1, 2, 3
        """,
    ),
    Measured(
        {"records": "active customers of a system"},
        ("account", "system"),
        "select account, source as system, count(*) as records from customer_rows where deleted_at is null group by 1, 2",
    ),
    Measured(
        {
            "customers": "active records of all systems",
            "deliveries_waiting": "deliveries that wait to be applied",
            "deliveries_parked": "deliveries that were given up",
            "delivery_oldest_waiting_seconds": "age of the oldest delivery that waits; 0 where none does",
            "sumit_conflicts": "fields that both sides changed, and nobody decided",
            "match_reviews": "pairs that may be one customer, and nobody decided",
            "seconds_since_last_good_sync": "of the best of all accounts; see sync_last_success_timestamp_seconds",
        },
        (),
        """
        select
            (select count(*) from customer_rows where deleted_at is null) as customers,
            d.waiting as deliveries_waiting,
            d.parked as deliveries_parked,
            coalesce(extract(epoch from now() - d.oldest), 0) as delivery_oldest_waiting_seconds,
            (select count(*) from ops.sumit_conflicts where status = 'open') as sumit_conflicts,
            (select count(*) from match_reviews where status = 'open') as match_reviews,
            (select coalesce(extract(epoch from now() - max(finished_at)), -1) from sync_runs where status = 'ok')
                as seconds_since_last_good_sync
        from (
            select count(*) filter (where status = 'waiting') as waiting,
                count(*) filter (where status = 'failed' and next_attempt_at is null) as parked,
                min(received_at) filter (where status = 'waiting') as oldest
            from ops.webhook_deliveries
            where status in ('waiting', 'failed')
        ) d
        """,
    ),
    Measured(
        {
            "dagster_daemon_seen_timestamp_seconds": "when Dagster's daemon was seen at work",
            "backup_last_success_timestamp_seconds": "end of the last backup that went well",
        },
        (),
        f"""
        select max(value) filter (where mark = '{DAEMON_SEEN}')::float as dagster_daemon_seen_timestamp_seconds,
            max(value) filter (where mark = '{BACKED_UP}')::float as backup_last_success_timestamp_seconds
        from ops.database_marks
        """,
    ),
    Measured(
        {"db_size_bytes": "what a table takes on disk, with its indexes"},
        ("table",),
        """
        select format('%%s.%%s', n.nspname, c.relname) as table, pg_total_relation_size(c.oid) as db_size_bytes
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r'
            and n.nspname in ('public', 'ops')
            and c.relpages > 100
        """,
    ),
)


def numbers(connection: Connection) -> Iterator[Number]:
    """All that is measured; a number that nobody has yet is left out."""
    for measured in MEASURED:
        rows = connection.execute(measured.query, {}).fetchall()
        for name, meaning in measured.numbers.items():
            found = [
                (tuple(str(row[label]) for label in measured.labels), float(row[name]))
                for row in rows
                if row[name] is not None
            ]
            yield Number(name, meaning, measured.labels, found)
