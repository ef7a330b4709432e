"""Saved models to predict with, made once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from unit.samples import classifier, training_rows


def python_models() -> dict[str, Any]:
    """A model of two columns, one that loses a row, one that sorts its rows, and one that says -1 and 1."""
    from mlflow.pyfunc.model import PythonModel

    class Columns(PythonModel):
        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
            return pd.DataFrame({"double": model_input["age"] * 2, "high": model_input["age"] > 50})

    class Forgetful(PythonModel):
        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
            return model_input["age"].to_numpy()[:-1]

    class Sorting(PythonModel):
        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
            return model_input.sort_values("age")["age"] * 2

    class Signs(PythonModel):
        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
            return (model_input["age"] > 50).astype(int) * 2 - 1

    return {"columns": Columns(), "forgetful": Forgetful(), "sorting": Sorting(), "signs": Signs()}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The saved models' folders by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making the models is not what is tested
        return saved_models(tmp_path_factory.mktemp("models"))


def saved_models(root: Path) -> dict[str, Path]:
    """Save one model of each kind below a folder."""
    import lightgbm
    import mlflow
    from mlflow.models import infer_signature

    frame, label = training_rows()
    trees = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(frame, label)
    saves: dict[str, Callable[..., None]] = {
        "sklearn": lambda **k: mlflow.sklearn.save_model(classifier(), pip_requirements=["scikit-learn"], **k),
        "lightgbm": lambda **k: mlflow.lightgbm.save_model(trees, pip_requirements=["lightgbm"], **k),
    }
    for name, model in python_models().items():
        saves[name] = partial(mlflow.pyfunc.save_model, python_model=model, pip_requirements=["pandas"])
    for name, save in saves.items():
        save(path=str(root / name), signature=infer_signature(frame))
    return {name: root / name for name in saves}
