"""The views for whoever asks in SQL."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from small_project import DAY, DAYS, REFUSED, SUITE, SmallProject, copy_of, expectation

from pipelines.errors import RejectedError
from pipelines.runs.views import create_views

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def looked_at(spark: SparkSession, base: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The views over two slices, of which one was forced, and a rejected attempt; run ids by what they are."""
    small = copy_of(base, tmp_path_factory.mktemp("p"))
    runs = {
        "replaced": small.score(spark).run_id,
        "published": small.score(spark, force=True).run_id,
        "other day": small.score(spark, DAYS[1]).run_id,
    }
    small.suite(*SUITE, expectation("table_row_count_to_be_between", "enough_orders", min_value=100))
    with pytest.raises(RejectedError):
        small.score(spark)
    runs["rejected"] = small.ledger.latest()[-1].run_id
    create_views(spark, small.project, "orders")
    return runs


def test_runs_latest_has_one_row_a_run_with_its_last_state_and_manifest(
    spark: SparkSession, looked_at: dict[str, str]
) -> None:
    rows = {row.run_id: row for row in spark.table("runs_latest").collect()}
    assert set(rows) == set(looked_at.values())
    assert spark.table("runs_latest").count() == 4
    assert spark.table("runs").count() == 8
    assert {name: rows[run].state for name, run in looked_at.items()} == {
        "replaced": "published", "published": "published", "other day": "published", "rejected": "rejected",
    }  # fmt: skip
    assert all(row.manifest is not None and row.verdict is not None for row in rows.values())


def test_quarantine_current_holds_the_rows_of_published_runs_only(
    spark: SparkSession, looked_at: dict[str, str]
) -> None:
    rows = spark.table("quarantine_current").where(f"score_date = DATE'{DAY}'").collect()
    assert {row.run_id for row in rows} == {looked_at["published"]}
    assert sorted(row.id for row in rows) == sorted(REFUSED)


def test_validation_results_has_a_row_for_each_check_of_each_judged_run(
    spark: SparkSession, looked_at: dict[str, str]
) -> None:
    rows = spark.table("validation_results").where(f"run_id = '{looked_at['rejected']}'").collect()
    checks = {row.check_id: row for row in rows}
    assert len(checks) == len(rows)
    assert checks["enough_orders"].success is False
    assert (checks["enough_orders"].kind, checks["enough_orders"].observed) == ("gate", 40.0)
    assert (checks["amount_is_plausible"].kind, checks["amount_is_plausible"].unexpected_count) == ("rule", 1)
    assert "expect_column_values_to_be_between" in checks["amount_is_plausible"].expectation
    assert {"audit:rows_reconciled", "audit:keys_unique", "limit:quarantined_share"} <= set(checks)
    assert {row.run_id for row in spark.table("validation_results").collect()} == set(looked_at.values())


def test_current_results_are_those_of_published_runs_only(spark: SparkSession, looked_at: dict[str, str]) -> None:
    rows = spark.table("validation_results_current").collect()
    assert {row.run_id for row in rows} == {looked_at["published"], looked_at["other day"]}
    (check,) = [row for row in rows if (row.run_id, row.check_id) == (looked_at["published"], "amount_is_plausible")]
    assert (check.action, check.element_count, check.missing_count) == ("quarantine", 40, 4)


def test_predictions_are_there_under_their_name(spark: SparkSession, looked_at: dict[str, str]) -> None:
    runs = {row.run_id for row in spark.table("predictions").select("run_id").collect()}
    assert runs == {looked_at["published"], looked_at["other day"]}
