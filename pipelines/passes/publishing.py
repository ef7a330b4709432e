"""Puts rows in place: fenced, whole or not at all, and told apart afterwards. The one way into the pipeline's tables.

Spark writes the rows once, as files of the table's own folder; a commit of the log alone makes them the slice.
delta-rs checks nothing of such a commit. So each attempt looks at the table anew, checks, and commits at that very
version; whatever comes in between makes it begin again from the look.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from pipelines.errors import PipelineError, TableError
from pipelines.expressions.names import column
from pipelines.passes import spark_writer
from pipelines.passes.attempt_folder import AttemptFolder
from pipelines.passes.demands import as_listed, needs_spark, path_for_removal, require_fitting
from pipelines.passes.footers import DataFile, data_files
from pipelines.passes.retries import retried, unwritable
from pipelines.tables.creation import STATISTICS
from pipelines.tables.locking import table_lock
from pipelines.tables.reading import active_files
from pipelines.tables.slices import Slice, open_table

Outcome = Literal["published", "superseded"]


@dataclass(frozen=True)
class Change:
    """What an attempt changes of a table.

    Args:
        location: the table's.
        run_id: whose rows they are.
        partition: the values of the table's partition columns for all rows, in the order of the columns.
        transaction: the attempt; of one application, none follows one with a higher version.
        rows: how many rows it brings.
        replaces: whether they take the place of the partition's rows.
        user_metadata: what is said of the commit.
    """

    location: str
    run_id: str
    partition: Mapping[str, str]
    transaction: Transaction
    rows: int
    replaces: bool = False
    user_metadata: str | None = None


def publish(
    frame: DataFrame, location: str, slice_: Slice, fence: int, metadata: Mapping[str, Any], *, rows: int
) -> Outcome:
    """Replace the slice by the frame's rows, unless a newer attempt did so already.

    Args:
        frame: the slice's rows, all of them, without the columns that name the slice.
        location: the predictions table's.
        slice_: which slice.
        fence: this attempt's number.
        metadata: kept with the commit; `run_id` in it tells this attempt's commit.
        rows: how many they are, as they were counted; none take the slice away.

    Raises:
        ConflictError: other writers came first until the retries were used up.
        TableError: the table cannot be written, or does not take such rows.
    """
    change = Change(
        location,
        str(metadata["run_id"]),
        slice_.partition,
        Transaction(slice_.transaction, fence),
        rows,
        replaces=True,
        user_metadata=json.dumps(metadata, sort_keys=True),
    )
    table = open_table(location)
    if _needs_spark(table, change) is not None:
        return "published" if spark_writer.replace_slice(frame, location, slice_, fence, metadata) else "superseded"
    return "published" if put(frame, table, change) else "superseded"


def append_quarantine(frame: DataFrame, location: str, slice_: Slice, run_id: str, *, rows: int) -> None:
    """Append a run's refused rows; a second time for the same run adds nothing.

    The rows count as published only where their run is the slice's published one.

    Args:
        frame: the rows, without their date.
        location: the quarantine table's.
        slice_: whose rows.
        run_id: the run that refused them.
        rows: how many they are, as they were counted.

    Raises:
        ConflictError, TableError: as `publish`.
    """
    day = slice_.score_date
    change = Change(location, run_id, {"score_date": day.isoformat()}, Transaction(f"quarantine/{run_id}", 1), rows)
    table = open_table(location)
    if _needs_spark(table, change) is not None:
        spark_writer.append(frame, location, day, change.transaction)
    elif table.transaction_version(change.transaction.app_id) is None:
        put(frame.coalesce(1), table, change)


def put(frame: DataFrame, table: DeltaTable, change: Change) -> bool:
    """Write the rows, and commit their files; those that no commit names are removed again.

    Args:
        frame: the rows, without the partition's columns.
        table: as it was looked at.
        change: where they go, and what they replace.

    Returns:
        Whether they are there, by the table itself; not where a newer attempt came first.
    """
    if _last_attempt(table, change) > change.transaction.version:
        return False
    folder = AttemptFolder(change.location, change.partition, change.run_id)
    try:
        files = _written(frame, table, change, folder)
    except BaseException:
        folder.discard()
        raise
    with table_lock(change.location):
        failure = _failure_of_commit(change, files)
        try:
            is_there = _is_there(change, files)
        except (PipelineError, DeltaError, OSError) as error:  # a commit may name the files: they stay
            raise (failure or unwritable(change.location, error)) from error
        if not is_there:
            folder.discard()
            if failure is not None:
                raise failure
        return is_there


def _failure_of_commit(change: Change, files: Sequence[DataFile]) -> PipelineError | None:
    """Why the commit failed; the files may be there all the same, which only the table tells.

    Its answer may have been lost, and what follows a commit may fail too, as a checkpoint of the log on a full disk.
    """
    try:
        retried(lambda: _commit_once(change, files), change.location, _is_conflict)
    except PipelineError as error:
        return error
    except (DeltaError, OSError) as error:
        failure = unwritable(change.location, error)
        failure.__cause__ = error
        return failure
    return None


def _written(frame: DataFrame, table: DeltaTable, change: Change, folder: AttemptFolder) -> list[DataFile]:
    """The files of the rows, which are as many as were counted."""
    if not change.rows:
        return []
    spelled = {field.name.lower(): field.name for field in table.schema().fields}
    rows = frame.select(*[column(name).alias(spelled.get(name.lower(), name)) for name in frame.columns])
    known = {"run_id", *table.metadata().configuration.get(STATISTICS, "").split(",")}
    try:
        folder.write(rows)
        files = data_files(change.location, folder.name, known)
    except (PySparkException, Py4JError, OSError) as error:
        raise unwritable(change.location, error) from error
    written = sum(file.rows for file in files)
    if written != change.rows:
        raise TableError(
            f"other rows were written for {change.location} than were counted",
            expected=f"{change.rows} rows",
            found=f"{written} rows, in {len(files)} files",
            remedy="see that executors and driver have the same folder there, and run again",
        )
    return files


def _commit_once(change: Change, files: Sequence[DataFile]) -> None:
    """Look at the table, and commit; not where this attempt, or one that comes after it, did so already."""
    table = open_table(change.location)
    if _last_attempt(table, change) >= change.transaction.version:
        return
    reason = _needs_spark(table, change)
    if reason is not None:
        raise TableError(
            f"the table at {change.location} was altered while rows were written for it",
            expected="a table that takes them by a commit of its log",
            found=reason,
            remedy="run again; the staged rows are kept and not scored twice",
        )
    require_fitting(change.location, table, files)
    commit(table, change, files)


def commit(table: DeltaTable, change: Change, files: Sequence[DataFile]) -> None:
    """Commit files to a table, at the version that was looked at.

    Raises:
        CommitFailedError: another commit came in between.
    """
    now = time.time_ns() // 1_000_000
    partition: dict[str, str | None] = {**change.partition}
    added = [AddAction(file.path, file.size, partition, now, True, file.as_json()) for file in files]
    removed = [
        RemoveAction(
            path=path_for_removal(path) or path,
            data_change=True,
            deletion_timestamp=now,
            size=size,
            partition_values=partition,
        )
        for path, size in (_files_there(table, change).items() if change.replaces else ())
    ]
    table.create_write_transaction(
        [*added, *removed],
        mode="append",
        schema=table.schema(),
        partition_by=table.metadata().partition_columns,
        commit_properties=CommitProperties(
            custom_metadata={} if change.user_metadata is None else {"userMetadata": change.user_metadata},
            app_transactions=[change.transaction],
            max_commit_retries=0,
        ),
    )


def _is_there(change: Change, files: Sequence[DataFile]) -> bool:
    """Whether the files are the partition's, or among its where they replace none."""
    table = open_table(change.location)
    ours, there = {as_listed(file.path) for file in files}, set(_files_there(table, change))
    return _last_attempt(table, change) == change.transaction.version and (
        there == ours if change.replaces else there >= ours
    )


def _last_attempt(table: DeltaTable, change: Change) -> int:
    return table.transaction_version(change.transaction.app_id) or 0


def _files_there(table: DeltaTable, change: Change) -> dict[str, int]:
    """The partition's files: the size in bytes by the path."""
    files = active_files(table)
    for name, value in change.partition.items():
        files = files.filter(pc.equal(files[f"partition.{name}"].cast(pa.string()), value))
    return dict(zip(files["path"].to_pylist(), files["size_bytes"].to_pylist(), strict=True))


def _needs_spark(table: DeltaTable, change: Change) -> str | None:
    reason = needs_spark(change.location, table, change.partition)
    if reason is None and change.replaces and None in map(path_for_removal, _files_there(table, change)):
        return "files whose names delta-rs spells otherwise"
    return reason


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, CommitFailedError)
