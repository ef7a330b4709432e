"""Scores the slices that a plan says are due: several at once, in one session, and as far as a person lets it."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Literal, Protocol

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from pipelines.backfills.planning import Plan, PlannedSlice, plan
from pipelines.backfills.stop_signal import Stop
from pipelines.config import Project, load_pipeline
from pipelines.errors import (
    AbandonedError,
    ConfigurationError,
    PipelineError,
    RejectedError,
    SetupError,
    UsageError,
    outcome_of,
)
from pipelines.inputs.periods import days_of
from pipelines.inputs.spark_errors import first_line
from pipelines.passes.union_or_scan import MOST_ROWS, most_slices
from pipelines.runs.progress import Step, Steps
from pipelines.runs.recording import is_cancelled
from pipelines.runs.recovery import settle_at
from pipelines.runs.results import Result
from pipelines.runs.scoring import Ended, Wanted, score_slices
from pipelines.runs.tables import require_tables
from pipelines.tables.slices import Slice
from pipelines.validation.verdict import Counts

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
        loads: how many workers loaded the model for it; of a pass, counted with its first slice.
        error: why it is not published.
    """

    score_date: dt.date
    outcome: Outcome
    seconds: float
    run_id: str = ""
    counts: Counts | None = None
    loads: int = 0
    error: str = ""

    def as_json(self) -> dict[str, object]:
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

    def as_json(self) -> dict[str, object]:
        """The summary as plain values."""
        return {
            "slices": [slice_.as_json() for slice_ in self.done],
            "left": [day.isoformat() for day in self.left],
            "why_left": self.why_left,
            "seconds": self.seconds,
            "exit_code": self.exit_code,
        }


class Watcher(Protocol):
    """Called with what happens; from several threads."""

    def at(self, day: dt.date, step: Step) -> None:
        """A slice begins a step."""

    def ended(self, slice_: Backfilled, left: Sequence[PlannedSlice]) -> None:
        """A slice came to its end; `left` are those that did not."""


class Unwatched:
    """A watcher that nobody looks at."""

    def at(self, day: dt.date, step: Step) -> None:
        """Say nothing."""

    def ended(self, slice_: Backfilled, left: Sequence[PlannedSlice]) -> None:
        """Say nothing."""


NOTHING_DUE = Summary((), (), "", 0.0)
"""What becomes of a backfill without a slice that is due."""
MOST_AT_ONCE = 4
"""Passes at once where nobody says how many: more wait for each other on the driver."""


@dataclass(frozen=True)
class Arrangement:
    """How a backfill goes about its slices.

    Args:
        together: over how many slices a pass may be.
        parallel: how many passes may be running at once.
        at_once: how many are: one after the other where gates compare slices with those before them.
    """

    together: int
    parallel: int
    at_once: int


def due(plan: Plan, only: Only | None = None) -> list[PlannedSlice]:
    """The slices of a plan that a backfill runs, oldest first.

    Args:
        plan: what was found.
        only: `missing` or `stale` ones; `all` that have rows and are not running, current and rejected ones too.
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


def arrange(
    spark: SparkSession,
    project: Project,
    plan: Plan,
    *,
    only: Only | None = None,
    max_failures: int | None = None,
    slices_a_pass: int | None = None,
    parallel: int | None = None,
) -> Arrangement:
    """How to go about a plan's slices, of which some are due.

    Args:
        spark: the session.
        project: the configuration.
        plan: what was found.
        only: which of its slices; see `due`.
        max_failures: see `backfill`.
        slices_a_pass: the most that a person wants to share a pass; by default as many as do so well.
        parallel: the most passes that a person wants at once; by default one, or one a core where each has one slice.
    """
    together = min(most_a_pass(spark, project, plan), slices_a_pass or len(due(plan, only)))
    sizes = passes_of(plan, only, together, max_failures)
    usual = min(os.cpu_count() or 1, MOST_AT_ONCE) if max(sizes) == 1 else 1
    passes = min(parallel or usual, len(sizes))
    return Arrangement(together, passes, at_once(plan, passes))


def at_once(plan: Plan, parallel: int) -> int:
    """How many slices may run together: one, where history gates compare each with those before it."""
    return 1 if plan.pipeline.history else parallel


def most_a_pass(spark: SparkSession, project: Project, plan: Plan) -> int:
    """How many of a plan's slices a pass may be over; one where they cannot share one."""
    if not plan.slices:
        return 1
    return most_slices(spark, project, plan.layout, plan.definition, plan.slices[0].model)


