"""Each result belongs to its row: models that mix rows up are found out on a sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.models.predictors.features import Features
from pipelines.models.predictors.outputs import AlignmentError
from pipelines.models.workers.proofs import ABSOLUTE, RELATIVE, compare, prove_alignment, spread

Numbers = np.ndarray[Any, Any]
NOISE = np.random.default_rng(1)


def drops_the_repeated(values: Numbers) -> Numbers:
    kept = np.unique(values)
    return np.concatenate([kept, np.full(len(values) - len(kept), kept[-1])])


def fails_alone(values: Numbers) -> Numbers:
    if len(values) < 5:
        raise RuntimeError("a batch too small")
    return values


MIXING: dict[str, tuple[Callable[[Numbers], Numbers], str]] = {
    "sorts": (np.sort, "depends on the other rows"),
    "reverses": (lambda values: values[::-1], "depends on the other rows"),
    "shifts": (lambda values: np.roll(values, 1), "depends on the other rows"),
    "drops and fills": (drops_the_repeated, "depends on the other rows"),
    "takes the batch's mean away": (lambda values: values - values.mean(), "depends on the other rows"),
    "ranks": (lambda values: values.argsort().argsort().astype(float), "depends on the other rows"),
    "carries a sum along": (np.cumsum, "depends on the other rows"),
    "looks at the row before": (lambda values: np.maximum(values, np.roll(values, 1)), "depends on the other rows"),
    "is random": (lambda values: values + NOISE.normal(size=len(values)), "not deterministic"),
    "cannot score a row alone": (fails_alone, "raises RuntimeError for rows of it"),
}
HONEST: dict[str, Callable[[Numbers], Numbers]] = {
    "doubles": lambda values: values * 2,
    "says one thing of all": lambda values: np.zeros(len(values)),
    "has no answer for some": lambda values: np.where(values > 0, np.nan, values),
    "computes with 24 bits": lambda values: (values.astype(np.float32) * np.float32(0.1)).astype(float),
}


def predicting(model: Callable[[Numbers], Numbers]) -> Callable[[Features], pa.StructArray]:
    def predict(features: Features) -> pa.StructArray:
        return pa.StructArray.from_arrays([pa.array(model(features.matrix()[:, 0]))], names=["p"])

    return predict


def batch(rows: int = 300) -> Features:
    return Features.of(pa.table({"x": np.random.default_rng(5).normal(size=rows).round(1)}))


@pytest.mark.parametrize("case", MIXING)
def test_a_model_that_mixes_rows_up_is_found_out(case: str) -> None:
    model, told = MIXING[case]
    predict = predicting(model)
    with pytest.raises(AlignmentError, match=told):
        prove_alignment(predict, batch(), predict(batch()))


@pytest.mark.parametrize("case", HONEST)
@pytest.mark.parametrize("rows", [1, 2, 3, 17, 300])
def test_a_model_that_treats_each_row_by_itself_is_believed(case: str, rows: int) -> None:
    predict = predicting(HONEST[case])
    assert prove_alignment(predict, batch(rows), predict(batch(rows))).row is None


def test_the_example_names_the_row_and_both_results() -> None:
    predict = predicting(lambda values: values - values[0])
    with pytest.raises(AlignmentError, match=r"row \d+ of a batch of 300 rows gives \{'p': .*\} with the others, and"):
        prove_alignment(predict, batch(), predict(batch()))


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_the_same_within_the_stated_tolerance(one: float, other: float) -> None:
    same = compare(pa.array([one]), pa.array([other])).row is None
    within = math.isfinite(one - other) and abs(one - other) <= ABSOLUTE + RELATIVE * max(abs(one), abs(other))
    assert same == (one == other or within)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (math.nan, math.nan, True),
        (math.nan, None, False),
        (None, None, True),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (1.0, math.nan, False),
        (0.0, -0.0, True),
        ("a", "a", True),
        ("a", "A", False),
        ([1.0, math.nan], [1.0, math.nan], True),
        ([1.0], [1.0, 2.0], False),
        ([1.0, 2.0], [1.0, 2.1], False),
        ({"p": 0.5, "l": "x"}, {"p": 0.5000001, "l": "x"}, True),
        ({"p": 0.5, "l": "x"}, {"p": 0.5, "l": "y"}, False),
    ],
)
def test_values_of_every_kind_are_compared(one: Any, other: Any, same: bool) -> None:
    assert (compare(pa.array([one]), pa.array([other])).row is None) is same


@given(st.integers(0, 1000), st.integers(1, 50))
def test_a_sample_is_spread_over_all_rows(rows: int, most: int) -> None:
    places = spread(rows, most)
    assert len(places) == min(rows, most) == len(set(places))
    assert places == sorted(places)
    assert all(0 <= place < rows for place in places)
