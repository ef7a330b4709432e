"""What a suite would do to past slices, told without scoring or writing anything."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, REFUSED, ROWS, SUITE, SmallProject, expectation, orders_of

from pipelines.errors import UsageError
from pipelines.quality.trials import DayTrial, validate_slices

pytestmark = pytest.mark.spark


def trials(spark: SparkSession, small: SmallProject, suite: Path | None = None) -> list[DayTrial]:
    return list(validate_slices(spark, small.project, "orders", DAYS[0], DAYS[-1], suite))


def suite_file(small: SmallProject, *expectations: dict[str, Any]) -> Path:
    file = small.root / "other.json"
    file.write_text(json.dumps({"name": "other", "expectations": list(expectations)}))
    return file


def test_a_trial_says_what_a_run_would_quarantine_and_writes_nothing(spark: SparkSession, small: SmallProject) -> None:
    before = small.versions()
    days = trials(spark, small)
    assert [(day.score_date, day.present.rows, day.present.refused) for day in days] == [
        (day, ROWS, len(REFUSED)) for day in DAYS
    ]
    assert [day.present.rejecting for day in days] == [[], [], []]
    assert (small.versions(), small.stages(), small.states()) == (before, [], [])
    scored = small.score(spark)
    told = {result.check_id: result.unexpected_count for result in days[0].present.verdict.results}
    observed = {result.check_id: result.unexpected_count for result in scored.verdict.results}
    assert {check_id: told[check_id] for check_id in told if check_id in observed} == {
        check_id: observed[check_id] for check_id in told if check_id in observed
    }
    assert set(REFUSED.values()) <= set(told)


def test_another_suite_is_held_against_the_present_one(spark: SparkSession, small: SmallProject) -> None:
    given = expectation("column_values_to_not_be_null", "amount_is_given", column="amount")
    (first, *_) = trials(spark, small, suite_file(small, *SUITE[1:], given))
    assert first.other is not None
    assert (first.present.refused, first.other.refused) == (len(REFUSED), len(REFUSED) - 1 + 4)
    assert (first.released, first.newly_refused) == (1, 4)


def test_the_days_that_would_be_rejected_are_told_with_the_checks(spark: SparkSession, small: SmallProject) -> None:
    small.land(orders_of(DAYS[1], rows=60, first=100))
    enough = expectation("table_row_count_to_be_between", "enough", min_value=50)
    none_negative = expectation("column_values_to_be_between", "tiny", column="amount", max_value=20)
    days = trials(spark, small, suite_file(small, enough, none_negative))
    rejecting = [[result.check_id for result in day.other.rejecting] for day in days if day.other is not None]
    assert rejecting == [
        ["enough", "limit:quarantined_share"],
        ["limit:quarantined_share"],
        ["enough", "limit:quarantined_share"],
    ]


def test_keys_that_stand_twice_and_rules_that_refuse_their_copies_are_seen(
    spark: SparkSession, small: SmallProject
) -> None:
    small.land(order for order in orders_of(DAY) if order["id"] == 1)
    unique = expectation("compound_columns_to_be_unique", "key_is_unique", column_list=["day", "id"])
    (first, *_) = trials(spark, small, suite_file(small, *SUITE, unique))
    assert first.other is not None
    assert [result.check_id for result in first.present.rejecting] == ["audit:keys_unique"]
    assert (first.other.rejecting, first.newly_refused) == ([], 2)


def test_all_days_by_one_scan_are_judged_as_each_by_itself(
    spark: SparkSession, small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.land(orders_of(DAYS[1], rows=20, first=100))
    small.land(order for order in orders_of(DAYS[2]) if order["id"] == 1)
    gates = {
        "rows": {"of": "rows", "slices": 3, "at_least": 1, "within": 0.1},
        "nulls": {"of": "null_share", "column": "amount", "slices": 3, "at_least": 1, "within": 0.2},
    }
    small.configure(history=gates, limits={"quarantined_share": 0.11, "rules": {"amount_is_plausible": {"rows": 1}}})
    small.score(spark)
    other = suite_file(
        small,
        *SUITE[1:],
        expectation("column_mean_to_be_between", "mean", column="amount", min_value=1, max_value=190),
        expectation("column_values_to_be_in_set", "by_web", column="channel", value_set=["web"], mostly=0.3),
    )
    at_once = trials(spark, small, other)
    monkeypatch.setattr("pipelines.quality.trials.read_period", lambda *_: None)
    assert trials(spark, small, other) == at_once
    assert len({str(day.present.verdict) for day in at_once}) == len(DAYS)
    assert all(day.released and day.newly_refused for day in at_once)


def test_a_day_without_rows_is_judged_too(spark: SparkSession, small: SmallProject) -> None:
    days = list(validate_slices(spark, small.project, "orders", DAYS[-1], DAYS[-1] + dt.timedelta(days=1)))
    assert [(day.present.rows, day.present.refused) for day in days] == [(ROWS, len(REFUSED)), (0, 0)]
    assert "audit:some_rows_scored" in [result.check_id for result in days[1].present.rejecting]


def test_a_period_must_end_after_it_begins(spark: SparkSession, small: SmallProject) -> None:
    with pytest.raises(UsageError, match="ends before it begins"):
        list(validate_slices(spark, small.project, "orders", DAYS[1], DAYS[0]))
