"""What each input added to one prediction, for models whose own library tells that exactly.

Tree ensembles of LightGBM and XGBoost: TreeSHAP (Lundberg et al., 2020, doi 10.1038/s42256-019-0138-9), as
`pred_contrib` and `pred_contribs` give it. Linear models: coefficient times value. In each case the base and the
contributions add up to the model's raw score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.models.features import Features


@dataclass(frozen=True)
class Contributions:
    """One prediction, taken apart.

    Args:
        of: what the numbers add up to: `log-odds` of the positive class, `score of class …`, or `prediction`.
        base: the share that no input has: the average of the training rows, or the intercept.
        by_input: what each input added; of a pipeline with transformers, each column that these gave.
    """

    of: str
    base: float
    by_input: Mapping[str, float]

    @property
    def total(self) -> float:
        """The model's raw score of the row."""
        return self.base + sum(self.by_input.values())

    def largest(self, most: int) -> list[tuple[str, float]]:
        """The inputs that mattered most, largest first."""
        ordered = sorted(self.by_input.items(), key=lambda item: -abs(item[1]))
        return [item for item in ordered[:most] if item[1]]


def contributions(model: Any, row: Features) -> Contributions | None:
    """What each input added to the prediction of one row; none where the model's kind does not tell.

    Args:
        model: the library's own object: a booster, an estimator or a scikit-learn pipeline that ends with one.
        row: one row of the model's inputs.
    """
    if hasattr(model, "steps") and hasattr(model, "named_steps"):
        before, last = model[:-1], model[-1]
        if not model.steps[:-1]:
            return _of_matrix(last, row.matrix(), row.names)
        values = before.transform(row.frame())
        matrix = np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=np.float64)
        names = [str(name).rpartition("__")[2] for name in before.get_feature_names_out()]
        return _of_matrix(last, matrix, _distinct(names))
    return _of_matrix(model, row.matrix(), row.names) if row.is_numeric else None


def _of_matrix(model: Any, matrix: np.ndarray[Any, Any], names: Sequence[str]) -> Contributions | None:
    library = type(model).__module__.partition(".")[0]
    if library == "lightgbm":
        return _lightgbm(model, matrix, names)
    if library == "xgboost":
        return _xgboost(model, matrix, names)
    if hasattr(model, "coef_") and hasattr(model, "intercept_"):
        return _linear(model, matrix, names)
    return None


def _lightgbm(model: Any, matrix: np.ndarray[Any, Any], names: Sequence[str]) -> Contributions | None:
    booster = getattr(model, "booster_", model)
    if booster.pandas_categorical:
        return None
    parts = booster.predict(matrix, pred_contrib=True, num_threads=1).reshape(-1, len(names) + 1)
    classes = getattr(model, "classes_", None)
    is_binary = "objective=binary" in booster.model_to_string(num_iteration=1)
    return _likeliest(parts[:, -1], parts[:, :-1], names, classes, is_binary=is_binary)


def _xgboost(model: Any, matrix: np.ndarray[Any, Any], names: Sequence[str]) -> Contributions | None:
    import xgboost

    booster = model.get_booster() if hasattr(model, "get_booster") else model
    if "c" in (booster.feature_types or []):
        return None
    rows = xgboost.DMatrix(matrix, feature_names=booster.feature_names)
    parts = booster.predict(rows, pred_contribs=True, strict_shape=True, validate_features=False)[0].astype(np.float64)
    is_binary = '"binary:logistic"' in booster.save_config()
    return _likeliest(parts[:, -1], parts[:, :-1], names, getattr(model, "classes_", None), is_binary=is_binary)


def _linear(model: Any, matrix: np.ndarray[Any, Any], names: Sequence[str]) -> Contributions | None:
    coefficients = np.atleast_2d(model.coef_)
    if coefficients.shape[1] != len(names):
        return None
    base = np.broadcast_to(np.atleast_1d(model.intercept_), len(coefficients)).astype(np.float64)
    classes = getattr(model, "classes_", None)
    return _likeliest(base, coefficients * matrix[0], names, classes, is_binary=classes is not None)


def _likeliest(
    bases: np.ndarray[Any, Any],
    parts: np.ndarray[Any, Any],
    names: Sequence[str],
    classes: Any,
    *,
    is_binary: bool,
) -> Contributions | None:
    """Those of the one score that there is, or of the class with the highest."""
    place = int(np.argmax(bases + parts.sum(axis=1)))
    if len(bases) > 1 and classes is None:
        return None  # several targets: none of them is the prediction
    of = f"score of class {classes[place]}" if len(bases) > 1 else "log-odds" if is_binary else "prediction"
    return Contributions(of, float(bases[place]), dict(zip(names, map(float, parts[place]), strict=True)))


def _distinct(names: Sequence[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name}#{place}" for place, name in enumerate(names)]
