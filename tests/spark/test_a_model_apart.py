"""A model in an environment and processes of its own: the same rows as in Spark's worker."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, PIPELINE, SmallProject, without_run

pytestmark = pytest.mark.spark


def test_a_model_apart_gives_the_rows_of_the_model_in_the_worker(
    spark: SparkSession, small: SmallProject, scored: SmallProject
) -> None:
    small.configure(model={**PIPELINE["model"], "environment": "isolate"})
    result = small.score(spark)
    found = {check.check_id: check.found for check in result.verdict.results}
    assert found["audit:native_predictor"] == "used: isolated"
    observed, expected = without_run(small.predictions(DAY)), without_run(scored.predictions(DAY))
    assert len(observed) == 36
    for one, other in zip(observed, expected, strict=True):
        assert one.pop("probability") == pytest.approx(other.pop("probability"), abs=1e-12)
        assert one == other
