"""What the footers of Parquet files say: how many rows, of which types, with which bounds; without reading a row."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from pipelines.tables.locations import storage

LONGEST_TEXT = 64
"""Texts of so many bytes are bounds as they are; a longer one may have been cut by its writer."""


@dataclass(frozen=True)
class ColumnStatistics:
    """What a file's footer says of a column.

    Args:
        nulls: how many of its values are null.
        bounds: its least and its greatest value; None where that is not certain.
    """

    nulls: int
    bounds: tuple[Any, Any] | None


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of a table.

    Args:
        path: below the table's folder.
        size: in bytes.
        rows: how many.
        schema: its columns.
        columns: the statistics of those columns that were asked for and have some.
        null: the columns that hold nothing but nulls, whatever is nested in them.
    """

    path: str
    size: int
    rows: int
    schema: pa.Schema
    columns: Mapping[str, ColumnStatistics]
    null: frozenset[str] = frozenset()

    def as_json(self) -> str:
        """The file's statistics as Delta's log keeps them.

        Source: the Delta transaction log protocol, github.com/delta-io/delta, PROTOCOL.md, "Per-file Statistics".
        """
        bounds = {name: column.bounds for name, column in self.columns.items() if column.bounds is not None}
        return json.dumps(
            {
                "numRecords": self.rows,
                "minValues": {name: _as_json_value(least) for name, (least, _) in bounds.items()},
                "maxValues": {name: _as_json_value(greatest) for name, (_, greatest) in bounds.items()},
                "nullCount": {name: column.nulls for name, column in self.columns.items()},
            }
        )


def data_files(location: str, folder: str, columns: Collection[str]) -> list[DataFile]:
    """The Parquet files of a folder that hold rows, by name.

    Args:
        location: the table's.
        folder: below it.
        columns: those whose statistics are wanted.

    Raises:
        OSError: the folder is not there, or a file is no Parquet.
    """
    files = storage(location)
    paths = sorted(info.path for info in files.get_file_info(fs.FileSelector(folder)) if info.extension == "parquet")
    read = [_read(files, path, columns) for path in paths]
    return [file for file in read if file.rows]


def _read(files: fs.FileSystem, path: str, columns: Collection[str]) -> DataFile:
    with files.open_input_file(path) as opened:
        try:
            parquet = pq.ParquetFile(opened)
        except pa.ArrowInvalid as error:
            raise OSError(f"{path} is no Parquet file: {error}") from error
        size, footer, schema = opened.size(), parquet.metadata, parquet.schema_arrow
    known: dict[str, ColumnStatistics] = {}
    telling = set()
    for number in range(footer.num_columns):
        column = footer.schema.column(number)
        groups = [footer.row_group(group).column(number).statistics for group in range(footer.num_row_groups)]
        is_counted = all(group is not None and group.has_null_count for group in groups)
        nulls = sum(group.null_count for group in groups) if is_counted else 0
        if nulls < footer.num_rows:
            telling.add(column.path.partition(".")[0])
        is_nested = column.max_definition_level > 1 or column.max_repetition_level > 0
        if column.path in columns and not is_nested and is_counted:
            known[column.path] = ColumnStatistics(nulls, _bounds(schema.field(column.path).type, groups))
    return DataFile(path, size, footer.num_rows, schema, known, frozenset(schema.names) - telling)


def _bounds(kind: pa.DataType, groups: list[Any]) -> tuple[Any, Any] | None:
    """The bounds over all row groups: of types whose order is the same for whoever reads them."""
    if not (pa.types.is_integer(kind) or pa.types.is_date(kind) or pa.types.is_string(kind)):
        return None
    groups = [group for group in groups if group.num_values]
    if not groups or not all(group.has_min_max for group in groups):
        return None
    try:
        least, greatest = min(group.min for group in groups), max(group.max for group in groups)
    except (OverflowError, UnicodeDecodeError):  # a date after the year 9999, a text that is no UTF-8
        return None
    if isinstance(least, str) and max(len(text.encode()) for text in (least, greatest)) > LONGEST_TEXT:
        return None
    return least, greatest


def _as_json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value
