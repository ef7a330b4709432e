"""Suites suggested from a reference period."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAYS, ROWS, SmallProject, orders_of

from pipelines.errors import SourceError
from pipelines.quality.suggesting import suggest
from pipelines.quality.trials import validate_slices

pytestmark = pytest.mark.spark


def suggested(spark: SparkSession, small: SmallProject) -> dict[str, dict[str, Any]]:
    suite = suggest(spark, small.project, "orders", DAYS[0], DAYS[-1])
    return {item["meta"]["check_id"]: item for item in suite["expectations"]}


@pytest.fixture(scope="module")
def found(base: SmallProject, spark: SparkSession) -> dict[str, dict[str, Any]]:
    return suggested(spark, base)


def test_key_rows_types_and_nulls_are_held(found: dict[str, dict[str, Any]]) -> None:
    assert found["key_is_unique"]["kwargs"] == {"column_list": ["day", "id"]}
    assert found["rows_as_usual"]["kwargs"] == {"min_value": ROWS // 2, "max_value": ROWS * 3 // 2}
    assert found["amount_type"]["kwargs"]["type_"] == "DoubleType"
    assert found["id_is_given"]["severity"] == "critical"
    assert "mostly" not in found["id_is_given"]["kwargs"]
    amount = found["amount_is_given"]
    assert (amount["severity"], amount["kwargs"]["mostly"]) == ("warning", 0.8)
    assert amount["meta"]["evidence"]["nulls"] == 12


def test_few_values_become_a_set_and_numbers_a_range_with_their_evidence(found: dict[str, dict[str, Any]]) -> None:
    channel = found["channel_is_known"]
    assert channel["kwargs"]["value_set"] == ["phone", "shop", "web"]
    assert sum(channel["meta"]["evidence"]["counts"].values()) == 3 * ROWS - 3
    assert found["quantity_is_known"]["severity"] == "warning"
    amount = found["amount_in_range"]
    assert amount["kwargs"]["min_value"] < -5
    assert amount["kwargs"]["max_value"] > 383
    assert amount["meta"]["evidence"]["greatest"] == 383.0


def test_nothing_of_a_personal_value_stands_in_a_suite(found: dict[str, dict[str, Any]]) -> None:
    assert "mail.test" not in json.dumps(found, default=str)
    assert {check_id for check_id in found if check_id.startswith("email")} == {"email_type", "email_is_given"}


def test_the_period_itself_passes_what_it_suggests(spark: SparkSession, small: SmallProject) -> None:
    suite = suggest(spark, small.project, "orders", DAYS[0], DAYS[-1])
    file = small.root / "suggested.json"
    file.write_text(json.dumps(suite, default=str))
    days = list(validate_slices(spark, small.project, "orders", DAYS[0], DAYS[-1], file))
    assert all(day.other is not None and not day.other.rejecting for day in days)
    assert [day.other.refused for day in days if day.other is not None] == [2, 2, 2]  # nulls that the model cannot take


@pytest.mark.parametrize("condition", ["date_add(day, 0) = :score_date", "day = :score_date AND id IS NOT NULL"])
def test_slices_by_a_condition_are_profiled_as_those_by_a_column(
    spark: SparkSession, small: SmallProject, condition: str
) -> None:
    small.configure(source={"tables": {"orders": {"path": "orders", "slice": {"where": condition}}}})
    observed = suggested(spark, small)
    assert observed["rows_as_usual"]["meta"]["evidence"]["rows_a_day"] == {
        "days": 3,
        "least": ROWS,
        "median": ROWS,
        "most": ROWS,
    }
    assert observed["key_is_unique"]["meta"]["evidence"]["keys"] == 3 * ROWS


def test_a_key_that_stands_twice_is_not_suggested_as_unique(spark: SparkSession, small: SmallProject) -> None:
    small.land(orders_of(DAYS[0], rows=1))
    assert "key_is_unique" not in suggested(spark, small)


def test_a_period_without_rows_is_told(spark: SparkSession, small: SmallProject) -> None:
    day = dt.date(2031, 1, 1)
    with pytest.raises(SourceError, match="no rows from 2031-01-01"):
        suggest(spark, small.project, "orders", day, day)
