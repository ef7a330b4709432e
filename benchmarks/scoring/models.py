"""The models that score, each trained on made data and saved as MLflow does."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.models import infer_signature

from benchmarks.scoring.shapes import Shape

PACKAGES = {"sklearn": "scikit-learn"}
"""Where a package has another name than its flavor."""
Train = Callable[[Shape, pd.DataFrame, Any], Any]


def save(name: str, shape: Shape, folder: Path) -> None:
    """Train a model for a shape and save it."""
    inputs, answers = shape.training()
    model = MODELS[name](shape, inputs, answers)
    if name == "onnx":
        import onnxruntime

        tensor = inputs.head().to_numpy(np.float32)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        predicted = session.run(None, {session.get_inputs()[0].name: tensor})[0]
        signature = infer_signature(
            inputs.astype(np.float32), pd.DataFrame({session.get_outputs()[0].name: predicted[:, 0]})
        )
        mlflow.onnx.save_model(model, folder, signature=signature, pip_requirements=_pinned("onnxruntime"))
        return
    signature = infer_signature(inputs, model.predict(inputs.head()))
    flavor = {"LGBMRegressor": "lightgbm", "XGBRegressor": "xgboost"}.get(type(model).__name__, "sklearn")
    options = {"serialization_format": "cloudpickle"} if flavor == "sklearn" else {}
    getattr(mlflow, flavor).save_model(
        model, folder, signature=signature, pip_requirements=_pinned(PACKAGES.get(flavor, flavor)), **options
    )


def _pinned(package: str) -> list[str]:
    """What a model needs in an environment of its own."""
    return [f"{name}=={importlib.metadata.version(name)}" for name in ("mlflow", "pandas", package)]


def _linear(shape: Shape, inputs: pd.DataFrame, answers: Any) -> Any:
    from sklearn.linear_model import LinearRegression

    return _after_encoding(shape, LinearRegression(), one_hot=True).fit(inputs, answers)


def _pipeline(shape: Shape, inputs: pd.DataFrame, answers: Any) -> Any:
    """Gaps filled, numbers scaled, then a linear model."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(inputs, answers)


def _lightgbm(shape: Shape, inputs: pd.DataFrame, answers: Any, *, trees: int, leaves: int) -> Any:
    import lightgbm

    model = lightgbm.LGBMRegressor(n_estimators=trees, num_leaves=leaves, verbose=-1)
    return _after_encoding(shape, model, one_hot=False).fit(inputs, answers)


def _xgboost(shape: Shape, inputs: pd.DataFrame, answers: Any) -> Any:
    import xgboost

    return xgboost.XGBRegressor(n_estimators=100, max_depth=5).fit(inputs, answers)


def _onnx(shape: Shape, inputs: pd.DataFrame, answers: Any) -> Any:
    """A network of two layers."""
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPRegressor

    numbers = inputs.to_numpy(np.float32)
    network = MLPRegressor(hidden_layer_sizes=(32, 16), max_iter=5, random_state=1).fit(numbers, answers)
    return to_onnx(network, numbers[:1])


def _after_encoding(shape: Shape, model: Any, *, one_hot: bool) -> Any:
    """The model alone where all inputs are numbers; else behind an encoding of texts and a filling of gaps."""
    if shape.is_numeric:
        return model
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    texts = [name for name, kind in shape.types.items() if kind == pa.string()]
    numbers = [name for name in shape.types if name not in texts]
    encoder = (
        OneHotEncoder(handle_unknown="ignore")
        if one_hot
        else OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    )
    return make_pipeline(ColumnTransformer([("texts", encoder, texts), ("numbers", SimpleImputer(), numbers)]), model)


MODELS: dict[str, Train] = {
    "linear": _linear,
    "lightgbm_100": partial(_lightgbm, trees=100, leaves=31),
    "lightgbm_500": partial(_lightgbm, trees=500, leaves=63),
    "xgboost_100": _xgboost,
    "pipeline": _pipeline,
    "onnx": _onnx,
}
