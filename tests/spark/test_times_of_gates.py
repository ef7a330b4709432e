"""Times are judged in the session's zone, whatever the machine's is."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession
from support.two_engines import suite_of

from pipelines.validation.binding import bound
from pipelines.validation.compiling import compile_suite
from pipelines.validation.validating import validate

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on the other side of the date line."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_the_latest_time_is_told_and_judged_in_utc(spark: SparkSession) -> None:
    frame = spark.sql("SELECT TIMESTAMP'2024-03-01 10:00:00+00:00' AS at")
    bounds = {"column": "at", "min_value": "2024-03-01 09:59:59", "max_value": "2024-03-01 10:00:01"}
    checks = bound(compile_suite(suite_of([("column_max_to_be_between", bounds)])), frame)
    (result,) = validate(frame, checks).results
    assert (result.success, result.found) == (True, "2024-03-01 10:00:00")
