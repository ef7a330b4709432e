"""The stage's files are the tables': Spark writes rows once, and files tell nothing but what their table has."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from support.faults.at_steps import BrokenOffError, broken_off
from support.small_project import (
    DAY,
    DAYS,
    ORDERS,
    PIPELINE,
    REFUSED,
    SUITE,
    SmallProject,
    copy_of,
    expectation,
    orders_of,
    without_run,
)

from pipelines.passes import change_files
from pipelines.passes.attempt_folder import AttemptFolder, write_apart
from pipelines.runs.scoring import score_days
from pipelines.runs.tables import create_tables, evolve_tables
from pipelines.transforms.staging import HIDDEN_NULLS
from pipelines.upkeep.maintaining import maintain

pytestmark = pytest.mark.spark


def data_files(small: SmallProject) -> list[Path]:
    """The files that make the newest version of the predictions."""
    return [Path(small.predictions_path, name) for name in DeltaTable(small.predictions_path).file_uris()]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables that Spark writes rows for, apart from stages."""
    found: list[str] = []
    write = AttemptFolder.write

    def noted(self: AttemptFolder, frame: object) -> None:
        found.append("predictions" if "model_name=" in self.name else "quarantine")
        write(self, frame)  # type: ignore[arg-type]

    monkeypatch.setattr(AttemptFolder, "write", noted)
    return found


def test_spark_writes_rows_once(spark: SparkSession, small: SmallProject, written: list[str]) -> None:
    with pytest.raises(BrokenOffError):
        small.score(spark, progress=broken_off("record"))
    (stage,) = small.stages()
    staged = {file.name: file for file in (stage / "rows" / "__kind=scored").glob("*.parquet")}
    files = data_files(small)
    assert files
    assert all(file.samefile(staged[file.name]) for file in files)
    assert written == []


def test_a_file_holds_no_value_that_the_table_does_not_have(scored: SmallProject) -> None:
    columns = {field.name for field in DeltaTable(scored.predictions_path).schema().fields}
    for file in data_files(scored):
        table = pq.read_table(file, partitioning=None)
        hidden = [name for name in table.column_names if name not in columns]
        assert set(hidden) == {"mask_0", "absent_0", *HIDDEN_NULLS}
        assert all(table[name].null_count == table.num_rows for name in HIDDEN_NULLS)
        refusing = 0b10111  # of the five rules the fourth only warns: no other bit stands in a scored row
        assert not any(bits & refusing for bits in table["mask_0"].to_pylist())


