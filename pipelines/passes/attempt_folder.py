"""The files of one attempt: written into the table's own folder, and seen by nobody until a commit names them."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame

from pipelines.passes.demands import alike
from pipelines.tables.locations import for_delta_rs

PREFIX = "pass-"
"""How the folder of an attempt begins."""
RUN = "__run"
"""The column that says of which run a row is, where rows of several are written together."""
COMMITTER = {
    "mapreduce.fileoutputcommitter.algorithm.version": "1",
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}
"""Version 2 would move a task's files before the job is known to end well."""


ROWS_AT_ONCE = 8192
"""So many rows are copied at a time: wide ones, kept as JSON, are some kilobytes each."""


class AttemptFolder:
    """A fresh folder in a partition's, on a local disk, for the rows of one attempt of a run.

    Readers such as Polars take the values of the partition columns from the folders' names and not from the log, so the
    folder lies where Hive's rules want it, and no other folder has a `=` in its name.

    Its files belong to no version until a commit names them; until then `discard` removes them. What a killed process
    leaves is removed by `maintain` once it is older than the retention, as any file that no version needs.

    Args:
        location: the table's.
        partition: the values of the partition columns, in their order.
        run_id: whose rows.
    """

    def __init__(self, location: str, partition: Mapping[str, str], run_id: str) -> None:
        folders = [f"{name}={quote(value, safe='')}" for name, value in partition.items()]
        self.name = "/".join([*folders, f"{PREFIX}{run_id}-{secrets.token_hex(4)}"])
        self._path = Path(for_delta_rs(location), self.name)

    def write(self, frame: DataFrame) -> None:
        """Write the rows as Parquet.

        Spark's committer moves the tasks' files into the folder once the job has ended well, so tasks that were tried
        again, or ran twice side by side, leave nothing there.
        """
        frame.write.options(**COMMITTER).parquet(f"file:{self._path.absolute()}")

    def link(self, folder: Path) -> None:
        """Make the Parquet files of a folder this one's too: by a second name, or by a copy.

        A copy where they are on another disk, or of another group than files get here.
        """
        self._path.mkdir(parents=True)
        group = self._path.stat().st_gid
        for file in folder.glob("*.parquet"):
            own = self._path / file.name
            try:
                if file.stat().st_gid != group:
                    raise OSError
                own.hardlink_to(file)
                os.utime(own)  # its age is counted from now: VACUUM leaves young files alone
            except OSError:
                own.unlink(missing_ok=True)
                shutil.copyfile(file, own)

    def copy(self, folder: Path, columns: Mapping[str, str | pa.Scalar], schema: pa.Schema) -> None:
        """Write the rows of a folder's Parquet files here, as one file.

        Args:
            folder: on a local disk.
            columns: what the file's columns are made of, by name: a column of the folder's files, or one value.
            schema: the table's. Columns that differ from it only by how they are stored are stored as it has them.
        """
        self._path.mkdir(parents=True)
        writer: pq.ParquetWriter | None = None
        try:
            for file in sorted(folder.glob("*.parquet")):
                # Spark stores times as INT96, which are not of a zone and have nanoseconds.
                with pq.ParquetFile(file, pre_buffer=False, coerce_int96_timestamp_unit="us") as source:
                    for batch in source.iter_batches(ROWS_AT_ONCE):
                        table = _made_of(pa.Table.from_batches([batch]), columns, schema)
                        if writer is None:
                            path = self._path / f"part-00000-{secrets.token_hex(16)}.snappy.parquet"
                            writer = pq.ParquetWriter(path, table.schema, compression="snappy")
                        writer.write_table(table)
        finally:
            if writer is not None:
                writer.close()

    def take(self, written: Path) -> None:
        """Make a folder that was written elsewhere on the same disk this one; without one, there are no rows."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if written.exists():
            written.rename(self._path)

    def discard(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._path, ignore_errors=True)


def _made_of(table: pa.Table, columns: Mapping[str, str | pa.Scalar], schema: pa.Schema) -> pa.Table:
    values = {
        name: table[value] if isinstance(value, str) else pa.repeat(value, len(table))
        for name, value in columns.items()
    }
    return pa.table(
        {
            name: value.cast(schema.field(name).type) if alike(value.type, schema.field(name).type) else value
            for name, value in values.items()
        }
    )


def write_apart(frame: DataFrame, location: str, folders: Mapping[str, AttemptFolder]) -> None:
    """Write the rows of several runs at once, each run's into its folder.

    Args:
        frame: the rows, and in the column `RUN` whose each is.
        location: the table's.
        folders: by the run's id.
    """
    aside = Path(for_delta_rs(location), f"_{PREFIX}{secrets.token_hex(8)}").absolute()  # no reader looks into it
    try:
        frame.write.options(**COMMITTER).partitionBy(RUN).parquet(f"file:{aside}")
        for run_id, folder in folders.items():
            folder.take(aside / f"{RUN}={run_id}")
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def remove_left(location: str, older_than: float) -> None:
    """Remove what attempts have left: folders that hold no file any more, and those written aside whose process ended.

    Args:
        location: the table's.
        older_than: the time, in seconds since 1970, before which they were changed last.
    """
    for aside in Path(for_delta_rs(location)).glob(f"_{PREFIX}*"):
        with suppress(OSError):  # gone since it was listed
            if aside.stat().st_mtime < older_than:
                shutil.rmtree(aside)
    for attempt in sorted(Path(for_delta_rs(location)).rglob(f"{PREFIX}*")):
        for folder in sorted((attempt, *attempt.rglob("*")), reverse=True):  # the innermost first
            with suppress(OSError):  # it holds something, or it is a file
                if folder.stat().st_mtime < older_than:
                    folder.rmdir()
