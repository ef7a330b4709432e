"""Staged rows, and what the tables hold of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines import schemas
from pipelines.expressions.names import column
from pipelines.passes.attempt_folder import RUN
from pipelines.passes.change_files import SMALL_BYTES
from pipelines.resolution.resolved_run import Resolved
from pipelines.tables.locations import local_path
from pipelines.tables.stages import Stage
from pipelines.transforms.staging import SLICE


def final_columns(runs: Sequence[Resolved], staged_at: dt.datetime) -> dict[str, Column] | None:
    """What the predictions table has besides key and outputs; None where the stage's files cannot become its files.

    They cannot where checks of the slice as a whole need values of the input in each row, or may refuse rows yet.

    Args:
        runs: of one definition; of several, the rows have their score dates in `SLICE`.
        staged_at: when the rows are staged.
    """
    first = runs[0]
    if first.definition.checks.on_stage or local_path(first.layout.stages) is None:
        return None
    run_id = F.lit(first.run_id)
    if len(runs) > 1:
        pairs = [F.lit(part) for run in runs for part in (run.slice.score_date, run.run_id)]
        run_id = F.element_at(F.create_map(*pairs), F.col(SLICE))
    version = F.lit(first.model.version).cast("int")
    return {"model_version": version, "run_id": run_id, "scored_at": F.lit(staged_at)}


def read_stages(spark: SparkSession, stages: Sequence[Stage], schema: T.StructType) -> DataFrame:
    """The rows of complete stages of one schema; of several, each with its run's id in the column `RUN`.

    Few bytes are read by one task: what is asked of them then needs no shuffle.
    """
    reader = spark.read.schema(schema).option("recursiveFileLookup", "true")  # of scored and of refused rows
    rows = reader.parquet(*[stage.rows for stage in stages])
    if sum(stage.size_bytes() for stage in stages) <= SMALL_BYTES:
        rows = rows.coalesce(1)
    if len(stages) == 1:
        return rows
    return rows.select("*", F.regexp_extract("_metadata.file_path", ".*/([^/]+)/rows/", 1).alias(RUN))


def predictions_of(rows: DataFrame, staged_at: Mapping[str, dt.datetime], run: Resolved) -> DataFrame:
    """The staged rows that were scored, as the predictions table holds them; the slices' columns are the commit's.

    Args:
        rows: of stages; of several, with their run's id in `RUN`, which stays.
        staged_at: when the stages were written, by their runs' ids.
        run: any of these.
    """
    pipeline = run.definition.pipeline
    return rows.where(F.col("reasons").isNull()).select(
        *[column(name) for name in pipeline.key],
        F.lit(run.model.version).cast("int").alias("model_version"),
        *[column(name) for name in pipeline.outputs],
        _run_of(staged_at).alias("run_id"),
        _by_run(staged_at).alias("scored_at"),
        *_run_kept(staged_at),
    )


def quarantine_of(rows: DataFrame, staged_at: Mapping[str, dt.datetime], run: Resolved) -> DataFrame:
    """The staged rows that were refused, as the quarantine table holds them; their date is the commit's."""
    pipeline = run.definition.pipeline
    return rows.where(F.col("reasons").isNotNull()).select(
        *[column(name) for name in pipeline.key],
        F.lit(run.slice.model_name).alias("model_name"),
        _run_of(staged_at).alias("run_id"),
        F.col("reasons").cast(schemas.reasons()).alias("reasons"),
        F.col("row"),
        _by_run(staged_at).alias("quarantined_at"),
        *_run_kept(staged_at),
    )


def refused_columns(run: Resolved) -> dict[str, str | pa.Scalar]:
    """How the quarantine's columns are made of those of a stage's final files, as `append_quarantine` takes it."""
    return {
        **{name: name for name in run.definition.pipeline.key},
        "model_name": pa.scalar(run.slice.model_name),
        "run_id": "run_id",
        "reasons": "reasons",
        "row": "row",
        "quarantined_at": "scored_at",
    }


def _run_of(values: Mapping[str, Any]) -> Column:
    return F.lit(next(iter(values))) if len(values) == 1 else F.col(RUN)


def _run_kept(values: Mapping[str, Any]) -> list[Column]:
    return [] if len(values) == 1 else [F.col(RUN)]


def _by_run(values: Mapping[str, Any]) -> Column:
    """A value by the run of the row."""
    if len(set(values.values())) == 1:
        return F.lit(next(iter(values.values())))
    pairs = [F.lit(part) for pair in values.items() for part in pair]
    return F.element_at(F.create_map(*pairs), F.col(RUN))
