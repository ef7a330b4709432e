"""Profiles a period of slices in one pass: a single aggregation, of bounded memory whatever the columns hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config import FeatureFunction, Pipeline, Project
from pipelines.expressions.names import column, quoted
from pipelines.inputs.periods import days_of
from pipelines.inputs.pinning import pin_sources
from pipelines.inputs.reading import read_now, read_period
from pipelines.inputs.text_files import without_unread
from pipelines.resolution.definition import Definition
from pipelines.resolution.preparation import require_source_columns
from pipelines.transforms.features import columns_used

DAY = "__score_date"
FEW = 50
"""The most values that are listed of a column."""
TRACKED = 1024
"""Values that are counted of a column as the pass goes; of fewer distinct ones each is counted exactly."""
TRACKED_DAYS = 8192
TAIL = 0.001
"""The share of values at either end that does not stretch a range."""


@dataclass(frozen=True)
class ColumnProfile:
    """What the pass observed of a column.

    Args:
        type: its Spark type.
        nulls: how many rows have none.
        quantiles: those at TAIL, one half and 1 - TAIL, of numbers.
        least: the smallest number.
        greatest: the largest number.
        values: all its values with their counts, where they are few.
        is_stable: whether each of them was there in both halves of the period; of texts.
    """

    type: T.DataType
    nulls: int
    quantiles: tuple[float, ...] = ()
    least: float | None = None
    greatest: float | None = None
    values: Mapping[Any, int] | None = None
    is_stable: bool = False


@dataclass(frozen=True)
class Profile:
    """What the pass observed of a period.

    Args:
        first: the first score date.
        last: the last score date.
        rows: how many there are.
        rows_by_day: those of each date that has any.
        keys: distinct keys, each within its date.
        columns: by name; a column of the key by the name that the tables have for it.
        taken: those of them that the key or a feature takes.
        dating: those of them that tell a row's date: their values are of the period alone.
    """

    first: dt.date
    last: dt.date
    rows: int
    rows_by_day: Mapping[dt.date, int]
    keys: int
    columns: Mapping[str, ColumnProfile]
    taken: frozenset[str]
    dating: frozenset[str]


def profile_period(
    spark: SparkSession, project: Project, definition: Definition, first: dt.date, last: dt.date
) -> Profile:
    """Profile all slices of a period.

    Raises:
        PipelineError: the period is empty, or a source cannot be read.
    """
    pipeline = definition.pipeline
    frame = without_unread(_period(spark, project, definition, first, last))
    aside = {DAY, *pipeline.key_from.values()}
    fields = [field for field in frame.schema if field.name not in aside]
    middle = first + (last - first) // 2
    aggregates = [
        F.count(F.lit(1)).alias("rows"),
        F.expr(f"approx_top_k({DAY}, {TRACKED_DAYS}, {2 * TRACKED_DAYS})").alias("days"),
    ]
    for number, field in enumerate(fields):
        aggregates += [item.alias(f"{what}_{number}") for what, item in _aggregates(field, middle).items()]
    # Observed on the way to the count of keys: in one aggregation with it, each key would get a profile of its own.
    observation = Observation()
    key = F.struct(DAY, *[column(name) for name in pipeline.key])
    counting = frame.observe(observation, *aggregates)
    counted = counting.agg(F.count_distinct(key).alias("keys"), F.count(F.lit(1)).alias("rows")).first()
    observed = observation.get
    if counted is not None and observed["rows"] != counted["rows"]:
        # A task that ran twice was observed twice: take the profile again, by itself.
        row = frame.agg(*aggregates).first()
        observed = observed if row is None else row.asDict()
    columns = {field.name: _column(field, observed, number) for number, field in enumerate(fields)}
    days = {item["item"]: item["count"] for item in observed["days"] or []}
    keys = counted["keys"] if counted is not None else 0
    taken = frozenset(pipeline.key) | _taken_by_features(frame, pipeline)
    dating = _telling_dates(frame, pipeline)
    return Profile(first, last, observed["rows"], dict(sorted(days.items())), keys, columns, taken, dating)


def _taken_by_features(frame: DataFrame, pipeline: Pipeline) -> frozenset[str]:
    """The columns that features are made of; of a function of Python all, as nothing tells which."""
    if isinstance(pipeline.features, FeatureFunction):
        return frozenset(frame.columns)
    return frozenset(map(pipeline.name_in_tables, columns_used(frame, list(pipeline.features.values()))))


def _telling_dates(frame: DataFrame, pipeline: Pipeline) -> frozenset[str]:
    """The columns that a slice's condition is about; none where a query may give columns of their names other values.

    One that a slice is selected by as it is holds dates or times, of which no set or range is suggested anyway.
    """
    selection = pipeline.source.tables[pipeline.main_source].slice
    if selection is None or selection.where is None or pipeline.source.query is not None:
        return frozenset()
    condition = selection.where.replace(":score_date", "current_date()")
    return frozenset(map(pipeline.name_in_tables, columns_used(frame, [condition])))


def _period(spark: SparkSession, project: Project, definition: Definition, first: dt.date, last: dt.date) -> DataFrame:
    """The rows with their score dates: read at once where that is exact, else slice by slice."""
    pipeline, days = definition.pipeline, days_of(first, last)
    sources = pin_sources(spark, project, pipeline, last, {})
    period = read_period(spark, pipeline, definition.query, sources, first, last)
    if period is not None:
        return _checked(period.rows.withColumn(DAY, period.day), pipeline)
    slices = [read_now(spark, project, pipeline, definition.query, day).withColumn(DAY, F.lit(day)) for day in days]
    return _checked(reduce(DataFrame.unionAll, slices), pipeline)


def _checked(frame: DataFrame, pipeline: Pipeline) -> DataFrame:
    require_source_columns(frame, pipeline.key, f"pipeline '{pipeline.name}', key")
    require_source_columns(frame, pipeline.personal, f"pipeline '{pipeline.name}', personal")
    return frame


def _aggregates(field: T.StructField, middle: dt.date) -> dict[str, Column]:
    value = column(field.name)
    found = {"nulls": F.count_if(value.isNull())}
    if isinstance(field.dataType, T.NumericType):
        number = value.cast("double")
        valid = F.when(F.abs(number) < F.lit(float("inf")), number)  # neither NaN nor infinite
        found["quantiles"] = F.percentile_approx(valid, [TAIL, 0.5, 1 - TAIL], 10_000)
        found["least"], found["greatest"] = F.min(valid), F.max(valid)
    if isinstance(field.dataType, T.StringType | T.IntegralType | T.BooleanType):
        found["values"] = F.expr(f"approx_top_k({quoted(field.name)}, {FEW + 2}, {TRACKED})")
    if isinstance(field.dataType, T.StringType):
        late = f"CASE WHEN {DAY} > DATE'{middle}' THEN {quoted(field.name)} END"
        found["late"] = F.expr(f"approx_top_k({late}, {FEW + 2}, {TRACKED})")
    return found


def _column(field: T.StructField, observed: Mapping[str, Any], number: int) -> ColumnProfile:
    nulls = observed[f"nulls_{number}"]
    items = observed.get(f"values_{number}") or []
    counted = {item["item"]: item["count"] for item in items if item["item"] is not None}
    # The listed values are all there are if their counts add up to the rows that have one.
    is_complete = 0 < len(counted) <= FEW and sum(counted.values()) == observed["rows"] - nulls
    late = {item["item"]: item["count"] for item in observed.get(f"late_{number}") or []}
    return ColumnProfile(
        field.dataType,
        nulls,
        tuple(observed.get(f"quantiles_{number}") or ()),
        observed.get(f"least_{number}"),
        observed.get(f"greatest_{number}"),
        counted if is_complete else None,
        is_complete and all(0 < late.get(value, 0) < times for value, times in counted.items()),
    )
