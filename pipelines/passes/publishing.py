"""Puts rows in place: fenced, whole or not at all, and known apart afterwards. The one way into the pipeline's tables.

Spark writes the rows once, as files of the table's own folder; a commit of the log alone makes them the slice.
delta-rs checks nothing of such a commit. So each attempt looks at the table anew, checks, and commits at that very
version; whatever comes in between makes it begin again from the look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.errors import PipelineError, TableError, root_cause
from pipelines.expressions.names import column
from pipelines.passes import spark_writer
from pipelines.passes.attempt_folder import RUN, AttemptFolder, write_apart
from pipelines.passes.demands import as_listed, needs_spark, path_for_removal, require_fitting
from pipelines.passes.footers import DataFile, data_files
from pipelines.passes.retries import retried, unwritable
from pipelines.tables.creation import STATISTICS
from pipelines.tables.locking import table_lock
from pipelines.tables.reading import active_files
from pipelines.tables.slices import Slice, commits_of, metadata_of, open_table
from pipelines.transforms.staging import is_hidden

Outcome = Literal["published", "superseded"]
SMALL_BYTES = 4 * 2**20
"""Up to so many, a second task takes longer to begin than it saves: some 100,000 rows of a key and an output."""
MOST_SMALL_FILES = 2
"""More files than so many, of so few bytes together, are written anew as one."""


class UnknownEndError(TableError):
    """Rows may have been published, or not: the table could not be asked."""


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
Rows = Callable[[], DataFrame]
"""Gives the rows of changes, in the column `RUN` of which run each is; where there is one, it may lack that."""


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
    if _needs_spark(table, location, changes) is not None:
        rows = frame()
        return [
            _put_empty(frame, location, change) if change.is_empty else _replaced_by_spark(rows, location, one)
            for one, change in zip(replacements, changes, strict=True)
        ]
    return ["published" if is_there else "superseded" for is_there in put(frame, table, location, changes)]


def _put_empty(frame: Rows, location: str, change: Change) -> Outcome | PipelineError:
    """Publish a slice without a row by itself: Spark writes one transaction a commit, which cannot also say that."""
    table = open_table(location)
    reason = _needs_spark(table, location, [change])
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
    rows = _rows_of(frame, one.run_id)
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
    if _needs_spark(table, location, changes) is not None:
        rows = frame()
        for one, change in zip(refusals, changes, strict=True):
            spark_writer.append(_rows_of(rows, one.run_id), location, one.slice.score_date, change.transaction)
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
    left = [change for change in changes if _last_attempt(table, change) <= change.transaction.version]
    folders = {change.run_id: AttemptFolder(location, change.partition, change.run_id) for change in left}
    try:
        files = _written(frame, table, location, left, folders)
    except BaseException:
        _discard(folders.values())
        raise
    try:
        with table_lock(location):
            there = _committed(location, left, files)
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


def _committed(location: str, changes: Sequence[Change], files: Files) -> set[str]:
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
        return _those_there(location, changes, files)
    except (PipelineError, DeltaError, OSError) as error:
        raise UnknownEndError(
            f"whether the rows were published is not known: the table at {location} cannot be looked at",
            expected="a table that can be read",
            found=root_cause(error),
            remedy="run again once it can be read: that finds out",
        ) from error


def _rows_of(frame: DataFrame, run_id: str) -> DataFrame:
    return frame.where(F.col(RUN) == run_id).drop(RUN) if RUN in frame.columns else frame


def _written(
    frame: Rows,
    table: DeltaTable,
    location: str,
    changes: Sequence[Change],
    folders: Mapping[str, AttemptFolder],
) -> Files:
    """The files of the rows, which are as many as were counted of each run."""
    bringing = [change for change in changes if change.rows]
    if not bringing:
        return {change.run_id: [] for change in changes}
    try:
        left = [change for change in bringing if not _reuses_files(table, change, folders[change.run_id])]
        if left:
            _write(frame(), table, location, left, folders)
        known = {"run_id", *table.metadata().configuration.get(STATISTICS, "").split(",")}
        files = {
            change.run_id: data_files(location, folders[change.run_id].name, known) if change.rows else []
            for change in changes
        }
    except (PySparkException, Py4JError, OSError, pa.ArrowException) as error:
        raise unwritable(location, error) from error
    for change in changes:
        written = sum(file.rows for file in files[change.run_id])
        if written != change.rows:
            raise TableError(
                f"other rows of run {change.run_id} were written for {location} than were counted",
                expected=f"{change.rows} rows",
                found=f"{written} rows, in {len(files[change.run_id])} files",
                remedy="see that executors and driver have the same folder there, and run again",
            )
    return files


def _reuses_files(table: DeltaTable, change: Change, folder: AttemptFolder) -> bool:
    """Link or copy the files of a change into its folder; False where Spark has to write its rows."""
    if change.files is None:
        return False
    if change.columns is None:
        if not _may_be_the_tables(table, change.files):
            return False
        folder.link(change.files)
        return True
    schema = pa.schema(table.schema().to_arrow())
    wanted = {name for name in change.columns.values() if isinstance(name, str)}
    if not change.columns.keys() <= set(schema.names) or not wanted <= set(_columns_of(change.files)):
        return False
    folder.copy(change.files, change.columns, schema)
    return True


def _columns_of(folder: Path) -> Sequence[str]:
    """The columns of a folder's Parquet files; none where only Spark can tell."""
    for file in folder.glob("*.parquet"):
        try:
            return [*pq.read_schema(file).names]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a type that only Spark knows
            return []
    return []


