"""Whether files may become a table's by a commit of the log alone, which checks nothing: so it is checked here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from pipelines.errors import TableError
from pipelines.passes.footers import DataFile
from pipelines.tables.locations import local_path

PLAIN_PROTOCOLS = frozenset({(1, 1), (1, 2), (1, 3)})
"""The least versions of reader and writer of tables without features that a writer must keep."""
KEPT_BY_SPARK = ("delta.appendOnly", "delta.constraints.", "delta.setTransactionRetentionDuration")
"""Properties, by their beginning, that a commit would have to keep to."""


def kept_by_spark(location: str, table: DeltaTable) -> str | None:
    """What of a table only Spark's own writer keeps right; None where a commit of the log is enough.

    Args:
        location: the table's folder. Elsewhere than on a local disk, Spark's writer commits its tasks' files better.
        table: the same, at the version that is looked at.
    """
    if local_path(location) is None:
        return "it is not on a local disk"
    protocol, metadata = table.protocol(), table.metadata()
    versions = (protocol.min_reader_version, protocol.min_writer_version)
    if versions not in PLAIN_PROTOCOLS:
        return f"its protocol {versions}"
    demanding = [name for name in metadata.configuration if name.startswith(KEPT_BY_SPARK)]
    if demanding:
        return f"its property {demanding[0]}"
    for field in json.loads(table.schema().to_json())["fields"]:
        if field["metadata"].keys() & {"delta.invariants", "delta.generationExpression"}:
            return f"what is demanded of its column {field['name']}"
        if not isinstance(field["type"], str) and _demands(field["type"]):
            return f"the nulls within its column {field['name']}"
    return None


def require_fitting(location: str, table: DeltaTable, files: Sequence[DataFile]) -> None:
    """Check that the files hold columns of the table, of its types, without nulls where it takes none.

    Raises:
        TableError: a commit would make rows of them that the table does not take.
    """
    fields = {field.name: field for field in pa.schema(table.schema().to_arrow())}
    partitions = set(table.metadata().partition_columns)
    for file in files:
        wrong = [
            f"{found.name} {found.type}"
            for found in file.schema
            if found.name not in fields
            or found.name in partitions
            or _plain(fields[found.name].type) != _plain(found.type)
        ]
        nulls = [
            f"{field.name} null"
            for field in fields.values()
            if not field.nullable and field.name not in partitions and file.nulls.get(field.name, file.rows) > 0
        ]
        if wrong or nulls:
            raise TableError(
                f"the rows that were made do not fit the table at {location}",
                expected=", ".join(f"{name} {field.type}" for name, field in fields.items() if name not in partitions),
                found=", ".join(wrong + nulls),
                remedy="add what is missing by `lakescore tables evolve`, or run again: it scores the slice anew",
            )


def _demands(kind: Any) -> bool:
    """Whether a nested type takes no null somewhere."""
    if isinstance(kind, list):
        return any(_demands(each) for each in kind)
    if not isinstance(kind, dict):
        return False
    flags = (kind.get(name) for name in ("nullable", "containsNull", "valueContainsNull"))
    return False in flags or any(_demands(each) for each in kind.values())


_SAME = {
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}


def _plain(kind: pa.DataType) -> Any:
    """A type apart from what differs by the way it was written: units of time, kinds of texts, names within lists."""
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return ("list", _plain(kind.value_type))
    if pa.types.is_map(kind):
        return ("map", _plain(kind.key_type), _plain(kind.item_type))
    if pa.types.is_struct(kind):
        return ("struct", *[(field.name, _plain(field.type)) for field in kind])
    return _SAME.get(kind, kind)
