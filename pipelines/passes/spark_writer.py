"""Writes rows by Spark's own Delta writer: into tables that demand more of a writer, and on object stores."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from deltalake import Transaction
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, DataFrameWriter
from pyspark.sql import functions as F

from pipelines.passes.retries import retried, unwritable
from pipelines.tables.commit_log import latest_version
from pipelines.tables.locking import table_lock
from pipelines.tables.slices import Slice, commits_of

_CONFLICTS = ("Concurrent", "MetadataChanged", "ProtocolChanged")


def replace_slice(frame: DataFrame, location: str, slice_: Slice, fence: int, metadata: Mapping[str, Any]) -> bool:
    """Replace the slice by the frame's rows, unless a newer attempt did so already; see `publishing.publish`.

    Returns:
        Whether the rows are there: a fenced write is skipped silently, only the log says it.
    """
    slice_columns = {"score_date": F.lit(slice_.score_date), "model_name": F.lit(slice_.model_name)}
    writer = (
        frame.withColumns(slice_columns)
        .write.format("delta")
        .mode("overwrite")
        .option("replaceWhere", slice_.predicate)
        .option("txnAppId", slice_.transaction)
        .option("txnVersion", fence)
        .option("userMetadata", json.dumps(metadata, sort_keys=True))
    )
    with table_lock(location):
        before = latest_version(location)
        save(writer, location)
        commits = commits_of(location, str(metadata["run_id"]), before + 1)
        return any(commit.fence == fence for commit in commits)


def append(frame: DataFrame, location: str, score_date: dt.date, transaction: Transaction) -> None:
    """Append rows of a date, once for the transaction; see `publishing.append_quarantine`."""
    writer = (
        frame.withColumn("score_date", F.lit(score_date))
        .coalesce(1)
        .write.format("delta")
        .mode("append")
        .option("txnAppId", transaction.app_id)
        .option("txnVersion", transaction.version)
    )
    with table_lock(location):
        save(writer, location)


def save(writer: DataFrameWriter, location: str) -> None:
    """Write, again for as long as other writers come first.

    Raises:
        ConflictError: they came first each time.
        TableError: the table cannot be written at all.
    """
    try:
        retried(lambda: writer.save(location), location, _is_conflict)
    except (PySparkException, Py4JError) as error:
        raise unwritable(location, error) from error


def _is_conflict(error: BaseException) -> bool:
    return any(word in f"{type(error).__name__} {error}"[:400] for word in _CONFLICTS)
