"""The files of changes: those of stages linked or copied, or rows that Spark writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.errors import TableError
from pipelines.expressions.names import column
from pipelines.passes.attempt_folder import RUN, AttemptFolder, write_apart
from pipelines.passes.committing import Change, Files
from pipelines.passes.footers import data_files
from pipelines.passes.retries import unwritable
from pipelines.tables.creation import STATISTICS
from pipelines.transforms.staging import is_hidden

SMALL_BYTES = 4 * 2**20
"""Up to so many, a second task takes longer to begin than it saves: some 100,000 rows of a key and an output."""
MOST_SMALL_FILES = 2
"""More files than so many, of so few bytes together, are written anew as one."""
Rows = Callable[[], DataFrame]
"""Gives the rows of changes, in the column `RUN` of which run each is; where there is one, it may lack that."""


def rows_of_run(frame: DataFrame, run_id: str) -> DataFrame:
    return frame.where(F.col(RUN) == run_id).drop(RUN) if RUN in frame.columns else frame


def written_files(
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
        folders[changes[0].run_id].write(rows_of_run(rows, changes[0].run_id))
    else:
        of_these = rows.where(F.col(RUN).isin([change.run_id for change in changes]))
        write_apart(of_these, location, {change.run_id: folders[change.run_id] for change in changes})