def test_a_pass_over_slices_writes_no_row_again(
    spark: SparkSession, small: SmallProject, scored: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = write_apart

    def noted(frame: DataFrame, location: str, folders: Any) -> None:
        written.append(location)
        write(frame, location, folders)

    monkeypatch.setattr(change_files, "write_apart", noted)
    assert [ended.result().outcome for ended in score_days(spark, small.project, "orders", DAYS)] == ["published"] * 3
    assert written == []
    assert without_run(small.predictions(DAY)) == without_run(scored.predictions(DAY))
    assert without_run(small.quarantine(DAY)) == without_run(scored.quarantine(DAY))


@pytest.mark.parametrize("days", [[DAY], list(DAYS)], ids=["alone", "together"])
def test_refused_rows_are_copied_as_spark_would_write_them(
    spark: SparkSession,
    new_project: Callable[[], SmallProject],
    monkeypatch: pytest.MonkeyPatch,
    written: list[str],
    days: list[dt.date],
) -> None:
    times = [
        dt.datetime(year, 2, 28, 23, 59, 59, 999_999) for year in (1, 1582, 1677, 1900, 1970, 2024, 2262, 2263, 9999)
    ]
    orders = pa.Table.from_pylist([order for day in days for order in orders_of(day)], schema=ORDERS)
    some = range(len(orders))
    odd = {
        "at": pa.array([times[number % 9] for number in some], pa.timestamp("us", "UTC")),
        "exact": pa.array([Decimal(number) / 1000 - 1 for number in some], pa.decimal128(38, 3)),
        "a-b": pa.array(["'é\n\u2028" * (number % 3) for number in some]),
        "share": pa.array([[-0.0, float("inf"), 1e-320][number % 3] for number in some], pa.float32()),
    }
    for name, values in odd.items():
        orders = orders.append_column(name, values)
    found, is_null = [], pa.array([number % 7 == 0 for number in some])
    orders = orders.set_column(
        orders.column_names.index("at"), "at", pc.if_else(is_null, pa.scalar(None, odd["at"].type), odd["at"])
    )
    for copies in (True, False):
        small = new_project()
        small.configure(key=["day", "id", *odd], limits={"quarantined_share": 1.0})
        shutil.rmtree(small.root / "warehouse" / "orders")
        small.replace_orders(orders)
        create_tables(spark, small.project, "orders")
        if not copies:
            monkeypatch.setattr(change_files, "_reuses_files", lambda *_: False)
        assert [ended.result().outcome for ended in score_days(spark, small.project, "orders", days)] == [
            "published"
        ] * len(days)
        assert ("quarantine" in written) == (not copies and len(days) == 1)  # together they are written otherwise
        rows = spark.read.format("delta").load(small.quarantine_path)
        scored_at = spark.read.format("delta").load(small.predictions_path).select("run_id", "scored_at").distinct()
        assert rows.join(scored_at, "run_id").where("quarantined_at = scored_at").count() == rows.count()
        rows = rows.drop("run_id", "quarantined_at")
        found.append((rows.schema, rows.orderBy("day", "id").collect()))
    copied, made = found
    assert len(copied[1]) == len(REFUSED) * len(days)
    assert copied == made


def test_a_file_of_the_quarantine_holds_the_tables_columns_only(scored: SmallProject) -> None:
    table = DeltaTable(scored.quarantine_path)
    columns = [field.name for field in table.schema().fields if field.name != "score_date"]
    assert table.file_uris()
    for file in table.file_uris():
        assert pq.read_schema(file).names == columns


def test_many_small_files_are_written_as_one(
    spark: SparkSession, small: SmallProject, scored: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_files, "MOST_SMALL_FILES", 1)
    small.score(spark)
    assert len(data_files(small)) == 1
    assert without_run(small.predictions(DAY)) == without_run(scored.predictions(DAY))


@pytest.mark.parametrize("column", ["mask_0 BIGINT", "reasons STRING"])
def test_a_table_with_a_column_named_as_a_hidden_one_has_nulls_there(
    spark: SparkSession, small: SmallProject, column: str
) -> None:
    spark.sql(f"ALTER TABLE delta.`{small.predictions_path}` ADD COLUMNS ({column})")
    small.score(spark)
    assert {row[column.split(maxsplit=1)[0]] for row in small.predictions(DAY)} == {None}


def test_what_another_run_has_staged_is_published_under_the_own_name(
    spark: SparkSession, small: SmallProject, scored: SmallProject, written: list[str]
) -> None:
    with pytest.raises(BrokenOffError):
        small.score(spark, progress=broken_off("publish"))
    result = small.score(spark)
    assert {row["run_id"] for row in small.predictions(DAY)} == {result.run_id}
    assert without_run(small.predictions(DAY)) == without_run(scored.predictions(DAY))
    assert "predictions" in written


def test_checks_of_the_slice_as_a_whole_have_the_rows_written_again(
    spark: SparkSession, small: SmallProject, scored: SmallProject, written: list[str]
) -> None:
    small.suite(*SUITE, expectation("column_values_to_be_unique", "one_each", column="id"))
    small.score(spark)
    assert sorted(written) == ["predictions", "quarantine"]
    assert without_run(small.predictions(DAY)) == without_run(scored.predictions(DAY))


def test_a_table_that_spells_a_column_otherwise_keeps_its_spelling(
    spark: SparkSession, small: SmallProject, scored: SmallProject
) -> None:
    outputs = PIPELINE["outputs"]
    small.configure(outputs={name.upper() if name == "prediction" else name: outputs[name] for name in outputs})
    small.score(spark)
    assert without_run(small.predictions(DAY)) == without_run(scored.predictions(DAY))


def test_files_are_joined_and_columns_added_as_ever(
    spark: SparkSession, base: SmallProject, scored: SmallProject, tmp_path: Path
) -> None:
    small = copy_of(base, tmp_path / "p")
    small.score(spark)
    before = without_run(small.predictions(DAY))
    small.configure(outputs={**PIPELINE["outputs"], "sure": {"result": "probability", "of": 0, "type": "double"}})
    evolve_tables(spark, small.project, "orders")
    assert without_run(small.predictions(DAY)) == [{**row, "sure": None} for row in before]
    maintain(spark, small.project, "orders")
    assert without_run(small.predictions(DAY)) == [{**row, "sure": None} for row in before]