def _may_be_the_tables(table: DeltaTable, folder: Path) -> bool:
    """Whether a folder's files may become the table's: few, or large; with the table's columns as it spells them.

    Not where the table has a column of its own that is named as one that they hide.
    """
    files = [(file, file.stat().st_size) for file in folder.glob("*.parquet")]
    if not files or (len(files) > MOST_SMALL_FILES and sum(size for _, size in files) <= SMALL_BYTES):
        return False
    names, found = {field.name for field in table.schema().fields}, _columns_of(folder)
    if not found or any(map(is_hidden, names)):
        return False
    return all(name in names or is_hidden(name) for name in found)


def _write(
    frame: DataFrame,
    table: DeltaTable,
    location: str,
    changes: Sequence[Change],
    folders: Mapping[str, AttemptFolder],
) -> None:
    """Write the rows of changes by one Spark job."""
    spelled = {field.name.lower(): field.name for field in table.schema().fields}
    rows = frame.select(*[column(name).alias(spelled.get(name.lower(), name)) for name in frame.columns])
    if len(changes) == 1:
        folders[changes[0].run_id].write(_rows_of(rows, changes[0].run_id))
    else:
        of_these = rows.where(F.col(RUN).isin([change.run_id for change in changes]))
        write_apart(of_these, location, {change.run_id: folders[change.run_id] for change in changes})


def _commit_once(location: str, changes: Sequence[Change], files: Files) -> None:
    """Look at the table, and commit what no attempt did so already, neither this one nor one that comes after it."""
    table = open_table(location)
    left = [change for change in changes if _last_attempt(table, change) < change.transaction.version]
    if not left:
        return
    reason = _needs_spark(table, location, left)
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
            for path, size in (_files_there(active, change).items() if change.replaces else ())
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


def _those_there(location: str, changes: Sequence[Change], files: Files) -> set[str]:
    """The runs whose files are their partition's, or among its where they replace none."""
    table = open_table(location)
    active = active_files(table)
    there = set()
    for change in changes:
        ours, found = {as_listed(file.path) for file in files[change.run_id]}, set(_files_there(active, change))
        is_there = found == ours and _says_the_same(table, location, change) if change.replaces else found >= ours
        if _last_attempt(table, change) == change.transaction.version and is_there:
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


def _last_attempt(table: DeltaTable, change: Change) -> int:
    return table.transaction_version(change.transaction.app_id) or 0


def _files_there(active: pa.Table, change: Change) -> dict[str, int]:
    """The partition's files: the size in bytes by the path."""
    for name, value in change.partition.items():
        active = active.filter(pc.equal(active[f"partition.{name}"].cast(pa.string()), value))
    return dict(zip(active["path"].to_pylist(), active["size_bytes"].to_pylist(), strict=True))


def _needs_spark(table: DeltaTable, location: str, changes: Sequence[Change]) -> str | None:
    reason = needs_spark(location, table, changes[0].partition)
    if reason is None and any(change.replaces for change in changes):
        active = active_files(table)
        for change in changes:
            if change.replaces and None in map(path_for_removal, _files_there(active, change)):
                return "files whose names delta-rs spells otherwise"
    return reason


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, CommitFailedError)
