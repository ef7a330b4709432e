"""Spark's workers come from the daemon that has imported what scores; what they predict does not depend on it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from support.small_project import SmallProject

pytestmark = [pytest.mark.spark]


def test_a_worker_is_forked_with_what_scores_already_there(small: SmallProject, spark: SparkSession) -> None:
    small.score(spark)
    parents_command = F.udf(lambda _: Path(f"/proc/{os.getppid()}/cmdline").read_text().replace("\0", " "), "string")
    (row,) = spark.range(1).select(parents_command("id").alias("command")).collect()
    assert "-m pipelines.models.workers.daemon pyspark.worker" in row.command


def test_workers_are_told_their_imports_once_a_session(small: SmallProject, spark: SparkSession) -> None:
    small.score(spark)
    told = spark.sparkContext.environment["LAKESCORE_WORKER_IMPORTS"].split(",")
    assert "mlflow.pyfunc" in told
    small.use_counting_model()
    small.score(spark)
    assert spark.sparkContext.environment["LAKESCORE_WORKER_IMPORTS"].split(",") == told
