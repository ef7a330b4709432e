"""The small project of the Spark tests: made once, copied for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from support.small_project import SmallProject, copy_of, shared_project

from pipelines.runs.tables import create_tables

UNCLOSED = (
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:Exception ignored in.*<socket:pytest.PytestUnraisableExceptionWarning",
)
"""Py4J's client and Spark's accumulator server leave their sockets to the garbage collector, which tells of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            for told in UNCLOSED:
                item.add_marker(pytest.mark.filterwarnings(told))


@pytest.fixture(scope="session")
def base(spark: SparkSession, of_all: Path) -> SmallProject:
    """The project with its output tables, empty; never changed by a test."""
    return shared_project(of_all / "small", lambda small: create_tables(spark, small.project, "orders"))


@pytest.fixture
def compiled(spark: SparkSession) -> Iterator[None]:
    """Spark compiles its plans, as it does in jobs: for tests that hold numbers against those of others."""
    as_in_jobs = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
    before = {name: spark.conf.get(name) for name in as_in_jobs}
    for name, value in as_in_jobs.items():
        spark.conf.set(name, value)
    yield
    for name, known in before.items():
        spark.conf.set(name, str(known))


@pytest.fixture
def new_project(base: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], SmallProject]:
    """Makes one copy more of the project."""
    return lambda: copy_of(base, tmp_path_factory.mktemp("p"))


@pytest.fixture
def small(new_project: Callable[[], SmallProject]) -> SmallProject:
    """A copy of the project, for one test."""
    return new_project()


@pytest.fixture(scope="module")
def scored(base: SmallProject, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A copy with its first slice published; for tests that only look."""
    small = copy_of(base, tmp_path_factory.mktemp("p"))
    small.score(spark)
    return small
