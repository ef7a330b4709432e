"""Folders of files that are no Delta tables: which files there are, and what tells whether a slice's own changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from urllib.parse import unquote

from pyarrow import fs

from pipelines.errors import SourceError
from pipelines.tables.commit_log import FileAction
from pipelines.tables.fingerprints import Known, Pinned, digest_of
from pipelines.tables.locations import local_path, storage
from pipelines.tables.reach import Reach

AT_ONCE = 16
"""Files that are looked into side by side: on an object store, each is a request."""
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class DataFile:
    """One file.

    Args:
        path: below the root.
        size: in bytes.
        time: when it was last changed, in ns since 1970.
    """

    path: str
    size: int
    time: int

    @property
    def partition(self) -> dict[str, str]:
        """The columns that folders such as `day=2024-03-01` name, and their values as text."""
        pairs = (part.partition("=") for part in self.path.split("/")[:-1] if "=" in part)
        return {unquote(name): unquote(value) for name, _, value in pairs}

    @property
    def identity(self) -> str:
        """What is another once the file was written anew."""
        return f"{self.path}|{self.size}|{self.time}"


@dataclass(frozen=True)
class Listed:
    """The files of a source.

    Args:
        location: the folder or the file.
        root: the folder that their paths are below.
        files: in the order of their paths.
    """

    location: str
    root: str
    files: tuple[DataFile, ...]


@dataclass(frozen=True)
class Dates:
    """What a file tells of the dates or times that it holds.

    Args:
        bounds: its partition, or its least and greatest value, as a log has them.
        has_zone: whether its times are moments; else they are the clock's.
    """

    bounds: FileAction
    has_zone: bool = True


UNTOLD = Dates(FileAction(None, None))
"""Of a file that may hold any date."""
Look = Callable[[str, DataFile, str], Dates]
"""Looks for the dates that a file holds: by the folder that its path is below, the file, and the column of dates."""


def dates_by_path(_root: str, file: DataFile, column: str) -> Dates:
    """The date that a file's folder names, such as `day=2024-03-01`; a file whose folder names none does not tell."""
    value = file.partition.get(column)
    if value == HIVE_NULL:
        return Dates(FileAction({column: None}, None))
    try:
        dt.datetime.fromisoformat(value or "")
    except ValueError:
        return UNTOLD
    return Dates(FileAction({column: value}, None))


class FolderSource:
    """A folder, or a file: listed once, looked into once, pinned for any number of slices.

    Args:
        listed: its files.
        look: finds the dates that a file holds.
    """

    def __init__(self, listed: Listed, look: Look = dates_by_path) -> None:
        self._listed, self._look = listed, look
        self._by_column: dict[str, list[Dates]] = {}

    def pin(self, reach: Reach | None, _known: Known | None = None) -> Pinned:
        """Pin it for a slice: by paths, sizes and times of the files that may hold rows of it.

        Args:
            reach: the part that the slice reads; None for all.

        Raises:
            SourceError: a file cannot be looked into.
        """
        files = self._listed.files if reach is None else self._touched(reach)
        return Pinned(None, f"files#{digest_of(file.identity for file in files)}", None if files else 0)

    def tell_dates(self, column: str) -> bool:
        """Whether each file tells which dates it holds; else a change of one that does not counts for every slice.

        Raises:
            SourceError: a file cannot be looked into.
        """
        return UNTOLD not in self._dates(column)

    def _touched(self, reach: Reach) -> tuple[DataFile, ...]:
        found = zip(self._listed.files, self._dates(reach.column), strict=True)
        return tuple(file for file, dates in found if replace(reach, has_zone=dates.has_zone).touched_by(dates.bounds))

    def _dates(self, column: str) -> list[Dates]:
        if column not in self._by_column:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                looks = pool.map(lambda file: self._look(self._listed.root, file, column), self._listed.files)
                self._by_column[column] = list(looks)
        return self._by_column[column]


def list_files(location: str) -> Listed:
    """The files of a source, without those that Spark does not read.

    Raises:
        SourceError: there is nothing there.
    """
    folder = local_path(location)
    root, found = location, list[fs.FileInfo]()
    if folder is not None and folder.is_file():
        root = str(folder.parent)
        found = [storage(root).get_file_info(folder.name)]
    elif folder is None or folder.exists():
        found = storage(root).get_file_info(fs.FileSelector("", recursive=True))
    data = [info for info in found if info.type == fs.FileType.File and not any(map(_is_hidden, info.path.split("/")))]
    if not data:
        raise SourceError(
            f"there is no file at {location}", expected="data files", remedy="land the data, or mend the path"
        )
    files = (DataFile(info.path, info.size, info.mtime_ns or 0) for info in data)
    return Listed(location, root, tuple(sorted(files, key=lambda file: file.path)))


def _is_hidden(name: str) -> bool:
    """Whether Spark passes over a file or a folder of that name; a column may begin with a low line.

    Source: Spark's HadoopFSUtils.shouldFilterOutPathName.
    """
    return name.startswith(".") or (name.startswith("_") and "=" not in name) or name.endswith("._COPYING_")
