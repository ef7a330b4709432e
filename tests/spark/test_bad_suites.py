"""Suites that cannot be judged: each told at check, before a row is read."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.small_project import SmallProject, expectation

from pipelines.diagnostics.checking import check_pipeline
from pipelines.errors import PipelineError

pytestmark = [
    pytest.mark.spark,
    # Great Expectations' own word on conditions that are texts.
    pytest.mark.filterwarnings("ignore:.*deprecated as of GX Core 1.9.0:DeprecationWarning"),
]

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "no regular expression": (
        expectation("column_values_to_match_regex", "pattern", column="channel", regex="we(b"),
        "check 'pattern': no regular expression",
    ),
    "unknown type": ({"type": "expect_column_values_to_be_nul", "kwargs": {"column": "id"}}, "did you mean"),
    "wrong argument": (
        {"type": "expect_column_values_to_be_null", "kwargs": {"column": 7}},
        "expect_column_values_to_be_null: wrong arguments",
    ),
    "mostly out of range": (
        expectation("column_values_to_be_null", "many", column="note", mostly=1.5),
        "less than or equal to 1",
    ),
    "missing column": (
        expectation("column_values_to_be_null", "gone", column="chanel"),
        "chanel: did you mean 'channel'?",
    ),
    "numbers against text": (
        expectation("column_values_to_be_between", "range", column="channel", min_value=1),
        "check 'range' needs numbers in channel",
    ),
    "time format of a date": (
        expectation("column_values_to_match_strftime_format", "format", column="day", strftime_format="%Y"),
        "check 'format' needs texts in day",
    ),
    "mean of text": (
        expectation("column_mean_to_be_between", "mean", column="channel", min_value=1),
        "check 'mean' needs numbers in channel",
    ),
    "condition that is no SQL": (
        expectation(
            "column_values_to_be_null",
            "condition",
            column="note",
            row_condition="channle = 1",
            condition_parser="spark",
        ),
        "a row_condition of the suite is no SQL over the source",
    ),
    "pandas condition": (
        expectation(
            "column_values_to_be_null", "condition", column="note", row_condition="id > 1", condition_parser="pandas"
        ),
        "cannot be run on Spark",
    ),
    "no type of Spark's": (
        expectation("column_values_to_be_of_type", "type", column="id", type_="BIGINT"),
        "'BIGINT' is no Spark type",
    ),
    "dates against whole numbers": (
        expectation("column_values_to_be_in_set", "days", column="day", value_set=[1, 2]),
        "cannot be computed of the columns: days",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_suite_that_cannot_be_judged_is_told_by_check_and_by_score(
    spark: SparkSession, small: SmallProject, case: str
) -> None:
    item, told = CASES[case]
    small.suite(item)
    with pytest.raises(PipelineError) as caught:
        check_pipeline(small.project, "orders", lambda: spark)
    assert told in str(caught.value)
    with pytest.raises(PipelineError) as again:
        small.score(spark)
    assert str(again.value) == str(caught.value)
    assert (small.predictions(), small.stages()) == ([], [])


def test_two_checks_of_one_id_are_told(spark: SparkSession, small: SmallProject) -> None:
    item = expectation("column_values_to_be_null", "same", column="note")
    small.suite(item, item)
    with pytest.raises(PipelineError, match="two expectations have one id: same"):
        check_pipeline(small.project, "orders")
