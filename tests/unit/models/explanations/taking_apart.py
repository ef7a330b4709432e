"""Rows to predict, and how a test asks for what each input added."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.models.explanations.contributions import Contributions, contributions
from pipelines.models.predictors.features import Features

RNG = np.random.default_rng(7)
NUMBERS = pd.DataFrame(
    {"amount": RNG.uniform(0, 500, 300), "age": RNG.normal(40, 9, 300), "rank": RNG.uniform(0, 1, 300)}
)
VALUE = 3 * NUMBERS["amount"] - 20 * NUMBERS["age"] + RNG.normal(0, 30, 300)
COUNT = (VALUE.clip(lower=0) / 100).round()
IS_HIGH = (VALUE.median() < VALUE).astype(int)
KIND = pd.cut(VALUE, 3, labels=["low", "middle", "high"]).astype(str)
PLACE = KIND.map({"low": 0, "middle": 1, "high": 2})
WITH_SHOP = NUMBERS.assign(shop=np.where((NUMBERS["rank"] > 0.4) ^ (NUMBERS["amount"] > 250), "web", "street"))
WITH_CATEGORIES = WITH_SHOP.astype({"shop": "category"})
WEB_IS_HIGH = ((VALUE + 900 * (WITH_SHOP["shop"] == "web")) > VALUE.median()).astype(int)
AT = 17
SMALL: dict[str, Any] = {"n_estimators": 15, "random_state": 7}


def row_of(frame: pd.DataFrame, place: int = AT) -> Features:
    """One row as the worker has it."""
    return Features.of(pa.Table.from_pandas(frame.iloc[[place]], preserve_index=False))


def told(model: Any, frame: pd.DataFrame = NUMBERS, place: int = AT) -> Contributions:
    """What each input added; a reason against it is a failure."""
    found = contributions(model, row_of(frame, place))
    assert isinstance(found, Contributions), found
    return found


def reason(model: Any, frame: pd.DataFrame = NUMBERS) -> str:
    """Why it is not told; contributions are a failure."""
    found = contributions(model, row_of(frame))
    assert isinstance(found, str), found
    return found


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))
