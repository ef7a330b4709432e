"""Columns that only the model takes are read by the workers themselves; nothing else about a run may change."""

from __future__ import annotations

import datetime as dt
import json
import math
import shutil
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession
from support.small_project import DAY, ORDERS, SmallProject, expectation, orders_of, without_run

from pipelines.inputs import reading
from pipelines.passes import alone
from pipelines.passes.file_columns import file_columns
from pipelines.runs.tables import create_tables

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

CHECK = "audit:columns_read_by_workers"
SUITE = (
    expectation("column_values_to_not_be_null", "channel_is_given", column="channel"),
    expectation("column_values_to_match_regex", "email_is_one", column="email", regex="@"),
)
FEATURES = {"amount": "coalesce(amount, 0.0)", "quantity": "quantity", "is_web": "CAST(channel = 'web' AS INT)"}


@pytest.fixture
def plain(small: SmallProject) -> SmallProject:
    """The amounts are taken as they are, by the model alone: by one that takes gaps."""
    return plainly(small)


def plainly(small: SmallProject, model: str = "plain", **source: Any) -> SmallProject:
    small.suite(*SUITE)
    small.use_model(model)
    small.configure(
        features={"amount": "`Amount`"},
        outputs={"probability": {"type": "double", "nullable": True}},
        source={"tables": {"orders": {"path": "orders", "slice": {"column": "day"}, **source}}},
    )
    return small


def told(small: SmallProject, run_id: str) -> dict[str, Any] | None:
    """What the ledger tells of the check."""
    verdict = small.entry(run_id).value("verdict") or []
    found: list[dict[str, Any]] = [result for result in verdict if result["check_id"] == CHECK]
    return found[0] if found else None


def tables(small: SmallProject, day: dt.date) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Predictions and quarantine; NaN as a text, as it is not equal to itself."""
    predictions = [
        {name: "NaN" if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        for row in without_run(small.predictions(day))
    ]
    return predictions, without_run(small.quarantine_current(day))


def require_equal_to_spark(spark: SparkSession, small: SmallProject, day: dt.date = DAY) -> None:
    """Score twice: read by the workers, then by Spark."""
    first = small.score(spark, day)
    found = told(small, first.run_id)
    assert found is not None
    assert found["success"]
    assert found["observed"] > 0
    observed = tables(small, day)
    small.environment(workers_read_files=False)
    second = small.score(spark, day, force=True)
    assert told(small, second.run_id) is None
    assert observed == tables(small, day)
    assert observed[0]
    assert observed[1]


def test_predictions_and_quarantine_are_those_of_spark(spark: SparkSession, plain: SmallProject) -> None:
    require_equal_to_spark(spark, plain)
    kept = {row["id"]: json.loads(row["row"])["amount"] for row in plain.quarantine_current()}
    expected = {order["id"]: order["amount"] for order in orders_of(DAY)}
    assert kept == {number: expected[number] for number in kept}


def executions(spark: SparkSession) -> set[int]:
    """The ids of those that Spark's status store knows."""
    listed = spark._jsparkSession.sharedState().statusStore().executionsList()
    return {listed.apply(number).executionId() for number in range(listed.size())}


def test_spark_reads_none_of_those_columns(spark: SparkSession, plain: SmallProject) -> None:
    store = spark._jsparkSession.sharedState().statusStore()
    before = executions(spark)
    plain.score(spark)
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    read = []
    for execution in executions(spark) - before:  # the oldest ones may be forgotten meanwhile
        nodes = store.planGraph(execution).allNodes()
        read += [
            nodes.apply(place).desc() for place in range(nodes.size()) if "inputs/orders" in nodes.apply(place).desc()
        ]
    (scan,) = [text for text in read if "ReadSchema" in text and "DeltaLogFileIndex" not in text]
    schema = scan.partition("ReadSchema: ")[2]
    assert "channel" in schema
    assert "amount" not in schema


