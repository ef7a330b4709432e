"""The types that a pipeline's configuration says of a source's columns."""

from __future__ import annotations

from pyspark.errors import ParseException
from pyspark.sql import types as T

from pipelines.config import Source
from pipelines.errors import ConfigurationError
from pipelines.expressions.text_values import READABLE


def declared_types(name: str, source: Source) -> T.StructType:
    """The contract with a source; of a text format also what the slice says of its column.

    Args:
        name: the source's.
        source: what the configuration says of it.

    Raises:
        ConfigurationError: a type is no SQL type, or none that a text can be read as.
    """
    fields = []
    for column, kind in (source.column_types if source.is_text else source.columns).items():
        where = f"source.tables.{name}.columns.{column}"
        try:
            fields.append(T.StructField(column, T.DataType.fromDDL(kind)))
        except (ParseException, ValueError, KeyError) as error:
            raise ConfigurationError(
                f"{where}: no SQL type",
                expected="a type such as int, bigint, double, string, date, timestamp, decimal(10,2)",
                found=kind,
            ) from error
        if source.is_text and not isinstance(fields[-1].dataType, READABLE):
            raise ConfigurationError(
                f"{where}: no text is read as {kind}",
                expected="a number, string, boolean, date or timestamp",
                found=kind,
                remedy="declare it as string, and take it apart by SQL such as from_json",
            )
    return T.StructType(fields)
