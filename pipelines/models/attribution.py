"""What a model's library tells of the raw scores of one row, before the one that was predicted is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, Any]

SEVERAL = "it predicts several targets, and contributions are told of one"
SHARE = 1e-4
"""How far sums may be from the score, as a share of what is added: XGBoost adds in 32 bits."""


@dataclass(frozen=True)
class Given:
    """One row, as the model itself is given it.

    Args:
        row: a pandas frame or a matrix of one row.
        names: its columns.
    """

    row: Any
    names: tuple[str, ...]

    @property
    def has_categories(self) -> bool:
        """Whether a column is one of pandas' categories."""
        return isinstance(self.row, pd.DataFrame) and any(
            isinstance(kind, pd.CategoricalDtype) for kind in self.row.dtypes
        )

    @property
    def is_numeric(self) -> bool:
        """Whether all columns of a frame are numbers or booleans."""
        return not isinstance(self.row, pd.DataFrame) or all(map(pd.api.types.is_numeric_dtype, self.row.dtypes))

    def matrix(self) -> Array:
        """The row as doubles; a null is NaN.

        Raises:
            ValueError: a value is no number.
        """
        return np.asarray(self.row, dtype=np.float64)

    def for_estimator(self, model: Any) -> Any:
        """What a scikit-learn estimator takes without a warning: with names where it was trained with them."""
        return self.row if hasattr(model, "feature_names_in_") else self.matrix()


@dataclass(frozen=True)
class Attribution:
    """Each raw score of one row, taken apart.

    Args:
        of: what each score is; none where they are values of several targets.
        bases: of each score the share that no input has; of shape (scores,).
        parts: what each input added; of shape (scores, inputs).
        scores: what the model itself gives for the row; of shape (scores,).
    """

    of: tuple[str, ...]
    bases: Array
    parts: Array
    scores: Array

    @property
    def sums(self) -> Array:
        """What base and parts add up to; of shape (scores,)."""
        return np.asarray(self.bases + self.parts.sum(axis=1))

    @property
    def is_exact(self) -> bool:
        """Whether they add up to the model's own scores."""
        added = np.abs(self.bases) + np.abs(self.parts).sum(axis=1)
        return self.sums.shape == self.scores.shape and bool((np.abs(self.sums - self.scores) <= SHARE * added).all())


def named_scores(scores: Array, predicted: Array, classes: Sequence[Any] | Array | None) -> tuple[str, ...]:
    """What each raw score is, by how the model's prediction follows from it.

    Args:
        scores: of the row.
        predicted: what it predicts for the row: a value, or the probability of the second of two classes.
        classes: in the order of the scores; of one score the two that it decides between; None of a regression.

    >>> named_scores(np.array([0.0]), np.array([0.5]), ["no", "yes"])
    ('log-odds',)
    >>> named_scores(np.array([2.0]), np.array([2.0]), None)
    ('prediction',)
    """
    if len(scores) > 1:
        return () if classes is None else tuple(f"score of class {label}" for label in classes)
    score, value = float(scores[0]), float(predicted[-1])
    if classes is None and np.isclose(score, value, rtol=SHARE):
        return ("prediction",)
    with np.errstate(over="ignore"):  # of a score so large that its probability is 0
        odds = 1 / (1 + np.exp(-score))
    if np.allclose([odds, 1 - odds], [value, 1 - value], rtol=SHARE, atol=1e-6):
        return ("log-odds",)
    if classes is not None:
        return (f"score of class {classes[1]}",)
    return ("log of the prediction",) if value > 0 and np.isclose(score, np.log(value), rtol=SHARE) else ("raw score",)


def score_of_regression(sums: Array, predicted: Array) -> Array:
    """The raw score behind a prediction: its logarithm where the sums are that, else the prediction.

    Poisson, gamma and Tweedie regressions add up before they take the exponential, and scikit-learn does not give
    that score.
    """
    values = np.asarray(predicted, dtype=np.float64).reshape(-1)
    if (values > 0).all() and np.allclose(np.log(values), sums, rtol=SHARE):
        return np.log(values)
    return values
