"""What each input added by scikit-learn's trees adds up to the model's own raw score."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble, tree
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from unit.models.explanations.taking_apart import (
    AT,
    COUNT,
    IS_HIGH,
    KIND,
    NUMBERS,
    VALUE,
    WITH_SHOP,
    log_odds,
    reason,
    told,
)

# shap makes its colours as matplotlib will no longer have it.
pytestmark = pytest.mark.filterwarnings("ignore:The set_:PendingDeprecationWarning:shap")

SEED: dict[str, Any] = {"random_state": 7, "max_depth": 4}
FEW: dict[str, Any] = {"n_estimators": 8, **SEED}
REGRESSORS = [
    tree.DecisionTreeRegressor(**SEED),
    tree.ExtraTreeRegressor(**SEED),
    ensemble.RandomForestRegressor(**FEW),
    ensemble.ExtraTreesRegressor(**FEW),
    ensemble.GradientBoostingRegressor(**FEW),
    ensemble.GradientBoostingRegressor(loss="huber", **FEW),
    ensemble.GradientBoostingRegressor(init="zero", **FEW),
    ensemble.HistGradientBoostingRegressor(max_iter=8, **SEED),
]
FORESTS = [
    tree.DecisionTreeClassifier(**SEED),
    tree.ExtraTreeClassifier(**SEED),
    ensemble.RandomForestClassifier(**FEW),
    ensemble.RandomForestClassifier(class_weight="balanced", **FEW),
    ensemble.ExtraTreesClassifier(**FEW),
]
BOOSTED = [
    ensemble.GradientBoostingClassifier(**FEW),
    ensemble.GradientBoostingClassifier(init="zero", **FEW),
    ensemble.HistGradientBoostingClassifier(max_iter=8, **SEED),
]
PLACES = [0, 1, AT]


def name_of(value: Any) -> str:
    return type(value).__name__


@pytest.mark.parametrize("model", REGRESSORS, ids=name_of)
def test_of_a_regression_they_add_up_to_the_prediction(model: Any) -> None:
    model.fit(NUMBERS, VALUE)
    found = told(model)
    assert found.of == "prediction"
    assert list(found.by_input) == list(NUMBERS)
    assert found.total == pytest.approx(float(model.predict(NUMBERS.iloc[[AT]])[0]), rel=1e-9)
    assert found.largest(1)[0][0] == "amount"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("model", FORESTS, ids=name_of)
def test_of_a_forest_they_add_up_to_the_probability_of_the_likeliest_class(model: Any, place: int) -> None:
    for target in (IS_HIGH, KIND):
        model.fit(NUMBERS, target)
        row = NUMBERS.iloc[[place]]
        found = told(model, place=place)
        assert found.of == f"probability of class {model.predict(row)[0]}"
        assert found.total == pytest.approx(float(model.predict_proba(row).max()), rel=1e-9)


@pytest.mark.parametrize("model", BOOSTED, ids=name_of)
def test_of_two_classes_boosted_trees_add_up_to_the_log_odds(model: Any) -> None:
    model.fit(NUMBERS, IS_HIGH)
    row = NUMBERS.iloc[[AT]]
    found = told(model)
    assert found.of == "log-odds"
    assert found.total == pytest.approx(float(model.decision_function(row)[0]), rel=1e-9)
    assert found.total == pytest.approx(log_odds(float(model.predict_proba(row)[0, 1])), rel=1e-9)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("model", BOOSTED, ids=name_of)
def test_of_many_classes_boosted_trees_speak_of_the_likeliest(model: Any, place: int) -> None:
    model.fit(NUMBERS, KIND)
    row = NUMBERS.iloc[[place]]
    found = told(model, place=place)
    assert found.of == f"score of class {model.predict(row)[0]}"
    assert found.total == pytest.approx(float(model.decision_function(row).max()), rel=1e-9)


def test_an_exponential_loss_gives_a_score_that_is_no_log_odds() -> None:
    model = ensemble.GradientBoostingClassifier(loss="exponential", **FEW).fit(NUMBERS, IS_HIGH)
    found = told(model)
    assert found.of == "score of class 1"
    assert found.total == pytest.approx(float(model.decision_function(NUMBERS.iloc[[AT]])[0]), rel=1e-9)


def test_of_a_regression_of_counts_they_add_up_to_its_logarithm() -> None:
    model = ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=8, **SEED).fit(NUMBERS, COUNT)
    found = told(model)
    assert found.of == "log of the prediction"
    assert np.exp(found.total) == pytest.approx(float(model.predict(NUMBERS.iloc[[AT]])[0]), rel=1e-9)


@pytest.mark.parametrize("model", [REGRESSORS[2], REGRESSORS[-1]], ids=name_of)
def test_nulls_go_the_way_that_the_model_gives_them(model: Any) -> None:
    frame = NUMBERS.copy()
    frame.loc[frame["rank"] < 0.4, "amount"] = np.nan
    model.fit(frame, VALUE)
    place = int(np.argmin(NUMBERS["rank"]))
    assert np.isnan(frame["amount"][place])
    found = told(model, frame, place)
    assert found.total == pytest.approx(float(model.predict(frame.iloc[[place]])[0]), rel=1e-9)


def test_each_share_is_the_shapley_value_along_the_paths_of_the_tree() -> None:
    """By hand, as the average over both orders in which the two inputs become known."""
    frame = pd.DataFrame({"left": [0.0, 0.0, 1.0, 1.0, 1.0], "right": [0.0, 1.0, 0.0, 1.0, 1.0]})
    model = tree.DecisionTreeRegressor(random_state=7).fit(frame, [0.0, 0.0, 6.0, 10.0, 10.0])
    assert model.tree_.feature[0] == 0
    found = told(model, frame, 4)
    base, left_known, right_known, both = 26 / 5, 26 / 3, 2 / 5 * 0 + 3 / 5 * 10, 10.0
    assert found.base == pytest.approx(base)
    assert found.by_input["left"] == pytest.approx(((left_known - base) + (both - right_known)) / 2)
    assert found.by_input["right"] == pytest.approx(((right_known - base) + (both - left_known)) / 2)


def test_at_the_end_of_a_pipeline_they_speak_of_its_columns() -> None:
    steps = make_column_transformer((StandardScaler(), ["amount", "age"]), (OneHotEncoder(), ["shop"]))
    model = make_pipeline(steps, ensemble.RandomForestClassifier(**FEW)).fit(WITH_SHOP, KIND)
    found = told(model, WITH_SHOP)
    assert list(found.by_input) == ["amount", "age", "shop_street", "shop_web"]
    assert found.total == pytest.approx(float(model.predict_proba(WITH_SHOP.iloc[[AT]]).max()), rel=1e-9)


def test_a_model_that_was_trained_without_names_is_asked_without_them() -> None:
    model = ensemble.RandomForestRegressor(**FEW).fit(NUMBERS.to_numpy(), VALUE)
    assert told(model).total == pytest.approx(float(model.predict(NUMBERS.to_numpy()[[AT]])[0]), rel=1e-9)


def test_what_cannot_be_taken_apart_says_why() -> None:
    several = ensemble.RandomForestRegressor(**FEW).fit(NUMBERS, np.column_stack([VALUE, IS_HIGH]))
    assert reason(several) == ("RandomForestRegressor: it predicts several targets, and contributions are of one")
    frame = NUMBERS.assign(shop=(WITH_SHOP["shop"] == "web").astype(int))
    by_categories = ensemble.HistGradientBoostingRegressor(categorical_features=["shop"], max_iter=8, **SEED)
    assert reason(by_categories.fit(frame, VALUE), frame) == (
        "HistGradientBoostingRegressor: shap cannot follow the splits by categories that scikit-learn makes"
    )
    after_another = ensemble.GradientBoostingClassifier(init=LogisticRegression(max_iter=5000), **FEW)
    assert reason(after_another.fit(NUMBERS, IS_HIGH)) == (
        "GradientBoostingClassifier: it starts from the predictions of another model, which cannot be taken apart"
    )
    bagged = ensemble.BaggingRegressor(n_estimators=3, random_state=7).fit(NUMBERS, VALUE)
    assert reason(bagged) == (
        "BaggingRegressor: contributions are known for linear models and trees of LightGBM, XGBoost, CatBoost and "
        "scikit-learn"
    )


@pytest.mark.parametrize("target", [IS_HIGH, KIND], ids=["two", "three"])
def test_a_class_that_boosting_starts_without_counts_as_the_model_counts_it(target: Any) -> None:
    model = ensemble.GradientBoostingClassifier(init=DummyClassifier(strategy="most_frequent"), **FEW)
    model.fit(NUMBERS, target)
    assert told(model).total == pytest.approx(float(model.decision_function(NUMBERS.iloc[[AT]]).max()), rel=1e-9)


def test_without_shap_the_reason_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ensemble.RandomForestRegressor(**FEW).fit(NUMBERS, VALUE)
    monkeypatch.setitem(sys.modules, "shap", None)
    assert reason(model) == (
        "RandomForestRegressor: scikit-learn does not tell what each input added, and shap does: pip install shap, "
        "or lakescore[explain]"
    )
