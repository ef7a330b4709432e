"""Which dates a Parquet file holds, by its footer.

Source: the Parquet format's metadata and logical types, github.com/apache/parquet-format.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import SourceError
from pipelines.inputs.files import UNTOLD, DataFile, Dates, dates_by_path
from pipelines.tables.commit_log import FileAction
from pipelines.tables.locations import storage

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PER_MICROSECOND = {"nanoseconds": 1000, "microseconds": 1}


def dates_by_footer(root: str, file: DataFile, column: str) -> Dates:
    """The dates that a file holds, by its folder's name, else by its footer where all row groups tell.

    Args:
        root: the folder that the file's path is below.
        file: the file.
        column: the column of dates or times.

    Raises:
        SourceError: it is no Parquet file.
    """
    by_path = dates_by_path(root, file, column)
    if by_path != UNTOLD:
        return by_path
    try:
        with storage(root).open_input_file(file.path) as opened:
            footer = pq.read_metadata(opened)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(
            f"{root}/{file.path} cannot be read", expected="a Parquet file", found=str(error).splitlines()[0]
        ) from error
    place = next((number for number, path in enumerate(_paths(footer)) if path == column), None)
    if place is None:
        return UNTOLD
    kind = json.loads(footer.schema.column(place).logical_type.to_json())
    chunks = [footer.row_group(number).column(place) for number in range(footer.num_row_groups)]
    bounds = [chunk.statistics for chunk in chunks if not _is_null(chunk)]
    if any(one is None or not one.has_min_max for one in bounds):
        return UNTOLD
    if not bounds:
        return Dates(FileAction({column: None}, None))  # no row has a date: as in a partition of nulls
    low, high = (_text(kind, value) for value in (min(o.min_raw for o in bounds), max(o.max_raw for o in bounds)))
    if low is None or high is None:
        return UNTOLD
    stats = {"minValues": {column: low}, "maxValues": {column: high}}
    return Dates(FileAction(None, stats), has_zone=bool(kind.get("isAdjustedToUTC", True)))


def _paths(footer: pq.FileMetaData) -> list[str]:
    return [footer.schema.column(number).path for number in range(footer.num_columns)]


def _is_null(chunk: pq.ColumnChunkMetaData) -> bool:
    """Whether a row group has no value of the column."""
    statistics = chunk.statistics
    return bool(statistics is not None and statistics.has_null_count and statistics.null_count == chunk.num_values)


def _text(kind: dict[str, Any], raw: Any) -> str | None:
    """A date or a time as text; None for other types. Nanoseconds are cut."""
    if kind["Type"] == "Date":
        return (_EPOCH + dt.timedelta(days=raw)).date().isoformat()
    if kind["Type"] != "Timestamp":
        return None
    unit = kind["timeUnit"]
    microseconds = raw * 1000 if unit == "milliseconds" else raw // _PER_MICROSECOND[unit]
    return (_EPOCH + dt.timedelta(microseconds=microseconds)).isoformat()
