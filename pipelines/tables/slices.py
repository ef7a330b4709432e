"""Slices of a predictions table: what is published of each, by the table itself, and the fences that order attempts."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from pipelines.errors import TableError
from pipelines.tables.commit_log import Commit, commits_backwards, latest_version
from pipelines.tables.locations import for_delta_rs
from pipelines.tables.reading import active_files, equal, read_rows


@dataclass(frozen=True)
class Slice:
    """The unit of publishing: one score date of one model's predictions."""

    score_date: dt.date
    model_name: str

    @property
    def predicate(self) -> str:
        """The slice's rows, in literals only: Delta must see that the write stays within one partition."""
        name = self.model_name.replace("\\", "\\\\").replace("'", "\\'")
        return f"score_date = DATE'{self.score_date.isoformat()}' AND model_name = '{name}'"

    @property
    def partition(self) -> dict[str, str]:
        """The values of the table's partition columns, as its log has them."""
        return {"score_date": self.score_date.isoformat(), "model_name": self.model_name}

    @property
    def transaction(self) -> str:
        """The application id under which attempts at this slice are ordered."""
        return f"predictions/{self.model_name}/{self.score_date.isoformat()}"

    @property
    def empty_transaction(self) -> str:
        """The application id that says which attempt published this slice without a row."""
        return f"empty/{self.model_name}/{self.score_date.isoformat()}"


