"""The ways to score a table, each as its users write it today."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from benchmarks.scoring.shapes import SHAPES, Shape
from pipelines.expressions.rules import FEATURES
from pipelines.models.artifact import read_artifact
from pipelines.models.predictors.features import Features
from pipelines.models.predictors.isolated import Isolation
from pipelines.models.predictors.outputs import WantedOutput, outputs_of
from pipelines.models.predictors.predictor import suits
from pipelines.models.registry import RegisteredModel, digest_of
from pipelines.models.workers.file_reader import FileColumns
from pipelines.models.workers.udf import with_outputs
from pipelines.models.workers.worker import Scoring, load_model
from pipelines.spark import start
from pipelines.tables.data_files import with_positions
from pipelines.transforms.staging import FILE, OUTPUTS, POSITION, REFUSED, places

BATCH, CORES = 10_000, 2
SPARK = {
    "spark.master": f"local[{CORES}]",
    "spark.driver.memory": "3g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.databricks.delta.snapshotPartitions": "2",
}
GROUP = "measured"


@dataclass
class Case:
    """One model over one table; both are folders."""

    shape_name: str
    data: str
    model: str
    loads: list[Any] = field(default_factory=list)
    """Of our own runs: the counters of models loaded."""

    @property
    def shape(self) -> Shape:
        return SHAPES[self.shape_name]

    @cached_property
    def inputs(self) -> list[str]:
        return list(self.shape.types)

    @property
    def takes_floats(self) -> bool:
        """Whether the model takes numbers of 24 bits."""
        return any(
            kind.name == "float" for kind in mlflow.models.get_model_info(self.model).signature.inputs.input_types()
        )

    @property
    def scoring(self) -> Scoring:
        """Looked up for each round, as a run does."""
        folder = Path(self.model)
        model = RegisteredModel("m", 1, None, digest_of(folder), read_artifact(folder, "the model"))
        return Scoring(model, (WantedOutput("p", "predict", pa.float64()),))


class SparkPeer:
    """A way that runs on Spark; it is given the rows, and gives ids and predictions."""

    def __init__(self, case: Case, predicted: Callable[[DataFrame, Case], DataFrame]) -> None:
        self._case = case
        self._predicted = predicted
        self._spark: SparkSession = start(SPARK)

    @property
    def loads(self) -> int | None:
        """The models that all runs loaded together, where that is counted."""
        return sum(counter.value for counter in self._case.loads) if self._case.loads else None

    def run(self, sink: str | None) -> int:
        """Score all rows into a Delta table, or to nothing; returns the jobs that it took."""
        context = self._spark.sparkContext
        context.setJobGroup(GROUP, GROUP)
        before = len(context.statusTracker().getJobIdsForGroup(GROUP))
        scored = self._predicted(self._spark.read.format("delta").load(self._case.data), self._case)
        if sink is None:
            scored.write.format("noop").mode("overwrite").save()
        else:
            scored.write.format("delta").mode("overwrite").save(sink)
        return len(context.statusTracker().getJobIdsForGroup(GROUP)) - before


class WithoutSpark:
    """pyarrow reads, the predictor predicts, deltalake writes: in two processes, as a computer without Spark would."""

    loads: int | None = CORES

    def __init__(self, case: Case) -> None:
        files = [path.removeprefix("file://") for path in DeltaTable(case.data).file_uris()]
        self._parts = [files[number::CORES] for number in range(CORES)]
        self._pool = ProcessPoolExecutor(CORES, mp_context=get_context("spawn"), initializer=_load, initargs=(case,))

    def run(self, sink: str | None) -> int:
        """Score all rows; there are no jobs."""
        tables = list(self._pool.map(_score_files, self._parts, chunksize=1))
        if sink is not None:
            write_deltalake(sink, pa.concat_tables(tables), mode="overwrite")
        return 0

    def seconds_alone(self) -> float:
        """The seconds that the slower of two processes needs to predict its half from memory."""
        return max(self._pool.map(_predict_resident, self._parts, chunksize=1))


def read_only(frame: DataFrame, case: Case) -> DataFrame:
    """No model: every column read."""
    return frame


def mlflow_udf(frame: DataFrame, case: Case) -> DataFrame:
    """The usual way: `mlflow.pyfunc.spark_udf`, in the worker's own environment."""
    score = mlflow.pyfunc.spark_udf(frame.sparkSession, case.model, env_manager="local", result_type="double")
    return frame.select("id", score(F.struct(*_inputs(case))).alias("p"))


def batch_udf(frame: DataFrame, case: Case) -> DataFrame:
    """Spark's `predict_batch_udf`, with the model as MLflow loads it."""
    from pyspark.ml.functions import predict_batch_udf

    names, folder, kind = case.inputs, case.model, np.float32 if case.takes_floats else np.float64

    def make() -> Callable[[Any], Any]:
        model = mlflow.pyfunc.load_model(folder)
        return lambda rows: np.asarray(model.predict(pd.DataFrame(rows.astype(kind), columns=names))).reshape(-1)

    score = predict_batch_udf(make, return_type=T.DoubleType(), batch_size=BATCH, input_tensor_shapes=[[len(names)]])
    return frame.select("id", score(F.array(*names)).alias("p"))


