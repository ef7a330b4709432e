"""CSV and JSON lines as rows: every column is text unless the pipeline says a type, and what cannot be read is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config import Source, TextFormat
from pipelines.errors import SourceError
from pipelines.expressions.names import column, unread_among, unread_of
from pipelines.expressions.rules import RECORD
from pipelines.expressions.text_values import given, is_unreadable, read_as
from pipelines.inputs.declared_types import declared_types
from pipelines.inputs.files import list_files
from pipelines.inputs.header import csv_columns, partition_columns
from pipelines.inputs.refusals import raised

UNDECODED = "\ufffd"
"""What stands in place of bytes that are no text of the encoding."""
OF_PATHS = "lakescore.of_paths"
"""Marks a column that the folders of the files name."""


def read_text(spark: SparkSession, name: str, location: str, source: Source, files: Sequence[str] = ()) -> DataFrame:
    """The rows of a text source; beside its columns a struct of the texts that cannot be read as their types.

    Args:
        spark: the session.
        name: the source's.
        location: a file or a folder.
        source: what the configuration says of it.
        files: those of its files to read; by default all.

    Raises:
        SourceError: there are no files, or their header names no columns clearly.
        ConfigurationError: a column is declared as a type that no text is read as.
    """
    listed = list_files(location)
    of_paths = partition_columns(listed)
    columns = csv_columns(name, listed, source) if source.format == "csv" else tuple(source.columns)
    if source.format == "csv":
        _require_apart(name, columns, of_paths)
    in_files = [item for item in columns if item not in of_paths]
    reader = _reader(spark, source, in_files, of_paths)
    if files and of_paths:
        reader = reader.option("basePath", location)  # else only their own folders' names are columns
    texts = reader.load(list(files) or location)
    kinds = {field.name: field.dataType for field in declared_types(name, source) if field.name in texts.columns}
    spelling = source.text
    typed = [
        _typed(item, kinds.get(item), spelling).alias(item, metadata={OF_PATHS: True} if item in of_paths else {})
        for item in (*in_files, *of_paths)
    ]
    unread = [
        F.when(is_unreadable(column(item), kind, spelling), column(item)).alias(item)
        for item, kind in kinds.items()
        if not isinstance(kind, T.StringType)
    ]
    record = _unread_record(in_files, source).alias(RECORD)
    return texts.select(*typed, F.struct(record, *unread).alias(unread_of(name)))


def without_unread(frame: DataFrame) -> DataFrame:
    """The frame with the columns of its source alone; what cannot be read is null there."""
    return frame.drop(*unread_among(frame.columns))


def texts_beside(frame: DataFrame, name: str) -> list[str]:
    """The record and the columns of a text source whose texts are kept where they cannot be read.

    Args:
        frame: as `read_text` gives it.
        name: the source's.
    """
    kind = frame.schema[unread_of(name)].dataType
    assert isinstance(kind, T.StructType)  # noqa: S101 - `read_text` makes it
    return kind.names


def strict(name: str, frame: DataFrame) -> DataFrame:
    """A text source for a query that does not carry on what cannot be read: a run that computes such a value ends.

    Args:
        name: the source's.
        frame: as `read_text` gives it.
    """
    unread = unread_of(name)
    remedy = f"mend the data; or let the query select {unread} too, so that such rows are quarantined by themselves"
    kept = frame.where(
        F.when(
            column(f"{unread}.{RECORD}").isNotNull(),
            raised(f"source '{name}' has a record that cannot be read", "records as the header has it", remedy),
        ).otherwise(F.lit(True))
    )
    judged = texts_beside(frame, name)
    selected = []
    for field in frame.schema:
        value = column(field.name)
        if field.name in judged:
            kind = field.dataType.simpleString()
            problem = f"source '{name}': a value of '{field.name}' cannot be read as {kind}"
            value = (
                F.when(column(f"{unread}.{field.name}").isNotNull(), raised(problem, f"texts of {kind}", remedy))
                .otherwise(value)
                .alias(field.name)
            )
        if field.name != unread:
            selected.append(value)
    return kept.select(*selected)


def decided(name: str, frame: DataFrame, condition: Column, chosen: str | None) -> Column:
    """A slice's condition, which ends the run at a row that it cannot judge for what is unreadable there.

    Args:
        name: the source's.
        frame: its rows.
        condition: whether a row is of the slice; null where that is unknown.
        chosen: the column that the condition is about; None where it may be about any.
    """
    unread = unread_of(name)
    if unread not in frame.columns:
        return condition
    of_paths = chosen is not None and OF_PATHS in frame.schema[chosen].metadata
    judged = [
        item
        for item in texts_beside(frame, name)
        if item == chosen or (not of_paths and (chosen is None or item == RECORD))
    ]
    if not judged:
        return condition
    texts = [column(f"{unread}.{item}") for item in judged]
    what = f"the date in '{chosen}'" if chosen is not None else "what the slice is selected by"
    ends = raised(
        f"source '{name}': {what} cannot be read in some row, which is of no slice so",
        "a date in each row, as its text format has it",
        "mend the row in the file, or the formats under the source's 'text'",
    )
    return F.when(condition.isNull() & F.coalesce(*texts).isNotNull(), ends).otherwise(condition)


def _reader(spark: SparkSession, source: Source, columns: Sequence[str], of_paths: Sequence[str]) -> DataFrameReader:
    """Spark's reader, which takes every value as the text that it is and keeps records that do not fit."""
    spelling = source.text
    schema = T.StructType([T.StructField(name, T.StringType()) for name in (*columns, RECORD, *of_paths)])
    options: dict[str, bool | str] = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": RECORD}
    if source.format == "csv":
        options |= {
            "encoding": spelling.java_encoding,
            "header": spelling.header,
            "enforceSchema": False,  # the headers of all files are held against the first one's
            "sep": spelling.separator,
            "quote": spelling.quote,
            "escape": spelling.escape,
            "multiLine": spelling.line_breaks,
            "unescapedQuoteHandling": "RAISE_ERROR",  # else values would swallow each other
        }
    reader = spark.read.format("csv" if source.format == "csv" else "json").schema(schema)
    return reader.options(**options)


