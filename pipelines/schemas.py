"""The columns of every table that the project owns."""

# Spark is imported where its types are asked for: a look at the ledger needs none.""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import types as T

RUNS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("pipeline", pa.string(), nullable=False),
        pa.field("score_date", pa.date32(), nullable=False),
        pa.field("model_name", pa.string(), nullable=False),
        pa.field("model_version", pa.int32()),
        pa.field("run_key", pa.string()),
        pa.field("fence", pa.int64()),
        pa.field("state", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("manifest", pa.string()),
        pa.field("rows_input", pa.int64()),
        pa.field("rows_scored", pa.int64()),
        pa.field("rows_quarantined", pa.int64()),
        pa.field("verdict", pa.string()),
        pa.field("timings", pa.string()),
        pa.field("accepted", pa.string()),
        pa.field("error", pa.string()),
    ]
)
"""The ledger, written without Spark: hence an Arrow schema."""

SLICE_COLUMNS = ("score_date", "model_name")


def predictions(key: Sequence[T.StructField], outputs: Mapping[str, str]) -> T.StructType:
    """The predictions table of a pipeline.

    Args:
        key: the key columns, as in the source.
        outputs: the SQL type of each output by its name.
    """
    from pyspark.sql import types as T

    return T.StructType(
        [
            *_plain(key),
            T.StructField("score_date", T.DateType()),
            T.StructField("model_name", T.StringType()),
            T.StructField("model_version", T.IntegerType()),
            *output_types(outputs),
            T.StructField("run_id", T.StringType()),
            T.StructField("scored_at", T.TimestampType()),
        ]
    )


def quarantine(key: Sequence[T.StructField]) -> T.StructType:
    """The quarantine table of a pipeline."""
    from pyspark.sql import types as T

    return T.StructType(
        [
            *_plain(key),
            T.StructField("score_date", T.DateType()),
            T.StructField("model_name", T.StringType()),
            T.StructField("run_id", T.StringType()),
            T.StructField("reasons", reasons()),
            T.StructField("row", T.StringType()),
            T.StructField("quarantined_at", T.TimestampType()),
        ]
    )


def reasons() -> T.ArrayType:
    """Why a row was refused."""
    from pyspark.sql import types as T

    return T.ArrayType(T.StructType([T.StructField(name, T.StringType()) for name in ("rule", "column", "message")]))


def output_types(outputs: Mapping[str, str]) -> T.StructType:
    """The outputs with their Spark types."""
    from pyspark.sql import types as T

    return T.StructType([T.StructField(name, T.DataType.fromDDL(kind)) for name, kind in outputs.items()])


def _plain(fields: Sequence[T.StructField]) -> list[T.StructField]:
    from pyspark.sql import types as T

    return [T.StructField(field.name, field.dataType) for field in fields]
