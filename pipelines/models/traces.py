"""Which batch a worker is at: written down before each, so that a worker that dies without a word can be told of."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

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
        self._file: TextIO | None = None
        self._rows = 0

    def at(self, rows: int) -> None:
        """The next batch has so many rows."""
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8")
        self._file.seek(0)
        # Of one length, so that the new text covers the last one.
        self._file.write(f"partition {self._partition}, rows {self._rows + 1} to {self._rows + rows} of it".ljust(80))
        self._file.flush()
        self._rows += rows

    def done(self) -> None:
        """The task has scored its last batch."""
        if self._file is not None:
            self._file.close()
        self._path.unlink(missing_ok=True)


def left_behind(job: str) -> list[str]:
    """Where the tasks of a pass were that did not end, as far as they ran on this machine."""
    files = Path(SparkFiles.getRootDirectory()).glob(f"{job}-*.at")
    return sorted(filter(None, (file.read_text(encoding="utf-8").strip() for file in files)))
