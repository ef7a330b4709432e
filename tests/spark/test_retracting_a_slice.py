"""Taking a published slice back, on the record."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, SmallProject, without_run

from pipelines.errors import RejectedError, UsageError
from pipelines.upkeep.retracting import retract

pytestmark = pytest.mark.spark


def test_a_retracted_slice_is_gone_and_refused_until_it_is_forced(spark: SparkSession, small: SmallProject) -> None:
    first = small.score(spark)
    small.score(spark, DAYS[1])
    rows, others = small.predictions(DAY), small.predictions(DAYS[1])
    retraction = retract(spark, small.project, "orders", DAY, "wrong prices")
    assert retraction.run_id == first.run_id
    assert small.predictions(DAY) == []
    assert small.predictions(DAYS[1]) == others
    assert small.states(first.run_id) == ["started", "published", "retracted"]
    assert small.entry(first.run_id).error == "wrong prices"

    with pytest.raises(RejectedError, match="taken back") as caught:
        small.score(spark)
    assert caught.value.exit_code == 3
    assert "wrong prices" in str(caught.value)
    assert "--force" in str(caught.value)
    assert small.predictions(DAY) == []

    second = small.score(spark, force=True)
    assert second.outcome == "published"
    assert without_run(small.predictions(DAY)) == without_run(rows)
    assert small.score(spark).outcome == "already_done"


def test_a_retracted_slice_is_scored_again_once_its_input_is_mended(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    retract(spark, small.project, "orders", DAY, "wrong prices")
    spark.sql(f"UPDATE delta.`{small.orders}` SET amount = 7.0 WHERE day = DATE'{DAY}' AND id = 3")
    result = small.score(spark)
    assert result.outcome == "published"
    assert 3 in [row["id"] for row in small.predictions(DAY)]


def test_what_is_not_published_cannot_be_taken_back(spark: SparkSession, small: SmallProject) -> None:
    with pytest.raises(UsageError, match="not published") as caught:
        retract(spark, small.project, "orders", DAY, "why not")
    assert caught.value.exit_code == 2
    assert small.states() == []
