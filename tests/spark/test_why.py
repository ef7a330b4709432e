"""Why a row has its prediction, or none: each of the answers, by key."""

from __future__ import annotations

import math
import shutil
from functools import partial
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, SmallProject, orders_of

from pipelines.errors import RejectedError, UsageError
from pipelines.provenance.explaining import Answer, why

pytestmark = pytest.mark.spark


def ask(spark: SparkSession, small: SmallProject, *words: str, **options: Any) -> Answer:
    return why(partial(_given, spark), small.project, "orders", words, **options)


def _given(spark: SparkSession) -> SparkSession:
    return spark


def test_a_scored_row_is_told_with_run_model_inputs_features_and_contributions(
    spark: SparkSession, scored: SmallProject
) -> None:
    (entry,) = scored.ledger.latest()
    (row,) = [row for row in scored.predictions(DAY) if row["id"] == 12]
    answer = ask(spark, scored, "2024-03-01", "12")
    assert (answer.status, answer.score_date, answer.slice_state) == ("scored", DAY, "current")
    assert answer.outputs == {"prediction": row["prediction"], "probability": row["probability"]}
    assert answer.run is not None
    assert answer.run.model is not None
    assert (answer.run.run_id, answer.run.state, answer.run.model.version) == (entry.run_id, "published", 1)
    assert [source.name for source in answer.run.sources] == ["orders"]
    assert any(line.startswith("amount_is_plausible (critical): 1 rows") for line in answer.run.broken)
    assert answer.features == {"amount": 121.0, "quantity": 1, "is_web": 1}
    assert answer.contributions is not None
    odds = math.log(row["probability"] / (1 - row["probability"]))
    assert answer.contributions.total == pytest.approx(odds)
    assert answer.notes == ()


def test_features_are_those_of_the_run_not_of_the_input_as_it_is_now(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.mend({12: {"amount": 7.0}})
    answer = ask(spark, small, "day=2024-03-01", "id=12")
    assert (answer.slice_state, answer.slice_reasons) == ("stale", ("input orders changed",))
    assert answer.features is not None
    assert answer.features["amount"] == 121.0


def test_a_refused_row_is_told_with_its_reasons_and_without_personal_values(
    spark: SparkSession, scored: SmallProject
) -> None:
    answer = ask(spark, scored, "2024-03-01,20")
    assert (answer.status, [reason.rule for reason in answer.reasons]) == ("quarantined", ["email_is_one"])
    assert "secret-nobody" not in str(answer.as_json())
    assert answer.row["id"] == 20


def test_a_row_that_came_after_the_run_waits_for_the_next(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.land(orders_of(DAY, rows=1, first=77))
    answer = ask(spark, small, "2024-03-01", "77")
    assert (answer.status, answer.score_date, answer.slice_state) == ("waiting", DAY, "stale")


def test_a_slice_that_was_never_scored_is_told_with_its_state(spark: SparkSession, scored: SmallProject) -> None:
    answer = ask(spark, scored, str(DAYS[1]), "12")
    assert (answer.status, answer.score_date, answer.slice_state) == ("waiting", DAYS[1], "missing")


def test_a_row_of_a_rejected_slice_is_told_to_wait_with_the_reasons(spark: SparkSession, small: SmallProject) -> None:
    small.configure(limits={"quarantined_share": 0.0})
    with pytest.raises(RejectedError):
        small.score(spark)
    refused = ask(spark, small, "2024-03-01", "3")
    assert (refused.status, refused.slice_state) == ("waiting", "rejected")
    assert [reason.rule for reason in refused.reasons] == ["amount_is_plausible"]
    assert ask(spark, small, "2024-03-01", "12").status == "waiting"


def test_a_key_that_is_nowhere_is_absent(spark: SparkSession, scored: SmallProject) -> None:
    for options in ({}, {"score_date": DAY}):
        assert ask(spark, scored, "2024-03-01", "4711", **options).status == "absent"


def test_what_cannot_be_had_is_noted_and_the_rest_is_told(spark: SparkSession, small: SmallProject) -> None:
    small.score(spark)
    small.configure(personal=["email", "amount"])
    small.score(spark, force=True)
    answer = ask(spark, small, "2024-03-01", "12")
    assert answer.features is None
    assert answer.notes == ("features: they come from personal columns, and are not shown",)
    shutil.rmtree(small.orders)
    answer = ask(spark, small, "2024-03-01", "12")
    assert answer.status == "scored"
    assert [note.partition(":")[0] for note in answer.notes] == ["whether the slice is stale", "features"]


def test_a_quick_answer_starts_no_spark(scored: SmallProject) -> None:
    def none() -> SparkSession:
        raise AssertionError("Spark was asked for")

    assert why(none, scored.project, "orders", ["2024-03-01", "12"], quick=True).status == "scored"
    assert why(none, scored.project, "orders", ["2024-03-01", "4711"], quick=True).status == "absent"


def test_a_quick_answer_asks_no_catalog_for_the_input(small: SmallProject, spark: SparkSession) -> None:
    small.score(spark)
    small.configure(source={"tables": {"orders": {"table": "bazaar.orders", "slice": {"column": "day"}}}})
    answer = why(lambda: pytest.fail("no Spark"), small.project, "orders", ["2024-03-01", "12"], quick=True)
    assert (answer.status, answer.slice_state) == ("scored", None)
    assert answer.notes == ("whether the slice is stale: its input is in a catalog, which --quick does not ask",)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["2024-03-01"], "lacks id"),
        (["2024-03-01", "12", "13"], "has 2 columns"),
        (["day=2024-03-01", "idd=12"], "no column 'idd'"),
        (["2024-03-01", "twelve"], "column 'id' has another type"),
        (["id=1", "id=2"], "given twice"),
    ],
)
def test_a_key_that_is_none_is_told(scored: SmallProject, words: list[str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        why(lambda: pytest.fail("no Spark"), scored.project, "orders", words)
