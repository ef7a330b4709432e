"""Publishing a slice: fenced, atomic, and told apart afterwards. The one way in which predictions are written."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from pipelines.errors import ConflictError, TableError, root_cause
from pipelines.tables.commit_log import Commit, commits_backwards, latest_version
from pipelines.tables.locations import for_delta_rs
from pipelines.tables.locking import table_lock
from pipelines.tables.reading import active_files, equal, read_rows

Outcome = Literal["published", "superseded"]
MOST_ATTEMPTS = 8
_RETRIED = ("Concurrent", "MetadataChanged", "ProtocolChanged")


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
    def transaction(self) -> str:
        """The application id under which attempts at this slice are ordered."""
        return f"predictions/{self.model_name}/{self.score_date.isoformat()}"


@dataclass(frozen=True)
class SliceState:
    """What a predictions table says of a slice.

    Args:
        slice: which one.
        runs: the ids of the runs whose rows stand in it; one, or none where it is not published.
        last_fence: the number of the newest attempt that was published or took the slice away; 0 where there was none.
    """

    slice: Slice
    runs: frozenset[str]
    last_fence: int

    @property
    def published_run(self) -> str | None:
        """The run whose rows are the slice, or None where it is not published.

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
    table = _open(location)
    runs = _runs_in(table, set(slices))
    return [
        SliceState(slice_, frozenset(runs[slice_]), table.transaction_version(slice_.transaction) or 0)
        for slice_ in slices
    ]


def all_slices(location: str) -> list[Slice]:
    """Every slice that has rows, oldest first.

    Raises:
        TableError: the table is missing.
    """
    partitions = _open(location).partitions()
    found = [Slice(dt.date.fromisoformat(one["score_date"]), one["model_name"]) for one in partitions]
    return sorted(found, key=lambda one: (one.score_date, one.model_name))


def count_rows(location: str, slice_: Slice) -> int:
    """The rows of a slice."""
    of_slice = f"{equal('score_date', slice_.score_date)} AND {equal('model_name', slice_.model_name)}"
    return int(read_rows(_open(location), ["run_id"], of_slice).num_rows)


def newest_metadata(location: str, run_id: str) -> dict[str, Any]:
    """What a run said of itself when it published; nothing where the log no longer has that."""
    return next((_said(commit) for commit in _commits_of(location, run_id)), {})


def version_published(location: str, run_id: str) -> int | None:
    """The version of the table at which a run's rows became its slice; None where the log no longer tells."""
    commits = _commits_of(location, run_id)
    return next((commit.version for commit in commits if "retracted" not in _said(commit)), None)


def _open(location: str) -> DeltaTable:
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


def publish(frame: DataFrame, location: str, slice_: Slice, fence: int, metadata: Mapping[str, Any]) -> Outcome:
    """Replace the slice by the frame's rows, unless a newer attempt did so already.

    Args:
        frame: the slice's rows, all of them; none take the slice away.
        location: the predictions table's.
        slice_: which slice.
        fence: this attempt's number.
        metadata: kept with the commit; `run_id` in it tells this attempt's commit.

    Raises:
        ConflictError: other writers came first until the retries were used up.
    """
    writer = (
        frame.write.format("delta")
        .mode("overwrite")
        .option("replaceWhere", slice_.predicate)
        .option("txnAppId", slice_.transaction)
        .option("txnVersion", fence)
        .option("userMetadata", json.dumps(metadata, sort_keys=True))
    )
    with table_lock(location):
        before = latest_version(location)
        write_with_retries(lambda: writer.save(location), location)
        # A fenced write is skipped without a word: only the log tells whether it is there.
        is_there = _was_committed(location, before, fence, str(metadata["run_id"]))
    return "published" if is_there else "superseded"


def write_with_retries(write: Any, location: str) -> None:
    """Call `write` again, with jittered pauses, for as long as it loses against other writers.

    Raises:
        ConflictError: it lost each time.
        TableError: the table cannot be written at all.
    """
    retrying = Retrying(
        retry=retry_if_exception(_is_conflict),
        stop=stop_after_attempt(MOST_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        reraise=True,
    )
    try:
        retrying(write)
    except Exception as error:
        if _is_conflict(error):
            raise ConflictError(
                f"other writers of {location} came first {MOST_ATTEMPTS} times",
                expected="a moment without other writers",
                found=root_cause(error),
                remedy="run again; the staged rows are kept and not scored twice",
            ) from error
        if isinstance(error, PySparkException | Py4JError):
            raise TableError(
                f"the table at {location} cannot be written",
                expected="a table of the right columns, in a place that this user may write to",
                found=root_cause(error),
                remedy="mend the table or the place; the staged rows are kept and not scored twice",
            ) from error
        raise


def _was_committed(location: str, before: int, fence: int, run_id: str) -> bool:
    return any(_said(commit).get("fence") == fence for commit in _commits_of(location, run_id, before + 1))


def _commits_of(location: str, run_id: str, oldest: int = 0) -> Iterator[Commit]:
    """The commits that name a run, newest first: the one that published it, and one that took it back."""
    for commit in commits_backwards(location, latest_version(location), oldest):
        if _said(commit).get("run_id") == run_id:
            yield commit


def _said(commit: Commit) -> dict[str, Any]:
    text = commit.user_metadata or ""
    said: dict[str, Any] = json.loads(text) if text.startswith("{") else {}
    return said


def _is_conflict(error: BaseException) -> bool:
    return any(word in f"{type(error).__name__} {error}"[:400] for word in _RETRIED)
