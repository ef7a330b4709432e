"""How a model's raw score becomes its prediction, by the objective that it was trained for.

Not by the numbers of a row: of a small score, e to its power and its probability are the same within any tolerance.
"""

from __future__ import annotations

import json
from typing import Any, Literal

Link = Literal["identity", "log", "logit"]
"""`identity`: the prediction is the score; `log`: e to the power of it; `logit`: the probability of which it is the
log-odds."""

_LIGHTGBM: dict[str, Link] = {
    **dict.fromkeys(
        ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg"), "identity"
    ),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), "log"),
    **dict.fromkeys(("binary sigmoid:1", "cross_entropy"), "logit"),
}
_XGBOOST: dict[str, Link] = {
    **dict.fromkeys(
        (
            "reg:squarederror",
            "reg:squaredlogerror",
            "reg:pseudohubererror",
            "reg:absoluteerror",
            "reg:quantileerror",
            "rank:ndcg",
            "rank:map",
            "rank:pairwise",
        ),
        "identity",
    ),
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"), "log"),
    **dict.fromkeys(("binary:logistic", "reg:logistic", "binary:logitraw"), "logit"),
}
_CATBOOST: dict[str, Link] = {
    **dict.fromkeys(
        (
            "RMSE",
            "MAE",
            "MAPE",
            "Quantile",
            "Lq",
            "Huber",
            "Expectile",
            "LogCosh",
            "QueryRMSE",
            "YetiRank",
            "PairLogit",
        ),
        "identity",
    ),
    **dict.fromkeys(("Poisson", "Tweedie"), "log"),
    **dict.fromkeys(("Logloss", "CrossEntropy"), "logit"),
}


def link_of_lightgbm(booster: Any) -> Link | None:
    """By the objective that the booster keeps with its trees; None where it is another, or averages its trees."""
    kept = booster.dump_model(num_iteration=1)
    return None if kept["average_output"] else _LIGHTGBM.get(kept.get("objective", ""))


def objective_of_xgboost(booster: Any) -> str:
    """The objective's name in the booster's configuration."""
    return str(json.loads(booster.save_config())["learner"]["objective"]["name"])


def link_of_xgboost(model: Any, booster: Any) -> Link | None:
    """By the booster's configuration, which does not know of a function of one's own: that the wrapper has."""
    return None if callable(getattr(model, "objective", None)) else _XGBOOST.get(objective_of_xgboost(booster))


def loss_of_catboost(model: Any) -> str:
    """The loss function's name, without its parameters."""
    return str(model.get_all_params().get("loss_function")).partition(":")[0]


def link_of_catboost(model: Any) -> Link | None:
    """By the loss function; of counts it is its regressor alone that predicts e to the power of the score."""
    import catboost

    link = _CATBOOST.get(loss_of_catboost(model))
    return "identity" if link == "log" and not isinstance(model, catboost.CatBoostRegressor) else link


def link_of_sklearn(model: Any) -> Link | None:
    """By class and loss of an estimator of scikit-learn; None of others."""
    from sklearn.base import RegressorMixin

    if isinstance(model, RegressorMixin):
        return _link_of_regressor(model)
    return "logit" if _is_logistic(model) else None


def _link_of_regressor(model: Any) -> Link | None:
    from sklearn import ensemble, linear_model

    if isinstance(model, linear_model.TweedieRegressor):
        is_log = model.link == "log" or (model.link == "auto" and model.power > 0)
        return "log" if is_log else "identity"
    if isinstance(model, (linear_model.PoissonRegressor, linear_model.GammaRegressor)):
        return "log"
    if isinstance(model, ensemble.HistGradientBoostingRegressor):
        return "log" if model.loss in ("poisson", "gamma") else "identity"
    return "identity" if type(model).__module__.startswith("sklearn.") else None


def _is_logistic(model: Any) -> bool:
    from sklearn import discriminant_analysis, ensemble, linear_model

    if isinstance(model, linear_model.LogisticRegression):
        return getattr(model, "multi_class", None) != "multinomial"  # of older versions: half the log-odds
    if isinstance(
        model,
        (linear_model.SGDClassifier, ensemble.GradientBoostingClassifier, ensemble.HistGradientBoostingClassifier),
    ):
        return bool(model.loss == "log_loss")
    return isinstance(model, discriminant_analysis.LinearDiscriminantAnalysis)
