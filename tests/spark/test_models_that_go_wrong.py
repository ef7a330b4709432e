"""Models that mix rows up, raise on some, differ from their pyfunc, or are not those that were looked up."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.registries import use_registry
from support.small_project import DAY, DAYS, ROWS, SmallProject

from pipelines.errors import ModelError, RejectedError
from pipelines.models.workers.bisecting import NOT_TRIED
from pipelines.runs.scoring import score_days

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipelines.models.registry import RegisteredModel
    from pipelines.runs.results import Result

pytestmark = pytest.mark.spark
RULES_REFUSE = {3, 7, 20}
POISON = {5, 15, 25, 35}
"""The orders of which the amount is 51, 151, 251 or 351: on these the model `poisoned` raises."""


def checks(result: Result) -> dict[str, dict[str, Any]]:
    """The results of a run's checks by their ids."""
    return {str(check["check_id"]): check for check in result.verdict.as_json()}


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("sorting", "its result depends on the other rows"),
        ("leaking", "its result depends on the other rows"),
        ("random", "the model is not deterministic"),
    ],
)
def test_a_model_that_mixes_rows_up_is_refused_and_nothing_published(
    spark: SparkSession, small: SmallProject, model: str, told: str
) -> None:
    small.use_model(model)
    with pytest.raises(ModelError, match=f"model '{model}' version 1 cannot be trusted") as caught:
        small.score(spark)
    assert told in str(caught.value)
    assert small.predictions() == []
    assert small.stages() == []
    assert small.states() == ["started", "failed"]


def test_rows_on_which_the_model_raises_are_quarantined_and_all_others_scored(
    spark: SparkSession, small: SmallProject
) -> None:
    small.use_model("poisoned")
    result = small.score(spark)
    poisoned = [row for row in small.quarantine(DAY) if row["reasons"][0]["rule"] == "model_raised"]
    assert {row["id"] for row in poisoned} == POISON
    assert {row["reasons"][0]["message"] for row in poisoned} == {
        "the model raised IndexError: list index out of range"
    }
    assert all(f'"id":{row["id"]}' in row["row"] for row in poisoned)
    assert {row["id"] for row in small.predictions()} == set(range(ROWS)) - POISON - RULES_REFUSE
    assert result.counts.input == result.counts.scored + result.counts.quarantined
    limit = checks(result)["limit:model_raised_rows"]
    assert (limit["success"], limit["observed"]) == (True, len(POISON))