def _typed(name: str, kind: T.DataType | None, spelling: TextFormat) -> Column:
    text = column(name)
    return given(text, spelling) if kind is None else read_as(text, kind, spelling)


def _unread_record(columns: Sequence[str], source: Source) -> Column:
    """Why the record cannot be read as a whole; null where it can."""
    bad, spelling = column(RECORD), source.text
    if source.format == "jsonl":
        return F.when(bad.isNotNull(), F.lit("no JSON object"))
    why = F.when(bad.isNotNull(), F.lit("of another number of values than the header"))
    if spelling.java_encoding != "iso8859-1":  # in which every byte is a letter
        garbled = F.concat_ws("", *map(column, columns)).contains(UNDECODED)
        why = why.when(garbled, F.lit(f"with bytes that are no text in {spelling.encoding}"))
    if spelling.line_breaks and spelling.quote and len(columns) > 1:
        # A last value whose quote is never closed swallows the records behind it.
        line = (
            rf"\n(?:[^\n{re.escape(spelling.separator)}]*{re.escape(spelling.separator)}){{{len(columns) - 1}}}[^\n]*"
        )
        last = column(columns[-1])
        swallowed = last.contains("\n") & last.rlike(rf"\A[^\n]*(?:{line})+\n*\z")
        why = why.when(swallowed, F.lit("with a quote that is not closed, and lines like records behind it"))
    return why


def _require_apart(name: str, columns: Sequence[str], of_paths: Sequence[str]) -> None:
    both = sorted(set(columns) & set(of_paths))
    if both:
        raise SourceError(
            f"source '{name}': a column stands in the header and in the folders' names",
            expected="each column in one place",
            found=", ".join(both),
            remedy="rename one of them",
        )
