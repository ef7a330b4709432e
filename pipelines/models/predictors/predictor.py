"""A loaded model, in the worker, and the one that every MLflow model has: its own `pyfunc`. Knows nothing of Spark."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pipelines.models.isolation.host_program import gives_many_labels
from pipelines.models.predictors.features import Features


class Predictor(Protocol):
    """A model that predicts rows of features; what it returns has as many rows, in their order."""

    @property
    def name(self) -> str:
        """What predicts: `pyfunc`, or the library."""

    @property
    def takes_numbers_only(self) -> bool:
        """Whether it predicts from the features' matrix."""

    def predict(self, features: Features) -> Any:
        """What the model's `predict` gives: an array of one or two dimensions, a list, a pandas Series or frame."""

    def predict_proba(self, features: Features) -> Any:
        """The probabilities, rows by classes.

        Raises:
            NoProbabilitiesError: the model gives none.
        """

    def classes(self) -> list[Any]:
        """The classes in the order of the probabilities, as plain Python values; of several outputs a list of each."""


def suits(predictor: Predictor, features: Features) -> bool:
    """Whether the predictor can take such features."""
    return features.is_numeric or not predictor.takes_numbers_only


class NoProbabilitiesError(TypeError):
    """The model has no predict_proba."""


class Pyfunc:
    """The model as MLflow loads and calls it, with its checks of the signature.

    Args:
        folder: the model's.
        parameters: of the signature; passed to `predict`.
    """

    name = "pyfunc"
    takes_numbers_only = False

    def __init__(self, folder: Path, parameters: Mapping[str, Any] | None = None) -> None:
        import mlflow.pyfunc

        # A model's own code would be compiled into the folder, whose digest others hold against what was looked up.
        sys.dont_write_bytecode = True
        self._model = mlflow.pyfunc.load_model(str(folder))
        self._parameters = dict(parameters or {})

    @property
    def raw(self) -> Any:
        """The library's own object; the pyfunc itself where it is a Python function of the user's own."""
        try:
            return self._model.get_raw_model()
        except NotImplementedError:
            return self._model

    def predict(self, features: Features) -> Any:
        """What `mlflow.pyfunc.PyFuncModel.predict` gives for the rows as a pandas frame."""
        frame = features.frame()
        return self._model.predict(frame, params=self._parameters) if self._parameters else self._model.predict(frame)

    def predict_proba(self, features: Features) -> Any:
        """What the library's own `predict_proba` gives; MLflow has no word for it."""
        return self._classifier().predict_proba(features.frame())

    def classes(self) -> list[Any]:
        """The library's `classes_`."""
        return plain_classes(self._classifier())

    def _classifier(self) -> Any:
        raw = self.raw
        if not hasattr(raw, "predict_proba"):
            raise NoProbabilitiesError(
                f"outputs of result 'probability', 'probabilities' or 'label' need a model with predict_proba, "
                f"and {type(raw).__name__} has none: use result 'predict'"
            )
        return raw


def plain_classes(classifier: Any) -> list[Any]:
    """A classifier's classes as Python values, which compare equal to those of a configuration.

    Of a classifier with several outputs they are a list for each. One that gives each row any number of labels has an
    output for each label, false or true: its probabilities are independent, and no label is the likeliest.
    """
    labels = _labels(classifier)
    return [[False, True]] * labels if labels else [_plain(item) for item in classifier.classes_]


def _plain(item: Any) -> Any:
    if hasattr(item, "tolist"):  # a number or an array of NumPy's
        return item.tolist()
    return list(item) if isinstance(item, list | tuple) else item


def _labels(classifier: Any) -> int:
    """How many labels a row may have at once; 0 where classes exclude each other. A pipeline's last step says so."""
    last = classifier.steps[-1][1] if hasattr(classifier, "steps") else classifier
    if hasattr(last, "get_booster"):  # XGBoost's; it names two classes even of two labels
        model = json.loads(last.get_booster().save_config())["learner"]["learner_model_param"]
        targets = int(model.get("num_target", 1))
        return targets if targets > 1 else 0
    return len(last.classes_) if gives_many_labels(last) else 0
