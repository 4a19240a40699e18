"""The ids that a scan saw, compared with what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from customer_assets.store.database import Connection, scalar
from customer_assets.store.lines import line_of
from customer_assets.store.raw.pages import StreamKey

_KINDS = {"source_id": "text", "version": "text", "refers_to": "text"}


class SeenRecord(NamedTuple):
    """What a list page shows of one record.

    Attributes:
        source_id: its id.
        version: tells a changed record: its time of change, else a hash of it.
        refers_to: id of the customer that an invoice names.
    """

    source_id: str
    version: str
    refers_to: str | None


class SeenIds:
    """The records of one scan, in a temporary table: a million of them cost the client nothing.

    Of pages that are stored with their ids only the number of records is held, until something asks for the ids. Of
    pages that were not opened they are ids of the scan before, each once.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.execute(
            "create temporary table if not exists seen_ids (source_id text, version text, refers_to text)"
        )
        connection.execute("truncate pg_temp.seen_ids")
        self.count = 0
        self.gated = 0  # records of pages that were not opened
        self._stored: list[int] = []  # pages whose ids stand with them
        self._is_opened = False

    def add(self, records: Sequence[SeenRecord]) -> None:
        """Add the records of one or more pages."""
        line = line_of(tuple(_KINDS), _KINDS)
        with self._connection.cursor().copy("copy pg_temp.seen_ids (source_id, version, refers_to) from stdin") as copy:
            copy.write("".join([line(record._asdict()) for record in records]))
        self.count += len(records)
        self._is_opened = True

    def add_stored(self, page_id: int, records: int) -> None:
        """Add a page that is stored with the ids of its records."""
        self._stored.append(page_id)
        self.count += records
        self._is_opened = True

    def add_gated(self, page_id: int, records: int) -> None:
        """Add a stored page that was not opened."""
        self._stored.append(page_id)
        self.count += records
        self.gated += records

    def fill(self) -> None:
        """Have the ids of all pages in the table, with statistics, for what reads it."""
        if self._stored:
            self._connection.execute(
                """
                insert into pg_temp.seen_ids (source_id)
                select unnest(p.ids)
                from ops.raw_pages p
                where p.id = any(%s)
                """,
                [self._stored],
            )
            self._stored = []
        self._connection.execute("analyze pg_temp.seen_ids")

    def distinct(self) -> int:
        """How many different ids there are."""
        if not self._is_opened:
            return self.gated
        self.fill()
        return int(scalar(self._connection, "select count(distinct source_id) from pg_temp.seen_ids"))

    def is_all_of(self, live: int, *, loaded: int | None = None) -> bool:
        """Whether so many live rows can be no others than those seen, since each of those seen has its row.

        Args:
            live: number of live rows.
            loaded: number of different records seen, where each of them was loaded; None: that is not known.
        """
        return live == loaded if loaded is not None else not self._is_opened and self.gated == live

    def missing_from(self, table: str, id_column: str, *, account: str, source: str, before: datetime) -> list[str]:
        """Ids of live rows, stored or seen before that time, that the scan did not see; oldest first."""
        self.fill()
        rows = self._connection.execute(
            f"""
            select r.{id_column} as source_id
            from {table} r
            where r.account = %(account)s
                and r.source = %(source)s
                and r.deleted_at is null
                and greatest(r.created_at, r.last_seen_at) < %(before)s
                and not exists (select from pg_temp.seen_ids s where s.source_id = r.{id_column})
            order by r.id
            """,
            {"account": account, "source": source, "before": before},
        )
        return [row["source_id"] for row in rows]

    def unknown_references(self, key: StreamKey) -> list[str]:
        """Customers that invoices name, which are neither cached nor listed nor asked for in the stream `key`."""
        rows = self._connection.execute(
            """
            select distinct s.refers_to as source_id
            from pg_temp.seen_ids s
            where s.refers_to is not null
                and not exists (
                    select
                    from customer_rows r
                    where r.account = %(account)s
                        and r.source = %(source)s
                        and r.source_customer_id = s.refers_to
                )
                and not exists (
                    select
                    from ops.raw_details d
                    where d.account = %(account)s
                        and d.source = %(source)s
                        and d.stream = %(stream)s
                        and d.source_id = s.refers_to
                )
            order by 1
            """,
            key.parameters(),
        )
        return [row["source_id"] for row in rows]
