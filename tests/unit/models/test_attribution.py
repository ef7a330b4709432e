"""What a raw score is called follows from the prediction, and sums that are not the score are noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.models.attribution import Attribution, named_scores, score_of_regression


@pytest.mark.parametrize(
    ("score", "predicted", "classes", "expected"),
    [
        (3.0, 3.0, None, "prediction"),
        (-3.0, -3.0, None, "prediction"),
        (2.0, 1 / (1 + np.exp(-2.0)), None, "log-odds"),
        (-800.0, 0.0, ["no", "yes"], "log-odds"),
        (0.7, 0.7, ["no", "yes"], "score of class yes"),
        (2.0, np.nan, ["no", "yes"], "score of class yes"),
        (2.0, np.exp(2.0), None, "log of the prediction"),
        (2.0, 20.0, None, "raw score"),
        (2.0, -1.0, None, "raw score"),
    ],
)
def test_one_score_is_called_by_how_the_prediction_follows_from_it(
    score: float, predicted: float, classes: Any, expected: str
) -> None:
    assert named_scores(np.array([score]), np.array([predicted]), classes) == (expected,)


def test_several_scores_are_those_of_classes_or_of_targets() -> None:
    scores = np.array([1.0, 2.0])
    assert named_scores(scores, scores, ["a", "b"]) == ("score of class a", "score of class b")
    assert named_scores(scores, scores, None) == ()


def test_sums_that_are_not_the_models_score_are_noticed() -> None:
    bases, parts = np.array([1.0]), np.array([[2.0, -0.5]])
    assert Attribution(("prediction",), bases, parts, np.array([2.5])).is_exact
    assert Attribution(("prediction",), bases, parts, np.array([2.5002])).is_exact  # 32 bits
    assert not Attribution(("prediction",), bases, parts, np.array([2.51])).is_exact
    assert not Attribution(("prediction",), bases, parts, np.array([np.nan])).is_exact
    assert not Attribution(("prediction",), bases, parts, np.array([2.5, 2.5])).is_exact


def test_the_score_of_a_regression_is_the_logarithm_where_the_sums_are_that() -> None:
    assert score_of_regression(np.array([2.0]), np.array([np.exp(2.0)])) == pytest.approx([2.0])
    assert score_of_regression(np.array([2.0]), np.array([3.0])) == pytest.approx([3.0])
    assert score_of_regression(np.array([2.0]), np.array([-3.0])) == pytest.approx([-3.0])
