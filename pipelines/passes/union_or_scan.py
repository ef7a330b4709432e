"""The rows of several slices: by one scan where each row can be looked at by itself, else by a union."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.config import FeatureFunction, Project
from pipelines.errors import PipelineError
from pipelines.inputs.pinning import ANY_DAY, PinnedSource, pin_sources
from pipelines.inputs.reading import read_period, read_slice
from pipelines.models.registry import RegisteredModel
from pipelines.passes.measures_by_day import not_counted
from pipelines.passes.model_call import tagged_of
from pipelines.resolution.definition import Definition
from pipelines.resolution.layout import Layout
from pipelines.resolution.preparation import Prepared, prepare
from pipelines.resolution.resolved_run import Resolved
from pipelines.tables.locations import local_path
from pipelines.transforms.staging import SLICE
from pipelines.validation.history_measures import measures_of
from pipelines.validation.observing import measures_among

MOST_SLICES = 100
"""A pass of more brings nothing: its own cost is shared by so many already."""
MOST_ROWS = 1_000_000
"""So many a pass over several slices has at most: more are scored as well by themselves."""
MOST_FRAMES = 31
"""So many slices at most where each brings a plan of its own, which Spark has to think about."""
MOST_NUMBERS = 500
"""Numbers that are measured in a pass, of all its slices: each costs something for every row."""


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
    numbers = len(measures_among(None, checks.stage_rules, not_counted(checks.measured + measures_of(pipeline))))
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
