"""What a backfill costs: `python -m benchmarks.backfill [SUBMITS [DAYS…]]`, beside the demo's inputs and registry.

Real flights from January 1, 2013 on, into warehouses of their own (`make demo` first), all in one run:

1. SUBMITS (4) slices by a spark-submit each (0: not this and not the next);
2. 30 slices by one `lakescore backfill`, with Spark's start;
3. in one warm session: 10 slices one by one; backfills over the first DAYS (1, 30, 120, 365), with the memory that is
   held after each; and the rows of the longest of them all at once, scored by the same model: to nothing, and into a
   Delta table with a partition a day. That is what any way of slicing adds to.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.backfills.backfilling import Backfilled, Summary, backfill, most_a_pass
from pipelines.backfills.planning import PlannedSlice, plan
from pipelines.backfills.stop_signal import Stop
from pipelines.config import Project, load_project
from pipelines.inputs.pinning import pin_sources
from pipelines.inputs.reading import read_period
from pipelines.models.workers.udf import with_outputs
from pipelines.passes.model_call import scoring_of, tagged_of
from pipelines.resolution.definition import define
from pipelines.resolution.preparation import prepare
from pipelines.resolution.resolved_run import look_up
from pipelines.runs.progress import Step
from pipelines.runs.tables import create_tables
from pipelines.spark import start
from pipelines.transforms.staging import OUTPUTS, REFUSED

NAME, FIRST = "flight_delays", dt.date(2013, 1, 1)
ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
IN_PROCESS = 30


def main(submits: int, days: Sequence[int]) -> None:
    """Measure each way, and print what it took."""
    project = load_project(ROOT / "conf")
    with tempfile.TemporaryDirectory() as folder:
        if submits:
            processes(project, Path(folder), submits)
        spark = start(project.environment.spark, "backfill benchmark")
        one_by_one = in_session(spark, project, Path(folder, "alone"), 10, most=1)
        say(f"10 slices one by one, warm: {one_by_one.seconds / 10:.2f} s each")
        for count in days:
            summary = in_session(spark, project, Path(folder, f"of-{count}"), count)
            made = len(list(Path(folder, f"of-{count}", NAME, "predictions").rglob("*.parquet")))
            rows = sum(slice_.counts.input for slice_ in summary.done if slice_.counts is not None)
            say(
                f"{count} slices of {rows} rows: {summary.seconds:.1f} s, {summary.seconds / count:.3f} s each;"
                f" {made} files; held: {held(spark)}"
            )
        at_once(spark, project, Path(folder), max(days))


def processes(project: Project, folder: Path, submits: int) -> None:
    """Slices by a spark-submit each, and by one backfill."""
    submit = [str(BIN / "spark-submit"), "--master", "local[2]", str(ROOT / "jobs" / "score.py"), NAME]
    with warehouse(project, folder / "submits") as settings:
        seconds = [timed([*submit, "--date", str(FIRST + dt.timedelta(n))], settings)[0] for n in range(submits)]
    each = sum(seconds) / submits
    say(f"spark-submit a slice: {each:.1f} s each of {submits}, so {each * IN_PROCESS:.0f} s for {IN_PROCESS}")
    with warehouse(project, folder / "process") as settings:
        period = ["--from", str(FIRST), "--to", str(FIRST + dt.timedelta(IN_PROCESS - 1)), "--json"]
        took, answer = timed([str(BIN / "lakescore"), "backfill", NAME, *period], settings)
    within = json.loads(answer)["seconds"]
    say(f"backfill of {IN_PROCESS} slices: {took:.1f} s, {within:.1f} s of it after Spark's start and the plan")
    say(f"  {each * IN_PROCESS / took:.1f} times as quick")


def in_session(spark: SparkSession, project: Project, place: Path, days: int, most: int | None = None) -> Summary:
    """A backfill over the first days, into a warehouse of its own."""
    environment = project.environment.model_copy(update={"warehouse": str(place)})
    project = project.model_copy(update={"environment": environment})
    create_tables(spark, project, NAME)
    begin = time.perf_counter()
    found = plan(lambda: spark, project, NAME, FIRST, FIRST + dt.timedelta(days=days - 1))
    together = most_a_pass(spark, project, found) if most is None else most
    summary = backfill(spark, project, found, together=together, watcher=Silent(), stop=Stop())
    return replace(summary, seconds=time.perf_counter() - begin)


class Silent:
    """Tells of what is not published only."""

    def at(self, day: dt.date, step: Step) -> None:
        """Nothing to tell."""

    def ended(self, slice_: Backfilled, left: Sequence[PlannedSlice]) -> None:  # noqa: ARG002 - the protocol's
        """Say so where a slice is not published."""
        if slice_.outcome != "published":
            say(f"{slice_.score_date}: {slice_.outcome}: {slice_.error.splitlines()[0]}")


def at_once(spark: SparkSession, project: Project, folder: Path, days: int) -> None:
    """All rows of the period at once; the second time counts."""
    definition = define(project, NAME)
    pipeline, last = definition.pipeline, FIRST + dt.timedelta(days=days - 1)
    model = look_up(project, pipeline.model)
    sources = pin_sources(spark, project, pipeline, last, {})
    period = read_period(spark, pipeline, definition.query, sources, FIRST, last)
    assert period is not None  # noqa: S101 - flights are sliced by a column
    prepared = prepare(definition, model, period.rows)
    marked = tagged_of(period.rows, definition, prepared, [period.day.alias("score_date")])
    scoring = scoring_of(pipeline, prepared, model, project.environment.cache)
    scored, _ = with_outputs(marked, scoring, prepared.types, prepared.output_types)
    rows = scored.select(*pipeline.key, "score_date", REFUSED, F.col(OUTPUTS)["probability"].alias("probability"))
    table = str(folder / "at-once")

    def to_nothing(rows: DataFrame) -> None:
        rows.write.format("noop").mode("overwrite").save()

    def to_delta(rows: DataFrame) -> None:
        rows.write.format("delta").partitionBy("score_date").mode("overwrite").save(table)

    for where, write in {"to nothing": to_nothing, "into a Delta table, a partition a day": to_delta}.items():
        say(f"all rows of {days} days at once, {where}: {twice(write, rows):.1f} s")


def twice(write: Callable[[DataFrame], None], rows: DataFrame) -> float:
    """How long the second time takes."""
    for _ in range(2):
        begin = time.perf_counter()
        write(rows)
    return time.perf_counter() - begin


def held(spark: SparkSession) -> str:
    """What the driver holds once what is not needed is given back."""
    gc.collect()
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # noqa: S101 - the session is there
    jvm.java.lang.System.gc()
    runtime = jvm.java.lang.Runtime.getRuntime()
    heap = (runtime.totalMemory() - runtime.freeMemory()) / 2**20
    return f"{heap:.0f} MiB of Java's heap, {psutil.Process().memory_info().rss / 2**20:.0f} MiB of Python"


@contextmanager
def warehouse(project: Project, place: Path) -> Iterator[dict[str, str]]:
    """The settings of a process that works on a warehouse of its own, with empty tables."""
    environment = project.environment.model_copy(update={"warehouse": str(place)})
    spark = start(environment.spark, "tables")
    create_tables(spark, project.model_copy(update={"environment": environment}), NAME)
    spark.stop()
    yield {**os.environ, "LAKESCORE_WAREHOUSE": str(place), "PYSPARK_PYTHON": sys.executable}


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
    asked = [int(argument) for argument in sys.argv[1:]]
    main(asked[0] if asked else 4, asked[1:] or [1, 30, 120, 365])
