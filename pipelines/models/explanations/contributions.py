"""What each input added to one prediction, for models that can be taken apart exactly.

Tree ensembles: TreeSHAP (Lundberg et al., 2020, doi 10.1038/s42256-019-0138-9), as LightGBM, XGBoost and CatBoost
give it themselves, and as the library shap gives it for those of scikit-learn. Linear models: coefficient times value.
In each case the base and the contributions add up to the model's raw score, which is checked for the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.models.explanations.attribution import SEVERAL, Attribution, Given, named_scores, score_of_regression
from pipelines.models.explanations.boosters import of_catboost, of_lightgbm, of_xgboost
from pipelines.models.explanations.links import link_of_sklearn
from pipelines.models.explanations.sklearn_trees import is_tree, of_sklearn_trees
from pipelines.models.predictors.features import Features

OTHER_KIND = "contributions are known for linear models and trees of LightGBM, XGBoost, CatBoost and scikit-learn"


@dataclass(frozen=True)
class Contributions:
    """One prediction, taken apart.

    Args:
        of: what the numbers add up to: `log-odds` of the positive class, `probability of class …`, `score of class …`,
            `prediction`, `log of the prediction`, or a `raw score` that the model turns into its prediction otherwise.
        base: the share that no input has: the intercept, or the mean over the training rows as the trees weight them:
            by their number or sample weights, and XGBoost by the loss's second derivative.
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


def contributions(model: Any, row: Features) -> Contributions | str:
    """What each input added to the prediction of one row; else why that is not known, with the model's class.

    Args:
        model: the library's own object: a booster, an estimator, a scikit-learn pipeline that ends with one, or a
            search over the parameters of any of these.
        row: one row of the model's inputs.
    """
    return _contributions(model, Given(row.frame(), row.names))


def _contributions(model: Any, given: Given) -> Contributions | str:
    if hasattr(model, "best_estimator_"):  # of a search over parameters
        return _contributions(model.best_estimator_, given)
    if hasattr(model, "steps") and hasattr(model, "named_steps"):
        return _contributions(model[-1], _transformed(model[:-1], given) if len(model) > 1 else given)
    found = _attribution(model, given)
    if isinstance(found, str):
        return f"{type(model).__name__}: {found}"
    if not found.of:
        return f"{type(model).__name__}: {SEVERAL}"
    if not found.is_exact:
        return f"{type(model).__name__}: they add up to {found.sums}, and its own raw score is {found.scores}"
    place = int(np.argmax(found.scores))
    by_input = dict(zip(given.names, map(float, found.parts[place]), strict=True))
    return Contributions(found.of[place], float(found.bases[place]), by_input)


def _attribution(model: Any, given: Given) -> Attribution | str:
    library = type(model).__module__.partition(".")[0]
    if library == "lightgbm":
        return of_lightgbm(model, given)
    if library == "xgboost":
        return of_xgboost(model, given)
    if library == "catboost":
        return of_catboost(model, given)
    if library == "sklearn" and is_tree(model):
        return of_sklearn_trees(model, given)
    if hasattr(model, "coef_") and hasattr(model, "intercept_"):
        return _linear(model, given)
    return OTHER_KIND


def _linear(model: Any, given: Given) -> Attribution | str:
    coefficients = np.atleast_2d(model.coef_)
    if coefficients.shape[1] != len(given.names):
        return f"it has {coefficients.shape[1]} coefficients for {len(given.names)} inputs"
    parts = coefficients * given.matrix()[0]
    bases = np.broadcast_to(np.atleast_1d(model.intercept_), len(parts)).astype(np.float64)
    row, link = given.for_estimator(model), link_of_sklearn(model)
    if hasattr(model, "decision_function"):
        scores = np.reshape(model.decision_function(row), -1)
    else:
        scores = score_of_regression(link, model.predict(row))
    return Attribution(named_scores(link, len(scores), getattr(model, "classes_", None)), bases, parts, scores)


def _transformed(steps: Any, given: Given) -> Given:
    """The row after a pipeline's transformers; each column by its name without those of its transformers."""
    row = steps.transform(given.row)
    columns = [str(name) for name in (row.columns if hasattr(row, "columns") else steps.get_feature_names_out())]
    names = _distinct(columns, [_without_transformers(name, steps) for name in columns])
    return Given(row.toarray() if hasattr(row, "toarray") else row, tuple(names))


def _without_transformers(name: str, step: Any) -> str:
    """A column's name without what scikit-learn put before it: `NAME__`, of the transformer that it went through."""
    if hasattr(step, "named_steps"):
        for _, part in reversed(step.steps):
            name = _without_transformers(name, part)
    elif getattr(step, "verbose_feature_names_out", None) is True:  # side by side: ColumnTransformer, FeatureUnion
        for label, part, *_ in getattr(step, "transformers_", None) or step.transformer_list:
            if name.startswith(f"{label}__"):
                return _without_transformers(name.removeprefix(f"{label}__"), part)
    return name


def _distinct(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The short names; of two columns that would have the same, the whole ones, and the place where these are too."""
    either = [name if names.count(name) == 1 else column for column, name in zip(columns, names, strict=True)]
    return [name if either.count(name) == 1 else f"{name}#{place}" for place, name in enumerate(either)]
