"""Puts rows in place: fenced, whole or not at all, and told apart afterwards. The one way into the pipeline's tables.

Rows are written once, as files of the table's own folder; what makes them the slice is a commit of the log alone.
delta-rs checks nothing of such a commit, so each attempt looks at the table anew, checks, and commits at that very
version; whatever comes in between makes it begin again from the look.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import unquote

from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from pipelines.errors import TableError
from pipelines.expressions.names import column
from pipelines.passes import by_spark
from pipelines.passes.attempt_folder import AttemptFolder
from pipelines.passes.fitting import kept_by_spark, require_fitting
from pipelines.passes.footers import DataFile
from pipelines.passes.losing import overtaken, unwritable
from pipelines.tables.locking import table_lock
from pipelines.tables.reading import active_files
from pipelines.tables.slices import Slice, open_table, runs_in

Outcome = Literal["published", "superseded"]
MOST_ATTEMPTS = 8
STATISTICS = "delta.dataSkippingStatsColumns"


def publish(frame: DataFrame, location: str, slice_: Slice, fence: int, metadata: Mapping[str, Any]) -> Outcome:
    """Replace the slice by the frame's rows, unless a newer attempt did so already.

    Args:
        frame: the slice's rows, all of them, without the columns that name the slice; none take the slice away.
        location: the predictions table's.
        slice_: which slice.
        fence: this attempt's number.
        metadata: kept with the commit; `run_id` in it tells this attempt's commit.

    Raises:
        ConflictError: other writers came first until the retries were used up.
        TableError: the table cannot be written, or does not take such rows.
    """
    table, run_id = open_table(location), str(metadata["run_id"])
    if kept_by_spark(location, table) is not None:
        return by_spark.publish(frame, location, slice_, fence, metadata)
    if (table.transaction_version(slice_.transaction) or 0) > fence:
        return "superseded"

    def replaced(now: DeltaTable, files: Sequence[DataFile]) -> Outcome:
        last = now.transaction_version(slice_.transaction) or 0
        if last >= fence:
            # Ours: the answer to an earlier attempt was lost.
            is_there = last == fence and runs_in(now, {slice_})[slice_] == ({run_id} if files else set())
            return "published" if is_there else "superseded"
        commit(
            now,
            files,
            slice_.partition,
            Transaction(slice_.transaction, fence),
            replaces=True,
            user_metadata=json.dumps(metadata, sort_keys=True),
        )
        return "published"

    return _put(_named_as_in(table, frame), location, run_id, replaced)


def append_quarantine(frame: DataFrame, location: str, slice_: Slice, run_id: str) -> None:
    """Append a run's refused rows; a second time for the same run adds nothing.

    The rows count as published only where their run is the slice's published one.

    Args:
        frame: the rows, without their date.
        location: the quarantine table's.
        slice_: whose rows.
        run_id: the run that refused them.

    Raises:
        ConflictError, TableError: as `publish`.
    """
    table, done = open_table(location), Transaction(f"quarantine/{run_id}", 1)
    if kept_by_spark(location, table) is not None:
        by_spark.append(frame, location, slice_.score_date, done)
        return

    def appended(now: DeltaTable, files: Sequence[DataFile]) -> Outcome:
        if now.transaction_version(done.app_id) is not None:
            return "superseded"
        commit(now, files, {"score_date": slice_.score_date.isoformat()}, done)
        return "published"

    if table.transaction_version(done.app_id) is None:
        _put(_named_as_in(table, frame.coalesce(1)), location, run_id, appended)


def commit(
    table: DeltaTable,
    files: Sequence[DataFile],
    partition: Mapping[str, str],
    transaction: Transaction,
    *,
    replaces: bool = False,
    user_metadata: str | None = None,
) -> None:
    """Commit files to a table at the version that was looked at.

    Args:
        table: at that version.
        files: what is added.
        partition: the values of the table's partition columns for them.
        transaction: which attempt it is.
        replaces: whether the files of the partition that are there now go.
        user_metadata: what is said of the commit.

    Raises:
        CommitFailedError: another commit came in between.
    """
    now = time.time_ns() // 1_000_000
    named = {"run_id", *table.metadata().configuration.get(STATISTICS, "").split(",")}
    added = [AddAction(file.path, file.size, dict(partition), now, True, file.statistics(named)) for file in files]
    removed = _removals(table, partition, now) if replaces else []
    table.create_write_transaction(
        [*added, *removed],
        mode="append",
        schema=table.schema(),
        partition_by=table.metadata().partition_columns,
        commit_properties=CommitProperties(
            custom_metadata={} if user_metadata is None else {"userMetadata": user_metadata},
            app_transactions=[transaction],
            max_commit_retries=0,
        ),
    )


def _removals(table: DeltaTable, partition: Mapping[str, str], now: int) -> list[RemoveAction]:
    """What takes the partition's files out of the table; delta-rs quotes a path that it lists quoted."""
    files = active_files(table)
    known = [files[name].to_pylist() for name in ("path", "size_bytes", *(f"partition.{name}" for name in partition))]
    wanted = list(partition.values())
    return [
        RemoveAction(
            path=unquote(path), data_change=True, deletion_timestamp=now, size=size, partition_values=dict(partition)
        )
        for path, size, *values in zip(*known, strict=True)
        if [None if value is None else str(value) for value in values] == wanted
    ]


def _put(
    frame: DataFrame, location: str, run_id: str, attempt: Callable[[DeltaTable, Sequence[DataFile]], Outcome]
) -> Outcome:
    """Write the rows, and try to commit them; files that no commit names are removed, by `maintain` at the latest."""
    folder = AttemptFolder(location, run_id)
    outcome: Outcome | None = None
    try:
        files = folder.write(frame)
        outcome = _committed(location, lambda table: attempt(table, files), files)
    except (PySparkException, Py4JError) as error:
        raise unwritable(location, error) from error
    finally:
        if outcome != "published":
            with suppress(DeltaError, OSError, TableError):  # what ended the attempt says more
                if not folder.is_named():
                    folder.discard()
    return outcome


def _committed(location: str, attempt: Callable[[DeltaTable], Outcome], files: Sequence[DataFile]) -> Outcome:
    def once() -> Outcome:
        table = open_table(location)
        reason = kept_by_spark(location, table)
        if reason is not None:
            raise TableError(
                f"the table at {location} was altered meanwhile",
                expected="a table as it was when the run began",
                found=reason,
                remedy="run again; the staged rows are kept and not scored twice",
            )
        require_fitting(location, table, files)
        return attempt(table)

    retrying = Retrying(
        retry=retry_if_exception_type(CommitFailedError),
        stop=stop_after_attempt(MOST_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        reraise=True,
    )
    try:
        with table_lock(location):
            return retrying(once)
    except CommitFailedError as error:
        raise overtaken(location, MOST_ATTEMPTS, error) from error
    except (DeltaError, OSError) as error:
        raise unwritable(location, error) from error


def _named_as_in(table: DeltaTable, frame: DataFrame) -> DataFrame:
    """The frame's columns as the table spells them."""
    spelled = {field.name.lower(): field.name for field in table.schema().fields}
    return frame.select(*[column(name).alias(spelled.get(name.lower(), name)) for name in frame.columns])
