"""What each input added by the boosting libraries adds up to the model's own raw score."""

from __future__ import annotations

from typing import Any

import catboost
import numpy as np
import pandas as pd
import pytest
import xgboost
from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from xgboost import XGBClassifier, XGBRegressor

from unit.models.explanations.taking_apart import (
    AT,
    COUNT,
    IS_HIGH,
    KIND,
    NUMBERS,
    PLACE,
    SMALL,
    VALUE,
    WEB_IS_HIGH,
    WITH_CATEGORIES,
    WITH_SHOP,
    log_odds,
    reason,
    told,
)

LIGHT = {"verbose": -1, **SMALL}
CAT = {"n_estimators": 15, "random_seed": 7, "verbose": 0, "allow_writing_files": False}
TWO_TARGETS = np.column_stack([IS_HIGH, NUMBERS["rank"] > 0.5]).astype(int)


@pytest.mark.parametrize(
    "model",
    [LGBMRegressor(**LIGHT), XGBRegressor(**SMALL), CatBoostRegressor(**CAT)],
    ids=lambda value: type(value).__name__,
)
def test_of_a_regression_they_add_up_to_the_prediction(model: Any) -> None:
    model.fit(NUMBERS, VALUE)
    found = told(model)
    assert found.of == "prediction"
    assert set(found.by_input) == set(NUMBERS)
    assert found.total == pytest.approx(float(model.predict(NUMBERS.iloc[[AT]])[0]), rel=1e-6)
    assert found.largest(1)[0][0] == "amount"


