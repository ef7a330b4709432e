"""The ledger: one row each time a run changes its state. Written and read without Spark, so a look is quick."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from pipelines import schemas
from pipelines.errors import TableError, UsageError, did_you_mean
from pipelines.tables.locations import for_delta_rs, local_path
from pipelines.tables.locking import table_lock
from pipelines.tables.reading import between, earlier, equal, plain_rows, read_rows

State = Literal["started", "published", "superseded", "conflict", "rejected", "failed", "retracted"]
UNFINISHED = ("started",)
EARLIEST = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Entry:
    """One row of the ledger; `at` is set when it is written. Manifest, verdict, timings and accepted are JSON."""

    run_id: str
    pipeline: str
    score_date: dt.date
    model_name: str
    state: State
    model_version: int | None = None
    run_key: str | None = None
    fence: int | None = None
    at: dt.datetime | None = None
    manifest: str | None = None
    rows_input: int | None = None
    rows_scored: int | None = None
    rows_quarantined: int | None = None
    verdict: str | None = None
    timings: str | None = None
    accepted: str | None = None
    error: str | None = None

    def seconds(self) -> dict[str, float]:
        """The seconds of each step, as `Steps.shared_by` measured them; none where nothing was timed."""
        return {} if self.timings is None else json.loads(self.timings)

    def as_json(self) -> dict[str, object]:
        """The row with its JSON columns opened."""
        opened = {name: self.value(name) for name in ("manifest", "verdict", "timings", "accepted")}
        return {**vars(self), **opened}

    def value(self, name: Literal["manifest", "verdict", "timings", "accepted"]) -> Any:
        """The content of one of the JSON columns."""
        text = getattr(self, name)
        return None if text is None else json.loads(text)


class Ledger:
    """The table of runs at a location."""

    def __init__(self, location: str) -> None:
        self.location = location

    def create(self) -> None:
        """Make the table where it is missing.

        Raises:
            TableError: nothing can be written there.
        """
        folder = local_path(self.location)
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            with table_lock(self.location):
                DeltaTable.create(for_delta_rs(self.location), schemas.RUNS, mode="ignore")
        except (OSError, DeltaError) as error:
            raise _unwritable(self.location, error) from error

    def append(self, *entries: Entry) -> None:
        """Add rows, in one commit.

        Raises:
            TableError: the table is missing or cannot be written.
        """
        now = dt.datetime.now(dt.UTC)
        rows = [{**vars(entry), "at": now + dt.timedelta(microseconds=n)} for n, entry in enumerate(entries)]
        self._open()
        try:
            with table_lock(self.location):
                write_deltalake(
                    for_delta_rs(self.location), pa.Table.from_pylist(rows, schema=schemas.RUNS), mode="append"
                )
        except (OSError, DeltaError) as error:
            raise _unwritable(self.location, error) from error

    def history(
        self,
        *,
        pipeline: str | None = None,
        score_date: dt.date | None = None,
        last_date: dt.date | None = None,
        run_id: str | None = None,
    ) -> list[Entry]:
        """All rows that fit, oldest first; with `last_date`, those of the dates from `score_date` to it."""
        wanted = {"pipeline": pipeline, "run_id": run_id}
        conditions = [equal(name, value) for name, value in wanted.items() if value is not None]
        if score_date is not None:
            conditions.append(between("score_date", score_date, last_date or score_date))
        return self._read(" AND ".join(["TRUE", *conditions]))

    def latest(
        self,
        *,
        pipeline: str | None = None,
        score_date: dt.date | None = None,
        last_date: dt.date | None = None,
        run_id: str | None = None,
    ) -> list[Entry]:
        """The last row of each run, in the order of those; each completed by what the run's earlier rows said."""
        return last_words(self.history(pipeline=pipeline, score_date=score_date, last_date=last_date, run_id=run_id))

    def of_run(self, run_id: str) -> list[Entry]:
        """All rows of one run, oldest first.

        Raises:
            UsageError: there is no such run.
        """
        found = self.history(run_id=run_id)
        if not found:
            known = [entry.run_id for entry in self.latest()]
            raise UsageError(f"the ledger has no run '{run_id}'", remedy=did_you_mean(run_id, known))
        return found

    def published(self, pipeline: str) -> list[Entry]:
        """The rows of all runs that were published, oldest first; without manifests and verdicts."""
        names = [name for name in schemas.RUNS.names if name not in ("manifest", "verdict")]
        return self._read(f"{equal('pipeline', pipeline)} AND {equal('state', 'published')}", names)

    def before(self, pipeline: str, model_name: str, day: dt.date) -> list[Entry]:
        """The rows of slices of earlier dates, oldest first; without their manifests, which would be most of it."""
        names = [name for name in schemas.RUNS.names if name != "manifest"]
        of_pipeline = [equal("pipeline", pipeline), equal("model_name", model_name), earlier("score_date", day)]
        return self._read(" AND ".join(of_pipeline), names)

    def _read(self, where: str, columns: Sequence[str] | None = None) -> list[Entry]:
        rows = plain_rows(read_rows(self._open(), columns, where))
        return sorted((Entry(**row) for row in rows), key=lambda entry: entry.at or EARLIEST)

    def _open(self) -> DeltaTable:
        try:
            return DeltaTable(for_delta_rs(self.location))
        except TableNotFoundError as error:
            raise TableError(
                f"there is no ledger at {self.location}",
                expected="a Delta table",
                remedy="create it: lakescore tables create",
            ) from error


def last_words(history: Iterable[Entry]) -> list[Entry]:
    """The last row of each run, in the order of those; each completed by what the run's earlier rows said."""
    runs: dict[str, Entry] = {}
    for entry in history:
        earlier = vars(runs.pop(entry.run_id)) if entry.run_id in runs else {}
        said = {name: value for name, value in vars(entry).items() if value is not None}
        runs[entry.run_id] = Entry(**{**earlier, **said})
    return list(runs.values())


def _unwritable(location: str, error: Exception) -> TableError:
    return TableError(
        f"the table at {location} cannot be written",
        expected="a place that this user may write to",
        found=error,
        remedy="mend the environment's 'warehouse' or its permissions",
    )
