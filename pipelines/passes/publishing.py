"""Puts rows in place: fenced, whole or not at all, and known apart afterwards. The one way into the pipeline's tables.

Spark writes the rows once, as files of the table's own folder; a commit of the log alone makes them the slice.
delta-rs checks nothing of such a commit. So each attempt looks at the table anew, checks, and commits at that very
version; whatever comes in between makes it begin again from the look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from deltalake import DeltaTable, Transaction
from pyspark.sql import DataFrame

from pipelines.errors import PipelineError, TableError
from pipelines.passes import spark_writer
from pipelines.passes.attempt_folder import AttemptFolder
from pipelines.passes.change_files import Rows, rows_of_run, written_files
from pipelines.passes.committing import Change, UnknownEndError, committed, last_attempt, needs_spark_for
from pipelines.tables.locking import table_lock
from pipelines.tables.slices import Slice, open_table

Outcome = Literal["published", "superseded"]


@dataclass(frozen=True)
class Replacement:
    """The rows that a run would put in the place of a slice's.

    Args:
        slice: which slice.
        fence: the attempt's number.
        metadata: kept with the commit; `run_id` in it tells this attempt's commit.
        rows: how many they are, as they were counted.
        takes_away: whether the slice is not published any more, rather than published without a row.
        files: a local folder that holds the rows as the table has them; None where a frame brings them.
    """

    slice: Slice
    fence: int
    metadata: Mapping[str, Any]
    rows: int
    takes_away: bool = False
    files: Path | None = None

    @property
    def run_id(self) -> str:
        return str(self.metadata["run_id"])


@dataclass(frozen=True)
class Refusal:
    """The rows that a run refused.

    Args:
        slice: whose rows.
        run_id: the run.
        rows: how many they are, as they were counted.
        files: a local folder that holds the rows; None where a frame brings them.
        columns: how the table's columns are made of the files': by name, the column there or the value of all rows.
    """

    slice: Slice
    run_id: str
    rows: int
    files: Path | None = None
    columns: Mapping[str, str | pa.Scalar] | None = None


def publish(frame: Rows, location: str, replacement: Replacement) -> Outcome:
    """Replace one slice by the frame's rows; see `publish_slices`."""
    (outcome,) = publish_slices(frame, location, [replacement])
    if isinstance(outcome, PipelineError):
        raise outcome
    return outcome


def publish_slices(frame: Rows, location: str, replacements: Sequence[Replacement]) -> list[Outcome | PipelineError]:
    """Replace slices by the frame's rows in one commit, each unless a newer attempt did so already.

    Args:
        frame: gives the slices' rows, without the columns that name the slice; not asked where all come as files.
        location: the predictions table's.
        replacements: of which slice, by which attempt.

    Returns:
        Of each what became of it. Where Spark's own writer has to write, each is a commit, and may fail, by itself.

    Raises:
        ConflictError: other writers came first until the retries were used up; none is there.
        TableError: the table cannot be written, or does not take such rows; none is there.
        UnknownEndError: the table could not be asked afterwards; the next run finds out.
    """
    changes = [
        Change(
            one.run_id,
            one.slice.partition,
            Transaction(one.slice.transaction, one.fence),
            one.rows,
            replaces=True,
            empty=Transaction(one.slice.empty_transaction, one.fence),
            is_empty=not one.rows and not one.takes_away,
            metadata=one.metadata,
            files=one.files,
        )
        for one in replacements
    ]
    table = open_table(location)
    if needs_spark_for(table, location, changes) is not None:
        rows = frame()
        return [
            _put_empty(frame, location, change) if change.is_empty else _replaced_by_spark(rows, location, one)
            for one, change in zip(replacements, changes, strict=True)
        ]
    return ["published" if is_there else "superseded" for is_there in put(frame, table, location, changes)]


def _put_empty(frame: Rows, location: str, change: Change) -> Outcome | PipelineError:
    """Publish a slice without a row by itself: Spark writes one transaction a commit, which cannot also say that."""
    table = open_table(location)
    reason = needs_spark_for(table, location, [change])
    if reason is not None:
        return TableError(
            f"the table at {location} cannot tell an empty slice from a missing one",
            expected="a table that takes rows by a commit of its log",
            found=reason,
            remedy="leave `empty: accept` out",
        )
    try:
        (is_there,) = put(frame, table, location, [change])
    except PipelineError as error:
        return error
    return "published" if is_there else "superseded"


def _replaced_by_spark(frame: DataFrame, location: str, one: Replacement) -> Outcome | PipelineError:
    rows = rows_of_run(frame, one.run_id)
    try:
        is_there = spark_writer.replace_slice(rows, location, one.slice, one.fence, one.metadata)
    except PipelineError as error:
        return error
    return "published" if is_there else "superseded"


def append_quarantine(frame: Rows, location: str, refusals: Sequence[Refusal]) -> None:
    """Append the rows that runs refused, in one commit; a second time for the same run adds nothing.

    The rows count as published only where their run is the slice's published one.

    Args:
        frame: gives the rows, without their date; not asked where all come as files.
        location: the quarantine table's.
        refusals: whose, and how many they are.

    Raises:
        ConflictError, TableError: as `publish_slices`.
    """
    changes = [
        Change(
            one.run_id,
            {"score_date": one.slice.score_date.isoformat()},
            Transaction(f"quarantine/{one.run_id}", 1),
            one.rows,
            files=one.files,
            columns=one.columns,
        )
        for one in refusals
    ]
    table = open_table(location)
    if needs_spark_for(table, location, changes) is not None:
        rows = frame()
        for one, change in zip(refusals, changes, strict=True):
            spark_writer.append(rows_of_run(rows, one.run_id), location, one.slice.score_date, change.transaction)
        return
    left = [change for change in changes if table.transaction_version(change.transaction.app_id) is None]
    if left:
        put(lambda: frame().coalesce(1), table, location, left)


def put(frame: Rows, table: DeltaTable, location: str, changes: Sequence[Change]) -> list[bool]:
    """Write the rows, and commit their files; those that no commit names are removed again.

    Args:
        frame: gives the rows, without the partition's columns.
        table: as it was looked at.
        location: the table's.
        changes: where they go, and what they replace.

    Returns:
        Of each change whether its rows are there, by the table itself; not where a newer attempt came first.
    """
    left = [change for change in changes if last_attempt(table, change) <= change.transaction.version]
    folders = {change.run_id: AttemptFolder(location, change.partition, change.run_id) for change in left}
    try:
        files = written_files(frame, table, location, left, folders)
    except BaseException:
        _discard(folders.values())
        raise
    try:
        with table_lock(location):
            there = committed(location, left, files)
    except UnknownEndError:
        raise  # a commit may name the files
    except PipelineError:  # the table says that none of them is there
        _discard(folders.values())
        raise
    _discard(folder for run_id, folder in folders.items() if run_id not in there)
    return [change.run_id in there for change in changes]


def _discard(folders: Iterable[AttemptFolder]) -> None:
    for folder in folders:
        folder.discard()
