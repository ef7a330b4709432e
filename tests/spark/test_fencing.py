"""Attempts at one slice: the newest wins, and none is lost from the record."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from support.small_project import DAY, DAYS, SmallProject, without_run

from pipelines.errors import TableError
from pipelines.passes.publishing import Replacement, publish
from pipelines.schemas import SLICE_COLUMNS
from pipelines.tables.slices import Slice, look_at_slice
from pipelines.upkeep.maintaining import maintain

pytestmark = pytest.mark.spark

SLICE = Slice(DAY, "returns")


def rows_of(spark: SparkSession, small: SmallProject, run_id: str) -> DataFrame:
    """The published slice's rows under another run's id."""
    published = spark.read.format("delta").load(small.predictions_path).drop(*SLICE_COLUMNS)
    return published.withColumn("run_id", F.lit(run_id)).localCheckpoint()


def publish_frame(small: SmallProject, frame: DataFrame, run_id: str, slice_: Slice, fence: int) -> str:
    said = {"run_id": run_id, "fence": fence}
    return publish(lambda: frame, small.predictions_path, Replacement(slice_, fence, said, frame.count()))


def publish_as(spark: SparkSession, small: SmallProject, run_id: str, slice_: Slice, fence: int) -> str:
    return publish_frame(small, rows_of(spark, small, run_id), run_id, slice_, fence)


def published_by(small: SmallProject) -> set[str]:
    return {row["run_id"] for row in small.predictions(DAY)}


def test_an_older_attempt_that_wakes_up_later_changes_nothing(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    fence = look_at_slice(small.predictions_path, SLICE).next_fence()
    newer = publish_as(spark, small, "newer", SLICE, fence + 10)
    before = small.versions()
    older = publish_as(spark, small, "older", SLICE, fence)
    assert (newer, older) == ("published", "superseded")
    assert published_by(small) == {"newer"}
    assert small.versions() == before
    assert look_at_slice(small.predictions_path, SLICE).last_fence == fence + 10


def test_fences_of_one_slice_say_nothing_of_another(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    assert publish_as(spark, small, "other", Slice(DAYS[1], "returns"), 1) == "published"
    assert {row["run_id"] for row in small.predictions(DAYS[1])} == {"other"}
    assert published_by(small) != {"other"}


@pytest.mark.parametrize("column", ["model_name", "another", "id"])
def test_rows_that_do_not_fit_are_refused_and_leave_nothing(
    spark: SparkSession, small: SmallProject, column: str
) -> None:
    small.score(spark)
    rows, files = small.predictions(), sorted(Path(small.predictions_path).rglob("*.parquet"))
    frame = rows_of(spark, small, "stray").withColumn(column, F.lit("text"))
    with pytest.raises(TableError, match=f"found: {column} string"):
        publish_frame(small, frame, "stray", SLICE, 2**60)
    assert small.predictions() == rows
    assert sorted(Path(small.predictions_path).rglob("*.parquet")) == files


@pytest.mark.parametrize("name", ["it's \\ odd", "größe 100%/日本"])
def test_a_model_of_any_name_stays_within_its_slice(spark: SparkSession, small: SmallProject, name: str) -> None:
    small.score(spark)
    assert publish_as(spark, small, "odd", Slice(DAY, name), 1) == "published"
    assert {row["model_name"] for row in small.predictions()} == {"returns", name}
    assert look_at_slice(small.predictions_path, Slice(DAY, name)).published_run == "odd"
    maintain(spark, small.project, "orders")  # from now on the slice's file lies where Spark puts it
    frame = rows_of(spark, small, "again").limit(5)
    assert publish_frame(small, frame, "again", Slice(DAY, name), 2) == "published"
    by_spark = spark.read.format("delta").load(small.predictions_path).where(F.col("model_name") == name)
    assert by_spark.count() == len([row for row in small.predictions() if row["model_name"] == name]) == 5


def test_rows_that_are_not_as_many_as_were_counted_are_refused(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    rows = small.predictions()
    said = {"run_id": "short", "fence": 2**60}
    with pytest.raises(TableError, match=r"expected: 40 rows\n  found: 36 rows"):
        publish(lambda: rows_of(spark, small, "short"), small.predictions_path, Replacement(SLICE, 2**60, said, 40))
    assert small.predictions() == rows


def test_two_runs_at_once_leave_one_run_in_the_slice_and_both_in_the_ledger(
    spark: SparkSession, small: SmallProject
) -> None:
    together = threading.Barrier(2, timeout=120)

    def meet(step: str) -> None:
        if step == "score":
            together.wait()

    def run(_: int) -> Any:
        return small.score(spark, progress=meet)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, range(2)))
    outcomes = {result.run_id: result.outcome for result in results}
    (winner,) = published_by(small)
    assert len(outcomes) == 2
    assert outcomes[winner] == "published"
    newest = max(small.ledger.latest(), key=lambda entry: entry.fence or 0)
    assert newest.run_id == winner
    assert {entry.run_id: entry.state for entry in small.ledger.latest()} == outcomes
    assert all(small.states(run_id)[0] == "started" for run_id in outcomes)
    assert small.stages() == []
    assert small.score(spark).run_id == winner


def test_runs_of_different_slices_at_once_do_not_disturb_each_other(spark: SparkSession, small: SmallProject) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda day: small.score(spark, day), DAYS[:2]))
    assert [result.outcome for result in results] == ["published", "published"]
    first, second = (without_run(small.predictions(day)) for day in DAYS[:2])
    assert [row["id"] for row in first] == [row["id"] for row in second]
    assert {row["day"] for row in first} == {DAYS[0]}
