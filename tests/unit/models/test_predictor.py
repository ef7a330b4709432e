"""From features to outputs: each row its own, of the type and class that were asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.models.predictor import AlignmentError, Predictor, WantedOutput
from unit.samples import training_rows

LABEL = WantedOutput("label", "label", pa.bool_())
PROBABILITY = WantedOutput("probability", "probability", pa.float64(), of=True)
PREDICTED = WantedOutput("predicted", "predict", pa.bool_())


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return training_rows()[0].head(20)


@pytest.fixture(scope="module")
def predictors(folders: dict[str, Path]) -> dict[str, Predictor]:
    return {name: Predictor(folder) for name, folder in folders.items()}


def features(rows: pd.DataFrame) -> pa.StructArray:
    return pa.Table.from_pandas(rows, preserve_index=False).to_struct_array().combine_chunks()


@pytest.mark.parametrize("kind", ["sklearn", "lightgbm"])
def test_a_classifier_gives_label_and_probability_of_one_evaluation(
    predictors: dict[str, Predictor], rows: pd.DataFrame, kind: str
) -> None:
    observed = predictors[kind].predict(features(rows), [LABEL, PROBABILITY])
    probability = observed.field("probability").to_numpy(zero_copy_only=False)
    assert observed.type == pa.struct([("label", pa.bool_()), ("probability", pa.float64())])
    assert observed.field("label").to_pylist() == list(probability > 0.5)
    assert observed.field("label").to_pylist() == list(rows["age"] > 50)


@pytest.mark.parametrize("kind", ["sklearn", "lightgbm"])
def test_probabilities_are_the_models_own_and_sum_to_one(
    predictors: dict[str, Predictor], folders: dict[str, Path], rows: pd.DataFrame, kind: str
) -> None:
    import mlflow.pyfunc

    expected = mlflow.pyfunc.load_model(str(folders[kind])).get_raw_model().predict_proba(rows)
    no = WantedOutput("no", "probability", pa.float64(), of=False)
    observed = predictors[kind].predict(features(rows), [no, PROBABILITY])
    np.testing.assert_allclose(observed.field("no").to_numpy(), expected[:, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(observed.field("probability").to_numpy(), expected[:, 1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["sklearn", "lightgbm"])
def test_predict_gives_what_the_model_predicts(predictors: dict[str, Predictor], rows: pd.DataFrame, kind: str) -> None:
    observed = predictors[kind].predict(features(rows), [PREDICTED])
    assert observed.field("predicted").to_pylist() == list(rows["age"] > 50)


def test_a_rows_result_does_not_depend_on_its_batch(predictors: dict[str, Predictor], rows: pd.DataFrame) -> None:
    whole = predictors["sklearn"].predict(features(rows), [PROBABILITY]).to_pylist()
    singly = [
        predictors["sklearn"].predict(features(rows.iloc[[place]]), [PROBABILITY])[0].as_py()
        for place in range(len(rows))
    ]
    assert [item["probability"] for item in singly] == pytest.approx([item["probability"] for item in whole], abs=1e-12)


def test_one_of_several_columns_is_taken_by_its_name(predictors: dict[str, Predictor], rows: pd.DataFrame) -> None:
    wanted = [
        WantedOutput("high", "predict", pa.bool_(), column="high"),
        WantedOutput("twice", "predict", pa.float32(), column="double"),
    ]
    observed = predictors["columns"].predict(features(rows), wanted)
    assert observed.field("high").to_pylist() == list(rows["age"] > 50)
    assert observed.field("twice").to_pylist() == pytest.approx(list(rows["age"] * 2), rel=1e-6)


@pytest.mark.parametrize("column", [None, "tripel"])
def test_an_unnamed_or_unknown_column_of_several_is_told_the_names(
    predictors: dict[str, Predictor], rows: pd.DataFrame, column: str | None
) -> None:
    wanted = WantedOutput("twice", "predict", pa.float64(), column=column)
    with pytest.raises(ValueError, match=r"output 'twice': the model returns the columns \['double', 'high'\]"):
        predictors["columns"].predict(features(rows), [wanted])


def test_a_column_of_a_model_that_returns_one_unnamed_is_told_so(
    predictors: dict[str, Predictor], rows: pd.DataFrame
) -> None:
    wanted = WantedOutput("twice", "predict", pa.bool_(), column="double")
    with pytest.raises(ValueError, match="the model returns one unnamed column, not 'double'"):
        predictors["sklearn"].predict(features(rows), [wanted])


@pytest.mark.parametrize("of", ["yes", 2, "True"])
def test_an_unknown_class_is_told_the_models_own(
    predictors: dict[str, Predictor], rows: pd.DataFrame, of: str | int
) -> None:
    wanted = WantedOutput("p", "probability", pa.float64(), of=of)
    with pytest.raises(ValueError, match=r"output 'p': the model has no class .*; its classes: \[False, True\]"):
        predictors["lightgbm"].predict(features(rows), [wanted])


def test_a_model_without_probabilities_is_told_to_use_predict(
    predictors: dict[str, Predictor], rows: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="has none: use result 'predict'"):
        predictors["columns"].predict(features(rows), [PROBABILITY])


@pytest.mark.parametrize(
    "wanted",
    [
        WantedOutput("p", "probability", pa.bool_(), of=True),
        WantedOutput("p", "probability", pa.int32(), of=True),
        WantedOutput("p", "label", pa.date32()),
        WantedOutput("p", "predict", pa.list_(pa.float64())),
    ],
    ids=lambda wanted: f"{wanted.result} as {wanted.type}",
)
def test_results_of_another_type_are_refused(
    predictors: dict[str, Predictor], rows: pd.DataFrame, wanted: WantedOutput
) -> None:
    with pytest.raises(ValueError, match="output 'p': the model's results are no"):
        predictors["sklearn"].predict(features(rows), [wanted])


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.string()], ids=str)
def test_results_are_cast_where_nothing_is_lost(
    predictors: dict[str, Predictor], rows: pd.DataFrame, kind: pa.DataType
) -> None:
    wanted = WantedOutput("p", "probability", kind, of=True)
    assert predictors["sklearn"].predict(features(rows), [wanted]).field("p").type == kind


def test_a_model_that_loses_a_row_is_not_believed(predictors: dict[str, Predictor], rows: pd.DataFrame) -> None:
    wanted = WantedOutput("p", "predict", pa.float64())
    with pytest.raises(AlignmentError, match="returned 19 results for a batch of 20 rows"):
        predictors["forgetful"].predict(features(rows), [wanted])


class _LosesProbabilities:
    classes_ = (False, True)

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        return np.full((len(frame) - 1, 2), 0.5)


def test_probabilities_that_lose_a_row_are_not_believed(
    folders: dict[str, Path], rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(folders["sklearn"])
    monkeypatch.setattr(predictor, "_native", _LosesProbabilities())
    with pytest.raises(AlignmentError, match="returned 19 results for a batch of 20 rows"):
        predictor.predict(features(rows), [PROBABILITY])


def test_a_model_that_sorts_its_rows_is_not_believed(predictors: dict[str, Predictor], rows: pd.DataFrame) -> None:
    with pytest.raises(AlignmentError, match="another order"):
        predictors["sorting"].predict(features(rows), [WantedOutput("age", "predict", pa.float64())])


def test_minus_one_is_no_boolean(predictors: dict[str, Predictor], rows: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"only 0 and 1 are booleans, not \[-1\]"):
        predictors["signs"].predict(features(rows), [WantedOutput("flag", "predict", pa.bool_())])
