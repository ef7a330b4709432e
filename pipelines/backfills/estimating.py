"""How long runs are likely to take where no earlier one tells: rows of one slice are scored to nothing."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from pyspark.errors import PythonException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from pipelines.backfills.pace import Pace
from pipelines.backfills.planning import Plan, PlannedSlice
from pipelines.config import Project
from pipelines.errors import PipelineError
from pipelines.inputs.reading import read_now
from pipelines.inputs.spark_errors import SparkError, translated
from pipelines.models.registry import RegisteredModel
from pipelines.models.workers.failures import differs_natively
from pipelines.models.workers.udf import with_outputs
from pipelines.models.workers.worker import Workers
from pipelines.passes.failures import cut_short, meaning
from pipelines.passes.model_call import scoring_of, tagged_of
from pipelines.resolution.definition import Definition
from pipelines.resolution.preparation import prepare
from pipelines.transforms.staging import FAILURE, OUTPUTS, REFUSED

FEW, MANY = 1_000, 100_000
"""Rows of the two samples: their difference tells what a row takes, apart from what a pass does."""
SLOW_SECONDS = 10.0
"""What takes longer than that for a few rows tells enough: the larger sample is left out."""
MOST_TRIED = 7
"""Slices, where the first ones turn out to have no rows."""
SEED = 7
Found = TypeVar("Found")


def estimated(spark: SparkSession, project: Project, plan: Plan) -> Plan:
    """The plan, its times estimated by validating and scoring samples of the first slice that is due and has rows.

    They lack what staging, auditing and publishing take. A plan without such a slice stays as it is.

    Args:
        spark: the session.
        project: the configuration.
        plan: without a pace of its own.

    Raises:
        PipelineError: what would keep a run from scoring.
    """
    definition = plan.definition
    for item in [slice_ for slice_ in plan.slices if slice_.is_due and slice_.rows != 0][:MOST_TRIED]:
        frame = read_now(spark, project, definition.pipeline, definition.query, item.score_date)
        rows = frame.count() if item.rows is None or item.is_rows_estimated else item.rows
        if rows:
            pace = _pace(frame, rows, definition, item.model, project.environment.cache)
            return replace(plan, pace=pace, slices=tuple(_estimated(slice_, pace) for slice_ in plan.slices))
    return plan


def _pace(frame: DataFrame, rows: int, definition: Definition, model: RegisteredModel, cache: str) -> Pace:
    few, many = (min(1.0, wanted / max(rows, 1)) for wanted in (FEW, MANY))
    score_to_nothing(frame.sample(few, SEED), definition, model, cache)  # starts workers, which load the model
    least = _seconds(frame.sample(few, SEED), definition, model, cache)
    if least > SLOW_SECONDS:
        return Pace(0.0, least / (rows * few), rows, runs=0, sampled_rows=round(rows * few))
    most = _seconds(frame.sample(many, SEED), definition, model, cache)
    between = rows * (many - few)
    a_row = max(most - least, 0.0) / between if between else 0.0
    return Pace(max(least - rows * few * a_row, 0.0), a_row, rows, runs=0, sampled_rows=round(rows * many))


def _seconds(frame: DataFrame, definition: Definition, model: RegisteredModel, cache: str) -> float:
    begin = time.perf_counter()
    score_to_nothing(frame, definition, model, cache)
    return time.perf_counter() - begin


def score_to_nothing(frame: DataFrame, definition: Definition, model: RegisteredModel, cache: str) -> Workers:
    """Validate and score rows as a run would, and write them nowhere.

    Args:
        frame: the rows, as a slice is read.
        definition: the pipeline.
        model: what scores.
        cache: the folder of cached models.

    Raises:
        PipelineError: features, suite or model do not fit, or fail at a row.
    """
    # Not by the writer `noop`: Delta leaves a scan below such a write unprepared, and then refuses to read a table with
    # deletion vectors.
    _, workers = _scored(frame, definition, model, cache, lambda scored: scored._jdf.queryExecution().toRdd().count())
    return workers


def _scored(
    frame: DataFrame,
    definition: Definition,
    model: RegisteredModel,
    cache: str,
    act: Callable[[DataFrame], Found],
    *,
    uses_native: bool = True,
    most_failures: int | None = None,
) -> tuple[Found, Workers]:
    """What an action gives over rows that are scored as a run would, and what the workers tell."""
    pipeline, prepared = definition.pipeline, prepare(definition, model, frame)
    marked = tagged_of(frame, definition, prepared)
    scoring = replace(scoring_of(pipeline, prepared, model, cache), uses_native=uses_native)
    if most_failures is not None:
        scoring = replace(scoring, allowed_failures=most_failures)
    scored, workers = with_outputs(marked, scoring, prepared.types, prepared.output_types)

    def means(error: SparkError) -> PipelineError | None:
        return cut_short(error, model, workers, frame) or meaning(error, pipeline, prepared, model)

    with translated(means):
        try:
            return act(scored), workers
        except PythonException as error:
            if not uses_native or differs_natively(error) is None:
                raise
    return _scored(frame, definition, model, cache, act, uses_native=False, most_failures=most_failures)


@dataclass(frozen=True)
class TriedRows:
    """What became of rows that were scored to nothing.

    Args:
        rows: how many were tried.
        refused: those that break a rule, and so did not reach the model.
        raised: those on which the model raised.
        message: what it raised, on one of them.
    """

    rows: int
    refused: int
    raised: int
    message: str

    def warning(self, day: dt.date) -> str:
        """What a person should know of these rows of a day; empty where all are scored."""
        of = f"of {self.rows} rows of {day}"
        parts = [f"{self.refused} {of} would be refused by rules"] if self.refused else []
        return "; ".join([*parts, *([f"on {self.raised} {of} {self.message}"] if self.raised else [])])


def try_rows(frame: DataFrame, definition: Definition, model: RegisteredModel, cache: str, most_rows: int) -> TriedRows:
    """Validate and score rows as a run would, write them nowhere, and count what became of each.

    Args:
        frame: the rows, as a slice is read.
        definition: the pipeline.
        model: what scores.
        cache: the folder of cached models.
        most_rows: how many there are at most; the model may raise on all of them.

    Raises:
        PipelineError: features, suite or model do not fit, or the model's results are not those of the outputs.
    """

    def counted(scored: DataFrame) -> Row:
        failure = F.col(OUTPUTS)[FAILURE]
        row = scored.agg(
            F.count(F.lit(1)).alias("rows"),
            F.count_if(REFUSED).alias("refused"),
            F.count_if(failure.isNotNull()).alias("raised"),
            F.min(failure).alias("message"),
        ).first()
        assert row is not None  # noqa: S101 - an aggregate has one row
        return row

    row, _ = _scored(frame, definition, model, cache, counted, most_failures=most_rows)
    return TriedRows(row["rows"], row["refused"], row["raised"], row["message"] or "")


def _estimated(slice_: PlannedSlice, pace: Pace) -> PlannedSlice:
    rows = pace.usual_rows if slice_.rows is None else slice_.rows
    return replace(slice_, rows=rows, seconds=pace.seconds(rows))
