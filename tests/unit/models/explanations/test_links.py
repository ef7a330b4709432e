"""What a raw score is called is decided by the objective, also where the numbers of a row would say something else.

Of -7, -9.3 and -10 the probability and e to the power of it are the same within any tolerance; 0.659 is its own
probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xgboost
from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor
from lightgbm import Booster, LGBMClassifier, LGBMRegressor
from sklearn import ensemble
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    GammaRegressor,
    LogisticRegressionCV,
    PoissonRegressor,
    RidgeClassifier,
    SGDClassifier,
    SGDOneClassSVM,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVR
from xgboost import XGBClassifier, XGBRegressor

from unit.models.explanations.taking_apart import COUNT, IS_HIGH, NUMBERS, SMALL, VALUE, told

# shap makes its colours as matplotlib will no longer have it.
pytestmark = pytest.mark.filterwarnings("ignore:The set_:PendingDeprecationWarning:shap")

SMALL_SCORES = (-7.0, -9.3, -10.0)
ITS_OWN_PROBABILITY = 0.659046068
NEAR = 1 + NUMBERS["rank"] / 100
"""A target about 1: of it, a model that changes little predicts about e to the power of its score."""
LIGHT = {"verbose": -1, "n_jobs": 1, **SMALL}
CAT = {"n_estimators": 15, "random_seed": 7, "verbose": 0, "allow_writing_files": False}
HISTOGRAM = {"max_iter": 8, "random_state": 7}


def squared(true: Any, predicted: Any) -> Any:
    """An objective of one's own."""
    return predicted - true, np.ones_like(predicted)


def small_of_lightgbm(objective: str, score: float) -> Any:
    return LGBMRegressor(objective=objective, **LIGHT).fit(NUMBERS, np.exp(score) * NEAR)


def small_of_xgboost(objective: str, score: float) -> Any:
    target = np.exp(score) * NEAR
    return XGBRegressor(objective=objective, base_score=float(target.mean()), **SMALL).fit(NUMBERS, target)


def small_of_catboost(loss: str, score: float) -> Any:
    model = CatBoostRegressor(loss_function=loss, **CAT).fit(NUMBERS, NEAR)
    model.set_scale_and_bias(1.0, score)  # trained on such a target, it comes near in many more trees
    return model


def small_of_histograms(loss: str, score: float) -> Any:
    return ensemble.HistGradientBoostingRegressor(loss=loss, **HISTOGRAM).fit(NUMBERS, np.exp(score) * NEAR)


def small_of_linear(family: Any, score: float) -> Any:
    return make_pipeline(StandardScaler(), family).fit(NUMBERS, np.exp(score) * NEAR)


@pytest.mark.parametrize("score", SMALL_SCORES)
@pytest.mark.parametrize(
    ("fit", "kind"),
    [
        (small_of_lightgbm, "poisson"),
        (small_of_lightgbm, "gamma"),
        (small_of_lightgbm, "tweedie"),
        (small_of_xgboost, "count:poisson"),
        (small_of_xgboost, "reg:gamma"),
        (small_of_xgboost, "reg:tweedie"),
        (small_of_catboost, "Poisson"),
        (small_of_catboost, "Tweedie:variance_power=1.5"),
        (small_of_histograms, "poisson"),
        (small_of_histograms, "gamma"),
        (small_of_linear, PoissonRegressor(alpha=0)),
        (small_of_linear, GammaRegressor(alpha=0)),
        (small_of_linear, TweedieRegressor(power=1.5, alpha=0)),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__),
)
def test_a_small_prediction_of_a_logarithm_is_not_called_log_odds(fit: Any, kind: Any, score: float) -> None:
    found = told(fit(kind, score))
    assert found.of == "log of the prediction"
    assert found.total == pytest.approx(score, abs=0.2)


