"""Commits of the log: an attempt looks at the table anew, checks, and commits at that very version."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from pipelines.errors import PipelineError, TableError, root_cause
from pipelines.passes.demands import as_listed, needs_spark, path_for_removal, require_fitting
from pipelines.passes.footers import DataFile
from pipelines.passes.retries import retried, unwritable
from pipelines.tables.reading import active_files
from pipelines.tables.slices import commits_of, metadata_of, open_table


class UnknownEndError(TableError):
    """Rows may have been published, or not: the table could not be asked."""


@dataclass(frozen=True)
class Change:
    """What an attempt changes of a partition of a table.

    Args:
        run_id: whose rows they are.
        partition: the values of the table's partition columns for all rows, in the order of the columns.
        transaction: the attempt; of one application, none follows one with a higher version.
        rows: how many rows it brings.
        replaces: whether they take the place of the partition's rows.
        empty: says that the partition is there without a row, where it is so; of those that replace.
        is_empty: whether this change says so.
        metadata: what is said of it with the commit.
        files: a local folder that holds the rows; as the table has them, unless `columns` tells how to make those.
        columns: by the names of the table's columns, the column of the files or the value that all rows have.
    """

    run_id: str
    partition: Mapping[str, str]
    transaction: Transaction
    rows: int
    replaces: bool = False
    empty: Transaction | None = None
    is_empty: bool = False
    metadata: Mapping[str, Any] | None = None
    files: Path | None = None
    columns: Mapping[str, str | pa.Scalar] | None = None

    @property
    def transactions(self) -> list[Transaction]:
        """What the commit says of attempts."""
        return [self.transaction, self.empty] if self.is_empty and self.empty is not None else [self.transaction]


Files = Mapping[str, Sequence[DataFile]]
"""The files of each change, by its run's id."""


def committed(location: str, changes: Sequence[Change], files: Files) -> set[str]:
    """Commit; the runs of the changes that are there.

    Raises:
        PipelineError: none is, and why.
        UnknownEndError: nothing tells.
    """
    try:
        retried(lambda: _commit_once(location, changes, files), location, _is_conflict)
    except (PipelineError, DeltaError, OSError) as error:
        # What follows a commit may fail too, as a checkpoint of the log where the disk is full.
        there = _asked(location, changes, files)
        if there:
            return there
        if isinstance(error, PipelineError):
            raise
        raise unwritable(location, error) from error
    return _asked(location, changes, files)


def _asked(location: str, changes: Sequence[Change], files: Files) -> set[str]:
    """The runs whose files are there.

    Raises:
        UnknownEndError: the table cannot be looked at.
    """
    try:
        return those_there(location, changes, files)
    except (PipelineError, DeltaError, OSError) as error:
        raise UnknownEndError(
            f"whether the rows were published is not known: the table at {location} cannot be looked at",
            expected="a table that can be read",
            found=root_cause(error),
            remedy="run again once it can be read: that finds out",
        ) from error


def _commit_once(location: str, changes: Sequence[Change], files: Files) -> None:
    """Look at the table, and commit what no attempt did so already, neither this one nor one that comes after it."""
    table = open_table(location)
    left = [change for change in changes if last_attempt(table, change) < change.transaction.version]
    if not left:
        return
    reason = needs_spark_for(table, location, left)
    if reason is not None:
        raise TableError(
            f"the table at {location} was altered while rows were written for it",
            expected="a table that takes them by a commit of its log",
            found=reason,
            remedy="run again; the staged rows are kept and not scored twice",
        )
    for change in left:
        is_linked = change.files is not None and change.columns is None
        require_fitting(location, table, files[change.run_id], may_hide=is_linked)
    commit(table, left, files)


def commit(table: DeltaTable, changes: Sequence[Change], files: Files) -> None:
    """Commit files to a table, at the version that was looked at.

    Raises:
        CommitFailedError: another commit came in between.
    """
    now = time.time_ns() // 1_000_000
    active = active_files(table)
    added, removed = [], []
    for change in changes:
        partition: dict[str, str | None] = {**change.partition}
        added += [
            AddAction(file.path, file.size, partition, now, True, file.as_json()) for file in files[change.run_id]
        ]
        removed += [
            RemoveAction(
                path=path_for_removal(path) or path,
                data_change=True,
                deletion_timestamp=now,
                size=size,
                partition_values=partition,
            )
            for path, size in (files_there(active, change).items() if change.replaces else ())
        ]
    said = [change.metadata for change in changes if change.metadata is not None]
    table.create_write_transaction(
        [*added, *removed],
        mode="append",
        schema=table.schema(),
        partition_by=table.metadata().partition_columns,
        commit_properties=CommitProperties(
            custom_metadata={"userMetadata": metadata_of(said)} if said else {},
            app_transactions=[transaction for change in changes for transaction in change.transactions],
            max_commit_retries=0,
        ),
    )


def those_there(location: str, changes: Sequence[Change], files: Files) -> set[str]:
    """The runs whose files are their partition's, or among its where they replace none."""
    table = open_table(location)
    active = active_files(table)
    there = set()
    for change in changes:
        ours, found = {as_listed(file.path) for file in files[change.run_id]}, set(files_there(active, change))
        is_there = found == ours and _says_the_same(table, location, change) if change.replaces else found >= ours
        if last_attempt(table, change) == change.transaction.version and is_there:
            there.add(change.run_id)
    return there


def _says_the_same(table: DeltaTable, location: str, change: Change) -> bool:
    """Whether the table says of a partition without a row what the change does: there and empty, or taken away.

    No file tells whose it is: of two empty attempts with one fence, the log does.
    """
    if change.rows or change.empty is None:
        return True
    if not change.is_empty:
        return table.transaction_version(change.empty.app_id) != change.empty.version
    if table.transaction_version(change.empty.app_id) != change.empty.version:
        return False
    return any(commit.fence == change.empty.version for commit in commits_of(location, change.run_id))


def last_attempt(table: DeltaTable, change: Change) -> int:
    return table.transaction_version(change.transaction.app_id) or 0


def files_there(active: pa.Table, change: Change) -> dict[str, int]:
    """The partition's files: the size in bytes by the path."""
    for name, value in change.partition.items():
        active = active.filter(pc.equal(active[f"partition.{name}"].cast(pa.string()), value))
    return dict(zip(active["path"].to_pylist(), active["size_bytes"].to_pylist(), strict=True))


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, CommitFailedError)


def needs_spark_for(table: DeltaTable, location: str, changes: Sequence[Change]) -> str | None:
    """Why changes must be written by Spark's own writer; None where a commit of the log is enough."""
    reason = needs_spark(location, table, changes[0].partition)
    if reason is None and any(change.replaces for change in changes):
        active = active_files(table)
        for change in changes:
            if change.replaces and None in map(path_for_removal, files_there(active, change)):
                return "files whose names delta-rs spells otherwise"
    return reason
