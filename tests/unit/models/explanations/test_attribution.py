"""What a raw score is called follows from the objective, and sums that are not the score are noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.models.explanations.attribution import Attribution, named_scores, score_of_regression
from pipelines.models.explanations.links import Link


@pytest.mark.parametrize(
    ("link", "classes", "expected"),
    [
        ("identity", None, "prediction"),
        ("log", None, "log of the prediction"),
        ("logit", None, "log-odds"),
        ("logit", ["no", "yes"], "log-odds"),
        (None, ["no", "yes"], "score of class yes"),
        (None, None, "raw score"),
    ],
)
def test_one_score_is_called_by_how_the_prediction_follows_from_it(
    link: Link | None, classes: Any, expected: str
) -> None:
    assert named_scores(link, 1, classes) == (expected,)


def test_several_scores_are_those_of_classes_or_of_targets() -> None:
    assert named_scores(None, 2, ["a", "b"]) == ("score of class a", "score of class b")
    assert named_scores("identity", 2, None) == ()


def test_sums_that_are_not_the_models_score_are_noticed() -> None:
    bases, parts = np.array([1.0]), np.array([[2.0, -0.5]])
    assert Attribution(("prediction",), bases, parts, np.array([2.5])).is_exact
    assert Attribution(("prediction",), bases, parts, np.array([2.5002])).is_exact  # 32 bits
    assert not Attribution(("prediction",), bases, parts, np.array([2.51])).is_exact
    assert not Attribution(("prediction",), bases, parts, np.array([np.nan])).is_exact
    assert not Attribution(("prediction",), bases, parts, np.array([2.5, 2.5])).is_exact


def test_the_score_of_a_regression_is_the_logarithm_where_its_link_is_that() -> None:
    assert score_of_regression("log", np.array([np.exp(2.0)])) == pytest.approx([2.0])
    assert score_of_regression("log", np.array([0.0])) == -np.inf
    assert score_of_regression("identity", np.array([np.exp(2.0)])) == pytest.approx([np.exp(2.0)])
    assert score_of_regression(None, np.array([[-3.0]])) == pytest.approx([-3.0])
