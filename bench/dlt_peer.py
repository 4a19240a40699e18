"""The peer of `make bench`: the same clients into the same server with dlt, loaded as CSV, upserted by id.

Usage: dlt_peer.py BASE_URL USER PASSWORD DATABASE_URL WORK_FOLDER
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

base, user, password, database, folder = sys.argv[1:6]
os.environ |= {
    "DLT_DATA_DIR": folder,
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
}

import dlt  # noqa: E402 (its settings are read at import)
import requests  # noqa: E402


@dlt.resource(
    name="clients",
    primary_key="id",
    write_disposition={"disposition": "merge", "strategy": "upsert"},
)
def clients() -> Iterator[list[dict[str, Any]]]:
    """All pages of /clients."""
    with requests.Session() as session:
        session.auth = (user, password)
        page = 0
        while True:
            params = {"page": page, "size": 100, "sort": "id:asc"}
            answer = session.get(f"{base}/api/v2/clients", params=params, timeout=60)
            answer.raise_for_status()
            body = answer.json()
            if not body["items"]:
                return
            yield body["items"]
            page += 1
            if page >= body["totalPages"]:
                return


pipeline = dlt.pipeline(
    "peer", destination=dlt.destinations.postgres(database), dataset_name="peer", pipelines_dir=folder
)
print(pipeline.run(clients(), loader_file_format="csv"))
