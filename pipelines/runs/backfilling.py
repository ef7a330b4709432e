"""Scores the slices that a plan says are due: several at once, in one session, and as far as a person lets it."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from pipelines.config import Project, load_pipeline
from pipelines.errors import (
    AbandonedError,
    ConfigurationError,
    ConflictError,
    PipelineError,
    RejectedError,
    SetupError,
    UsageError,
)
from pipelines.inputs.spark_errors import first_line
from pipelines.runs.auditing import Counts
from pipelines.runs.periods import days_of
from pipelines.runs.planning import Plan, PlannedSlice, plan
from pipelines.runs.recording import is_cancelled
from pipelines.runs.recovery import settle_at
from pipelines.runs.scoring import score_slice
from pipelines.runs.steps import Step, Steps
from pipelines.runs.stopping import Stop
from pipelines.runs.tables import require_tables
from pipelines.tables.slices import Slice

Only = Literal["missing", "stale", "all"]
Outcome = Literal["published", "already_done", "superseded", "rejected", "conflict", "failed", "abandoned"]
SETTLED: tuple[Outcome, ...] = ("published", "already_done", "superseded")
FAILURES: tuple[Outcome, ...] = ("rejected", "conflict", "failed")
UNCANCELLED: tuple[Step, ...] = ("quarantine", "publish", "record")
"""What is written in a moment: no job of theirs is cancelled."""
UNSTOPPED: tuple[Step, ...] = ("publish", "record")
"""Once the quarantine is written, a slice is published too."""
WAIT_SECONDS = 0.2
"""Between looks at whether a person wants the backfill to end."""


@dataclass(frozen=True)
class Backfilled:
    """What became of one slice.

    Args:
        score_date: the slice's.
        outcome: how its run ended; `abandoned` where it was ended from outside.
        seconds: how long it took.
        run_id: the run that is published, where it is.
        counts: rows of the input, scored and quarantined, where it is published.
        loads: how many workers loaded the model for it.
        error: why it is not published.
    """

    score_date: dt.date
    outcome: Outcome
    seconds: float
    run_id: str = ""
    counts: Counts | None = None
    loads: int = 0
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """The slice as plain values."""
        return {**asdict(self), "score_date": self.score_date.isoformat()}


@dataclass(frozen=True)
class Summary:
    """What became of a backfill.

    Args:
        done: the slices that were begun, in the order in which they ended.
        left: the dates that were not begun.
        why_left: why not.
        seconds: how long all of it took.
    """

    done: tuple[Backfilled, ...]
    left: tuple[dt.date, ...]
    why_left: str
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 where every slice is published, 3 where some were rejected but none failed, else 1."""
        outcomes = {slice_.outcome for slice_ in self.done}
        if self.left or outcomes & {"failed", "conflict", "abandoned"}:
            return PipelineError.exit_code
        return RejectedError.exit_code if "rejected" in outcomes else 0

    @property
    def open_days(self) -> tuple[dt.date, ...]:
        """The dates that are not published, oldest first."""
        undone = [slice_.score_date for slice_ in self.done if slice_.outcome not in SETTLED]
        return tuple(sorted([*self.left, *undone]))

    def as_json(self) -> dict[str, Any]:
        """The summary as plain values."""
        return {
            "slices": [slice_.as_json() for slice_ in self.done],
            "left": [day.isoformat() for day in self.left],
            "why_left": self.why_left,
            "seconds": self.seconds,
            "exit_code": self.exit_code,
        }


class Watcher(Protocol):
    """Told of what happens; from several threads."""

    def at(self, day: dt.date, step: Step) -> None:
        """A slice begins a step."""

    def ended(self, slice_: Backfilled, left: Sequence[PlannedSlice]) -> None:
        """A slice came to its end; `left` are those that did not."""


def due(plan: Plan, only: Only | None = None) -> list[PlannedSlice]:
    """The slices of a plan that a backfill runs, oldest first.

    Args:
        plan: what was found.
        only: `missing` or `stale` ones; `all` that no process is at and that have rows, current and rejected ones too.
            By default those that are due.
    """
    if only is None:
        return [slice_ for slice_ in plan.slices if slice_.is_due]
    if only == "all":
        return [slice_ for slice_ in plan.slices if slice_.state not in ("running", "empty", "off")]
    return [slice_ for slice_ in plan.slices if slice_.state == only]


def plan_backfill(
    session: Callable[[], SparkSession], project: Project, name: str, first: dt.date, last: dt.date, **options: Any
) -> Plan:
    """A plan, once the ledger tells what became of the period's runs whose process is gone.

    Args:
        session: gives the Spark session, which only tables with names need.
        project: the configuration.
        name: the pipeline's.
        first: the first score date.
        last: the last score date.
        options: of `plan`.

    Raises:
        PipelineError: as `plan`.
    """
    pipeline = load_pipeline(project, name)
    layout = require_tables(session() if pipeline.is_in_catalog else None, project, pipeline)
    settle_at(layout, name, [Slice(day, pipeline.model.name) for day in days_of(first, last)])
    return plan(session, project, name, first, last, **options)


