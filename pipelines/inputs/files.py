"""Folders of files that are no Delta tables: which files there are, and what tells whether a slice's own changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import unquote

from pyarrow import fs

from pipelines.errors import SourceError
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


@dataclass(frozen=True)
class Listed:
    """The files of a source.

    Args:
        root: the folder that their paths are below.
        files: in the order of their paths.
    """

    root: str
    files: tuple[DataFile, ...]


class FolderSource:
    """A folder, or a file: listed once, pinned for any number of slices.

    Args:
        location: where it is.
        touches: whether a file below a root may hold rows of a slice; by default, what its folder's name tells.

    Raises:
        SourceError: there is nothing there.
    """

    def __init__(self, location: str, touches: Callable[[str, DataFile, Reach], bool] | None = None) -> None:
        self._listed = list_files(location)
        self._touches = touches or _touches_by_path

    def pin(self, reach: Reach | None, _known: Known | None = None) -> Pinned:
        """Pin it for a slice: by paths, sizes and times of the files that may hold rows of it.

        Args:
            reach: the part that the slice reads; None for all.
        """
        files = self._listed.files if reach is None else tuple(self._touched(reach))
        fingerprint = digest_of(f"{file.path}|{file.size}|{file.time}" for file in files)
        return Pinned(None, f"files#{fingerprint}", None if files else 0)

    def _touched(self, reach: Reach) -> Iterable[DataFile]:
        # The first one alone: it may raise, and imports what the others need.
        first, *others = self._listed.files
        found = [self._touches(self._listed.root, first, reach)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found += pool.map(lambda file: self._touches(self._listed.root, file, reach), others)
        return (file for file, is_touched in zip(self._listed.files, found, strict=True) if is_touched)


def list_files(location: str) -> Listed:
    """The files of a source; those whose names, or folders' names, begin with `_` or `.` are none of it, as for Spark.

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
    data = [info for info in found if info.type == fs.FileType.File and _is_data(info.path)]
    if not data:
        raise SourceError(
            f"there is no file at {location}", expected="data files", remedy="land the data, or mend the path"
        )
    files = (DataFile(info.path, info.size, info.mtime_ns or 0) for info in data)
    return Listed(root, tuple(sorted(files, key=lambda file: file.path)))


def by_partition(file: DataFile, reach: Reach) -> bool | None:
    """Whether a file holds rows of a slice, by its folder's name; None where that does not tell."""
    value = file.partition.get(reach.column)
    if value is None:
        return None
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False if value == HIVE_NULL else None
    return reach.holds(value)


def _touches_by_path(_root: str, file: DataFile, reach: Reach) -> bool:
    return by_partition(file, reach) is not False


def _is_data(path: str) -> bool:
    """Whether Spark would read it: a folder of a partition may begin with `_`."""
    *folders, name = path.split("/")
    return not name.startswith(("_", ".")) and not any(
        part.startswith(".") or (part.startswith("_") and "=" not in part) for part in folders
    )
