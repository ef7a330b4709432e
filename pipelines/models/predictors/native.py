"""Predictors that hand a batch to the model's own library, without pandas where it takes NumPy, on one thread.

Each wraps the object that MLflow loaded, so a model is loaded once. Before one is used, its results are held against
the model's `pyfunc` (see `proving`): what these classes assume of a library is never taken on trust.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.models.predictors.features import Features
from pipelines.models.predictors.predictor import NoProbabilitiesError, Predictor, Pyfunc, plain_classes


def native_predictor(folder: Path, flavors: Mapping[str, Mapping[str, Any]], pyfunc: Pyfunc) -> Predictor | None:
    """The predictor of the model's own library; none where there is no quicker way than pyfunc.

    Args:
        folder: the model's.
        flavors: what its MLmodel file says of each.
        pyfunc: the model, loaded.
    """
    make = _BY_LOADER.get(flavors["python_function"]["loader_module"])
    if make is None:
        return None
    try:
        return make(_Loaded(pyfunc.raw, folder, flavors))
    except Exception:  # an object that is not what its flavor promises is left to pyfunc
        return None


class LightGBM:
    """A LightGBM booster, or the scikit-learn wrapper of one; it takes the matrix as it lies in memory."""

    name = "lightgbm"
    takes_numbers_only = True

    def __init__(self, model: Any) -> None:
        self._model = model
        self._booster = getattr(model, "booster_", model)

    def predict(self, features: Features) -> Any:
        """The values; of a classifier the classes."""
        if not hasattr(self._model, "classes_"):
            return self._booster.predict(features.matrix(), num_threads=1)
        return self._model.classes_[np.argmax(self.predict_proba(features), axis=1)]

    def predict_proba(self, features: Features) -> Any:
        """The probabilities, rows by classes."""
        values = self._booster.predict(features.matrix(), num_threads=1)
        return np.column_stack([1.0 - values, values]) if values.ndim == 1 else values

    def classes(self) -> list[Any]:
        """The wrapper's classes."""
        return plain_classes(self._model)


class XGBoost:
    """An XGBoost booster, or the scikit-learn wrapper of one; predicts in place, without a matrix of its own."""

    name = "xgboost"
    takes_numbers_only = True

    def __init__(self, model: Any) -> None:
        self._model = model
        if hasattr(model, "set_params"):
            model.set_params(n_jobs=1)
        else:
            model.set_param({"nthread": 1})

    def predict(self, features: Features) -> Any:
        """The values; of a classifier the classes."""
        matrix = features.matrix()
        if not hasattr(self._model, "inplace_predict"):
            return self._model.predict(matrix)
        if np.isinf(matrix).any():
            raise ValueError("an input is infinite")  # as XGBoost's own matrix, which pyfunc makes, has it
        return self._model.inplace_predict(matrix, validate_features=False)

    def predict_proba(self, features: Features) -> Any:
        """The probabilities, rows by classes."""
        return self._model.predict_proba(features.matrix())

    def classes(self) -> list[Any]:
        """The wrapper's classes."""
        return plain_classes(self._model)


class ScikitLearn:
    """A scikit-learn estimator or pipeline; it is given a frame, as its steps find columns by their names.

    Where all inputs are of one type the frame is a view of the batch, so nothing is copied for it.
    """

    name = "sklearn"
    takes_numbers_only = False

    def __init__(self, model: Any, method: str) -> None:
        threads = {name: 1 for name in model.get_params() if name.rpartition("__")[2] == "n_jobs"}
        self._model = model.set_params(**threads) if threads else model
        self._predict = getattr(model, method)

    def predict(self, features: Features) -> Any:
        """What the method that the model was logged with gives."""
        return self._predict(features.frame())

    def predict_proba(self, features: Features) -> Any:
        """The probabilities, rows by classes."""
        return self._model.predict_proba(features.frame())

    def classes(self) -> list[Any]:
        """The estimator's classes."""
        return plain_classes(self._model)


class CatBoost:
    """A CatBoost model of numbers only; with categories it needs pandas, and is left to pyfunc."""

    name = "catboost"
    takes_numbers_only = True

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, features: Features) -> Any:
        """The values; of a classifier the classes."""
        return self._model.predict(features.matrix(), thread_count=1)

    def predict_proba(self, features: Features) -> Any:
        """The probabilities, rows by classes."""
        return self._model.predict_proba(features.matrix(), thread_count=1)

    def classes(self) -> list[Any]:
        """The model's classes."""
        return plain_classes(self._model)


class Onnx:
    """An ONNX model with one input tensor, in a session of one thread that does not spin while it waits."""

    name = "onnx"
    takes_numbers_only = True

    def __init__(self, file: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._inputs = self._session.get_inputs()
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def takes_one_tensor(self) -> bool:
        """Whether there is one input, of floating point numbers."""
        return [item.type for item in self._inputs] in (["tensor(float)"], ["tensor(double)"])

    def predict(self, features: Features) -> Any:
        """A frame with one column an output, each flattened, as MLflow gives it."""
        import pandas as pd

        kind = np.float32 if self._inputs[0].type == "tensor(float)" else np.float64
        matrix = features.matrix().astype(kind, copy=False)
        results = self._session.run(self._outputs, {self._inputs[0].name: matrix})
        columns = zip(self._outputs, results, strict=True)
        return pd.DataFrame({name: np.asarray(result).reshape(-1) for name, result in columns})

    def predict_proba(self, features: Features) -> Any:  # noqa: ARG002 - as the protocol has it
        """None: an ONNX graph does not say which of its outputs are probabilities."""
        raise NoProbabilitiesError("an ONNX model has no predict_proba: use result 'predict' with its output as column")

    def classes(self) -> list[Any]:
        """No probabilities: the model has none."""
        raise NoProbabilitiesError("an ONNX model does not name its classes: use result 'predict'")


@dataclass(frozen=True)
class _Loaded:
    """What a predictor is made of: the library's object, the model's folder, and its flavors."""

    model: Any
    folder: Path
    flavors: Mapping[str, Any]


def _lightgbm(loaded: _Loaded) -> Predictor | None:
    booster = getattr(loaded.model, "booster_", loaded.model)
    return None if booster.pandas_categorical else LightGBM(loaded.model)


def _xgboost(loaded: _Loaded) -> Predictor | None:
    booster = loaded.model if hasattr(loaded.model, "inplace_predict") else loaded.model.get_booster()
    return None if "c" in (booster.feature_types or []) else XGBoost(loaded.model)


def _sklearn(loaded: _Loaded) -> Predictor | None:
    return ScikitLearn(loaded.model, loaded.flavors["python_function"].get("predict_fn", "predict"))


def _catboost(loaded: _Loaded) -> Predictor | None:
    needs_pandas = loaded.model.get_cat_feature_indices() or loaded.model.get_text_feature_indices()
    return None if needs_pandas else CatBoost(loaded.model)


def _onnx(loaded: _Loaded) -> Predictor | None:
    predictor = Onnx(loaded.folder / loaded.flavors["onnx"]["data"])
    return predictor if predictor.takes_one_tensor else None


_BY_LOADER: Mapping[str, Callable[[_Loaded], Predictor | None]] = {
    "mlflow.lightgbm": _lightgbm,
    "mlflow.xgboost": _xgboost,
    "mlflow.sklearn": _sklearn,
    "mlflow.catboost": _catboost,
    "mlflow.onnx": _onnx,
}
