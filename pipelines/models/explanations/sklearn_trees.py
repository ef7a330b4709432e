"""Contributions of scikit-learn's trees, by shap: TreeSHAP along the trees' own paths.

The method is that of Lundberg et al., 2020, doi 10.1038/s42256-019-0138-9. shap is an extra of the project.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.models.explanations.attribution import (
    SEVERAL,
    Array,
    Attribution,
    Given,
    named_scores,
    score_of_regression,
)
from pipelines.models.explanations.links import link_of_sklearn

NEEDS_SHAP = "scikit-learn does not tell what each input added, and shap does: pip install shap, or lakescore[explain]"
CATEGORIES = "shap cannot follow the splits by categories that scikit-learn makes"
OTHER_START = "it starts from the predictions of another model, which cannot be taken apart"


def is_tree(model: Any) -> bool:
    """Whether it is one of scikit-learn's trees, forests or boosted trees."""
    from sklearn import ensemble, tree

    return isinstance(
        model,
        (
            tree.DecisionTreeClassifier,
            tree.DecisionTreeRegressor,
            ensemble.RandomForestClassifier,
            ensemble.RandomForestRegressor,
            ensemble.ExtraTreesClassifier,
            ensemble.ExtraTreesRegressor,
            ensemble.GradientBoostingClassifier,
            ensemble.GradientBoostingRegressor,
            ensemble.HistGradientBoostingClassifier,
            ensemble.HistGradientBoostingRegressor,
        ),
    )


def of_sklearn_trees(model: Any, given: Given) -> Attribution | str:
    """By shap: of forests the classes' probabilities, of boosted trees the raw scores; else why not."""
    if getattr(model, "n_outputs_", 1) > 1:
        return SEVERAL
    if np.any(getattr(model, "is_categorical_", None)):
        return CATEGORIES
    if hasattr(model, "init_") and not _starts_from_one_value(model):
        return OTHER_START
    try:
        import shap
    except ModuleNotFoundError as error:
        if error.name != "shap":
            raise
        return NEEDS_SHAP
    trees = _boosted_trees(model) if hasattr(model, "init_") else model
    explainer = shap.TreeExplainer(trees, feature_perturbation="tree_path_dependent")
    values = explainer.shap_values(given.matrix(), check_additivity=False)
    parts = np.asarray(values).reshape(len(given.names), -1).T
    bases = np.asarray(explainer.expected_value, dtype=np.float64).reshape(-1)
    of, scores = _scores(model, given)
    return Attribution(of, bases, parts, scores)


def _scores(model: Any, given: Given) -> tuple[tuple[str, ...], Array]:
    """What the model itself gives for the row, and what that is."""
    row, link = given.for_estimator(model), link_of_sklearn(model)
    if hasattr(model, "decision_function"):
        scores = np.reshape(model.decision_function(row), -1)
        return named_scores(link, len(scores), model.classes_), scores
    if hasattr(model, "predict_proba"):
        return tuple(f"probability of class {label}" for label in model.classes_), model.predict_proba(row)[0]
    return named_scores(link, 1, None), score_of_regression(link, model.predict(row))


def _starts_from_one_value(model: Any) -> bool:
    """Whether gradient boosting starts from the same value for every row, and not from another model's prediction."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    return isinstance(model.init_, str | DummyClassifier | DummyRegressor)


def _boosted_trees(model: Any) -> dict[str, Any]:
    """GradientBoosting as trees that shap takes: by itself it reads those of two classes only."""
    scores = model.estimators_.shape[1]
    trees = [
        _tree(step.tree_, model.learning_rate * np.eye(scores)[place])
        for steps in model.estimators_
        for place, step in enumerate(steps)
    ]
    return {"trees": trees, "base_offset": _start(model), "input_dtype": np.float32}


def _tree(tree: Any, scales: Array) -> dict[str, Array]:
    """One tree; its values in the column of the score that it adds to."""
    return {
        "children_left": tree.children_left,
        "children_right": tree.children_right,
        "children_default": tree.children_left,  # for nulls, which GradientBoosting does not take
        "features": tree.feature,
        "thresholds": tree.threshold,
        "values": tree.value[:, 0, :1] * scales,
        "node_sample_weight": tree.weighted_n_node_samples,
    }


def _start(model: Any) -> Array:
    """The raw scores before the first tree, of shape (scores,)."""
    scores = model.estimators_.shape[1]
    if isinstance(model.init_, str):
        return np.zeros(scores)
    nothing = np.zeros((1, model.n_features_in_))  # what the inputs are makes no difference
    if not hasattr(model, "classes_"):
        return np.asarray(model.init_.predict(nothing), dtype=np.float64).reshape(-1)
    smallest = np.finfo(np.float64).eps  # as scikit-learn has it, for a class of which it starts with none
    shares: Array = np.log(np.clip(model.init_.predict_proba(nothing)[0], smallest, 1 - smallest))
    return shares[1:] - shares[:1] if scores == 1 else shares - shares.mean()
