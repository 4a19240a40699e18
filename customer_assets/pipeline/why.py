"""Why a cell holds what it holds: from the golden record down to the bytes of the answer that said so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_assets.accounts import Account
from customer_assets.domain.cache.columns import CUSTOMER_COLUMNS, SURVIVING
from customer_assets.domain.cache.mapping import Field, Mapper, Record, RecordMapping, decode_record
from customer_assets.domain.cache.overlay import source_values
from customer_assets.domain.cache.tables import CUSTOMERS
from customer_assets.domain.webhooks.deliveries import record_of
from customer_assets.errors import NotFoundError, RecordError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.profiles import INVOICE
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import Stream
from customer_assets.store.cache import overlays
from customer_assets.store.database import Connection, connect
from customer_assets.store.identity import golden
from customer_assets.store.reads import origins
from customer_assets.store.reads.origins import Showing


@dataclass(frozen=True, slots=True)
class CellOrigin:
    """Where one cell of a cache row is from.

    Attributes:
        column, value: the cell.
        golden: the field of the golden record that is from this row and column; None: it is from another, or no field.
        rule: why it is so, in words: read from the source, derived, a role override, an edit, nothing said.
        path: key of the raw record that said so, dotted where nested.
        raw: what stands there.
        page_id, delivery_id: the raw page, or the delivery.
        call: which call it was.
        at: when it was asked for, or signed (UTC).
        changed: the newest change of this cell, as customer_changes has it.
    """

    column: str
    value: Any
    golden: str | None
    rule: str
    path: str | None = None
    raw: Any = None
    page_id: int | None = None
    delivery_id: str | None = None
    call: str | None = None
    at: datetime | None = None
    changed: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """A cache row with where its cells are from, and the golden record that it is part of."""

    row: Mapping[str, Any]
    golden: Mapping[str, Any] | None
    cells: list[CellOrigin]


def why(context: Context, name: str) -> list[Why]:
    """Where the cells of a record are from.

    Args:
        context: database, and the accounts whose mappings explain.
        name: `system:id` or a customers_cache id, with `.column` behind it for one column alone.

    Returns:
        One entry per account that has a record of that name.

    Raises:
        NotFoundError: there is no such record, or no such column.
    """
    with connect(context.url, name="customer_assets why") as connection:
        rows, column = _named(connection, name)
        return [_why(connection, context, row, column) for row in rows]


def _named(connection: Connection, name: str) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of a name, and the column behind it; an id may have a dot itself."""
    columns = {column.name for column in CUSTOMER_COLUMNS}
    given, _, column = name.rpartition(".")
    if given and column in columns and (rows := golden.find_rows(connection, given)):
        return rows, column
    if rows := golden.find_rows(connection, name):
        return rows, None
    if given and golden.find_rows(connection, given):
        raise NotFoundError(f"customers_cache has no column {column}")
    raise NotFoundError(f"no record {name}: write system:id or a customers_cache id, and .column for one column")


def _why(connection: Connection, context: Context, row: dict[str, Any], only: str | None) -> Why:
    account = next((a for a in context.accounts if (a.account, a.system) == (row["account"], row["source"])), None)
    record = origins.golden_of(connection, row)
    edits = {edit["field"]: edit for edit in overlays.open_edits(connection, row["id"])}
    sources = source_values(row, CUSTOMERS.source_columns)
    read = _readings(connection, account, row) if account is not None else []
    cells = []
    for column in CUSTOMER_COLUMNS:
        if only not in (None, column.name):
            continue
        value = row[column.name]
        survives = _survives(record, row, column.name)
        changed = origins.delivery_of_change(connection, row["id"], column.name) if only else None
        if column.derived:
            rule = column.comment or "worked out from the other columns"
            cells.append(CellOrigin(column.name, value, survives, f"derived: {rule}", changed=changed))
            continue
        over = _overlaid(column.name, row, edits)
        found = _said(read, column.name, sources[column.name])
        if found is None:
            rule = over or _unsaid(row, account, column.name, value, column.blank)
            cells.append(CellOrigin(column.name, value, survives, rule, changed=changed))
            continue
        showing, path, raw = found
        rule = f"{over}; beneath, read from the source" if over else "read from the source"
        cells.append(
            CellOrigin(
                column.name,
                value,
                survives,
                rule,
                path,
                raw,
                showing.page_id,
                showing.delivery_id,
                f"{row['source']} {showing.stream}: {showing.call}",
                showing.at,
                changed,
            )
        )
    return Why(row, record, cells)


