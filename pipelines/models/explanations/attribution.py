"""What a model's library tells of the raw scores of one row, before the one that was predicted is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipelines.models.explanations.links import Link

Array = np.ndarray[Any, Any]

SEVERAL = "it predicts several targets, and contributions are of one"
SHARE = 1e-4
"""How far sums may be from the score, as a share of what is added: XGBoost adds in 32 bits."""
_OF_REGRESSION = {"identity": "prediction", "log": "log of the prediction"}


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


def named_scores(link: Link | None, scores: int, classes: Sequence[Any] | Array | None) -> tuple[str, ...]:
    """What each raw score of a model is.

    Args:
        link: how the prediction follows from it, where the model's objective tells.
        scores: how many there are.
        classes: in the order of the scores; of one score the two that it decides between; None of a regression.

    >>> named_scores("logit", 1, ["no", "yes"])
    ('log-odds',)
    >>> named_scores("identity", 1, None)
    ('prediction',)
    """
    if scores > 1:
        return () if classes is None else tuple(f"score of class {label}" for label in classes)
    if link == "logit":
        return ("log-odds",)
    if classes is not None:
        return (f"score of class {classes[1]}",)
    return ("raw score" if link is None else _OF_REGRESSION[link],)


def score_of_regression(link: Link | None, predicted: Array) -> Array:
    """The raw score behind a prediction, which scikit-learn does not give where it is the prediction's logarithm."""
    values = np.asarray(predicted, dtype=np.float64).reshape(-1)
    if link != "log":
        return values
    with np.errstate(divide="ignore"):  # of a prediction so small that it is 0
        return np.asarray(np.log(values))
