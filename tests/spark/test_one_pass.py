"""A suite costs one pass, however many expectations it has."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from support.two_engines import Item, suite_of

from pipelines.validation.binding import bound
from pipelines.validation.compiling import compile_suite
from pipelines.validation.validating import validate

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

ROW_LEVEL: list[Item] = [
    ("column_values_to_be_between", {"column": "id", "min_value": number, "max_value": 900}) for number in range(20)
]
BATCH_LEVEL: list[Item] = [
    ("table_row_count_to_be_between", {"min_value": 1}),
    ("column_mean_to_be_between", {"column": "id", "min_value": 1}),
    ("column_max_to_be_between", {"column": "id", "max_value": 5000}),
    ("column_to_exist", {"column": "id"}),
]
WHOLE_SLICE: list[Item] = [
    ("column_values_to_be_unique", {"column": "id"}),
    ("column_median_to_be_between", {"column": "id", "min_value": 1}),
    ("column_unique_value_count_to_be_between", {"column": "id", "min_value": 1}),
]


def jobs_of(spark: SparkSession, items: list[Item], name: str) -> int:
    """The jobs that judging takes; adaptive execution makes two of an aggregation: before and after its shuffle."""
    frame = spark.range(1000).toDF("id")
    checks = bound(compile_suite(suite_of(items)), frame)
    assert not checks.foreign
    spark.sparkContext.setJobGroup(name, name)
    try:
        validate(frame, checks)
    finally:
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]  # None unsets it
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    return len(spark.sparkContext.statusTracker().getJobIdsForGroup(name))


def test_one_rule_and_twenty_take_the_same_jobs(spark: SparkSession) -> None:
    assert jobs_of(spark, ROW_LEVEL[:1], "one rule") == jobs_of(spark, ROW_LEVEL, "twenty rules") <= 2


def test_gates_of_the_pass_add_none(spark: SparkSession) -> None:
    assert jobs_of(spark, ROW_LEVEL + BATCH_LEVEL, "rules and gates") <= 2


def test_checks_of_the_whole_slice_add_one_look_however_many(spark: SparkSession) -> None:
    one = jobs_of(spark, ROW_LEVEL + WHOLE_SLICE[2:], "one of the whole slice")
    assert jobs_of(spark, ROW_LEVEL + WHOLE_SLICE[1:], "two of the whole slice") == one