def test_above_the_limit_the_slice_is_rejected_with_its_evidence(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("poisoned")
    small.configure(limits={"quarantined_share": 0.5, "model_raised_rows": 3})
    with pytest.raises(RejectedError, match="limit:model_raised_rows") as caught:
        small.score(spark)
    assert "IndexError: list index out of range" in str(caught.value)
    assert small.predictions() == []
    assert {row["id"] for row in small.quarantine(DAY)} >= POISON


def test_a_model_that_raises_on_every_row_is_told_by_its_own_words(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("raising")
    with pytest.raises(RejectedError, match="at most 10 rows on which the model raises") as caught:
        small.score(spark)
    assert "the model raised RuntimeError: the tree has no root" in str(caught.value)
    assert small.predictions() == []
    told = {row["reasons"][0]["message"] for row in small.quarantine(DAY) if row["id"] not in RULES_REFUSE}
    assert told == {"the model raised RuntimeError: the tree has no root", NOT_TRIED}


def test_what_a_model_raises_of_personal_columns_is_not_told(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("poisoned")
    small.configure(personal=["amount"])
    small.score(spark)
    messages = [row["reasons"][0]["message"] for row in small.quarantine(DAY) if row["id"] in POISON]
    assert messages == ["the model raised IndexError"] * len(POISON)


def test_the_summary_says_what_predicted_and_what_was_proven(spark: SparkSession, small: SmallProject) -> None:
    result = small.score(spark)
    found = checks(result)
    assert found["audit:native_predictor"]["found"] == "used: sklearn"
    assert found["audit:native_predictor"]["observed"] < 1e-9
    assert found["audit:rows_keep_their_results"]["observed"] < 1e-9
    assert {check["check_id"]: check for check in small.entry(result.run_id).value("verdict")} == found


@pytest.fixture
def own_objective(small: SmallProject) -> None:
    """A LightGBM classifier with an objective of its own, whose probabilities are what no one would expect."""
    import lightgbm
    import mlflow
    from mlflow.models import infer_signature

    def objective(truth: Any, scores: Any) -> tuple[Any, Any]:
        likely = 1 / (1 + np.exp(-scores))
        return likely - truth, likely * (1 - likely)

    frame = pd.DataFrame({"amount": np.linspace(0, 400, 200), "quantity": np.arange(200) % 4})
    model = lightgbm.LGBMRegressor(objective=objective, n_estimators=5, verbose=-1, min_child_samples=2)
    model.fit(frame, (frame["amount"] > 200).astype(int))
    model.classes_ = np.array([1.0, 2.0])  # what makes the library's predictor take it for a classifier
    use_registry(small.project.environment.tracking_uri)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.lightgbm.log_model(
            model,
            name="m",
            signature=infer_signature(frame, np.array([0.5])),
            registered_model_name="own_objective",
            pip_requirements=["lightgbm"],
            serialization_format="cloudpickle",
        )
    small.configure(
        model={"name": "own_objective", "version": 1, "allow_pickle": True},
        features={"amount": "coalesce(amount, 0.0)", "quantity": "quantity"},
        outputs={"probability": {"type": "double"}},
    )


@pytest.mark.usefixtures("own_objective")
def test_a_native_predictor_that_differs_gives_way_to_pyfunc(spark: SparkSession, small: SmallProject) -> None:
    result = small.score(spark)
    native = checks(result)["audit:native_predictor"]
    assert native["success"] is False
    assert native["action"] == "warn"
    assert "pyfunc" in native["found"]
    assert result.outcome == "published"
    assert result.counts.input == result.counts.scored + result.counts.quarantined


@pytest.mark.usefixtures("own_objective")
def test_it_gives_way_for_all_slices_of_a_pass_together(spark: SparkSession, small: SmallProject) -> None:
    before = small.versions()["warehouse/orders/predictions"]
    for ended in score_days(spark, small.project, "orders", DAYS):
        result = ended.result()
        assert result.outcome == "published"
        assert "pyfunc" in checks(result)["audit:native_predictor"]["found"]
    assert small.versions()["warehouse/orders/predictions"] == before + 1


def test_files_that_change_after_they_were_looked_up_are_refused(
    spark: SparkSession, small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.models.workers import udf

    shipped = udf._shipped

    def spoilt(spark: SparkSession, model: RegisteredModel) -> str:
        file = model.folder / "MLmodel"
        file.write_text(file.read_text() + "# changed\n")
        return shipped(spark, model)

    small.use_model("halving")  # no other test uses it: no worker has it, and what is spoilt here is missed nowhere
    monkeypatch.setattr(udf, "_shipped", spoilt)
    with pytest.raises(ModelError, match="changed on their way to a worker"):
        small.score(spark)
    assert small.predictions() == []


def test_a_worker_that_dies_is_told_of_with_the_batch_that_it_was_at(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("deadly")
    with pytest.raises(ModelError, match="a Python worker died while model 'deadly' version 1 scored") as caught:
        small.score(spark)
    assert "found: it was at one of: partition" in str(caught.value)
    assert small.predictions() == []
    assert small.stages() == []


def test_parameters_reach_the_model_and_are_part_of_what_was_run(spark: SparkSession, small: SmallProject) -> None:
    small.use_model("scaled")
    first = small.score(spark)
    plain = [row["probability"] for row in small.predictions()]
    small.configure(model={"name": "scaled", "version": 1, "allow_code": True, "params": {"scale": 2000.0}})
    second = small.score(spark)
    assert (first.outcome, second.outcome) == ("published", "published")
    assert [row["probability"] for row in small.predictions()] == [value / 2 for value in plain]
