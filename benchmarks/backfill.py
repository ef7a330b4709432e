"""What a backfill costs: `python -m benchmarks.backfill [SLICES] [SUBMITS]`, beside the demo's inputs and registry.

Real flights from January 1, 2013 on, each way into a warehouse of its own (`make demo` first):

1. SLICES (30) slices by one `lakescore backfill`, one at a time and two at once: with Spark's start;
2. SUBMITS (5) slices by a spark-submit each, as many times SLICES / SUBMITS is what all would take (0: neither
   this nor the first, which is how to measure hundreds of slices);
3. all their rows at once, scored by the same model to nothing: what any way of slicing adds to;
4. a plan of 365 slices; the driver's memory and the time so far after 30, 120 and all of the slices.
"""

from __future__ import annotations

import datetime as dt
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from pyspark.sql import SparkSession

from pipelines.config import Project, load_project
from pipelines.inputs.reading import read_period
from pipelines.runs.backfilling import Backfilled, backfill
from pipelines.runs.definition import define
from pipelines.runs.planning import PlannedSlice, plan
from pipelines.runs.preparation import look_up
from pipelines.runs.sampling import score_to_nothing
from pipelines.runs.steps import Step
from pipelines.runs.stopping import Stop
from pipelines.runs.tables import create_tables
from pipelines.spark import start

NAME, FIRST = "flight_delays", dt.date(2013, 1, 1)
ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def main(slices: int, submits: int) -> None:
    """Measure each way, and print what it took."""
    last = FIRST + dt.timedelta(days=slices - 1)
    project = load_project(ROOT / "conf")
    with tempfile.TemporaryDirectory() as folder:
        wholes = {}
        for parallel in (1, 2) if submits else ():
            with warehouse(project, Path(folder, f"by-{parallel}")) as settings:
                period = ["--from", str(FIRST), "--to", str(last), "--parallel", str(parallel), "--json"]
                took, answer = timed([str(BIN / "lakescore"), "backfill", NAME, *period], settings)
                within = json.loads(answer)["seconds"]
                wholes[parallel] = took
                say(f"backfill of {slices} slices, {parallel} at once: {took:.1f} s, {within / slices:.2f} s a slice")
        if submits:
            with warehouse(project, Path(folder, "submits")) as settings:
                each = sum(seconds_of_submits(submits, settings)) / submits
            say(f"spark-submit a slice: {each:.1f} s each of {submits}, so {each * slices:.0f} s for all")
        for parallel, whole in wholes.items():
            say(f"  {each * slices / whole:.1f} times the backfill, {parallel} at once")
        with warehouse(project, Path(folder, "within")) as settings:
            environment = project.environment.model_copy(update={"warehouse": settings["LAKESCORE_WAREHOUSE"]})
            within_one_session(project.model_copy(update={"environment": environment}), last)


def seconds_of_submits(submits: int, settings: dict[str, str]) -> Iterator[float]:
    """How long each takes."""
    submit = [str(BIN / "spark-submit"), "--master", "local[2]", str(ROOT / "jobs" / "score.py"), NAME]
    for number in range(submits):
        yield timed([*submit, "--date", str(FIRST + dt.timedelta(days=number))], settings)[0]


def within_one_session(project: Project, last: dt.date) -> None:
    """What is measured from inside: all rows at once, plans, and memory."""
    spark = start(project.environment.spark, "backfill benchmark")
    rows_at_once(spark, project, last)
    begin = time.perf_counter()
    found = plan(lambda: spark, project, NAME, FIRST, last)
    say(f"plan of {len(found.slices)} slices: {time.perf_counter() - begin:.2f} s")
    costs = Costs(spark, len(found.slices))
    summary = backfill(spark, project, found, parallel=2, watcher=costs, stop=Stop())
    say(f"within one session: {summary.seconds / len(summary.done):.2f} s a slice, two at once")
    year = FIRST, FIRST + dt.timedelta(days=364)
    for _ in range(2):
        begin = time.perf_counter()
        plan(lambda: spark, project, NAME, *year)
        say(f"plan of 365 slices, {len(summary.done)} of them published: {time.perf_counter() - begin:.2f} s")


def rows_at_once(spark: SparkSession, project: Project, last: dt.date) -> None:
    """All rows of the period, validated and scored in one pass to nothing; the second time counts."""
    definition = define(project, NAME)
    pipeline = definition.pipeline
    model = look_up(project, pipeline.model)
    dated = read_period(spark, project, pipeline, definition.query, FIRST, last)
    assert dated is not None  # noqa: S101 - flights are sliced by a column
    frame, _ = dated
    for _ in range(2):
        begin = time.perf_counter()
        workers = score_to_nothing(frame, definition, model, project.environment.cache)
        took = time.perf_counter() - begin
    say(f"all {workers.evaluated.value} clean rows at once, to nothing: {took:.1f} s")


class Costs:
    """Tells the time so far and the driver's memory as slices end."""

    def __init__(self, spark: SparkSession, slices: int) -> None:
        self._spark, self._at = spark, {30, 120, slices}
        self._done, self._begin = 0, time.perf_counter()

    def at(self, day: dt.date, step: Step) -> None:
        """Nothing to tell."""

    def ended(self, slice_: Backfilled, left: Sequence[PlannedSlice]) -> None:  # noqa: ARG002 - the protocol's
        """Tell what is held, once what is not needed is given back."""
        self._done += 1
        if slice_.outcome != "published":
            say(f"{slice_.score_date}: {slice_.outcome}: {slice_.error}")
        if self._done in self._at:
            gc.collect()
            jvm = self._spark.sparkContext._jvm
            assert jvm is not None  # noqa: S101 - the session is there
            jvm.java.lang.System.gc()
            runtime = jvm.java.lang.Runtime.getRuntime()
            heap = (runtime.totalMemory() - runtime.freeMemory()) / 2**20
            python = psutil.Process().memory_info().rss / 2**20
            took = time.perf_counter() - self._begin
            say(f"after {self._done} slices: {took:.0f} s, {heap:.0f} MiB of Java's heap, {python:.0f} MiB of Python")


@contextmanager
def warehouse(project: Project, place: Path) -> Iterator[dict[str, str]]:
    """The settings of a process that works on a warehouse of its own, with empty tables."""
    made = place.with_name(f"{place.name}-wh")
    environment = project.environment.model_copy(update={"warehouse": str(made)})
    spark = start(environment.spark, "tables")
    create_tables(spark, project.model_copy(update={"environment": environment}), NAME)
    spark.stop()
    yield {**os.environ, "LAKESCORE_WAREHOUSE": str(made), "PYSPARK_PYTHON": sys.executable}


def timed(command: list[str], settings: dict[str, str]) -> tuple[float, str]:
    """How long a process takes, and what it prints."""
    begin = time.perf_counter()
    done = subprocess.run(command, env=settings, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return time.perf_counter() - begin, done.stdout


def say(text: str) -> None:
    """One line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [30, 5][len(numbers) :]))
