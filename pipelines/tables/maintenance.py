"""Keeps Delta tables small and quick: compaction, vacuum, checkpoints. Rows stay as they are."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable as DeltaRsTable
from py4j.protocol import Py4JError
from pyarrow import fs
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from pipelines.errors import TableError
from pipelines.tables.locations import for_delta_rs, storage
from pipelines.tables.locking import table_lock

SHORTEST_DAYS = 7
RETENTION_CHECK = "spark.databricks.delta.retentionDurationCheck.enabled"


@dataclass(frozen=True)
class Maintained:
    """What was done to a table.

    Args:
        compacted: files that were joined to fewer.
        written: those fewer.
        removed: files that no version within the retention needs.
    """

    compacted: int
    written: int
    removed: int


def scattered(location: str) -> list[dt.date]:
    """The score dates of which a partition has more than one file, oldest first."""
    partitions = ["partition.score_date", "partition.model_name"]
    files = pa.table(DeltaRsTable(for_delta_rs(location)).get_add_actions(flatten=True))
    known = [files[name].to_pylist() for name in partitions if name in files.column_names]
    counted = Counter(zip(*known, strict=True))
    return sorted({day for (day, *_), count in counted.items() if count > 1})


def maintain_table(spark: SparkSession, location: str, days: Sequence[dt.date], keep_days: float) -> Maintained:
    """Join the small files of some score dates, and remove files that no kept version needs.

    By Spark, as it wrote the rows: it keeps to the columns that statistics may be kept of.

    Args:
        spark: the session.
        location: the table's.
        days: the score dates whose files are joined.
        keep_days: how long removed files are kept for readers and time travel.

    Raises:
        TableError: the table cannot be maintained.
    """
    from delta.tables import DeltaTable

    before = spark.conf.get(RETENTION_CHECK, None)
    try:
        with table_lock(location):
            table = DeltaTable.forPath(spark, location)
            compacted = written = 0
            if days:
                dates = ", ".join(f"DATE'{day.isoformat()}'" for day in days)
                done = table.optimize().where(f"score_date IN ({dates})").executeCompaction().first()
                metrics = {} if done is None else done.asDict(recursive=True)["metrics"]
                compacted, written = metrics.get("numFilesRemoved", 0), metrics.get("numFilesAdded", 0)
            spark.conf.set(RETENTION_CHECK, str(keep_days >= SHORTEST_DAYS).lower())
            files = _count_files(location)
            table.vacuum(keep_days * 24)
            DeltaRsTable(for_delta_rs(location)).create_checkpoint()
            return Maintained(compacted, written, files - _count_files(location))
    except (PySparkException, Py4JError) as error:
        raise TableError(
            f"the table at {location} cannot be maintained",
            expected="a Delta table that nobody alters meanwhile",
            found=str(error).splitlines()[0],
            remedy="run it again once other maintenance is done",
        ) from error
    finally:
        spark.conf.unset(RETENTION_CHECK) if before is None else spark.conf.set(RETENTION_CHECK, before)


def _count_files(location: str) -> int:
    listed = storage(location).get_file_info(fs.FileSelector("", recursive=True))
    return sum(info.path.endswith(".parquet") and not info.path.startswith("_delta_log") for info in listed)