def test_the_log_odds_of_a_booster_without_classes_are_not_called_its_prediction() -> None:
    share = ITS_OWN_PROBABILITY
    weights = np.where(IS_HIGH == 1, share / IS_HIGH.sum(), (1 - share) / (1 - IS_HIGH).sum()) * len(IS_HIGH)
    stump: dict[str, Any] = {"n_estimators": 1, "learning_rate": 1e-7, "random_state": 7, "n_jobs": 1}
    light = LGBMClassifier(verbose=-1, **stump).fit(NUMBERS, IS_HIGH, sample_weight=weights).booster_
    extreme = XGBClassifier(base_score=share, **stump).fit(NUMBERS, IS_HIGH, sample_weight=weights).get_booster()
    for booster in (light, extreme):
        found = told(booster)
        assert found.of == "log-odds"
        assert found.total == pytest.approx(share, rel=1e-5)


@pytest.mark.parametrize(
    ("model", "target", "expected"),
    [
        (LGBMRegressor(objective="quantile", **LIGHT), VALUE, "prediction"),
        (LGBMRegressor(objective="cross_entropy", **LIGHT), IS_HIGH, "log-odds"),
        (LGBMRegressor(objective="cross_entropy_lambda", **LIGHT), IS_HIGH, "raw score"),
        (LGBMRegressor(reg_sqrt=True, **LIGHT), COUNT, "raw score"),
        (LGBMRegressor(objective=squared, **LIGHT), VALUE, "raw score"),
        (LGBMClassifier(sigmoid=2.0, **LIGHT), IS_HIGH, "score of class 1"),
        (LGBMRegressor(boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, **LIGHT), VALUE, "raw score"),
        (XGBRegressor(objective="reg:logistic", **SMALL), IS_HIGH, "log-odds"),
        (XGBRegressor(objective="binary:logitraw", **SMALL), IS_HIGH, "log-odds"),
        (XGBClassifier(objective="binary:hinge", **SMALL), IS_HIGH, "score of class 1"),
        (XGBRegressor(objective=squared, **SMALL), VALUE, "raw score"),
        (CatBoostRegressor(loss_function="Quantile:alpha=0.3", **CAT), VALUE, "prediction"),
        (CatBoostRegressor(loss_function="LogLinQuantile", **CAT), COUNT, "raw score"),
        (CatBoost({"loss_function": "Poisson", **CAT}), COUNT, "prediction"),
        (CatBoostClassifier(loss_function="CrossEntropy", **CAT), IS_HIGH, "log-odds"),
        (TweedieRegressor(power=1.5, link="identity"), VALUE - VALUE.min() + 1, "prediction"),
        (TweedieRegressor(power=0), VALUE, "prediction"),
        (LinearSVR(), VALUE, "prediction"),
        (
            LogisticRegressionCV(cv=2, l1_ratios=(0,), use_legacy_attributes=False, scoring="neg_log_loss"),
            IS_HIGH,
            "log-odds",
        ),
        (LinearDiscriminantAnalysis(), IS_HIGH, "log-odds"),
        (SGDClassifier(loss="log_loss", random_state=7), IS_HIGH, "log-odds"),
        (SGDClassifier(loss="modified_huber", random_state=7), IS_HIGH, "score of class 1"),
        (RidgeClassifier(), IS_HIGH, "score of class 1"),
        (ensemble.HistGradientBoostingRegressor(loss="absolute_error", **HISTOGRAM), VALUE, "prediction"),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_what_they_add_up_to_is_told_by_class_and_objective(model: Any, target: Any, expected: str) -> None:
    linear = type(model).__module__.startswith("sklearn.") and hasattr(model, "fit_intercept")
    found = told((make_pipeline(StandardScaler(), model) if linear else model).fit(NUMBERS, target))
    assert found.of == expected


def test_a_score_without_classes_or_regression_is_a_raw_score() -> None:
    model = SGDOneClassSVM(random_state=7).fit(NUMBERS / NUMBERS.max())
    model.intercept_ = -model.offset_
    assert told(model).of == "raw score"


def test_boosters_read_from_text_keep_their_objective() -> None:
    light = LGBMRegressor(objective="poisson", **LIGHT).fit(NUMBERS, COUNT).booster_
    extreme = XGBRegressor(objective="count:poisson", **SMALL).fit(NUMBERS, COUNT).get_booster()
    read = xgboost.Booster()
    read.load_model(bytearray(extreme.save_raw()))
    for booster in (Booster(model_str=light.model_to_string()), read):
        assert told(booster).of == "log of the prediction"
