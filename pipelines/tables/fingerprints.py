"""What tells whether a slice's own input changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pipelines.errors import SourceError
from pipelines.tables.columns import Columns
from pipelines.tables.commit_history import CommitHistory, columns_of
from pipelines.tables.commit_log import Commit, FileAction, latest_version
from pipelines.tables.locations import for_delta_rs
from pipelines.tables.reach import Reach
from pipelines.tables.readers import features_of
from pipelines.tables.reading import Row, active_files

UNMAPPED = "REMOVE COLUMN MAPPING"
"""What Delta calls the commit that gives the log and the files the columns' own names, and changes no row."""
REDEFINING = frozenset({"columnMapping", "typeWidening", "typeWidening-preview"})
"""Features by which a commit without files changes what a name means."""


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
        SourceError: there is no Delta table there, or one with a feature that its log cannot be read with.
    """

    def __init__(self, location: str) -> None:
        self.version = latest_version(location)
        self._table = _opened(location, self.version)
        about = self._table.metadata()
        self._id, self._partitions = str(about.id), frozenset(about.partition_columns)
        self._columns = columns_of(self._table)
        self._history = CommitHistory(location, self.version)
        self._by_column: dict[str, list[FileAction]] = {}

    def pin(self, reach: Reach | None, known: Known | None = None) -> Pinned:
        """Pin the table for a slice.

        The fingerprint is the table's id and the last commit that changed rows which the slice reaches, or what a name
        of the table means; a compaction does neither. Where the log was cleaned up and no earlier run knows, it is a
        digest of the slice's files.

        Args:
            reach: the part that the slice reads; None for the whole table.
            known: what an earlier run found.
        """
        return Pinned(self.version, self._fingerprint(reach, known), self._rows(reach))

    def may_have_rows(self, reach: Reach) -> bool:
        """Whether a file may hold rows of a slice, by the log alone: exact for partitions, at most for statistics."""
        named = _in_log(reach, self._columns)
        return any(named.touched_by(file) for file in self._described(reach.column))

    def _described(self, column: str) -> list[FileAction]:
        """Each file's partition value or bounds of a column."""
        if column not in self._by_column:
            self._by_column[column] = _described(self._active, column, self._columns.physical_name(column))
        return self._by_column[column]

    def _fingerprint(self, reach: Reach | None, known: Known | None) -> str:
        same_table = known is not None and known.fingerprint.startswith(self._id) and known.version <= self.version
        oldest = known.version + 1 if known is not None and same_table else 0
        columns, last_read = self._columns, self.version + 1
        for commit in self._history.down_to(oldest):
            if _touches(commit, reach, columns):
                return f"{self._id}@{commit.version}"
            if commit.columns is not None and commit.version > 0:
                earlier = self._history.columns_before(commit.version)
                if earlier is None:
                    break
                if commit.operation == UNMAPPED:
                    columns = columns.mapped_as(earlier)
                if columns.differ_from(earlier):
                    return f"{self._id}@{commit.version}"
            last_read = commit.version
        if last_read > oldest:  # the log was cleaned up in between
            return f"{self._id}#{self._digest(reach)}"
        return known.fingerprint if known is not None and same_table else f"{self._id}@none"

    def _digest(self, reach: Reach | None) -> str:
        """A digest of the slice's files; of what columns mean and which rows are deleted, where files do not tell."""
        files = self._files(reach)
        parts = sorted(f"{file['path']}|{file['size_bytes']}" for file in files)
        features = features_of(self._table)
        if not REDEFINING.isdisjoint(features):
            parts += self._columns.as_lines()
        if "deletionVectors" in features:
            named = {PurePosixPath(file["path"]).name for file in files}
            parts += sorted(line for name, line in self._deleted if name in named)
        return digest_of(parts)

    @cached_property
    def _deleted(self) -> list[tuple[str, str]]:
        """The names of files with deletion vectors, each with a digest of the rows that are left."""
        found = pa.RecordBatchReader.from_stream(self._table.deletion_vectors()).read_all()
        names = (PurePosixPath(uri).name for uri in found["filepath"].to_pylist())
        kept = (hashlib.sha256(bytes(row.as_py())).hexdigest() for row in found["selection_vector"])
        return [(name, f"{name}|{digest}") for name, digest in zip(names, kept, strict=True)]

    @cached_property
    def _active(self) -> pa.Table:
        """The files of the version, as the log describes them."""
        return active_files(self._table)

    @cached_property
    def _all_files(self) -> list[Row]:
        wanted = [name for name in ("path", "size_bytes", "num_records") if name in self._active.column_names]
        plain: list[Row] = self._active.select(wanted).to_pylist()
        return plain

    def _files(self, reach: Reach | None) -> list[Row]:
        """The files of the slice, where the day is a partition; else all."""
        if reach is None or reach.column not in self._partitions:
            return self._all_files
        named = _in_log(reach, self._columns)
        described = zip(self._all_files, self._described(reach.column), strict=True)
        return [file for file, bounds in described if named.touched_by(bounds)]

    def _rows(self, reach: Reach | None) -> int | None:
        """The rows of the slice, where the log tells: no file may hold one, or whole files do, none of them deleted."""
        if reach is None:
            return None
        if reach.column not in self._partitions:
            return None if self.may_have_rows(reach) else 0
        if "deletionVectors" in features_of(self._table):
            return None
        counts: list[int | None] = [file.get("num_records") for file in self._files(reach)]
        return None if any(count is None for count in counts) else sum(count or 0 for count in counts)


def _opened(location: str, version: int) -> DeltaTable:
    try:
        return DeltaTable(for_delta_rs(location), version=version)
    except DeltaError as error:
        raise SourceError(
            f"the Delta table at {location} cannot be opened",
            expected="a complete log, and only table features that delta-rs knows",
            found=error,
            remedy=f"in Spark: ALTER TABLE delta.`{location}` DROP FEATURE, with the feature that is named above; or "
            "land the input as a table without it",
        ) from error


def _described(files: pa.Table, column: str, physical: str) -> list[FileAction]:
    """The files as a commit would name them, of one column only; without bounds where the log has none."""
    partition, low, high = f"partition.{column}", f"min.{physical}", f"max.{physical}"
    if partition in files.column_names:
        return [FileAction({physical: value}, None) for value in _texts(files[partition])]
    if low not in files.column_names or high not in files.column_names:
        return [FileAction(None, None)] * files.num_rows
    bounds = zip(_texts(files[low]), _texts(files[high]), strict=True)
    return [FileAction(None, {"minValues": {physical: least}, "maxValues": {physical: most}}) for least, most in bounds]


def _texts(values: pa.ChunkedArray) -> list[str | None]:
    """Dates and times as texts: to take plain times, pyarrow imports pandas."""
    texts: list[str | None] = values.cast(pa.string()).to_pylist()
    return texts


def _touches(commit: Commit, reach: Reach | None, columns: Columns) -> bool:
    if reach is None:
        return bool(commit.changes)
    named = _in_log(reach, columns)
    return any(named.touched_by(file) for file in commit.changes)


def _in_log(reach: Reach, columns: Columns) -> Reach:
    """The reach as files of the log are held against it: by the column's physical name, and its kind of time."""
    has_zone = not columns.is_local_time(reach.column)
    return replace(reach, column=columns.physical_name(reach.column), has_zone=has_zone)


def digest_of(parts: Iterable[str]) -> str:
    """What tells these parts, in their order, from others."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\n")
    return digest.hexdigest()[:32]
