"""The files of one attempt: written into the table's own folder, and seen by nobody until a commit names them."""

from __future__ import annotations

import secrets

from pyarrow import fs
from pyspark.sql import DataFrame

from pipelines.passes.footers import DataFile, data_files
from pipelines.tables.locations import below, storage
from pipelines.tables.reading import active_files
from pipelines.tables.slices import open_table

_COMMITTER = {
    "mapreduce.fileoutputcommitter.algorithm.version": "1",
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}
"""Version 2 would move a task's files before the job is known to end well."""


class AttemptFolder:
    """A fresh folder below a table's, for the rows of one attempt of a run.

    Its files belong to no version until a commit names them; until then `discard` removes them. What a killed process
    leaves is removed by `maintain`, as any file that no version needs.

    Args:
        location: the table's.
        run_id: whose rows.
    """

    def __init__(self, location: str, run_id: str) -> None:
        self.location = location
        self.name = f"pass={run_id}/attempt={secrets.token_hex(4)}"

    def write(self, frame: DataFrame) -> list[DataFile]:
        """Write the rows, and tell of the files that hold them.

        Files are listed once Spark's job has ended well: its committer moves the tasks' files into the folder then, so
        tasks that were tried again, or twice side by side, leave nothing there.
        """
        frame.write.options(**_COMMITTER).parquet(below(self.location, self.name))
        return data_files(self.location, self.name)

    def is_named(self) -> bool:
        """Whether the table's newest version has a file of the folder."""
        paths = active_files(open_table(self.location))["path"].to_pylist()
        return any(path.startswith(f"{self.name}/") for path in paths)

    def discard(self) -> None:
        """Remove the folder, and with it that of the run where no other attempt lies there."""
        files, of_run = storage(self.location), self.name.partition("/")[0]
        if files.get_file_info(self.name).type == fs.FileType.Directory:
            files.delete_dir(self.name)
            if not files.get_file_info(fs.FileSelector(of_run)):
                files.delete_dir(of_run)
