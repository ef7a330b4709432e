"""The views for whoever asks in SQL."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, REFUSED, SUITE, SmallProject, copy_of, expectation
from support.views_in_duckdb import views_in_duckdb

from pipelines.errors import RejectedError
from pipelines.reports.view_queries import VIEWS
from pipelines.reports.views import create_catalog_views, create_views
from pipelines.runs.tables import create_tables, require_tables

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def small(base: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    return copy_of(base, tmp_path_factory.mktemp("p"))


@pytest.fixture(scope="module")
def looked_at(spark: SparkSession, small: SmallProject) -> dict[str, str]:
    """The views over two slices, of which one was forced, and a rejected attempt; run ids by what they are."""
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


@pytest.fixture(scope="module")
def duck(spark: SparkSession, small: SmallProject, looked_at: dict[str, str]) -> duckdb.DuckDBPyConnection:
    """The views for DuckDB, over the same tables."""
    return views_in_duckdb(small, require_tables(spark, small.project, small.pipeline))


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_says_the_same_in_duckdb_as_in_spark(
    spark: SparkSession, duck: duckdb.DuckDBPyConnection, view: str
) -> None:
    found = duck.sql(f"SELECT * FROM {view}").to_arrow_table()
    expected = spark.table(view)
    assert found.column_names == expected.columns
    assert found.num_rows > 0 or view == "empty_slices"  # of those: test_empty_slices.py
    in_spark = Counter(_comparable(row.asDict(recursive=True)) for row in expected.collect())
    assert Counter(_comparable(row) for row in found.to_pylist()) == in_spark


def _comparable(row: dict[str, Any]) -> str:
    """A row as text: times without the zone that one engine adds, JSON without its spaces, means to twelve digits."""
    return json.dumps({name: _plain(value) for name, value in row.items()}, sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    if hasattr(value, "tzinfo"):
        return str(value.replace(tzinfo=None))
    if isinstance(value, float):
        return f"{value:.12g}"
    if hasattr(value, "as_tuple"):
        return f"{float(value):.12g}"
    if isinstance(value, str) and value.startswith(("[", "{")):
        return json.loads(value)
    return value


def test_latest_predictions_has_each_thing_once_on_its_last_day(spark: SparkSession, looked_at: dict[str, str]) -> None:
    rows = spark.table("latest_predictions").collect()
    assert len(rows) == len({row.id for row in rows})
    assert {row.score_date for row in rows} == {DAYS[1]}


def test_daily_summary_and_reasons_add_up(spark: SparkSession, looked_at: dict[str, str]) -> None:
    days = {row.score_date: row for row in spark.table("daily_summary").collect()}
    assert set(days) == {DAY, DAYS[1]}
    assert days[DAY].rows_input == days[DAY].rows_scored + days[DAY].rows_quarantined == 40
    assert 0 <= days[DAY].least_probability <= days[DAY].mean_probability <= days[DAY].greatest_probability <= 1
    rows = spark.table("quarantine_by_reason").where(f"score_date = DATE'{DAY}'").collect()
    # The order without a channel breaks a rule of the suite, and one of the model's signature.
    expected = dict.fromkeys((*REFUSED.values(), "model_input_not_null:is_web"), 1)
    assert {row.rule: row["rows"] for row in rows} == expected


def test_explained_predictions_name_the_model_and_the_inputs(
    spark: SparkSession, small: SmallProject, looked_at: dict[str, str]
) -> None:
    rows = spark.table("predictions_explained").where(f"score_date = DATE'{DAY}'").collect()
    manifest = small.entry(looked_at["published"]).value("manifest")
    assert {row.model_digest for row in rows} == {manifest["model"]["digest"]}
    assert {row.code_version for row in rows} == {manifest["code_version"]}
    assert json.loads(rows[0].sources) == manifest["sources"]


def test_where_the_tables_are_in_a_catalog_the_views_are_made_there(
    spark: SparkSession, base: SmallProject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    small = copy_of(base, tmp_path_factory.mktemp("p"))
    assert create_catalog_views(spark, small.project, "orders") == []
    spark.sql("CREATE DATABASE IF NOT EXISTS sales")
    small.configure(output={"predictions": {"table": "sales.orders"}, "quarantine": {"table": "sales.orders_refused"}})
    create_tables(spark, small.project, "orders")
    made = create_catalog_views(spark, small.project, "orders")
    assert create_catalog_views(spark, small.project, "orders") == made
    small.score(spark)
    assert "sales.orders_daily_summary" in made
    (day,) = spark.table("sales.orders_daily_summary").collect()
    assert (day.score_date, day.rows_scored) == (DAY, 36)
    assert spark.table("sales.orders_quarantine_current").count() == len(REFUSED)
    for name in (*made, "sales.orders", "sales.orders_refused"):
        spark.sql(f"DROP {'VIEW' if name in made else 'TABLE'} {name}")
