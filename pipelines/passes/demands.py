"""What a table demands of its writers: a commit of the log alone checks nothing, so it is checked here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
from deltalake import DeltaTable

from pipelines.errors import TableError
from pipelines.passes.footers import DataFile
from pipelines.tables.locations import local_path
from pipelines.transforms.staging import HIDDEN_BITS, HIDDEN_NULLS

PLAIN_PROTOCOLS = frozenset({(1, 1), (1, 2), (1, 3)})
"""The least versions of reader and writer of tables without features."""
_PROPERTIES = ("delta.appendOnly", "delta.constraints.", "delta.setTransactionRetentionDuration")
"""How properties begin that a commit would have to keep to."""
_OF_COLUMNS = ("delta.invariants", "delta.generationExpression", "__CHAR_VARCHAR_TYPE_STRING")
"""Metadata of columns, at any depth, that a writer must keep to."""
_QUOTED = frozenset('"#%*<>?[\\]^`{|} ') | {chr(number) for number in (*range(32), 127)}
"""The ASCII characters that delta-rs quotes in the paths that it writes into the log."""


def needs_spark(location: str, table: DeltaTable, partitions: Collection[str]) -> str | None:
    """Why rows must be written by Spark's own writer; None where a commit of the log is enough.

    Args:
        location: the table's folder. On an object store, Spark's Delta writer commits its tasks' files better.
        table: the same, at the version that is looked at.
        partitions: the columns that it is expected to be partitioned by.
    """
    if local_path(location) is None:
        return "it is not on a local disk"
    protocol, metadata = table.protocol(), table.metadata()
    versions = (protocol.min_reader_version, protocol.min_writer_version)
    if versions not in PLAIN_PROTOCOLS:
        return f"its protocol {versions}"
    if set(metadata.partition_columns) != set(partitions):
        return f"its partitions: {', '.join(metadata.partition_columns) or 'none'}"
    demanding = [name for name in metadata.configuration if name.startswith(_PROPERTIES)]
    if demanding:
        return f"its property {demanding[0]}"
    schema = table.schema().to_json()
    if any(name in schema for name in _OF_COLUMNS) or any(
        f'"{name}":false' in schema for name in ("nullable", "containsNull", "valueContainsNull")
    ):
        return "what is demanded of its columns"
    return None


def require_fitting(location: str, table: DeltaTable, files: Sequence[DataFile], *, may_hide: bool = False) -> None:
    """Check that the files hold columns of the table, of its types.

    Args:
        location: the table's.
        table: at the version that is looked at.
        files: those that are to be committed.
        may_hide: whether they may hold what a stage tells of scored rows besides: bits of rules, and nulls.

    Raises:
        TableError: they do not.
    """
    partitions = table.metadata().partition_columns
    types = {field.name: field.type for field in pa.schema(table.schema().to_arrow()) if field.name not in partitions}
    for file in files:
        wrong = [
            f"{found.name} {found.type}"
            for found in file.schema
            if not (
                alike(types[found.name], found.type)
                if found.name in types
                else may_hide and found.name not in partitions and _tells_nothing(file, found)
            )
        ]
        if wrong:
            raise TableError(
                f"the rows that were made do not fit the table at {location}",
                expected=", ".join(f"{name} {kind}" for name, kind in types.items()),
                found=", ".join(wrong),
                remedy="where the table lacks a column: lakescore tables evolve; else give the output another name",
            )


def alike(one: pa.DataType, other: pa.DataType) -> bool:
    """Whether types are the same but for the way they are stored: units of time, kinds of texts, names in lists."""
    return bool(_plain(one) == _plain(other))


def _tells_nothing(file: DataFile, found: pa.Field) -> bool:
    """Whether a column that the table does not have tells nothing of the input: a hidden file column is no secret."""
    if HIDDEN_BITS.fullmatch(found.name):
        return bool(pa.types.is_int64(found.type))
    return found.name in HIDDEN_NULLS and found.name in file.null


def path_for_removal(listed: str) -> str | None:
    """The path by which delta-rs takes a file out of a table; None where it would write another than the log has.

    A log holds paths with some characters quoted. delta-rs lists them so, and quotes what it is given once more, by
    rules of its own: Spark leaves letters outside ASCII as they are, delta-rs quotes them.

    Args:
        listed: as delta-rs lists it.

    >>> path_for_removal("model_name=it%27s/a.parquet") is None, path_for_removal("model_name=a%20b/a.parquet")
    (True, 'model_name=a b/a.parquet')
    """
    path = unquote(listed)
    return path if as_listed(path) == listed else None


def as_listed(path: str) -> str:
    """A path as delta-rs writes it into the log, and lists it."""
    return "".join(char if char.isascii() and char not in _QUOTED else quote(char, safe="") for char in path)


_SAME: Mapping[pa.DataType, pa.DataType] = {
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}


def _plain(kind: pa.DataType) -> Any:
    """A type apart from what differs by the way it is stored."""
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return ("list", _plain(kind.value_type))
    if pa.types.is_map(kind):
        return ("map", _plain(kind.key_type), _plain(kind.item_type))
    if pa.types.is_struct(kind):
        return ("struct", *[(field.name, _plain(field.type)) for field in kind])
    return _SAME.get(kind, kind)
