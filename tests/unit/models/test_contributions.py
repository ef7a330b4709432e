"""What each input added to a prediction adds up to the model's own raw score."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from pipelines.models.contributions import contributions
from pipelines.models.features import Features

RNG = np.random.default_rng(7)
NUMBERS = pd.DataFrame(
    {"amount": RNG.uniform(0, 500, 300), "age": RNG.normal(40, 9, 300), "rank": RNG.uniform(0, 1, 300)}
)
VALUE = 3 * NUMBERS["amount"] - 20 * NUMBERS["age"] + RNG.normal(0, 30, 300)
IS_HIGH = (VALUE.median() < VALUE).astype(int)
KIND = pd.cut(VALUE, 3, labels=["low", "middle", "high"]).astype(str)
SMALL: dict[str, Any] = {"n_estimators": 15, "random_state": 7}


def row_of(frame: pd.DataFrame, place: int = 17) -> Features:
    return Features.of(pa.Table.from_pandas(frame.iloc[[place]], preserve_index=False))


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


@pytest.mark.parametrize(
    ("model", "scale"),
    [
        (LinearRegression(), "prediction"),
        (LGBMRegressor(verbose=-1, **SMALL), "prediction"),
        (XGBRegressor(**SMALL), "prediction"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_a_regression_they_add_up_to_the_prediction(model: Any, scale: str) -> None:
    model.fit(NUMBERS, VALUE)
    found = contributions(model, row_of(NUMBERS))
    assert found is not None
    assert found.of == scale
    assert set(found.by_input) == set(NUMBERS)
    assert found.total == pytest.approx(float(model.predict(NUMBERS.iloc[[17]])[0]), rel=1e-5)
    assert found.largest(1)[0][0] == "amount"


@pytest.mark.parametrize(
    "model",
    [LogisticRegression(max_iter=5000), LGBMClassifier(verbose=-1, **SMALL), XGBClassifier(**SMALL)],
    ids=lambda value: type(value).__name__,
)
def test_of_two_classes_they_add_up_to_the_log_odds(model: Any) -> None:
    model.fit(NUMBERS, IS_HIGH)
    found = contributions(model, row_of(NUMBERS))
    assert found is not None
    assert found.of == "log-odds"
    assert found.total == pytest.approx(log_odds(float(model.predict_proba(NUMBERS.iloc[[17]])[0, 1])), rel=1e-3)


@pytest.mark.parametrize(
    "model",
    [LogisticRegression(max_iter=9000), LGBMClassifier(verbose=-1, **SMALL)],
    ids=lambda value: type(value).__name__,
)
def test_of_many_classes_they_speak_of_the_likeliest(model: Any) -> None:
    model.fit(NUMBERS, KIND)
    found = contributions(model, row_of(NUMBERS))
    assert found is not None
    assert found.of == f"score of class {model.predict(NUMBERS.iloc[[17]])[0]}"


def test_boosters_that_were_read_from_a_file_tell_what_they_predict() -> None:
    light = LGBMClassifier(verbose=-1, **SMALL).fit(NUMBERS, IS_HIGH).booster_
    extreme = XGBClassifier(**SMALL).fit(NUMBERS, IS_HIGH).get_booster()
    assert [found.of for model in (light, extreme) if (found := contributions(model, row_of(NUMBERS)))] == [
        "log-odds"
    ] * 2


def test_of_a_pipeline_they_speak_of_the_columns_that_its_steps_give() -> None:
    frame = NUMBERS.assign(shop=np.where(NUMBERS["rank"] > 0.5, "web", "street"))
    steps = make_column_transformer((StandardScaler(), ["amount", "age"]), (OneHotEncoder(), ["shop"]))
    model = make_pipeline(steps, LogisticRegression()).fit(frame, IS_HIGH)
    found = contributions(model, row_of(frame))
    assert found is not None
    assert set(found.by_input) == {"amount", "age", "shop_street", "shop_web"}
    assert found.total == pytest.approx(float(model.decision_function(frame.iloc[[17]])[0]))


def test_models_that_do_not_tell_give_nothing() -> None:
    forest = RandomForestRegressor(n_estimators=3, random_state=7).fit(NUMBERS, VALUE)
    assert contributions(forest, row_of(NUMBERS)) is None
    several = LinearRegression().fit(NUMBERS, np.column_stack([VALUE, IS_HIGH]))
    assert contributions(several, row_of(NUMBERS)) is None
