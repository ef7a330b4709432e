"""Stages: a run's rows, written aside before they are published. Complete once their marker is there."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pyarrow import fs

from pipelines.tables.locations import below, local_path, read_text, storage, write_text
from pipelines.tables.locking import RunLock
from pipelines.transforms.staging import KIND, REFUSED_KIND, SCORED

MANIFEST = "manifest.json"
MARKER = "_COMPLETE.json"
RUN_ID_TIME = "%Y%m%dT%H%M%S"
"""How a run's id begins."""


@dataclass
class Stage:
    """The folder of one run's rows.

    Args:
        stages: the folder of all stages of the pipeline.
        run_id: the run that scored the rows.
        lock: held for as long as a process works on it.
    """

    stages: str
    run_id: str
    lock: RunLock

    @property
    def location(self) -> str:
        return below(self.stages, self.run_id)

    @property
    def rows(self) -> str:
        """Where the rows are, as Parquet."""
        return below(self.location, "rows")

    @property
    def scored(self) -> str:
        """Where those of the rows are that were scored, where they stand apart."""
        return below(self.rows, f"{KIND}={SCORED}")

    @property
    def refused(self) -> str:
        """Where those of the rows are that were refused, where they stand apart."""
        return below(self.rows, f"{KIND}={REFUSED_KIND}")

    def begin(self, manifest: str) -> None:
        """Make the folder, with the manifest of the run that fills it."""
        write_text(self.location, MANIFEST, manifest)

    def finish(self, marker: Mapping[str, object]) -> None:
        """Say that the rows are complete, and what was observed while they were written."""
        write_text(self.location, MARKER, json.dumps(marker, sort_keys=True))

    def is_complete(self) -> bool:
        """Whether all its rows are there."""
        return read_text(self.location, MARKER) is not None

    def marker(self) -> Mapping[str, Any] | None:
        """The marker that `finish` wrote, or None for a stage that is not complete."""
        text = read_text(self.location, MARKER)
        return None if text is None else json.loads(text)

    def size_bytes(self) -> int:
        """How large the files of the rows are together."""
        listed = storage(self.stages).get_file_info(
            fs.FileSelector(f"{self.run_id}/rows", allow_not_found=True, recursive=True)
        )
        return sum(info.size or 0 for info in listed)

    def take(self, folder: str) -> None:
        """Make a folder of rows, on the same local disk, this stage's; where it is not there, there are no rows."""
        rows, written = local_path(self.rows), local_path(folder)
        assert rows is not None and written is not None  # noqa: S101, PT018 - only local stages are written together
        if written.exists():
            written.rename(rows)
        else:
            rows.mkdir()

    def clear(self) -> None:
        """Remove the stage, and hold its lock on."""
        files = storage(self.stages)
        if files.get_file_info(self.run_id).type == fs.FileType.Directory:
            files.delete_dir(self.run_id)

    def discard(self) -> None:
        """Remove the stage and give up its lock."""
        self.clear()
        self.lock.release()

    def handed_to(self, run_id: str, lock: RunLock) -> Stage:
        """This stage under another run's name and lock: one rename, as only local stages change hands."""
        storage(self.stages).move(self.run_id, run_id)
        self.lock.release()
        return Stage(self.stages, run_id, lock)

    def begun_at(self) -> dt.datetime | None:
        """When the run began that filled it, by its id; None for a folder that is no run's."""
        try:
            return dt.datetime.strptime(self.run_id.partition("-")[0], RUN_ID_TIME).replace(tzinfo=dt.UTC)
        except ValueError:
            return None

    def leave(self) -> None:
        """Give up the lock and let the rows stay."""
        self.lock.release()


def at(stages: str, run_id: str, lock: RunLock | None = None) -> Stage:
    """The stage of a run, whether or not it is there, with the lock that is held for it; by default a free one."""
    return Stage(stages, run_id, lock or RunLock(stages, run_id))


def abandoned(stages: str) -> Iterator[Stage]:
    """The stages that no process works on, newest first; each with its lock held, which the caller gives up."""
    folder = local_path(stages)
    if folder is None or not folder.is_dir():  # elsewhere nothing tells whether a run is alive
        return
    listed = storage(stages).get_file_info(fs.FileSelector(""))
    names = [info.base_name for info in listed if info.type == fs.FileType.Directory and info.base_name != "_locks"]
    for name in sorted(names, reverse=True):
        stage = at(stages, name)
        if stage.lock.acquire():
            yield stage
