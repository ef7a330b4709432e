"""How fast a model scores on Spark: ours, MLflow's UDF, Spark's batch UDF, pandas by hand, and no Spark at all.

    python -m benchmarks.scoring [ROUNDS] [ROWS] [MODEL ...]

Rows of 28 doubles in Parquet, to a sink that keeps nothing, on two cores with one thread a task. All peers run in one
process in turn, each round anew, after one that does not count; the median and the least seconds are shown. The limit
is what reading the rows by Spark, and then predicting them from memory in two processes, would take. All peers must
give the same predictions.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.models import infer_signature
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipelines.expressions.rules import FEATURES
from pipelines.models.artifact import read_artifact
from pipelines.models.outputs import WantedOutput
from pipelines.models.registry import RegisteredModel, digest_of
from pipelines.models.scoring import with_outputs
from pipelines.models.worker import Scoring
from pipelines.spark import start
from pipelines.transforms.staging import OUTPUTS, REFUSED

WIDTH, FILES, BATCH, CORES = 28, 8, 10_000, 2
NAMES = [f"f{number}" for number in range(WIDTH)]
SPARK = {
    "spark.master": f"local[{CORES}]",
    "spark.driver.memory": "3g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
}
LIMIT = "limit: read, then the predictor alone"


@dataclass(frozen=True)
class Case:
    """One model over one table; both are folders."""

    data: str
    model: str


def linear(inputs: pd.DataFrame, answer: Any) -> Any:
    """A linear regression of scikit-learn."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(inputs, answer)


def lightgbm_of(trees: int, leaves: int) -> Callable[[pd.DataFrame, Any], Any]:
    """A LightGBM regressor."""

    def made(inputs: pd.DataFrame, answer: Any) -> Any:
        import lightgbm

        return lightgbm.LGBMRegressor(n_estimators=trees, num_leaves=leaves, verbose=-1).fit(inputs, answer)

    return made


def xgboost_100(inputs: pd.DataFrame, answer: Any) -> Any:
    """An XGBoost regressor."""
    import xgboost

    return xgboost.XGBRegressor(n_estimators=100, max_depth=5).fit(inputs, answer)


MODELS: dict[str, tuple[str, Callable[[pd.DataFrame, Any], Any]]] = {
    "linear": ("sklearn", linear),
    "lightgbm_100": ("lightgbm", lightgbm_of(100, 31)),
    "lightgbm_500": ("lightgbm", lightgbm_of(500, 63)),
    "xgboost_100": ("xgboost", xgboost_100),
}


def make_model(name: str, folder: str) -> None:
    """Train a model on made data and save it as MLflow does."""
    random = np.random.default_rng(1)
    inputs = pd.DataFrame(random.standard_normal((50_000, WIDTH)), columns=NAMES)
    answer = inputs["f0"] + inputs["f1"] * inputs["f2"] + random.standard_normal(len(inputs))
    flavor, train = MODELS[name]
    model = train(inputs, answer)
    signature = infer_signature(inputs, model.predict(inputs.head()))
    getattr(mlflow, flavor).save_model(model, folder, signature=signature, pip_requirements=[flavor])


def make_data(rows: int, folder: Path) -> None:
    """Parquet files of random numbers, with an id."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(FILES):
        count = rows // FILES
        columns = {name: random.standard_normal(count) for name in NAMES}
        ids = np.arange(number * count, (number + 1) * count)
        pq.write_table(pa.table({"id": ids, **columns}), folder / f"{number}.parquet", row_group_size=125_000)


def read(frame: DataFrame, case: Case) -> DataFrame:
    """No model: every column read."""
    return frame


def mlflow_udf(frame: DataFrame, case: Case) -> DataFrame:
    """The usual way: `mlflow.pyfunc.spark_udf`, in the worker's own environment."""
    score = mlflow.pyfunc.spark_udf(frame.sparkSession, case.model, env_manager="local", result_type="double")
    return frame.select("id", score(F.struct(*NAMES)).alias("p"))


def batch_udf(frame: DataFrame, case: Case) -> DataFrame:
    """Spark's `predict_batch_udf`, with the model as MLflow loads it."""
    from pyspark.ml.functions import predict_batch_udf

    def make() -> Callable[[Any], Any]:
        model = mlflow.pyfunc.load_model(case.model)
        return lambda inputs: model.predict(pd.DataFrame(inputs, columns=NAMES))

    score = predict_batch_udf(make, return_type=T.DoubleType(), batch_size=BATCH, input_tensor_shapes=[[WIDTH]])
    return frame.select("id", score(F.array(*NAMES)).alias("p"))