@pytest.mark.parametrize(
    "model",
    [
        LGBMRegressor(objective="poisson", **LIGHT),
        XGBRegressor(objective="count:poisson", **SMALL),
        CatBoostRegressor(loss_function="Poisson", **CAT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_a_regression_of_counts_they_add_up_to_its_logarithm(model: Any) -> None:
    model.fit(NUMBERS, COUNT)
    raw = {"prediction_type": "Exponent"} if isinstance(model, CatBoost) else {}
    found = told(model)
    assert found.of == "log of the prediction"
    expected = float(model.predict(NUMBERS.iloc[[AT]], **raw)[0])
    assert np.exp(found.total) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "model",
    [LGBMClassifier(**LIGHT), XGBClassifier(**SMALL), CatBoostClassifier(**CAT)],
    ids=lambda value: type(value).__name__,
)
def test_of_two_classes_they_add_up_to_the_log_odds(model: Any) -> None:
    model.fit(NUMBERS, IS_HIGH)
    found = told(model)
    assert found.of == "log-odds"
    assert found.total == pytest.approx(log_odds(float(model.predict_proba(NUMBERS.iloc[[AT]])[0, 1])), rel=1e-5)


@pytest.mark.parametrize(
    ("model", "target"),
    [
        (LGBMClassifier(**LIGHT), KIND),
        (XGBClassifier(**SMALL), PLACE),
        (CatBoostClassifier(**CAT), KIND),
        (CatBoostClassifier(loss_function="MultiClassOneVsAll", **CAT), KIND),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("place", [0, 1, AT])
def test_of_many_classes_they_speak_of_the_likeliest(model: Any, target: pd.Series, place: int) -> None:
    model.fit(NUMBERS, target)
    row = NUMBERS.iloc[[place]]
    found = told(model, place=place)
    assert found.of == f"score of class {np.ravel(model.predict(row))[0]}"
    assert found.total == pytest.approx(_raw_scores(model, row).max(), rel=1e-6)


def _raw_scores(model: Any, row: pd.DataFrame) -> Any:
    if isinstance(model, LGBMClassifier):
        return model.predict(row, raw_score=True)
    if isinstance(model, XGBClassifier):
        return model.predict(row, output_margin=True)
    return model.predict(row, prediction_type="RawFormulaVal")


def test_they_are_those_that_lightgbm_itself_gives() -> None:
    model = LGBMClassifier(**LIGHT).fit(NUMBERS, IS_HIGH)
    expected = model.predict(NUMBERS.iloc[[AT]], pred_contrib=True)[0]
    found = told(model)
    assert [*found.by_input.values(), found.base] == pytest.approx(list(expected))


def test_boosters_that_were_read_from_a_file_tell_what_they_predict() -> None:
    light = LGBMClassifier(**LIGHT).fit(NUMBERS, IS_HIGH).booster_
    extreme = XGBClassifier(**SMALL).fit(NUMBERS, IS_HIGH).get_booster()
    plain = CatBoost({"loss_function": "Logloss", **CAT}).fit(NUMBERS, IS_HIGH)
    assert [told(model).of for model in (light, extreme, plain)] == ["log-odds"] * 3
    light_of_many = LGBMClassifier(**LIGHT).fit(NUMBERS, PLACE).booster_
    extreme_of_many = XGBClassifier(**SMALL).fit(NUMBERS, PLACE).get_booster()
    assert [told(model).of for model in (light_of_many, extreme_of_many)] == [f"score of class {PLACE[AT]}"] * 2


def test_of_a_training_that_stopped_early_they_are_of_the_rounds_that_predict() -> None:
    model = XGBClassifier(n_estimators=50, early_stopping_rounds=2, learning_rate=0.9)
    model.fit(NUMBERS, IS_HIGH, eval_set=[(NUMBERS[:50], 1 - IS_HIGH[:50])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    expected = float(model.predict(NUMBERS.iloc[[AT]], output_margin=True)[0])
    assert told(model).total == pytest.approx(expected, rel=1e-6)


def test_a_value_that_xgboost_was_told_to_take_for_missing_is_missing() -> None:
    frame = NUMBERS.mask(NUMBERS["rank"] < 0.3, -1.0)
    model = XGBClassifier(missing=-1.0, **SMALL).fit(frame, IS_HIGH)
    place = int(np.argmin(NUMBERS["rank"]))
    expected = float(model.predict(frame.iloc[[place]], output_margin=True)[0])
    assert told(model, frame, place).total == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("model", [LGBMClassifier(**LIGHT), XGBClassifier(**SMALL), CatBoostClassifier(**CAT)])
def test_nulls_go_the_way_that_the_model_gives_them(model: Any) -> None:
    frame = NUMBERS.copy()
    frame.loc[frame["rank"] < 0.4, "amount"] = np.nan
    model.fit(frame, IS_HIGH)
    place = int(np.argmin(NUMBERS["rank"]))
    assert np.isnan(frame["amount"][place])
    expected = log_odds(float(model.predict_proba(frame.iloc[[place]])[0, 1]))
    assert told(model, frame, place).total == pytest.approx(expected, rel=1e-5)


def test_catboost_tells_of_its_categories_too() -> None:
    model = CatBoostClassifier(cat_features=["shop"], **CAT).fit(WITH_SHOP, WEB_IS_HIGH)
    found = told(model, WITH_SHOP)
    assert found.of == "log-odds"
    assert found.by_input["shop"] != 0
    pool = catboost.Pool(WITH_SHOP.iloc[[AT]], cat_features=["shop"])
    expected = model.get_feature_importance(pool, type="ShapValues")[0]
    assert [*found.by_input.values(), found.base] == pytest.approx(list(expected))
    raw = model.predict(WITH_SHOP.iloc[[AT]], prediction_type="RawFormulaVal")
    assert found.total == pytest.approx(float(raw[0]), rel=1e-6)


@pytest.mark.parametrize(
    "model",
    [LGBMClassifier(min_data_per_group=5, cat_smooth=1, **LIGHT), XGBClassifier(enable_categorical=True, **SMALL)],
    ids=lambda value: type(value).__name__,
)
def test_pandas_categories_are_told_where_a_pipeline_makes_them(model: Any) -> None:
    categories = FunctionTransformer(_with_categories, feature_names_out="one-to-one")
    pipeline = make_pipeline(categories, model).fit(WITH_SHOP, WEB_IS_HIGH)
    found = told(pipeline, WITH_SHOP)
    assert found.by_input["shop"] != 0
    expected = log_odds(float(pipeline.predict_proba(WITH_SHOP.iloc[[AT]])[0, 1]))
    assert found.total == pytest.approx(expected, rel=1e-5)


def _with_categories(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({"shop": pd.CategoricalDtype(["street", "web"])})


def test_categories_as_numbers_are_told_too() -> None:
    frame = NUMBERS.assign(shop=WITH_CATEGORIES["shop"].cat.codes.astype(int))
    model = XGBClassifier(enable_categorical=True, feature_types=["q", "q", "q", "c"], **SMALL).fit(frame, WEB_IS_HIGH)
    assert told(model, frame).total == pytest.approx(
        float(model.predict(frame.iloc[[AT]], output_margin=True)[0]), rel=1e-6
    )
    light = LGBMClassifier(min_data_per_group=5, cat_smooth=1, **LIGHT).fit(
        frame, WEB_IS_HIGH, categorical_feature=["shop"]
    )
    expected = light.predict(frame.iloc[[AT]], pred_contrib=True)[0]
    assert list(told(light, frame).by_input.values()) == pytest.approx(list(expected[:-1]))


def test_pandas_categories_that_the_row_does_not_have_are_the_reason() -> None:
    light = LGBMClassifier(**LIGHT).fit(WITH_CATEGORIES, WEB_IS_HIGH)
    extreme = XGBClassifier(enable_categorical=True, **SMALL).fit(WITH_CATEGORIES, WEB_IS_HIGH)
    expected = "it was trained on pandas' categories, and the row comes with plain values"
    assert reason(light, WITH_SHOP) == f"LGBMClassifier: {expected}"
    assert reason(extreme, WITH_SHOP) == f"XGBClassifier: {expected}"
    numbers = WITH_SHOP.assign(shop=WITH_CATEGORIES["shop"].cat.codes.astype(int) * 10)
    of_numbers = XGBClassifier(enable_categorical=True, **SMALL)
    of_numbers.fit(numbers.astype({"shop": "category"}), WEB_IS_HIGH)
    assert reason(of_numbers, numbers) == f"XGBClassifier: {expected}"


@pytest.mark.parametrize(
    "model",
    [
        XGBRegressor(**SMALL),
        XGBClassifier(**SMALL),
        CatBoostRegressor(loss_function="MultiRMSE", **CAT),
        CatBoostClassifier(loss_function="MultiLogloss", **CAT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_several_targets_none_is_told(model: Any) -> None:
    model.fit(NUMBERS, TWO_TARGETS)
    expected = f"{type(model).__name__}: it predicts several targets, and contributions are of one"
    assert reason(model) == expected


def test_a_booster_of_several_rounds_at_once_adds_up() -> None:
    model = xgboost.XGBRFRegressor(n_estimators=10, random_state=7).fit(NUMBERS, VALUE)
    assert told(model).total == pytest.approx(float(model.predict(NUMBERS.iloc[[AT]])[0]), rel=1e-6)


def test_a_mean_of_trees_says_that_it_is_no_log_odds() -> None:
    model = LGBMClassifier(boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, **LIGHT).fit(NUMBERS, IS_HIGH)
    assert told(model).of == "score of class 1"