@dataclass(frozen=True)
class SliceState:
    """What a predictions table says of a slice.

    Args:
        slice: which one.
        runs: the ids of the runs whose rows stand in it; one, or none where it is not published, or empty.
        last_fence: the number of the newest attempt that was published or took the slice away; 0 where there was none.
        empty_fence: the number of the attempt that is published without a row; None where no such one is.
    """

    slice: Slice
    runs: frozenset[str]
    last_fence: int
    empty_fence: int | None = None

    @property
    def is_published(self) -> bool:
        """Whether a run is published, with rows or without one."""
        return bool(self.runs) or self.empty_fence is not None

    def is_of(self, run_id: str, fence: int | None) -> bool:
        """Whether this run, and no other, is published.

        Args:
            run_id: its id, which stands in its rows.
            fence: its attempt's number, which tells of a run without a row.
        """
        return self.runs == {run_id} or (fence is not None and fence == self.empty_fence)

    @property
    def published_run(self) -> str | None:
        """The run whose rows are the slice, or None where it has none.

        Raises:
            TableError: rows of several runs stand in it.
        """
        if len(self.runs) > 1:
            raise TableError(
                f"rows of several runs stand in the slice {self.slice.score_date} of {self.slice.model_name}",
                expected="one run",
                found=", ".join(sorted(map(str, self.runs))),
                remedy="score the slice again with --force: that replaces it whole",
            )
        return next(iter(self.runs), None)

    def next_fence(self) -> int:
        """The number that orders a new attempt after every earlier one: max(now in ms, last + 1)."""
        return max(time.time_ns() // 1_000_000, self.last_fence + 1)


def look_at_slice(location: str, slice_: Slice) -> SliceState:
    """What is published of the slice right now, by the table itself.

    Raises:
        TableError: the table is missing.
    """
    (state,) = look_at_slices(location, [slice_])
    return state


def look_at_slices(location: str, slices: Sequence[Slice]) -> list[SliceState]:
    """What is published of each slice at one moment, by the table itself.

    Raises:
        TableError: the table is missing.
    """
    table = open_table(location)
    runs = _runs_in(table, set(slices))
    return [_state(table, slice_, frozenset(runs[slice_])) for slice_ in slices]


def _state(table: DeltaTable, slice_: Slice, runs: frozenset[str]) -> SliceState:
    last = table.transaction_version(slice_.transaction) or 0
    is_empty = bool(last) and not runs and table.transaction_version(slice_.empty_transaction) == last
    return SliceState(slice_, runs, last, last if is_empty else None)


def all_slices(location: str) -> list[Slice]:
    """Every slice that has rows, oldest first.

    Raises:
        TableError: the table is missing.
    """
    partitions = open_table(location).partitions()
    found = [Slice(dt.date.fromisoformat(one["score_date"]), one["model_name"]) for one in partitions]
    return sorted(found, key=lambda one: (one.score_date, one.model_name))


def count_rows(location: str, slice_: Slice) -> int:
    """The rows of a slice."""
    of_slice = f"{equal('score_date', slice_.score_date)} AND {equal('model_name', slice_.model_name)}"
    return int(read_rows(open_table(location), ["run_id"], of_slice).num_rows)


@dataclass(frozen=True)
class CommitOfRun:
    """What a commit says of a run that it published or took back.

    Args:
        version: the commit's.
        run_id: the run.
        fence: the number of its attempt.
        run_key: the digest of what it published.
        model_version: that it scored with.
        retracted: whether the commit took it back.
    """

    version: int
    run_id: str | None
    fence: int | None
    run_key: str | None
    model_version: int | None
    retracted: bool


def newest_commit(location: str, run_id: str) -> CommitOfRun | None:
    """The newest commit of a run; None where the log no longer has it."""
    return next(commits_of(location, run_id), None)


def version_published(location: str, run_id: str) -> int | None:
    """The version of the table at which a run's rows became its slice; None where the log no longer tells."""
    return next((commit.version for commit in commits_of(location, run_id) if not commit.retracted), None)


def open_table(location: str) -> DeltaTable:
    """A table that must be there.

    Raises:
        TableError: the table is missing.
    """
    try:
        return DeltaTable(for_delta_rs(location))
    except TableNotFoundError as error:
        raise TableError(
            f"there is no table at {location}", expected="a Delta table", remedy="create it: lakescore tables create"
        ) from error


def _runs_in(table: DeltaTable, slices: Set[Slice]) -> dict[Slice, set[str]]:
    """The ids of the runs whose rows stand in each slice: by the files' statistics, else by the column."""
    files = active_files(table)
    names = ["partition.score_date", "partition.model_name", "min.run_id", "max.run_id"]
    known = [files[name].to_pylist() if name in files.column_names else [None] * len(files) for name in names]
    found: dict[Slice, set[str]] = {slice_: set() for slice_ in slices}
    untold = set()
    for day, model_name, *runs in zip(*known, strict=True):
        slice_ = Slice(day, model_name)
        if slice_ not in found:
            continue
        if None in runs:
            untold.add(slice_)
        else:
            found[slice_].update(runs)
    for slice_ in untold:
        of_slice = f"{equal('score_date', slice_.score_date)} AND {equal('model_name', slice_.model_name)}"
        found[slice_] = set(read_rows(table, ["run_id"], of_slice)["run_id"].to_pylist())
    return found


def commits_of(location: str, run_id: str, oldest: int = 0) -> Iterator[CommitOfRun]:
    """The commits that name a run, newest first: the one that published it, and one that took it back.

    Args:
        location: the table's.
        run_id: the run.
        oldest: the version down to which is looked.
    """
    for commit in commits_backwards(location, latest_version(location), oldest):
        yield from (found for found in _runs_of(commit) if found.run_id == run_id)


def metadata_of(said: Sequence[Mapping[str, Any]]) -> str:
    """What is kept with a commit of what its runs say of themselves: of one as it is, of several under `runs`."""
    return json.dumps(said[0] if len(said) == 1 else {"runs": list(said)}, sort_keys=True)


def _runs_of(commit: Commit) -> list[CommitOfRun]:
    text = commit.user_metadata or ""
    said = json.loads(text) if text.startswith("{") else {}
    return [
        CommitOfRun(
            version=commit.version,
            run_id=one.get("run_id"),
            fence=one.get("fence"),
            run_key=one.get("run_key"),
            model_version=one.get("model_version"),
            retracted="retracted" in one,
        )
        for one in said.get("runs", [said])
    ]
