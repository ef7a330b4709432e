"""Contributions as boosting libraries give them: TreeSHAP (Lundberg et al., 2020, doi 10.1038/s42256-019-0138-9)."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.models.explanations.attribution import Attribution, Given, named_scores
from pipelines.models.explanations.links import (
    link_of_catboost,
    link_of_lightgbm,
    link_of_xgboost,
    loss_of_catboost,
    objective_of_xgboost,
)

NEEDS_CATEGORIES = "it was trained on pandas' categories, and the row comes with plain values"


def of_lightgbm(model: Any, given: Given) -> Attribution | str:
    """By LightGBM's `pred_contrib`; else why not."""
    booster = getattr(model, "booster_", model)
    if booster.pandas_categorical and not given.has_categories:
        return NEEDS_CATEGORIES
    rows = given.row if booster.pandas_categorical else given.matrix()
    parts = booster.predict(rows, pred_contrib=True, num_threads=1).reshape(-1, len(given.names) + 1)
    scores = booster.predict(rows, raw_score=True, num_threads=1).reshape(-1)
    classes = getattr(model, "classes_", None if len(scores) == 1 else range(len(scores)))
    of = named_scores(link_of_lightgbm(booster), len(scores), classes)
    return Attribution(of, parts[:, -1], parts[:, :-1], scores)


def of_xgboost(model: Any, given: Given) -> Attribution | str:
    """By XGBoost's `pred_contribs`, over the rounds that the model predicts with; else why not."""
    import xgboost

    is_wrapper = hasattr(model, "get_booster")
    booster = model.get_booster() if is_wrapper else model
    has_categories = "c" in (booster.feature_types or [])
    if has_categories and not given.has_categories and (_knows_categories(booster) or not given.is_numeric):
        return NEEDS_CATEGORIES
    row = given.row if has_categories else given.matrix()
    rows = xgboost.DMatrix(row, missing=getattr(model, "missing", np.nan), enable_categorical=has_categories)
    how = {"iteration_range": _rounds(model), "strict_shape": True, "validate_features": False}
    parts = booster.predict(rows, pred_contribs=True, **how)[0].astype(np.float64)
    margin = model.predict(row, output_margin=True) if is_wrapper else booster.predict(rows, output_margin=True, **how)
    scores = margin.reshape(-1).astype(np.float64)
    classes = getattr(model, "classes_", None)
    if len(scores) > 1:  # of classes, or of several targets, which a classifier may have too
        is_of_classes = objective_of_xgboost(booster).startswith("multi:")
        classes = (range(len(scores)) if classes is None else classes) if is_of_classes else None
    of = named_scores(link_of_xgboost(model, booster), len(scores), classes)
    return Attribution(of, parts[:, -1], parts[:, :-1], scores)


def of_catboost(model: Any, given: Given) -> Attribution | str:
    """By CatBoost's `ShapValues`; categories and texts as the row has them; else why not."""
    import catboost

    special = {
        "cat_features": model.get_cat_feature_indices(),
        "text_features": model.get_text_feature_indices(),
        "embedding_features": model.get_embedding_feature_indices(),
    }
    row = catboost.Pool(given.row, **special) if any(special.values()) else catboost.Pool(given.matrix())
    parts = model.get_feature_importance(row, type="ShapValues", thread_count=1).reshape(-1, len(given.names) + 1)
    scores = model.predict(row, prediction_type="RawFormulaVal", thread_count=1).reshape(-1)
    classes = model.classes_ if len(model.classes_) else None
    if len(scores) > 1 and not loss_of_catboost(model).startswith("MultiClass"):
        classes = None
    of = named_scores(link_of_catboost(model), len(scores), classes)
    return Attribution(of, parts[:, -1], parts[:, :-1], scores)


def _rounds(model: Any) -> tuple[int, int]:
    """XGBoost's wrappers predict with the rounds up to the best, where training stopped early; (0, 0) is all."""
    if not hasattr(model, "get_booster"):
        return 0, 0
    return 0, getattr(model, "best_iteration", -1) + 1


def _knows_categories(booster: Any) -> bool:
    """Whether it keeps the values of the categories that it was trained on, as XGBoost does of pandas' since 3.1."""
    return hasattr(booster, "get_categories") and not booster.get_categories().empty()