def test_a_row_on_which_the_model_raises_is_kept_whole(spark: SparkSession, small: SmallProject) -> None:
    plainly(small, "poisoned")
    small.configure(features={"amount": "amount"}, limits={"quarantined_share": 0.5})
    small.mend(
        {5: {"amount": 151.0}, 9: {"amount": 1.0}, 19: {"amount": 1.0}, 29: {"amount": 1.0}, 39: {"amount": 1.0}}
    )
    require_equal_to_spark(spark, small)
    kept = {row["id"]: row for row in small.quarantine_current()}
    assert kept[5]["reasons"][0]["rule"] == "model_raised"
    assert json.loads(kept[5]["row"])["amount"] == 151.0


def test_a_personal_column_is_masked_as_ever(spark: SparkSession, plain: SmallProject) -> None:
    plain.configure(personal=["email", "amount"])
    require_equal_to_spark(spark, plain)
    assert {json.loads(row["row"])["amount"] for row in plain.quarantine_current()} == {"***"}


def test_deleted_rows_stay_deleted(spark: SparkSession, plain: SmallProject) -> None:
    """Deletion vectors leave the rows in the files; positions count them."""
    place = f"delta.`{plain.orders}`"
    spark.sql(f"ALTER TABLE {place} SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    spark.sql(f"DELETE FROM {place} WHERE id IN (0, 5, 21, 22, 39)")
    assert spark.sql(f"DESCRIBE DETAIL {place}").first().tableFeatures is not None  # type: ignore[union-attr]
    require_equal_to_spark(spark, plain)
    assert not {0, 5, 21, 22, 39} & {row["id"] for row in plain.predictions(DAY)}


def test_rows_among_others_in_files_of_several_row_groups(spark: SparkSession, plain: SmallProject) -> None:
    """Not partitioned by day; split between tasks within a file; row groups without a row of the day are skipped."""
    days = [DAY + dt.timedelta(days=number) for number in range(3)]
    rows = [order for day in days for order in orders_of(day, rows=4000)]
    mixed = [*rows[:4000], *rows[6000:9000], *rows[4000:6000], *rows[9000:]]
    plain.replace_orders(pa.Table.from_pylist(mixed, schema=ORDERS))
    frame = spark.read.format("delta").load(plain.orders).coalesce(1)
    frame.write.format("delta").mode("overwrite").option("parquet.block.size", "40000").option(
        "parquet.page.size", "4000"
    ).save(plain.orders)
    kept = {
        key: spark.conf.get(key) for key in ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes")
    }
    try:
        for key in kept:
            spark.conf.set(key, "20000")
        plain.configure(limits={"quarantined_share": 0.9})
        require_equal_to_spark(spark, plain, days[1])
    finally:
        for key, value in kept.items():
            spark.conf.set(key, str(value))
    assert len(plain.predictions(days[1])) > 3000


def test_partitions_and_folders_of_any_name(spark: SparkSession, plain: SmallProject) -> None:
    """Spark escapes paths; the log escapes partition values."""
    rows = pa.Table.from_pylist(orders_of(DAY), schema=ORDERS)
    notes = pa.array([f"100% of {number % 3}/é" for number in range(len(rows))])
    place = plain.root / "inputs" / "more orders, 50% é"
    table = rows.set_column(rows.schema.get_field_index("note"), "note", notes)
    write_deltalake(str(place), table, partition_by=["note"])
    plainly(plain, path=str(place))
    require_equal_to_spark(spark, plain)


def test_files_older_than_a_column(spark: SparkSession, plain: SmallProject) -> None:
    rows = pa.Table.from_pylist(orders_of(DAY), schema=ORDERS)
    plain.replace_orders(rows.drop_columns(["amount"]).slice(0, 20))
    write_deltalake(plain.orders, rows.slice(20), mode="append", schema_mode="merge")
    require_equal_to_spark(spark, plain)
    values = {row["id"]: row["probability"] for row in plain.predictions(DAY)}
    assert math.isnan(values[0])
    assert values[21] == 211.0 / 2000


def test_where_spark_tells_no_positions_it_reads_itself(
    spark: SparkSession, plain: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "with_positions", lambda table: None)
    result = plain.score(spark)
    assert result.outcome == "published"
    assert told(plain, result.run_id) is None


def test_other_formats_are_read_by_spark(spark: SparkSession, plain: SmallProject) -> None:
    """Their files may change while they are read."""
    place = plain.root / "inputs" / "plain"
    place.mkdir()
    pq.write_table(pa.Table.from_pylist(orders_of(DAY), schema=ORDERS), place / "orders.parquet")
    plainly(plain, path="plain", format="parquet")
    assert told(plain, plain.score(spark).run_id) is None


def test_a_column_that_hides_sparks_own_is_respected(spark: SparkSession, plain: SmallProject) -> None:
    rows = pa.Table.from_pylist(orders_of(DAY), schema=ORDERS)
    plain.replace_orders(rows.append_column("_metadata", pa.array(["mine"] * len(rows))), partition_by=["day"])
    assert told(plain, plain.score(spark).run_id) is None


@pytest.mark.parametrize(
    "change",
    [
        {"suite": expectation("column_values_to_be_between", "amount_is_plausible", column="amount", max_value=1e6)},
        {"suite": expectation("column_mean_to_be_between", "mean", column="amount", max_value=1e6)},
        {"suite": expectation("column_values_to_be_unique", "once", column="id")},
        {"features": {"amount": "amount + 0"}},
        {"key": ["id", "amount"]},
        {"key": ["day"]},
        {"query": "SELECT * FROM orders"},
    ],
    ids=["a rule", "a gate", "a rule of the whole slice", "an expression", "the key", "no key in the files", "a query"],
)
def test_what_anything_else_needs_is_read_by_spark(
    spark: SparkSession, plain: SmallProject, change: dict[str, Any]
) -> None:
    if "suite" in change:
        plain.suite(*SUITE, change.pop("suite"))
    if "query" in change:
        (plain.root / "conf" / "pipelines" / "orders.sql").write_text(change.pop("query"))
        source = plain.pipeline.source.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        change["source"] = {**source, "query": "orders.sql"}
    if "key" in change:
        order = pa.Table.from_pylist(orders_of(DAY, rows=1), schema=ORDERS)
        plain.replace_orders(order, partition_by=["day"])
        shutil.rmtree(plain.predictions_path)
        shutil.rmtree(plain.quarantine_path)
    plain.configure(**change)
    create_tables(spark, plain.project, "orders")
    result = plain.score(spark, force=True)
    assert told(plain, result.run_id) is None


def test_a_table_that_maps_its_columns_is_read_by_spark(spark: SparkSession, plain: SmallProject) -> None:
    spark.sql(
        f"ALTER TABLE delta.`{plain.orders}` SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name', "
        "'delta.minReaderVersion' = '2', 'delta.minWriterVersion' = '5')"
    )
    spark.sql(f"ALTER TABLE delta.`{plain.orders}` RENAME COLUMN customer TO client")
    result = plain.score(spark)
    assert result.outcome == "published"
    assert told(plain, result.run_id) is None


def test_what_a_worker_cannot_read_is_read_by_spark_and_told(
    spark: SparkSession, plain: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the files are not what the log says: here the worker is told another type."""
    plain.score(spark)
    expected = tables(plain, DAY)

    def mistaken(*arguments: Any) -> Any:
        found = file_columns(*arguments)
        assert found is not None
        return replace(found, columns={**found.columns, "amount": pa.date32()})

    monkeypatch.setattr(alone, "file_columns", mistaken)
    result = plain.score(spark, force=True)
    assert tables(plain, DAY) == expected
    found = told(plain, result.run_id)
    assert found is not None
    assert not found["success"]
    assert found["found"] == "read by Spark: a data file holds the column amount as double, not as date32[day]"
    assert DeltaTable(plain.predictions_path).version() > 0
