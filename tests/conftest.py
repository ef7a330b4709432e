"""What all tests share: a project of their own in a temporary folder, and one Spark session for those that need one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[1]
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
SPARK = {
    "spark.master": "local[2]",
    "spark.driver.memory": "2g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Many small plans: they end before Java's best code for them is made, or a caller's line is worth its time.
    # Without the best code, Java keeps 48 MiB for code only, and sweeps all the time once that is full.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m",
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session of all Spark tests, with a catalog of its own."""
    from pipelines.spark import start

    catalog = tmp_path_factory.mktemp("catalog")
    session = start({**SPARK, "spark.sql.warehouse.dir": str(catalog)}, "tests")
    yield session
    session.stop()


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A copy of the project's configuration, for a test to change; its roots lie in the test's folder."""
    folder = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", folder)
    return folder
