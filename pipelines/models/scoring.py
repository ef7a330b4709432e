"""The model as a Spark UDF: the clean rows of each batch are scored once, by a model that each worker loads once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Accumulator, SparkFiles
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.functions import arrow_udf

from pipelines.errors import ModelError
from pipelines.expressions.rules import FEATURES
from pipelines.models.predictor import AlignmentError, OutputError, Predictor, WantedOutput
from pipelines.models.registry import RegisteredModel
from pipelines.transforms.staging import OUTPUTS, REFUSED

_LOADED: dict[str, Predictor] = {}
"""The models of this worker process by digest: they outlive tasks and runs, as Spark reuses its workers."""


@dataclass(frozen=True)
class Counts:
    """What the workers report of a run: rows evaluated and models loaded. Spark may count a retried task twice."""

    evaluated: Accumulator[int]
    loads: Accumulator[int]


def with_outputs(
    tagged: DataFrame, model: RegisteredModel, outputs: Sequence[WantedOutput], types: T.StructType
) -> tuple[DataFrame, Counts]:
    """The frame with the model's outputs as one struct column, null for refused rows; and the workers' counts.

    Args:
        tagged: rows with their features in one struct column and a mark on the refused ones.
        model: what scores; its folder is shipped to the workers.
        outputs: the columns that are wanted of it.
        types: the outputs' names and Spark types.
    """
    spark = tagged.sparkSession
    shipped = _shipped(spark, model)
    counts = Counts(spark.sparkContext.accumulator(0), spark.sparkContext.accumulator(0))
    scoring = _udf(shipped, model.digest, tuple(outputs), types, counts)
    return tagged.select("*", scoring(F.col(REFUSED), F.col(FEATURES)).alias(OUTPUTS)), counts


def explained(error: PythonException, model: str, *, tells_values: bool) -> ModelError:
    """What a worker's exception means, without its traceback.

    Args:
        error: as Spark brought it from the worker.
        model: its name and version.
        tells_values: whether the exception's text may be shown: a model's own may quote the values of a row.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if line.split(":")[0].split(".")[-1].endswith(("Error", "Exception"))]
    cause = told[-1] if told else lines[-1]
    if AlignmentError.__name__ in cause:
        return ModelError(
            f"{model} cannot be trusted to give each row its own prediction",
            expected="as many results as rows, in the rows' order",
            found=cause.partition(": ")[2],
            remedy="mend the model so that it neither drops nor adds rows; nothing was published",
        )
    return ModelError(
        f"{model} failed while it scored",
        expected="a prediction for every clean row",
        found=cause if tells_values or OutputError.__name__ in cause else cause.partition(":")[0],
        remedy="mend the model, its outputs in the configuration, or quarantine the rows that it cannot take",
    )


def _shipped(spark: SparkSession, model: RegisteredModel) -> str:
    """Ship the model's folder with the job, so that no executor needs the registry; returns its name in SparkFiles."""
    name = model.folder.name
    shipped = {Path(address).name for address in spark.sparkContext.listFiles}
    if name not in shipped:
        spark.sparkContext.addFile(str(model.folder), recursive=True)
    return name


def _udf(shipped: str, digest: str, outputs: tuple[WantedOutput, ...], types: T.StructType, counts: Counts) -> Any:
    def score(batches: Iterator[tuple[pa.Array, pa.Array]]) -> Iterator[pa.Array]:
        model = _loaded(shipped, digest, counts)
        for refused, features in batches:
            yield _scored(model, refused, features, outputs, counts)

    # Spark reads from the annotations that this is an iterator UDF.
    return arrow_udf(score, types)  # type: ignore[call-overload]  # its stubs know no StructType


def _loaded(shipped: str, digest: str, counts: Counts) -> Predictor:
    if digest not in _LOADED:
        _LOADED[digest] = Predictor(Path(SparkFiles.get(shipped)))
        counts.loads.add(1)
    return _LOADED[digest]


def _scored(
    model: Predictor, refused: pa.Array, features: pa.Array, outputs: tuple[WantedOutput, ...], counts: Counts
) -> pa.Array:
    clean = pc.invert(refused)
    rows = pc.sum(clean).as_py() or 0
    if rows == 0:
        return pa.nulls(len(refused), pa.struct([(output.name, output.type) for output in outputs]))
    results = model.predict(features.filter(clean), outputs)
    counts.evaluated.add(rows)
    if rows == len(refused):
        return results
    place = pc.subtract(pc.cumulative_sum(clean.cast(pa.int64())), 1)  # of each clean row among the clean ones
    return results.take(pc.if_else(clean, place, pa.scalar(None, pa.int64())))
