"""What the footers of Parquet files tell: how many rows, of which types, with which bounds; without reading a row."""

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
class DataFile:
    """A Parquet file of a table.

    Args:
        path: below the table's folder.
        size: in bytes.
        rows: how many.
        schema: its columns.
        nulls: how many of a column's values are null; columns of which that is not known are missing.
        bounds: the least and the greatest value of whole numbers, dates and short texts.
    """

    path: str
    size: int
    rows: int
    schema: pa.Schema
    nulls: Mapping[str, int]
    bounds: Mapping[str, tuple[Any, Any]]

    def statistics(self, columns: Collection[str]) -> str:
        """What Delta's log says of the file, as JSON; bounds and nulls of some columns only.

        Source: the Delta transaction log protocol, github.com/delta-io/delta, PROTOCOL.md, "Per-file Statistics".
        """
        bounds = {name: pair for name, pair in self.bounds.items() if name in columns}
        told = {
            "numRecords": self.rows,
            "minValues": {name: _as_json(least) for name, (least, _) in bounds.items()},
            "maxValues": {name: _as_json(greatest) for name, (_, greatest) in bounds.items()},
            "nullCount": {name: count for name, count in self.nulls.items() if name in columns},
        }
        return json.dumps(told)


def data_files(location: str, folder: str) -> list[DataFile]:
    """The Parquet files of a folder that hold rows, by name; none where there is no such folder.

    Args:
        location: the table's.
        folder: below it.
    """
    files = storage(location)
    found = files.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    paths = sorted(info.path for info in found if info.base_name.endswith(".parquet"))
    told = [_told(files, path) for path in paths]
    return [file for file in told if file.rows]


def _told(files: fs.FileSystem, path: str) -> DataFile:
    with files.open_input_file(path) as opened:
        parquet = pq.ParquetFile(opened)
        size, footer, schema = opened.size(), parquet.metadata, parquet.schema_arrow
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    nulls, bounds = {}, {}
    for number in range(footer.num_columns):
        name = footer.schema.column(number).path
        if name not in schema.names:  # within a list or a struct
            continue
        told = [group.column(number).statistics for group in groups]
        if all(one is not None and one.has_null_count for one in told):
            nulls[name] = sum(one.null_count for one in told)
            pair = _bounds(schema.field(name).type, [one for one in told if one.num_values])
            if pair is not None:
                bounds[name] = pair
    return DataFile(path, size, footer.num_rows, schema, nulls, bounds)


def _bounds(kind: pa.DataType, told: list[Any]) -> tuple[Any, Any] | None:
    """The bounds of all row groups: of types whose order is the same for whoever reads them."""
    if not (pa.types.is_integer(kind) or pa.types.is_date(kind) or pa.types.is_string(kind)):
        return None
    if not told or not all(one.has_min_max for one in told):
        return None
    least, greatest = min(one.min for one in told), max(one.max for one in told)
    if isinstance(least, str) and max(len(text.encode()) for text in (least, greatest)) > LONGEST_TEXT:
        return None
    return least, greatest


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value
