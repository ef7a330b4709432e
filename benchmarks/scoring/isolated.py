"""What a batch costs in an environment of the model's own: ours over pipes, and MLflow's with its model server.

    python -m benchmarks.scoring.isolated [BATCHES]

Both score batches of 10,000 rows of 28 doubles in one task; what so many batches more take than one is divided by their
number, so that starting Spark, building environments and starting servers do not count.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import mlflow
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from benchmarks.scoring.models import save
from benchmarks.scoring.peers import BATCH, SPARK
from benchmarks.scoring.shapes import SHAPES
from pipelines.expressions.rules import FEATURES
from pipelines.models.artifact import read_artifact
from pipelines.models.building import environment_python
from pipelines.models.isolated import Isolation
from pipelines.models.outputs import WantedOutput
from pipelines.models.registry import RegisteredModel, digest_of
from pipelines.models.scoring import with_outputs
from pipelines.models.worker import Scoring
from pipelines.spark import start
from pipelines.transforms.staging import OUTPUTS, REFUSED

SHAPE = SHAPES["28 doubles"]
TIMEOUT = 120.0
"""Seconds for a batch."""


def seconds_a_batch(scored: Callable[[DataFrame], DataFrame], rows: Callable[[int], DataFrame], batches: int) -> float:
    """What one batch more takes."""

    def least(count: int) -> float:
        taken = []
        for _ in range(3):
            begin = time.perf_counter()
            scored(rows(count)).write.format("noop").mode("overwrite").save()
            taken.append(time.perf_counter() - begin)
        return min(taken)

    one = least(1)
    return (least(batches + 1) - one) / batches


def main() -> None:
    """Measure both, and print the ratio."""
    batches = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    warnings.simplefilter("ignore")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # MLflow looks for uv
    spark = start(SPARK)

    def rows(count: int) -> DataFrame:
        made = [F.rand(number).alias(name) for number, name in enumerate(SHAPE.types)]
        return spark.range(0, count * BATCH, 1, 1).select("id", *made)

    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder, "model")
        save("linear", SHAPE, saved)
        model = RegisteredModel("m", 1, None, digest_of(saved), read_artifact(saved, "the model"))
        environment_python(model.artifact.requirements, model.artifact.python_version, Path(folder, "cache"))
        isolation = Isolation(str(Path(folder, "cache")), TIMEOUT)
        scoring = Scoring(model, (WantedOutput("p", "predict", pa.float64()),), isolation=isolation)
        outputs = T.StructType([T.StructField("p", T.DoubleType())])

        def ours(frame: DataFrame) -> DataFrame:
            tagged = frame.select("id", F.struct(*SHAPE.types).alias(FEATURES), F.lit(False).alias(REFUSED))
            scored, _ = with_outputs(tagged, scoring, dict.fromkeys(SHAPE.types, T.DoubleType()), outputs)
            return scored.select("id", F.col(OUTPUTS)["p"].alias("p"))

        apart = mlflow.pyfunc.spark_udf(spark, str(saved), env_manager="uv", result_type="double")

        def theirs(frame: DataFrame) -> DataFrame:
            return frame.select("id", apart(F.struct(*SHAPE.types)).alias("p"))

        own = seconds_a_batch(ours, rows, batches)
        print(f"ours, isolated: {own * 1000:.1f} ms a batch of {BATCH:,} rows", flush=True)
        other = seconds_a_batch(theirs, rows, min(batches, 5))
        print(f"mlflow.pyfunc.spark_udf(env_manager='uv'): {other * 1000:.1f} ms a batch; {other / own:.0f} times ours")


if __name__ == "__main__":
    main()
