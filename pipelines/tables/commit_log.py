"""Reads a Delta table's log as the protocol lays it down: versions, what each commit touched, and who wrote it.

Source: the Delta transaction log protocol, github.com/delta-io/delta, PROTOCOL.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pyarrow import fs

from pipelines.errors import SourceError
from pipelines.tables.columns import Columns
from pipelines.tables.locations import local_path, storage

_COMMIT = re.compile(r"(?:^|/)(\d{20})\.json$")


@dataclass(frozen=True)
class FileAction:
    """A data file that a commit added or removed; columns have their physical names.

    Args:
        partition: the values of the partition columns as text; None where the commit does not say.
        stats: the file's statistics; None where the commit does not say.
    """

    partition: dict[str, str | None] | None
    stats: dict[str, Any] | None


@dataclass(frozen=True)
class Commit:
    """One version of a table.

    Args:
        version: its number.
        changes: the files whose rows it added or removed; none for a compaction.
        user_metadata: what its writer said of it.
        columns: the table's columns from this version on; None where the commit leaves them as they were.
        operation: what its writer did; None where it does not say.
    """

    version: int
    changes: tuple[FileAction, ...]
    user_metadata: str | None
    columns: Columns | None = None
    operation: str | None = None


def latest_version(location: str) -> int:
    """The newest version of the Delta table.

    Raises:
        SourceError: there is no Delta table there.
    """
    return max(_listed(location))


def commits_backwards(location: str, newest: int, oldest: int = 0) -> Iterator[Commit]:
    """The commits from `newest` down to `oldest`; ends earlier where the log was cleaned up."""
    files = _listed(location)
    for version in range(newest, oldest - 1, -1):
        if version not in files:
            return
        yield _read(location, version, files[version])


def _listed(location: str) -> dict[int, int]:
    """The log's commits: the modification time in ns by version."""
    folder = local_path(location)
    missing = SourceError(
        f"there is no Delta table at {location}",
        expected="a folder with a _delta_log",
        remedy="land the data, or mend the path",
    )
    if folder is not None and not (folder / "_delta_log").is_dir():
        raise missing
    selector = fs.FileSelector("_delta_log", allow_not_found=True)
    found = {
        int(match[1]): info.mtime_ns or 0
        for info in storage(location).get_file_info(selector)
        if (match := _COMMIT.search(info.path)) is not None
    }
    if not found:
        raise missing
    return found


@lru_cache(maxsize=20_000)
def _read(location: str, version: int, modified: int) -> Commit:  # noqa: ARG001 - part of the cache's key
    """One commit; `modified` tells a table that was made anew at the same place apart in the cache."""
    with storage(location).open_input_stream(f"_delta_log/{version:020d}.json") as stream:
        actions = [json.loads(line) for line in bytes(stream.read()).splitlines() if line.strip()]
    changes = []
    user_metadata = operation = columns = None
    for action in actions:
        for kind in ("add", "remove"):
            if (file := action.get(kind)) is not None and file.get("dataChange", True):
                stats = json.loads(file["stats"]) if file.get("stats") else None
                changes.append(FileAction(file.get("partitionValues"), stats))
        if (info := action.get("commitInfo")) is not None:
            user_metadata, operation = info.get("userMetadata"), info.get("operation")
        if (metadata := action.get("metaData")) is not None:
            columns = Columns.of(metadata["schemaString"], metadata.get("configuration") or {})
    return Commit(version, tuple(changes), user_metadata, columns, operation)
