"""The model as a Spark UDF: the clean rows of each batch are scored once, by a model that each worker loads once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import AccumulatorParam
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.pandas.types import from_arrow_type

from pipelines.expressions.names import column
from pipelines.expressions.rules import FEATURES
from pipelines.models.predictors.features import Block, Features, block_columns, blocks_of
from pipelines.models.registry import RegisteredModel
from pipelines.models.workers.archives import forget_archives
from pipelines.models.workers.batch_trace import Trace
from pipelines.models.workers.file_reader import FileColumns, FileRows
from pipelines.models.workers.packing import packed
from pipelines.models.workers.report import ProofReport
from pipelines.models.workers.worker import Scoring, Workers, worker_of
from pipelines.transforms.staging import FAILURE, FILE, KEPT, OUTPUTS, POSITION, REFUSED

BLOCK = "__block_"


def with_outputs(
    tagged: DataFrame,
    scoring: Scoring,
    inputs: Mapping[str, T.DataType],
    types: T.StructType,
    files: FileColumns | None = None,
) -> tuple[DataFrame, Workers]:
    """The frame with the model's outputs in one struct column, nulls for refused rows; and what the workers tell.

    The struct has one text field more, why the model raised on the row; null where it did not. Where workers read
    columns by themselves, it also has those columns of the rows for which there are no outputs.

    Args:
        tagged: rows with their features in one struct column and a mark on the refused ones.
        scoring: what the workers have to know; the model's folder is shipped to them.
        inputs: the model's inputs and their Spark types.
        types: the outputs' names and Spark types.
        files: what the workers read by themselves; the frame then tells of each row where it lies.
    """
    spark = tagged.sparkSession
    context = spark.sparkContext
    workers = Workers(
        secrets.token_hex(8), context.accumulator(0), context.accumulator(0), context.accumulator([], _Joined())
    )
    by_spark = {name: kind for name, kind in inputs.items() if files is None or name not in files.inputs}
    carried = _Carried(tuple(inputs), blocks_of(by_spark), files)
    values = [
        value.alias(f"{BLOCK}{place}") for place, value in enumerate(block_columns(carried.blocks, F.col(FEATURES)))
    ]
    # Made before the UDF, not in its arguments: Spark compiles a selection, and interprets arguments.
    rows = tagged.select("*", *values)
    places = [] if files is None else [FILE, POSITION, *map(column, files.key)]
    score = _udf(_shipped(spark, scoring.model), scoring, carried, types, workers)
    outputs = score(REFUSED, *rows.columns[len(tagged.columns) :], *places).alias(OUTPUTS)
    return rows.select(*[column(name) for name in tagged.columns if name not in (FILE, POSITION)], outputs), workers


@dataclass(frozen=True)
class _Carried:
    """What Spark hands to a worker of each row, beside the mark of the refused ones.

    Args:
        names: the model's inputs, in the signature's order.
        blocks: how those travel that Spark has read.
        files: what the worker reads by itself; then also the row's file, its position there and its key travel.
    """

    names: tuple[str, ...]
    blocks: tuple[Block, ...]
    files: FileColumns | None

    def features(self, arrays: Sequence[pa.Array], reader: FileRows | None) -> tuple[Features, pa.Table | None]:
        """The inputs of a batch, and the rows that were read for them here."""
        width = len(self.blocks)
        if self.files is None or reader is None:
            return Features(self.names, self.blocks, tuple(arrays)), None
        paths, positions, *key = arrays[width:]
        rows = reader.read(paths, positions, key)
        blocks, read = self.files.features(rows)
        return Features(self.names, (*self.blocks, *blocks), (*arrays[:width], *read)), rows


class _Joined(AccumulatorParam[list[ProofReport]]):
    """Spark's protocol for an accumulator of lists."""

    def zero(self, value: list[ProofReport]) -> list[ProofReport]:  # noqa: ARG002 - the protocol's
        return []

    def addInPlace(  # noqa: N802 - the protocol's
        self, value1: list[ProofReport], value2: list[ProofReport]
    ) -> list[ProofReport]:
        return value1 + value2


def _shipped(spark: SparkSession, model: RegisteredModel) -> str:
    """Ship the model's folder with the job, so that no executor needs the registry; returns its name in SparkFiles.

    As an archive, which executors unpack once: Spark ships whole folders only where it runs in one process.
    """
    name = model.folder.name
    shipped = {address.rpartition("#")[2] for address in spark.sparkContext.listArchives}
    if name not in shipped:
        spark.sparkContext.addArchive(f"{packed(model.folder)}#{name}")
    return name


def _udf(shipped: str, scoring: Scoring, carried: _Carried, types: T.StructType, workers: Workers) -> Any:
    job, files = workers.job, carried.files

    def score(batches: Iterator[tuple[pa.Array, ...]]) -> Iterator[pa.Array]:
        worker = worker_of(shipped, scoring, workers)
        reader = None if files is None else FileRows(files)
        trace = Trace(job)
        for refused, *arrays in batches:
            trace.at(len(refused))
            features, rows = carried.features(arrays, reader)
            results = worker.score(refused, features)
            yield results if files is None or rows is None else _with_kept(results, refused, files, rows)
        trace.done()
        forget_archives()

    fields = [*types, T.StructField(FAILURE, T.StringType())]
    if files is not None:
        kept = [T.StructField(name, from_arrow_type(files.columns[name])) for name in files.shown]
        fields.append(T.StructField(KEPT, T.ArrayType(T.StructType(kept))))
    # Spark reads from the annotations that this is an iterator UDF.
    return arrow_udf(score, T.StructType(fields))  # type: ignore[call-overload]  # its stubs know no StructType


def _with_kept(results: pa.StructArray, refused: pa.Array, files: FileColumns, rows: pa.Table) -> pa.StructArray:
    """The results, and the columns read here of the rows that have none."""
    names = [item.name for item in results.type]
    wanted = pc.or_(refused, pc.is_valid(pc.struct_field(results, FAILURE)))
    columns = [pc.struct_field(results, name) for name in names]
    return pa.StructArray.from_arrays([*columns, files.kept(rows, wanted)], names=[*names, KEPT])
