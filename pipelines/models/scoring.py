"""The model as a Spark UDF: the clean rows of each batch are scored once, by a model that each worker loads once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark import AccumulatorParam
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.functions import arrow_udf

from pipelines.expressions.names import column
from pipelines.expressions.rules import FEATURES
from pipelines.models.features import Block, Features, block_columns, blocks_of
from pipelines.models.registry import RegisteredModel
from pipelines.models.traces import Trace
from pipelines.models.worker import Scoring, Workers, worker_of
from pipelines.transforms.staging import FAILURE, OUTPUTS, REFUSED

BLOCK = "__block_"


def with_outputs(
    tagged: DataFrame, scoring: Scoring, inputs: Mapping[str, T.DataType], types: T.StructType
) -> tuple[DataFrame, Workers]:
    """The frame with the model's outputs in one struct column, null for refused rows; and what the workers tell.

    The struct has one text field more, why the model raised on the row; null where it did not.

    Args:
        tagged: rows with their features in one struct column and a mark on the refused ones.
        scoring: what the workers have to know; the model's folder is shipped to them.
        inputs: the model's inputs and their Spark types.
        types: the outputs' names and Spark types.
    """
    spark = tagged.sparkSession
    context = spark.sparkContext
    workers = Workers(
        secrets.token_hex(8), context.accumulator(0), context.accumulator(0), context.accumulator([], _Joined())
    )
    blocks = blocks_of(inputs)
    values = [value.alias(f"{BLOCK}{place}") for place, value in enumerate(block_columns(blocks, F.col(FEATURES)))]
    # Made before the UDF, not in its arguments: Spark compiles a selection, and interprets arguments.
    rows = tagged.select("*", *values)
    score = _udf(_shipped(spark, scoring.model), scoring, tuple(inputs), blocks, types, workers)
    columns = [column(name) for name in tagged.columns]
    return rows.select(*columns, score(REFUSED, *rows.columns[len(columns) :]).alias(OUTPUTS)), workers


class _Joined(AccumulatorParam[list[dict[str, Any]]]):
    """Spark's protocol for an accumulator of lists."""

    def zero(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's
        return []

    def addInPlace(  # noqa: N802 - the protocol's
        self, value1: list[dict[str, Any]], value2: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        return value1 + value2


def _shipped(spark: SparkSession, model: RegisteredModel) -> str:
    """Ship the model's folder with the job, so that no executor needs the registry; returns its name in SparkFiles."""
    name = model.folder.name
    shipped = {Path(address).name for address in spark.sparkContext.listFiles}
    if name not in shipped:
        spark.sparkContext.addFile(str(model.folder), recursive=True)
    return name


def _udf(
    shipped: str,
    scoring: Scoring,
    names: tuple[str, ...],
    blocks: tuple[Block, ...],
    types: T.StructType,
    workers: Workers,
) -> Any:
    job = workers.job

    def score(batches: Iterator[tuple[pa.Array, ...]]) -> Iterator[pa.Array]:
        worker = worker_of(shipped, scoring, workers)
        trace = Trace(job)
        for refused, *arrays in batches:
            trace.at(len(refused))
            yield worker.score(refused, Features(names, blocks, tuple(arrays)))
        trace.done()

    # Spark reads from the annotations that this is an iterator UDF.
    return arrow_udf(score, T.StructType([*types, T.StructField(FAILURE, T.StringType())]))  # type: ignore[call-overload]  # its stubs know no StructType
