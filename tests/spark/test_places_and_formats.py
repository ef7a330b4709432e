"""Tables by their names in the catalog, and sources that are no Delta tables."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, PIPELINE, ROWS, SmallProject, orders_of, without_run

from pipelines.errors import RejectedError, SourceError, TableError
from pipelines.runs.tables import create_tables, evolve_tables
from pipelines.tables.locations import local_path
from pipelines.upkeep.retracting import retract

pytestmark = pytest.mark.spark


def in_catalog(small: SmallProject, schema: str) -> None:
    small.configure(
        source={"tables": {"orders": {"table": f"{schema}.orders", "slice": {"column": "day"}}}},
        output={"predictions": {"table": f"{schema}.predictions"}, "quarantine": {"table": f"{schema}.quarantine"}},
    )


@pytest.fixture(scope="module")
def shop(spark: SparkSession, base: SmallProject) -> str:
    """A schema of the catalog with the source's rows in a table of its own."""
    spark.sql("CREATE SCHEMA IF NOT EXISTS shop")
    spark.sql(
        "CREATE TABLE shop.orders USING delta PARTITIONED BY (day) "
        f"TBLPROPERTIES ('delta.enableDeletionVectors' = 'false') AS SELECT * FROM delta.`{base.orders}`"
    )
    return "shop"


def test_tables_of_the_catalog_work_as_folders_do(
    spark: SparkSession, small: SmallProject, scored: SmallProject, shop: str
) -> None:
    in_catalog(small, shop)
    changes = {change.table: change.location for change in create_tables(spark, small.project, "orders")}
    create_tables(spark, small.project, "orders")
    result = small.score(spark)
    folder = local_path(result.tables["predictions"])
    rows = DeltaTable(str(folder)).to_pyarrow_table().to_pylist()
    expected = scored.predictions()
    assert result.tables["predictions"] == changes["predictions"]
    assert without_run(sorted(rows, key=lambda row: row["id"])) == without_run(expected)
    assert spark.table(f"{shop}.quarantine").count() == len(scored.quarantine())
    assert small.predictions() == []
    assert small.score(spark).outcome == "already_done"
    assert DeltaTable(str(folder)).protocol().min_reader_version == 1

    small.configure(outputs={**PIPELINE["outputs"], "kept": {"result": "probability", "of": 0, "type": "double"}})
    evolve_tables(spark, small.project, "orders")
    assert "kept" in spark.table(f"{shop}.predictions").columns
    assert small.score(spark).outcome == "published"
    retract(spark, small.project, "orders", DAY, "a test")
    assert spark.table(f"{shop}.predictions").count() == 0


def test_a_source_that_the_catalog_lacks_is_named(spark: SparkSession, small: SmallProject) -> None:
    in_catalog(small, "nowhere")
    with pytest.raises((SourceError, TableError), match=r"nowhere\.\w+"):
        create_tables(spark, small.project, "orders")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_files_are_scored_as_a_delta_table_is_and_fingerprinted(
    spark: SparkSession, small: SmallProject, scored: SmallProject, kind: str
) -> None:
    folder = small.root / "inputs" / kind
    frame = spark.read.format("delta").load(small.orders)
    frame.coalesce(1).write.format(kind).option("header", True).save(str(folder))
    columns = {"id": "bigint", "amount": "double"} if kind == "csv" else {}  # quantity is read as the model takes it
    table = {"path": kind, "format": kind, "slice": {"column": "day"}, "columns": columns}
    small.configure(source={"tables": {"orders": table}})
    result = small.score(spark)
    (source,) = result.sources
    assert result.counts.input == ROWS
    assert source.version is None
    assert source.fingerprint.startswith("files#" if kind == "parquet" else "rows#")
    for observed, expected in zip(small.predictions(), scored.predictions(), strict=True):
        assert (observed["day"], observed["id"]) == (expected["day"], expected["id"])
        assert observed["probability"] == pytest.approx(expected["probability"], abs=1e-12)
    assert small.score(spark).outcome == "already_done"

    (file,) = folder.glob("part-*")
    (Path(folder) / f"another-{file.name}").write_bytes(file.read_bytes())
    with pytest.raises(RejectedError, match="keys_unique"):
        small.score(spark)


def test_a_file_that_was_written_anew_makes_the_slice_run_again(spark: SparkSession, small: SmallProject) -> None:
    folder = small.root / "inputs" / "parquet"
    spark.read.format("delta").load(small.orders).coalesce(1).write.parquet(str(folder))
    small.configure(source={"tables": {"orders": {"path": "parquet", "format": "parquet", "slice": {"column": "day"}}}})
    first = small.score(spark)
    (file,) = folder.glob("part-*")
    os.utime(file, (1_700_000_000, 1_700_000_000))
    second = small.score(spark)
    assert (first.outcome, second.outcome) == ("published", "published")


def test_a_source_without_partitions_is_told_apart_by_its_statistics(spark: SparkSession, small: SmallProject) -> None:
    table = DeltaTable(small.orders).to_pyarrow_table().sort_by([("day", "ascending"), ("id", "ascending")])
    small.replace_orders(table)
    assert small.score(spark).counts.input == ROWS
    small.land(orders_of(dt.date(2024, 3, 9)))
    assert small.score(spark).outcome == "already_done"
    small.land(orders_of(DAY, 1, 40))
    result = small.score(spark)
    assert (result.outcome, result.counts.input) == ("published", ROWS + 1)
    assert small.score(spark, DAYS[1]).counts.input == ROWS
