"""The commits of one Delta table, read backwards from one version, and the columns that each version had."""

from __future__ import annotations

from collections.abc import Iterator

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pipelines.tables.columns import Columns
from pipelines.tables.commit_log import Commit, commits_backwards
from pipelines.tables.locations import for_delta_rs

NEARBY = 20
"""Commits that are read to find the columns before one that set them; beyond, a checkpoint is quicker."""


class CommitHistory:
    """Reads each commit once, and only as far back as it is asked.

    Args:
        location: the table.
        newest: the version to begin at.
    """

    def __init__(self, location: str, newest: int) -> None:
        self._location, self._newest = location, newest
        self._read: list[Commit] = []
        self._unread = commits_backwards(location, newest)
        self._earlier: dict[int, Columns | None] = {}

    def down_to(self, oldest: int) -> Iterator[Commit]:
        """The commits from the newest down to `oldest`; ends earlier where the log was cleaned up."""
        for version in range(self._newest, oldest - 1, -1):
            commit = self._commit(version)
            if commit is None:
                return
            yield commit

    def columns_before(self, version: int) -> Columns | None:
        """The columns that a commit replaced; None where the log no longer has them."""
        if version not in self._earlier:
            self._earlier[version] = self._found_before(version)
        return self._earlier[version]

    def _commit(self, version: int) -> Commit | None:
        while len(self._read) <= self._newest - version:
            commit = next(self._unread, None)
            if commit is None:
                return None
            self._read.append(commit)
        return self._read[self._newest - version]

    def _found_before(self, version: int) -> Columns | None:
        for earlier in range(version - 1, max(-1, version - 1 - NEARBY), -1):
            commit = self._commit(earlier)
            if commit is None:
                break
            if commit.columns is not None:
                return commit.columns
        try:
            return columns_of(DeltaTable(for_delta_rs(self._location), version=version - 1))
        except DeltaError:
            return None


def columns_of(table: DeltaTable) -> Columns:
    """The columns of an open table, at its version."""
    return Columns.of(table.schema().to_json(), table.metadata().configuration)
