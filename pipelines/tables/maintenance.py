"""Keeps Delta tables small and quick: compaction, vacuum, checkpoints. Rows stay as they are."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from deltalake import DeltaTable as DeltaRsTable
from deltalake.exceptions import DeltaError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from pipelines.errors import TableError, root_cause
from pipelines.tables.locations import for_delta_rs
from pipelines.tables.locking import table_lock
from pipelines.tables.reading import active_files

SHORTEST_DAYS = 7


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
    files = active_files(DeltaRsTable(for_delta_rs(location)))
    known = [files[name].to_pylist() for name in partitions if name in files.column_names]
    counted = Counter(zip(*known, strict=True))
    return sorted({day for (day, *_), count in counted.items() if count > 1})


def maintain_table(spark: SparkSession, location: str, days: Sequence[dt.date], keep_days: float) -> Maintained:
    """Join the small files of some score dates, and remove files that no kept version needs.

    Files are joined by Spark, as it wrote the rows: it keeps to the columns that statistics may be kept of. They are
    removed by delta-rs, which asks no cluster for it.

    Args:
        spark: the session.
        location: the table's.
        days: the score dates whose files are joined.
        keep_days: how long removed files are kept for readers and time travel.

    Raises:
        TableError: the table cannot be maintained.
    """
    from delta.tables import DeltaTable

    try:
        with table_lock(location):
            table = DeltaTable.forPath(spark, location)
            compacted = written = 0
            if days:
                dates = ", ".join(f"DATE'{day.isoformat()}'" for day in days)
                done = table.optimize().where(f"score_date IN ({dates})").executeCompaction().first()
                metrics = {} if done is None else done.asDict(recursive=True)["metrics"]
                compacted, written = metrics.get("numFilesRemoved", 0), metrics.get("numFilesAdded", 0)
            removed = _remove_unneeded(DeltaRsTable(for_delta_rs(location)), keep_days)
            return Maintained(compacted, written, removed)
    except (PySparkException, Py4JError, DeltaError, OSError) as error:
        raise _unmaintained(location, error) from error


def maintain_ledger(location: str, keep_days: float) -> int:
    """Join the ledger's many small files, and remove those that no kept version needs.

    Returns:
        How many files were joined.

    Raises:
        TableError: the ledger cannot be maintained.
    """
    try:
        with table_lock(location):
            table = DeltaRsTable(for_delta_rs(location))
            joined: int = table.optimize.compact()["numFilesRemoved"]
            _remove_unneeded(table, keep_days)
            return joined
    except (DeltaError, OSError) as error:
        raise _unmaintained(location, error) from error


def _unmaintained(location: str, error: Exception) -> TableError:
    return TableError(
        f"the table at {location} cannot be maintained",
        expected="a Delta table that nobody alters meanwhile",
        found=root_cause(error),
        remedy="run it again once other maintenance is done",
    )


def _remove_unneeded(table: DeltaRsTable, keep_days: float) -> int:
    """Remove the files that no version of the last so many days needs, and write a checkpoint; how many they were."""
    hours = math.ceil(keep_days * 24)
    removed = table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
    table.create_checkpoint()
    return len(removed)
