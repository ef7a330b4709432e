"""The quarantine table: the rows that were not scored, each with its reasons."""

from __future__ import annotations

from pyspark.sql import DataFrame

from pipelines.tables.locking import table_lock
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