def at_once(plan: Plan, parallel: int) -> int:
    """How many slices may be at work together: one, where history gates compare each with those before it."""
    return 1 if plan.pipeline.history else parallel


def backfill(
    spark: SparkSession,
    project: Project,
    plan: Plan,
    *,
    only: Only | None = None,
    max_failures: int | None = None,
    parallel: int = 1,
    watcher: Watcher,
    stop: Stop,
) -> Summary:
    """Score a plan's slices, oldest first; each is published or not by itself.

    Args:
        spark: the session.
        project: the configuration.
        plan: made just before; what it says of models and configuration is what is run.
        only: which of its slices; see `due`. With `all`, published slices are scored again.
        max_failures: begin no more slices once more than this many failed or were rejected; None for any number.
        parallel: how many slices at once, as far as `at_once` lets them.
        watcher: told of what happens.
        stop: says when to end; slices at work then end by themselves, unless it says otherwise.
    """
    begin = time.monotonic()
    waiting = deque(due(plan, only))
    parallel = at_once(plan, parallel)
    at_work: dict[Future[Backfilled], PlannedSlice] = {}
    done: list[Backfilled] = []
    why_left = ""

    tags = _Tags(spark)

    def run(item: PlannedSlice) -> Backfilled:
        force = item.needs_force or only == "all"
        return _run(spark, project, plan, item, tags, force=force, tell=_teller(watcher, stop, tags, item))

    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="slice") as threads:
        while at_work or (waiting and not why_left):
            failures = sum(slice_.outcome in FAILURES for slice_ in done)
            if stop.is_asked:
                why_left = "the backfill was asked to end"
            elif max_failures is not None and failures > max_failures:
                why_left = f"{failures} slices failed or were rejected, and --max-failures is {max_failures}"
            if stop.is_urgent:
                tags.cancel()
            while waiting and len(at_work) < parallel and not why_left:
                item = waiting.popleft()
                at_work[threads.submit(run, item)] = item
            ended, _ = wait(at_work, timeout=WAIT_SECONDS, return_when=FIRST_COMPLETED)
            for future in ended:
                del at_work[future]
                done.append(future.result())
                watcher.ended(done[-1], [*at_work.values(), *waiting])
    left = tuple(item.score_date for item in waiting)
    return Summary(tuple(done), left, why_left if left else "", round(time.monotonic() - begin, 1))


class _Tags:
    """Marks the Spark jobs of this backfill's threads, so that they can be cancelled and nobody else's are.

    A driver whose Java is gone cannot be told anything: what becomes of its slices tells of that.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._context, self._name = spark.sparkContext, f"backfill-{secrets.token_hex(4)}"

    def on(self) -> None:
        """Mark what this thread begins from now on."""
        with suppress(Py4JError, OSError):
            self._context.addJobTag(self._name)

    def off(self) -> None:
        """Leave it unmarked."""
        with suppress(Py4JError, OSError):
            self._context.removeJobTag(self._name)

    def cancel(self) -> None:
        """End what is marked."""
        with suppress(Py4JError, OSError):
            self._context.cancelJobsWithTag(self._name)


def _teller(watcher: Watcher, stop: Stop, tags: _Tags, item: PlannedSlice) -> Callable[[Step], None]:
    def tell(step: Step) -> None:
        if stop.is_urgent and step not in UNSTOPPED:
            raise AbandonedError("the backfill was asked to end", remedy="run it again: it goes on from here")
        if step in UNCANCELLED:
            tags.off()
        watcher.at(item.score_date, step)

    return tell


def _run(
    spark: SparkSession,
    project: Project,
    plan: Plan,
    item: PlannedSlice,
    tags: _Tags,
    *,
    force: bool,
    tell: Callable[[Step], None],
) -> Backfilled:
    begin = time.monotonic()

    def ended(outcome: Outcome, **more: Any) -> Backfilled:
        return Backfilled(item.score_date, outcome, round(time.monotonic() - begin, 2), **more)

    tags.on()
    try:
        result = score_slice(
            spark,
            project,
            plan.layout,
            plan.definition,
            item.model,
            item.score_date,
            item.fence,
            force=force,
            steps=Steps(tell),
        )
    except (ConfigurationError, SetupError, UsageError):
        raise  # of every slice the same: the backfill ends
    except PipelineError as error:
        return ended(_outcome_of(error), error=str(error))
    except Exception as error:  # whatever it is, it is this slice's: the others go on
        return ended(_outcome_of(error), error=f"unexpected: {type(error).__name__}: {first_line(error)}")
    finally:
        tags.off()
    return ended(result.outcome, run_id=result.run_id, counts=result.counts, loads=int(result.workers.get("loads", 0)))


def _outcome_of(error: Exception) -> Outcome:
    if isinstance(error, AbandonedError) or is_cancelled(error):
        return "abandoned"
    if isinstance(error, RejectedError):
        return "rejected"
    return "conflict" if isinstance(error, ConflictError) else "failed"
