"""What a suite would do to past slices: judged as a run judges them before it scores; nothing is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.config import Project
from pipelines.expressions.names import column
from pipelines.inputs.pinning import pin_sources
from pipelines.inputs.reading import count_input, read_slice
from pipelines.inputs.spark_errors import reading, translated
from pipelines.inputs.text_files import without_unread
from pipelines.models.registry import RegisteredModel
from pipelines.runs.auditing import Counts, judge_limits, judge_rows
from pipelines.runs.definition import Definition, define
from pipelines.runs.history import judge_history, measures_of, numbers_of
from pipelines.runs.layout import ledger_of
from pipelines.runs.periods import days_of
from pipelines.runs.preparation import Prepared, look_up, prepare, with_features
from pipelines.tables.ledger import Ledger
from pipelines.tables.slices import Slice
from pipelines.validation.validating import is_refused_by, is_refused_copy, validate
from pipelines.validation.verdict import CheckResult, Verdict

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
    for day in days:
        with translated(reading(present.pipeline)):
            sources = pin_sources(spark, project, present.pipeline, day, {})
            frame = read_slice(spark, present.pipeline, present.query, sources, day)
            rows_input = count_input(spark, present.pipeline, sources, day)
            trial = _trial_of_day(frame, rows_input, present, other, model, ledger, Slice(day, model.name))
        yield trial


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
        *judge_history(ledger, pipeline, slice_, numbers_of(pipeline, validation.measured)),
        *judge_rows(counts, _keys_twice(rows, pipeline.key, is_refused_copy(checks))),
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


def moved(rows: DataFrame, before: Column, after: Column) -> tuple[int, int]:
    """How many rows are refused before and not after, and how many after and not before."""
    marked = rows.select(before.alias("before"), after.alias("after"))
    row = marked.agg(
        F.count_if(F.expr("before AND NOT after")).alias("released"),
        F.count_if(F.expr("after AND NOT before")).alias("newly_refused"),
    ).first()
    return (row.released, row.newly_refused) if row is not None else (0, 0)


def _union(frame: DataFrame, one: Prepared, other: Prepared) -> tuple[str, ...]:
    return tuple(name for name in frame.columns if name in {*one.columns_read, *other.columns_read})
