"""The quarantine table: the rows that were not scored, each with its reasons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import DataFrame

from pipelines.tables.locations import for_delta_rs
from pipelines.tables.locking import table_lock
from pipelines.tables.reading import between, one_of, read_rows
from pipelines.tables.slices import write_with_retries


def append_quarantine(frame: DataFrame, location: str, run_id: str) -> None:
    """Append a run's refused rows; a second time for the same run adds nothing.

    The rows count as published only where their run is the slice's published one.
    """
    writer = (
        frame.coalesce(1)
        .write.format("delta")
        .mode("append")
        .option("txnAppId", f"quarantine/{run_id}")
        .option("txnVersion", 1)
    )
    with table_lock(location):
        write_with_retries(lambda: writer.save(location), location)


def read_quarantine(
    location: str,
    first: dt.date,
    last: dt.date,
    columns: Sequence[str] | None = None,
    runs: Collection[str] | None = None,
) -> pa.Table:
    """Refused rows, without Spark.

    Args:
        location: the table's.
        first: the first date.
        last: the last date.
        columns: which columns; all by default.
        runs: the runs whose rows are wanted; all by default.
    """
    wanted = between("score_date", first, last)
    if runs is not None:
        wanted += " AND " + one_of("run_id", sorted(runs))
    return read_rows(DeltaTable(for_delta_rs(location)), columns, wanted)
