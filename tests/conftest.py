"""What all tests share: a project of their own in a temporary folder, and one Spark session for those that need one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[1]
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["LAKESCORE_TOLD"] = str(Path(tempfile.mkdtemp(prefix="lakescore-told-")) / "evaluated.txt")
SPARK = {
    "spark.master": "local[2]",
    "spark.driver.memory": "2g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # The session lives long: unlike for a job, Java's best code is worth making (tests take 0.7 of the time).
    "spark.driver.extraJavaOptions": "-XX:ReservedCodeCacheSize=256m",
    # Over a few rows a plan is sooner interpreted than compiled (tests take 0.75 of the time); the fixture `compiled`
    # compiles, as jobs do and with them all of tests/integration.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # A caller's line is not worth its time.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what each test took, where `make test` asks for it."""
    file = os.environ.get("LAKESCORE_TEST_TIMES")
    if file and "PYTEST_XDIST_WORKER" not in os.environ:
        with Path(file).open("a", encoding="utf-8") as times:
            times.write(f"{report.duration:8.1f}  {report.when:<8}  {report.nodeid}\n")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session of all Spark tests, with a catalog of its own."""
    from pipelines.spark import start

    catalog = tmp_path_factory.mktemp("catalog")
    session = start({**SPARK, "spark.sql.warehouse.dir": str(catalog)}, "tests")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def of_all(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of all processes that run tests side by side."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A copy of the project's configuration, for a test to change; its roots lie in the test's folder."""
    folder = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", folder)
    return folder
