"""Saved models to predict with, made once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from unit.samples import classifier, training_rows


def python_models() -> tuple[Any, Any]:
    """A model of two named columns, and one that loses the last row as models that drop what they cannot take."""
    from mlflow.pyfunc import PythonModel

    class Columns(PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
            return pd.DataFrame({"double": model_input["age"] * 2, "high": model_input["age"] > 50})

    class Forgetful(PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
            return model_input["age"].to_numpy()[:-1]

    return Columns(), Forgetful()


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
    columns, forgetful = python_models()
    saves: dict[str, Callable[..., None]] = {
        "sklearn": lambda **k: mlflow.sklearn.save_model(classifier(), pip_requirements=["scikit-learn"], **k),
        "lightgbm": lambda **k: mlflow.lightgbm.save_model(trees, pip_requirements=["lightgbm"], **k),
        "columns": lambda **k: mlflow.pyfunc.save_model(python_model=columns, pip_requirements=["pandas"], **k),
        "forgetful": lambda **k: mlflow.pyfunc.save_model(python_model=forgetful, pip_requirements=["pandas"], **k),
    }
    for name, save in saves.items():
        save(path=str(root / name), signature=infer_signature(frame))
    return {name: root / name for name in saves}
