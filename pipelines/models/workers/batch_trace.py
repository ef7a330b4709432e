"""Which batch a worker is at: written down before each, so that the batch at which it dies silently is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pyspark import SparkContext, SparkFiles, TaskContext

MOST_DEATHS = 2
"""At so many deaths at one batch it is not tried again."""
_WIDTH = 100
"""Of one length, so that each text covers the one before it."""


class DeadlyBatchError(ValueError):
    """A batch at which workers have died before; its text says where it is."""


@dataclass(frozen=True)
class _Place:
    """A batch, and how many workers have died at it before."""

    batch: str
    deaths: int = 0

    @classmethod
    def read(cls, file: Path) -> _Place | None:
        """What a file tells; None where there is none, or it was not written to yet."""
        batch, _, deaths = (
            file.read_text(encoding="utf-8").strip().partition("; died: ") if file.exists() else ("", "", "")
        )
        return cls(batch, int(deaths)) if deaths else None

    def __str__(self) -> str:
        return f"{self.batch}; died: {self.deaths}".ljust(_WIDTH)


class Trace:
    """What one task is at, in a small file beside the files that were shipped to the worker's machine.

    Spark tries a task again whose worker died. What that one has left is found here on the same machine: a batch that
    has killed two is refused to the third, so that the job ends with the batch named, wherever the executor is.

    Args:
        job: the pass's own name.
    """

    def __init__(self, job: str) -> None:
        context = TaskContext.get()
        self._partition = 0 if context is None else context.partitionId()
        self._path = Path(SparkFiles.getRootDirectory()) / f"{job}-{self._partition}.at"
        self._left = _Place.read(self._path)
        self._file: TextIO | None = None
        self._rows = 0

    def at(self, rows: int) -> None:
        """The next batch has so many rows.

        Raises:
            DeadlyBatchError: too many workers have died at it.
        """
        place = _Place(f"partition {self._partition}, rows {self._rows + 1} to {self._rows + rows} of it")
        if self._left is not None and self._left.batch == place.batch:
            place = _Place(place.batch, self._left.deaths + 1)
            if place.deaths >= MOST_DEATHS:
                raise DeadlyBatchError(place.batch)
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8")
        self._file.seek(0)
        self._file.write(str(place))
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
    return sorted(place.batch for place in map(_Place.read, files) if place is not None)


def left_on_executors(context: SparkContext, job: str) -> list[str]:
    """Where such tasks were on all machines of the cluster: each task of a small job looks where it runs."""
    tasks = 2 * context.defaultParallelism
    return sorted(set(context.parallelize(range(tasks), tasks).mapPartitions(lambda _: left_behind(job)).collect()))
