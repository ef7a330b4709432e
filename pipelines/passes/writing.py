"""The one pass over the input of one or several slices: read, tag, score, and write every row aside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

from pyspark.errors import PythonException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.config import FeatureFunction, Project
from pipelines.errors import PipelineError
from pipelines.inputs.pinning import ANY_DAY, PinnedSource, pin_sources
from pipelines.inputs.reading import count_inputs, read_period, read_slice
from pipelines.inputs.spark_errors import translated
from pipelines.inputs.text_files import without_unread
from pipelines.models.registry import RegisteredModel
from pipelines.models.workers.failures import differs_natively
from pipelines.passes.failures import cut_short, meaning
from pipelines.passes.staging import (
    Written,
    build_environment,
    final_columns,
    observing,
    staged_rows,
    tagged_of,
    write_alone,
    write_rows,
)
from pipelines.passes.tallying import Tallied, tally
from pipelines.resolution.definition import Definition
from pipelines.resolution.layout import Layout
from pipelines.resolution.preparation import Prepared, Resolved, prepare
from pipelines.tables.locations import below, local_path
from pipelines.tables.locking import RunLock
from pipelines.tables.stages import Stage, at
from pipelines.transforms.staging import KIND, SLICE
from pipelines.validation.compiling import Checks
from pipelines.validation.engine import EngineResult, run_engine
from pipelines.validation.gates import Aggregate
from pipelines.validation.history_measures import measures_of, numbers_of, subject
from pipelines.validation.observing import Observed, measures_among
from pipelines.validation.stage import counted_for_stage
from pipelines.validation.verdict import judge_pass

MOST_SLICES = 100
"""A pass of more brings nothing: its own cost is shared by so many already."""
MOST_ROWS = 1_000_000
"""So many a pass over several slices has at most: more are scored as well by themselves."""
MOST_FRAMES = 31
"""The same, where each slice brings a plan of its own, which Spark has to think about."""
MOST_NUMBERS = 500
"""Numbers that are measured in a pass, of all its slices: each costs something for every row."""
COUNTED = Aggregate("rows")
"""Of the measured numbers the one that the stage tells as well."""


def write_stages(runs: Sequence[Resolved], prepared: Prepared, locks: Mapping[str, RunLock]) -> list[Stage]:
    """Every row of the runs' slices, staged in one pass; what was observed on the way stands in the stages' markers.

    Args:
        runs: of one definition, one model and the same versions of the sources.
        prepared: their parts, held against each other.
        locks: those that the runs hold, by their ids.

    Raises:
        ModelError: the model failed on a batch, or gave it another number of results; no stage is left behind.
        SourceError: a feature or a rule cannot be computed of some value.
    """
    first = runs[0]
    pipeline, checks = first.definition.pipeline, prepared.checks
    stages = [at(run.layout.stages, run.run_id, locks[run.run_id]) for run in runs]
    try:
        for run, stage in zip(runs, stages, strict=True):
            stage.begin(run.manifest.as_json())
        with translated(lambda error: meaning(error, pipeline, prepared, first.model)):
            engine_results = [_by_engine(run, checks) for run in runs]
            staged_at = dt.datetime.now(dt.UTC)
            written = (
                write_alone(first, prepared, stages[0], staged_at)
                if len(runs) == 1
                else _write_together(runs, prepared, stages, staged_at)
            )
            inputs = count_inputs(first.spark, pipeline, {run.slice.score_date: run.sources for run in runs})
            tallied = tally(first.spark, stages, written.schema, prepared)
            for run, stage, results in zip(runs, stages, engine_results, strict=True):
                rows_input = inputs[run.slice.score_date]
                _finish(run, stage, prepared, written, tallied[run.run_id], results, rows_input, staged_at)
    except BaseException:
        for stage in stages:
            stage.clear()
        raise
    return stages


def _by_engine(run: Resolved, checks: Checks) -> list[EngineResult]:
    if not checks.foreign:
        return []
    expectations = [foreign.expectation for foreign in checks.foreign]
    return run_engine(without_unread(run.frame), expectations, run.definition.pipeline.personal)


def _finish(
    run: Resolved,
    stage: Stage,
    prepared: Prepared,
    written: Written,
    tallied: Tallied,
    engine_results: Sequence[EngineResult],
    rows_input: int,
    staged_at: dt.datetime,
) -> None:
    """Say that the stage is complete, and what was observed."""
    pipeline, manifest, checks = run.definition.pipeline, run.manifest, prepared.checks
    metrics = written.metrics_of(run.slice.score_date, tallied.numbers)
    observed = Observed(metrics, checks.rules, checks.stage_rules)
    suite = judge_pass(checks, observed, engine_results, written.read, pipeline.personal)
    stage.finish(
        {
            "run_id": manifest.run_id,
            "run_key": manifest.run_key,
            "code_version": manifest.code_version,
            "packages": manifest.packages,
            "schema": written.schema.jsonValue(),
            "rows_input": rows_input,
            "suite": [result.as_json() for result in suite],
            "stage_rules": counted_for_stage(checks, observed),
            **({} if tallied.look is None else {"look": {"rows": metrics["rows"], **tallied.look}}),
            "history": {
                name: {"subject": subject(pipeline.history[name]), "number": number}
                for name, number in numbers_of(pipeline, metrics, metrics["rows"]).items()
            },
            "staged_at": staged_at.isoformat(),
            "is_final": written.is_final,
            "workers": written.workers,
        }
    )


def _write_together(
    runs: Sequence[Resolved], prepared: Prepared, stages: Sequence[Stage], staged_at: dt.datetime
) -> Written:
    """Write the stages of several slices in one job, the quickest way.

    What a worker finds against the model's own library is noted, and all slices are scored without it.
    """
    build_environment(runs[0])
    try:
        return _one_job(runs, prepared, stages, staged_at)
    except PythonException as error:
        difference = differs_natively(error)
        if difference is None:
            raise
    written = _one_job(runs, prepared, stages, staged_at, uses_native=False)
    return replace(written, workers={**written.workers, "native_refused": difference})


def _one_job(
    runs: Sequence[Resolved],
    prepared: Prepared,
    stages: Sequence[Stage],
    staged_at: dt.datetime,
    *,
    uses_native: bool = True,
) -> Written:
    """Write the stages of several slices; each is then moved to where it would be by itself."""
    first, checks = runs[0], prepared.checks
    days = [run.slice.score_date for run in runs]
    measured = checks.measured + measures_of(first.definition.pipeline)
    observed, told = observing(rows_together(runs, prepared), _measures_by_day(checks, measured, days))
    final = final_columns(runs, staged_at)
    rows, workers = staged_rows(
        observed, first, prepared, uses_native=uses_native, slices=len(runs), carried=[SLICE], final=final
    )
    aside = below(stages[0].location, "together")  # removed with what is incomplete, whatever ends this
    with translated(lambda error: cut_short(error, first.model, workers, rows)):
        write_rows(rows, aside)
    for day, stage in zip(days, stages, strict=True):
        stage.take(below(aside, f"{SLICE}={day.isoformat()}"))
    return Written(
        rows.drop(SLICE, KIND).schema,
        without_unread(first.frame).schema,
        _told_by_day(told(), days),
        {**workers.as_json(), "slices": len(runs)},
        counted=tuple(name for name, aggregate in measured if aggregate == COUNTED),
        is_final=final is not None,
    )


def most_slices(
    spark: SparkSession, project: Project, layout: Layout, definition: Definition, model: RegisteredModel
) -> int:
    """How many slices of a pipeline a pass may be over; one where they cannot be staged together.

    One too where something is wrong with sources, features or model: each slice's run then says what.
    """
    pipeline, checks = definition.pipeline, definition.checks
    if local_path(layout.stages) is None or "_metadata" in map(str.lower, (*pipeline.key, *pipeline.outputs)):
        return 1  # such a column would hide of which stage a row is
    try:
        most = MOST_SLICES if _share_a_scan(spark, project, definition, model) else MOST_FRAMES
    except PipelineError:
        return 1
    numbers = len(measures_among(None, checks.stage_rules, _others(checks.measured + measures_of(pipeline))))
    return max(1, min(most, MOST_NUMBERS // numbers)) if numbers else most


def _share_a_scan(spark: SparkSession, project: Project, definition: Definition, model: RegisteredModel) -> bool:
    pipeline = definition.pipeline
    if isinstance(pipeline.features, FeatureFunction):
        return False
    sources = pin_sources(spark, project, pipeline, ANY_DAY, {})
    frame = read_slice(spark, pipeline, definition.query, sources, ANY_DAY)
    return _by_one_scan(spark, definition, sources, prepare(definition, model, frame), [ANY_DAY]) is not None


def rows_together(runs: Sequence[Resolved], prepared: Prepared) -> DataFrame:
    """The rows of the runs' slices, tagged, with their score dates in the column `SLICE`.

    By one scan where each row can be looked at by itself; else by the union of what each slice reads.
    """
    first = runs[0]
    definition, days = first.definition, [run.slice.score_date for run in runs]
    marked = _by_one_scan(first.spark, definition, first.sources, prepared, days)
    if marked is not None:
        return marked
    each = [
        tagged_of(run.frame, definition, prepared).withColumn(SLICE, F.lit(day))
        for run, day in zip(runs, days, strict=True)
    ]
    return reduce(DataFrame.unionAll, each)


def _by_one_scan(
    spark: SparkSession,
    definition: Definition,
    sources: Sequence[PinnedSource],
    prepared: Prepared,
    days: Sequence[dt.date],
) -> DataFrame | None:
    """The tagged rows of several slices by one scan; None where that may give other rows.

    So may a feature function, whatever its plan: it may look at the rows itself, at the names of the columns, or at
    whole batches.
    """
    pipeline = definition.pipeline
    if isinstance(pipeline.features, FeatureFunction):
        return None
    period = read_period(spark, pipeline, definition.query, sources, min(days), max(days))
    if period is None:
        return None
    of_days = period.rows.where(period.day.isin(list(days)))
    marked = tagged_of(of_days, definition, prepared, [period.day.alias(SLICE)])
    return marked if period.shares_a_scan(marked) else None


def _measures_by_day(
    checks: Checks, measured: tuple[tuple[str, Aggregate], ...], days: Sequence[dt.date]
) -> list[Column]:
    return [
        number
        for day in days
        for number in measures_among(
            F.col(SLICE) == F.lit(day), checks.stage_rules, _others(measured), partial(_named, day)
        )
    ]


def _others(measured: tuple[tuple[str, Aggregate], ...]) -> tuple[tuple[str, Aggregate], ...]:
    """Those that the stage does not tell as well."""
    return tuple((name, aggregate) for name, aggregate in measured if aggregate != COUNTED)


def _named(day: dt.date, name: str) -> str:
    return f"{day.isoformat()} {name}"


def _told_by_day(told: Mapping[str, Any], days: Sequence[dt.date]) -> dict[dt.date, dict[str, Any]]:
    found: dict[dt.date, dict[str, Any]] = {day: {} for day in days}
    for name, value in told.items():
        day, _, of_day = name.partition(" ")
        found[dt.date.fromisoformat(day)][of_day] = value
    return found
