"""The peer of `make bench` without a framework: the script that one writes first. Page by page, upserted by id.

Usage: plain_peer.py BASE_URL USER PASSWORD DATABASE_URL
"""

from __future__ import annotations

import sys

import psycopg2
import requests
from psycopg2.extras import Json, execute_values

base, user, password, database = sys.argv[1:5]
COLUMNS = {
    "id": "id",
    "name": "name",
    "email": "email",
    "phone": "tel",
    "vat_number": "vatIdNumber",
    "language": "language",
    "modified_at": "updatedAt",
}
UPSERT = f"""
insert into plain_clients ({", ".join(COLUMNS)}, record) values %s
on conflict (id) do update set {", ".join(f"{c} = excluded.{c}" for c in [*COLUMNS, "record"] if c != "id")}
"""

with psycopg2.connect(database) as connection, connection.cursor() as cursor, requests.Session() as session:
    session.auth = (user, password)
    cursor.execute(
        f"create table if not exists plain_clients ({', '.join(f'{c} text' for c in COLUMNS)}, record jsonb, primary key (id))"
    )
    page, pages = 0, 1
    while page < pages:
        params = {"page": str(page), "size": "100", "sort": "id:asc"}
        answer = session.get(f"{base}/api/v2/clients", params=params, timeout=60)
        answer.raise_for_status()
        body = answer.json()
        execute_values(cursor, UPSERT, [[*(i.get(k) for k in COLUMNS.values()), Json(i)] for i in body["items"]])
        connection.commit()
        page, pages = page + 1, body["totalPages"]
