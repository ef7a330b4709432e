"""Which batch a worker is at: written down before each, so that a worker that dies without a word can be told of."""

from __future__ import annotations

from pathlib import Path

from pyspark import SparkFiles, TaskContext


class Trace:
    """What one task is at, in a small file beside the files that were shipped to the worker's machine.

    Args:
        job: the pass's own name.
    """

    def __init__(self, job: str) -> None:
        context = TaskContext.get()
        self._partition = 0 if context is None else context.partitionId()
        self._path = Path(SparkFiles.getRootDirectory()) / f"{job}-{self._partition}.at"
        self._file = self._path.open("w", encoding="utf-8")
        self._rows = 0

    def at(self, rows: int) -> None:
        """The next batch has so many rows."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"partition {self._partition}, rows {self._rows + 1} to {self._rows + rows} of it")
        self._file.flush()
        self._rows += rows

    def done(self) -> None:
        """The task has scored its last batch."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def left_behind(job: str) -> list[str]:
    """Where the tasks of a pass were that did not end, as far as they ran on this machine."""
    files = Path(SparkFiles.getRootDirectory()).glob(f"{job}-*.at")
    return sorted(file.read_text(encoding="utf-8") for file in files)
