"""The tables by every reader that is declared: all values equal; and what a reader does not know is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.sql import SparkSession
from support.readers import READERS, Rows, by_spark
from support.small_project import SmallProject

from pipelines.errors import TableError
from pipelines.runs.tables import create_tables, evolve_tables
from pipelines.tables.readers import DEFAULTS, DELTA_RS, demanded, require_readable

pytestmark = pytest.mark.spark


def in_order(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: [str(row.get(name)) for name in ("run_id", "score_date", "id", "at", "state")])


@pytest.mark.parametrize("kind", ["predictions", "quarantine", "runs"])
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_gives_the_values_that_spark_gives(
    spark: SparkSession, scored: SmallProject, reader: str, kind: str
) -> None:
    place = {
        "predictions": scored.predictions_path,
        "quarantine": scored.quarantine_path,
        "runs": scored.ledger.location,
    }[kind]
    expected = in_order(by_spark(spark, place))
    assert expected
    assert in_order(READERS[reader](DeltaTable(place))) == expected
    require_readable(place, ["spark", "delta-rs", "polars", "duckdb"])


FEATURES = {
    "columnMapping": ("a INT", "'delta.columnMapping.mode' = 'name'"),
    "deletionVectors": ("a INT", "'delta.enableDeletionVectors' = 'true'"),
    "timestampNtz": ("a TIMESTAMP_NTZ", "'delta.appendOnly' = 'false'"),
    "typeWidening": ("a INT", "'delta.enableTypeWidening' = 'true'"),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_what_is_said_of_delta_rs_is_what_it_does(spark: SparkSession, tmp_path: Path, feature: str) -> None:
    columns, properties = FEATURES[feature]
    place = f"{tmp_path}/t"
    spark.sql(f"CREATE TABLE delta.`{place}` ({columns}) USING delta TBLPROPERTIES ({properties})")
    values = "timestamp_ntz'2024-03-01 12:00:00'" if feature == "timestampNtz" else "explode(array(1, 2, 3))"
    spark.sql(f"INSERT INTO delta.`{place}` SELECT {values}")
    if feature == "deletionVectors":
        spark.sql(f"DELETE FROM delta.`{place}` WHERE a = 2")

    def right() -> bool:
        try:
            return DeltaTable(place).to_pyarrow_table().to_pylist() == by_spark(spark, place)
        except DeltaError:
            return False

    assert right() == (feature in DELTA_RS)
    if right():
        assert demanded(place) == {feature}
        require_readable(place, ["delta-rs"])
    else:
        with pytest.raises(TableError, match=r"cannot be (read by all|opened)"):
            require_readable(place, ["delta-rs"])


def test_tables_that_a_reader_could_not_read_are_neither_made_nor_evolved(
    spark: SparkSession, small: SmallProject
) -> None:
    setting = f"{DEFAULTS}columnMapping.mode"
    spark.conf.set(setting, "name")
    try:
        with pytest.raises(TableError, match=r"columnMapping\.mode=name: delta-rs does not know columnMapping"):
            create_tables(spark, small.project, "orders")
    finally:
        spark.conf.unset(setting)
    create_tables(spark, small.project, "orders")
    spark.sql(
        f"ALTER TABLE delta.`{small.predictions_path}` SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')"
    )
    with pytest.raises(TableError, match="delta-rs does not know deletionVectors"):
        evolve_tables(spark, small.project, "orders")
    small.environment(readers=["spark"])
    evolve_tables(spark, small.project, "orders")
