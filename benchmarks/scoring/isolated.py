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
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from benchmarks.scoring.models import save
from benchmarks.scoring.peers import BATCH, SPARK, Case, scored_by_a_run
from benchmarks.scoring.shapes import SHAPES
from pipelines.models.isolation.environment import environment_python
from pipelines.models.predictors.isolated import Isolation
from pipelines.spark import start

SHAPE = "28 doubles"
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
        made = [F.rand(number).alias(name) for number, name in enumerate(SHAPES[SHAPE].types)]
        return spark.range(0, count * BATCH, 1, 1).select("id", *made)

    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder, "model")
        save("linear", SHAPES[SHAPE], saved)
        case = Case(SHAPE, "", str(saved))
        made_with = case.scoring.model.artifact
        environment_python(made_with.requirements, made_with.python_version, Path(folder, "cache"))
        isolation = Isolation(str(Path(folder, "cache")), TIMEOUT)

        def ours(frame: DataFrame) -> DataFrame:
            return scored_by_a_run(frame, case, isolation=isolation)

        apart = mlflow.pyfunc.spark_udf(spark, str(saved), env_manager="uv", result_type="double")

        def theirs(frame: DataFrame) -> DataFrame:
            return frame.select("id", apart(F.struct(*SHAPES[SHAPE].types)).alias("p"))

        own = seconds_a_batch(ours, rows, batches)
        print(f"ours, isolated: {own * 1000:.1f} ms a batch of {BATCH:,} rows", flush=True)
        other = seconds_a_batch(theirs, rows, min(batches, 5))
        print(f"mlflow.pyfunc.spark_udf(env_manager='uv'): {other * 1000:.1f} ms a batch; {other / own:.0f} times ours")


if __name__ == "__main__":
    main()
