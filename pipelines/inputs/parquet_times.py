"""Parquet's times in nanoseconds, as pandas writes them, which Spark refuses: read as Spark's own, in microseconds.

Source: the Parquet format's logical types, github.com/apache/parquet-format, LogicalTypes.md, "TIMESTAMP".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.errors import SourceError
from pipelines.expressions.names import column, quoted
from pipelines.inputs.files import list_files
from pipelines.tables.locations import storage

AS_LONG = "spark.sql.legacy.parquet.nanosAsLong"
"""Spark's setting that reads times in nanoseconds as whole numbers: nanoseconds since 1970."""
IN_MICROSECONDS = "pandas' to_parquet(…, coerce_timestamps='us', allow_truncated_timestamps=True)"
_UNREAD = ("Float16", "Interval", "Time")
"""Logical types that Spark lacks, or has switched off."""


@dataclass(frozen=True)
class LogicalType:
    """The type of a value, as a Parquet file has it.

    Args:
        kind: such as `Timestamp`.
        unit: of a time; None for any other type.
        is_in_utc: whether a time is in UTC, else it has no zone; None for any other type.
        is_nested: whether the value stands within a list or a struct.
    """

    kind: str
    unit: str | None = None
    is_in_utc: bool | None = None
    is_nested: bool = False

    @property
    def is_in_nanoseconds(self) -> bool:
        return self.kind == "Timestamp" and self.unit == "nanoseconds"

    def __str__(self) -> str:
        """The type in a few words.

        >>> str(LogicalType("Timestamp", "nanoseconds", is_in_utc=False))
        'timestamp in nanoseconds without a zone'
        """
        unit = "" if self.unit is None else f" in {self.unit}"
        zone = "" if self.is_in_utc is None else " in UTC" if self.is_in_utc else " without a zone"
        return f"{self.kind.lower()}{unit}{zone}"


Types: TypeAlias = Mapping[str, LogicalType]
"""The types in one file, by the value's path."""


def is_of_illegal_type(error: PySparkException) -> bool:
    """Whether Spark refuses Parquet files because of a column's type; its message does not name the column."""
    return error.getCondition() in ("PARQUET_TYPE_ILLEGAL", "UNSUPPORTED_TIME_TYPE")


def read_nanoseconds(spark: SparkSession, name: str, location: str) -> DataFrame:
    """Files with times in nanoseconds, these cut to microseconds; times without a zone stay without one.

    Args:
        spark: the session, whose settings stay as they are.
        name: the source's, for messages.
        location: the folder, or the file.

    Raises:
        SourceError: a column has a type that Spark cannot read, or not the same one in all files.
    """
    files = _types_of_files(location)
    for file, types in files.items():
        _require_readable(name, file, types)
    times = {path: type_ for types in files.values() for path, type_ in types.items() if type_.is_in_nanoseconds}
    for path in sorted(times):
        _require_same_type(name, path, files)
    numbers = spark.newSession()
    numbers.conf.set(AS_LONG, "true")
    frame = spark.read.schema(numbers.read.parquet(location).schema).parquet(location)
    read = {each: _time(each, times[each]) if each in times else column(each) for each in frame.columns}
    return frame.select(*[value.alias(each) for each, value in read.items()])


def _types_of_files(location: str) -> dict[str, Types]:
    """The types in every file that Spark would read."""
    import pyarrow.parquet as pq

    listed = list_files(location)
    root = storage(listed.root)
    found: dict[str, Types] = {}
    for path in [file.path for file in listed.files]:
        with root.open_input_file(path) as file:
            try:
                schema = pq.ParquetFile(file).schema
            except pa.ArrowInvalid:  # no Parquet file: Spark says so when it reads it
                continue
        leaves = [schema.column(place) for place in range(len(schema))]
        found[path] = {leaf.path: _type_of(leaf) for leaf in leaves}
    return found


def _type_of(leaf: pa.parquet.ColumnSchema) -> LogicalType:
    described = json.loads(leaf.logical_type.to_json())
    return LogicalType(
        described["Type"], described.get("timeUnit"), described.get("isAdjustedToUTC"), leaf.path != leaf.name
    )


def _require_readable(name: str, file: str, types: Types) -> None:
    for path, type_ in types.items():
        if type_.kind in _UNREAD:
            raise SourceError(
                f"source '{name}': Spark cannot read the type of column '{path}'",
                expected="types that Spark has: numbers of 32 or 64 bits, decimals, texts, dates, timestamps",
                found=f"{type_} in {file}",
                remedy="write the column otherwise: a time of day as text or as seconds, a half float as a float",
            )
        if type_.is_in_nanoseconds and type_.is_nested:
            raise SourceError(
                f"source '{name}': times in nanoseconds within a column, '{path}'",
                expected="nanoseconds in columns of their own only: Spark has no such type",
                found=f"{type_} in {file}",
                remedy=f"write microseconds: {IN_MICROSECONDS}",
            )


def _require_same_type(name: str, path: str, files: Mapping[str, Types]) -> None:
    by_type = {types[path]: file for file, types in files.items() if path in types}
    if len(by_type) > 1:
        raise SourceError(
            f"source '{name}': column '{path}' has not the same type in all files",
            expected="one type: Spark would read times of one unit as those of another",
            found="; ".join(f"{type_} in {file}" for type_, file in by_type.items()),
            remedy=f"write all files alike, best in microseconds: {IN_MICROSECONDS}",
        )


def _time(name: str, type_: LogicalType) -> Column:
    """The time that so many nanoseconds after 1970 are; the part of a microsecond that is left is cut off."""
    nanoseconds = quoted(name)
    micros = f"({nanoseconds} div 1000 - if({nanoseconds} % 1000 < 0, 1, 0))"
    if type_.is_in_utc:
        return F.expr(f"timestamp_micros({micros})")
    seconds = f"CAST({micros} AS DECIMAL(20, 0)) / 1000000"
    return F.expr(f"TIMESTAMP_NTZ'1970-01-01 00:00:00' + make_dt_interval(0, 0, 0, {seconds})")
