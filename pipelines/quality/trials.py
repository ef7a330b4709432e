"""What a suite would do to past slices: judged as a run judges them before it scores; nothing is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config import FeatureFunction, Project
from pipelines.expressions.names import column
from pipelines.inputs.periods import days_of
from pipelines.inputs.pinning import open_sources, pin_sources
from pipelines.inputs.reading import count_input, count_inputs, read_period, read_slice
from pipelines.inputs.spark_errors import reading, translated
from pipelines.inputs.text_files import without_unread
from pipelines.models.registry import RegisteredModel
from pipelines.resolution.definition import Definition, define
from pipelines.resolution.layout import ledger_of
from pipelines.resolution.preparation import Prepared, prepare, with_features
from pipelines.resolution.resolved_run import look_up
from pipelines.runs.auditing import judge_limits, judge_rows
from pipelines.runs.history import entries_before, judge_history
from pipelines.tables.ledger import Ledger
from pipelines.tables.slices import Slice
from pipelines.transforms.staging import REFUSED, SLICE, tagged
from pipelines.validation.history_measures import measures_of, numbers_of
from pipelines.validation.observing import Observed, measures, tallies
from pipelines.validation.validating import is_refused_by, is_refused_copy, validate
from pipelines.validation.verdict import CheckResult, Counts, Verdict, judge_pass

IS_COPY = "__is_copy"


@dataclass(frozen=True)
class Trial:
    """What one suite would do to one slice.

    Args:
        rows: of the slice.
        refused: those that it would quarantine.
        verdict: every check's result.
    """

    rows: int
    refused: int
    verdict: Verdict

    @property
    def rejecting(self) -> list[CheckResult]:
        """The checks that would keep the slice from being published."""
        return self.verdict.rejecting()


@dataclass(frozen=True)
class DayTrial:
    """A slice judged by the present suite, and by another one where there is one.

    Args:
        score_date: the slice's.
        present: by the pipeline's suite.
        other: by the other suite.
        released: rows that the present suite refuses and the other does not.
        newly_refused: rows that the other suite refuses and the present one does not.
    """

    score_date: dt.date
    present: Trial
    other: Trial | None = None
    released: int = 0
    newly_refused: int = 0


def validate_slices(
    spark: SparkSession, project: Project, name: str, first: dt.date, last: dt.date, suite_file: Path | None = None
) -> Iterator[DayTrial]:
    """Judge each slice of a period by the pipeline's suite and, with a file, by that one too.

    Args:
        spark: the session.
        project: the configuration.
        name: the pipeline's.
        first: the first score date.
        last: the last score date.
        suite_file: another suite.

    Yields:
        What would happen to each slice, in the order of their dates.

    Raises:
        PipelineError: the period is empty, or a suite, the model or a source is wrong.
    """
    days = days_of(first, last)
    present = define(project, name)
    other = define(project, name, suite_file) if suite_file is not None else None
    model = look_up(project, present.pipeline.model)
    ledger = ledger_of(project)
    with translated(reading(present.pipeline)):
        trials = _trials_at_once(spark, project, present, other, model, ledger, days)
    if trials is not None:
        yield from trials
        return
    for day in days:
        with translated(reading(present.pipeline)):
            sources = pin_sources(spark, project, present.pipeline, day, {})
            frame = read_slice(spark, present.pipeline, present.query, sources, day)
            rows_input = count_input(spark, present.pipeline, sources, day)
            trial = _trial_of_day(frame, rows_input, present, other, model, ledger, Slice(day, model.name))
        yield trial


def _trials_at_once(
    spark: SparkSession,
    project: Project,
    present: Definition,
    other: Definition | None,
    model: RegisteredModel,
    ledger: Ledger,
    days: Sequence[dt.date],
) -> list[DayTrial] | None:
    """Judge all slices by each suite, with one scan for each suite.

    Returns:
        None where the slices do not share a scan, or a check speaks of a slice as a whole.
    """
    pipeline = present.pipeline
    suites = [present] if other is None else [present, other]
    opened = open_sources(lambda: spark, project, pipeline)
    sources = {day: [source.pinned(day) for source in opened] for day in days}
    period = read_period(spark, pipeline, present.query, sources[days[0]], days[0], days[-1])
    if period is None or any(suite.checks.on_stage or suite.checks.foreign for suite in suites):
        return None
    frame = period.rows
    prepared = [prepare(suite, model, frame) for suite in suites]
    both = replace(prepared[0], columns_read=_union(frame, *prepared))
    rows = with_features(frame, present, both, [period.day.alias(SLICE)])
    if isinstance(pipeline.features, FeatureFunction) or not period.shares_a_scan(rows):
        return None
    inputs = count_inputs(spark, pipeline, sources)
    by_suite = [
        _trials_of_days(rows, suite, parts, without_unread(frame).schema, inputs, ledger, model.name)
        for suite, parts in zip(suites, prepared, strict=True)
    ]
    if other is None:
        return [DayTrial(day, by_suite[0][day]) for day in days]
    refused = [is_refused_by(parts.checks, {}) for parts in prepared]
    moved_rows = moved_by_day(rows, *refused)
    return [DayTrial(day, by_suite[0][day], by_suite[1][day], *moved_rows.get(day, (0, 0))) for day in days]


def _trials_of_days(
    rows: DataFrame,
    suite: Definition,
    prepared: Prepared,
    read: T.StructType,
    inputs: Mapping[dt.date, int],
    ledger: Ledger,
    model_name: str,
) -> dict[dt.date, Trial]:
    """What one suite would do to each slice, by one scan of their rows."""
    pipeline, checks = suite.pipeline, prepared.checks
    key = F.struct(*[column(name) for name in pipeline.key])
    numbers = [
        *tallies(checks.rules, ()),
        *measures((), checks.measured + measures_of(pipeline)),
        F.count_if(F.col(REFUSED)).alias("refused"),
        F.count_distinct(key).alias("keys"),
    ]
    tagged_rows = tagged(rows, checks.rules)
    found = {row[SLICE]: row.asDict() for row in tagged_rows.groupBy(SLICE).agg(*numbers).collect()}
    of_none = tagged_rows.limit(0).agg(*numbers).first()
    assert of_none is not None  # noqa: S101 - an aggregate has one row
    entries = entries_before(ledger, pipeline, Slice(max(inputs), model_name))
    trials = {}
    for day, rows_input in inputs.items():
        metrics = found.get(day, of_none.asDict())
        results = judge_pass(checks, Observed(metrics, checks.rules, ()), [], read, pipeline.personal)
        counts = Counts(rows_input, metrics["rows"] - metrics["refused"], metrics["refused"])
        verdict = [
            *results,
            *judge_history(entries, pipeline, Slice(day, model_name), numbers_of(pipeline, metrics, metrics["rows"])),
            *judge_rows(counts, metrics["rows"] - metrics["keys"], accepts_empty=pipeline.accepts_empty),
            *judge_limits(counts, pipeline.limits, results),
        ]
        trials[day] = Trial(metrics["rows"], metrics["refused"], Verdict(tuple(verdict)))
    return trials


def try_slice(
    rows: DataFrame,
    definition: Definition,
    prepared: Prepared,
    frame: DataFrame,
    rows_input: int,
    ledger: Ledger,
    slice_: Slice,
) -> tuple[Trial, Column]:
    """What a definition's suite would do to a slice; and whether it would refuse a row, as a column over the rows.

    Args:
        rows: the slice with the features that rules name.
        definition: whose suite.
        prepared: its parts, held against the slice.
        frame: the slice as read.
        rows_input: of the first source, before any join.
        ledger: for gates that look at history.
        slice_: which one it is.
    """
    pipeline, checks = definition.pipeline, prepared.checks
    validation = validate(rows, checks, without_unread(frame), pipeline.personal, measures_of(pipeline))
    counts = Counts(rows_input, validation.rows - validation.refused, validation.refused)
    results = [
        *validation.results,
        *judge_history(
            entries_before(ledger, pipeline, slice_),
            pipeline,
            slice_,
            numbers_of(pipeline, validation.measured, validation.rows),
        ),
        *judge_rows(
            counts, _keys_twice(rows, pipeline.key, is_refused_copy(checks)), accepts_empty=pipeline.accepts_empty
        ),
        *judge_limits(counts, pipeline.limits, validation.results),
    ]
    refused = is_refused_by(checks, validation.moments)
    return Trial(validation.rows, validation.refused, Verdict(tuple(results))), refused


def _trial_of_day(
    frame: DataFrame,
    rows_input: int,
    present: Definition,
    other: Definition | None,
    model: RegisteredModel,
    ledger: Ledger,
    slice_: Slice,
) -> DayTrial:
    prepared = prepare(present, model, frame)
    rows = with_features(frame, present, prepared)
    now, refused_now = try_slice(rows, present, prepared, frame, rows_input, ledger, slice_)
    if other is None:
        return DayTrial(slice_.score_date, now)
    prepared_other = prepare(other, model, frame)
    both = replace(prepared, columns_read=_union(frame, prepared, prepared_other))
    rows = with_features(frame, present, both)
    then, refused_then = try_slice(rows, other, prepared_other, frame, rows_input, ledger, slice_)
    released, newly_refused = moved(rows, refused_now, refused_then)
    return DayTrial(slice_.score_date, now, then, released, newly_refused)


def _keys_twice(rows: DataFrame, key: Sequence[str], is_copy: Column) -> int:
    """How many rows share their key with another, apart from copies that are refused."""
    alone = rows.select(*[column(name) for name in key], is_copy.alias(IS_COPY)).where(~F.col(IS_COPY))
    row = alone.agg(
        F.count(F.lit(1)).alias("rows"), F.count_distinct(F.struct(*[column(name) for name in key])).alias("keys")
    ).first()
    return row["rows"] - row["keys"] if row is not None else 0


def moved_by_day(rows: DataFrame, before: Column, after: Column) -> dict[dt.date, tuple[int, int]]:
    """How many rows move, as `moved` counts them, by slice."""
    marked = rows.select(SLICE, before.alias("before"), after.alias("after"))
    return {row[SLICE]: (row.released, row.newly_refused) for row in marked.groupBy(SLICE).agg(*_moves()).collect()}


def moved(rows: DataFrame, before: Column, after: Column) -> tuple[int, int]:
    """How many rows are refused before and not after, and how many after and not before."""
    marked = rows.select(before.alias("before"), after.alias("after"))
    row = marked.agg(*_moves()).first()
    return (row.released, row.newly_refused) if row is not None else (0, 0)


def _union(frame: DataFrame, *parts: Prepared) -> tuple[str, ...]:
    read = {name for each in parts for name in each.columns_read}
    return tuple(name for name in frame.columns if name in read)


def _moves() -> tuple[Column, Column]:
    return (
        F.count_if(F.expr("before AND NOT after")).alias("released"),
        F.count_if(F.expr("after AND NOT before")).alias("newly_refused"),
    )
