"""`make demo`: from nothing to a week of real flights, scored, explained and ready to be asked about."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from examples.flights.landing import LATE_MINUTES, land
from jobs.cli import terminal
from pipelines.config import Project, load_project
from pipelines.errors import PipelineError
from pipelines.reports.views import create_views
from pipelines.resolution.definition import define
from pipelines.runs.results import Result
from pipelines.runs.scoring import score
from pipelines.runs.tables import create_tables
from pipelines.spark import start
from pipelines.tables.locations import below

PIPELINE = "flight_delays"
WEEK = [dt.date(2013, 7, day) for day in range(1, 8)]
ROOT = Path(__file__).parents[2]


def main() -> None:
    """Land, train, create the tables, score the week, and show what came of it."""
    begin = time.perf_counter()
    project = load_project(ROOT / "conf")
    definition = define(project, PIPELINE)
    step(1, "Starting Spark, and landing the flights of 2013 as Delta tables")
    spark = start(project.environment.spark, "demo")
    for name, outcome in land(spark, project.environment.inputs).items():
        terminal.say(f"      {name}: {outcome}")

    step(2, "Training on January to June, measuring on July, registering in MLflow")
    from examples.flights.training import (
        train,
    )  # imports LightGBM and scikit-learn: while Spark starts, nobody waits for them

    for alias, model in train(spark, project, definition).items():
        metrics = ", ".join(
            f"{name.removeprefix('july_')} {value:.3f}" for name, value in model.items() if "july" in name
        )
        terminal.say(f"      {alias}: version {model['version']} ({'new' if model['new'] else 'unchanged'}), {metrics}")

    step(3, "Creating the tables that scoring writes to")
    create_tables(spark, project, PIPELINE)

    step(4, "Scoring the first week of July, a slice a day")
    results = [score_one(spark, project, day) for day in WEEK]

    show_slices(results)
    show_refused(results)
    create_views(spark, project, PIPELINE)
    show_predictions(spark)
    show_truth(spark, project.environment.inputs)
    show_next(results[-1])
    terminal.say(f"Done in {time.perf_counter() - begin:.0f} seconds.")
    spark.stop()


def step(number: int, title: str) -> None:
    """Say which of the four steps begins."""
    terminal.say(f"[{number}/4] {title} …")


def score_one(spark: SparkSession, project: Project, day: dt.date) -> Result:
    """Score one slice, and say what it came to."""
    begin = time.perf_counter()
    result = score(spark, project, PIPELINE, day)
    terminal.say(f"      {day}: {result.outcome.replace('_', ' ')} ({time.perf_counter() - begin:.1f} s)")
    return result


def show_slices(results: list[Result]) -> None:
    """The seven slices."""
    table = terminal.new_table(("slice", "outcome", "model"), ("input", "scored", "quarantined"), ("run",))
    for result in results:
        counts = result.counts
        table.add_row(
            str(result.score_date), result.outcome.replace("_", " "), f"version {result.model.version}",
            str(counts.input), str(counts.scored), str(counts.quarantined), result.run_id,
        )  # fmt: skip
    terminal.show(table)


def show_refused(results: list[Result]) -> None:
    """Why rows were refused."""
    refused: Counter[str] = Counter()
    expected: dict[str, str] = {}
    for result in results:
        for check in result.verdict.broken_rules():
            if check.severity == "critical":
                refused[check.check_id] += check.unexpected_count or 0
                expected[check.check_id] = check.expected
    terminal.say("Refused rows, by the rule that they break (every row that is not scored is kept, with its reasons):")
    for rule, rows in refused.most_common():
        terminal.say(f"  {rows:>5}  {rule:<28}{expected[rule]}")
    terminal.say("")


def show_predictions(spark: SparkSession) -> None:
    """Five predictions with where they come from."""
    rows = spark.sql("""
        SELECT p.flight_date, p.carrier, p.flight, p.origin, p.prediction, round(p.probability, 3) AS probability,
               p.model_version, p.run_id, get_json_object(r.manifest, '$.sources[0].version') AS flights_version
        FROM predictions AS p JOIN runs_latest AS r USING (run_id)
        WHERE p.score_date = DATE'2013-07-01' ORDER BY p.probability DESC LIMIT 5
    """)
    terminal.say("The five flights of July 1 most likely to be late, each with the run, model and input that made it:")
    table = terminal.new_table(rows.columns, ())
    for row in rows.collect():
        table.add_row(*[str(value) for value in row])
    terminal.show(table)


def show_truth(spark: SparkSession, inputs: str) -> None:
    """How right the week was: the data knows what became of each flight."""
    late = F.col("arr_delay").isNull() | (F.col("arr_delay") > LATE_MINUTES)
    flights = spark.read.format("delta").load(below(inputs, "flights")).withColumn("late", late)
    week = spark.table("predictions").where(F.col("score_date").between(F.lit(WEEK[0]), F.lit(WEEK[-1])))
    counts: Any = (
        week.join(flights, ["flight_date", "carrier", "flight", "origin"], how="inner")
        .agg(
            F.count(F.lit(1)).alias("rows"),
            F.count_if("late").alias("lates"),
            F.count_if("prediction").alias("alarms"),
            F.count_if(F.col("prediction") & F.col("late")).alias("hits"),
        )
        .first()
    )
    precision, recall = counts.hits / max(counts.alarms, 1), counts.hits / max(counts.lates, 1)
    terminal.say(
        f"What became of these {counts.rows} flights: {counts.lates} were late or cancelled. Of {counts.alarms} "
        f"that were called late, {counts.hits} were: precision {precision:.2f}, recall {recall:.2f}.\n"
    )


def show_next(last: Result) -> None:
    """Three commands to try next."""
    sql = "SELECT carrier, count(*) AS flights, avg(probability) AS risk FROM predictions GROUP BY 1 ORDER BY 3 DESC"
    terminal.say("Try next:")
    terminal.say("  # score the next day")
    terminal.say("  .venv/bin/lakescore score flight_delays --date 2013-07-08")
    terminal.say("  # what fixed a run, and every check of it")
    terminal.say(f"  .venv/bin/lakescore runs show {last.run_id}")
    terminal.say("  # the Delta tables in DuckDB, without Spark")
    terminal.say(f'  .venv/bin/python -m examples.flights.query "{sql}"')
    terminal.say("")


if __name__ == "__main__":
    try:
        main()
    except PipelineError as error:
        terminal.show_error(str(error))
        sys.exit(error.exit_code)
