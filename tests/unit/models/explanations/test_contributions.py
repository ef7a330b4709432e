"""What each input added to a prediction adds up to the model's own raw score: linear models, pipelines, and others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMRegressor
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from unit.models.explanations.taking_apart import (
    AT,
    COUNT,
    IS_HIGH,
    KIND,
    NUMBERS,
    SMALL,
    VALUE,
    WITH_SHOP,
    log_odds,
    reason,
    told,
)


def test_of_a_regression_they_add_up_to_the_prediction() -> None:
    model = LinearRegression().fit(NUMBERS, VALUE)
    found = told(model)
    assert found.of == "prediction"
    assert set(found.by_input) == set(NUMBERS)
    assert found.total == pytest.approx(float(model.predict(NUMBERS.iloc[[AT]])[0]))
    assert found.largest(1)[0][0] == "amount"


def test_of_a_regression_of_counts_they_add_up_to_its_logarithm() -> None:
    model = make_pipeline(StandardScaler(), PoissonRegressor()).fit(NUMBERS, COUNT)
    found = told(model)
    assert found.of == "log of the prediction"
    assert np.exp(found.total) == pytest.approx(float(model.predict(NUMBERS.iloc[[AT]])[0]))


def test_of_two_classes_they_add_up_to_the_log_odds() -> None:
    model = LogisticRegression(max_iter=5000).fit(NUMBERS, IS_HIGH)
    found = told(model)
    assert found.of == "log-odds"
    assert found.total == pytest.approx(log_odds(float(model.predict_proba(NUMBERS.iloc[[AT]])[0, 1])))


def test_a_score_from_which_no_probability_follows_is_not_called_log_odds() -> None:
    model = make_pipeline(StandardScaler(), LinearSVC()).fit(NUMBERS, IS_HIGH)
    found = told(model)
    assert found.of == "score of class 1"
    assert found.total == pytest.approx(float(model.decision_function(NUMBERS.iloc[[AT]])[0]))


def test_of_many_classes_they_speak_of_the_likeliest() -> None:
    model = LogisticRegression(max_iter=9000).fit(NUMBERS, KIND)
    found = told(model)
    assert found.of == f"score of class {model.predict(NUMBERS.iloc[[AT]])[0]}"
    assert found.total == pytest.approx(float(model.decision_function(NUMBERS.iloc[[AT]]).max()))


def test_of_a_pipeline_they_speak_of_the_columns_that_its_steps_give() -> None:
    steps = make_column_transformer((StandardScaler(), ["amount", "age"]), (OneHotEncoder(), ["shop"]))
    model = make_pipeline(steps, LogisticRegression()).fit(WITH_SHOP, IS_HIGH)
    found = told(model, WITH_SHOP)
    assert set(found.by_input) == {"amount", "age", "shop_street", "shop_web"}
    assert found.total == pytest.approx(float(model.decision_function(WITH_SHOP.iloc[[AT]])[0]))


@pytest.mark.parametrize(
    "last", [LinearRegression(), LGBMRegressor(verbose=-1, **SMALL)], ids=lambda it: type(it).__name__
)
def test_of_a_pipeline_in_a_pipeline_they_are_those_of_its_end(last: Any) -> None:
    inner = make_pipeline(StandardScaler().set_output(transform="pandas"), last)
    model = make_pipeline("passthrough", inner).fit(NUMBERS, VALUE)
    found = told(model)
    assert list(found.by_input) == list(NUMBERS)
    assert found.total == pytest.approx(float(model.predict(NUMBERS.iloc[[AT]])[0]))


RAIN = NUMBERS.rename(columns={"amount": "rain__mm", "age": "snow__mm", "rank": "num__rank"})


def test_underscores_of_a_columns_own_name_stay() -> None:
    scaled = make_pipeline(StandardScaler(), LinearRegression()).fit(RAIN, VALUE)
    assert list(told(scaled, RAIN).by_input) == ["rain__mm", "snow__mm", "num__rank"]
    quiet = ColumnTransformer([("num", StandardScaler(), list(RAIN))], verbose_feature_names_out=False)
    assert list(told(make_pipeline(quiet, LinearRegression()).fit(RAIN, VALUE), RAIN).by_input) == list(RAIN)


def test_the_names_of_transformers_in_transformers_go() -> None:
    inner = ColumnTransformer([("snow", StandardScaler(), ["snow__mm"])], remainder="passthrough")
    both = ColumnTransformer([("num", inner, ["rain__mm", "snow__mm"])], remainder="passthrough")
    frame = make_pipeline(both, StandardScaler()).set_output(transform="pandas")
    model = make_pipeline(frame, LinearRegression()).fit(RAIN, VALUE)
    assert set(told(model, RAIN).by_input) == {"rain__mm", "snow__mm", "num__rank"}


def test_a_column_that_went_two_ways_is_told_with_both() -> None:
    ways = FeatureUnion([("plain", "passthrough"), ("scaled", StandardScaler())])
    model = make_pipeline(ways, Ridge()).fit(NUMBERS[["rank"]], VALUE)
    assert list(told(model, NUMBERS[["rank"]]).by_input) == ["plain__rank", "scaled__rank"]


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1.0, 2.0]}, cv=2),
        RandomizedSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, n_iter=1, cv=2, random_state=7),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_a_search_over_parameters_they_are_those_of_the_best(search: Any) -> None:
    search.fit(NUMBERS, VALUE)
    found = told(search)
    assert (found.of, list(found.by_input)) == ("prediction", list(NUMBERS))
    assert found.total == pytest.approx(float(search.predict(NUMBERS.iloc[[AT]])[0]))


def test_models_that_do_not_tell_say_why_with_their_class() -> None:
    several = LinearRegression().fit(NUMBERS, np.column_stack([VALUE, IS_HIGH]))
    assert reason(several) == "LinearRegression: it predicts several targets, and contributions are of one"
    near = KNeighborsRegressor().fit(NUMBERS, VALUE)
    assert reason(near) == (
        "KNeighborsRegressor: contributions are known for linear models and trees of LightGBM, XGBoost, CatBoost and "
        "scikit-learn"
    )
    pairs = make_pipeline(StandardScaler(), SVC(kernel="linear")).fit(NUMBERS, KIND)
    assert reason(pairs).startswith("SVC: they add up to [")
