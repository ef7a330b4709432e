"""The outputs that are proposed for a model: one for each thing that it says, and each scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.models import ModelSignature, infer_signature
from mlflow.types.schema import Array, ColSpec, DataType, Map, Object, Property, Schema
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipelines.errors import ModelError
from pipelines.models.predictors.features import Features
from pipelines.models.predictors.outputs import WantedOutput, outputs_of
from pipelines.models.predictors.predictor import Pyfunc
from pipelines.models.predictors.proposed_outputs import proposed_outputs

pytestmark = pytest.mark.filterwarnings("ignore")

X = pd.DataFrame(np.random.default_rng(3).random((80, 3)), columns=["a", "b", "c"])
ONE = (X["a"] > 0.5).astype(int)
TWO = pd.DataFrame({"first": ONE, "second target": (X["b"] > 0.5).astype(int)})


def anything() -> Any:
    """A model of which the signature alone says what it gives."""

    from mlflow.pyfunc.model import PythonModel

    class Anything(PythonModel):
        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
            return model_input

    return Anything()


TYPES = {"bigint": pa.int64(), "int": pa.int32(), "double": pa.float64(), "string": pa.string()}


def logged(model: BaseEstimator, answers: Any, folder: Path) -> Path:
    model.fit(X, answers)
    trusted, signature = ["sklearn.tree._tree.Tree"], infer_signature(X, model.predict(X))
    mlflow.sklearn.save_model(
        model, folder, signature=signature, skops_trusted_types=trusted, pip_requirements=["pandas"]
    )
    return folder


MANY = [
    MultiOutputClassifier(LogisticRegression()),
    ClassifierChain(LogisticRegression()),
    RandomForestClassifier(5, random_state=1),
    OneVsRestClassifier(LogisticRegression()),
    make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression())),
    LinearRegression(),
]


@pytest.mark.parametrize("model", MANY, ids=lambda model: type(model).__name__)
def test_a_model_of_two_targets_gets_an_output_for_each_and_they_are_what_it_predicts(
    model: BaseEstimator, tmp_path: Path
) -> None:
    folder = logged(model, TWO.to_numpy(), tmp_path / "model")
    proposed = proposed_outputs(folder)
    assert {name: how["column"] for name, how in proposed.items()} == {"prediction_0": "0", "prediction_1": "1"}
    wanted = [WantedOutput(name, "predict", TYPES[how["type"]], column=how["column"]) for name, how in proposed.items()]
    observed = outputs_of(Pyfunc(folder), Features.of(pa.Table.from_pandas(X)), wanted)
    expected = model.predict(X)
    for place, name in enumerate(proposed):
        np.testing.assert_array_equal(observed.field(name).to_numpy(zero_copy_only=False), expected[:, place])


@pytest.mark.parametrize("model", MANY[:-1], ids=lambda model: type(model).__name__)
def test_label_and_probability_are_those_of_the_output_that_is_named_by_number(
    model: BaseEstimator, tmp_path: Path
) -> None:
    folder = logged(model, TWO.to_numpy(), tmp_path / "model")
    wanted = [
        WantedOutput("label", "label", pa.int64(), column="1"),
        WantedOutput("p", "probability", pa.float64(), column="1"),
    ]
    observed = outputs_of(Pyfunc(folder), Features.of(pa.Table.from_pandas(X)), wanted)
    given = model.predict_proba(X)
    expected = np.asarray(given[1])[:, 1] if isinstance(given, list) else given[:, 1]
    np.testing.assert_allclose(observed.field("p").to_numpy(), expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(observed.field("label").to_numpy(), np.asarray(model.predict(X))[:, 1])


def test_two_labels_of_xgboost_are_not_taken_for_two_classes(tmp_path: Path) -> None:
    import xgboost

    model = xgboost.XGBClassifier(n_estimators=3).fit(X, TWO.to_numpy())
    mlflow.xgboost.save_model(
        model, tmp_path / "model", signature=infer_signature(X, model.predict(X)), pip_requirements=["pandas"]
    )
    predictor = Pyfunc(tmp_path / "model")
    assert predictor.classes() == [[False, True], [False, True]]
    assert list(proposed_outputs(tmp_path / "model")) == ["prediction_0", "prediction_1"]
    with pytest.raises(ValueError, match="output 'p': the model has 2 outputs; name one by 'column', 0 to 1"):
        outputs_of(predictor, Features.of(pa.Table.from_pandas(X)), [WantedOutput("p", "probability", pa.float64())])


def test_a_classifier_of_one_output_keeps_label_and_probability(tmp_path: Path) -> None:
    proposed = proposed_outputs(logged(LogisticRegression(), ONE, tmp_path / "model"))
    assert {name: how["result"] for name, how in proposed.items()} == {
        "prediction": "label",
        "probability": "probability",
    }


@pytest.mark.parametrize("classes", [2, 3])
def test_a_signature_of_probabilities_is_none_of_several_outputs(tmp_path: Path, classes: int) -> None:
    model = LogisticRegression().fit(X, (X["a"] * classes).astype(int))
    signature = infer_signature(X, model.predict_proba(X))
    mlflow.sklearn.save_model(model, tmp_path / "model", signature=signature, pip_requirements=["pandas"])
    assert proposed_outputs(tmp_path / "model")["prediction"]["result"] == "label"


def test_columns_keep_their_names_where_these_may_be_an_outputs(tmp_path: Path) -> None:
    answers = TWO.rename(columns={"first": "run_id"})

    signature = infer_signature(X, answers.assign(third=1.5))
    mlflow.pyfunc.save_model(
        tmp_path / "model", python_model=anything(), signature=signature, pip_requirements=["pandas"]
    )
    found = {name: (how["column"], how["type"]) for name, how in proposed_outputs(tmp_path / "model").items()}
    assert found == {
        "prediction_0": ("run_id", "bigint"),
        "prediction_1": ("second target", "bigint"),
        "third": ("third", "double"),
    }


@pytest.mark.parametrize(
    ("kind", "sql"),
    [
        (DataType.datetime, "timestamp"),
        (DataType.boolean, "boolean"),
        (Array(DataType.double), "array<double>"),
        (Map(DataType.long), "map<string,bigint>"),
        (Object([Property("x", DataType.double), Property("s", DataType.string)]), "struct<s:string,x:double>"),
        (Array(Array(DataType.string)), "array<array<string>>"),
    ],
    ids=str,
)
def test_nested_results_are_proposed_as_what_they_are(tmp_path: Path, kind: Any, sql: str) -> None:
    signature = ModelSignature(inputs=Schema([ColSpec("double", "x")]), outputs=Schema([ColSpec(kind)]))
    mlflow.pyfunc.save_model(
        tmp_path / "model", python_model=anything(), signature=signature, pip_requirements=["pandas"]
    )
    assert proposed_outputs(tmp_path / "model") == {"prediction": {"result": "predict", "type": sql}}


def test_a_result_that_no_table_can_hold_is_refused_in_a_sentence(tmp_path: Path) -> None:
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", "x")]), outputs=Schema([ColSpec(DataType.binary, "bytes")])
    )
    mlflow.pyfunc.save_model(
        tmp_path / "model", python_model=anything(), signature=signature, pip_requirements=["pandas"]
    )
    with pytest.raises(ModelError, match="a result of type binary, which no column of predictions can have"):
        proposed_outputs(tmp_path / "model")
