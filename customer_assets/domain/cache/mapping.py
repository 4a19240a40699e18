"""The mapping engine: a record of a system, by a table of fields, becomes the columns that it speaks of.

A mapping is data (`sources/<system>/mapping.py`); this module reads it. It knows no system and no table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

import msgspec

from customer_assets.domain.cache.columns import INDEXED
from customer_assets.domain.cache.compiled import compile_fill
from customer_assets.domain.cache.values import Convert, instant, text
from customer_assets.errors import RecordError

Record = dict[str, Any]
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FIELD_PARTS = ("column", "paths", "default", "insert_default", "hold", "required")
_EXTRA_IDS = ("id", "uuid", "fieldId", "extraFieldId")
_EXTRA_VALUES = ("stringValue", "dateValue", "decimalValue", "integerValue", "booleanValue")
ERASED_MARK = "customer_assets erased"  # key of what is left of a record in a raw page: its id, and nothing to read
RECORD_HASH = 8  # bytes
LONGEST_INDEXED = 600  # no index takes more than 2,700 bytes
_encoder = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True)
class Field:
    """One column and where it comes from.

    Attributes:
        column: the column of the cache.
        paths: keys of the record, dotted where nested, in order of preference.
        convert: value -> column value.
        default: stands for a blank.
        insert_default: stands for a blank on insert only; an update keeps the stored value.
        hold: a blank never replaces a stored value.
        required: a record without it is rejected.
    """

    column: str
    paths: tuple[str, ...]
    convert: Convert = text
    default: Any = None
    insert_default: Any = None
    hold: bool = False
    required: bool = False


@dataclass(frozen=True)
class RecordMapping:
    """How the records of one stream become rows.

    Attributes:
        fields: the columns.
        id_path, modified_path: keys of the record's id and of its time of change.
        absent: what an absent key means: `null` clears the column, `keep` leaves it.
        prepare: reshapes a record before it is read (SUMIT's arrays).
        skip: says why a record is none of ours, else None.
        skip_rule: what that depends on, as text: another rule is another mapping.
        volatile: keys kept out of `metadata`, since they change without the customer changing.
        extra_fields: column -> folded names of the extra fields that feed it first.
        extra_field_ids: extra field id -> name.
        keeps_metadata: keys that no column holds go to `metadata`.
    """

    fields: tuple[Field, ...]
    id_path: str
    modified_path: str | None = None
    absent: str = "null"
    prepare: Callable[[Record], Record] | None = None
    skip: Callable[[Record], str | None] | None = None
    skip_rule: str = ""
    volatile: frozenset[str] = frozenset()
    extra_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extra_field_ids: Mapping[str, str] = field(default_factory=dict)
    keeps_metadata: bool = True

    @property
    def known_keys(self) -> frozenset[str]:
        """Top-level keys that columns (or nothing) hold; the others go to `metadata`."""
        paths = [path.split(".")[0] for f in self.fields for path in f.paths]
        return frozenset([*paths, self.id_path, *([self.modified_path] if self.modified_path else []), *self.volatile])

    def with_extra_fields(self, names: Mapping[str, Iterable[str]], ids: Mapping[str, str]) -> RecordMapping:
        """This mapping with a tenant's own extra fields bound to columns."""
        folded = {column: tuple(fold_name(name) for name in given) for column, given in names.items()}
        unknown = folded.keys() - {f.column for f in self.fields}
        if unknown:
            raise RecordError(f"extra fields are bound to unknown columns: {', '.join(sorted(unknown))}")
        return replace(
            self,
            extra_fields=folded,
            extra_field_ids=dict(ids),
            prepare=partial(_with_named_extras, dict(ids)),
        )

    def described(self) -> str:
        """The mapping as text, the same in every process: a record read under another mapping is read again."""
        fields = [(*(getattr(f, name) for name in _FIELD_PARTS), f.convert.__qualname__) for f in self.fields]
        names = sorted((column, *found) for column, found in self.extra_fields.items())
        other = (self.skip_rule,) if self.skip_rule else ()
        return repr((fields, self.absent, names, sorted(self.extra_field_ids.items()), sorted(self.volatile), *other))

    def described_rest(self) -> str:
        """What decides which keys go to `metadata`, as text."""
        return repr((sorted(self.known_keys), self.keeps_metadata))

    def reading_absent_as(self, absent: str) -> RecordMapping:
        """This mapping with another meaning of absent keys: `null` or `keep`."""
        return replace(self, absent=absent)


@dataclass(slots=True)
class MappedRecord:
    """What one record says of its row.

    Attributes:
        source_id: the record's id at its system.
        modified_at: its time of change as the system gives it, in UTC; None where it gives none.
        values: column -> value, for the columns the record speaks of. None clears.
        insert_values: column -> value for a row that is not there yet.
        metadata: keys that no column holds.
        conflicts: number of columns for which two paths gave different values.
        warnings: what was dropped, and why.
        record_hash: `record_hash` of the record, where it was read from a page.
    """

    source_id: str
    modified_at: datetime | None
    values: dict[str, Any]
    insert_values: dict[str, Any]
    metadata: dict[str, Any]
    conflicts: int = 0
    warnings: list[str] = field(default_factory=list)
    record_hash: bytes | None = None


class Mapper:
    """A mapping made ready to run over many records.

    Attributes:
        salt: hash of the mapping.
        rest: hash of what decides which keys go to `metadata`.
    """

    def __init__(self, mapping: RecordMapping) -> None:
        self._mapping = mapping
        self._known = mapping.known_keys
        self._keep_absent = mapping.absent == "keep"
        fields = [
            (
                f,
                tuple(tuple(path.split(".")) for path in f.paths),
                mapping.extra_fields.get(f.column, ()),
                # a blank of such a field is simply its default
                not (
                    self._keep_absent
                    or f.required
                    or f.hold
                    or f.insert_default is not None
                    or f.column in mapping.extra_fields
                ),
            )
            for f in mapping.fields
        ]
        self._fill = compile_fill(fields)
        self.salt = blake2b(mapping.described().encode(), digest_size=16).digest()
        self.rest = blake2b(mapping.described_rest().encode(), digest_size=16).digest()
        head = [("id", msgspec.Raw, msgspec.field(name=mapping.id_path, default=msgspec.Raw(b"")))]
        self._head: msgspec.json.Decoder[Any] = msgspec.json.Decoder(msgspec.defstruct("Head", head))

    def source_id(self, raw: bytes | msgspec.Raw) -> str | None:
        """The record's id, without reading the rest of it; None where it has none that can be read."""
        try:
            return plain_text(self._head.decode(raw).id)
        except msgspec.MsgspecError:
            return None

    def reads(self, record: Record) -> tuple[str | None, Record]:
        """The record as the mapping wants it, and why it is to be skipped (None: it is not)."""
        mapping = self._mapping
        prepared = mapping.prepare(record) if mapping.prepare else record
        return (mapping.skip(prepared) if mapping.skip else None), prepared

    def map(self, record: Record) -> MappedRecord:
        """Map one record (as `reads` returned it).

        Raises:
            RecordError: it has no id, or a value that no column can hold.
        """
        mapping = self._mapping
        warnings: list[str] = []
        source_id = text(record.get(mapping.id_path), mapping.id_path, warnings)
        if source_id is None:
            raise RecordError(f"no {mapping.id_path}")
        _require_indexable({mapping.id_path: source_id}, (mapping.id_path,))
        modified_at = instant(record.get(mapping.modified_path)) if mapping.modified_path is not None else None
        extras, unresolved = self._extras(record)
        values: dict[str, Any] = {}
        insert_values: dict[str, Any] = {}
        conflicts = self._fill(record, extras, unresolved, warnings, values, insert_values, self._keeps)
        _require_indexable(values)
        metadata = self._metadata(record, values, unresolved=unresolved)
        return MappedRecord(source_id, modified_at, values, insert_values, metadata, conflicts, warnings)

    def _metadata(self, record: Record, values: dict[str, Any], *, unresolved: bool) -> dict[str, Any]:
        """Keys that no column holds."""
        if not self._mapping.keeps_metadata:
            return {}
        metadata = {k: v for k, v in record.items() if k not in self._known}
        if unresolved and self._keep_absent:
            # a body that names extra fields by ids that nobody knows: kept aside, and the named ones left as they are
            values.pop("extra_fields", None)
            metadata["extraFields"] = record["extraFields"]
        return metadata

    def _keeps(self, spec: Field, *, is_given: bool, unresolved: bool, insert_values: dict[str, Any]) -> bool:
        """Whether a blank leaves the stored value alone; notes what a new row gets instead."""
        if spec.required:
            raise RecordError(f"no {spec.column}")
        if spec.insert_default is not None:
            insert_values[spec.column] = spec.insert_default
            return True
        if spec.hold or unresolved or (not is_given and self._keep_absent):
            if spec.default is not None:
                insert_values[spec.column] = spec.default
            return True
        return False

    def _extras(self, record: Record) -> tuple[dict[str, Any], bool]:
        """Extra fields by folded name with their value, and whether some key is an id that nobody named."""
        if not self._mapping.extra_fields:
            return {}, False
        given = record.get("extraFields")
        if not isinstance(given, dict):
            return {}, False
        extras: dict[str, Any] = {}
        unresolved = False
        for key, value in given.items():
            if _is_uuid(key):
                unresolved = True
                continue
            extras[_folded(key)] = _extra_value(value) if isinstance(value, dict) else value
        return extras, unresolved


def _extra_value(value: dict[str, Any]) -> Any:
    for key in _EXTRA_VALUES:
        if value.get(key) is not None:
            return value[key]
    return None


def _require_indexable(values: Mapping[str, Any], columns: Iterable[str] = INDEXED) -> None:
    for column in columns:
        value = values.get(column)
        if value is not None and len(value) > LONGEST_INDEXED:
            raise RecordError(f"{column} is longer than {LONGEST_INDEXED} characters")


def named_extra_fields(record: Record) -> dict[str, str]:
    """Ids of extra fields with their names, as far as a record tells both: beside a name the id, or the other way."""
    given = record.get("extraFields")
    found: dict[str, str] = {}
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(value, dict):
                continue
            if not _is_uuid(key):
                for id_key in _EXTRA_IDS:
                    if id_key in value:
                        if isinstance(value[id_key], str):
                            found[value[id_key]] = key
                        break
            elif isinstance(name := value.get("name"), str) and name.strip():
                found[key] = name.strip()
    return found


def _with_named_extras(ids: Mapping[str, str], record: Record) -> Record:
    """The record with extra fields under their names, where only their ids are given."""
    given = record.get("extraFields")
    if not isinstance(given, dict) or not any(_is_uuid(key) for key in given):
        return record
    names = named_extra_fields(record) | dict(ids)
    return {**record, "extraFields": {names.get(key, key): value for key, value in given.items()}}


@lru_cache(maxsize=4096)
def _is_uuid(key: str) -> bool:
    return _UUID.fullmatch(key) is not None


@lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    return fold_name(name)


def fold_name(name: str) -> str:
    """An extra field's name for comparison: case, spaces, `_` and `-` do not count."""
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def plain_text(value: msgspec.Raw) -> str | None:
    """A JSON scalar as trimmed text, None when it is missing, blank or no scalar."""
    if not bytes(value):
        return None
    decoded = msgspec.json.decode(value)
    if isinstance(decoded, str):
        return decoded.strip() or None
    return str(decoded) if isinstance(decoded, int | float) and not isinstance(decoded, bool) else None


def record_hash(raw: bytes | msgspec.Raw) -> bytes:
    """`RECORD_HASH` bytes over a record as received: enough to tell two versions of one record apart."""
    return blake2b(raw, digest_size=RECORD_HASH).digest()


def content_hash(values: Mapping[str, Any], blanks: Mapping[str, Any]) -> bytes:
    """16 bytes over the source's values.

    Blank columns (null, empty, or what `blanks` says an unsaid column holds) do not count: a record that does not speak
    of them hashes like one that says so, and a column added later changes no hash.
    """
    given = {
        column: value
        for column, value in values.items()
        if value is not None
        and (column not in blanks or value != blanks[column])
        and (type(value) is str or value not in ([], {}))
    }
    return blake2b(_encoder.encode(given), digest_size=16).digest()


_decoder = msgspec.json.Decoder()
_exact_decoder = msgspec.json.Decoder(float_hook=str)


def decode_record(raw: bytes | msgspec.Raw, *, exact_numbers: bool = False) -> Record:
    """One record out of a page, alone, so that a bad one rejects itself and not its page.

    Args:
        raw: JSON of one record.
        exact_numbers: decimals arrive as their text, for amounts of money.

    Raises:
        RecordError: it is not a JSON object.
    """
    data = bytes(raw)
    if b"\\u0000" in data:  # PostgreSQL text cannot hold it
        data = re.sub(rb"(?<!\\)((?:\\\\)*)\\u0000", rb"\1", data)
    try:
        record = (_exact_decoder if exact_numbers else _decoder).decode(data)
    except msgspec.DecodeError as error:
        raise RecordError(f"not readable as JSON: {error}") from None
    except UnicodeDecodeError:
        raise RecordError("not readable as JSON: not UTF-8") from None
    if not isinstance(record, dict):
        raise RecordError("not a JSON object")
    return record
