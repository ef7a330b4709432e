"""The rows of a Delta table, as each engine reads them that an analyst may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import SparkSession

Rows = list[dict[str, Any]]


def by_pandas(table: DeltaTable) -> Rows:
    """A frame whose columns keep Arrow's types: pandas' own have no null of whole numbers and booleans."""
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return pa.Table.from_pandas(frame, schema=table.to_pyarrow_table().schema, preserve_index=False).to_pylist()


def by_duckdb(table: DeltaTable) -> Rows:
    rows = table.to_pyarrow_table()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("rows", rows)
    return connection.sql("SELECT * FROM rows").to_arrow_table().cast(rows.schema).to_pylist()


READERS: dict[str, Callable[[DeltaTable], Rows]] = {
    "Arrow": lambda table: table.to_pyarrow_table().to_pylist(),
    "pandas": by_pandas,
    "Polars": lambda table: pl.read_delta(table.table_uri).to_dicts(),
    "DuckDB": by_duckdb,
}


def by_spark(spark: SparkSession, place: str) -> Rows:
    """Through Arrow, so that moments carry their zone, as with the others."""
    return spark.read.format("delta").load(place).toArrow().to_pylist()
