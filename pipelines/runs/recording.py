"""A run on the record: started before anything is written, and whatever ends it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from types import TracebackType
from typing import Self

from deltalake.exceptions import DeltaError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from pipelines.errors import (
    NO_SPACE,
    AbandonedError,
    PipelineError,
    TableError,
    outcome_of,
    shortened,
)
from pipelines.resolution.resolved_run import Resolved
from pipelines.tables.ledger import Entry, State
from pipelines.tables.locking import RunLock
from pipelines.tables.slices import look_at_slices
from pipelines.validation.verdict import Acceptance, Counts, Verdict

LONGEST_ERROR = 2000
CANCELLED = "the run was ended from outside: its Spark jobs were cancelled"


class Record:
    """Runs on the record: started before anything is written, and whatever ends each.

    Within its context, each run holds the lock that says that it is alive.

    Args:
        runs: of one pipeline.
    """

    def __init__(self, runs: Sequence[Resolved]) -> None:
        self._ledger = runs[0].layout.ledger
        self._open = {run.run_id: run for run in runs}
        self.locks = {run.run_id: RunLock(run.layout.stages, run.run_id) for run in runs}

    def __enter__(self) -> Self:
        try:
            for lock in self.locks.values():
                lock.acquire()
            started = [replace(entry(run, "started"), manifest=run.manifest.as_json()) for run in self._open.values()]
            self._append(started)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def ended(self, *runs: Resolved) -> None:
        """The runs have recorded their end themselves."""
        for run in runs:
            self._open.pop(run.run_id, None)

    def failed(self, runs: Sequence[Resolved], error: BaseException) -> BaseException:
        """Enter that runs failed, unless the table says otherwise.

        Returns:
            What ended them, in the project's words where Spark's say less.
        """
        cause = _cause(error)
        state: State = "conflict" if outcome_of(cause) == "conflict" else "failed"
        text = shortened(str(cause) or type(cause).__name__, LONGEST_ERROR)
        left = [run for run in runs if run.run_id in self._open]
        with suppress(PipelineError, DeltaError, OSError):  # what ended the runs says more; the next one settles this
            states = look_at_slices(left[0].layout.predictions, [run.slice for run in left]) if left else []
            self._append(
                [
                    replace(entry(run, state), error=text)
                    for run, there in zip(left, states, strict=True)
                    if not there.is_of(run.run_id, run.manifest.fence)
                ]
            )
        self.ended(*left)
        return cause

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                cause = self.failed(list(self._open.values()), error)
                if cause is not error:
                    raise cause from error
        finally:
            for lock in self.locks.values():
                lock.release()

    def _append(self, entries: Sequence[Entry]) -> None:
        if entries:
            self._ledger.append(*entries)


def _cause(error: BaseException) -> BaseException:
    """What ended a run, in the project's words where Spark's say less."""
    if is_cancelled(error):
        return AbandonedError(CANCELLED, remedy="run it again")
    if NO_SPACE in str(error) and not isinstance(error, PipelineError):
        return TableError(
            "the run could not write on",
            expected="room in the warehouse, and in Spark's local folders (spark.local.dir)",
            found=NO_SPACE,
            remedy="make room, and run it again: what is staged is not scored twice",
        )
    return error


def is_cancelled(error: BaseException | None) -> bool:
    """Whether Spark ended a job because it was asked to, however its error was wrapped since."""
    while error is not None:
        if isinstance(error, PySparkException | Py4JError) and re.search(r"[Jj]ob \S+ (is )?cancelled", str(error)):
            return True
        error = error.__cause__
    return False


def entry(resolved: Resolved, state: State) -> Entry:
    """A row of the ledger for the run in a new state."""
    return Entry(
        run_id=resolved.manifest.run_id,
        pipeline=resolved.definition.pipeline.name,
        score_date=resolved.slice.score_date,
        model_name=resolved.slice.model_name,
        model_version=resolved.model.version,
        run_key=resolved.manifest.run_key,
        fence=resolved.manifest.fence,
        state=state,
    )


def judged(
    resolved: Resolved,
    state: State,
    verdict: Verdict,
    counts: Counts,
    timings: dict[str, float],
    accepted: Acceptance,
) -> Entry:
    """The entry of a run, once its stage was audited."""
    return replace(
        entry(resolved, state),
        rows_input=counts.input,
        rows_scored=counts.scored,
        rows_quarantined=counts.quarantined,
        verdict=json.dumps(verdict.as_json()),
        timings=json.dumps(timings),
        accepted=json.dumps(asdict(accepted)) if accepted.checks else None,
    )
