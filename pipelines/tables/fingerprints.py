"""What tells whether a slice's own input changed."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from deltalake import DeltaTable
from pyarrow import fs

from pipelines.errors import SourceError
from pipelines.tables.commit_log import Commit, FileAction, commits_backwards, latest_version
from pipelines.tables.locations import for_delta_rs, local_path, storage
from pipelines.tables.reading import active_files


@dataclass(frozen=True)
class Reach:
    """The part of a source that a slice reads, where its filter can be told from partition values or statistics.

    Args:
        column: the date column.
        first: the first date.
        last: the last date.
    """

    column: str
    first: dt.date
    last: dt.date

    def holds(self, value: str | None) -> bool:
        """Whether a partition's value lies within."""
        return value is not None and self.first.isoformat() <= value[:10] <= self.last.isoformat()

    def touched_by(self, file: FileAction) -> bool:
        """Whether the file may hold rows of the slice: yes unless its partition or its statistics say no."""
        if file.partition and self.column in file.partition:
            return self.holds(file.partition[self.column])
        if file.stats is not None:
            low = file.stats.get("minValues", {}).get(self.column)
            high = file.stats.get("maxValues", {}).get(self.column)
            if low is not None and high is not None:
                return bool(str(low)[:10] <= self.last.isoformat() and self.first.isoformat() <= str(high)[:10])
        return True


@dataclass(frozen=True)
class Pinned:
    """A source, pinned.

    Args:
        version: the Delta version that is read; None for other formats.
        fingerprint: equal as long as the slice's own rows were not changed.
        rows: the number of the slice's rows, where the log alone tells it.
    """

    version: int | None
    fingerprint: str
    rows: int | None = None


@dataclass(frozen=True)
class Known:
    """An earlier run's pin of the same source and slice: commits up to its version need not be read again."""

    version: int
    fingerprint: str


class DeltaSource:
    """A Delta table at its newest version: opened once, pinned for any number of slices.

    Raises:
        SourceError: there is no Delta table there.
    """

    def __init__(self, location: str) -> None:
        self.version = latest_version(location)
        self._table = DeltaTable(for_delta_rs(location), version=self.version)
        self._id = str(self._table.metadata().id)
        self._read: list[Commit] = []
        self._unread = commits_backwards(location, self.version)

    def pin(self, reach: Reach | None, known: Known | None = None) -> Pinned:
        """Pin the table for a slice.

        The fingerprint is the table's id and the last commit that changed rows which the slice reaches; a compaction
        changes none. Where the log was cleaned up and no earlier run knows, it is a digest of the slice's files.

        Args:
            reach: the part that the slice reads; None for the whole table.
            known: what an earlier run found.
        """
        return Pinned(self.version, self._fingerprint(reach, known), self._rows(reach))

    def _fingerprint(self, reach: Reach | None, known: Known | None) -> str:
        same_table = known is not None and known.fingerprint.startswith(self._id) and known.version <= self.version
        oldest = known.version + 1 if known is not None and same_table else 0
        last_read = self.version + 1
        for commit in self._commits():
            if commit.version < oldest:
                break
            if _touches(commit, reach):
                return f"{self._id}@{commit.version}"
            last_read = commit.version
        if last_read > oldest:  # the log was cleaned up in between
            return f"{self._id}#{_digest_of_files(self._files(reach))}"
        return known.fingerprint if known is not None and same_table else f"{self._id}@none"

    def _commits(self) -> Iterator[Commit]:
        """The table's commits from the newest down; each is read once."""
        yield from self._read
        for commit in self._unread:
            self._read.append(commit)
            yield commit

    @cached_property
    def _all_files(self) -> list[dict[str, Any]]:
        files, wanted = active_files(self._table), ("path", "size_bytes", "num_records")
        names = [name for name in files.column_names if name in wanted or name.startswith("partition.")]
        plain: list[dict[str, Any]] = files.select(names).to_pylist()
        return plain

    def _files(self, reach: Reach | None) -> list[dict[str, Any]]:
        if reach is None:
            return self._all_files
        name = f"partition.{reach.column}"
        return [file for file in self._all_files if name not in file or reach.holds(str(file[name]))]

    def _rows(self, reach: Reach | None) -> int | None:
        """The rows of the slice by the log alone: only where it is made of whole files without deletion vectors."""
        if reach is None or reach.column not in self._table.metadata().partition_columns:
            return None
        if "deletionVectors" in (self._table.protocol().reader_features or []):
            return None
        counts: list[int | None] = [file.get("num_records") for file in self._files(reach)]
        return None if any(count is None for count in counts) else sum(count or 0 for count in counts)


def pin_files(location: str) -> Pinned:
    """Pin a folder of files that is no Delta table: by their paths, sizes and times.

    Raises:
        SourceError: there is nothing there.
    """
    folder = local_path(location)
    listed: list[fs.FileInfo] = []
    if folder is None or folder.exists():
        root, name = (str(folder.parent), folder.name) if folder is not None and folder.is_file() else (location, "")
        files = storage(root)
        listed = [files.get_file_info(name)] if name else files.get_file_info(fs.FileSelector("", recursive=True))
    data = sorted((info.path, info.size, info.mtime_ns) for info in listed if info.type == fs.FileType.File)
    if not data:
        raise SourceError(
            f"there is no file at {location}", expected="data files", remedy="land the data, or mend the path"
        )
    return Pinned(None, "files#" + _sha(f"{path}|{size}|{time}" for path, size, time in data))


def _touches(commit: Commit, reach: Reach | None) -> bool:
    return any(reach is None or reach.touched_by(file) for file in commit.changes)


def _digest_of_files(files: Iterable[Mapping[str, Any]]) -> str:
    return _sha(sorted(f"{file['path']}|{file['size_bytes']}" for file in files))


def _sha(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\n")
    return digest.hexdigest()[:32]