def _unsaid(row: Mapping[str, Any], account: Account | None, column: str, value: Any, blank: Any) -> str:
    """Why a cell holds what no answer says."""
    if value in (None, blank):
        return "nobody says it"
    if row["source"] == INVOICE:
        return f"out of old invoices, {row['source_customer_id']} and those that go with it (`explain legacy:...`)"
    if account is not None:
        fields = SYSTEMS[account.system].stream("customers").mapping(account.settings).fields
        if any(f.column == column and value in (f.default, f.insert_default) for f in fields):
            return "a default of ours for new rows: its system says nothing"
    return "nothing that landed says it: somebody changed it by hand (verify --against-raw names the raw value)"


def _survives(record: Mapping[str, Any] | None, row: Mapping[str, Any], column: str) -> str | None:
    """The field of the golden record that this cell gave."""
    names = {c.name: c.golden_name for c in SURVIVING}
    field = names.get(column)
    return field if record is not None and field is not None and record["provenance"].get(field) == row["id"] else None


def _overlaid(column: str, row: Mapping[str, Any], edits: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What is laid over the source's value."""
    if column in edits:
        edit = edits[column]
        return f"edited here by {edit['edited_by']} at {edit['edited_at']:%Y-%m-%d %H:%M} UTC"
    if column not in (row["covered"] or {}):
        return None
    if column == "role":
        return "a role override for its name (ops.role_overrides)"
    if column == "is_active" and row["deleted_at"] is not None:
        return "it is gone at the source"
    return "the contact persons' own comes first"


Reading = tuple[Showing, RecordMapping, Record, Mapping[str, Any]]


def _readings(connection: Connection, account: Account, row: Mapping[str, Any]) -> list[Reading]:
    """What landed of a row, the newest first: the answer, how it is mapped, the record, and the values it gives."""
    stream = SYSTEMS[account.system].stream("customers")
    found: list[Reading] = []
    for showing in origins.showings(
        connection, account=row["account"], source=row["source"], source_id=row["source_customer_id"]
    ):
        mapping = _mapping_of(connection, account, stream, showing)
        mapper = Mapper(mapping)
        for body in _records(stream, showing):
            try:
                _, record = mapper.reads(decode_record(body))
                mapped = mapper.map(record)
            except RecordError:
                continue
            if mapped.source_id == row["source_customer_id"]:
                found.append((showing, mapping, record, mapped.values))
    return found


def _mapping_of(connection: Connection, account: Account, stream: Stream, showing: Showing) -> RecordMapping:
    webhooks = SYSTEMS[account.system].webhooks
    if showing.kind == "delivery" and webhooks is not None:
        learned = overlays.extra_field_names(connection, account=account.account, source=account.system)
        return webhooks.mapping(account.settings, learned)
    return stream.mapping(account.settings)


def _records(stream: Stream, showing: Showing) -> Iterator[bytes]:
    if showing.kind == "delivery":
        yield bytes(record_of(showing.body))
        return
    opened = (stream.open_detail or stream.open) if showing.kind == "detail" else stream.open
    yield from map(bytes, opened(showing.body).records)


def _said(read: list[Reading], column: str, value: Any) -> tuple[Showing, str, Any] | None:
    """The newest answer that gives a cell its value, the path that has it, and what stands there."""
    for showing, mapping, record, values in read:
        if column not in values or values[column] != value:
            continue
        spec = next((f for f in mapping.fields if f.column == column), None)
        if spec is None:
            continue
        path, raw = _at_first_path(spec, record)
        if path is not None:
            return showing, path, raw
    return None


def _at_first_path(spec: Field, record: Record) -> tuple[str | None, Any]:
    """The path that a value was read from: the first that is there and not blank, else the first that is there."""
    there: list[tuple[str, Any]] = []
    for path in spec.paths:
        value: Any = record
        for key in path.split("."):
            if not isinstance(value, dict) or key not in value:
                break
            value = value[key]
        else:
            there.append((path, value))
    return next(((p, v) for p, v in there if v not in (None, "")), there[0] if there else (None, None))
