"""A real model of each MLflow flavor on Spark: what its own pyfunc gives, by the predictor that is documented."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from pyspark.sql import SparkSession
from support.registries import use_registry
from support.small_project import DAY, SmallProject, orders_of

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("compiled")]

Log = Callable[[pd.DataFrame, Any, Path], dict[str, Any]]
"""Trains a model and logs it; what MLflow's `log_model` takes besides name and registry."""


def data() -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(5)
    inputs = pd.DataFrame({"amount": random.uniform(0, 500, 300), "quantity": random.integers(1, 5, 300).astype(float)})
    return inputs, inputs["amount"] / 500 + 0.1 * inputs["quantity"] + random.normal(0, 0.05, 300)


def lightgbm(inputs: pd.DataFrame, answers: Any, place: Path) -> dict[str, Any]:
    import lightgbm

    model = lightgbm.LGBMRegressor(n_estimators=20, verbose=-1).fit(inputs, answers)
    return {"flavor": mlflow.lightgbm, "model": model, "predicted": model.predict(inputs)}


def lightgbm_booster(inputs: pd.DataFrame, answers: Any, place: Path) -> dict[str, Any]:
    import lightgbm

    model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(inputs, answers), num_boost_round=20)
    return {"flavor": mlflow.lightgbm, "model": model, "predicted": model.predict(inputs)}


def xgboost(inputs: pd.DataFrame, answers: Any, place: Path) -> dict[str, Any]:
    import xgboost

    model = xgboost.XGBRegressor(n_estimators=20).fit(inputs, answers)
    return {"flavor": mlflow.xgboost, "model": model, "predicted": model.predict(inputs)}


def sklearn(inputs: pd.DataFrame, answers: Any, place: Path) -> dict[str, Any]:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), Ridge()).fit(inputs, answers)
    return {"flavor": mlflow.sklearn, "model": model, "predicted": model.predict(inputs)}


def catboost(inputs: pd.DataFrame, answers: Any, place: Path) -> dict[str, Any]:
    from catboost import CatBoostRegressor

    model = CatBoostRegressor(iterations=20, verbose=0, allow_writing_files=False).fit(inputs, answers)
    return {"flavor": mlflow.catboost, "model": model, "predicted": model.predict(inputs)}


def onnx(inputs: pd.DataFrame, answers: Any, place: Path) -> dict[str, Any]:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    model = to_onnx(LinearRegression().fit(inputs, answers), inputs.to_numpy(np.float32)[:1])
    (name,) = [output.name for output in model.graph.output]
    answered = pd.DataFrame({name: np.asarray(answers, np.float32)})
    return {"flavor": mlflow.onnx, "model": model, "predicted": answered, "inputs": inputs.astype(np.float32)}


def statsmodels(inputs: pd.DataFrame, answers: Any, place: Path) -> dict[str, Any]:
    import statsmodels.api as sm

    model = sm.OLS(answers, inputs).fit()
    return {"flavor": mlflow.statsmodels, "model": model, "predicted": model.predict(inputs)}


PYFUNC = """
import mlflow


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["amount"] / 500 + 0.1 * model_input["quantity"]


mlflow.models.set_model(Model())
"""
SHIPPED = """
import mlflow
from weighing_of_orders import weigh


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return weigh(model_input["amount"], model_input["quantity"])


mlflow.models.set_model(Model())
"""


def pyfunc(inputs: pd.DataFrame, answers: Any, place: Path) -> dict[str, Any]:
    (place / "model.py").write_text(PYFUNC)
    return {"flavor": mlflow.pyfunc, "python_model": str(place / "model.py"), "predicted": answers}


def pyfunc_class(inputs: pd.DataFrame, answers: Any, place: Path) -> dict[str, Any]:
    """A class that is pickled with the model."""

    from mlflow.pyfunc.model import PythonModel

    class Model(PythonModel):
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input["amount"] / 500 + 0.1 * model_input["quantity"]

    return {"flavor": mlflow.pyfunc, "python_model": Model(), "predicted": answers}


def pyfunc_with_code(inputs: pd.DataFrame, answers: Any, place: Path) -> dict[str, Any]:
    """Modules that came with the model are found by the workers."""
    (place / "weighing_of_orders.py").write_text("def weigh(a, q):\n    return a / 500 + 0.1 * q\n")
    (place / "model.py").write_text(SHIPPED)
    return {
        "flavor": mlflow.pyfunc,
        "python_model": str(place / "model.py"),
        "code_paths": [str(place / "weighing_of_orders.py")],
        "predicted": answers,
    }


@pytest.mark.parametrize(
    ("log", "allowed", "predictor"),
    [
        (lightgbm, {}, "lightgbm"),
        (lightgbm_booster, {}, "lightgbm"),
        (xgboost, {}, "xgboost"),
        (sklearn, {}, "sklearn"),
        (catboost, {}, "catboost"),
        (onnx, {}, "onnx"),
        (statsmodels, {"allow_pickle": True}, "pyfunc"),
        (pyfunc, {"allow_code": True}, "pyfunc"),
        (pyfunc_class, {"allow_pickle": True}, "pyfunc"),
        (pyfunc_with_code, {"allow_code": True}, "pyfunc"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_slice_gets_what_the_models_own_pyfunc_gives(
    spark: SparkSession,
    small: SmallProject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: Log,
    allowed: dict[str, bool],
    predictor: str,
) -> None:
    inputs, answers = data()
    code = tmp_path / "code"
    code.mkdir()
    monkeypatch.syspath_prepend(code)
    name = f"of_{log.__name__}"
    uri = small.project.environment.tracking_uri
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = log(inputs, answers, code)
        flavor, predicted = made.pop("flavor"), made.pop("predicted")
        signature = infer_signature(made.pop("inputs", inputs), predicted)
        use_registry(uri)
        mlflow.set_experiment("small")
        model = [made.pop("model")] if "model" in made else []
        flavor.log_model(
            *model, name="m", signature=signature, registered_model_name=name, pip_requirements=["mlflow"], **made
        )
        own = mlflow.pyfunc.load_model(f"models:/{name}/1")
    wanted = signature.inputs.input_types()[0].to_pandas()
    outputs: dict[str, Any] = {"type": "double"}
    if isinstance(predicted, pd.DataFrame):
        outputs["column"] = predicted.columns[0]
    sql = signature.inputs.input_types()[0].to_spark().simpleString()
    small.configure(
        model={"name": name, "version": 1, **allowed},
        features={name: f"CAST(coalesce({name}, 0) AS {sql})" for name in ("amount", "quantity")},
        outputs={"probability": outputs},
    )

    result = small.score(spark)

    orders = {order["id"]: order for order in orders_of(DAY)}
    scored = {row["id"]: row["probability"] for row in small.predictions(DAY)}
    rows = [[float(orders[number][column] or 0) for column in ("amount", "quantity")] for number in scored]
    expected = np.asarray(own.predict(pd.DataFrame(rows, columns=["amount", "quantity"]).astype(wanted))).reshape(-1)
    assert len(scored) == 37
    np.testing.assert_allclose(list(scored.values()), expected, rtol=1e-5)
    told = {check["check_id"]: check for check in result.verdict.as_json()}
    assert told["audit:native_predictor"]["found"] == f"used: {predictor}"
