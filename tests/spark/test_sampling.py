"""Estimates of a plan where no earlier run tells: by a sample, scored to nothing."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAYS, ROWS, SmallProject

from pipelines.backfills.estimating import estimated
from pipelines.backfills.planning import Plan, plan
from pipelines.errors import ModelError, SourceError


def sampled(small: SmallProject, spark: SparkSession, **options: Any) -> Plan:
    found = plan(lambda: spark, small.project, "orders", DAYS[0], DAYS[-1], **options)
    assert found.pace is None
    return estimated(spark, small.project, found)


def test_a_sample_tells_what_no_run_could_and_nothing_is_written(small: SmallProject, spark: SparkSession) -> None:
    before, entries = small.versions(), small.states()
    found = sampled(small, spark)
    assert found.pace is not None
    assert (found.pace.runs, found.pace.sampled_rows, found.pace.usual_rows) == (0, ROWS, ROWS)
    assert found.pace.fixed_seconds > 0
    assert [slice_.seconds for slice_ in found.slices] == [found.pace.seconds(ROWS)] * len(DAYS)
    assert (small.versions(), small.states(), small.stages()) == (before, entries, [])


def test_of_a_large_slice_some_rows_are_enough(
    small: SmallProject, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.backfills.estimating.FEW", 5)
    monkeypatch.setattr("pipelines.backfills.estimating.MANY", 20)
    small.use_counting_model()
    before = len(small.evaluated())
    found = sampled(small, spark)
    assert found.pace is not None
    assert found.pace.sampled_rows == 20
    assert len(set(small.evaluated()[before:])) < ROWS - 5


def test_where_nothing_is_due_nothing_is_sampled(scored: SmallProject, spark: SparkSession) -> None:
    found = plan(lambda: spark, scored.project, "orders", DAYS[0], DAYS[0])
    assert estimated(spark, scored.project, found) is found


def test_what_would_keep_a_run_from_scoring_is_told(small: SmallProject, spark: SparkSession) -> None:
    small.features(quantity="CAST(channel AS INT)")
    with pytest.raises(SourceError, match="a value of the slice cannot be computed with"):
        sampled(small, spark)
    small.use_model("wordy")
    with pytest.raises(ModelError, match="wordy"):
        sampled(small, spark)
