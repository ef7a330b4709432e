"""Output tables with features that only Spark's own writer keeps: scored as any other, and held to what they demand."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, SmallProject, without_run

from pipelines.errors import TableError
from pipelines.upkeep.retracting import retract

pytestmark = pytest.mark.spark


def altered(spark: SparkSession, small: SmallProject, *changes: str) -> None:
    for change in changes:
        for location in (small.predictions_path, small.quarantine_path):
            spark.sql(f"ALTER TABLE delta.`{location}` {change}")


def test_such_tables_get_the_same_rows(spark: SparkSession, small: SmallProject, scored: SmallProject) -> None:
    altered(spark, small, "SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    first = small.score(spark)
    assert without_run(small.predictions()) == without_run(scored.predictions())
    assert without_run(small.quarantine()) == without_run(scored.quarantine())
    again = small.score(spark, force=True)
    assert {row["run_id"] for row in small.predictions()} == {again.run_id} != {first.run_id}
    retract(spark, small.project, "orders", DAY, "a trial")
    assert small.predictions() == []


def test_a_constraint_is_kept(spark: SparkSession, small: SmallProject) -> None:
    spark.sql(f"ALTER TABLE delta.`{small.predictions_path}` ADD CONSTRAINT unlikely CHECK (probability < 0.001)")
    with pytest.raises(TableError, match="DELTA_REPLACE_WHERE_MISMATCH"):
        small.score(spark)
    assert small.predictions() == []


def test_a_plain_table_is_written_by_one_commit_of_the_log(spark: SparkSession, small: SmallProject) -> None:
    result = small.score(spark)
    (folder,) = {file.parent for file in Path(small.predictions_path).rglob("*.parquet")}
    assert folder.relative_to(small.predictions_path).parts[:2] == (f"score_date={DAY}", "model_name=returns")
    assert folder.name.startswith(f"pass-{result.run_id}-")
    history = spark.sql(f"DESCRIBE HISTORY delta.`{small.predictions_path}`").first()
    assert history is not None
    assert result.run_id in history["userMetadata"]
    assert history["engineInfo"].startswith("delta-rs")
