"""Writes rows by Spark's own Delta writer: into tables with features that only this keeps, and on object stores."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Literal

from deltalake import Transaction
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from pipelines.passes.losing import overtaken, unwritable
from pipelines.tables.commit_log import latest_version
from pipelines.tables.locking import table_lock
from pipelines.tables.slices import Slice, commits_of

MOST_ATTEMPTS = 8
_RETRIED = ("Concurrent", "MetadataChanged", "ProtocolChanged")


def publish(
    frame: DataFrame, location: str, slice_: Slice, fence: int, metadata: Mapping[str, Any]
) -> Literal["published", "superseded"]:
    """Replace the slice by the frame's rows, unless a newer attempt did so already; see `publishing.publish`."""
    named = frame.withColumns({"score_date": F.lit(slice_.score_date), "model_name": F.lit(slice_.model_name)})
    writer = (
        named.write.format("delta")
        .mode("overwrite")
        .option("replaceWhere", slice_.predicate)
        .option("txnAppId", slice_.transaction)
        .option("txnVersion", fence)
        .option("userMetadata", json.dumps(metadata, sort_keys=True))
    )
    with table_lock(location):
        before = latest_version(location)
        write_with_retries(lambda: writer.save(location), location)
        # A fenced write is skipped without a word: only the log tells whether it is there.
        commits = commits_of(location, str(metadata["run_id"]), before + 1)
        is_there = any(said.get("fence") == fence for _, said in commits)
    return "published" if is_there else "superseded"


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
        write_with_retries(lambda: writer.save(location), location)


def write_with_retries(write: Any, location: str) -> None:
    """Call `write` again, with jittered pauses, for as long as it loses against other writers.

    Raises:
        ConflictError: it lost each time.
        TableError: the table cannot be written at all.
    """
    retrying = Retrying(
        retry=retry_if_exception(_is_conflict),
        stop=stop_after_attempt(MOST_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        reraise=True,
    )
    try:
        retrying(write)
    except Exception as error:
        if _is_conflict(error):
            raise overtaken(location, MOST_ATTEMPTS, error) from error
        if isinstance(error, PySparkException | Py4JError):
            raise unwritable(location, error) from error
        raise


def _is_conflict(error: BaseException) -> bool:
    return any(word in f"{type(error).__name__} {error}"[:400] for word in _RETRIED)
