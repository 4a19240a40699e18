"""The peers of `make bench` made with dlt: the same clients into the same server, upserted by id.

Usage: dlt_peer.py KIND BASE_URL USER PASSWORD DATABASE_URL WORK_FOLDER

Kinds: `rows` (dicts, loaded as CSV), `arrow` (tables of Arrow, loaded as CSV), `kept` (dicts, and beside them what this
project keeps, too: the answers as received, and the same indexes).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

kind, base, user, password, database, folder = sys.argv[1:7]
os.environ |= {
    "DLT_DATA_DIR": folder,
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
}

import dlt  # noqa: E402 (its settings are read at import)
import requests  # noqa: E402

UPSERT = {"disposition": "merge", "strategy": "upsert"}
# what the cache's own indexes cover, as far as dlt makes columns of it
INDEXES = (
    "name",
    "email",
    "tel",
    "vat_id_number",
    "address__city",
    "address__country",
    "active",
    "updated_at",
    "status",
    "role",
)


def answers() -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """Number, body and content of each page of /clients."""
    with requests.Session() as session:
        session.auth = (user, password)
        page, pages = 0, 1
        while page < pages:
            params = {"page": page, "size": 100, "sort": "id:asc"}
            answer = session.get(f"{base}/api/v2/clients", params=params, timeout=60)
            answer.raise_for_status()
            body = answer.json()
            yield page, answer.content, body
            page, pages = page + 1, body["totalPages"]


@dlt.resource(name="clients", primary_key="id", write_disposition=UPSERT)
def clients() -> Iterator[Any]:
    """The clients, a page at a time."""
    for _, _, body in answers():
        if kind == "arrow":
            import pyarrow as pa

            # nested values as text: Arrow would make a struct of them, which PostgreSQL has no type for
            rows = [{k: str(v) if isinstance(v, dict | list) else v for k, v in item.items()} for item in body["items"]]
            yield pa.Table.from_pylist(rows)
        else:
            yield body["items"]


@dlt.resource(name="kept")
def kept() -> Iterator[Any]:
    """The clients, and the answers that they came in."""
    for page, received, body in answers():
        raw = {"page": page, "body": received.decode()}
        yield dlt.mark.with_hints(
            raw, dlt.mark.make_hints(table_name="raw_pages", primary_key="page", write_disposition=UPSERT), True
        )
        yield dlt.mark.with_hints(
            body["items"], dlt.mark.make_hints(table_name="clients", primary_key="id", write_disposition=UPSERT), True
        )


pipeline = dlt.pipeline(
    "peer", destination=dlt.destinations.postgres(database), dataset_name=f"peer_{kind}", pipelines_dir=folder
)
print(pipeline.run(kept() if kind == "kept" else clients(), loader_file_format="csv"))
if kind == "kept":
    with pipeline.sql_client() as client:
        known = pipeline.default_schema.tables["clients"]["columns"]
        for column in known.keys() & INDEXES:
            client.execute_sql(f"create index if not exists {column}_at on peer_kept.clients ({column})")
