"""Checks that a row alone cannot answer: uniqueness, z-scores, and gates over all values of a column."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, REFUSED, ROWS, SUITE, SmallProject, expectation, orders_of

from pipelines.errors import RejectedError

pytestmark = pytest.mark.spark

KEY_IS_UNIQUE = expectation("compound_columns_to_be_unique", "key_is_unique", column_list=["day", "id"])
EMAIL_IS_UNIQUE = expectation("column_values_to_be_unique", "email_is_unique", column="email")


def reasons(small: SmallProject, run_id: str) -> dict[int, list[str]]:
    """The rules that refused rows break, by id; a key that stands twice gathers those of its copies."""
    found: dict[int, list[str]] = {}
    for row in small.quarantine(run_id=run_id):
        found.setdefault(row["id"], []).extend(reason["rule"] for reason in row["reasons"])
    return found


def land_copies(small: SmallProject) -> None:
    """Orders 1 and 2 once more, and order 3 (which breaks a rule) too."""
    small.land(order for order in orders_of(DAY) if order["id"] in (1, 2, 3))


def test_a_uniqueness_expectation_refuses_all_copies(spark: SparkSession, small: SmallProject) -> None:
    land_copies(small)
    small.suite(*SUITE, KEY_IS_UNIQUE)
    small.configure(limits={"quarantined_share": 0.5})
    result = small.score(spark)
    observed = reasons(small, result.run_id)
    assert {number for number, rules in observed.items() if "key_is_unique" in rules} == {1, 2, 3}
    assert observed[3] == ["amount_is_plausible", "key_is_unique"] * 2
    assert result.counts.input == ROWS + 3
    assert result.counts.quarantined == len(REFUSED) - 1 + 6
    assert {row["id"] for row in small.predictions()} == set(range(ROWS)) - set(REFUSED) - {1, 2}
    (check,) = [check for check in result.verdict.results if check.check_id == "key_is_unique"]
    assert (check.unexpected_count, check.element_count, check.missing_count) == (6, ROWS + 3, 0)


def test_without_it_a_key_that_stands_twice_rejects_the_slice(spark: SparkSession, small: SmallProject) -> None:
    land_copies(small)
    with pytest.raises(RejectedError, match="audit:keys_unique"):
        small.score(spark)


def test_a_uniqueness_expectation_on_another_column_leaves_the_key_to_the_audit(
    spark: SparkSession, small: SmallProject
) -> None:
    small.land({**order, "email": "other"} for order in orders_of(DAY) if order["id"] == 1)
    small.suite(*SUITE, EMAIL_IS_UNIQUE)
    with pytest.raises(RejectedError, match="audit:keys_unique"):
        small.score(spark)


def test_personal_values_are_compared_and_not_told(spark: SparkSession, small: SmallProject) -> None:
    small.land({**order, "id": 100 + order["id"]} for order in orders_of(DAY) if order["id"] in (1, 2))
    small.suite(*SUITE, EMAIL_IS_UNIQUE)
    small.configure(limits={"quarantined_share": 0.5})
    result = small.score(spark)
    rows = small.quarantine(run_id=result.run_id)
    assert {row["id"] for row in rows} == set(REFUSED) | {1, 2, 101, 102}
    messages = [reason["message"] for row in rows for reason in row["reasons"] if reason["rule"] == "email_is_unique"]
    assert messages == ["email is ***; expected no other row with the same"] * 4
    assert not any("person1@" in row["row"] for row in rows)


def test_a_warning_on_uniqueness_only_counts(spark: SparkSession, small: SmallProject) -> None:
    small.suite(*SUITE, expectation("column_values_to_be_unique", "once", "warning", column="customer"))
    result = small.score(spark)
    (check,) = [check for check in result.verdict.results if check.check_id == "once"]
    assert (check.success, check.unexpected_count) == (False, ROWS)
    assert set(reasons(small, result.run_id)) == set(REFUSED)


def test_a_z_score_refuses_what_is_far_from_the_mean(spark: SparkSession, small: SmallProject) -> None:
    small.land({**order, "id": 500, "amount": 990.0} for order in orders_of(DAY) if order["id"] == 1)
    far = expectation(
        "column_value_z_scores_to_be_less_than", "not_far", column="amount", threshold=4, double_sided=True
    )
    small.suite(*SUITE, far)
    result = small.score(spark)
    (row,) = [row for row in small.quarantine(run_id=result.run_id) if row["id"] == 500]
    assert row["reasons"] == [{"rule": "not_far", "column": "amount", "message": "amount is 990.0; expected |z| < 4"}]


CHANNELS = ["web", "shop", "phone"]
GATES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        expectation("column_median_to_be_between", "median", column="quantity", min_value=2, max_value=3),
        {"column": "quantity", "min_value": 4},
    ),
    (
        expectation(
            "column_unique_value_count_to_be_between", "unique_count", column="customer", min_value=5, max_value=5
        ),
        {"column": "customer", "max_value": 4},
    ),
    (
        expectation("column_distinct_values_to_equal_set", "distinct_values", column="channel", value_set=CHANNELS),
        {"column": "channel", "value_set": ["web", "shop"]},
    ),
    (
        expectation("column_most_common_value_to_be_in_set", "most_common_value", column="note", value_set=["gift"]),
        {"column": "note", "value_set": [""]},
    ),
]


def test_gates_over_all_values_are_judged_on_the_stage(spark: SparkSession, small: SmallProject) -> None:
    small.suite(*SUITE, *[{**held, "kwargs": broken} for held, broken in GATES])
    with pytest.raises(RejectedError) as caught:
        small.score(spark)
    for held, _ in GATES:
        assert held["meta"]["check_id"] in str(caught.value)
    small.suite(*SUITE, *[held for held, _ in GATES])
    assert small.score(spark).outcome == "published"


def test_a_stage_of_a_killed_run_is_judged_the_same(spark: SparkSession, small: SmallProject) -> None:
    land_copies(small)
    small.suite(*SUITE, KEY_IS_UNIQUE)
    with pytest.raises(RejectedError, match="limit:quarantined_share"):
        small.score(spark)
    small.configure(limits={"quarantined_share": 0.5})
    result = small.score(spark)
    assert result.timings.keys() & {"read", "score"} == set()
    assert result.counts.input == result.counts.scored + result.counts.quarantined == ROWS + 3