def pandas_by_hand(frame: DataFrame, case: Case) -> DataFrame:
    """`mapInPandas` as it is written by hand, with the library's own model."""

    def score(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        model = mlflow.pyfunc.load_model(case.model).get_raw_model()
        for batch in batches:
            yield pd.DataFrame({"id": batch["id"], "p": model.predict(batch[NAMES])})

    return frame.mapInPandas(score, "id long, p double")


def ours(frame: DataFrame, case: Case) -> DataFrame:
    """What a run does to score, proofs included."""
    folder = Path(case.model)
    model = RegisteredModel("m", 1, None, digest_of(folder), read_artifact(folder, "the model"))
    scoring = Scoring(model, (WantedOutput("p", "predict", pa.float64()),))
    rows = frame.select("id", F.struct(*NAMES).alias(FEATURES), F.lit(False).alias(REFUSED))
    types = T.StructType([T.StructField("p", T.DoubleType())])
    scored, _ = with_outputs(rows, scoring, dict.fromkeys(NAMES, T.DoubleType()), types)
    return scored.select("id", F.col(OUTPUTS)["p"].alias("p"))


PEERS: dict[str, Callable[[DataFrame, Case], DataFrame]] = {
    "Spark reads": read,
    "mlflow.pyfunc.spark_udf": mlflow_udf,
    "predict_batch_udf": batch_udf,
    "mapInPandas by hand": pandas_by_hand,
    "ours": ours,
}


def predict_alone(case: Case, rows: int) -> float:
    """The seconds that one process takes to predict so many rows that lie in its memory."""
    model = mlflow.pyfunc.load_model(case.model).get_raw_model()
    booster = getattr(model, "booster_", None)
    predict = model.predict if booster is None else lambda batch: booster.predict(batch, num_threads=1)
    inputs = np.random.default_rng(2).standard_normal((rows, WIDTH))
    predict(inputs[:BATCH])
    begin = time.perf_counter()
    for place in range(0, rows, BATCH):
        predict(inputs[place : place + BATCH])
    return time.perf_counter() - begin


def measure(spark: SparkSession, case: Case, rows: int, rounds: int) -> dict[str, list[float]]:
    """The seconds of each peer in each round that counts."""
    taken: dict[str, list[float]] = {name: [] for name in PEERS}
    sums: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, peer in PEERS.items():
            begin = time.perf_counter()
            peer(spark.read.parquet(case.data), case).write.format("noop").mode("overwrite").save()
            if number:
                taken[name].append(time.perf_counter() - begin)
            elif name != "Spark reads":
                row = peer(spark.read.parquet(case.data), case).agg(F.sum(F.col("p") * (F.col("id") % 7))).first()
                sums[name] = row[0] if row else float("nan")
    if not np.allclose(list(sums.values()), sums["ours"], rtol=1e-6):
        raise AssertionError(f"the peers predicted different values: {sums}")
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as processes:
        alone = max(processes.map(predict_alone, [case] * CORES, [rows // CORES] * CORES))
    taken[LIMIT] = [min(taken["Spark reads"]) + alone]
    return taken


def show(taken: dict[str, list[float]], rows: int, title: str) -> None:
    """The table of one model."""
    table = Table(box=SIMPLE_HEAD, title=title)
    table.add_column("peer")
    for name in ("median s", "least s", "1,000 rows/s", "ours is quicker, times"):
        table.add_column(name, justify="right")
    ours_least = min(taken["ours"])
    for name, seconds in taken.items():
        least = min(seconds)
        cells = [f"{statistics.median(seconds):.2f}", f"{least:.2f}", f"{rows / least / 1000:.0f}"]
        table.add_row(name, *cells, f"{least / ours_least:.2f}")
    Console(width=120).print(table)


def main() -> None:
    """Measure, and print one table a model."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000
    names = sys.argv[3:] or list(MODELS)
    warnings.simplefilter("ignore")
    spark = start(SPARK)
    with tempfile.TemporaryDirectory() as place:
        data = Path(place, "data")
        make_data(rows, data)
        for name in names:
            case = Case(str(data), str(Path(place, name)))
            make_model(name, case.model)
            show(measure(spark, case, rows, rounds), rows, f"{name}: {rows:,} rows of {WIDTH} doubles")


if __name__ == "__main__":
    main()