def backfill(
    spark: SparkSession,
    project: Project,
    plan: Plan,
    *,
    only: Only | None = None,
    max_failures: int | None = None,
    parallel: int = 1,
    together: int = 1,
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
        parallel: how many passes at once, as far as `at_once` lets them.
        together: over how many slices a pass is at most; fewer where they have many rows, or might fail too often.
        watcher: called with what happens.
        stop: says when to end; running slices then end by themselves, unless it says otherwise.
    """
    begin = time.monotonic()
    waiting = deque(due(plan, only))
    parallel = at_once(plan, parallel)
    running: dict[Future[list[Backfilled]], Sequence[PlannedSlice]] = {}
    done: list[Backfilled] = []
    why_left = ""

    tags = _Tags(spark)

    def failures() -> int:
        return sum(slice_.outcome in FAILURES for slice_ in done)

    def run(items: Sequence[PlannedSlice]) -> list[Backfilled]:
        def may_go_on(failed: int) -> bool:
            return not stop.is_urgent and (max_failures is None or failures() + failed <= max_failures)

        tell = _teller(watcher, stop, tags, items)
        return _run(spark, project, plan, items, tags, force_all=only == "all", may_go_on=may_go_on, tell=tell)

    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="pass") as threads:
        while running or (waiting and not why_left):
            failed = failures()
            why_left = _why_to_end(stop, failed, max_failures)
            if stop.is_urgent:
                tags.cancel()
            while waiting and len(running) < parallel and not why_left:
                busy = sum(map(len, running.values()))
                items = _next_pass(waiting, _most(together, max_failures, failed + busy), _usual_rows(done))
                running[threads.submit(run, items)] = items
            ended, _ = wait(running, timeout=WAIT_SECONDS, return_when=FIRST_COMPLETED)
            for future in ended:
                of_pass = {item.score_date: item for item in running.pop(future)}
                for slice_ in future.result():
                    done.append(slice_)
                    del of_pass[slice_.score_date]
                    others = [item for items in running.values() for item in items]
                    watcher.ended(slice_, [*of_pass.values(), *others, *waiting])
    left = tuple(item.score_date for item in waiting)
    return Summary(tuple(done), left, why_left if left else "", round(time.monotonic() - begin, 1))


def _why_to_end(stop: Stop, failed: int, most: int | None) -> str:
    """Why no more slices are begun; empty where they are."""
    if stop.is_asked:
        return "the backfill was asked to end"
    if most is not None and failed > most:
        return f"{failed} slices failed or were rejected, and --max-failures is {most}"
    return ""


def passes_of(plan: Plan, only: Only | None, together: int, max_failures: int | None) -> list[int]:
    """Over how many slices each pass of a backfill would be, as far as the plan tells of rows."""
    waiting, sizes = deque(due(plan, only)), []
    while waiting:
        sizes.append(len(_next_pass(waiting, _most(together, max_failures, 0), None)))
    return sizes


def _most(together: int, max_failures: int | None, failed_or_running: int) -> int:
    """Over how many slices a pass may be, so that no more can fail than one too many, and those that are running."""
    return together if max_failures is None else max(1, min(together, max_failures + 1 - failed_or_running))


def _next_pass(waiting: deque[PlannedSlice], most: int, usual_rows: float | None) -> list[PlannedSlice]:
    """Take the slices of the next pass: of one model, and few enough rows; of an unknown number one alone."""
    items = [waiting.popleft()]
    rows = _rows(items[0], usual_rows)
    while waiting and len(items) < most and waiting[0].model == items[0].model:
        rows += _rows(waiting[0], usual_rows)
        if rows > MOST_ROWS:
            break
        items.append(waiting.popleft())
    return items


def _rows(item: PlannedSlice, usual_rows: float | None) -> float:
    if item.rows is not None:
        return item.rows
    return MOST_ROWS if usual_rows is None else usual_rows


def _usual_rows(done: Sequence[Backfilled]) -> float | None:
    """How many rows the slices so far had, apart from empty ones; None where there were none."""
    counts = [slice_.counts.input for slice_ in done if slice_.counts is not None and slice_.counts.input]
    return fmean(counts) if counts else None


class _Tags:
    """Marks the Spark jobs of this backfill's threads, so that they can be cancelled and nobody else's are.

    A driver whose Java is gone cannot be asked for anything: the slices fail by themselves.
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


def _teller(watcher: Watcher, stop: Stop, tags: _Tags, items: Sequence[PlannedSlice]) -> Callable[[Step], None]:
    def tell(step: Step) -> None:
        if stop.is_urgent and step not in UNSTOPPED:
            raise AbandonedError("the backfill was asked to end", remedy="run it again: it goes on from here")
        if step in UNCANCELLED:
            tags.off()
        else:
            tags.on()
        for item in items:
            watcher.at(item.score_date, step)

    return tell


def _run(
    spark: SparkSession,
    project: Project,
    plan: Plan,
    items: Sequence[PlannedSlice],
    tags: _Tags,
    *,
    force_all: bool,
    may_go_on: Callable[[int], bool],
    tell: Callable[[Step], None],
) -> list[Backfilled]:
    """One pass over some slices; what became of each."""
    begin = time.monotonic()
    tags.on()
    try:
        ends = score_slices(
            spark,
            project,
            plan.layout,
            plan.definition,
            items[0].model,
            [Wanted(item.score_date, item.fence, force=item.needs_force or force_all) for item in items],
            may_go_on=may_go_on,
            steps=Steps(tell),
        )
    except (ConfigurationError, SetupError, UsageError):
        raise  # of every slice the same: the backfill ends
    except Exception as error:  # whatever it is, it is these slices': the others go on
        ends = [Ended(item.score_date, error) for item in items]
    finally:
        tags.off()
    seconds = round((time.monotonic() - begin) / len(items), 2)
    loads = max(
        (ended.end.workers.loads for ended in ends if isinstance(ended.end, Result) and ended.end.workers), default=0
    )
    found = [_backfilled(ended, seconds) for ended in ends]
    return [replace(found[0], loads=loads), *found[1:]]


def _backfilled(ended: Ended, seconds: float) -> Backfilled:
    """What became of a slice.

    Args:
        ended: how its run ended.
        seconds: how long it took; of a pass over several slices, its share.
    """
    day, end = ended.score_date, ended.end
    if isinstance(end, Result):
        return Backfilled(day, end.outcome, seconds, run_id=end.run_id, counts=end.counts)
    text = str(end) if isinstance(end, PipelineError) else f"unexpected: {type(end).__name__}: {first_line(end)}"
    return Backfilled(day, "abandoned" if is_cancelled(end) else outcome_of(end), seconds, error=text)
