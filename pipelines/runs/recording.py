"""A run on the record: started before anything is written, and whatever ends it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace

from deltalake.exceptions import DeltaError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from pipelines.errors import (
    NO_SPACE,
    AbandonedError,
    ConflictError,
    PipelineError,
    RejectedError,
    TableError,
    shortened,
)
from pipelines.runs.auditing import Counts
from pipelines.runs.preparation import Resolved
from pipelines.runs.results import Acceptance
from pipelines.tables.ledger import Entry, State
from pipelines.tables.locking import RunLock
from pipelines.tables.slices import look_at_slice
from pipelines.validation.verdict import Verdict

LONGEST_ERROR = 2000
CANCELLED = "the run was ended from outside: its Spark jobs were cancelled"


@contextmanager
def on_record(resolved: Resolved) -> Iterator[RunLock]:
    """Enter the run as started and hold the lock that says it is alive; if it fails, enter that too."""
    layout, manifest = resolved.layout, resolved.manifest
    lock = RunLock(layout.stages, manifest.run_id)
    try:
        lock.acquire()
        layout.ledger.append(replace(entry(resolved, "started"), manifest=manifest.as_json()))
        yield lock
    except RejectedError:
        raise  # entered already, with its verdict
    except BaseException as error:
        told = _told(error)
        state: State = "conflict" if isinstance(told, ConflictError) else "failed"
        text = shortened(str(told) or type(told).__name__, LONGEST_ERROR)
        with suppress(PipelineError, DeltaError, OSError):  # what ended the run says more; the next one settles this
            if look_at_slice(layout.predictions, resolved.slice).runs != {manifest.run_id}:
                layout.ledger.append(replace(entry(resolved, state), error=text))
        if told is not error:
            raise told from error
        raise
    finally:
        lock.release()


def _told(error: BaseException) -> BaseException:
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
    """Whether Spark ended a job because it was told to, however its error was wrapped since."""
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
    """The same, once the stage was audited."""
    return replace(
        entry(resolved, state),
        rows_input=counts.input,
        rows_scored=counts.scored,
        rows_quarantined=counts.quarantined,
        verdict=json.dumps(verdict.as_json()),
        timings=json.dumps(timings),
        accepted=json.dumps(asdict(accepted)) if accepted.checks else None,
    )