def pandas_by_hand(frame: DataFrame, case: Case) -> DataFrame:
    """`mapInPandas` as it is written by hand."""
    names, folder, kind = case.inputs, case.model, np.float32 if case.takes_floats else None

    def score(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        model = mlflow.pyfunc.load_model(folder)
        for batch in batches:
            inputs = batch[names] if kind is None else batch[names].astype(kind)
            yield pd.DataFrame({"id": batch["id"], "p": np.asarray(model.predict(inputs)).reshape(-1)})

    return frame.mapInPandas(score, "id long, p double")


def ours(frame: DataFrame, case: Case) -> DataFrame:
    """What a run does to score, proofs included; the workers read the inputs."""
    table = with_positions(frame)
    assert table is not None  # noqa: S101 - this Spark tells positions
    taken = pa.float32() if case.takes_floats else None
    inputs = {name: (name, taken or kind) for name, kind in case.shape.types.items()}
    files = FileColumns({"id": pa.int64(), **case.shape.types}, inputs, ("id",))
    return scored_by_a_run(table.select("id", *_inputs(case), *places()), case, files)


def ours_by_spark(frame: DataFrame, case: Case) -> DataFrame:
    """The same where Spark reads the inputs, as it does when anything but the model takes them."""
    return scored_by_a_run(frame, case, None)


def scored_by_a_run(
    frame: DataFrame, case: Case, files: FileColumns | None = None, isolation: Isolation | None = None
) -> DataFrame:
    """The rows and their predictions by the UDF of a run, in the worker or in an environment of the model's own."""
    lies = [] if files is None else [FILE, POSITION]
    rows = frame.select("id", *lies, F.struct(*_inputs(case)).alias(FEATURES), F.lit(False).alias(REFUSED))
    types = {field.name: field.dataType for field in rows.schema[FEATURES].dataType}  # type: ignore[attr-defined]
    outputs = T.StructType([T.StructField("p", T.DoubleType())])
    scoring = replace(case.scoring, isolation=isolation)
    scored, workers = with_outputs(rows, scoring, types, outputs, files)
    case.loads.append(workers.loads)
    return scored.select("id", F.col(OUTPUTS)["p"].alias("p"))


def _inputs(case: Case) -> list[Any]:
    kind = "float" if case.takes_floats else None
    return [F.col(name).cast(kind).alias(name) if kind else F.col(name) for name in case.inputs]


_loaded: dict[str, Any] = {}
"""In a process without Spark: the case, its predictor, and the rows in memory."""


def _load(case: Case) -> None:
    pyfunc, native = load_model(Path(case.model), case.scoring)
    _loaded.update(case=case, wanted=case.scoring.outputs, pyfunc=pyfunc, native=native)


def _score_files(paths: list[str]) -> pa.Table:
    ids, predictions = [], []
    for batch in _batches(paths):
        ids.append(batch.column("id"))
        predictions.append(_predicted(_features(batch)))
    return pa.table({"id": pa.chunked_array(ids), "p": pa.chunked_array(predictions)})


def _predict_resident(paths: list[str]) -> float:
    import time

    resident = [_features(batch) for batch in _batches(paths)]
    _predicted(resident[0])
    begin = time.perf_counter()
    for features in resident:
        _predicted(features)
    return time.perf_counter() - begin


def _batches(paths: list[str]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        yield from pq.ParquetFile(path).iter_batches(BATCH, use_threads=False)


def _features(batch: pa.RecordBatch) -> Features:
    table = pa.Table.from_batches([batch]).drop_columns(["id"])
    if _loaded["case"].takes_floats:
        table = table.cast(pa.schema([(name, pa.float32()) for name in table.column_names]))
    return Features.of(table)


def _predicted(features: Features) -> pa.Array:
    native = _loaded["native"]
    predictor = native if native is not None and suits(native, features) else _loaded["pyfunc"]
    return outputs_of(predictor, features, _loaded["wanted"]).field("p")


PEERS: dict[str, Callable[[DataFrame, Case], DataFrame]] = {
    "Spark reads": read_only,
    "mlflow.pyfunc.spark_udf": mlflow_udf,
    "predict_batch_udf": batch_udf,
    "mapInPandas by hand": pandas_by_hand,
    "ours": ours,
    "ours, inputs read by Spark": ours_by_spark,
}
OF_NUMBERS = "predict_batch_udf"
"""It wants a function with one parameter for each column, or one for all as an array of numbers."""
NO_SPARK, ALONE = "without Spark", "the predictor alone"
