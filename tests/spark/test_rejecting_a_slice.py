"""Gates: what they stop, what stays, and what a person may waive."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, REFUSED, ROWS, SUITE, SmallProject, expectation, orders_of

from pipelines.errors import RejectedError, UsageError
from pipelines.validation.verdict import Acceptance

pytestmark = pytest.mark.spark

EMPTY_DAY = dt.date(2030, 1, 1)
TOO_FEW = expectation("table_row_count_to_be_between", "enough_orders", min_value=100)


def rejected(spark: SparkSession, small: SmallProject, day: dt.date = DAY, **options: Any) -> RejectedError:
    """The error of a run that is rejected, once it is sure that nothing that was published changed."""
    before = (small.versions()["warehouse/orders/predictions"], small.quarantine_current(day))
    with pytest.raises(RejectedError) as caught:
        small.score(spark, day, **options)
    assert (small.versions()["warehouse/orders/predictions"], small.quarantine_current(day)) == before
    assert caught.value.exit_code == 3
    return caught.value


def test_a_failed_gate_leaves_stage_and_ledger_and_publishes_nothing(spark: SparkSession, small: SmallProject) -> None:
    small.suite(*SUITE, TOO_FEW)
    error = rejected(spark, small)
    (entry,) = small.ledger.latest()
    (failed,) = [check for check in entry.value("verdict") if not check["success"] and check["kind"] == "gate"]
    assert small.predictions() == []
    assert entry.state == "rejected"
    assert (failed["check_id"], failed["observed"]) == ("enough_orders", ROWS)
    assert (entry.rows_input, entry.rows_scored) == (ROWS, ROWS - len(REFUSED))
    assert [stage.name for stage in small.stages()] == [entry.run_id]
    assert "enough_orders" in str(error)
    assert entry.run_id in str(error)
    assert "--accept enough_orders" in str(error)


def test_a_rejected_run_leaves_the_slice_that_is_published(spark: SparkSession, small: SmallProject) -> None:
    first = small.score(spark)
    rows = small.predictions()
    small.suite(*SUITE, TOO_FEW)
    rejected(spark, small)
    assert small.predictions() == rows
    assert {row["run_id"] for row in rows} == {first.run_id}


def test_an_accepted_check_publishes_from_the_stage_and_on_the_record(spark: SparkSession, small: SmallProject) -> None:
    small.use_counting_model()
    small.suite(*SUITE, TOO_FEW)
    rejected(spark, small)
    evaluated = len(small.evaluated())
    result = small.score(spark, accepted=Acceptance(("enough_orders",), "a holiday"))
    entry = small.entry(result.run_id)
    assert result.outcome == "published"
    assert len(small.evaluated()) == evaluated
    assert entry.state == "published"
    assert entry.value("accepted") == {"checks": ["enough_orders"], "reason": "a holiday"}
    assert {row["run_id"] for row in small.predictions()} == {result.run_id}
    assert {row["run_id"] for row in small.quarantine_current()} == {result.run_id}
    assert small.stages() == []


def test_a_gate_that_is_no_longer_asked_for_lets_the_stage_be_used(spark: SparkSession, small: SmallProject) -> None:
    small.use_counting_model()
    small.configure(limits={"quarantined_share": 0.01})
    rejected(spark, small)
    evaluated = len(small.evaluated())
    small.configure(limits={"quarantined_share": 0.5})
    assert small.score(spark).outcome == "published"
    assert len(small.evaluated()) == evaluated


def test_accepting_one_check_waives_no_other(spark: SparkSession, small: SmallProject) -> None:
    small.suite(*SUITE, TOO_FEW)
    small.configure(limits={"quarantined_share": 0.01})
    error = rejected(spark, small, accepted=Acceptance(("enough_orders",), "a holiday"))
    assert "limit:quarantined_share" in str(error)


@pytest.mark.parametrize(
    ("check", "told"),
    [("enough_order", "did you mean 'enough_orders'?"), ("audit:rows_reconciled", "cannot be waived")],
)
def test_only_a_known_check_that_may_be_waived_is_accepted(
    spark: SparkSession, small: SmallProject, check: str, told: str
) -> None:
    small.suite(*SUITE, TOO_FEW)
    with pytest.raises(UsageError, match="accept") as caught:
        small.score(spark, accepted=Acceptance((check,), "why not"))
    assert caught.value.exit_code == 2
    assert told in str(caught.value)
    assert small.predictions() == []


@pytest.mark.parametrize("limits", [{"quarantined_share": 0.05}, {"quarantined_share": 1, "quarantined_rows": 3}])
def test_too_many_refused_rows_reject_the_slice(
    spark: SparkSession, small: SmallProject, limits: dict[str, Any]
) -> None:
    small.configure(limits=limits)
    assert f"limit:{list(limits)[-1]}" in str(rejected(spark, small))


def test_as_many_refused_rows_as_the_limit_allows_are_published(spark: SparkSession, small: SmallProject) -> None:
    small.configure(limits={"quarantined_share": len(REFUSED) / ROWS, "quarantined_rows": len(REFUSED)})
    assert small.score(spark).outcome == "published"


def test_an_empty_day_is_rejected(spark: SparkSession, small: SmallProject) -> None:
    error = rejected(spark, small, EMPTY_DAY)
    assert "audit:some_rows_scored" in str(error)
    assert "--accept" not in str(error)


def test_a_slice_that_was_emptied_at_its_source_stays_published(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    rows = small.predictions(DAY)
    spark.sql(f"DELETE FROM delta.`{small.orders}` WHERE day = DATE'{DAY}'")
    rejected(spark, small)
    assert small.predictions(DAY) == rows != []


def test_a_key_that_stands_twice_is_rejected(spark: SparkSession, small: SmallProject) -> None:
    small.land(orders_of(DAY, 1))
    error = rejected(spark, small)
    assert "audit:keys_unique: 1" in str(error)


@pytest.mark.parametrize(("join", "rows"), [("LEFT JOIN", ROWS + 8), ("JOIN", ROWS - 8)])
def test_a_join_that_multiplies_or_loses_rows_is_rejected(
    spark: SparkSession, small: SmallProject, join: str, rows: int
) -> None:
    customers = "customers" if join == "LEFT JOIN" else "(SELECT * FROM customers WHERE customer > 0)"
    twice = f"(SELECT * FROM {customers} UNION ALL SELECT * FROM customers WHERE customer = 0)"
    joined = twice if join == "LEFT JOIN" else customers
    query = f"SELECT o.*, c.age FROM orders AS o {join} {joined} AS c ON o.customer = c.customer"
    (small.root / "conf/pipelines/orders.sql").write_text(query)
    tables = {"orders": {"path": "orders", "slice": {"column": "day"}}, "customers": {"path": "customers"}}
    small.configure(source={"tables": tables, "query": "orders.sql"})
    error = rejected(spark, small)
    (entry,) = small.ledger.latest()
    assert "audit:rows_reconciled" in str(error)
    assert f"audit:rows_reconciled: {rows}" in str(error)
    assert entry.rows_input == ROWS


def test_a_null_prediction_is_rejected(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("sometimes_null")
    assert "audit:probability:not_null: 1" in str(rejected(spark, small))


def test_a_null_prediction_may_be_allowed(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("sometimes_null")
    small.configure(outputs={"probability": {"type": "double", "nullable": True}})
    small.score(spark)
    published = {row["id"]: row["probability"] for row in small.predictions()}
    assert [number for number, value in published.items() if value is None or math.isnan(value)] == [38]


def test_a_prediction_out_of_its_range_is_rejected(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("out_of_range")
    assert "audit:probability:in_range" in str(rejected(spark, small))


def test_mostly_rejects_a_slice_where_too_few_rows_hold(spark: SparkSession, small: SmallProject) -> None:
    gift = expectation(
        "column_values_to_be_in_set", "mostly_gifts", "warning", column="note", value_set=["gift"], mostly=0.9
    )
    small.suite(*SUITE, gift)
    result = small.score(spark)
    (gate,) = [check for check in result.verdict.results if check.check_id == "mostly_gifts:mostly"]
    assert not gate.success
    small.suite(*SUITE, {**gift, "severity": "critical"})
    small.configure(limits={"quarantined_share": 1})
    assert "mostly_gifts:mostly" in str(rejected(spark, small))


MEDIAN = expectation("column_median_to_be_between", "median_amount", column="amount", min_value=100, max_value=300)
GROWING = expectation("column_values_to_be_increasing", "days_grow", column="day")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:great_expectations")
def test_gates_over_all_values_and_of_the_engine_pass_where_they_hold(spark: SparkSession, small: SmallProject) -> None:
    small.suite(*SUITE, MEDIAN, GROWING)
    result = small.score(spark)
    found = {check.check_id: check for check in result.verdict.results}
    assert result.outcome == "published"
    assert found["median_amount"].success
    assert found["days_grow"].success
    assert found["median_amount"].observed == pytest.approx(181.0, abs=10)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:great_expectations")
@pytest.mark.parametrize(
    "broken",
    [
        {**MEDIAN, "kwargs": {"column": "amount", "min_value": 300, "max_value": 400}},
        {**GROWING, "kwargs": {"column": "quantity"}},
    ],
    ids=["on the stage", "by the engine"],
)
def test_gates_over_all_values_and_of_the_engine_reject_where_they_do_not(
    spark: SparkSession, small: SmallProject, broken: dict[str, Any]
) -> None:
    small.suite(*SUITE, broken)
    assert broken["meta"]["check_id"] in str(rejected(spark, small))
